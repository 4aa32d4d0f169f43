from dataclasses import replace

from flops_fit.design import Finding
from flops_fit.fit import fit_law
from flops_fit.fit.findings import findings_of


def test_a_good_sweep_has_nothing_to_warn_of(clean):
    assert {f.severity for f in fit_law(clean).findings} == {"info"}


def test_neither_has_a_good_surface(clean_surface):
    assert set(clean_surface.found) == {"compute-is-6nd", "form-assumed"}


def test_findings_come_with_the_gravest_first(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002, budgets=[1e17, 1e18, 5e18], n_sizes=4))
    order = [("error", "warning", "info").index(f.severity) for f in law.findings]
    assert order == sorted(order)
    assert order[0] == 0


def test_what_the_plan_knew_stays_unless_the_fit_knows_better(clean_valley):
    def planned(code):
        return Finding(code=code, severity="error", message="planned", action="")

    found = findings_of(
        clean_valley.points,
        clean_valley.law,
        None,
        planned=[planned("many-epochs"), planned("compute-is-6nd")],
    )
    assert [f.message == "planned" for f in found if f.code in {"many-epochs", "compute-is-6nd"}] == [
        True,
        False,
    ]
    assert found[0].code == "many-epochs"


def test_a_prior_optimum_is_not_feared_any_more_once_minima_are_found(clean_valley):
    feared = Finding(code="one-sided", severity="warning", message="of the prior optimum", action="")
    found = findings_of(clean_valley.points, clean_valley.law, None, planned=[feared])
    assert "one-sided" not in {f.code for f in found}


def test_where_a_number_decides_it_stands_beside_its_threshold(valley, chinchilla_runs):
    found = valley(chinchilla_runs(noise=0.002, budgets=[1e17, 2e17, 3e17, 4e17, 5e17], n_sizes=4)).found
    span, budgets = found["narrow-span"], found["few-budgets"]
    assert (span.value, span.threshold) == (5.0, 10.0)
    assert (budgets.value, budgets.threshold) == (5, 7)


def test_sets_that_differ_are_not_taken_for_seeds(surface, clean):
    """Two data sets in one table: runs of one size and budget differ, but not in their seed."""
    other = [replace(r, run_id=f"{r.run_id} of b", loss=r.loss * 1.1) for r in clean]
    fitted = surface([*clean, *other])
    sets = Finding(code="several-sets", severity="warning", message="", action="")
    found = findings_of(fitted.points, fitted.law, None, planned=[sets])
    assert not {"more-than-seeds", "noisy-seeds"} & {f.code for f in found}
    assert {"more-than-seeds", "noisy-seeds"} & set(fitted.found)


def test_whether_runs_belong_together_comes_before_what_is_odd_about_them(clean_valley):
    def planned(code, severity):
        return Finding(code=code, severity=severity, message="", action="")

    odd = [planned("empty-budget", "error"), planned("many-epochs", "warning")]
    sets = [planned("unnamed-sets", "error"), planned("several-sets", "warning")]
    found = findings_of(clean_valley.points, clean_valley.law, None, planned=[*odd, *sets])
    assert [f.code for f in found[:4]] == ["unnamed-sets", "empty-budget", "several-sets", "many-epochs"]
