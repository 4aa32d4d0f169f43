"""What flops-fit-gpt offers to flops-fit."""

from collections.abc import Iterable

from flops_fit.components import DataSource, ModelFamily
from flops_fit.hookspecs import hookimpl
from flops_fit_gpt.family import GPT
from flops_fit_gpt.text_files import TextFiles
from flops_fit_gpt.tinystories import TinyStories

flops_fit_api_version = 1


@hookimpl
def flops_fit_models() -> Iterable[type[ModelFamily]]:
    """Offer `gpt`."""
    return [GPT]


@hookimpl
def flops_fit_data() -> Iterable[type[DataSource]]:
    """Offer `text_files` and `tinystories`."""
    return [TextFiles, TinyStories]
