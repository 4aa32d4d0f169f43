"""What other methods make of the same runs: a spread that no interval of one method knows of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.backtest import local_vertex
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.forms import Ces, Chinchilla, Kappa
from flops_fit.fit.law import Law
from flops_fit.fit.points import Points
from flops_fit.fit.surface import fit_parameters

AHEAD = (1.0, 10.0)
"""Times the largest budget at which methods are compared."""
_FEWEST_VERTICES = 3
_LOSS_EXPONENTS = np.geomspace(0.01, 1.0, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The answers of one method at the largest budget and at ten times that."""

    name: str
    n_params: tuple[float, float]
    loss: tuple[float, float]


def fit_rivals(points: Points, laws: Sequence[Law | None]) -> tuple[Rival, ...]:
    """Fit every method that competes; one that fails takes no part.

    Args:
        points: The runs.
        laws: Those already fitted, headline first; they take part as they are.
    """
    known = {law.name: _by_law(law) for law in laws if law is not None}
    methods: Mapping[str, Callable[[Floats], tuple[Floats, Floats]]] = {
        form.kind: _by_form(points, form) for form in (Chinchilla(), Ces(), Kappa()) if form.kind not in known
    } | {"parabola": lambda flops: _by_parabolas(points, flops)}
    top = next(law for law in laws if law is not None).flops_range[1]
    return tuple(_rivals({**known, **methods}, top * np.array(AHEAD)))


def spread(rivals: Sequence[Rival], which: int) -> tuple[Rival, Rival]:
    """Return the methods of the smallest and the largest N* at one of `AHEAD`."""
    by_size = sorted(rivals, key=lambda rival: rival.n_params[which])
    return by_size[0], by_size[-1]


def _rivals(
    methods: Mapping[str, Callable[[Floats], tuple[Floats, Floats]]], flops: Floats
) -> Iterator[Rival]:
    for name, method in methods.items():
        try:
            with np.errstate(all="ignore"):
                sizes, losses = method(flops)
        except (FitError, np.linalg.LinAlgError):
            continue
        if np.isfinite([sizes, losses]).all() and (sizes > 0).all():
            yield Rival(name=name, n_params=(sizes[0], sizes[1]), loss=(losses[0], losses[1]))


def _by_law(law: Law) -> Callable[[Floats], tuple[Floats, Floats]]:
    def answer(flops: Floats) -> tuple[Floats, Floats]:
        optima = [law.optimum(float(c)) for c in flops]
        return np.array([o.n_params.value for o in optima]), np.array([o.loss.value for o in optima])

    return answer


def _by_form(points: Points, form: SurfaceForm) -> Callable[[Floats], tuple[Floats, Floats]]:
    def answer(flops: Floats) -> tuple[Floats, Floats]:
        theta = fit_parameters(points, form)
        best = [form.optimum(theta, float(c), points.flops_per_unit) for c in flops]
        sizes, units = np.array([b.n_params for b in best]), np.array([b.n_units for b in best])
        return sizes, form.predict(theta, sizes, units)

    return answer


def _by_parabolas(points: Points, flops: Floats) -> tuple[Floats, Floats]:
    """Join the vertices of windowed parabolas: ln N* by a line in ln C, L* by E + K/C^g.

    Source: Hoffmann et al. 2022, arXiv:2203.15556, approach 2, on the runs within 1.2 e-folds of the best.

    Raises:
        FitError: fewer than three budgets have a vertex (`too-few-budgets`).
    """
    budgets = budgets_of(points)
    vertices = [(b.log_flops, v, b.log_loss[b.best]) for b in budgets if (v := local_vertex(b)) is not None]
    if len(vertices) < _FEWEST_VERTICES:
        raise FitError(
            f"Parabolas find a minimum at {len(vertices)} budgets; a line takes {_FEWEST_VERTICES}.",
            fix="train more sizes around the minimum of each budget",
            code="too-few-budgets",
        )
    log_flops, log_n, log_loss = np.array(vertices).T
    sizes = np.polynomial.Polynomial.fit(log_flops, log_n, 1)(np.log(flops))
    return np.exp(sizes), _power_law(log_flops, np.exp(log_loss), np.log(flops))


def _power_law(log_flops: Floats, loss: Floats, targets: Floats) -> Floats:
    """Fit loss = E + K/C^g with E >= 0 by least squares over a grid of g, and return it at `targets`."""
    centre = log_flops.mean()
    fits = []
    for g in _LOSS_EXPONENTS:
        falling = np.exp(-g * (log_flops - centre))
        (E, K), *_ = np.linalg.lstsq(np.stack([np.ones_like(falling), falling], axis=1), loss, rcond=None)
        E, K = (E, K) if E >= 0 else (0.0, float(falling @ loss / (falling @ falling)))
        fits.append((float(np.sum((E + K * falling - loss) ** 2)), E, K, g))
    _, E, K, g = min(fits)
    at_targets: Floats = E + K * np.exp(-g * (targets - centre))
    return at_targets
