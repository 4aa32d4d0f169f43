"""Every method that competes, fitted without intervals: from runs to N*, L* and losses anywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.backtest import local_vertex
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.forms import Ces, Chinchilla, Kappa
from flops_fit.fit.interpolated import interpolated_minima, weighted_line
from flops_fit.fit.points import Points
from flops_fit.fit.power_laws import saturating
from flops_fit.fit.surface import fit_parameters_and_runs
from flops_fit.fit.valley import fit_valley

_FEWEST_BUDGETS = 3
SURFACES: tuple[SurfaceForm, ...] = (Chinchilla(), Ces(), Kappa())
"""The loss surfaces that always compete. Never `chinchilla` against `kappa` alone: on runs that follow `ces`
the better of those two is the wrong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What one method makes of runs."""

    optima: Callable[[Floats], tuple[Floats, Floats]]
    """From computes to N* and L*, all of shape (n_budgets,)."""
    losses: Callable[[Floats, Floats], Floats] | None = None
    """From N and D to losses, shape (n_runs,); None for a method that knows the minima only."""
    misses: Floats | None = None
    """ln loss less that of the surface at the runs fitted, shape (n_runs,)."""
    without: frozenset[str] = frozenset()
    """Runs that do not count for the method."""
    r_squared: float | None = None
    """Share of the variance explained: of ln loss by a surface, of ln N* by a line through the minima."""


Method = Callable[[Points], Fitted]


def methods_of_budgets() -> Mapping[str, Method]:
    """Return the methods that look at one IsoFLOP budget after the other."""
    return {"valley": _valley, "parabola": _parabolas, "interpolated": _interpolated}


def method_of_form(form: SurfaceForm) -> Method:
    """Return the method that lays a surface over all runs that count."""

    def fit(points: Points) -> Fitted:
        theta, used = fit_parameters_and_runs(points, form)

        def optima(flops: Floats) -> tuple[Floats, Floats]:
            best = [form.optimum(theta, float(c), points.flops_per_unit) for c in flops]
            sizes, units = np.array([b.n_params for b in best]), np.array([b.n_units for b in best])
            return sizes, form.predict(theta, sizes, units)

        def losses(n_params: Floats, n_units: Floats) -> Floats:
            return form.predict(theta, n_params, n_units)

        log_loss = np.log(points.loss)
        misses = log_loss - np.log(losses(points.n_params, points.n_units))
        counted = frozenset(used.run_ids)
        return Fitted(
            optima=optima,
            losses=losses,
            misses=misses,
            r_squared=_explained(misses, log_loss),
            without=frozenset(points.run_ids) - counted,
        )

    return fit


def unchanged(points: Points) -> Fitted:
    """Foretell that losses stay as low as the best one seen: what any forecast must beat."""
    least = float(points.loss.min())

    def optima(flops: Floats) -> tuple[Floats, Floats]:
        return np.full(len(flops), np.nan), np.full(len(flops), least)

    def losses(n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG001 - asked of every method
        return np.full(len(n_params), least)

    return Fitted(optima=optima, losses=losses)


def _valley(points: Points) -> Fitted:
    budgets = budgets_of(points)
    _check_enough(budgets, "The valley is fitted to")
    valley = fit_valley(budgets)

    def optima(flops: Floats) -> tuple[Floats, Floats]:
        minima = [valley.minimum(float(c)) for c in np.log(flops)]
        return np.exp([m.log_n.mean for m in minima]), np.exp([m.log_loss.mean for m in minima])

    return Fitted(optima=optima)


def _parabolas(points: Points) -> Fitted:
    """Join the vertices of windowed parabolas: ln N* by a line in ln C, L* by E + K/C^g.

    Source: Hoffmann et al. 2022, arXiv:2203.15556, approach 2, on the runs within 1.2 e-folds of the best.

    Raises:
        FitError: fewer than three budgets have a vertex (`too-few-budgets`).
    """
    vertices = [(b.flops, v, b.log_loss[b.best]) for b in budgets_of(points) if (v := local_vertex(b))]
    _check_enough(vertices, "Parabolas find a minimum at")
    flops, log_n, log_loss = np.array(vertices).T
    line = np.polynomial.Polynomial.fit(np.log(flops), log_n, 1)
    return _joined(line, flops, log_n, np.exp(log_loss))


def _interpolated(points: Points) -> Fitted:
    """Join the interpolated minima: ln N* by a weighted line in ln C, L* by E + K/C^g.

    Raises:
        FitError: fewer than three budgets have a minimum inside their sizes (`too-few-budgets`).
    """
    minima = interpolated_minima(budgets_of(points))
    _check_enough(minima, "Interpolation finds a minimum at")
    flops, log_n, log_loss = np.array([(m.flops, m.log_n, m.log_loss) for m in minima]).T
    return _joined(weighted_line(minima), flops, log_n, np.exp(log_loss))


def _joined(line: np.polynomial.Polynomial, flops: Floats, log_n: Floats, loss: Floats) -> Fitted:
    law = saturating("L*", flops, loss)

    def optima(at: Floats) -> tuple[Floats, Floats]:
        return np.exp(line(np.log(at))), law.at(at)

    return Fitted(optima=optima, r_squared=_explained(log_n - line(np.log(flops)), log_n))


def _explained(misses: Floats, values: Floats) -> float | None:
    total = float(np.sum((values - values.mean()) ** 2))
    return 1.0 - float(np.sum(misses**2)) / total if total > 0 else None


def _check_enough(found: Sequence[object], what: str) -> None:
    if len(found) < _FEWEST_BUDGETS:
        raise FitError(
            f"{what} {len(found)} budget{'s' * (len(found) != 1)}; a trend takes {_FEWEST_BUDGETS}.",
            fix="train more sizes around the minimum of each budget",
            code="too-few-budgets",
        )
