"""When a law refuses to answer unless told to: it is unreliable, or the question lies too far out."""

import numpy as np

from flops_fit.errors import FitError, argument
from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.doubts import FAR, ROUNDED, UNKNOWN
from flops_fit.result.prediction import Prediction


def check_reliable(law: ScalingLaw) -> None:
    """Refuse to answer from an unreliable fit.

    Raises:
        FitError: `unreliable-fit`.
    """
    if law.status == "unreliable":
        errors = [finding for finding in law.findings if finding.severity == "error"]
        edges = [finding for finding in law.findings if finding.code == "minimum-at-edge"]
        fixes = dict.fromkeys(finding.action for finding in (*edges, *errors))
        raise FitError(
            f"The fit is unreliable: {' '.join(finding.message for finding in errors)}",
            fix=f"{'; '.join(fixes)}; or take the number as it is: {_accept()}",
            code="unreliable-fit",
        )


def check_near(law: ScalingLaw, flops: float, *, asked: bool) -> None:
    """Refuse compute that nothing in the runs bears on; `asked` is whether it was given, not found.

    Raises:
        FitError: `far-extrapolation`.
    """
    low, top = law.flops_range
    subject = f"{flops:.3g} FLOPs" if asked else f"What is asked for takes {flops:.3g} FLOPs, which"
    if flops > FAR * ROUNDED * top:
        times = numbers.times(flops / top)
        raise _far(f"{subject} is {times} times the largest budget trained ({top:.3g})")
    if flops * FAR * ROUNDED < low:
        times = numbers.times(low / flops)
        raise _far(f"{subject} is {times} times below the smallest budget trained ({low:.3g})")


def _far(where: str) -> FitError:
    return FitError(
        f"{where}; answers are given up to a factor of {FAR:.0f} from those trained.",
        fix=f"train budgets nearer to it; or take the number as it is: {_accept()}",
        code="far-extrapolation",
    )


def check_known(prediction: Prediction) -> None:
    """Refuse an answer of which not even the order of magnitude is known.

    Raises:
        FitError: `undetermined-compute` or `far-extrapolation`.
    """
    flops = prediction.flops_interval
    if flops is not None and flops.high > UNKNOWN * flops.low:
        raise FitError(
            f"What is asked for may take anything from {flops.low:.3g} to {flops.high:.3g} FLOPs "
            f"({prediction.flops:.3g} is the best guess): these runs do not tell compute by it.",
            fix=f"ask what a budget reaches: {argument('flops', f'{prediction.flops:.3g}')}; or take the "
            f"number as it is: {_accept()}",
            code="undetermined-compute",
        )
    sizes = prediction.n_params_interval
    if np.log(sizes.high) - np.log(sizes.low) > np.log(UNKNOWN):
        raise FitError(
            f"At {prediction.flops:.3g} FLOPs N* is not even known within a factor of {UNKNOWN:.0f}: "
            "the runs say nothing about compute so far from theirs.",
            fix=f"ask for something nearer to the budgets trained; or take the number as it is: {_accept()}",
            code="far-extrapolation",
        )


def _accept() -> str:
    return argument("accept_unreliable", "True")
