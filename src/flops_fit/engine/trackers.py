"""Sends each run, as it ends, to the experiment trackers that the spec names, through Accelerate."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flops_fit.config.spec import SweepSpec
from flops_fit.engine.progress import Progress
from flops_fit.errors import SpecError
from flops_fit.runs.record import RunRecord

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.tracking import GeneralTracker

FOLDER = "trackers"
"""Directory, within that of the sweep, of trackers that write files."""

FACTS = (
    *("size", "seed", "budget", "n_params", "n_units", "flops", "lr", "batch_size", "precision", "n_steps"),
    *("status", "reason"),
)
"""Fields of a row that a tracker keeps as the configuration of its run; the numbers are metrics as well."""
OUTCOMES = ("loss", "wall_s")

Report = Callable[[Progress], None]


def tracked(report: Report | None, spec: SweepSpec) -> Report | None:
    """Return `report`, told of each run as before, that also sends the run to the trackers of `spec`.

    Raises:
        SpecError: `tracker-not-installed`.
    """
    names = spec.training.log_with
    if not names:
        return report
    from accelerate.tracking import get_available_trackers

    available = {str(tracker) for tracker in get_available_trackers()}
    if missing := [name for name in names if name not in available]:
        raise SpecError(
            f"training.log_with names {' and '.join(missing)}, which this Python does not have.",
            fix=f"pip install {' '.join(missing)}; or leave out training.log_with",
            code="tracker-not-installed",
        )
    return Tracking(report, names, spec.output_dir)


class Tracking:
    """A report that sends each run that ends to trackers: a run of theirs for each run of ours.

    A tracker that fails, e.g. for want of a network, is warned of and left; the sweep goes on.
    """

    def __init__(
        self, report: Report | None, trackers: Sequence[str | GeneralTracker], directory: Path
    ) -> None:
        self._report, self._directory = report, directory
        self._trackers = list(trackers)
        self._told: RunRecord | None = None

    def __call__(self, progress: Progress) -> None:
        """Tell of `progress`, and track the run that has just ended."""
        if self._report is not None:
            self._report(progress)
        last = progress.last
        if last is None or last is self._told or not self._trackers:
            return
        self._told = last
        try:
            self._track(last)
        except Exception as error:  # noqa: BLE001 - trackers may raise anything, and the sweep matters more
            self._trackers = []
            warnings.warn(
                f"training.log_with: {type(error).__name__}: {error}; the sweep goes on without trackers",
                stacklevel=2,
            )

    def _track(self, record: RunRecord) -> None:
        name = _name(record)
        accelerator = _accelerator(self._trackers, self._directory / FOLDER / name)
        project = self._directory.absolute().name
        labels: dict[str, Any] = {"wandb": {"name": name}, "mlflow": {"run_name": name}}
        accelerator.init_trackers(project, config=_known(record, FACTS), init_kwargs=labels)
        try:
            for step, losses in sorted(_by_step(record).items()):
                accelerator.log(losses, step=step)
            outcomes = _known(record, (*FACTS, *OUTCOMES)) | dict(record.metrics)
            numbers = {key: value for key, value in outcomes.items() if not isinstance(value, str)}
            accelerator.log(numbers, step=record.n_steps)
        finally:
            # Not `end_training`: it also ends the process group, in which the job goes on.
            for tracker in accelerator.trackers:
                tracker.finish()


def _accelerator(trackers: Sequence[str | GeneralTracker], directory: Path) -> Accelerator:
    from accelerate import Accelerator
    from accelerate.utils import ProjectConfiguration

    directory.mkdir(parents=True, exist_ok=True)
    return Accelerator(
        mixed_precision="no",
        log_with=list(trackers),
        project_config=ProjectConfiguration(logging_dir=str(directory)),
    )


def _name(record: RunRecord) -> str:
    budget = "" if record.budget is None else f"-{record.budget:.3g}"
    return f"{record.size}{budget}-s{record.seed}-{record.run_id[:6]}"


def _known(record: RunRecord, names: Sequence[str]) -> dict[str, float | int | str]:
    found = {name: getattr(record, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _by_step(record: RunRecord) -> dict[int, dict[str, float]]:
    """Return the points of the curve by step, in which trackers want them."""
    points: dict[int, dict[str, float]] = defaultdict(dict)
    for point in record.curve:
        points[point.step][f"{point.kind}_loss"] = point.loss
    return points
