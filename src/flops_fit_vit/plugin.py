"""What flops-fit-vit offers to flops-fit."""

from collections.abc import Iterable

from flops_fit.components import DataSource, ModelFamily
from flops_fit.hookspecs import hookimpl
from flops_fit_vit.family import ViT
from flops_fit_vit.gratings import Gratings

flops_fit_api_version = 1


@hookimpl
def flops_fit_models() -> Iterable[type[ModelFamily]]:
    """Offer `vit`."""
    return [ViT]


@hookimpl
def flops_fit_data() -> Iterable[type[DataSource]]:
    """Offer `gratings`."""
    return [Gratings]
