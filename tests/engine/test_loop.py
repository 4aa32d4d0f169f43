"""One run: exact units, the right optimiser, the right held-out loss, the same every time."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from flops_fit.engine.loop import evaluate, set_up, take_steps
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.trunk import train_run
from flops_fit.errors import DataError


@pytest.fixture
def spec(make_spec):
    return make_spec()


@pytest.fixture
def run(spec, plan_of):
    """The shortest run of the sweep."""
    return min(plan_of(spec).runs, key=lambda run: run.n_steps)


def without_time(record):
    return replace(record, wall_s=None)


def test_a_run_consumes_exactly_what_was_planned(run, spec):
    record = train_run(run, spec)
    assert record.status == "completed"
    assert record.n_units == run.n_units == run.n_steps * 16
    assert record.n_steps == run.n_steps
    assert record.flops == run.flops
    assert record.flops == pytest.approx(run.budget, rel=0.01)
    assert record.reason == ""


def test_the_same_run_gives_the_same_record(run, spec):
    assert without_time(train_run(run, spec)) == without_time(train_run(run, spec))


def test_what_was_drawn_before_a_run_does_not_change_it(run, make_spec, parts):
    spec = make_spec(model=parts.Mlp(dropout=0.5))
    first = train_run(run, spec)
    torch.manual_seed(99)
    torch.rand(7)
    assert train_run(run, spec).loss == first.loss


def test_the_precision_of_the_plan_decides_and_is_recorded(run, spec):
    """Whatever the spec or the device would choose now."""
    trainee = set_up(replace(run, precision="bf16"), spec)
    seen = []
    trainee.module.hidden.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    take_steps(trainee, 1)
    assert seen == [torch.bfloat16]
    assert train_run(replace(run, precision="fp32"), spec).precision == "fp32"


def test_another_seed_gives_another_loss(run, spec):
    assert train_run(replace(run, seed=1), spec).loss != train_run(run, spec).loss


def test_a_run_leaves_the_process_as_it_was(run, spec):
    threads, torch_state = torch.get_num_threads(), torch.get_rng_state()
    random_state = random.getstate()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that users draw from
    train_run(run, spec)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == random_state
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002 - same
    denormal = torch.tensor([1e-40]) * 1
    assert denormal.item() > 0


def test_a_run_is_what_a_plainly_written_loop_does(run, spec):
    """A second, independent form: torch's own scheduler, unfused AdamW, no chunks."""
    with reproducible(run.seed):
        model = spec.model.build(run.size, spec.data.spec())
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=run.lr, betas=(0.9, 0.99), eps=1e-12, weight_decay=0.0, foreach=False
        )
        warmup, cooldown = max(10, round(0.1 * run.n_steps)), round(0.18 * run.n_steps)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warmup, (run.n_steps - step) / cooldown, 1)
        )
        batches = spec.data.train_batches(run.batch_size, run.seed)
        for _ in range(run.n_steps):
            batch = next(batches)
            loss = (model(batch) - batch["targets"]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        held_out = next(spec.data.eval_batches(10**6))
        with torch.no_grad():
            expected = (model(held_out) - held_out["targets"]).square().mean().item()
    assert train_run(run, spec).loss == pytest.approx(expected, rel=1e-5)


def test_evaluation_weighs_units_not_batches(run, spec):
    """300 rows in batches of 128 leave a last one of 44."""
    trainee = set_up(run, spec)
    whole = spec.model_copy(update={"training": spec.training.model_copy(update={"eval_batch_size": 300})})
    assert evaluate(trainee, spec).loss == pytest.approx(evaluate(trainee, whole).loss, rel=1e-6)


def test_labels_of_minus_100_do_not_weigh_in_the_evaluation(run, make_spec, parts):
    spec = make_spec(data=parts.Labelled(), loss=parts.LabelledLoss())
    trainee = set_up(run, spec)
    counted = [batch["labels"] != -100 for batch in spec.data.eval_batches(2)]
    assert [int(mask.sum()) for mask in counted] == [3, 0, 1]
    assert evaluate(trainee, spec).loss == pytest.approx((3 * 1.0 + 1 * 9.0) / 4)


def test_metrics_are_means_over_the_counted_units_and_stand_in_the_record(run, make_spec, parts):
    spec = make_spec(data=parts.Labelled(), loss=parts.ReportedLoss())
    assert evaluate(set_up(run, spec), spec).metrics == {"label": pytest.approx((3 * 1.0 + 1 * 3.0) / 4)}
    record = train_run(run, make_spec(loss=parts.ReportedLoss()))
    assert list(record.metrics) == ["label"]


def test_what_is_reported_may_differ_from_what_is_trained(run, make_spec, parts):
    """Training minimises ten times the loss, which changes no step of AdamW at eps 0."""
    plain, scaled = (train_run(run, make_spec(loss=loss)) for loss in (parts.Squared(), parts.ReportedLoss()))
    assert scaled.loss == pytest.approx(plain.loss, rel=1e-3)
    trained = {record.loss: record.curve[-2].loss for record in (plain, scaled)}
    assert trained[scaled.loss] == pytest.approx(10 * trained[plain.loss], rel=1e-2)


def test_a_non_finite_loss_ends_the_run_early_as_diverged(run, make_spec, parts):
    long = replace(run, n_steps=1000)
    spec = make_spec(model=parts.Trouble(width=long.size.options["width"], deed="nan"))
    record = train_run(long, spec)
    assert (record.status, record.loss) == ("diverged", None)
    assert record.n_steps == 50
    assert "not finite by step 50" in record.reason


def test_a_learning_rate_beyond_reason_really_diverges(run, spec):
    assert train_run(replace(run, lr=1e30), spec).status == "diverged"


def test_clipping_bounds_the_gradient_that_the_optimiser_sees(run, make_spec):
    spec = make_spec(training={"batch_size": 16, "workers": 1, "grad_clip": 1e-3})
    trainee = set_up(run, spec)
    norms = []
    trainee.optimizer.register_step_pre_hook(
        lambda optimizer, *_: norms.append(
            math.sqrt(sum(p.grad.square().sum().item() for g in optimizer.param_groups for p in g["params"]))
        )
    )
    take_steps(trainee, 3)
    assert norms == pytest.approx([1e-3] * 3, rel=1e-3)


def test_weight_decay_shrinks_by_the_stated_fraction_at_the_peak_rate(run, make_spec):
    spec = make_spec(training={"batch_size": 16, "workers": 1, "weight_decay": 0.01, "warmup": 0})
    trainee = set_up(replace(run, warmup_steps=0), spec)
    for parameter in trainee.module.parameters():
        parameter.register_hook(torch.zeros_like)
    before = trainee.module.hidden.weight.detach().clone()
    take_steps(trainee, 1)
    assert torch.allclose(trainee.module.hidden.weight, before * 0.99, rtol=1e-6)


def test_data_that_ends_early_is_an_error_that_says_so(run, make_spec, parts):
    with pytest.raises(DataError, match="'points' ended after 20 batches"):
        train_run(run, make_spec(data=parts.Points(ends_after=20)))


def test_an_empty_held_out_set_is_an_error(run, make_spec, parts):
    with pytest.raises(DataError, match="held-out set"):
        train_run(run, make_spec(data=parts.Points(n_eval=0)))


def test_whole_steps_that_miss_the_budget_are_said_in_the_row(run, spec):
    assert "off target by +4.0%" in train_run(replace(run, budget=run.flops / 1.04), spec).reason
