"""Is the table what it seems to be?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from flops_fit.design import Finding
from flops_fit.errors import argument, text_argument
from flops_fit.fit.arrays import Floats
from flops_fit.fit.points import Points
from flops_fit.runs import NO_LOSS, RunRecord
from flops_fit.text_columns import some

_LEAST_SHARE_OF_6ND = 0.2
_LARGEST_SCATTER_OF_FLOPS = 0.2
_MANY_EXCLUDED = 0.1
_NAMED = 3
_WHOLE_RUN = 0.98
"""Share of the planned data that a finished run has seen; off-target runs are within it."""
_FACTOR, _ALIKE, _MOST = 1.1, 0.03, 0.9
"""C / 6·N·D this far off 1, and alike to 3% in nine runs of ten, is a matter of units or of counting."""
_FEWEST_SIZES_APART = 4.0
"""Factor in N over which it must be alike: what 6·N·D leaves out changes with the size."""
_COUNTED = {
    1 / 3: "only forward passes were counted",
    2 / 3: "only backward passes were counted",
    4 / 3: "forward passes were counted twice, as recomputed activations are",
}
_OTHER_UNIT = 50.0
_CHECKPOINTS, _EVEN = 5, 0.02
"""Equal steps of D within one size, and how equal, by which checkpoints are told from a ladder of runs."""


def about_table(points: Points, records: Sequence[RunRecord]) -> Iterator[Finding]:
    """Yield what is odd about the runs before anything is fitted to them."""
    if points.simulated:
        yield Finding(
            code="simulated",
            severity="warning",
            message="SIMULATED: losses were drawn from a formula, not trained.",
            action="use the numbers to rehearse the pipeline only",
        )
    if points.excluded:
        yield _excluded(points)
    yield from _about_ends(points, records)
    if points.inferred_budgets:
        yield _about_unnamed_budgets(points)
    yield from _about_compute(points)


def _about_unnamed_budgets(points: Points) -> Finding:
    """Say what was read off compute where no column names budgets: much hangs on whether runs share them."""
    if np.isnan(points.budget).all():
        return Finding(
            code="no-budgets",
            severity="info",
            message="The table names no budgets, and the compute of its runs is too scattered to show any.",
            action="if runs were planned in IsoFLOP budgets, which need no formula of the loss, name that of "
            "each in a column `budget`, or say which column does: "
            + text_argument("columns", {"budget": "COLUMN"}),
        )
    return Finding(
        code="inferred-budgets",
        severity="info",
        message="The table names no budgets; runs of nearly equal compute were taken as one.",
        action="name them in a column `budget` if that is wrong",
    )


def _excluded(points: Points) -> Finding:
    n_runs = len(points.excluded) + len(points)
    named = some([f"{e.run_id} ({e.reason})" for e in points.excluded], _NAMED, between="; ")
    share = len(points.excluded) / n_runs
    return Finding(
        code="excluded-runs",
        severity="warning" if share > _MANY_EXCLUDED else "info",
        message=f"{len(points.excluded)} of {n_runs} runs take no part: {named}.",
        action=_about_excluded([e.reason for e in points.excluded]),
        value=share,
        threshold=_MANY_EXCLUDED,
    )


def _about_excluded(reasons: Sequence[str]) -> str:
    if any(reason.startswith("loss is -") for reason in reasons):
        return (
            "the best runs may be among them: fit a loss that stays above 0, if need be with a constant added"
        )
    action = "look at why they failed; train them again if they sit near a minimum"
    if any(reason.endswith(NO_LOSS) for reason in reasons):
        action += f"; if another column holds their loss, say so with {argument('columns')}"
    return action


def _about_ends(points: Points, records: Sequence[RunRecord]) -> Iterator[Finding]:
    """Yield at most one finding: losses that were read before the learning rate had come down."""
    unfinished = [
        r.run_id
        for r in records
        if r.status == "completed" and r.n_units < _WHOLE_RUN * (r.n_units_planned or 0.0)
    ]
    if unfinished:
        yield Finding(
            code="unfinished-runs",
            severity="error",
            message=f"{len(unfinished)} runs stopped before the data planned for them ({unfinished[0]} among "
            "them): in the middle of its schedule a loss is higher than that of a run made for so much data.",
            action="train them to their end, or leave them out of the table",
            value=len(unfinished),
            threshold=0,
        )
    elif share := _share_of_checkpoints(points):
        yield Finding(
            code="learning-curves",
            severity="warning",
            message=f"At {share:.0%} of the sizes D goes up in equal steps, like checkpoints of one run. "
            "Losses read before a learning rate has decayed are too high, and bend the fit.",
            action="keep the last row of each run, or add a column `trunk` if each row had its own cooldown",
            value=share,
            threshold=0.5,
        )


def _share_of_checkpoints(points: Points) -> float:
    """Return the share of sizes whose D are evenly spaced, 0 unless it is more than half."""
    by_size: dict[float, list[float]] = defaultdict(list)
    for n_params, n_units in zip(points.n_params, points.n_units, strict=True):
        by_size[float(n_params)].append(float(n_units))
    steps = [np.diff(np.unique(units)) for units in by_size.values()]
    even = [len(s) >= _CHECKPOINTS and bool(np.ptp(s) < _EVEN * s.mean()) for s in steps]
    share = float(np.mean(even))
    own_trunks = len(np.unique(points.trunk)) == len(points)
    return share if share > 0.5 and own_trunks else 0.0


def _about_compute(points: Points) -> Iterator[Finding]:
    shares = points.flops / (6.0 * points.n_params * points.n_units)
    share = float(np.median(shares))
    if "imported" in points.origins and _is_a_factor(shares / share, share, points.n_params):
        yield _about_factor(share)
    elif share < _LEAST_SHARE_OF_6ND:
        yield Finding(
            code="too-little-compute",
            severity="warning",
            message=f"The compute of the runs is {share:.2g} of 6·N·D, less than training them takes.",
            action="check that the FLOPs are those of the whole run, forward and backward",
            value=share,
            threshold=_LEAST_SHARE_OF_6ND,
        )
    yield from _about_counting(points)


def _is_a_factor(alike: Floats, share: float, n_params: Floats) -> bool:
    """Whether compute is some multiple of 6·N·D other than 1 whatever the size."""
    return bool(
        abs(np.log(share)) > np.log(_FACTOR)
        and np.mean(np.abs(np.log(alike)) < _ALIKE) >= _MOST
        and n_params.max() >= _FEWEST_SIZES_APART * n_params.min()
    )


def _about_factor(share: float) -> Finding:
    counted = [what for ratio, what in _COUNTED.items() if abs(np.log(share / ratio)) < _ALIKE]
    meaning, what_to_do = "N, D or C counted something else", "say what N counts, or take other columns"
    if counted:
        meaning, what_to_do = counted[0], _multiplied("C", 1 / share)
    elif abs(np.log(share)) > np.log(_OTHER_UNIT):
        meaning, what_to_do = "N, D or C were in another unit", _multiplied("N", 1e6)
    return Finding(
        code="scaled-compute",
        severity="warning",
        message=f"C is {share:.3g} times 6·N·D in nearly all runs: as if {meaning}. "
        f"A budget of C FLOPs then buys {1 / share:.3g} times the N·D that training would get for it.",
        action="check the columns: N in parameters, D in data units, C in FLOPs forward and backward; "
        + what_to_do,
        value=share,
        threshold=_FACTOR,
    )


def _multiplied(symbol: str, factor: float) -> str:
    return f"a column can be multiplied, e.g. {text_argument('columns', {symbol: f'COLUMN*{factor:.3g}'})}"


def _about_counting(points: Points) -> Iterator[Finding]:
    scatter = points.flops_per_unit.scatter
    if scatter > _LARGEST_SCATTER_OF_FLOPS:
        yield Finding(
            code="mixed-architectures",
            severity="warning",
            message="Models of the same size differ in FLOPs per data unit; the answers take a typical one.",
            action="fit one architecture at a time",
            value=scatter,
            threshold=_LARGEST_SCATTER_OF_FLOPS,
        )
    if points.counted_6nd:
        yield Finding(
            code="compute-is-6nd",
            severity="info",
            message="Compute is 6·N·D for every run: neither attention nor embeddings are counted apart.",
            action="where they matter, give the FLOPs counted with them as column `C`",
        )
