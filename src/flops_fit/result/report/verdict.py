"""The first screen: the answer in one sentence, its numbers with intervals, and whether to trust them."""

from collections.abc import Iterator
from dataclasses import dataclass

from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.curve import points_on_curve
from flops_fit.result.prediction import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether to trust the numbers."""

    kind: str
    """Of CSS: good, mixed or bad."""
    mark: str
    """Says the same without colour."""
    title: str
    reasons: tuple[str, ...]
    """What speaks against them; the title counts these."""
    checked: tuple[str, ...]
    """How forecasts from lower runs did, which may well speak for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the answer."""

    symbol: str
    meaning: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one budget."""

    sentence: str
    figures: tuple[Figure, ...]
    doubts: tuple[str, ...]
    """What is doubtful about this answer beyond what is doubtful about all; a verdict lists it."""


def verdict_of(law: ScalingLaw, *, doubts: tuple[str, ...] = (), checked: tuple[str, ...] = ()) -> Verdict:
    """Judge by the findings, the gravest alone.

    Args:
        law: What to judge.
        doubts: What is doubtful about the answer that stands above the verdict.
        checked: How forecasts from lower runs did.
    """
    errors, warnings = ([f.message for f in law.findings if f.severity == s] for s in ("error", "warning"))
    simulated = ["The losses were drawn from a formula: nothing here was trained."] * law.points.simulated
    if errors:
        kind, mark, title = "bad", "✕", "UNRELIABLE: do not build on these numbers"
        reasons = (*simulated, *errors, *doubts)
    elif simulated:  # what forecasts made of a formula speaks for nothing
        kind, mark, title, checked = "bad", "✕", "SIMULATED: no result", ()
        reasons = (*simulated, *warnings, *doubts)
    elif reasons := (*warnings, *doubts):
        unstable = any(f.code == "unstable" for f in law.findings)
        word = "Usable, but UNSTABLE" if unstable else "Usable"
        kind, mark, title = "mixed", "!", f"{word}, with {_reservations(len(reasons))}"
    else:
        kind, mark, title = "good", "✓", "Nothing found that speaks against this fit"
    return Verdict(kind=kind, mark=mark, title=title, reasons=reasons, checked=checked)


def _reservations(count: int) -> str:
    return "one reservation" if count == 1 else f"{count} reservations"


def answer_of(law: ScalingLaw, prediction: Prediction | None) -> Answer:
    """Word one answer; of a curve, the loss at ten times the largest run."""
    if isinstance(law.headline, CurveLaw):
        return _answer_of_curve(law, law.headline)
    if prediction is None:
        raise TypeError("a law of sizes is reported by its predictions")
    p = prediction
    budget = f"{numbers.compute(p.flops)} FLOPs{_where(p.extrapolation)}"
    size, data = f"{numbers.count(p.n_params)} parameters", f"{numbers.count(p.n_units)} {p.unit}s"
    loss = f"{numbers.loss(p.loss)} ({numbers.unit(law.loss_unit)})"
    return Answer(
        sentence=f"With {budget}, train {size} on {data} and expect a loss of {loss}.",
        figures=tuple(_figures(law, p)),
        doubts=tuple(map(str, p.doubts)),
    )


def _figures(law: ScalingLaw, p: Prediction) -> Iterator[Figure]:
    yield Figure(
        symbol="N*",
        meaning="parameters",
        value=numbers.count(p.n_params),
        interval=_interval(numbers.count_range(p.n_params_interval)),
    )
    yield Figure(
        symbol="D*",
        meaning=f"{p.unit}s, {numbers.ratio(p.n_units / p.n_params)} per parameter",
        value=numbers.count(p.n_units),
        interval=_interval(numbers.count_range(p.n_units_interval)),
    )
    yield Figure(
        symbol="L*",
        meaning=f"loss, {numbers.unit(law.loss_unit)}",
        value=numbers.loss(p.loss),
        interval=_interval(numbers.loss_range(p.loss_interval)),
    )
    yield Figure(
        symbol="as good",
        meaning="parameters",
        value=numbers.count_range(p.near_optimal_n),
        interval=f"loss within {p.noise:.2%} of the least, the scatter of runs",
    )
    if p.duration is not None:
        value, _, ends = str(p.duration).partition(" of ")[0].partition(", ")
        yield Figure(symbol="time", meaning="to train it", value=value, interval=ends)


def _answer_of_curve(law: ScalingLaw, curve: CurveLaw) -> Answer:
    point, unit = points_on_curve(curve)[-1], numbers.unit(law.loss_unit)
    over_data = curve.over == "data"
    x = f"{numbers.count(point.x)} {law.unit}s" if over_data else f"{numbers.compute(point.x)} FLOPs"
    return Answer(
        sentence=f"With {x}, ten times the most trained, expect a loss of {numbers.loss(point.loss)} "
        f"({unit}); a curve over one quantity knows of no best size.",
        figures=(
            Figure(
                symbol="L",
                meaning=f"loss, {unit}",
                value=numbers.loss(point.loss),
                interval=_interval(numbers.loss_range(point.loss_interval)),
            ),
        ),
        doubts=("Extrapolated: 10 times the largest trained.",),
    )


def _where(extrapolation: float) -> str:
    if extrapolation > 1.001:
        return f", {numbers.times(extrapolation)} times the largest budget trained"
    return ", the largest budget trained" if extrapolation > 0.999 else ""


def _interval(ends: str) -> str:
    return f"95% interval {ends}"
