"""The textbook methods for scaling laws in plain code, for `real_tables.py` to set beside flops-fit.

Parabolas per budget (Hoffmann et al. 2022, approach 2), and E + A/N^a + B/D^b through all runs (approach 3),
by Huber's loss on logarithms or by variable projection. All of them get intervals from a pairs bootstrap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from isoflop_tables import Curve, Floats
from scipy import optimize


class Answer(NamedTuple):
    """What a fitted method says: functions of ln C, and of ln N and ln C."""

    minimum: Callable[[float], tuple[float, float]]
    log_loss: Callable[[float, float], float]


Method = Callable[[Sequence[Curve]], Answer]


def pairs_bootstrap(
    method: Method, curves: Sequence[Curve], at: Sequence[float], *, n_draws: int, seed: int = 0
) -> Floats:
    """Return percentile intervals of (ln N*, ln L*) at each ln C; shape (2, n_budgets, 2), low ends first."""
    rng = np.random.default_rng(seed)
    drawn = np.full((n_draws, len(at), 2), np.nan)
    for draw in drawn:
        try:
            answer = method([_resample(curve, rng) for curve in curves])
        except UnfitError:
            continue
        draw[:] = [answer.minimum(c) for c in at]
    known = drawn[np.isfinite(drawn).all(axis=(1, 2))]
    if len(known) < 2:
        return np.full((2, len(at), 2), np.nan)
    return np.percentile(known, [2.5, 97.5], axis=0)


class UnfitError(Exception):
    """These runs do not determine the method's answer."""


def _resample(curve: Curve, rng: np.random.Generator) -> Curve:
    rows = np.sort(rng.integers(0, len(curve.log_n), len(curve.log_n)))
    return Curve(curve.log_flops, *(column[rows] for column in curve[1:]))


# ---- a parabola per budget


def parabolas(window: float = np.inf) -> Method:
    """A parabola per budget through the runs within `window` of its best one; power laws through those."""

    def fit(curves: Sequence[Curve]) -> Answer:
        found = [(c.log_flops, *v) for c in curves if (v := plain_vertex(c, window))]
        if len(found) < 2:
            raise UnfitError
        c, x, y, k = np.array(found).T
        top, curvature = c.max(), float(np.median(k))
        slope, level = np.polyfit(c - top, x, 1)
        floor, scale, exponent = _power_law(c - top, np.exp(y))

        def minimum(log_flops: float) -> tuple[float, float]:
            t = log_flops - top
            return float(level + slope * t), float(np.log(floor + np.exp(scale + exponent * t)))

        def log_loss(log_n: float, log_flops: float) -> float:
            best, least = minimum(log_flops)
            return least + curvature * (log_n - best) ** 2

        return Answer(minimum, log_loss)

    return fit


def plain_vertex(curve: Curve, window: float) -> tuple[float, float, float] | None:
    """Return ln N, ln loss and curvature of a plain parabola's minimum; None where it has none inside."""
    best = curve.log_n[curve.log_loss.argmin()]
    near = np.abs(curve.log_n - best) <= window
    z, y = curve.log_n[near] - best, curve.log_loss[near]
    if len(np.unique(z)) < 3:
        return None
    k, b1, b0 = np.polyfit(z, y, 2)
    vertex = -b1 / (2 * k) if k > 0 else np.inf
    if not z.min() < vertex < z.max():
        return None
    return float(vertex + best), float(b0 - b1**2 / (4 * k)), float(k)


def _power_law(t: Floats, loss: Floats) -> tuple[float, float, float]:
    """Return E, ln K and -g of loss = E + K·e^(-g t), the best of a grid of E."""
    floors = np.linspace(0, 0.98, 50 if len(t) > 2 else 1)[:, None] * loss.min()
    f, w = np.log(loss - floors), ((loss - floors) / loss) ** 2
    t_mean, f_mean = (np.average(np.broadcast_to(v, w.shape), axis=1, weights=w)[:, None] for v in (t, f))
    slope = np.sum(w * (t - t_mean) * (f - f_mean), 1) / np.sum(w * (t - t_mean) ** 2, 1)
    level = f_mean[:, 0] - slope * t_mean[:, 0]
    fitted = np.log(floors + np.exp(level[:, None] + slope[:, None] * t))
    best = np.sum((fitted - np.log(loss)) ** 2, axis=1).argmin()
    return float(floors[best, 0]), float(level[best]), float(slope[best])


# ---- one surface through all runs, D in units where C = N·D


