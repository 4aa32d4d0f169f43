"""Tables that can be read and hardly hold what they seem to: swapped, in millions, no means."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from flops_fit.design.grid import Finding
from flops_fit.errors import argument, text_argument
from flops_fit.runs.cells import number_in
from flops_fit.runs.columns import NEEDED, Columns
from flops_fit.runs.guesses import likely, part_of_model, step_counter
from flops_fit.runs.markers import Scale, scale_of, sounds_like_perplexity
from flops_fit.runs.rows import Row

_RATIOS = (1e-3, 1e6)
"""D/N of real runs: images per parameter of a large model, tokens per parameter of a tiny one."""
_LOW_RATIO = 0.1
"""Below it D may be right, as of sentences or images, or N and D may be swapped."""
_LEAST = {"n_params": 10.0, "n_units": 1000.0}
"""What a middle run has, at least."""
_NOT_SCALED = 1e5
"""Numbers from here on are in no scale, whatever the name of their column says."""
_LARGEST_LOSS = 12.5
"""Nats per unit: a uniform guess among 256 000 tokens, as many as the vocabularies in use have at most."""


def strange_findings(columns: Columns, rows: Sequence[Row], wanted: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return `swapped-columns`, `part-of-model`, `odd-sizes`, `odd-ratio`, `large-losses`: those that apply.

    `wanted` is what was said of columns, which some actions repeat.
    """
    sizes, ratio = tuple(_odd_sizes(columns, rows, wanted)), tuple(_odd_ratio(columns, rows, wanted))
    if sizes:  # numbers in another scale explain a ratio that is merely low
        ratio = tuple(finding for finding in ratio if finding.severity != "info")
    return (*_swapped(columns), *_part(columns, wanted), *sizes, *ratio, *_large_losses(columns, rows))


def _swapped(columns: Columns) -> Iterator[Finding]:
    size, data = columns.called("n_params"), columns.called("n_units")
    if not (likely("n_units", [size]) and likely("n_params", [data])) or likely("n_params", [size]):
        return
    yield Finding(
        code="swapped-columns",
        severity="warning",
        message=f"N is read from column {size!r} and D from {data!r}, which sound like the other way round.",
        action=f"if so, say {text_argument('columns', {'N': data, 'D': size})}",
    )


def _part(columns: Columns, wanted: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding where N is called like a part of the models and other columns hold more of them."""
    size = columns.called("n_params")
    others = [name for name in columns.own if "param" in name.lower() and name != size]
    if not part_of_model(size) or not others:
        return
    said = {key: name for key, name in wanted.items() if key != "n_params"}
    whole = likely("n_params", others)
    yield Finding(
        code="part-of-model",
        severity="warning",
        message=f"N is read from column {size!r}, which sounds like one part of each model only.",
        action=f"if so, say {text_argument('columns', {**said, 'N': whole})}"
        if whole
        else f"if so, add a column with the parameters of whole models; the table has {', '.join(others)}",
    )


class _Odd(NamedTuple):
    """Why the numbers taken for N or D are hardly single parameters or units."""

    message: str
    value: float
    threshold: float
    symbol: str
    column: str
    scale: Scale | None
    """What the name of the column says that they are in."""


def _odd_sizes(columns: Columns, rows: Sequence[Row], wanted: Mapping[str, str]) -> Iterator[Finding]:
    odd = [found for name in _LEAST if (found := _odd(columns, rows, name))]
    if not odd:
        return
    factors = {found.symbol: f"{found.column}*{found.scale.factor}" for found in odd if found.scale}
    multiply = f": {text_argument('columns', {**wanted, **factors})}"
    yield Finding(
        code="odd-sizes",
        severity="error" if factors else "warning",  # name and numbers agree: answers are off by the factor
        message=" ".join(found.message for found in odd),
        action=f"give N in parameters and D in single tokens or samples{multiply if factors else ''}",
        value=odd[0].value,
        threshold=odd[0].threshold,
    )


def _odd(columns: Columns, rows: Sequence[Row], name: str) -> _Odd | None:
    found = [value for value in _numbers(columns, rows, name) if value]
    if not found or (middle := median(found)) >= _NOT_SCALED:
        return None
    column, lead = columns.called(name), f"{NEEDED[name]} is {middle:.3g} in the middle run"
    if scale := scale_of(column):
        message = f"{lead}, and its column {column!r} sounds like {scale.word}."
        return _Odd(message, middle, _NOT_SCALED, NEEDED[name], column, scale)
    if middle < (least := _LEAST[name]):
        return _Odd(
            f"{lead}, as if it were in millions or billions.", middle, least, NEEDED[name], column, None
        )
    return None


def _odd_ratio(columns: Columns, rows: Sequence[Row], wanted: Mapping[str, str]) -> Iterator[Finding]:
    pairs = zip(_numbers(columns, rows, "n_params"), _numbers(columns, rows, "n_units"), strict=True)
    ratios = [units / size for size, units in pairs if size and units]
    if step_counter([columns.called("n_units")]):  # `steps-as-data` says why D is low
        return
    if not ratios or _LOW_RATIO <= (middle := median(ratios)) <= _RATIOS[1]:
        return
    if _RATIOS[0] <= middle < 1:
        yield from _low_ratio(columns, middle)
        return
    small = "N" if middle > 1 else "D"  # the one that looks as if it were in millions
    scaled = {small: f"{columns.called('n_params' if small == 'N' else 'n_units')}*1e6"}
    yield Finding(
        code="odd-ratio",
        severity="warning",
        message=f"D is {middle:.3g} times N in the middle run, as hardly any model is trained.",
        action=f"if {small} is in millions, say {text_argument('columns', {**wanted, **scaled})}; see also "
        "whether N and D are swapped",
        value=middle,
        threshold=_RATIOS[0] if middle < 1 else _RATIOS[1],
    )


def _low_ratio(columns: Columns, ratio: float) -> Iterator[Finding]:
    size, data = columns.called("n_params"), columns.called("n_units")
    yield Finding(
        code="odd-ratio",
        severity="info",
        message=f"D is {ratio:.3g} times N in the middle run, fewer than one unit for ten parameters.",
        action=f"if N and D are swapped, say {text_argument('columns', {'N': data, 'D': size})}; "
        "if D counts large units, e.g. images or sentences, nothing",
        value=ratio,
        threshold=_LOW_RATIO,
    )


def _large_losses(columns: Columns, rows: Sequence[Row]) -> Iterator[Finding]:
    if sounds_like_perplexity(name := columns.called("loss")):
        yield _perplexity(name)
        return
    losses = [loss for loss in _numbers(columns, rows, "loss") if loss]
    if not losses or (middle := median(losses)) <= _LARGEST_LOSS:
        return
    yield Finding(
        code="large-losses",
        severity="info",
        message=f"Losses are about {middle:.3g}, more than a uniform guess among 256,000 tokens in nats.",
        action="divide sums by the units of a batch, and take the logarithm of perplexities; "
        f"of another loss, say what it is: {argument('loss_unit')}",
        value=middle,
        threshold=_LARGEST_LOSS,
    )


def _perplexity(name: str) -> Finding:
    return Finding(
        code="large-losses",
        severity="warning",
        message=f"The loss is read from column {name!r}, which sounds like a perplexity.",
        action="if it is one, add a column with its natural logarithm, which is in nats, and take that for "
        "the loss",
    )


def _numbers(columns: Columns, rows: Sequence[Row], name: str) -> list[float | None]:
    return [number_in(name, columns.cell(row.cells, name)) for row in rows]
