"""Runs without noise on published surfaces, and the parameters that a form has on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from flops_fit.components import SurfaceForm
from flops_fit.fit import Points
from flops_fit.fit.curve_law import fit_curve
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_parameters
from flops_fit.runs import RunRecord

Floats = NDArray[np.float64]
LossOf = Callable[[Floats, Floats], Floats]

BUDGETS = np.geomspace(1e17, 1e19, 7)
SIZES = np.geomspace(1e5, 1e12, 4001)
"""Among these the best size at a budget is sought."""
WINDOW = np.geomspace(1 / 8, 8, 9)
"""Sizes of a budget, over the best one."""
AT_ONE_SIZE = np.geomspace(1e8, 1e12, 17)
"""Units of D on which a curve is laid."""
ONE_SIZE = 1e8
ON_BOUND = 1e-6


def language_loss(n_params: Floats, n_units: Floats) -> Floats:
    """Return E + A/N^alpha + B/D^beta, the loss of language models.

    Source: Besiroglu et al. 2024, arXiv:2404.10102.
    """
    loss: Floats = 1.8172 + 482.01 * n_params**-0.3478 + 2085.43 * n_units**-0.3658
    return loss


def error_rate(n_params: Floats, n_units: Floats) -> Floats:
    """Return an invented share of errors between 10% and 100%."""
    odds = 0.15 * (n_params / 1e8) ** -0.3 + 0.15 * (n_units / 1e10) ** -0.3
    rate: Floats = 0.1 + 0.9 * odds / (1 + odds)
    return rate


SURFACES: tuple[LossOf, ...] = (language_loss, error_rate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Parameters of a form that lie nearest to a published surface: the truth in the checks."""

    theta: Floats
    misfit: float
    """Standard deviation of ln loss around the form; 0 where the form contains the surface."""
    on_bound: tuple[str, ...]
    """Parameters that its bounds hold back, but for an offset of 0."""
    points: Points


@cache
def known_parameters(form: SurfaceForm) -> Known:
    """Fit a form to each surface without noise, and return the better fit."""
    runs = runs_on if form.of_size else runs_of_one_size
    return min((_fitted(form, runs(surface)) for surface in SURFACES), key=lambda known: known.misfit)


def shifted(form: SurfaceForm) -> Floats:
    """Return parameters near the known ones, at which no fit has been before."""
    theta = known_parameters(form).theta
    low, high = np.array(form.bounds).T
    moved: Floats = np.clip(theta * np.where(np.arange(len(theta)) % 2, 0.97, 1.03), low, high)
    return moved


def runs_on(loss_of: LossOf, *, noise: float = 0.0, seed: int = 0) -> Points:
    """Return an IsoFLOP sweep on a surface, with C = 6·N·D and sizes around the best of each budget."""
    best = [SIZES[np.argmin(loss_of(SIZES, flops / (6 * SIZES)))] for flops in BUDGETS]
    flops = np.repeat(BUDGETS, len(WINDOW))
    n_params = np.outer(best, WINDOW).ravel()
    return _points(n_params, flops / (6 * n_params), loss_of, noise=noise, seed=seed, budgets=flops)


def runs_of_one_size(loss_of: LossOf, *, noise: float = 0.0, seed: int = 0) -> Points:
    """Return runs of a hundred million parameters on more and more data."""
    n_params = np.full_like(AT_ONE_SIZE, ONE_SIZE)
    return _points(n_params, AT_ONE_SIZE, loss_of, noise=noise, seed=seed)


def _points(
    n_params: Floats,
    n_units: Floats,
    loss_of: LossOf,
    *,
    noise: float,
    seed: int,
    budgets: Floats | None = None,
) -> Points:
    flops = 6 * n_params * n_units
    scatter = np.exp(noise * np.random.default_rng(seed).normal(size=len(flops)))
    loss = loss_of(n_params, n_units) * scatter
    return points_of(
        [
            RunRecord(
                run_id=f"run {i:03}",
                budget=None if budgets is None else float(budgets[i]),
                size=f"{n_params[i]:.3g}",
                seed=0,
                n_params=float(n_params[i]),
                n_params_nonembedding=None,
                n_units=float(n_units[i]),
                flops=float(flops[i]),
                flops_6nd=float(flops[i]),
                loss=float(loss[i]),
            )
            for i in range(len(flops))
        ]
    )


def _fitted(form: SurfaceForm, points: Points) -> Known:
    theta = fit_parameters(points, form) if form.of_size else fit_curve(points, form).theta
    residuals = np.log(form.predict(theta, points.n_params, points.n_units) / points.loss)
    held = [
        name
        for name, value, (low, high) in zip(form.param_names, theta, form.bounds, strict=True)
        if name != form.offset and (value <= low + ON_BOUND * abs(low) or value >= high * (1 - ON_BOUND))
    ]
    return Known(theta=theta, misfit=float(residuals.std()), on_bound=tuple(held), points=points)
