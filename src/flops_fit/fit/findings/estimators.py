"""Does the answer of a surface depend on how outlying runs are judged?"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.findings.refits import log_n_at, refitted
from flops_fit.fit.points import Points
from flops_fit.fit.robust import RobustLoss, huber, tukey
from flops_fit.fit.surface import SurfaceLaw

_AHEAD = 10.0
_RESIDUALS = {"log": "ln loss", "linear": "the loss"}
_OTHER = {"log": "linear", "linear": "log"}
_LEAST_SQUARES = 1e6
"""Huber's delta, in residual scales, beyond any residual."""


def about_estimators(points: Points, law: SurfaceLaw) -> Iterator[Finding]:
    """Say so where several judgements of residuals put N* further apart than half its interval is wide.

    That plain least squares differ is a warning to those who would use them, and no doubt about a robust fit.
    """
    scale, flops = law.residual_scale, _AHEAD * law.flops_range[1]
    robust = {
        "Huber's loss": _by(points, law, huber(1.345 * scale), flops),
        "Tukey's": _by(points, law, tukey(4.685 * scale), flops),
    }
    plain = {
        f"least squares of {_RESIDUALS[law.form.space]}": _by(
            points, law, huber(_LEAST_SQUARES * scale), flops
        ),
        f"those of {_RESIDUALS[_OTHER[law.form.space]]}": _other_space(points, law, flops),
    }
    interval = law.optimum(flops).n_params.interval
    half = float(np.log(interval.high / interval.low)) / 2
    answers = {**robust, **plain}
    if np.ptp(list(answers.values())) > half:
        yield Finding(
            code="estimators-differ",
            severity="warning" if np.ptp(list(robust.values())) > half else "info",
            message=f"At {_AHEAD:g} times the largest budget N* is "
            + ", ".join(f"{np.exp(log_n):.3g} by {name}" for name, log_n in answers.items())
            + ": single runs decide it.",
            action="look at the runs that lie off the surface, and leave out those that went wrong",
            value=float(np.ptp(list(answers.values()))),
            threshold=half,
        )


def _by(points: Points, law: SurfaceLaw, loss: RobustLoss, flops: float) -> float:
    refined = refitted(points, law, np.ones((1, len(points))), loss)
    return float(log_n_at(points, law, refined.work, flops)[0])


def _other_space(points: Points, law: SurfaceLaw, flops: float) -> float:
    other = replace(law, form=law.form.model_copy(update={"space": _OTHER[law.form.space]}))
    return _by(points, other, huber(_LEAST_SQUARES), flops)
