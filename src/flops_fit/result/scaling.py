"""ScalingResult: asks a scaling law, and keeps its answers honest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from flops_fit.design import Finding
from flops_fit.errors import unwritable
from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.result.answer import answer, timed, with_uncertain_flops
from flops_fit.result.brief import Shown, ShownTable, brief
from flops_fit.result.checklist import ChecklistItem, checklist_of
from flops_fit.result.curve import describe_curve, points_on_curve
from flops_fit.result.describe import describe
from flops_fit.result.machine import compute_of, machine_of
from flops_fit.result.prediction import LossPrediction, Prediction, predict, predict_loss
from flops_fit.result.question import Question, check_positive
from flops_fit.result.tables import Table, chinchilla_table, written
from flops_fit.result.trust import check_known, check_near, check_reliable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAW_FILE, PLOT_FILE, REPORT_FILE = "law.json", "plots/isoflop.png", "report.html"
_BEYOND = 1.5
"""Times the largest budget from which on the most compute of a run is worth a row of its own."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScalingResult:
    """A fitted scaling law and the questions it answers."""

    law: ScalingLaw
    kept: Path | None = None
    """Directory or file that holds the law; None where nobody saved it."""

    def __repr__(self) -> str:
        return brief(self.law, self.kept)

    @property
    def status(self) -> Literal["ok", "unreliable"]:
        """Unreliable when a finding is an error: numbers are shown, but marked."""
        return self.law.status

    @property
    def diagnostics(self) -> tuple[Finding, ...]:
        """What the reader should know, the gravest first."""
        return self.law.findings

    def predict(
        self,
        flops: float | None = None,
        *,
        n_params: float | None = None,
        n_units: float | None = None,
        loss: float | None = None,
        inference_units: float | None = None,
        gpu_hours: float | None = None,
        device: str | float | None = None,
        utilisation: float | None = None,
        accept_unreliable: bool = False,
    ) -> Prediction:
        """Return what to train, and the loss to expect; what is not given is chosen best.

        Given may be: compute; a size, some data or a loss, for which the compute is found; compute and a
        size, or compute and data, or a size and data, whose distance from the best is said; units to serve,
        with compute (then of training and inference together) or with a loss.

        Args:
            flops: Training compute, FLOPs, > 0.
            n_params: Parameters of the model.
            n_units: Data units to train on.
            loss: To be reached with the least compute.
            inference_units: Data units that the model will serve in its life, prompts included.
            gpu_hours: Instead of `flops`: hours of one device, or of the sweep's own machine.
            device: Which one, e.g. "H100", or its peak FLOP/s; by default the machine of the sweep, as fast
                as its runs were.
            utilisation: Share of the device's peak that training sustains.
            accept_unreliable: Answer also from an unreliable fit, or where nothing in the runs bears on it.

        Raises:
            FitError: `bad-query`, `bad-question`, `unreliable-fit`, `far-extrapolation`, `out-of-reach`,
                `inference-dominates`, `unknown-device`, `no-utilisation`, `bad-utilisation`, `no-device` or
                `no-speed`.
        """
        machine = machine_of(self.law, device, utilisation)
        spent = compute_of(machine, gpu_hours, flops)
        question = Question(
            flops=flops if spent is None else spent.value,
            n_params=n_params,
            n_units=n_units,
            loss=loss,
            inference_units=inference_units,
        )
        question.check()
        if not accept_unreliable:
            check_reliable(self.law)
            if question.flops is not None:
                check_near(self.law, question.flops, asked=True)
        prediction = answer(self.law, question)
        if not accept_unreliable:
            check_near(self.law, prediction.flops, asked=question.flops is not None)
            check_known(prediction)
        if spent is not None and question.given == {"flops"}:
            prediction = with_uncertain_flops(self.law, prediction, spent.interval)
        return timed(prediction, machine)

    def loss_at(self, *, n_params: float, n_units: float, accept_unreliable: bool = False) -> LossPrediction:
        """Return the loss of `n_params` parameters trained on `n_units`, optimal or not.

        Raises:
            FitError: `bad-query` or `unreliable-fit`.
        """
        check_positive(n_params=n_params, n_units=n_units)
        if not accept_unreliable:
            check_reliable(self.law)
        return predict_loss(self.law, float(n_params), float(n_units))

    def chinchilla_table(
        self,
        budgets: float | Sequence[float] = (),
        format: str = "markdown",  # noqa: A002 - what its users look for
    ) -> str:
        """Return the optimum of each budget as a table, which interpreters show as it is.

        Its caveats stand underneath; numbers of an unreliable fit, under a banner that says so.

        Args:
            budgets: FLOPs; by default those trained and ten times the largest.
            format: `markdown`, `text`, `latex` (for booktabs), `csv`, `html` (a fragment) or `json`. CSV and
                JSON hold full numbers.

        Raises:
            FitError: `bad-query` or `unknown-format`.
        """
        asked = (budgets,) if isinstance(budgets, int | float) else tuple(budgets)
        for budget in asked:
            check_positive(flops=budget)
        table = self._table(asked)
        if format != "markdown":
            return Shown(written(table, format))
        shown = ShownTable(written(table, format))
        shown.html = written(table, "html")
        return shown

    def _table(self, budgets: Sequence[float] = (), *, caveats: bool = True) -> Table:
        predictions = [predict(self.law, float(c)) for c in budgets or self.budgets_of_interest()]
        return chinchilla_table(self.law, predictions, caveats=caveats)

    def budgets_of_interest(self) -> tuple[float, ...]:
        """Return the budgets trained, or a ladder where there are none, and ten times the most compute."""
        low, high = self.law.flops_range
        trained = [m.flops for m in self.law.minima] or np.geomspace(low, high, 5).tolist()
        beyond = [high] if high > _BEYOND * trained[-1] else []  # runs of no budget may have more
        return (*trained, *beyond, 10 * high)

    def describe(self) -> str:
        """Return the table, the exponents, the second opinion and every finding, as text."""
        if isinstance(self.law.headline, CurveLaw):
            return describe_curve(self.law, self.law.headline)
        return describe(self.law, written(self._table(caveats=False), "markdown"))

    def _repr_html_(self) -> str:
        """Return what notebooks show: the table with its caveats; what users named is escaped."""
        if isinstance(self.law.headline, CurveLaw):
            return f"<pre>{escape(self.describe())}</pre>"
        return written(self._table(), "html")

    def summary(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        law = self.law
        return {
            "status": law.status,
            "simulated": law.points.simulated,
            "form": dict(law.form),
            "conventions": asdict(law.conventions),
            "headline": law.headline.name,
            **self._answers(),
            "findings": [asdict(finding) for finding in law.findings],
            "excluded": [asdict(excluded) for excluded in law.points.excluded],
        }

    def _answers(self) -> dict[str, Any]:
        headline = self.law.headline
        if isinstance(headline, CurveLaw):
            return {"curve": [asdict(point) for point in points_on_curve(headline)]}
        return {
            "exponent_at_top": asdict(headline.exponent_at_top),
            "exponent_whole_range": asdict(headline.exponent_whole_range),
            "predictions": [asdict(predict(self.law, flops)) for flops in self.budgets_of_interest()],
        }

    def checklist(self) -> tuple[ChecklistItem, ...]:
        """Answer the 22 questions that a paper on a scaling law should answer; what is not known says so."""
        return checklist_of(self.law)

    def plot(self, picture: str = "overview", *, width: float = 7.2) -> Figure:
        """Return a figure of one picture; nothing is shown or saved.

        Args:
            picture: `overview` (IsoFLOP curves, and N*, D*, L* against C), `isoflop`, `size`, `data`, `loss`,
                `ratio`, `surface`, `residuals` or `backtest`; of a curve of loss over one quantity
                `overview`, `curve`, `residuals` or `backtest`.
            width: Inches; journals have columns of 3.5 and 7.2.

        Raises:
            FitError: `unknown-picture` or `no-hindsight`.
        """
        from flops_fit.result.plots import figure_of

        return figure_of(self.law, picture, width=width)

    def report(
        self,
        path: str | Path = "report.html",
        budgets: Sequence[float] = (),
        *,
        sweep: str | Path | None = None,
    ) -> Path:
        """Write everything that is known as one HTML file, and return where.

        It needs neither network nor script. An unreliable fit is reported too, and marked so at the top.

        Args:
            path: File to write.
            budgets: FLOPs to answer for, the last one first; by default those trained and ten times the
                largest.
            sweep: Directory of the sweep, for its cost, its spec and how its losses fell; by default that of
                the report, if it holds one.

        Raises:
            FitError: `bad-query`.
            StoreError: `unwritable-file`, or the sweep cannot be read.
        """
        from flops_fit.result.report import write_report

        asked = () if isinstance(self.law.headline, CurveLaw) else budgets or self.budgets_of_interest()
        predictions = [self.predict(float(c), accept_unreliable=True) for c in asked]
        return write_report(self.law, predictions, path, sweep=Path(path).parent if sweep is None else sweep)

    def save(self, path: str | Path) -> Path:
        """Write the law as JSON to a file, or to `law.json` in a directory, and return where.

        Raises:
            StoreError: `unwritable-file`.
        """
        target = Path(path)
        target = target if target.suffix == ".json" else target / LAW_FILE
        part = target.with_suffix(".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(self.law.to_json(), encoding="utf-8")
            return part.replace(target)
        except OSError as error:
            raise unwritable(target, error) from None

    def save_plot(self, path: str | Path, picture: str = "overview", *, width: float = 7.2) -> Path:
        """Draw `plot` to a file, whose suffix names the format (svg and pdf are vectors), and return where.

        Raises:
            StoreError: `unknown-format` or `unwritable-file`.
            FitError: as `plot`.
        """
        from flops_fit.result.plots import save_figure

        return save_figure(self.plot(picture, width=width), path)
