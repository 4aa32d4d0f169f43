"""Any `SurfaceForm` over the runs of one table: starts from its bounds, slopes from its contract."""

from dataclasses import dataclass

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.robust import huber, refine

_LEAST, _LARGEST = 1e-9, 1e12
"""What takes the place of an open bound."""
_NARROW = 100.0
_SCANNED = 12
"""Binary logarithm of how many parameter vectors are tried."""
_REFINED = 16
"""How many of them are improved before the best is taken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FormSurface:
    """A form's surface. Parameters that cannot be negative are worked on as logarithms."""

    form: SurfaceForm
    n_params: Floats
    n_units: Floats

    def log_loss(self, work: Floats) -> tuple[Floats, Floats]:
        """Return ln loss, shape (batch, n_runs), and its slopes, shape (batch, n_runs, n_work)."""
        theta = self.theta(work)
        loss = np.array([self._predict(row) for row in theta])
        slopes = np.array([self._jacobian(row) for row in theta])
        return np.log(loss), slopes * np.where(self._positive, theta, 1.0)[:, None, :] / loss[..., None]

    def lower(self) -> Floats:
        """Return the least allowed working parameters."""
        return self._work(np.array([low for low, _ in self.form.bounds]))

    def upper(self) -> Floats:
        """Return the largest allowed working parameters."""
        return self._work(np.array([high for _, high in self.form.bounds]))

    def theta(self, work: Floats) -> Floats:
        """Turn working parameters, shape (..., n_work), into the form's own."""
        return np.where(self._positive, np.exp(np.where(self._positive, work, 0.0)), work)

    def start(self, loss: Floats) -> Floats:
        """Return the best of the most promising points of a scan of the bounds, each refined."""
        from scipy.stats import qmc  # costs a second to import, and only plugins' forms need it

        unit = qmc.Sobol(d=len(self.form.bounds), scramble=False).random_base2(_SCANNED)
        work = np.clip(self._spread(unit), self.lower(), self.upper())
        misses = np.array(
            [np.abs(np.log(self._predict(row)) - np.log(loss)).sum() for row in self.theta(work)]
        )
        promising = work[np.argsort(misses, kind="stable")[:_REFINED]]
        counts = np.ones((len(promising), len(loss)))
        refined = refine(self, np.log(loss), promising, counts=counts, loss=huber(0.01), steps=100)
        best = huber(0.01).cost(refined.residuals).sum(axis=1).argmin()
        return np.array(refined.work[best])

    def _spread(self, unit: Floats) -> Floats:
        """Spread points of the unit cube over the bounds: evenly over narrow ones, else on a log scale."""
        low, high = np.array(self.form.bounds).T
        even = self._work(low + unit * np.where(high - low <= _NARROW, high - low, 0.0))
        logarithmic = self.lower() + unit * (self.upper() - self.lower())
        return np.where(high - low <= _NARROW, even, logarithmic)

    @property
    def _positive(self) -> Floats:
        return np.array([low >= 0 for low, _ in self.form.bounds])

    def _work(self, theta: Floats) -> Floats:
        capped = np.clip(theta, -_LARGEST, _LARGEST)
        return np.where(self._positive, np.log(np.maximum(capped, _LEAST)), capped)

    def _predict(self, theta: Floats) -> Floats:
        """Return losses that are positive and finite wherever the scan of a form's bounds leads."""
        with np.errstate(all="ignore"):
            loss = self.form.predict(theta, self.n_params, self.n_units)
        return np.clip(np.nan_to_num(loss, nan=1e30), 1e-30, 1e30)

    def _jacobian(self, theta: Floats) -> Floats:
        with np.errstate(all="ignore"):
            stated = self.form.jacobian(theta, self.n_params, self.n_units)
        return np.nan_to_num(self._differences(theta) if stated is None else stated)

    def _differences(self, theta: Floats) -> Floats:
        columns = []
        for i, value in enumerate(theta):
            step = np.zeros_like(theta)
            step[i] = 1e-6 * max(abs(value), 1e-6)
            columns.append((self._predict(theta + step) - self._predict(theta - step)) / (2 * step[i]))
        return np.stack(columns, axis=1)
