"""Clauses about a loss surface or curve: its parameters, predictions, slopes and bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.components import SurfaceForm
from flops_fit_conformance.breach import Breach, require
from flops_fit_conformance.configs import TRIED
from flops_fit_conformance.reference_runs import Floats, known_parameters

MISFIT = 3e-3
"""Of ln loss: what a form may miss of a smooth surface without its bounds being to blame."""
LEAST_CHANGE, MOST_CHANGE = 1e-9, 1e-6
"""Relative change of the loss by which `predict` is differenced."""
SLOPES = 1e-4
"""Allowed distance of slopes from differences, over the largest slope of the parameter."""


def check_parameters_are_declared(form: SurfaceForm) -> None:
    """`param_names` and `bounds` go together; `offset` and the keys of `expected` are among the names."""
    names, bounds = form.param_names, form.bounds
    require(
        len(names) == len(bounds) == len(set(names)) and all(low < high for low, high in bounds),
        found=f"param_names {names} with bounds {bounds}",
        should="distinct names, and (low, high) with low < high for each",
        call=f"{type(form).__name__}.param_names, .bounds",
    )
    require(
        form.offset is None or form.offset in names,
        found=repr(form.offset),
        should=f"None, or one of {names}",
        call=f"{type(form).__name__}.offset",
    )
    strange = {name: of for name, of in form.expected.items() if name not in names or not of[1] > 0}
    require(
        not strange,
        found=f"{strange}",
        should=f"(centre, standard deviation > 0) of parameters among {names}",
        call=f"{type(form).__name__}.expected",
    )


def check_predictions_are_losses(form: SurfaceForm) -> None:
    """`predict` returns one positive, finite loss per run, and leaves its arguments alone."""
    points = known_parameters(form).points

    def clause(theta: Floats) -> None:
        n_params, n_units, given_theta = points.n_params.copy(), points.n_units.copy(), theta.copy()
        loss = form.predict(given_theta, n_params, n_units)
        call = f"{form!r}.predict({_shown(theta)}, n_params, n_units)"
        require(
            np.shape(loss) == n_params.shape and bool((np.isfinite(loss) & (np.asarray(loss) > 0)).all()),
            found=f"shape {np.shape(loss)} from {np.min(loss):.4g} to {np.max(loss):.4g}",
            should=f"positive, finite losses of shape {n_params.shape}",
            call=call,
        )
        kept = np.array_equal(n_params, points.n_params) and np.array_equal(n_units, points.n_units)
        require(
            kept and np.array_equal(theta, given_theta), found="changed arguments", should="copies", call=call
        )

    _on_parameters(form, clause)


def check_jacobian_agrees_with_differences(form: SurfaceForm) -> None:
    """`jacobian` is None, or the slopes of `predict` with respect to each parameter."""
    points = known_parameters(form).points

    def clause(near: Floats) -> None:
        theta, steps = _clear_of_bounds(form, near)
        stated = form.jacobian(theta, points.n_params, points.n_units)
        if stated is None:
            return
        call = f"{form!r}.jacobian({_shown(theta)}, n_params, n_units)"
        expected = _differences(form, theta, steps)
        require(
            stated.shape == expected.shape,
            found=f"shape {stated.shape}",
            should=f"shape {expected.shape}, one column per parameter",
            call=call,
        )
        scale = np.abs(expected).max(axis=0) + np.abs(stated).max(axis=0) + 1e-300
        worst = np.abs(stated - expected).max(axis=0) / scale
        i = int(np.argmax(worst))
        run = int(np.argmax(np.abs(stated - expected)[:, i]))
        require(
            worst[i] <= SLOPES,
            found=f"dL/d{form.param_names[i]} = {stated[run, i]:.6g} at a run",
            should=f"{expected[run, i]:.6g}, by differences of predict",
            call=call,
        )

    _on_parameters(form, clause)


def check_batches_of_parameters(form: SurfaceForm) -> None:
    """A form with `batched = True` predicts, and differentiates, many parameters as it does each of them."""
    if not form.batched:
        return
    known = known_parameters(form)
    points, thetas = known.points, np.stack([known.theta, _moved(form, known.theta, 0.9)])
    batch = thetas.T[..., None]
    for name, many, one_by_one in (
        (
            "predict",
            form.predict(batch, points.n_params, points.n_units),
            [form.predict(theta, points.n_params, points.n_units) for theta in thetas],
        ),
        (
            "jacobian",
            form.jacobian(batch, points.n_params, points.n_units),
            [form.jacobian(theta, points.n_params, points.n_units) for theta in thetas],
        ),
    ):
        if many is None:
            continue
        each = np.array(one_by_one)
        require(
            np.shape(many) == each.shape and np.allclose(many, each, rtol=1e-9),
            found=f"shape {np.shape(many)}, or other values",
            should=f"shape {each.shape} and the values of {name} for each theta",
            call=f"{form!r}.{name}(theta of shape {batch.shape}, n_params, n_units)",
        )


def check_columns_are_the_linear_part(form: SurfaceForm) -> None:
    """Where `grid` and `columns` are given, the loss is the sum of the first parameters times the columns."""
    known = known_parameters(form)
    points = known.points
    grid = form.grid(points.n_params, points.n_units)
    if grid is None:
        return
    n_nonlinear = len(grid)
    linear, nonlinear = known.theta[:-n_nonlinear], known.theta[-n_nonlinear:]
    columns = form.columns(nonlinear[:, None, None], points.n_params, points.n_units)
    call = f"{form!r}.columns(nonlinear of shape ({n_nonlinear}, 1, 1), n_params, n_units)"
    shape = (len(linear), 1, len(points))
    if columns is None or columns.shape != shape:
        raise Breach(
            found=f"{None if columns is None else columns.shape}", should=f"shape {shape}", call=call
        )
    summed = np.tensordot(linear, columns, axes=1)[0]
    loss = form.predict(known.theta, points.n_params, points.n_units)
    require(
        np.allclose(summed, loss, rtol=1e-9),
        found=f"a sum of {summed[0]:.6g} at a run",
        should=f"{loss[0]:.6g}, its prediction",
        call=call,
    )


def check_bounds_hold_ordinary_runs(form: SurfaceForm) -> None:
    """`bounds` include the truth: on a published surface they hold no parameter back."""
    known = known_parameters(form)
    held = [
        f"{name} = {value:.4g} at the end of ({low:.4g}, {high:.4g})"
        for name, value, (low, high) in zip(form.param_names, known.theta, form.bounds, strict=True)
        if name in known.on_bound
    ]
    require(
        not held or known.misfit <= MISFIT,
        found=f"{', '.join(held)}, which leaves {known.misfit:.1%} of the loss unexplained",
        should="bounds that include the parameters of ordinary runs",
        call=f"fitting {form!r} to losses of a published surface without noise",
    )


def _on_parameters(form: SurfaceForm, clause: object) -> None:
    """Hold `clause` to the known parameters, and to others up to a tenth away."""
    known = known_parameters(form)

    @TRIED
    @given(st.lists(st.floats(0.9, 1.1), min_size=len(known.theta), max_size=len(known.theta)))
    def on_each(factors: list[float]) -> None:
        clause(_moved(form, known.theta, np.array(factors)))  # type: ignore[operator]

    on_each()


def _moved(form: SurfaceForm, theta: Floats, factors: Floats | float) -> Floats:
    low, high = np.array(form.bounds).T
    inside: Floats = np.clip(theta * factors, low, high)
    return inside


def _clear_of_bounds(form: SurfaceForm, theta: Floats) -> tuple[Floats, Floats]:
    """Return steps to difference by, and theta moved off its bounds by a few of them.

    A step is a thousandth of the parameter, but for what would change the loss too much or drown in rounding.
    """
    points = known_parameters(form).points
    stated = form.jacobian(theta, points.n_params, points.n_units)
    slopes = np.zeros_like(theta) if stated is None else np.abs(stated).max(axis=0)
    per_share = np.where(slopes > 0, np.median(points.loss) / np.maximum(slopes, 1e-300), 1.0)
    steps = np.clip(1e-3 * np.abs(theta), LEAST_CHANGE * per_share, MOST_CHANGE * per_share)
    low, high = np.array(form.bounds).T
    return np.clip(theta, low + 3 * steps, high - 3 * steps), steps


def _differences(form: SurfaceForm, theta: Floats, steps: Floats) -> Floats:
    """Difference `predict` to fourth order, parameter by parameter."""
    points = known_parameters(form).points

    def at(moved: Floats) -> Floats:
        return np.asarray(form.predict(moved, points.n_params, points.n_units))

    columns = []
    for step in np.diag(steps):
        near, far = at(theta + step) - at(theta - step), at(theta + 2 * step) - at(theta - 2 * step)
        columns.append((8 * near - far) / (12 * step.sum()))
    return np.stack(columns, axis=-1)


def _shown(theta: Floats) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in theta) + ")"
