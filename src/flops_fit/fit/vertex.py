"""Where the loss of each budget is least: one robust parabola of ln loss over ln N per budget.

Budgets share what one alone cannot determine: the scatter of the runs, and the curvature of the valley,
which changes slowly with compute. A budget whose minimum is poorly placed (few runs, no curvature, a
vertex beyond its sizes) is kept, with a variance to match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import Budget
from flops_fit.fit.parabola import Parabola, Vertex, fit_parabola, nearby
from flops_fit.fit.scatter import beliefs, covariance_of, pooled_noise, trunk_correlation, typical_miss

CURVATURE_SCATTER = 0.25
"""Relative standard deviation of a budget's curvature around the shared trend."""
_CURVATURE_PRIOR = np.array([np.log(0.035), -0.10])
"""ln curvature at the top budget, and its change per e-fold of compute. By theory the latter is -g·E/L for a
loss E + K·C^-g, which is -0.05 to -0.15 on published sweeps."""
_CURVATURE_PRIOR_SD = np.array([1.0, 0.10])
_LEAST_CURVATURE = 0.2
"""Of the shared curvature, below which no budget's own goes."""
_FIRST_NOISE = 0.005
_INCONSISTENT = 2.0
"""Times the noise, beyond which the typical miss of all runs shows that too many of them were ignored."""
_PASSES = 6


class Look(NamedTuple):
    """How one budget looks around its best run."""

    at_edge: bool
    """The minimum lies outside the sizes there."""
    n_runs: int
    n_outliers: int
    """Those of the runs that the parabola all but ignores."""
    flat: bool
    """Four or more sizes show a curvature within two standard errors of none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vertices:
    """The minimum of every budget, as far as its runs determine it; arrays of shape (n_budgets,)."""

    log_flops: Floats
    log_n: Floats
    log_n_cov: Floats
    """Shape (n_budgets, n_budgets); budgets that share trunks err alike."""
    log_loss: Floats
    log_loss_cov: Floats
    """Shape (n_budgets, n_budgets)."""
    log_curvature: Floats
    """ln of the curvature of ln loss over ln N at the top budget, and its slope in ln C; shape (2,)."""
    noise: float
    """Standard deviation of one run's ln loss around its parabola."""
    unpooled_log_n_var: Floats
    """Variance of ln N where the budget's own runs set the curvature; NaN where they cannot."""
    looks: tuple[Look, ...]


def locate_vertices(budgets: Sequence[Budget], *, window: float) -> Vertices:
    """Locate every budget's minimum from the runs within `window` e-folds of its best one."""
    found = _settle(budgets, window, _FIRST_NOISE)
    scatter = typical_miss(found.parabolas)
    if scatter > _INCONSISTENT * found.noise:
        # Cutoffs of six times a noise that starts too low leave out ever more runs, until the rest agree.
        found = _settle(budgets, window, scatter)
    return _guarded(budgets, found)


class _Settled(NamedTuple):
    parabolas: Sequence[Parabola]
    log_flops: Floats
    log_curvature: Floats
    noise: float


def _settle(budgets: Sequence[Budget], window: float, noise: float) -> _Settled:
    """Let parabolas, shared curvature and noise settle, from a first idea of the noise."""
    log_flops = np.array([b.log_flops for b in budgets])
    past_top = log_flops - log_flops[-1]
    log_loss = _losses_at_the_budget(budgets, log_flops)
    centres = np.array([b.log_n[b.best] for b in budgets])
    log_curvature = _CURVATURE_PRIOR
    for turn in range(_PASSES):
        near = [nearby(b.log_n - c, window) for b, c in zip(budgets, centres, strict=True)]
        believed = beliefs(budgets, log_loss, near, noise)
        expected = curvature_at(log_curvature, past_top)
        parabolas = [
            fit_parabola(
                b.log_n, y, w, centre=c, curvature=k, curvature_sd=CURVATURE_SCATTER * k, noise=noise
            )
            for b, y, w, c, k in zip(budgets, log_loss, believed, centres, expected, strict=True)
        ]
        log_curvature = _shared_curvature(parabolas, past_top, start=log_curvature)
        noise = pooled_noise(parabolas, noise)
        if turn == 0:
            found = _vertices_of(parabolas, curvature_at(log_curvature, past_top))
            centres = _recentred(budgets, centres, np.array([v.log_n for v in found]))
    return _Settled(parabolas, log_flops, log_curvature, noise)


