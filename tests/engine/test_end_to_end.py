"""A real GPT on real text: spec, probe, plan, sweep."""

import math

from flops_fit.config.load import load_spec
from flops_fit.config.probe import probe
from flops_fit.design import plan_sweep
from flops_fit.engine import run_sweep

SPEC = {
    "model": {"kind": "gpt"},
    "data": {"kind": "stdlib_text", "length": 32, "eval_rows": 64},
    "budgets": [1e9, 2e9],
    "allow_thin_sweep": True,
    "design": {"sizes_per_budget": 3, "units_per_param": 20, "window": 4, "min_steps": 100},
    "training": {"batch_size": 8},
}


def test_a_gpt_on_the_standard_library_learns_more_from_more_compute(store):
    spec = load_spec(SPEC)
    plan = plan_sweep(spec, probe(spec))
    summary = run_sweep(plan, spec, store)
    assert summary.trained == summary.planned >= 4
    for record in store.read():
        assert record.n_units == record.n_units_planned
        assert abs(record.flops / record.budget - 1) <= 0.01
        assert record.loss < 0.9 * math.log(256)
    best = [min(r.loss for r in store.read() if r.budget == budget) for budget in spec.budgets]
    assert best[1] < best[0]
