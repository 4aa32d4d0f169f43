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
    assert "WARNING [few-budgets] 2 budgets have runs; exponents need at least 7." in lines
    assert (
        lines[lines.index("WARNING [few-budgets] 2 budgets have runs; exponents need at least 7.") + 1]
        == "  do: add budgets"
    )


def test_an_endless_source_has_no_epochs(make_spec, make_probe):
    assert "endless" in describe_plan(plan_sweep(make_spec(), make_probe()))
