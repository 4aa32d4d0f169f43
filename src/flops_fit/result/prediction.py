"""What a law answers for one budget: `Prediction`, complete with intervals and caveats."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.banners import banners
from flops_fit.result.doubts import (
    UNSUPPORTED,
    Doubt,
    doubts_about_budget,
    doubts_about_optimum,
    general_caveats,
)
from flops_fit.result.life import Serving
from flops_fit.result.machine import Duration
from flops_fit.result.near_optimal import near_optimal_n, noise_of_a_run
from flops_fit.result.question import Question
from flops_fit.result.templates import render
from flops_fit.text_columns import wrapped


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

    @property
    def supported(self) -> bool:
        """Whether the runs bear on the answer at all."""
        return not any(doubt.before.startswith(UNSUPPORTED) for doubt in self.doubts)

    def __str__(self) -> str:
        return "\n".join(
            [
                *map(wrapped, self.banners),
                self._answer(),
                *(_indented(label, text) for label, text in self._details()),
            ]
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
            ("flops", "inference_units"): f"With {total} FLOPs in all, to train and to serve {demand},",
            (
                "inference_units",
                "loss",
            ): f"To reach a loss of {numbers.loss(self.loss)} and serve {demand} with "
            f"the least FLOPs for both, {total} in all,",
        }
        return premises.get(tuple(sorted(self.question.given)), f"With {flops} FLOPs")

    def _details(self) -> Iterator[tuple[str, str]]:
        """Yield what is known of each quantity, under its letter: its interval, and what belongs to it."""
        yield from self._about_compute()
        yield "N", self._span("n_params", self.n_params_interval)
        yield from self._about_near_optimal()
        per_param = numbers.ratio(self.n_units / self.n_params)
        yield "D", f"{self._span('n_units', self.n_units_interval)}; {per_param} per parameter"
        yield "L", f"{numbers.loss_range(self.loss_interval)}{_how_sure(self.loss_interval)}"
        if self.excess is not None:
            least, ends = self.loss - self.excess.value, self.excess.interval
            span = f"{ends.low / least:.2%} to {ends.high / least:.2%}"
            yield "", f"{self.excess.value / least:.2%} above the least of this compute ({span})"
        if self.serving is not None:
            yield "in all", str(self.serving)
        if self.duration is not None:
            yield "T", str(self.duration)
        above = " ".join(self.banners)
        yield from (("note", caveat) for caveat in self.caveats if caveat not in above)

    def _about_compute(self) -> Iterator[tuple[str, str]]:
        """Give training FLOPs where they are not given; with inference the first sentence names others."""
        if self.serving is not None:
            interval = self.flops_interval
            known = (
                f", {_span_of_compute(interval)}" if interval and not numbers.prints_as_one(interval) else ""
            )
            yield "C", f"{numbers.compute(self.flops)} FLOPs to train{known}"
        elif self.flops_interval is not None:
            yield "C", _span_of_compute(self.flops_interval)

    def _about_near_optimal(self) -> Iterator[tuple[str, str]]:
        """Name the sizes that are as good, unless that is one size only."""
        if not numbers.prints_as_one(self.near_optimal_n):
            same = " with the same FLOPs in all" if self.serving else ""
            near = f"as good: {numbers.count_range(self.near_optimal_n)}, whose loss{same} is within"
            yield "", f"{near} {self.noise:.2%} of the least, the scatter of runs"

    def _span(self, name: str, interval: Interval) -> str:
        if interval.low < interval.high:
            return f"{numbers.count_range(interval)}{_how_sure(interval)}"
        return "given" if name in self.question.given else "follows from what is given"


def _indented(label: str, text: str) -> str:
    return wrapped(f"  {label}: {text}" if len(label) > 1 else f"  {label:<2} {text}", indent=" " * 5)


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
    doubts = doubts_about_optimum(law, flops, optimum)
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
        caveats=(*map(str, doubts_about_budget(law, flops)), *general_caveats(law)),
    )


def with_doubts(law: ScalingLaw, prediction: Prediction, doubts: Iterable[Doubt]) -> Prediction:
    """Return the prediction with these doubts instead of its own."""
    listed = tuple(doubts)
    return replace(prediction, doubts=listed, caveats=(*map(str, listed), *general_caveats(law)))
