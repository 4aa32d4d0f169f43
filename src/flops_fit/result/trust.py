"""When a law refuses to answer unless told to: it is unreliable, or the question lies too far out."""

from flops_fit.errors import FitError, argument
from flops_fit.fit import ScalingLaw
from flops_fit.result.prediction import FAR


def check_reliable(law: ScalingLaw) -> None:
    """Refuse to answer from an unreliable fit.

    Raises:
        FitError: `unreliable-fit`.
    """
    if law.status == "unreliable":
        reasons = " ".join(f.message for f in law.findings if f.severity == "error")
        raise FitError(
            f"The fit is unreliable: {reasons}",
            fix=f"{law.findings[0].action}; or take the number as it is: {_accept()}",
            code="unreliable-fit",
        )


def check_near(law: ScalingLaw, flops: float) -> None:
    """Refuse compute that nothing in the runs bears on.

    Raises:
        FitError: `far-extrapolation`.
    """
    top = law.flops_range[1]
    if flops > FAR * top:
        raise FitError(
            f"{flops:.3g} FLOPs is {flops / top:.3g} times the largest budget trained ({top:.3g}); "
            f"answers are given up to {FAR:.0f} times.",
            fix=f"train larger budgets; or take the number as it is: {_accept()}",
            code="far-extrapolation",
        )


def _accept() -> str:
    return argument("accept_unreliable", "True")
