"""Hours, devices and how long it takes."""

from dataclasses import replace

import pytest

from flops_fit.errors import FitError, speaking_to_command_line
from flops_fit.quantities import Interval
from flops_fit.result import ScalingResult
from flops_fit.result.devices import DEVICES, find_device
from flops_fit.runs import Speed

SPEED = Speed(flops_per_s=1e11, seen=Interval(8e10, 1.25e11, 1.0), n_params=1e6, n_runs=4)


@pytest.fixture
def timed_law(known_law):
    return replace(known_law, speed=SPEED)


def test_hours_of_a_device_are_its_peak_times_what_of_it_is_used(known_law):
    result = ScalingResult(known_law)
    answer = result.predict(gpu_hours=0.01, device="h100", utilisation=0.4)
    assert answer.flops == pytest.approx(0.01 * 3600 * 0.4 * 989.5e12)
    assert answer.duration.seconds.value == pytest.approx(36)
    assert answer.n_params_interval == result.predict(answer.flops).n_params_interval


def test_hours_of_the_sweeps_own_machine_are_as_uncertain_as_it_was_seen_to_be(timed_law):
    answer = ScalingResult(timed_law).predict(gpu_hours=100)
    assert answer.flops == pytest.approx(100 * 3600 * 1e11)
    assert [answer.flops_interval.low, answer.flops_interval.high] == pytest.approx([2.88e16, 4.5e16])
    plain = ScalingResult(timed_law).predict(answer.flops)
    assert answer.n_params_interval.low < plain.n_params_interval.low
    assert answer.n_params_interval.high > plain.n_params_interval.high


def test_a_timed_law_says_how_long_every_answer_takes(timed_law, known_law):
    duration = ScalingResult(timed_law).predict(1e16).duration
    assert (duration.seconds.value, duration.seconds.interval.high) == pytest.approx((1e5, 1.25e5))
    assert str(duration) == (
        "about 28 hours, 22 hours to 35 hours of the sweep's machine "
        "(at the pace of its 4 largest runs, up to 1.00M parameters)"
    )
    assert ScalingResult(known_law).predict(1e16).duration is None


def test_devices_are_found_whatever_their_capitals_and_by_their_peak():
    assert find_device("NVIDIA GeForce RTX-4090").name == "RTX 4090"
    assert find_device("tpu_v5e").peak == 197e12
    assert find_device("H100 SXM5").name == "H100"
    assert find_device("9.9e14").peak == 9.9e14
    assert len({find_device(device.name) for device in DEVICES}) == len(DEVICES)


@pytest.mark.parametrize(
    ("asked", "code", "hint"),
    [
        ({"device": "H10"}, "unknown-device", "use 'H100'"),
        ({"device": "abacus"}, "unknown-device", "peak FLOP/s as a number"),
        ({"device": "12"}, "unknown-device", "peak FLOP/s as a number"),
        ({"device": "H100"}, "no-utilisation", "utilisation=0.4"),
        ({"device": "H100", "utilisation": 40}, "bad-utilisation", "0.4"),
        ({"utilisation": 0.4}, "no-device", 'device="H100"'),
    ],
)
def test_a_machine_that_is_not_told_is_not_assumed(known_law, asked, code, hint):
    with pytest.raises(FitError, match=hint) as caught:
        ScalingResult(known_law).predict(1e16, **asked)
    assert caught.value.code == code


@pytest.mark.parametrize("asked", [{"device": "H100"}, {"utilisation": 0.4}])
def test_the_sweeps_own_machine_is_offered_only_where_it_was_timed(known_law, timed_law, asked):
    fixes = []
    for law in (known_law, timed_law):
        with pytest.raises(FitError) as caught:
            ScalingResult(law).predict(1e16, **asked)
        fixes.append("the sweep's own machine" in caught.value.fix)
    assert fixes == [False, True]


def test_hours_without_any_speed_are_refused(known_law):
    with pytest.raises(FitError, match="no run of this law was timed") as caught:
        ScalingResult(known_law).predict(gpu_hours=1)
    assert caught.value.code == "no-speed"
    assert caught.value.fix == 'name one: device="H100", utilisation=0.4'
    with speaking_to_command_line(), pytest.raises(FitError) as caught:
        ScalingResult(known_law).predict(gpu_hours=1)
    assert caught.value.fix == "name one: --device H100 --utilisation 0.4"
