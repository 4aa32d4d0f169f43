"""The plan as its reader sees it."""

from flops_fit.design import describe_plan, plan_sweep


def test_the_table_has_a_line_per_budget_the_total_and_the_findings(make_spec, make_probe):
    spec = make_spec(budgets=(1e15, 3e15), seeds=(0, 1), design={"sizes_per_budget": 5})
    plan = plan_sweep(spec, make_probe(n_units=10**9))
    lines = describe_plan(plan).splitlines()
    assert lines[0].split() == ["budget", "runs", "sizes", "N", "D", "(tokens)", "steps", "epochs", "FLOPs"]
    assert lines[1].split()[:3] == ["1e+15", "10", "5"]
    assert lines[2].split()[:3] == ["3e+15", "10", "5"]
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[4].startswith("20 runs of ")
    assert lines[4].endswith("4e+16 FLOPs in all")
    assert lines[5] == "4e+16 FLOPs are executed in 20 trunks that share steps, 1.00x fewer"
    assert "WARNING [few-budgets] 2 budgets have runs; exponents need at least 7." in lines
    assert (
        lines[lines.index("WARNING [few-budgets] 2 budgets have runs; exponents need at least 7.") + 1]
        == "  do: add budgets"
    )


def test_an_endless_source_has_no_epochs(make_spec, make_probe):
    assert "endless" in describe_plan(plan_sweep(make_spec(), make_probe()))


def test_the_saving_and_the_price_of_the_audit_are_told(make_spec, make_probe):
    """Both budgets train the same size; the larger one is audited."""
    spec = make_spec(
        budgets=(1e15, 2e15),
        design={"units_per_param": 1e15 / 6 / 1e12, "window": 1.5},
        training={"cooldown": 0.2},
    )
    told = describe_plan(plan_sweep(spec, make_probe(n_min=1e6, ratio=10)))
    assert (
        "2.2e+15 FLOPs are executed in 1 trunks that share steps, 1.36x fewer; "
        "auditing 1 of them alone costs 90.9% more" in told
    )


def test_runs_alone_save_nothing(make_spec, make_probe):
    plan = plan_sweep(make_spec(training={"mode": "alone"}), make_probe())
    assert "executed" not in describe_plan(plan)
