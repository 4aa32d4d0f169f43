"""What an interpreter shows of a result: two or three lines, and tables as they are."""

from pathlib import Path

from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.curve import points_on_curve
from flops_fit.result.prediction import predict


class Shown(str):
    """Text that an interpreter shows as it is, without quotes and escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ShownTable(Shown):
    """A table of Markdown, which notebooks show as HTML."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def brief(law: ScalingLaw, kept: Path | None) -> str:
    """Say what was fitted, the answer at the largest budget, whether to trust it and where it is kept."""
    low, high = map(numbers.compute, law.flops_range)
    fitted = f"ScalingResult: {law.headline.name!r} of {len(law.points)} runs, {low} to {high} FLOPs"
    where = f"kept in {kept}" if kept else "not kept: .save(DIR) does"
    return f"{fitted}\n  {_answer(law)}\n  {_trust(law)}; {where}"


def _trust(law: ScalingLaw) -> str:
    """Say in few words what the banners of a table say; `describe` has the reasons."""
    drawn = "SIMULATED, " if law.points.simulated else ""
    for severity, word in (("error", "UNRELIABLE"), ("warning", "usable, with reservations")):
        if codes := ", ".join(f.code for f in law.findings if f.severity == severity):
            return f"{drawn}{word} ({codes}; see .describe())"
    return f"{drawn}reliable"


def _answer(law: ScalingLaw) -> str:
    """Say the best at the largest budget, or the end of a curve that knows no best."""
    if isinstance(law.headline, CurveLaw):
        end = points_on_curve(law.headline)[-2]  # the last one is ten times beyond
        x = numbers.count(end.x) if law.headline.over == "data" else numbers.compute(end.x)
        unit = f"{law.unit}s" if law.headline.over == "data" else "FLOPs"
        return f"at {x} {unit}: L {numbers.loss(end.loss)} ({numbers.loss_range(end.loss_interval)})"
    p = predict(law, law.flops_range[1])
    size = f"N* {numbers.count(p.n_params)} ({numbers.count_range(p.n_params_interval)})"
    loss = f"L* {numbers.loss(p.loss)} ({numbers.loss_range(p.loss_interval)})"
    return f"at {numbers.compute(p.flops)} FLOPs: {size}, {loss}, 95% intervals"
