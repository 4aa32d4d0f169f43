"""`training.lr: auto` trains real runs, keeps them apart, survives interruption and refuses an edge."""

from typing import ClassVar, Literal

import pytest
import tiny_parts

from flops_fit.config.probe import probe
from flops_fit.design import plan_sweep
from flops_fit.engine.learning_rate import settle_learning_rate, untuned
from flops_fit.errors import TrainingError
from flops_fit.runs import RunStore

AUTO = {"batch_size": 16, "workers": 1, "lr": "auto"}


class FarOff(tiny_parts.Mlp):
    kind: Literal["far_off"] = "far_off"
    default_lr: ClassVar[float] = 0.5


class Promising(tiny_parts.Mlp):
    kind: Literal["promising"] = "promising"
    lr_transfers: ClassVar[bool] = True


class Hopeless(tiny_parts.Mlp):
    kind: Literal["hopeless"] = "hopeless"
    default_lr: ClassVar[float] = 1e-9


def trials_in(directory):
    with RunStore(directory / "learning-rate" / "runs.sqlite", read_only=True) as store:
        return store.read()


@pytest.fixture(scope="module")
def spec(make_spec):
    return make_spec(training=AUTO)


@pytest.fixture(scope="module")
def probed(spec):
    return probe(spec)


@pytest.fixture(scope="module")
def tuned(spec, probed, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tuned")
    return settle_learning_rate(spec, probed, directory), directory


def test_the_rate_becomes_a_number_for_every_size(tuned, probed):
    settled, _ = tuned
    lr = settled.spec.training.lr
    assert isinstance(lr, float)
    assert settled.findings[0].value == lr
    for run in plan_sweep(settled.spec, probed).runs:
        assert run.lr == settled.spec.lr_of(run.size.n_params)


def test_where_a_family_promises_no_transfer_rates_follow_the_best_of_each_size(tuned):
    """With the usual parametrisation the best rate falls with the width."""
    scaling = tuned[0].spec.training.lr_scaling
    assert -1.5 < scaling.exponent < 0


def test_a_family_whose_rate_transfers_keeps_one_rate(make_spec, probed, tmp_path):
    settled = settle_learning_rate(make_spec(model=Promising(), training=AUTO), probed, tmp_path)
    assert settled.spec.training.lr_scaling is None
    assert len({run.lr for run in plan_sweep(settled.spec, probed).runs}) == 1


def test_a_scaling_that_is_written_is_kept(make_spec, probed, tmp_path):
    scaling = {"at": 50.0, "exponent": -0.3}
    settled = settle_learning_rate(make_spec(training=AUTO | {"lr_scaling": scaling}), probed, tmp_path)
    assert settled.spec.training.lr_scaling.model_dump() == scaling


def test_it_lies_between_the_best_trials_of_the_middle_size(tuned, spec, probed):
    settled, directory = tuned
    cheapest = [run for run in plan_sweep(spec, probed).runs if run.budget == spec.budgets[0]]
    middle = sorted(cheapest, key=lambda run: run.size.n_params)[len(cheapest) // 2]
    rows = [
        row for row in trials_in(directory) if (row.size, row.budget) == (middle.size.name, middle.budget)
    ]
    best = min(rows, key=lambda row: row.loss)
    assert best.lr / 2 < settled.spec.training.lr < best.lr * 2
    assert min(row.lr for row in rows) < best.lr < max(row.lr for row in rows)


def test_other_sizes_are_tried_on_both_sides_of_it(tuned):
    settled, directory = tuned
    lr = settled.spec.training.lr
    by_cell = {}
    for row in trials_in(directory):
        by_cell.setdefault((row.size, row.budget), set()).add(row.lr)
    assert len(by_cell) >= 3
    assert sum({lr / 2, lr, 2 * lr} <= lrs for lrs in by_cell.values()) >= 2


def test_the_trials_are_kept_apart_from_the_sweep(tuned):
    _, directory = tuned
    assert not (directory / "runs.sqlite").exists()


def test_the_same_call_trains_nothing_again(tuned, spec, probed):
    settled, directory = tuned
    before, reports = trials_in(directory), []
    again = settle_learning_rate(spec, probed, directory, report=reports.append)
    assert again == settled
    assert trials_in(directory) == before
    assert all(report.last is None for report in reports)


def test_interrupted_after_any_trial_it_comes_to_the_same_rate(tuned, spec, probed, tmp_path):
    settled, directory = tuned

    def interrupt_after(n):
        def report(progress):
            if progress.last is not None and progress.done >= n:
                raise KeyboardInterrupt

        return report

    for n in (1, 4, 8):
        with pytest.raises(KeyboardInterrupt):
            settle_learning_rate(spec, probed, tmp_path, report=interrupt_after(n))
    assert settle_learning_rate(spec, probed, tmp_path) == settled
    assert [(row.run_id, row.loss) for row in trials_in(tmp_path)] == [
        (row.run_id, row.loss) for row in trials_in(directory)
    ]


def test_a_start_that_is_far_off_is_left_behind(tuned, make_spec, probed, tmp_path):
    """The search starts at half: fifty times the family's usual rate."""
    settled = settle_learning_rate(make_spec(model=FarOff(), training=AUTO), probed, tmp_path)
    assert settled.spec.training.lr == pytest.approx(tuned[0].spec.training.lr, rel=0.5)


def test_an_edge_is_refused(make_spec, probed, tmp_path):
    with pytest.raises(
        TrainingError, match=r"best learning rate of w6 .* lies outside of all that were tried"
    ) as error:
        settle_learning_rate(make_spec(model=Hopeless(), training=AUTO), probed, tmp_path)
    assert error.value.code == "rate-at-edge"


def test_a_trial_that_fails_is_told_with_its_reason(make_spec, probed, tmp_path):
    spec = make_spec(training=AUTO, model=tiny_parts.Trouble(width=128, deed="raise"))
    cheapest = sorted(
        (run.size.n_params, run.size.options["width"])
        for run in plan_sweep(spec, probed).runs
        if run.budget == spec.budgets[0]
    )
    spec = make_spec(training=AUTO, model=tiny_parts.Trouble(width=cheapest[0][1], deed="raise"))
    with pytest.raises(TrainingError, match="failed: ArithmeticError: the hidden layer is haunted"):
        settle_learning_rate(spec, probed, tmp_path)


def test_a_rate_that_is_written_is_left_as_it_is(make_spec, probed, tmp_path):
    spec = make_spec()
    assert settle_learning_rate(spec, probed, tmp_path / "none").spec is spec
    assert untuned(spec).spec is spec
    assert not (tmp_path / "none").exists()


def test_without_training_the_search_is_left_out(spec):
    assert untuned(spec).spec.training.lr == tiny_parts.Mlp.default_lr
