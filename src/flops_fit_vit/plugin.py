"""What flops-fit-vit offers to flops-fit."""

from collections.abc import Iterable

from flops_fit.components import DataSource, ModelFamily
from flops_fit.hookspecs import hookimpl
from flops_fit_vit.cifar import CIFAR10, CIFAR100
from flops_fit_vit.family import ViT
from flops_fit_vit.gratings import Gratings
from flops_fit_vit.image_folder import ImageFolder

flops_fit_api_version = 1


@hookimpl
def flops_fit_models() -> Iterable[type[ModelFamily]]:
    """Offer `vit`."""
    return [ViT]


@hookimpl
def flops_fit_data() -> Iterable[type[DataSource]]:
    """Offer `cifar10`, `cifar100`, `image_folder` and `gratings`."""
    return [CIFAR10, CIFAR100, ImageFolder, Gratings]
