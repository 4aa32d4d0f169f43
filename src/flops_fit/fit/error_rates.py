"""Error rates: losses between 0 and 1 that saturate at both ends, which no sum of power laws follows."""

from collections.abc import Iterator

import numpy as np

from flops_fit.components import FitForm, SurfaceForm
from flops_fit.design import Finding
from flops_fit.errors import text_argument
from flops_fit.fit.conventions import UNKNOWN
from flops_fit.fit.forms import Bounded
from flops_fit.fit.points import Points
from flops_fit.fit.valley_law import has_valley

_WORDS = ("error", "accuracy", "1 - acc")
_FACTOR = 3.0
"""Losses per token or per byte may all lie below 1 too, but within a smaller factor."""


def are_error_rates(points: Points, loss_unit: str) -> bool:
    """Say whether the unit calls the losses error rates, or nobody names it and they look like it."""
    in_range = bool(points.loss.max() <= 1)
    if loss_unit != UNKNOWN:
        return in_range and any(word in loss_unit.lower() for word in _WORDS)
    return in_range and bool(points.loss.max() >= _FACTOR * points.loss.min())


def form_for_error_rates(points: Points, form: FitForm | None) -> FitForm | None:
    """Return `form`, or a bounded one where none was chosen and no budgets allow to do without."""
    return Bounded() if form is None and not has_valley(points) else form


def about_error_rates(points: Points, form: FitForm | None, loss_unit: str) -> Iterator[Finding]:
    """Yield the finding `error-rates`: an error where `form` cannot follow them, else a guess to confirm."""
    bounded = isinstance(form, Bounded)
    unsuited = isinstance(form, SurfaceForm) and not bounded
    if loss_unit != UNKNOWN and not unsuited:
        return
    low, high = np.round(points.loss.min(), 3), np.round(points.loss.max(), 3)
    treated = "they are fitted by 'bounded'" if bounded else "no power law holds up to 1"
    better = f"fit {text_argument('form', 'bounded')}, or cross-entropy" if unsuited else "fit cross-entropy"
    yield Finding(
        code="error-rates",
        severity="error" if unsuited else "warning",
        message=f"Losses from {low:g} to {high:g} look like error rates: {treated}.",
        action=f"{better} if you have it; say what they are: {text_argument('loss_unit', 'top-1 error')} "
        f"or {text_argument('loss_unit', 'nats per image')}",
    )
