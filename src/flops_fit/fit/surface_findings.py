"""What the reader of a fitted surface should know."""

from collections.abc import Iterator

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.surface import SurfaceLaw

_ARRIVED = 1e-6
"""Share of the objective that one more step may still promise at a minimum."""
_RARE = 0.05
"""Share of draws that may end on a bound without a word."""
_IMPLAUSIBLE = 0.01
"""Probability below which structure in the residuals is no accident."""
_LIKE = 1.5
"""Ratio of two widths of one interval up to which they agree."""


def about_surface(surface: SurfaceLaw) -> Iterator[Finding]:
    """Yield what is doubtful about a surface that is the headline."""
    yield Finding(
        code="form-assumed",
        severity="info",
        message=f"Intervals hold if losses follow {surface.name!r}; they know nothing of its misfit.",
        action="train IsoFLOP budgets for an answer that assumes no form",
    )
    if surface.gain_left > _ARRIVED:
        yield Finding(
            code="not-converged",
            severity="error",
            message=f"The fit of {surface.name!r} has not arrived: one more step promises a gain of "
            f"{surface.gain_left:.2g}.",
            action="choose another form: these runs do not determine this one",
        )
    if surface.on_bound or surface.draws_on_bound > _RARE:
        names = ", ".join(surface.on_bound)
        share = f"In {surface.draws_on_bound:.0%} of the resampled fits of {surface.name!r} a parameter"
        yield Finding(
            code="parameter-on-bound",
            severity="warning",
            message=f"{f'{names} of {surface.name!r}' if names else share} ended on a bound: not determined.",
            action="train a wider range of N and D",
        )
    if surface.structure_p_value is not None and surface.structure_p_value < _IMPLAUSIBLE:
        yield Finding(
            code="wrong-form",
            severity="warning",
            message=f"Losses bend with N and D as {surface.name!r} cannot "
            f"(p = {surface.structure_p_value:.1g}): its intervals are too narrow, above all far ahead.",
            action="compare `ces` and `kappa` under `fit`, or train IsoFLOP budgets, which need no form",
        )
    if surface.sandwich_width is not None:
        yield from _about_widths(surface, surface.sandwich_width)


def _about_widths(surface: SurfaceLaw, by_sandwich: float) -> Iterator[Finding]:
    interval = surface.optimum(surface.flops_range[1]).n_params.interval
    ratio = float(np.log(interval.high / interval.low)) / by_sandwich if by_sandwich > 0 else 1.0
    if max(ratio, 1 / ratio) > _LIKE:
        yield Finding(
            code="interval-widths",
            severity="warning",
            message="At the largest run resampling gives an interval of ln N* "
            f"{ratio:.2g} times as wide as the HC3 sandwich does.",
            action="look for single runs on which the answer hangs; believe the wider of the two",
        )
