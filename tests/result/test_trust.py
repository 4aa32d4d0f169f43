"""What a law refuses to answer."""

from dataclasses import replace

import pytest

from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.quantities import Interval
from flops_fit.result import ScalingResult
from flops_fit.result.prediction import predict
from flops_fit.result.trust import check_known


def test_a_size_whose_order_of_magnitude_is_unknown_is_no_answer(known_law):
    prediction = predict(known_law, known_law.flops_range[1])
    check_known(prediction)
    with pytest.raises(FitError, match="not even known within a factor of 1000"):
        check_known(replace(prediction, n_params_interval=Interval(1e-193, 1e205, 0.95)))


class Vague:
    """A law that knows its losses within a factor of 1.8 only."""

    def __init__(self, law):
        self.law = law

    def __getattr__(self, name):
        return getattr(self.law, name)

    def optimum(self, flops):
        best = self.law.optimum(flops)
        ends = Interval(best.loss.value / 1.8, best.loss.value * 1.8, 0.95)
        return replace(best, loss=replace(best.loss, interval=ends))


def test_a_loss_that_does_not_tell_compute_is_refused_for_that_reason(known_law):
    """The law is 2 + 1.5·(C/1e15)^-0.1: within a factor of 1.8, 3.2 may be the loss of any compute."""
    result = ScalingResult(replace(known_law, headline=Vague(known_law.headline)))
    with pytest.raises(FitError, match=r"may take anything from .* to .* FLOPs \(9.3") as caught:
        result.predict(loss=3.2)
    assert caught.value.code == "undetermined-compute"
    assert result.predict(float(caught.value.fix.split("flops=")[1].split(";")[0])).loss == pytest.approx(
        3.2, 1e-3
    )
    answer = result.predict(loss=3.2, accept_unreliable=True)
    assert "C is bounded by the search alone, to 1,000 times below the smallest" in " ".join(answer.caveats)


def test_what_would_help_a_refused_fit_begins_with_the_sizes_to_train(known_law):
    def finding(code, severity, action):
        return Finding(code=code, severity=severity, message=f"{code}.", action=action)

    findings = (
        finding("undetermined-size", "error", "train more sizes"),
        finding("minimum-at-edge", "warning", "train sizes below N = 495"),
    )
    with pytest.raises(FitError, match="The fit is unreliable: undetermined-size") as caught:
        ScalingResult(replace(known_law, findings=findings)).predict(1e16)
    assert caught.value.fix.startswith("train sizes below N = 495; train more sizes; or take the number")
