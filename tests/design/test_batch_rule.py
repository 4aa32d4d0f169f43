"""A batch that is too large for the data of some run is told."""

from dataclasses import replace

import pytest

from flops_fit.design import plan_sweep
from flops_fit.design.batch_rule import batch_findings, best_batch


def found(spec, probe):
    return [finding for finding in plan_sweep(spec, probe).findings if finding.code == "large-batch"]


@pytest.mark.parametrize(("n_tokens", "batch"), [(1e9, 79_878), (1e11, 1_107_715)])
def test_the_best_batch_is_that_of_the_step_law(n_tokens, batch):
    assert best_batch(n_tokens) == pytest.approx(batch, rel=1e-4)


def test_a_batch_that_suits_every_run_is_not_mentioned(make_spec, make_probe):
    assert found(make_spec(training={"batch_size": 32}), make_probe()) == []


def test_a_batch_that_is_too_large_is_told_and_following_the_advice_ends_it(make_spec, make_probe):
    """A smaller batch may let the plan train larger models on less data, for which it is too large again."""
    rows = 2048
    for _ in range(4):
        (finding,) = found(make_spec(training={"batch_size": rows}), make_probe())
        assert finding.value > finding.threshold == 2.0
        rows = int(finding.action.split("training.batch_size to ")[1].split()[0])
        if not found(make_spec(training={"batch_size": rows}), make_probe()):
            return
    pytest.fail(f"still too large at {rows} rows")


def test_nothing_is_said_about_images(make_spec, make_probe):
    probe = make_probe()
    spec = make_spec(training={"batch_size": 2048})
    runs, data = plan_sweep(spec, probe).runs, replace(probe.data, unit="image", units_per_sample=1)
    assert batch_findings(runs, data) == ()
