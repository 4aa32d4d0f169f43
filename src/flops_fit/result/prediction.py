"""What a law answers for one budget: `Prediction`, complete with intervals and caveats."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flops_fit.fit import Estimate, Optimum, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.banners import banners
from flops_fit.result.life import Serving
from flops_fit.result.machine import Duration
from flops_fit.result.near_optimal import near_optimal_n, noise_of_a_run
from flops_fit.result.question import Question
from flops_fit.result.templates import render

FAR = 1000.0
"""Times the largest budget trained beyond which an answer must be asked for explicitly."""
ROUNDED = 1.006
"""Times by which compute may exceed what is meant, because three digits were written of it."""
_MARGIN = 0.1
"""e-folds of N by which a size may lie further from the best one than any run did."""


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
    """What to train and the loss to expect; what the question gives has an interval without width."""

    flops: float
    """Of training."""
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
    banners: tuple[str, ...] = ()
    """What must stand above the answer, such as that the law is unreliable, with the reasons."""
    unit: str = "unit"
    """What one unit of D is."""
    question: Question = field(default_factory=Question)
    """What was given; nothing but `flops` where nobody says."""
    flops_interval: Interval | None = None
    """None where the FLOPs are given."""
    excess: Estimate | None = None
    """Loss above the least of the same compute, where N and D are given; None where N is chosen best."""
    serving: Serving | None = None
    duration: Duration | None = None
    """None where no run was timed and no device is named."""

    def __str__(self) -> str:
        return "\n".join(
            [*self.banners, self._answer(), *(_indented(label, text) for label, text in self._details())]
        )

    def _repr_html_(self) -> str:
        """Return what notebooks show; names that users chose are escaped."""
        return render(
            "prediction.html", banners=self.banners, answer=self._answer(), details=list(self._details())
        )

    def _answer(self) -> str:
        train = (
            f"train {numbers.count(self.n_params)} parameters on {numbers.count(self.n_units)} {self.unit}s"
        )
        return f"{self._premise()} {train}; expect a loss of {numbers.loss(self.loss)}."

    def _premise(self) -> str:
        """Say what is given, and which compute that makes."""
        flops, served = numbers.compute(self.flops), self.serving
        size, data = (
            f"{numbers.count(self.n_params)} parameters",
            f"{numbers.count(self.n_units)} {self.unit}s",
        )
        demand = f"{numbers.count(served.n_units)} {self.unit}s" if served else ""
        total = numbers.compute(served.total_flops.value) if served else ""
        premises = {
            ("n_params",): f"With {size}, which are best at {flops} FLOPs,",
            ("n_units",): f"With {data}, which are best at {flops} FLOPs,",
            ("loss",): f"To reach a loss of {numbers.loss(self.loss)} with the least compute, {flops} FLOPs,",
            ("flops", "n_params"): f"With {flops} FLOPs for {size},",
            ("flops", "n_units"): f"With {flops} FLOPs and {data},",
            ("n_params", "n_units"): f"With {flops} FLOPs, which {size} take on {data},",
            ("flops", "inference_units"): f"With {total} FLOPs to train and to serve {demand},",
            (
                "inference_units",
                "loss",
            ): f"To reach a loss of {numbers.loss(self.loss)} and serve {demand} with "
            f"the least FLOPs in all, {total},",
        }
        return premises.get(tuple(sorted(self.question.given)), f"With {flops} FLOPs")

    def _details(self) -> Iterator[tuple[str, str]]:
        """Yield what is known of each quantity, under its letter: its interval, and what belongs to it."""
        if self.flops_interval is not None:
            yield "C", _span_of_compute(self.flops_interval)
        yield "N", self._span("n_params", self.n_params_interval)
        near = f"as good: {numbers.count_range(self.near_optimal_n)}, whose loss is within {self.noise:.2%}"
        yield "", f"{near} of the least, the scatter of runs"
        per_param = numbers.ratio(self.n_units / self.n_params)
        yield "D", f"{self._span('n_units', self.n_units_interval)}; {per_param} per parameter"
        yield "L", f"{numbers.loss_range(self.loss_interval)}{_how_sure(self.loss_interval)}"
        if self.excess is not None:
            least, ends = self.loss - self.excess.value, self.excess.interval
            span = f"{ends.low / least:.2%} to {ends.high / least:.2%}"
            yield "", f"{self.excess.value / least:.2%} above the least of this compute ({span})"
        if self.serving is not None:
            yield "life", str(self.serving)
        if self.duration is not None:
            yield "T", str(self.duration)
        above = " ".join(self.banners)
        yield from (("note", caveat) for caveat in self.caveats if caveat not in above)

    def _span(self, name: str, interval: Interval) -> str:
        if interval.low < interval.high:
            return f"{numbers.count_range(interval)}{_how_sure(interval)}"
        return "given" if name in self.question.given else "follows from what is given"


def _indented(label: str, text: str) -> str:
    return f"  {label}: {text}" if len(label) > 1 else f"  {label:<2} {text}"


def _span_of_compute(interval: Interval) -> str:
    """Write an interval of compute; of all that was seen there is one only where hours are given."""
    sure = ", as fast as the slowest and the fastest run timed" if interval.level == 1.0 else None
    return f"{numbers.compute_range(interval)}{sure or _how_sure(interval)}"


def _how_sure(interval: Interval) -> str:
    return f" ({interval.level:.0%} interval)"


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
        banners=banners(law),
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


def with_doubts(law: ScalingLaw, prediction: Prediction, doubts: Iterable[Doubt]) -> Prediction:
    """Return the prediction with these doubts instead of its own."""
    listed = tuple(doubts)
    return replace(prediction, doubts=listed, caveats=(*map(str, listed), *general_caveats(law)))


def doubts_off_optimum(law: ScalingLaw, flops: float, n_params: float, n_units: float) -> Iterator[Doubt]:
    """Yield what is doubtful about a size that is not the best one of its compute."""
    yield from _doubts_about_budget(law, flops)
    yield from _doubts_about_extent(law, "N", n_params, "D", n_units)
    yield from doubts_beyond_runs(law, flops, n_params)


def doubts_beyond_runs(law: ScalingLaw, flops: float, n_params: float) -> Iterator[Doubt]:
    """Doubt a size that is further from the best one of its compute than any run was from its own."""
    away = np.log(n_params / law.headline.optimum(flops).n_params.value)
    below, above = _reach(law)
    if away < below - _MARGIN:
        yield Doubt(
            "N is", np.exp(-away), f" times below the best size; runs reach {np.exp(-below):.3g} times."
        )
    if away > above + _MARGIN:
        yield Doubt(
            "N is", np.exp(away), f" times above the best size; runs reach {np.exp(above):.3g} times."
        )


def _reach(law: ScalingLaw) -> tuple[float, float]:
    """Return how far below and above the best size of their compute the sizes of runs lie, e-folds."""
    points = law.points
    flops = np.geomspace(points.flops.min(), points.flops.max(), 9)
    best = [law.headline.optimum(float(c)).n_params.value for c in flops]
    away = np.log(points.n_params) - np.interp(np.log(points.flops), np.log(flops), np.log(best))
    return float(away.min()), float(away.max())


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
    if times <= 10 * ROUNDED:
        return Doubt("Extrapolated:", times, f"{where}.")
    if times <= FAR * ROUNDED:
        return Doubt("FAR EXTRAPOLATION:", times, f"{where}; the interval rests on the model of the trend.")
    return Doubt("NOT SUPPORTED:", times, f"{where}; nothing in these runs bears on it.")


def _doubts_about_size(law: ScalingLaw, flops: float, optimum: Optimum) -> Iterator[Doubt]:
    n_params, interval = optimum.n_params.value, optimum.n_params.interval
    yield from _doubts_about_extent(law, "N*", n_params, "D*", flops / law.points.flops_per_unit(n_params))
    if interval.high > 4 * interval.low:
        yield Doubt("N* is known only within a factor", interval.high / interval.low, ".")


def _doubts_about_extent(
    law: ScalingLaw, size: str, n_params: float, data: str, n_units: float
) -> Iterator[Doubt]:
    largest, most = float(law.points.n_params.max()), float(law.points.n_units.max())
    if n_params > largest * 1.001:
        yield Doubt(
            f"{size} is", n_params / largest, f" times the largest model trained ({numbers.count(largest)})."
        )
    if n_units > most * 1.001:
        yield Doubt(f"{data} is", n_units / most, f" times the most data trained on ({numbers.count(most)}).")