def without(vertices: Vertices, left_out: int) -> Vertices:
    """Return the vertices of all budgets but one, which is not the top one."""
    v, i = vertices, left_out
    return replace(
        v,
        log_flops=np.delete(v.log_flops, i),
        log_n=np.delete(v.log_n, i),
        log_n_cov=np.delete(np.delete(v.log_n_cov, i, 0), i, 1),
        log_loss=np.delete(v.log_loss, i),
        log_loss_cov=np.delete(np.delete(v.log_loss_cov, i, 0), i, 1),
        unpooled_log_n_var=np.delete(v.unpooled_log_n_var, i),
        looks=(*v.looks[:i], *v.looks[i + 1 :]),
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


def _vertices_of(parabolas: Sequence[Parabola], expected: Floats) -> list[Vertex]:
    return [p.vertex(_LEAST_CURVATURE * k) for p, k in zip(parabolas, expected, strict=True)]


def _guarded(budgets: Sequence[Budget], settled: _Settled) -> Vertices:
    """Give vertices beyond the sizes trained, or of too few sizes, the variance they deserve."""
    parabolas, log_flops, log_curvature, noise = settled
    expected = curvature_at(log_curvature, log_flops - log_flops[-1])
    found = _vertices_of(parabolas, expected)
    least_var = np.array([(v.log_n_var, v.log_loss_var) for v in found])
    curvature = np.maximum([p.curvature for p in parabolas], _LEAST_CURVATURE * expected)
    low, high = np.array([(p.low, p.high) for p in parabolas]).T
    log_n = np.clip([v.log_n for v in found], low - 1.0, high + 1.0)
    inside = np.minimum(log_n - low, high - log_n)
    log_n_var, log_loss_var = _guarded_variances(
        least_var, curvature, inside, [b.n_sizes < 3 for b in budgets]
    )
    of_trunks = trunk_correlation(budgets, parabolas, noise) * noise**2
    return Vertices(
        log_flops=log_flops,
        log_n=log_n,
        log_n_cov=covariance_of(
            budgets, [v.of_log_n for v in found], log_n_var, by_runs=least_var[:, 0], shared=of_trunks
        ),
        log_loss=_plausible(budgets, np.array([v.log_loss for v in found])),
        log_loss_cov=covariance_of(
            budgets, [v.of_log_loss for v in found], log_loss_var, by_runs=least_var[:, 1], shared=of_trunks
        ),
        log_curvature=log_curvature,
        noise=noise,
        unpooled_log_n_var=np.array([p.own_vertex_var for p in parabolas]),
        looks=tuple(
            Look(at_edge=bool(i <= 0), n_runs=p.n_runs, n_outliers=p.n_outliers, flat=_is_flat(p))
            for i, p in zip(inside, parabolas, strict=True)
        ),
    )


def _guarded_variances(
    least: Floats, curvature: Floats, inside: Floats, unplaced: Sequence[bool]
) -> tuple[Floats, Floats]:
    """Return variances of ln N* and ln L*, never above what is absurd, but added to near and beyond the edge.

    Args:
        least: What the parabolas say of both, shape (n_budgets, 2).
        curvature: Of each parabola.
        inside: How far each minimum is from the nearest end of its sizes; negative beyond it.
        unplaced: Whether a budget has too few sizes to place its minimum.
    """
    beyond, nowhere = np.maximum(0, -inside), np.array(unplaced, dtype=np.float64)
    edge_sd = 0.25 * np.clip(0.3 - inside, 0, 0.6) / 0.3
    log_n_var = np.minimum(least[:, 0], 1.0) + beyond**2 + edge_sd**2 + nowhere
    log_loss_var = np.minimum(least[:, 1], 0.02**2 + curvature**2) + (curvature * beyond**2) ** 2
    return log_n_var, log_loss_var + nowhere * curvature**2


def _is_flat(parabola: Parabola) -> bool:
    return bool(parabola.own_curvature < 2 * parabola.own_curvature_var**0.5 < np.inf)


def _plausible(budgets: Sequence[Budget], log_loss: Floats) -> Floats:
    """Keep minima of ln loss within one e-fold of the losses seen."""
    return np.clip(log_loss, [b.log_loss.min() - 1 for b in budgets], [b.log_loss.max() + 1 for b in budgets])
