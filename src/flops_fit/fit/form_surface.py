"""Any `SurfaceForm` over the runs of one table, in parameters that suit an optimiser, in batches."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.options import DECAY
from flops_fit.fit.robust import Pull

_REACH = 150.0
"""Largest logarithm of a parameter, either way."""
_OPEN = (1e-9, 1e12)
"""What takes the place of an open bound while a form's bounds are searched."""
_NARROW = 100.0
_DIFFERENCE = 1e-5
_TAILS = 4.0
"""Degrees of freedom of what is expected: a parameter far from it is drawn back little."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FormSurface:
    """A form's surface over runs, arrays of shape (n_runs,).

    Parameters that cannot be negative are worked on as logarithms, the form's `offset` as a share of the
    typical loss.
    """

    form: SurfaceForm
    n_params: Floats
    n_units: Floats
    typical: float
    """Median loss."""
    root_weights: Floats = field(default_factory=lambda: np.ones(1))
    """Square root of what each run weighs, by which its response is multiplied; or one for all."""
    best: tuple[float, float] | None = None
    """N and D of the run of least loss, where something is expected of how the loss falls; else None."""

    def response(self, loss: Floats) -> Floats:
        """Return losses on the scale on which residuals are made small."""
        plain = np.log(loss) if self.form.space == "log" else loss / self.typical
        return plain * self.root_weights

    def fitted(self, work: Floats) -> tuple[Floats, Floats]:
        """Return responses, shape (batch, n_runs), and their slopes, shape (batch, n_runs, n_work)."""
        theta = self.theta(work)
        loss = self.losses(theta)
        by_work = self._slopes(theta) * self._theta_per_work(theta)[:, None, :]
        per_loss = self.root_weights / (loss if self.form.space == "log" else self.typical)
        return self.response(loss), by_work * np.broadcast_to(per_loss, loss.shape)[..., None]

    def losses(self, theta: Floats) -> Floats:
        """Return losses that are positive and finite wherever the search leads, shape (batch, n_runs)."""
        with np.errstate(all="ignore"):
            loss = predict_each(self.form, theta, self.n_params, self.n_units)
        return np.clip(np.nan_to_num(loss, nan=1e80), 1e-80, 1e80)

    def pull(self, work: Floats) -> Pull:
        """Return what is expected of parameters and of the loss's decay: a Student t around each centre."""
        named = self.form.expected
        places = [self.form.param_names.index(name) for name in named]
        decay, by_work = self._decay(work)
        found = np.concatenate([work[:, places], decay], axis=1)
        direct = np.broadcast_to(np.eye(work.shape[1])[places], (len(work), len(places), work.shape[1]))
        slopes = np.concatenate([direct, by_work], axis=1)
        centre, sd = np.array([*named.values(), *[DECAY] * decay.shape[1]]).reshape(-1, 2).T
        away = (found - centre) / sd
        weight = (_TAILS + 1) / (_TAILS + away**2) / sd**2
        cost = (_TAILS + 1) / 2 * np.log1p(away**2 / _TAILS)
        towards = np.einsum("bq,bqp->bp", weight * (centre - found), slopes)
        return Pull(cost.sum(axis=1), towards, np.einsum("bq,bqp,bqr->bpr", weight, slopes, slopes))

    def _decay(self, work: Floats) -> tuple[Floats, Floats]:
        """Return g·E/L at the best run, and its slopes; shapes (batch, 1) and (batch, 1, n_work), or none.

        By it the fall of ln L* slows down per e-fold of compute, if the form knows of an exponent g.
        """
        eye = np.eye(work.shape[1])
        steps = _DIFFERENCE * np.concatenate([np.zeros((1, len(eye))), eye, -eye])
        decays = self._decays((work[:, None] + steps).reshape(-1, len(eye)))
        if decays is None:
            return np.zeros((len(work), 0)), np.zeros((len(work), 0, len(eye)))
        here, above, below = np.split(decays.reshape(len(work), -1), [1, 1 + len(eye)], axis=1)
        return here, (above - below)[:, None] / (2 * _DIFFERENCE)

    def _decays(self, work: Floats) -> Floats | None:
        if self.best is None or self.form.offset is None:
            return None
        theta, (n_params, n_units) = self.theta(work), self.best
        if (exponent := self.form.loss_exponent(theta.T, n_params, n_units)) is None:
            return None
        with np.errstate(all="ignore"):
            loss = predict_each(self.form, theta, np.array([n_params]), np.array([n_units]))[:, 0]
            decays = exponent * theta[:, self.form.param_names.index(self.form.offset)] / loss
        return np.nan_to_num(decays, posinf=0.0, neginf=0.0)

    def lower(self) -> Floats:
        """Return the least allowed working parameters."""
        return self.work(np.array([low for low, _ in self.form.bounds]))

    def upper(self) -> Floats:
        """Return the largest allowed working parameters."""
        return self.work(np.array([high for _, high in self.form.bounds]))

    def theta(self, work: Floats) -> Floats:
        """Turn working parameters, shape (..., n_work), into the form's own."""
        exponential = np.exp(np.where(self._logarithmic, work, 0.0))
        return np.where(self._logarithmic, exponential, work * self._unit)

    def work(self, theta: Floats) -> Floats:
        """Turn the form's parameters, shape (..., n_work), into working ones."""
        positive = np.maximum(np.where(self._logarithmic, theta, 1.0), 1e-300)
        return np.where(self._logarithmic, np.clip(np.log(positive), -_REACH, _REACH), theta / self._unit)

    def inside(self, theta: Floats) -> Floats:
        """Turn the form's parameters, shape (..., n_work), into working ones within the bounds."""
        return np.clip(self.work(theta), self.lower(), self.upper())

    def spread(self, unit: Floats) -> Floats:
        """Spread points of the unit cube over the bounds: evenly over narrow ones, else on a log scale."""
        bounds = np.array(self.form.bounds)
        largest = np.where(self._logarithmic, _OPEN[1], 10 * self._unit)
        low, high = np.maximum(bounds[:, 0], -largest), np.minimum(bounds[:, 1], largest)
        low = np.where(self._logarithmic, np.maximum(low, _OPEN[0]), low)
        even = self.work(low + unit * (high - low))
        logarithmic = self.work(low) + unit * (self.work(high) - self.work(low))
        return np.where(high - low <= _NARROW, even, logarithmic)

    @property
    def _logarithmic(self) -> NDArray[np.bool_]:
        names, bounds = self.form.param_names, self.form.bounds
        return np.array(
            [low >= 0 and name != self.form.offset for name, (low, _) in zip(names, bounds, strict=True)]
        )

    @property
    def _unit(self) -> Floats:
        return np.array([self.typical if name == self.form.offset else 1.0 for name in self.form.param_names])

    def _theta_per_work(self, theta: Floats) -> Floats:
        return np.where(self._logarithmic, theta, self._unit)

    def _slopes(self, theta: Floats) -> Floats:
        with np.errstate(all="ignore"):
            if self.form.batched:
                stated = self.form.jacobian(theta.T[..., None], self.n_params, self.n_units)
            else:
                each = [self.form.jacobian(row, self.n_params, self.n_units) for row in theta]
                stated = None if any(rows is None for rows in each) else np.array(each)
            slopes = self._differences(theta) if stated is None else stated
            return slopes if np.isfinite(slopes).all() else np.nan_to_num(slopes, posinf=0.0, neginf=0.0)

    def _differences(self, theta: Floats) -> Floats:
        """Difference the prediction, parameter by parameter, a millionth to either side."""
        step = 1e-6 * np.maximum(np.abs(theta), 1e-6)
        sides = [
            (self.losses(theta + step * one) - self.losses(theta - step * one)) / (2 * step @ one)[:, None]
            for one in np.eye(theta.shape[1])
        ]
        return np.stack(sides, axis=-1)


def predict_each(form: SurfaceForm, thetas: Floats, n_params: Floats, n_units: Floats) -> Floats:
    """Return the losses of each of a batch of parameters, shape (batch, n_runs)."""
    if form.batched:
        return form.predict(thetas.T[..., None], n_params, n_units)
    return np.array([form.predict(theta, n_params, n_units) for theta in thetas])
