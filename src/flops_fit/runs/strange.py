"""Tables that can be read and hardly hold what they seem to: swapped, in millions, copied, no means."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from flops_fit.design.grid import Finding
from flops_fit.errors import argument, text_argument
from flops_fit.runs.cells import number
from flops_fit.runs.columns import Columns
from flops_fit.runs.guesses import likely
from flops_fit.runs.rows import Row

_RATIOS = (1e-3, 1e6)
"""D/N of real runs: images per parameter of a large model, tokens per parameter of a tiny one."""
_LEAST_SIZE = 10.0
"""Parameters of a model, at least."""
_LARGEST_LOSS = 12.5
"""Nats per unit: a uniform guess among 256 000 tokens, as many as the vocabularies in use have at most."""
_TELL_APART = ("n_params", "n_units", "flops", "seed", "loss")
"""What two runs do not have in common to the last digit."""


def strange_findings(columns: Columns, rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return `swapped-columns`, `odd-sizes`, `odd-ratio`, `large-losses`, `copied-rows`: those that apply."""
    odd = (*_odd_sizes(columns, rows), *_odd_ratio(columns, rows))
    return (*_swapped(columns), *odd, *_large_losses(columns, rows), *_copied(columns, rows))


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


def _odd_sizes(columns: Columns, rows: Sequence[Row]) -> Iterator[Finding]:
    sizes = [size for size in _numbers(columns, rows, "n_params") if size]
    if not sizes or (middle := median(sizes)) >= _LEAST_SIZE:
        return
    yield Finding(
        code="odd-sizes",
        severity="warning",
        message=f"N is {middle:.3g} in the middle run, as if it were in millions or billions.",
        action="give N in parameters and D in single tokens or samples",
        value=middle,
        threshold=_LEAST_SIZE,
    )


def _odd_ratio(columns: Columns, rows: Sequence[Row]) -> Iterator[Finding]:
    pairs = zip(_numbers(columns, rows, "n_params"), _numbers(columns, rows, "n_units"), strict=True)
    ratios = [units / size for size, units in pairs if size and units]
    if not ratios or _RATIOS[0] <= (middle := median(ratios)) <= _RATIOS[1]:
        return
    yield Finding(
        code="odd-ratio",
        severity="warning",
        message=f"D is {middle:.3g} times N in the middle run, as hardly any model is trained.",
        action="give N in parameters and D in single tokens or samples, neither in millions, nor swapped",
        value=middle,
        threshold=_RATIOS[0] if middle < 1 else _RATIOS[1],
    )


def _large_losses(columns: Columns, rows: Sequence[Row]) -> Iterator[Finding]:
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


def _copied(columns: Columns, rows: Sequence[Row]) -> Iterator[Finding]:
    told = Counter(tuple(columns.cell(row.cells, name).strip() for name in _TELL_APART) for row in rows)
    copies = sum(count - 1 for cells, count in told.items() if number(cells[-1]) is not None)
    if copies:
        yield Finding(
            code="copied-rows",
            severity="info",
            message=f"{copies} of {len(rows)} rows repeat another row, to the last digit of its loss.",
            action="leave copies out: they tell nothing more; if runs differ, give more digits of the loss",
            value=copies,
            threshold=0,
        )


def _numbers(columns: Columns, rows: Sequence[Row], name: str) -> list[float | None]:
    return [number(columns.cell(row.cells, name)) for row in rows]
