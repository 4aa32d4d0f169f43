"""The sweep: what is trained, skipped, survived and counted."""

from flops_fit.engine import run_sweep


def test_every_planned_run_becomes_a_completed_row(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    summary = run_sweep(plan, spec, store)
    print(plan.findings, summary, store.read())
    assert summary.trained == summary.planned == len(store.read())
