"""What the report holds, in the order in which it is read."""

from collections.abc import Sequence
from pathlib import Path

from flops_fit.errors import unwritable
from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.fit.hindsight import hindsight_of
from flops_fit.result.checklist import checklist_of
from flops_fit.result.curve import curve_table
from flops_fit.result.describe import about_fit, rivals_rows
from flops_fit.result.plots.backtest import held_by
from flops_fit.result.prediction import Prediction
from flops_fit.result.report.origins import citation, cost_of, origins_of
from flops_fit.result.report.pictures import pictures_of
from flops_fit.result.report.sweep import read_kept
from flops_fit.result.report.verdict import answer_of, verdict_of
from flops_fit.result.tables import chinchilla_table
from flops_fit.result.templates import render


def write_report(
    law: ScalingLaw, predictions: Sequence[Prediction], path: str | Path, *, sweep: str | Path | None = None
) -> Path:
    """Write the report of `report_html` to a file, and return where.

    Raises:
        StoreError: `unwritable-file`, or the sweep's directory cannot be read.
    """
    target = Path(path)
    page = report_html(law, predictions, sweep=sweep)
    part = target.with_name(f"{target.name}.part")  # a killed process leaves the old report or the new one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page, encoding="utf-8")
        return part.replace(target)
    except OSError as error:
        raise unwritable(target, error) from None


def report_html(
    law: ScalingLaw, predictions: Sequence[Prediction], *, sweep: str | Path | None = None
) -> str:
    """Return the report as HTML.

    Args:
        law: What to report on.
        predictions: What the table holds, the last of them answered first; none for a curve.
        sweep: Directory of the sweep that the law was fitted to, which knows what it cost and its spec.

    Raises:
        StoreError: the sweep's directory cannot be read.
    """
    kept = read_kept(sweep, law)
    asked = predictions[-1] if predictions else None
    answer = answer_of(law, asked)
    curve = law.headline if isinstance(law.headline, CurveLaw) else None
    return render(
        "report.html",
        law=law,
        verdict=verdict_of(law, doubts=answer.doubts, checked=_checked(law)),
        answer=answer,
        table=curve_table(law, curve, caveats=False)
        if curve
        else chinchilla_table(law, predictions, caveats=False),
        pictures=pictures_of(law, kept),
        about_fit=_sentences(about_fit(law)),
        rivals=rivals_rows(law),
        checklist=checklist_of(law),
        cost=cost_of(law, kept, asked),
        origins=origins_of(law),
        spec="" if kept is None else kept.spec,
        citation=citation(law),
    )


def _checked(law: ScalingLaw) -> tuple[str, ...]:
    """Say how often intervals held what upper runs showed; nothing where that could not be tried."""
    looks = hindsight_of(law)
    held = " ".join(held_by(looks))
    return (f"Backtest, upper budgets predicted from lower ones: {held}",) if looks else ()


def _sentences(lines: Sequence[str]) -> list[str]:
    """Put indented lines back to the line that they continue."""
    joined: list[str] = []
    for line in lines:
        if line.startswith(" ") and joined:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
    return joined
