"""What the core itself offers, through the same hooks as everybody's plugin."""

from collections.abc import Iterable

from flops_fit.builtin.flops import SixND, TracedFlops
from flops_fit.builtin.forms import FORMS
from flops_fit.builtin.losses import CrossEntropy
from flops_fit.builtin.synthetic import SyntheticLanguage
from flops_fit.builtin.text import StdlibText
from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction
from flops_fit.hookspecs import API_VERSION, hookimpl

flops_fit_api_version = API_VERSION


@hookimpl
def flops_fit_data() -> Iterable[type[DataSource]]:
    """Offer `stdlib_text` and `synthetic_language`."""
    return [StdlibText, SyntheticLanguage]


@hookimpl
def flops_fit_losses() -> Iterable[type[LossFunction]]:
    """Offer `cross_entropy`."""
    return [CrossEntropy]


@hookimpl
def flops_fit_flop_counters() -> Iterable[type[FlopCounter]]:
    """Offer `traced` and `6nd`."""
    return [TracedFlops, SixND]


@hookimpl
def flops_fit_fit_forms() -> Iterable[type[FitForm]]:
    """Offer `auto`, `valley` and the loss surfaces, `chinchilla` first among them."""
    return FORMS
