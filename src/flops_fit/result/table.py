"""The compute-optimal table in Markdown, no number without its interval and its caveats."""

from collections.abc import Sequence

from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.prediction import Doubt, Prediction, general_caveats, worded


def format_table(law: ScalingLaw, predictions: Sequence[Prediction], *, caveats: bool = True) -> str:
    """Lay predictions out as a Markdown table that also reads well in a terminal.

    Without `caveats`, what is doubtful about the whole law is left to be said below.
    """
    general = general_caveats(law) if caveats else ()
    notes = _notes(predictions)
    kinds = list(notes)
    data, loss = f"D ({law.unit}s)", f"L ({numbers.unit(law.loss_unit)})"
    header = ("C (FLOPs)", "N", "N, 95%", data, "D, 95%", "D/N", loss, "L, 95%", "notes")
    marks = [
        " ".join(f"[{i}]" for i in sorted(kinds.index(_kind(d)) + 1 for d in p.doubts)) for p in predictions
    ]
    rows = [(*_cells(p), mark) for p, mark in zip(predictions, marks, strict=True)]
    lines = [*banners(law), *aligned([header, *rows])]
    lines += [""] if notes or general else []
    lines += [f"[{i}] {worded(doubts)}" for i, doubts in enumerate(notes.values(), 1)]
    lines += [f"[{i}] All rows: {note}" for i, note in enumerate(general, len(notes) + 1)]
    return "\n".join(lines)


def banners(law: ScalingLaw) -> list[str]:
    """Return the lines that must stand above any number of this law; a blank line ends them."""
    lines = ["SIMULATED losses: nothing here was trained."] if law.points.simulated else []
    if law.status == "unreliable":
        reasons = " ".join(f.message for f in law.findings if f.severity == "error")
        lines.append(f"UNRELIABLE: {reasons}")
    return [*lines, ""] if lines else []


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Pad the columns and rule off the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    header, *body = (f"| {' | '.join(cells)} |" for cells in padded)
    return [header, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *body]


def _notes(predictions: Sequence[Prediction]) -> dict[tuple[str, str], list[Doubt]]:
    """Group the doubts of all rows that differ in their number only, in order of appearance."""
    notes: dict[tuple[str, str], list[Doubt]] = {}
    for doubt in (doubt for p in predictions for doubt in p.doubts):
        notes.setdefault(_kind(doubt), []).append(doubt)
    return notes


def _kind(doubt: Doubt) -> tuple[str, str]:
    return doubt.before, doubt.after


def _cells(p: Prediction) -> tuple[str, ...]:
    return (
        numbers.compute(p.flops),
        numbers.count(p.n_params),
        numbers.count_range(p.n_params_interval),
        numbers.count(p.n_units),
        numbers.count_range(p.n_units_interval),
        numbers.ratio(p.n_units / p.n_params),
        numbers.loss(p.loss),
        numbers.loss_range(p.loss_interval),
    )
