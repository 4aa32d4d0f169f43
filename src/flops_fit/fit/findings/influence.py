"""Does the answer hang on one budget or one size?"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from flops_fit.design import Finding
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.findings.refits import log_n_at, refitted
from flops_fit.fit.law import Law
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.valley import WINDOWS, Valley, fit_valley, refit_without
from flops_fit.fit.valley_law import ValleyLaw

_LARGE = {"budget": 0.75, "size": 1.25, "surface": 1.75}
"""Standard errors by which ln N* may move when a budget or a size of a valley, or either of a surface, is
left out. Simulated sweeps without a defect, 75 to 240 of each kind, seldom or never move it further. The
interval of a valley also holds what a new budget would scatter, which makes its standard error larger."""
_TOO_LARGE = 2.0
"""How many times as far is an error."""
_MOST_SIZES = 60
_MOST_SIZES_OF_A_VALLEY = 6
"""Each takes a fit of the whole valley."""


class _Shift(NamedTuple):
    kind: Literal["budget", "size", "surface"]
    left_out: str
    log_n: float
    """By how much ln N* moves."""


def about_influence(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    """Yield at most one finding: the budget or size without which N* at the top moves most."""
    shifts = _of_valley(points, law) if isinstance(law, ValleyLaw) else _of_surface(points, law)
    worst = max(shifts, key=lambda shift: abs(shift.log_n) / _LARGE[shift.kind], default=None)
    if worst is None:
        return
    moved, limit = abs(worst.log_n) / _standard_error(law), _LARGE[worst.kind]
    if moved > limit:
        yield Finding(
            code="influential-runs",
            severity="error" if moved > _TOO_LARGE * limit else "warning",
            message=f"Without {worst.left_out} N* at the largest budget is {np.exp(worst.log_n):.2g} times "
            f"as large, {moved:.1f} standard errors away.",
            action="look at these runs; if nothing is wrong with them, train more sizes beside them",
            value=moved,
            threshold=limit,
        )


def _standard_error(law: Law) -> float:
    interval = law.optimum(law.flops_range[1]).n_params.interval
    return max(float(np.log(interval.high / interval.low) / (2 * ndtri(0.5 + interval.level / 2))), 1e-9)


def _of_valley(points: Points, law: ValleyLaw) -> Iterator[_Shift]:
    """Leave out the sizes that budgets share, and each budget but the top one: that is for the backtest."""
    budgets, top = budgets_of(points), float(np.log(law.flops_range[1]))
    answer = _log_n(law.valley, top)
    for i, budget in enumerate(budgets[:-1]):
        without = refit_without(law.valley, budgets, i)
        yield _Shift("budget", f"the runs at {budget.flops:.3g} FLOPs", _log_n(without, top) - answer)
    for n_params in _shared_sizes(points, law):
        rest = budgets_of(points.only(points.n_params != n_params))
        yield _Shift("size", f"the size N = {n_params:.3g}", _log_n(fit_valley(rest), top) - answer)


def _shared_sizes(points: Points, law: ValleyLaw) -> list[float]:
    """Return the few sizes that lie in the windows of the most budgets, if of more than one."""
    best = dict(zip([m.flops for m in law.minima], [m.n_params for m in law.minima], strict=True))
    near = [
        points.n_params[
            np.isclose(points.budget, flops, rtol=0.3) & (np.abs(np.log(points.n_params / n)) < WINDOWS[-1])
        ]
        for flops, n in best.items()
    ]
    sizes, n_budgets = np.unique(
        np.concatenate([np.unique(n_params) for n_params in near]), return_counts=True
    )
    shared = np.argsort(-n_budgets, kind="stable")[:_MOST_SIZES_OF_A_VALLEY]
    return [float(sizes[i]) for i in shared if n_budgets[i] > 1]


def _log_n(valley: Valley, log_flops: float) -> float:
    return float(np.mean([m.size_trend.predict(log_flops).mean for m in valley.members]))


def _of_surface(points: Points, law: SurfaceLaw) -> Iterator[_Shift]:
    """Leave out each budget and each size."""
    top, names, groups = law.flops_range[1], [], []
    for name in np.unique(points.budget[~np.isnan(points.budget)]):
        names.append(f"the runs at {name:.3g} FLOPs")
        groups.append(points.budget == name)
    sizes = np.unique(points.n_params)
    for n in sizes if len(sizes) <= _MOST_SIZES else ():
        names.append(f"the size N = {n:.3g}")
        groups.append(points.n_params == n)
    if not groups:
        return
    everything = np.ones((1, len(points)))
    refits = refitted(points, law, np.concatenate([everything, 1 - np.array(groups, dtype=np.float64)]))
    log_n = log_n_at(points, law, refits.work, top)
    for name, moved in zip(names, log_n[1:] - log_n[0], strict=True):
        yield _Shift("surface", name, float(moved))
