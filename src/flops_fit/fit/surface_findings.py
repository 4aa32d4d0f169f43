"""What the reader of a fitted surface should know."""

from collections.abc import Iterator

from flops_fit.design import Finding
from flops_fit.fit.structure import IMPLAUSIBLE
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.text_columns import some

_ARRIVED = 1e-6
"""Share of the objective that one more step may still promise at a minimum."""
_RARE = 0.05
"""Share of draws that may end on a bound without a word."""
_WIDENED = 1.05
"""Inflation of intervals from which on it is worth a word."""
_NAMED = 3
"""Runs that a message names."""
_LIKE = 1.5
"""Ratio of two widths of one interval up to which they agree."""


def about_surface(surface: SurfaceLaw) -> Iterator[Finding]:
    """Yield what is doubtful about a surface that is the headline."""
    yield _about_intervals(surface)
    if surface.left_out:
        yield _about_left_out(surface)
    if surface.gain_left > _ARRIVED:
        yield Finding(
            code="not-converged",
            severity="error",
            message=f"The fit of {surface.name!r} has not arrived: one more step promises a gain of "
            f"{surface.gain_left:.2g}.",
            value=surface.gain_left,
            threshold=_ARRIVED,
            action="choose another form: these runs do not determine this one",
        )
    if surface.on_bound or surface.draws_on_bound > _RARE:
        found = dict(surface.parameters)
        names = ", ".join(f"{name} = {found[name].value:.3g}" for name in surface.on_bound)
        share = f"In {surface.draws_on_bound:.0%} of the resampled fits of {surface.name!r} a parameter"
        yield Finding(
            code="parameter-on-bound",
            severity="warning",
            message=f"{f'{names} of {surface.name!r}' if names else share} ended on a bound: not determined.",
            value=surface.draws_on_bound,
            threshold=_RARE,
            action="train a wider range of N and D",
        )
    if surface.structure_p_value is not None and surface.structure_p_value < IMPLAUSIBLE:
        yield Finding(
            code="wrong-form",
            severity="warning",
            message=f"Losses bend with N and D as {surface.name!r} cannot "
            f"(p = {surface.structure_p_value:.1g}): its intervals may be too narrow, above all far ahead.",
            value=surface.structure_p_value,
            threshold=IMPLAUSIBLE,
            action="compare `ces` and `kappa` under `fit`, or train IsoFLOP budgets, which need no form",
        )
    yield from _about_widths(surface)


def _about_intervals(surface: SurfaceLaw) -> Finding:
    """Say what the intervals rest on: the form alone, or forecasts of the table's own upper runs."""
    inflation, largest = surface.inflation, max(surface.inflation.size, surface.inflation.loss)
    if not inflation.n_origins:
        known = "hold if losses follow it; too few runs to see how far they do not"
    elif largest < _WIDENED:
        known = (
            "are as resampled runs give them; forecasts of the upper runs missed by no more than they allow"
        )
    else:
        known = (
            f"are {inflation.size:.2g} times (N*) and {inflation.loss:.2g} times (loss) as wide as resampled "
            "runs give them, because forecasts of the upper runs missed by so much more"
        )
    return Finding(
        code="form-assumed",
        severity="info",
        message=f"The answer assumes the form {surface.name!r}. Its intervals {known}.",
        action="train IsoFLOP budgets for an answer that assumes no form",
        value=largest,
        threshold=_WIDENED,
    )


def _about_left_out(surface: SurfaceLaw) -> Finding:
    named = some([f"{run.run_id} ({run.reason})" for run in surface.left_out], _NAMED, between="; ")
    window = surface.window
    gain = (
        f": without them forecasts err by {window.error:.2%} instead of {window.error_of_all:.2%}"
        if window is not None
        else ""
    )
    return Finding(
        code="left-out-runs",
        severity="warning",
        message=f"{len(surface.left_out)} runs far from the optimum do not count for {surface.name!r}"
        f"{gain}. They are {named}.",
        action=f"to keep them, fit {{kind: {surface.name}, keep_far_runs_because: <your reason>}}",
    )


def _about_widths(surface: SurfaceLaw) -> Iterator[Finding]:
    """Compare what resampling gives with the other opinions, all before any inflation."""
    opinions = {"the HC3 sandwich": surface.sandwich_width, "the profile": surface.profile_width}
    resampled = surface.resampled_width
    for name, width in opinions.items():
        ratio = resampled / width if width else 1.0
        if max(ratio, 1 / max(ratio, 1e-9)) > _LIKE:
            yield Finding(
                code="interval-widths",
                severity="warning",
                message=f"At the largest run resampling gives an interval of ln N* {ratio:.2g} times as "
                f"wide as {name} does.",
                action="look for single runs on which the answer hangs; believe the wider of the two",
                value=ratio,
                threshold=_LIKE,
            )
            return
