"""Conventions of counting: which ones a table follows, and how much an answer depends on them."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import read_flops_per_unit
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.points import Points
from flops_fit.fit.surface import fit_parameters

UNKNOWN: Literal["unknown"] = "unknown"
SizeConvention = Literal["total", "non-embedding", "unknown"]
FlopConvention = Literal["6ND", "counted", "unknown"]
_NOMINAL = 1.25
"""Largest ratio of a run's compute to 6·N·D if C names the budget that it was meant for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How N, C and the loss of runs were counted, as far as anybody said or the numbers show it."""

    n_params: SizeConvention = UNKNOWN
    """Whether N counts all parameters or leaves out embeddings and the output head."""
    flops: FlopConvention = UNKNOWN
    """Whether C is 6·N·D or counts operations."""
    loss_unit: str = UNKNOWN
    """E.g. 'nats per token'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionChange:
    """What becomes of the answer when sizes or compute are counted in another way."""

    name: str
    """The other way, e.g. 'N without embeddings'."""
    exponent_change: float
    """Its exponent of N* at the largest budget less the present one."""
    log_n_change: float
    """ln N* at the largest budget by it less the present one, both counted as the runs count N now."""


def declare(*, n_params: str, flops: str, loss_unit: str) -> Conventions:
    """Return what somebody says of their table.

    Raises:
        FitError: a word that is none of those allowed (`bad-convention`).
    """
    for name, found, allowed in (
        ("n_params", n_params, get_args(SizeConvention)),
        ("flops", flops, get_args(FlopConvention)),
    ):
        if found not in allowed:
            raise FitError(
                f"{name} is said to be {found!r}; allowed: {', '.join(allowed)}.",
                fix=f"{name}={(difflib.get_close_matches(str(found), allowed, n=1) or allowed)[0]!r}",
                code="bad-convention",
            )
    return Conventions(
        n_params=cast("SizeConvention", n_params),
        flops=cast("FlopConvention", flops),
        loss_unit=" ".join(loss_unit.split()) or UNKNOWN,
    )


def conventions_of(points: Points, declared: Conventions, *, unit: str) -> Conventions:
    """Fill in what nobody declared: our own runs know how they were counted, and 6·N·D can be seen.

    Raises:
        FitError: the FLOPs are not what they are declared to be (`convention-contradicted`).
    """
    _check_flops(points, declared.flops)
    ours = "imported" not in points.origins
    flops: FlopConvention = "6ND" if points.counted_6nd else "counted" if ours else UNKNOWN
    return Conventions(
        n_params=declared.n_params if declared.n_params != UNKNOWN or not ours else "total",
        flops=declared.flops if declared.flops != UNKNOWN else flops,
        loss_unit=declared.loss_unit if declared.loss_unit != UNKNOWN or not ours else f"nats per {unit}",
    )


def _check_flops(points: Points, declared: FlopConvention) -> None:
    ratio = points.flops / (6.0 * points.n_params * points.n_units)
    worst = int(np.argmax(np.abs(np.log(ratio))))
    if declared == "6ND" and abs(np.log(ratio[worst])) > np.log(_NOMINAL):
        raise FitError(
            f"C is declared to be 6·N·D, but it is {ratio[worst]:.3g} times that at {points.run_ids[worst]}.",
            fix="leave the declaration out, or correct the columns N, D and C",
            code="convention-contradicted",
        )
    if declared == "counted" and points.counted_6nd:
        raise FitError(
            "C is declared to be counted, but it is 6·N·D for every run (a table without C is given that).",
            fix="leave the declaration out, or give counted FLOPs in a column C",
            code="convention-contradicted",
        )


def convention_changes(points: Points) -> tuple[ConventionChange, ...]:
    """Refit under every other convention for which the runs have numbers; empty where they have none.

    Both sides of each comparison are `chinchilla` surfaces, so that nothing differs but the counting.
    """
    try:
        return tuple(_changes(points))
    except FitError:
        return ()


def _changes(points: Points) -> Iterator[ConventionChange]:
    total, smaller = points.n_params, points.n_params_nonembedding
    counts_both = bool(np.all(smaller > 0) and not np.allclose(smaller, total, rtol=1e-6))
    if not counts_both and points.counted_6nd:
        return
    log_n, exponent = _answer(points)
    if counts_both:
        other_log_n, other_exponent = _answer(_recounted(points, n_params=smaller))
        # What gives FLOPs per unit of a size also gives all parameters of a size without embeddings.
        all_params = read_flops_per_unit(smaller, np.ones_like(smaller), total)
        yield ConventionChange(
            name="N without embeddings",
            exponent_change=other_exponent - exponent,
            log_n_change=float(np.log(all_params(float(np.exp(other_log_n))))) - log_n,
        )
    if not points.counted_6nd:
        other_log_n, other_exponent = _answer(_recounted(points, flops=6.0 * total * points.n_units))
        yield ConventionChange(
            name="C = 6·N·D",
            exponent_change=other_exponent - exponent,
            log_n_change=other_log_n - log_n,
        )


def _recounted(points: Points, *, n_params: Floats | None = None, flops: Floats | None = None) -> Points:
    sizes = points.n_params if n_params is None else n_params
    compute = points.flops if flops is None else flops
    phi = read_flops_per_unit(sizes, points.n_units, compute)
    return replace(points, n_params=sizes, flops=compute, flops_per_unit=phi)


def _answer(points: Points) -> tuple[float, float]:
    """Return ln N* at the largest compute, and its slope in ln C over one e-fold around it."""
    theta, top = fit_parameters(points, Chinchilla()), float(points.flops.max())
    low, middle, high = (
        np.log(Chinchilla().optimum(theta, top * factor, points.flops_per_unit).n_params)
        for factor in np.exp([-0.5, 0.0, 0.5])
    )
    return float(middle), float(high - low)
