"""What flops-fit-gpt offers to flops-fit."""

from collections.abc import Iterable

from flops_fit.components import ModelFamily
from flops_fit.hookspecs import hookimpl
from flops_fit_gpt.family import GPT

flops_fit_api_version = 1


@hookimpl
def flops_fit_models() -> Iterable[type[ModelFamily]]:
    """Offer `gpt`."""
    return [GPT]
