"""The grid: what it may promise about every cell."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.design import plan_sweep
from flops_fit.errors import SpecError

designs = st.fixed_dictionaries(
    {
        "sizes_per_budget": st.integers(3, 15),
        "units_per_param": st.floats(2, 200),
        "window": st.floats(1.5, 30),
        "min_steps": st.integers(50, 400),
    }
)
ladders = st.fixed_dictionaries(
    {"ratio": st.floats(1.05, 2.5), "units_per_sample": st.sampled_from([1, 64, 1024]), "n_units": st.none()}
)


@given(design=designs, ladder=ladders, batch_size=st.integers(1, 64))
def test_every_cell_keeps_what_the_plan_promises(design, ladder, batch_size, make_spec, make_probe):
    spec = make_spec(design=design, training={"batch_size": batch_size})
    probe = make_probe(**ladder)
    try:
        plan = plan_sweep(spec, probe)
    except SpecError:
        return  # a plan without any run is refused, tested below
    for run in plan.runs:
        assert run.flops == pytest.approx(run.budget, rel=0.01)
        assert run.n_units == run.n_steps * batch_size * probe.data.units_per_sample
        assert run.n_steps >= spec.design.min_steps
        distance = abs(math.log(run.size.n_params / spec.prior_n_params(run.budget)))
        assert distance <= math.log(spec.design.window) + 1e-9
    for budget in spec.budgets:
        assert len([run for run in plan.runs if run.budget == budget]) <= spec.design.sizes_per_budget
    ids = [run.run_id for run in plan.runs]
    assert len(set(ids)) == len(ids)
    assert [run.budget for run in plan.runs] == sorted(run.budget for run in plan.runs)
    assert not any(finding.code == "off-target" for finding in plan.findings)


@given(ratio=st.floats(1.02, 1.2), n_cells=st.integers(3, 12))
def test_sizes_of_a_dense_ladder_are_spread_evenly_over_the_window(ratio, n_cells, make_spec, make_probe):
    spec = make_spec(design={"sizes_per_budget": n_cells, "min_steps": 1})
    plan = plan_sweep(spec, make_probe(ratio=ratio, n_min=1e5))
    budget = spec.budgets[3]
    log_n = [math.log(run.size.n_params) for run in plan.runs if run.budget == budget]
    window = math.log(spec.design.window)
    middle = math.log(spec.prior_n_params(budget))
    if len(log_n) < n_cells:
        return  # the window holds fewer rungs than were asked for: all of them are taken
    rung = math.log(ratio) + 1e-6
    assert log_n[0] <= middle - window + rung
    assert log_n[-1] >= middle + window - rung
    gaps = [b - a for a, b in pairwise(log_n)]
    assert max(gaps) - min(gaps) <= 2 * rung


def test_a_sparse_ladder_gives_every_rung_within_the_window(make_spec, make_probe):
    spec = make_spec(design={"sizes_per_budget": 10, "window": 4.0, "min_steps": 1})
    plan = plan_sweep(spec, make_probe(ratio=2.0))
    budget = spec.budgets[0]
    prior = spec.prior_n_params(budget)
    expected = [p.size.name for p in make_probe(ratio=2.0).sizes if prior / 4 <= p.size.n_params <= prior * 4]
    assert [run.size.name for run in plan.runs if run.budget == budget] == expected


def test_known_cell(make_spec, make_probe):
    """1e15 FLOPs at 6.6·1e6 FLOPs per token and 32 rows of 128 tokens: 36,991.0 steps."""
    spec = make_spec(budgets=(1e15,), design={"units_per_param": 1e15 / 6 / 1e12, "window": 1.01})
    (run,) = plan_sweep(spec, make_probe(n_min=1e6, ratio=1.5)).runs
    assert (run.size.n_params, run.n_steps, run.n_units) == (10**6, 36_991, 36_991 * 32 * 128)
    assert run.lr == 0.5
    assert run.flops_6nd == 6e6 * run.n_units


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"lr": 0.25}},
        {"training": {"eps": 1e-8}},
        {"training": {"warmup": 0.2}},
        {"training": {"betas": (0.9, 0.95)}},
        {"training": {"grad_clip": 1.0}},
        {"model": "depth"},
        {"data": "path"},
    ],
    ids=lambda change: "-".join(next(iter(change.values()))),
)
def test_whatever_changes_a_loss_changes_every_id(change, make_spec, make_probe):
    base = make_spec()
    if change.get("model"):
        change = {"model": base.model.model_copy(update={"depth": 3})}
    if change.get("data"):
        change = {"data": base.data.model_copy(update={"path": "there"})}
    old, new = plan_sweep(base, make_probe()), plan_sweep(make_spec(**change), make_probe())
    assert not {run.run_id for run in old.runs} & {run.run_id for run in new.runs}
    assert old.plan_id != new.plan_id


def test_runs_of_one_size_and_seed_share_a_trunk_and_its_warmup(make_spec, make_probe):
    plan = plan_sweep(make_spec(seeds=(0, 1)), make_probe())
    assert sum(map(len, plan.trunks)) == len(plan.runs)
    assert len(plan.trunks) == len({(run.size.name, run.seed) for run in plan.runs})
    for trunk in plan.trunks:
        assert len({(run.trunk, run.size.name, run.seed, run.warmup_steps) for run in trunk}) == 1
        assert [run.n_steps for run in trunk] == sorted(run.n_steps for run in trunk)
        assert trunk[0].warmup_steps <= max(10, round(0.1 * trunk[0].n_steps))


def test_the_warmup_does_not_depend_on_how_many_sizes_a_budget_takes(make_spec, make_probe):
    """Buying more sizes later must not make the runs that exist worthless."""
    few, all_of_them = (plan_sweep(make_spec(design={"sizes_per_budget": n}), make_probe()) for n in (4, 99))
    assert {run.run_id for run in few.runs} < {run.run_id for run in all_of_them.runs}


def test_training_alone_changes_no_id(make_spec, make_probe):
    together = plan_sweep(make_spec(), make_probe())
    alone = plan_sweep(make_spec(training={"mode": "alone"}), make_probe())
    assert alone.runs == together.runs
    assert {len(trunk) for trunk in alone.trunks} == {1}
    assert alone.flops_executed == pytest.approx(alone.flops) == pytest.approx(together.flops)


def test_runs_under_a_cosine_share_nothing(make_spec, make_probe):
    plan = plan_sweep(make_spec(training={"schedule": "cosine", "mode": "alone"}), make_probe())
    assert {run.trunk for run in plan.runs} == {""}
    assert all(run.warmup_steps == round(0.1 * run.n_steps) for run in plan.runs)


def test_executed_flops_of_a_known_trunk(make_spec, make_probe):
    """Budgets C and 2C, a cooldown of 20%: 1 + 2 - 0.8 = 2.2 C instead of 3 C."""
    spec = make_spec(
        budgets=(1e15, 2e15),
        design={"units_per_param": 1e15 / 6 / 1e12, "window": 1.5},
        training={"cooldown": 0.2},
    )
    plan = plan_sweep(spec, make_probe(n_min=1e6, ratio=10))
    assert len(plan.runs) == 2
    assert plan.flops == pytest.approx(3e15, rel=1e-3)
    assert plan.flops_executed == pytest.approx(2.2e15, rel=1e-3)


def test_the_precision_of_the_machine_changes_every_id(make_spec, make_probe):
    """A directory that is resumed on a GPU after a CPU must not mix bf16 with fp32 rows."""
    on_cpu, on_gpu = (plan_sweep(make_spec(), make_probe(precision=p)) for p in ("fp32", "bf16"))
    assert not {run.run_id for run in on_cpu.runs} & {run.run_id for run in on_gpu.runs}
    assert {run.precision for run in on_gpu.runs} == {"bf16"}


@pytest.mark.parametrize("training", [{"precision": "fp32"}, {"lr": 0.5}], ids=["precision", "lr"])
def test_writing_a_default_out_changes_no_id(make_spec, make_probe, training):
    assert plan_sweep(make_spec(training=training), make_probe()) == plan_sweep(make_spec(), make_probe())


def test_speed_and_place_change_no_id(make_spec, make_probe, tmp_path):
    fast = make_spec(training={"workers": 3, "eval_batch_size": 7}, output_dir=tmp_path)
    assert plan_sweep(fast, make_probe()) == plan_sweep(make_spec(), make_probe())


def test_adding_a_seed_or_a_budget_keeps_the_old_ids(make_spec, make_probe):
    spec = make_spec()
    old = {run.run_id for run in plan_sweep(spec, make_probe()).runs}
    seeded = {run.run_id for run in plan_sweep(make_spec(seeds=(0, 1)), make_probe()).runs}
    longer = {run.run_id for run in plan_sweep(make_spec(budgets=(*spec.budgets, 3e17)), make_probe()).runs}
    assert old < seeded
    assert len(seeded) == 2 * len(old)
    assert old < longer


def test_an_id_does_not_depend_on_the_other_rungs(make_spec, make_probe):
    spec = make_spec(design={"sizes_per_budget": 99})
    narrow, wide = (plan_sweep(spec, make_probe(n_max=n_max)) for n_max in (1e7, 1e9))
    assert {run.run_id for run in narrow.runs} < {run.run_id for run in wide.runs}


def test_sizes_with_too_few_steps_are_left_out_and_named(make_spec, make_probe):
    """A step of 4096·128 tokens: 150 of them at 1e15 FLOPs take N < 1.93e6; the next rung is 2,470,645."""
    spec = make_spec(training={"batch_size": 4096})
    plan = plan_sweep(spec, make_probe())
    (finding,) = [finding for finding in plan.findings if finding.code == "cells-left-out"]
    assert "fewer than 150 steps" in finding.message
    assert "1e+15 FLOPs: n2470645, " in finding.message
    assert all(run.n_steps >= 150 for run in plan.runs)


def test_a_plan_without_runs_is_refused_with_the_longest_run(make_spec, make_probe):
    spec = make_spec(budgets=(1e9, 2e9))
    with pytest.raises(SpecError, match=r"No run has design\.min_steps = 150 steps; the longest has \d+"):
        plan_sweep(spec, make_probe(n_min=1e3))


def test_a_ladder_outside_of_the_window_is_refused(make_spec, make_probe):
    with pytest.raises(SpecError, match="No size of the ladder lies within 8x of the prior optimum"):
        plan_sweep(make_spec(), make_probe(n_min=1e9))
