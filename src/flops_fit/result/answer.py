"""Answers to every question a law takes: what is not given is chosen best, and what it costs is said."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from flops_fit.errors import FitError, argument
from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.fit.surface_law import SurfaceLaw
from flops_fit.quantities import Allocation, Interval
from flops_fit.result.doubts import Doubt, doubts_beyond_runs, doubts_off_optimum
from flops_fit.result.inverse import Found, best_data, best_size, flops_where, least_loss, size_of_cost
from flops_fit.result.life import Serving
from flops_fit.result.machine import Duration, Machine
from flops_fit.result.near_optimal import noise_of_a_run
from flops_fit.result.prediction import Prediction, predict, with_doubts
from flops_fit.result.question import Question
from flops_fit.result.serving import FORWARD, Served, best_within, cheapest_for, reaching, reconciled

_MOST_TENTHS = 30
"""Times that the units to serve are divided by ten in search of an answer."""


def answer(law: ScalingLaw, question: Question) -> Prediction:
    """Return what a law makes of a checked question.

    Raises:
        FitError: `out-of-reach` or `inference-dominates`.
    """
    try:
        return replace(_answer(law, question), question=question)
    except FitError as error:
        if error.code == "inference-dominates" and (fewer := _fewer_units(law, question)):
            units = argument("inference_units", f"{fewer:.3g}")
            error.fix = f"ask for {units}, or for a higher loss or more FLOPs"
        raise


def _fewer_units(law: ScalingLaw, question: Question) -> float | None:
    """Return the first tenth, hundredth and so on of the units to serve that has an answer."""
    for power in range(1, _MOST_TENTHS):
        units = (question.inference_units or 0.0) / 10.0**power
        with suppress(FitError):
            _answer(law, replace(question, inference_units=units))
            return units
    return None


def with_uncertain_flops(law: ScalingLaw, prediction: Prediction, flops: Interval) -> Prediction:
    """Widen what was predicted for compute that is known to an interval only, as if independent."""
    if flops.low == flops.high:
        return prediction
    ends = [predict(law, c) for c in (flops.low, flops.high)]
    return replace(
        prediction,
        flops_interval=flops,
        n_params_interval=_widened(
            prediction.n_params, prediction.n_params_interval, [end.n_params for end in ends]
        ),
        n_units_interval=_widened(
            prediction.n_units, prediction.n_units_interval, [end.n_units for end in ends]
        ),
        loss_interval=_up_to(
            law.headline.form.largest_loss if isinstance(law.headline, SurfaceLaw) else np.inf,
            _widened(prediction.loss, prediction.loss_interval, [end.loss for end in ends]),
        ),
    )


def timed(prediction: Prediction, machine: Machine | None) -> Prediction:
    """Say how long training takes on a machine, where one is known."""
    if machine is None:
        return prediction
    flops = Estimate(value=prediction.flops, interval=prediction.flops_interval or _exactly(prediction.flops))
    return replace(prediction, duration=Duration(seconds=machine.seconds(flops), machine=machine))


def _answer(law: ScalingLaw, q: Question) -> Prediction:
    if q.inference_units is not None:
        return _served(law, q)
    if split := _given_split(law, q):
        return _split(law, split)
    if q.flops is not None:
        return predict(law, q.flops)
    if q.n_params is not None:
        return _for_size(law, q.n_params)
    return _for_data(law, q.n_units) if q.n_units is not None else _for_loss(law, q.loss or 0.0)


def _given_split(law: ScalingLaw, q: Question) -> Allocation | None:
    """Return N and D where two of C, N and D are given, so that nothing is left to choose."""
    match (q.flops, q.n_params, q.n_units):
        case (None, float(n_params), float(n_units)):
            return Allocation(n_params, n_units)
        case (float(flops), float(n_params), None):
            return Allocation(n_params, flops / law.points.flops_per_unit(n_params))
        case (float(flops), None, float(n_units)):
            return Allocation(size_of_cost(law, flops / n_units), n_units)
        case _:
            return None


def _noise(law: ScalingLaw, flops: float) -> float:
    return noise_of_a_run(law.headline, flops=flops, loss=law.headline.optimum(flops).loss.value)


def _split(law: ScalingLaw, given: Allocation) -> Prediction:
    """Say what a given size on given data reaches, and by how much the best size of that compute beats it."""
    n_params, n_units = given.n_params, given.n_units
    flops = n_units * law.points.flops_per_unit(n_params)
    best, loss = predict(law, flops), _loss_at(law, n_params, n_units)
    excess = _excess(law, best, n_params, loss.value)
    if any(doubts_beyond_runs(law, flops, n_params)):
        excess = _at_least_as_open(excess, loss, best.loss)
    return with_doubts(
        law,
        replace(
            best,
            n_params=n_params,
            n_units=n_units,
            loss=loss.value,
            n_params_interval=_exactly(n_params),
            n_units_interval=_exactly(n_units),
            loss_interval=loss.interval,
            excess=excess,
        ),
        doubts_off_optimum(law, flops, n_params, n_units),
    )


def _loss_at(law: ScalingLaw, n_params: float, n_units: float) -> Estimate:
    """Return the loss of a size that need not be the best: the wider, the less the second opinion agrees."""
    estimate = law.headline.loss_at(n_params, n_units)
    return estimate if law.second is None else reaching(estimate, law.second.loss_at(n_params, n_units).value)


def _excess(law: ScalingLaw, best: Prediction, n_params: float, loss: float) -> Estimate:
    """Return how much more loss a size comes to than the best one, wherever in its interval that lies."""
    sizes = best.n_params_interval
    ratio = n_params / np.array([sizes.low, best.n_params, sizes.high])
    curve = law.headline.isoflop_curve(np.array([best.n_params, *(best.n_params * ratio)]), best.flops)
    excess = np.maximum(curve[1:] - curve[0], 0.0)
    low = 0.0 if n_params in sizes else float(excess.min())
    value = max(loss - best.loss, 0.0)
    return Estimate(
        value=value, interval=Interval(min(low, value), max(float(excess.max()), value), sizes.level)
    )


def _at_least_as_open(excess: Estimate, loss: Estimate, least: float) -> Estimate:
    """Widen what a size loses to what its loss may be: beyond the runs the shape of the curve is a guess."""
    low, high = (max(end - least, 0.0) for end in (loss.interval.low, loss.interval.high))
    ends = excess.interval
    return Estimate(
        value=excess.value, interval=Interval(min(ends.low, low), max(ends.high, high), ends.level)
    )


def _for_size(law: ScalingLaw, n_params: float) -> Prediction:
    found = flops_where(law, best_size(law, n_params))
    flops, per_unit = found.flops, law.points.flops_per_unit(n_params)
    level = flops.interval.level
    return replace(
        _at(law, found),
        flops_interval=flops.interval,
        n_params=n_params,
        n_params_interval=_exactly(n_params),
        n_units=flops.value / per_unit,
        n_units_interval=Interval(flops.interval.low / per_unit, flops.interval.high / per_unit, level),
    )


def _for_data(law: ScalingLaw, n_units: float) -> Prediction:
    found = flops_where(law, best_data(law, n_units))
    flops = found.flops
    sizes = [size_of_cost(law, c / n_units) for c in (flops.value, flops.interval.low, flops.interval.high)]
    return replace(
        _at(law, found),
        flops_interval=flops.interval,
        n_params=sizes[0],
        n_params_interval=Interval(sizes[1], sizes[2], flops.interval.level),
        n_units=n_units,
        n_units_interval=_exactly(n_units),
    )


def _for_loss(law: ScalingLaw, loss: float) -> Prediction:
    found = flops_where(law, least_loss(law, loss))
    return replace(with_uncertain_flops(law, _at(law, found), found.flops.interval), loss=loss)


def _at(law: ScalingLaw, found: Found) -> Prediction:
    """Return the optimum at a compute that was found, with what is doubtful about that."""
    best = predict(law, found.flops.value)
    return with_doubts(law, best, (*best.doubts, *found.doubts))


def _served(law: ScalingLaw, question: Question) -> Prediction:
    first = _life(law, question)
    other = _second_opinion(law, question)
    beyond = any(True for _ in doubts_beyond_runs(law, first.training_flops.value, first.n_params.value))
    served = first if other is None else reconciled(first, other, wholly=beyond)
    flops, n_params = served.training_flops.value, served.n_params.value
    loss = _loss_at(law, n_params, served.n_units.value)
    plain = _for_loss(law, loss.value)
    units = question.inference_units or 0.0
    cost = FORWARD * units * law.points.flops_per_unit(plain.n_params)
    return with_doubts(
        law,
        replace(
            predict(law, flops),
            flops_interval=served.training_flops.interval,
            n_params=n_params,
            n_params_interval=served.n_params.interval,
            n_units=served.n_units.value,
            n_units_interval=served.n_units.interval,
            loss=loss.value,
            loss_interval=loss.interval,
            near_optimal_n=served.near_optimal_n,
            serving=Serving(
                n_units=units,
                total_flops=served.total_flops,
                compute_optimal_n=plain.n_params,
                compute_optimal_total=plain.flops + cost,
            ),
        ),
        (
            *doubts_off_optimum(law, flops, n_params, served.n_units.value),
            *_disagreement(law, first, other),
        ),
    )


def _second_opinion(law: ScalingLaw, question: Question) -> Served | None:
    """Return what the other kind of law, fitted to the same runs, answers; None where there is no answer."""
    if law.second is None:
        return None
    try:
        return _life(replace(law, headline=law.second), question)
    except FitError:  # it reaches no such loss, or has no size to choose
        return None


def _disagreement(law: ScalingLaw, served: Served, other: Served | None) -> Iterator[Doubt]:
    if law.second is not None and other is not None and other.n_params.value not in served.n_params.interval:
        times = other.n_params.value / served.n_params.value
        yield Doubt(f"UNSTABLE: the second opinion, {law.second.name!r}, answers", times, " times this N.")


def _life(law: ScalingLaw, q: Question) -> Served:
    units = q.inference_units or 0.0
    if q.flops is not None:
        return best_within(law, q.flops, units, noise=_noise(law, q.flops))
    return cheapest_for(law, q.loss or 0.0, units, noise=_noise(law, law.flops_range[1]))


def _exactly(value: float) -> Interval:
    return Interval(value, value, 1.0)


def _up_to(most: float, interval: Interval) -> Interval:
    """Cut off what no run can show."""
    return interval if interval.high <= most else replace(interval, high=most)


def _widened(value: float, interval: Interval, ends: list[float]) -> Interval:
    away = np.log([interval.low, interval.high, *ends]) - np.log(value)
    low = np.hypot(away[0], min(*away[2:], 0.0))
    high = np.hypot(away[1], max(*away[2:], 0.0))
    return Interval(value * float(np.exp(-low)), value * float(np.exp(high)), interval.level)