@dataclass(frozen=True, slots=True)
class _Surface:
    """ln E, ln A, ln B, alpha, beta."""

    theta: Floats

    def answer(self) -> Answer:
        e, a, b, alpha, beta = self.theta

        def log_loss(log_n: float, log_flops: float) -> float:
            return float(np.logaddexp(e, np.logaddexp(a - alpha * log_n, b - beta * (log_flops - log_n))))

        def minimum(log_flops: float) -> tuple[float, float]:
            if min(alpha, beta) <= 0:
                return np.nan, np.nan
            log_n = (np.log(alpha / beta) + a - b + beta * log_flops) / (alpha + beta)
            return float(log_n), log_loss(log_n, log_flops)

        return Answer(minimum, log_loss)


def _pooled(curves: Sequence[Curve]) -> tuple[Floats, Floats, Floats]:
    """Return ln N, ln D and ln loss of all runs."""
    log_n = np.concatenate([c.log_n for c in curves])
    spent = np.concatenate([c.log_spent for c in curves])
    return log_n, spent - log_n, np.concatenate([c.log_loss for c in curves])


def huber(start: Floats | None = None) -> Method:
    """Huber's loss (1e-3) on ln loss, by L-BFGS from variable projection's optimum or from `start`."""

    def fit(curves: Sequence[Curve]) -> Answer:
        return _Surface(huber_theta(curves, start)).answer()

    return fit


def huber_theta(curves: Sequence[Curve], start: Floats | None = None) -> Floats:
    """Return ln E, ln A, ln B, alpha, beta at the least Huber loss."""
    log_n, log_d, y = _pooled(curves)
    delta = 1e-3

    def objective(p: Floats) -> tuple[float, Floats]:
        terms = np.stack([np.full_like(log_n, p[0]), p[1] - p[3] * log_n, p[2] - p[4] * log_d])
        total = np.logaddexp.reduce(terms)
        share = np.exp(terms - total)
        r = np.clip(y - total, -delta, delta)
        g = -r * share
        size = np.abs(y - total)
        value = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).sum()
        gradient = np.array([*g.sum(1), -(g[1] @ log_n), -(g[2] @ log_d)])
        return value / delta**2, gradient / delta**2

    options = {"maxiter": 1500 if start is None else 200, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-7}
    starts = _projected(curves, 3) if start is None else [start]
    fits = [optimize.minimize(objective, s, jac=True, method="L-BFGS-B", options=options) for s in starts]
    theta: Floats = min(fits, key=lambda found: found.fun).x
    return theta


def variable_projection(curves: Sequence[Curve]) -> Answer:
    """Least squares on relative loss, linear in E, A, B at each point of a grid of exponents."""
    return _Surface(_projected(curves, 1)[0]).answer()


def _projected(curves: Sequence[Curve], n_best: int) -> list[Floats]:
    coarse = np.geomspace(0.05, 1.5, 15)
    found = _on_grid(curves, *np.meshgrid(coarse, coarse, indexing="ij"))[:n_best]
    fine = np.geomspace(0.8, 1 / 0.8, 9)
    refined = []
    for theta in found:
        alpha, beta = np.meshgrid(theta[3] * fine, theta[4] * fine, indexing="ij")
        refined.append(_on_grid(curves, alpha, beta)[0])
    return refined


def _on_grid(curves: Sequence[Curve], alpha: Floats, beta: Floats) -> list[Floats]:
    """Return the parameters at the 20 best pairs of exponents, the best first; E, A and B stay positive."""
    log_n, log_d, y = _pooled(curves)
    alpha, beta = alpha.ravel(), beta.ravel()
    n_mean, d_mean = log_n.mean(), log_d.mean()
    columns = (
        np.stack(
            [
                np.ones((len(alpha), len(y))),
                np.exp(-alpha[:, None] * (log_n - n_mean)),
                np.exp(-beta[:, None] * (log_d - d_mean)),
            ],
            axis=-1,
        )
        * np.exp(-y)[:, None]
    )
    gram = np.einsum("gni,gnj->gij", columns, columns) + 1e-10 * np.eye(3)
    linear = np.maximum(np.linalg.solve(gram, columns.sum(axis=1)[..., None])[..., 0], 1e-4)
    order = np.argsort(np.sum((np.einsum("gni,gi->gn", columns, linear) - 1) ** 2, axis=1))[:20]
    log_linear = np.log(linear[order])
    shift = np.stack([np.zeros(len(order)), alpha[order] * n_mean, beta[order] * d_mean], axis=1)
    return list(np.column_stack([log_linear + shift, alpha[order], beta[order]]))
