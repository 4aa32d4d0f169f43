"""Where the loss of each budget is least: one robust parabola of ln loss over ln N per budget.

Budgets share what one alone cannot determine: the scatter of the runs, and the curvature of the valley,
which changes slowly with compute. A budget whose minimum is poorly placed (few runs, no curvature, a
vertex beyond its sizes) is kept, with a variance to match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import Budget
from flops_fit.fit.parabola import Parabola, fit_parabola

CURVATURE_SCATTER = 0.25
"""Relative standard deviation of a budget's curvature around the shared trend."""
_CURVATURE_PRIOR = np.array([np.log(0.035), -0.10])
"""ln curvature at the top budget, and its change per e-fold of compute. By theory the latter is -g·E/L for a
loss E + K·C^-g, which is -0.05 to -0.15 on published sweeps."""
_CURVATURE_PRIOR_SD = np.array([1.0, 0.10])
_PASSES = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vertices:
    """The minimum of every budget, as far as its runs determine it; arrays of shape (n_budgets,)."""

    log_flops: Floats
    log_n: Floats
    log_n_var: Floats
    log_loss: Floats
    log_loss_var: Floats
    log_curvature: Floats
    """ln of the curvature of ln loss over ln N at the top budget, and its slope in ln C; shape (2,)."""
    noise: float
    """Standard deviation of one run's ln loss around its parabola."""
    unpooled_log_n_var: Floats
    """Variance of ln N where the budget's own runs set the curvature; NaN where they cannot."""
    at_edge: tuple[bool, ...]
    """Whether the minimum lies outside the sizes around the best run."""
    n_runs: tuple[int, ...]
    """Runs around the best one."""
    n_outliers: tuple[int, ...]
    """Those of them that the parabola all but ignores."""
    flat: tuple[bool, ...]
    """Whether four or more sizes show a curvature within two standard errors of none."""


def locate_vertices(budgets: Sequence[Budget], *, window: float) -> Vertices:
    """Locate every budget's minimum from the runs within `window` e-folds of its best one."""
    log_flops = np.array([b.log_flops for b in budgets])
    log_loss = _losses_at_the_budget(budgets, log_flops)
    centres = np.array([b.log_n[b.best] for b in budgets])
    log_curvature, noise = _CURVATURE_PRIOR, 0.005
    for turn in range(_PASSES):
        expected = curvature_at(log_curvature, log_flops - log_flops[-1])
        parabolas = [
            fit_parabola(
                b.log_n,
                y,
                centre=c,
                window=window,
                curvature=k,
                curvature_sd=CURVATURE_SCATTER * k,
                noise=noise,
            )
            for b, y, c, k in zip(budgets, log_loss, centres, expected, strict=True)
        ]
        log_curvature = _shared_curvature(parabolas, log_flops - log_flops[-1], start=log_curvature)
        noise = _shared_noise(parabolas, noise)
        if turn == 0:
            least = 0.2 * curvature_at(log_curvature, log_flops - log_flops[-1])
            centres = _recentred(
                budgets, centres, np.array([p.vertex(k)[0] for p, k in zip(parabolas, least, strict=True)])
            )
    return _guarded(budgets, parabolas, log_flops, log_curvature, noise)


def without(vertices: Vertices, left_out: int) -> Vertices:
    """Return the vertices of all budgets but one, which is not the top one."""
    v, i = vertices, left_out
    return replace(
        v,
        log_flops=np.delete(v.log_flops, i),
        log_n=np.delete(v.log_n, i),
        log_n_var=np.delete(v.log_n_var, i),
        log_loss=np.delete(v.log_loss, i),
        log_loss_var=np.delete(v.log_loss_var, i),
        unpooled_log_n_var=np.delete(v.unpooled_log_n_var, i),
        at_edge=(*v.at_edge[:i], *v.at_edge[i + 1 :]),
        n_runs=(*v.n_runs[:i], *v.n_runs[i + 1 :]),
        n_outliers=(*v.n_outliers[:i], *v.n_outliers[i + 1 :]),
        flat=(*v.flat[:i], *v.flat[i + 1 :]),
    )


def curvature_at(log_curvature: Floats, log_flops_past_top: Floats) -> Floats:
    """Return the shared curvature `log_flops_past_top` e-folds of compute above the top budget."""
    curvature: Floats = np.exp(log_curvature[0] + log_curvature[1] * log_flops_past_top)
    return curvature


def _losses_at_the_budget(budgets: Sequence[Budget], log_flops: Floats) -> list[Floats]:
    """Move each ln loss from the compute that its run spent to that of its budget."""
    if len(budgets) == 1:
        slopes = np.array([-0.06])
    else:
        slopes = np.gradient(np.array([b.log_loss.min() for b in budgets]), log_flops)
    slopes = np.clip(slopes, -0.25, -0.01)
    return [b.log_loss - slope * b.excess for b, slope in zip(budgets, slopes, strict=True)]


