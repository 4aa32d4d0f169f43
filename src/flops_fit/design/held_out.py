"""Whether enough data is held out for a loss to say more than the luck of the draw."""

from collections.abc import Iterator

from flops_fit.components import DataSource
from flops_fit.config.probe import Probe
from flops_fit.config.python_data import PythonData
from flops_fit.design.grid import Finding

FEW_HELD_OUT = 1000
"""Held-out units below which the luck of the draw shows in every loss: its noise falls as 1/sqrt(n)."""


def few_held_out(probe: Probe, source: DataSource) -> Iterator[Finding]:
    """Yield the finding that losses are means over few units, where they are."""
    n_units, unit = probe.n_held_out, probe.data.unit
    if n_units is None or n_units >= FEW_HELD_OUT:
        return
    yield Finding(
        code="few-held-out",
        severity="warning" if n_units < FEW_HELD_OUT / 10 else "info",
        message=f"Every loss is a mean over only {n_units} held-out {unit}{'' if n_units == 1 else 's'}, and "
        "carries the luck of these few: intervals do not know of it.",
        action=f"{_how_many(probe.data.n_units, n_units)}: {_by_what(source)}",
        value=n_units,
        threshold=FEW_HELD_OUT,
    )


def _how_many(n_trained: int | None, n_held_out: int) -> str:
    """Ask for no more than half of what there is."""
    if n_trained is None or n_trained + n_held_out >= 2 * FEW_HELD_OUT:
        return f"hold out {FEW_HELD_OUT} or more"
    return f"get more data, or hold out more of these {n_trained + n_held_out:,}"


def _by_what(source: DataSource) -> str:
    """Name the argument, or the options of the source that say what it evaluates on."""
    if isinstance(source, PythonData):
        return "pass a larger `eval_dataset`"
    named = [name for name in type(source).model_fields if name == "held_out" or name.startswith("eval_")]
    given = [(name, value) for name in named if (value := getattr(source, name)) is not None]
    options = " or ".join(f"data.{name} (now {value})" for name, value in given)
    return f"{f'raise {options}, or ' if options else ''}give {source.label} more data to evaluate on"
