"""What a law answers for one budget: `Prediction`, complete with intervals and caveats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flops_fit.fit import Optimum, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.near_optimal import near_optimal_n, noise_of_a_run

FAR = 1000.0
"""Times the largest budget trained beyond which an answer must be asked for explicitly."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is doubtful about one answer, with the number of times by which it is."""

    before: str
    times: float
    after: str

    def __str__(self) -> str:
        return worded([self])


def worded(doubts: Sequence[Doubt]) -> str:
    """Word doubts that differ in their number only as one sentence, which names the range."""
    low, high = (numbers.times(end) for end in (min(d.times for d in doubts), max(d.times for d in doubts)))
    return f"{doubts[0].before} {low if low == high else f'{low} to {high}'}{doubts[0].after}".lstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The compute-optimal allocation of one budget and the loss it reaches."""

    flops: float
    n_params: float
    n_units: float
    loss: float
    n_params_interval: Interval
    n_units_interval: Interval
    loss_interval: Interval
    near_optimal_n: Interval
    """Sizes whose loss is within `noise` of the least, by the fitted curve; not an interval of confidence."""
    noise: float
    """Standard deviation of ln loss by which one run scatters around the law; 0.01 where it is not known."""
    extrapolation: float
    """flops over the largest budget trained."""
    doubts: tuple[Doubt, ...]
    """What is doubtful about this answer beyond what is doubtful about all of the law's."""
    caveats: tuple[str, ...]
    """All that is doubtful, in words."""
    unit: str = "unit"
    """What one unit of D is."""

    def __str__(self) -> str:
        sizes, near = numbers.count_range(self.n_params_interval), numbers.count_range(self.near_optimal_n)
        lines = [
            f"At {numbers.compute(self.flops)} FLOPs (95% intervals):",
            f"  N  {numbers.count(self.n_params)} parameters, {sizes}",
            f"     as good: {near}, whose loss is within {self.noise:.2%} of the least, the scatter of runs",
            f"  D  {numbers.count(self.n_units)} {self.unit}s, {numbers.count_range(self.n_units_interval)}",
            f"  L  {numbers.loss(self.loss)}, {numbers.loss_range(self.loss_interval)}",
            *(f"  note: {caveat}" for caveat in self.caveats),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPrediction:
    """The loss of one size trained on so much data, optimal or not."""

    n_params: float
    n_units: float
    flops: float
    loss: float
    loss_interval: Interval
    caveats: tuple[str, ...]


def predict(law: ScalingLaw, flops: float) -> Prediction:
    """Return the law's answer at `flops`, however far away."""
    optimum = law.headline.optimum(flops)
    n_params, sizes = optimum.n_params.value, optimum.n_params.interval
    units_of_ends = (
        flops / law.points.flops_per_unit(sizes.high),
        flops / law.points.flops_per_unit(sizes.low),
    )
    doubts = _doubts(law, flops, optimum)
    noise = noise_of_a_run(law.headline, flops=flops, loss=optimum.loss.value)
    return Prediction(
        flops=flops,
        n_params=n_params,
        n_units=flops / law.points.flops_per_unit(n_params),
        loss=optimum.loss.value,
        n_params_interval=sizes,
        n_units_interval=Interval(*units_of_ends, sizes.level),
        loss_interval=optimum.loss.interval,
        near_optimal_n=near_optimal_n(law, flops, n_params, noise=noise),
        noise=noise,
        extrapolation=flops / law.flops_range[1],
        doubts=doubts,
        caveats=(*map(str, doubts), *general_caveats(law)),
        unit=law.unit,
    )


def predict_loss(law: ScalingLaw, n_params: float, n_units: float) -> LossPrediction:
    """Return the law's loss for any N and D."""
    flops = n_units * law.points.flops_per_unit(n_params)
    estimate = law.headline.loss_at(n_params, n_units)
    return LossPrediction(
        n_params=n_params,
        n_units=n_units,
        flops=flops,
        loss=estimate.value,
        loss_interval=estimate.interval,
        caveats=(*map(str, _doubts_about_budget(law, flops)), *general_caveats(law)),
    )


def general_caveats(law: ScalingLaw) -> tuple[str, ...]:
    """Return what is doubtful about every answer of a law."""
    return tuple(f.message for f in law.findings if f.severity != "info")


def _doubts(law: ScalingLaw, flops: float, optimum: Optimum) -> tuple[Doubt, ...]:
    return (*_doubts_about_budget(law, flops), *_doubts_about_size(law, flops, optimum))


def _doubts_about_budget(law: ScalingLaw, flops: float) -> Iterator[Doubt]:
    low, high = law.flops_range
    if flops > high * 1.001:
        yield _beyond(flops / high)
    if flops < low * 0.999:
        yield Doubt("", low / flops, " times below the smallest budget trained.")


def _beyond(times: float) -> Doubt:
    where = " times the largest budget trained"
    if times <= 10:
        return Doubt("Extrapolated:", times, f"{where}.")
    if times <= FAR:
        return Doubt("FAR EXTRAPOLATION:", times, f"{where}; the interval rests on the model of the trend.")
    return Doubt("NOT SUPPORTED:", times, f"{where}; nothing in these runs bears on it.")


def _doubts_about_size(law: ScalingLaw, flops: float, optimum: Optimum) -> Iterator[Doubt]:
    largest, interval = float(law.points.n_params.max()), optimum.n_params.interval
    if optimum.n_params.value > largest * 1.001:
        larger = optimum.n_params.value / largest
        yield Doubt("N* is", larger, f" times the largest model trained ({numbers.count(largest)}).")
    most, n_units = float(law.points.n_units.max()), flops / law.points.flops_per_unit(optimum.n_params.value)
    if n_units > most * 1.001:
        yield Doubt("D* is", n_units / most, f" times the most data trained on ({numbers.count(most)}).")
    if interval.high > 4 * interval.low:
        yield Doubt("N* is known only within a factor", interval.high / interval.low, ".")
