"""Points: the runs that a fit may use, as arrays, and the runs that it may not, each with the reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from flops_fit.errors import FitError, argument
from flops_fit.fit.arrays import Floats, Ints
from flops_fit.fit.counting import FlopsPerUnit, read_flops_per_unit
from flops_fit.runs import NO_LOSS, Origin, RunRecord

_LEAST, _LARGEST = 1e-30, 1e60
"""Beyond these no count and no loss is meant, and squares would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A run that takes no part in the fit."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Usable runs in an order of their own, so that no answer depends on the order of the rows."""

    run_ids: tuple[str, ...]
    n_params: Floats
    """Shape (n_runs,), as are the arrays below."""
    n_params_nonembedding: Floats
    """Parameters outside embeddings and output head; NaN where nobody says."""
    n_units: Floats
    flops: Floats
    loss: Floats
    budget: Floats
    """FLOPs of the IsoFLOP curve that a run belongs to; NaN where it belongs to none."""
    trunk: Ints
    """Label of the trunk that a run shares its first steps with; its own where it was trained alone."""
    seed: Ints
    flops_per_unit: FlopsPerUnit
    origins: tuple[Origin, ...]
    counted_6nd: bool
    """Whether the compute of every run is 6·N·D to rounding."""
    inferred_budgets: bool
    """Whether the budgets were read off the runs' FLOPs because the table names none."""
    excluded: tuple[Excluded, ...]

    def __len__(self) -> int:
        return len(self.run_ids)

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the runs; what FLOPs a unit costs stays as all of them say."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        kept: dict[str, Any] = {k: c[rows] for k, c in columns.items() if isinstance(c, np.ndarray)}
        run_ids = tuple(run_id for run_id, chosen in zip(self.run_ids, rows, strict=True) if chosen)
        return replace(self, run_ids=run_ids, **kept)

    def what(self, run: int) -> str:
        """Say size and compute of a run that has no name but a hash; empty where it is a line of a table."""
        if self.origins == ("imported",):
            return ""
        return f"N = {self.n_params[run]:.3g} at {self.flops[run]:.3g} FLOPs"

    @property
    def simulated(self) -> bool:
        """Whether any loss was drawn instead of trained."""
        return "simulated" in self.origins


def points_of(records: Sequence[RunRecord]) -> Points:
    """Turn runs into points.

    Raises:
        FitError: no run has a usable loss (`no-usable-runs`).
    """
    excluded = [Excluded(run_id=r.run_id, reason=why) for r in records if (why := _unusable(r))]
    used = sorted((r for r in records if not _unusable(r)), key=_canonical)
    if not used:
        raise _nothing_to_fit(excluded)
    n_params, n_units, flops = (_column(used, name) for name in ("n_params", "n_units", "flops"))
    named = np.array([math.nan if r.budget is None else r.budget for r in used])
    inferred = bool(np.isnan(named).all())
    return Points(
        run_ids=tuple(r.run_id for r in used),
        n_params=n_params,
        n_params_nonembedding=_column(used, "n_params_nonembedding"),
        n_units=n_units,
        flops=flops,
        loss=_column(used, "loss"),
        budget=infer_budgets(n_params, flops) if inferred else named,
        trunk=_trunks(used),
        seed=np.array([r.seed for r in used], dtype=np.int64),
        flops_per_unit=read_flops_per_unit(n_params, n_units, flops),
        origins=tuple(sorted({r.origin for r in used})),
        counted_6nd=bool(np.allclose(flops, 6.0 * n_params * n_units, rtol=1e-4)),
        inferred_budgets=inferred,
        excluded=tuple(sorted(excluded, key=lambda e: e.run_id)),
    )


def _unusable(record: RunRecord) -> str:
    """Say why a run cannot be fitted; empty when it can."""
    if record.status != "completed":
        return f"{record.status}: {record.reason}" if record.reason else record.status
    for name in ("loss", "n_params", "n_units", "flops"):
        value = getattr(record, name)
        if value is None or not _LEAST <= value <= _LARGEST:
            return f"{name} is {value}; a positive number is needed"
    return ""


def _canonical(record: RunRecord) -> tuple[float, float, float, float, str]:
    return (record.flops, record.n_params, record.n_units, record.loss or 0.0, record.run_id)


def _column(records: Sequence[RunRecord], name: str) -> Floats:
    return np.array([getattr(r, name) for r in records], dtype=np.float64)


def _trunks(records: Sequence[RunRecord]) -> Ints:
    """Label trunks 0, 1, ... in the order of their first run."""
    labels: dict[str | int, int] = {}
    names = [record.trunk or i for i, record in enumerate(records)]
    return np.array([labels.setdefault(name, len(labels)) for name in names], dtype=np.int64)


def _nothing_to_fit(excluded: Sequence[Excluded]) -> FitError:
    first = f", first of all {excluded[0].run_id}: {excluded[0].reason}" if excluded else ""
    fix = "train at least three budgets of five sizes each, or look at why the runs failed"
    if excluded and all(run.reason.endswith(NO_LOSS) for run in excluded):
        fix = f"say which column holds the loss with {argument('columns')}"
    if excluded and all(run.reason.startswith("loss is") for run in excluded):
        fix = "fit a loss above 0, which falls towards a floor: look for a wrong sign, or for a score"
    return FitError(
        f"None of the {len(excluded)} runs has a loss that can be fitted{first}.",
        fix=fix,
        code="no-usable-runs",
    )


def infer_budgets(n_params: Floats, flops: Floats) -> Floats:
    """Name the IsoFLOP curve of each run by its compute, where compute clusters tightly.

    A budget is a run of neighbouring FLOPs without a gap of 10%, not wider than 25% and holding three
    sizes. Unless there are three such budgets with most of the runs, there are none.

    Returns:
        Median FLOPs of each run's budget, NaN outside every budget; shape (n_runs,).
    """
    order = np.argsort(flops, kind="stable")
    log_flops = np.log(flops[order])
    clusters = np.split(order, np.flatnonzero(np.diff(log_flops) > math.log(1.1)) + 1)
    tight = [c for c in clusters if _is_isoflop_curve(np.log(n_params[c]), np.log(flops[c]))]
    budget = np.full(len(flops), np.nan)
    if len(tight) < 3 or sum(map(len, tight)) < 0.7 * len(flops):
        return budget
    for cluster in tight:
        budget[cluster] = np.median(flops[cluster])
    return budget


def _is_isoflop_curve(log_n: Floats, log_flops: Floats) -> bool:
    return bool(np.ptp(log_flops) <= math.log(1.25) and len(np.unique(np.round(log_n, 2))) >= 3)
