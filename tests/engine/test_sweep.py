"""The sweep: what is trained, skipped, survived, counted and reported."""

from dataclasses import replace
from itertools import pairwise

import pytest

from flops_fit.engine import run_sweep
from flops_fit.engine.shares import predicted_cost
from flops_fit.engine.trunk import train_run
from flops_fit.errors import TrainingError
from flops_fit.runs import RunStore, audit_findings


def losses(store):
    return {record.run_id: record.loss for record in store.read()}


def test_every_planned_run_becomes_a_completed_row(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    summary = run_sweep(plan, spec, store)
    assert summary.trained == summary.planned == len(plan.runs) == 10
    assert {record.run_id for record in store.read()} == set(summary.run_ids)
    assert all(record.status == "completed" and record.plan_id == plan.plan_id for record in store.read())
    assert summary.flops == pytest.approx(plan.flops_executed)
    assert sum(record.flops for record in store.read()) == pytest.approx(plan.flops)


def test_a_second_start_trains_nothing_and_changes_nothing(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    run_sweep(plan, spec, store)
    before = store.read()
    summary = run_sweep(plan, spec, store)
    assert (summary.trained, summary.skipped) == (0, 10)
    assert store.read() == before


def test_what_weakens_the_answer_is_told_before_anything_is_trained_and_not_again(
    make_spec, plan_of, store, caplog
):
    plan = plan_of(make_spec())
    grave = [finding.code for finding in plan.findings if finding.severity != "info"]
    at_start = []
    run_sweep(plan, make_spec(), store, report=lambda _: at_start.append(len(caplog.records)))
    assert grave
    assert [message.split("]")[0] for message in caplog.messages] == [f"WARNING [{code}" for code in grave]
    assert at_start[0] == len(grave)
    caplog.clear()
    run_sweep(plan, make_spec(), store)
    assert caplog.messages == []


def test_shared_steps_are_executed_once_and_rows_know_their_trunk(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    run_sweep(plan, spec, store)
    rows = {row.run_id: row for row in store.read()}
    (shared, *_) = [trunk for trunk in plan.trunks if len(trunk) > 1]
    short, long = (rows[run.run_id] for run in shared)
    assert short.trunk == long.trunk == shared[0].trunk
    assert short.flops_executed == short.flops
    assert long.flops_executed == pytest.approx(long.flops - shared[0].flops_per_step * shared[0].branch_step)


def test_trained_alone_rows_are_the_same_but_for_their_price(make_spec, plan_of, store, tmp_path):
    together, alone = make_spec(), make_spec(training={"batch_size": 16, "workers": 1, "mode": "alone"})
    run_sweep(plan_of(together), together, store)
    with RunStore(tmp_path / "alone.sqlite") as other:
        run_sweep(plan_of(alone), alone, other)
        assert other.audits() == ()
        assert losses(other) == losses(store)
        assert all(row.flops_executed == row.flops for row in other.read())


def test_a_cosine_sweep_runs_alone(make_spec, plan_of, store):
    training = {"batch_size": 16, "workers": 1, "mode": "alone", "schedule": "cosine"}
    spec = make_spec(training=training)
    assert run_sweep(plan_of(spec), spec, store).trained == 10
    assert {row.trunk for row in store.read()} == {""}


def test_a_larger_budget_keeps_finished_rows_and_trains_what_is_missing(make_spec, plan_of, store):
    run_sweep(plan_of(make_spec()), make_spec(), store)
    before = {row.run_id: row for row in store.read()}
    spec = make_spec(budgets=(1e6, 2e6, 3e6))
    plan = plan_of(spec)
    summary = run_sweep(plan, spec, store)
    assert summary.skipped == 10
    kept = [row for row in store.read() if row.run_id in before]
    assert [replace(row, plan_id="") for row in kept] == [replace(row, plan_id="") for row in before.values()]
    (new, *_) = [trunk[-1] for trunk in plan.trunks if len(trunk) > 1 and trunk[-1].budget == 3e6]
    assert losses(store)[new.run_id] == train_run(new, spec).loss


def test_one_run_is_audited_alone_and_equal_to_the_last_bit(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    run_sweep(plan, spec, store)
    (audit,) = store.audits()
    assert audit.run_id == plan.audited[0].run_id
    assert audit.loss == losses(store)[audit.run_id]
    run_sweep(plan, spec, store)
    assert store.audits() == (audit,)


def test_an_audit_finds_what_a_model_keeps_outside_of_its_tensors(
    make_spec, plan_of, parts, store, monkeypatch
):
    """A plain number counts training passes; the run alone ends before it is too high."""
    spec = make_spec()
    plan, forward = plan_of(spec), parts.Net.forward

    def tiring(net, batch):
        net.n_seen = getattr(net, "n_seen", 0) + net.training
        return forward(net, batch) * (net.n_seen <= plan.audited[0].n_steps + 3)

    monkeypatch.setattr(parts.Net, "forward", tiring)
    run_sweep(plan, spec, store)
    (finding,) = audit_findings(store.audits(), store.read())
    assert (finding.code, finding.severity) == ("audit-failed", "error")


def test_an_added_seed_trains_only_what_is_new(make_spec, plan_of, store):
    run_sweep(plan_of(make_spec()), make_spec(), store)
    spec = make_spec(seeds=(0, 1))
    summary = run_sweep(plan_of(spec), spec, store)
    assert (summary.trained, summary.skipped) == (10, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"batch_size": 16, "workers": 1, "cooldown": 0.3}},
        {"training": {"batch_size": 8, "workers": 1}},
        {"budgets": (1.001e6, 2.002e6)},
    ],
    ids=["schedule", "batch", "budgets"],
)
def test_a_changed_plan_never_reuses_rows(make_spec, plan_of, change):
    old, new = plan_of(make_spec()), plan_of(make_spec(**change))
    assert not {run.run_id for run in old.runs} & {run.run_id for run in new.runs}


def test_runs_of_other_settings_are_told_of_only_where_none_is_reused(make_spec, plan_of, store, caplog):
    run_sweep(plan_of(make_spec()), make_spec(), store)
    caplog.clear()
    larger, other = make_spec(seeds=(0, 1)), make_spec(budgets=(1.001e6, 2.002e6))
    for spec, told in ((larger, 0), (other, 1)):
        run_sweep(plan_of(spec), spec, store)
        assert (
            sum("holds" in message and "of other settings" in message for message in caplog.messages) == told
        )
    assert "holds 20 runs" in caplog.text


def test_the_longest_trunk_comes_first_and_its_shortest_run(make_spec, plan_of, store):
    spec, seen = make_spec(), []
    plan = plan_of(spec)
    run_sweep(plan, spec, store, report=lambda progress: seen.append(progress.last))
    order = list(dict.fromkeys(record.run_id for record in seen if record))
    longest_first = sorted(plan.trunks, key=predicted_cost, reverse=True)
    assert order == [run.run_id for trunk in longest_first for run in trunk]


def test_a_run_that_raises_is_recorded_and_the_sweep_goes_on(make_spec, plan_of, parts, store, tmp_path):
    spec = make_spec(model=parts.Trouble(width=4, deed="raise", unless=str(tmp_path / "mended")))
    plan = plan_of(spec)
    summary = run_sweep(plan, spec, store)
    (row,) = [record for record in store.read() if record.status != "completed"]
    assert (summary.failed, summary.trained) == (1, 9)
    assert (row.status, row.size, row.loss) == ("failed", "w4", None)
    assert row.reason == "ArithmeticError: the hidden layer is haunted"

    (tmp_path / "mended").touch()
    again = run_sweep(plan, spec, store)
    assert (again.trained, again.skipped, again.failed) == (1, 9, 0)
    assert all(record.status == "completed" for record in store.read())


def test_a_diverged_run_is_recorded_and_not_tried_again(make_spec, plan_of, parts, store):
    spec = make_spec(model=parts.Trouble(width=4, deed="nan"))
    plan = plan_of(spec)
    assert run_sweep(plan, spec, store).diverged == 1
    assert run_sweep(plan, spec, store).skipped == 10
    assert [record.size for record in store.read() if record.status == "diverged"] == ["w4"]


def test_a_sweep_of_which_no_run_completes_is_an_error_with_the_first_reason(
    make_spec, plan_of, parts, store
):
    spec = make_spec(data=parts.Points(ends_after=3))
    with pytest.raises(TrainingError, match=r"None of the 10 runs completed\..*ended after 3 batches"):
        run_sweep(plan_of(spec), spec, store)
    assert len(store.read()) == 10


@pytest.mark.parametrize(
    ("lr", "reason"), [(1e30, "the loss was not finite by step"), (1e6, "the training loss rose from ")]
)
def test_a_sweep_that_only_diverges_is_told_to_lower_the_rate(make_spec, plan_of, store, lr, reason):
    spec = make_spec(training={"batch_size": 16, "workers": 1, "lr": lr})
    with pytest.raises(TrainingError, match=r"lower training\.lr"):
        run_sweep(plan_of(spec), spec, store)
    assert all(row.status == "diverged" and row.reason.startswith(reason) for row in store.read())


def test_an_interrupt_keeps_what_is_finished(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    reports = []

    def interrupt_third(progress):
        reports.append(progress)
        if progress.done == 3 and not progress.ended:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, spec, store, report=interrupt_third)
    assert len(store.read()) == 3
    assert reports[-1].ended
    assert run_sweep(plan, spec, store).skipped == 3


def test_progress_goes_on_where_it_was_before_an_interrupt(make_spec, plan_of, store):
    """Also within a trunk, whose shared steps are kept and not taken again."""
    spec, reports = make_spec(), []
    plan = plan_of(spec)

    def interrupt_at(n_done):
        def report(progress):
            reports.append(progress)
            if progress.done == n_done and not progress.ended:
                raise KeyboardInterrupt

        return report

    for n_done in (1, 3, 6):
        with pytest.raises(KeyboardInterrupt):
            run_sweep(plan, spec, store, report=interrupt_at(n_done))
    run_sweep(plan, spec, store, report=reports.append)
    assert [report.flops_total for report in reports] == pytest.approx([plan.flops_executed] * len(reports))
    assert all(after.flops_done >= before.flops_done for before, after in pairwise(reports))


def test_what_a_larger_plan_takes_again_is_counted(make_spec, plan_of, store):
    spec, reports = make_spec(), []
    plan = plan_of(spec)
    shared = next(trunk for trunk in plan.trunks if len(trunk) > 1)
    run_sweep(replace(plan, runs=shared[:1]), spec, store)
    run_sweep(replace(plan, runs=shared), spec, store, report=reports.append)
    assert reports[0].flops_total == pytest.approx(sum(run.flops for run in shared))


def test_progress_counts_runs_and_flops_and_learns_the_pace(make_spec, plan_of, store):
    spec, reports = make_spec(), []
    plan = plan_of(spec)
    run_sweep(plan, spec, store, report=reports.append)
    assert [report.done for report in reports] == [*range(11), 10]
    assert reports[0].eta_s is None
    assert reports[5].eta_s > 0
    assert reports[5].running == 1
    assert reports[-1].flops_done == pytest.approx(reports[-1].flops_total)
    assert reports[-1].eta_s == 0
    assert [report.ended for report in reports] == [False] * 11 + [True]


def test_a_resumed_sweep_reports_what_was_done_before(make_spec, plan_of, store):
    spec, reports = make_spec(), []
    plan = plan_of(spec)
    run_sweep(replace(plan, runs=plan.runs[:4]), spec, store)
    run_sweep(plan, spec, store, report=reports.append)
    assert (reports[0].done, reports[0].total) == (4, 10)