def _recentred(budgets: Sequence[Budget], centres: Floats, vertices: Floats) -> Floats:
    """Move each window onto its vertex, by 0.6 at most and not beyond the sizes trained."""
    smallest, largest = np.array([b.log_n.min() for b in budgets]), np.array([b.log_n.max() for b in budgets])
    return np.clip(vertices, np.maximum(smallest, centres - 0.6), np.minimum(largest, centres + 0.6))


def _shared_noise(parabolas: Sequence[Parabola], noise: float) -> float:
    """Pool the scatter of the budgets, none of them counting for more than four times the median."""
    spare = [p for p in parabolas if p.dof > 0]
    if not spare:
        return noise
    dof = np.array([p.dof for p in spare])
    each = np.array([p.squares / max(p.dof, 0.5) for p in spare])
    pooled = np.sum(np.minimum(each, 4 * np.median(each)) * dof) + 3 * 0.003**2  # prior: 0.3% on 3 runs
    return float(np.sqrt(pooled / (dof.sum() + 3)))


def _shared_curvature(parabolas: Sequence[Parabola], past_top: Floats, start: Floats) -> Floats:
    """Fit ln curvature by a line in ln C through the curvatures that budgets show on their own.

    Ten Gauss-Newton steps with Student weights (4 degrees of freedom), so one odd budget cannot tilt it.
    """
    known = np.array([np.isfinite(p.own_curvature_var) for p in parabolas])
    own = np.array([p.own_curvature for p in parabolas])[known]
    own_var = np.array([p.own_curvature_var for p in parabolas])[known]
    precision = np.diag(_CURVATURE_PRIOR_SD**-2.0)
    line = start
    for _ in range(10):
        curve = curvature_at(line, past_top[known])
        miss, var = own - curve, own_var + (CURVATURE_SCATTER * curve) ** 2
        weight = 5.0 / (4.0 + miss**2 / var) / var
        slope = np.stack([curve, curve * past_top[known]], axis=1)
        hessian = (slope * weight[:, None]).T @ slope + precision
        gradient = (slope * weight[:, None]).T @ miss + precision @ (_CURVATURE_PRIOR - line)
        line = line + np.clip(np.linalg.solve(hessian, gradient), -0.5, 0.5)
    return line


def _guarded(
    budgets: Sequence[Budget],
    parabolas: Sequence[Parabola],
    log_flops: Floats,
    log_curvature: Floats,
    noise: float,
) -> Vertices:
    """Give vertices beyond the sizes trained, or of too few sizes, the variance they deserve."""
    least = 0.2 * curvature_at(log_curvature, log_flops - log_flops[-1])
    found = np.array([p.vertex(k) for p, k in zip(parabolas, least, strict=True)])
    curvature = np.maximum([p.curvature for p in parabolas], least)
    low, high = np.array([p.low for p in parabolas]), np.array([p.high for p in parabolas])
    log_n = np.clip(found[:, 0], low - 1.0, high + 1.0)
    beyond = np.maximum(0, np.maximum(low - log_n, log_n - high))
    inside = np.minimum(log_n - low, high - log_n)
    unplaced = np.array([b.n_sizes < 3 for b in budgets], dtype=np.float64)
    edge_sd = 0.25 * np.clip(0.3 - inside, 0, 0.6) / 0.3
    return Vertices(
        log_flops=log_flops,
        log_n=log_n,
        log_n_var=np.minimum(found[:, 1], 1.0) + beyond**2 + edge_sd**2 + unplaced,
        log_loss=_plausible(budgets, found[:, 2]),
        log_loss_var=np.minimum(found[:, 3], 0.02**2 + curvature**2)
        + (curvature * beyond**2) ** 2
        + unplaced * curvature**2,
        log_curvature=log_curvature,
        noise=noise,
        unpooled_log_n_var=np.array([p.own_vertex_var for p in parabolas]),
        at_edge=tuple(bool(x) for x in inside <= 0),
        n_runs=tuple(p.n_runs for p in parabolas),
        n_outliers=tuple(p.n_outliers for p in parabolas),
        flat=tuple(_is_flat(p) for p in parabolas),
    )


def _is_flat(parabola: Parabola) -> bool:
    return bool(parabola.own_curvature < 2 * parabola.own_curvature_var**0.5 < np.inf)


def _plausible(budgets: Sequence[Budget], log_loss: Floats) -> Floats:
    """Keep minima of ln loss within one e-fold of the losses seen."""
    return np.clip(log_loss, [b.log_loss.min() - 1 for b in budgets], [b.log_loss.max() + 1 for b in budgets])
