"""What gated-ssm offers to flops-fit."""

from collections.abc import Iterable

from flops_fit.components import FitForm, FlopCounter, ModelFamily
from flops_fit.hookspecs import hookimpl

from gated_ssm.family import GatedSsmFamily
from gated_ssm.flops import GatedSsmFlops
from gated_ssm.form import Droppo

flops_fit_api_version = 1


@hookimpl
def flops_fit_models() -> Iterable[type[ModelFamily]]:
    """Offer `gated_ssm`."""
    return [GatedSsmFamily]


@hookimpl
def flops_fit_flop_counters() -> Iterable[type[FlopCounter]]:
    """Offer `gated_ssm`."""
    return [GatedSsmFlops]


@hookimpl
def flops_fit_fit_forms() -> Iterable[type[FitForm]]:
    """Offer `droppo`."""
    return [Droppo]
