from dataclasses import replace

from flops_fit.fit.findings.answer import about_answer
from flops_fit.fit.misses import Inflation


def told(law):
    return {finding.code: finding for finding in about_answer(law)}


def test_an_interval_of_n_wider_than_a_factor_four_is_an_error(valley, chinchilla_runs, clean_valley):
    finding = told(valley(chinchilla_runs(noise=0.08, window=3.0)).law)["undetermined-size"]
    assert finding.severity == "error"
    assert finding.message.startswith("N* is known only within a factor")
    assert finding.value > finding.threshold == 4.0
    assert "undetermined-size" not in told(clean_valley.law)
    assert finding.action.startswith("train more sizes")


def test_an_absurd_one_makes_the_kind_of_the_runs_be_asked_for_first(clean_surface):
    absurd = replace(clean_surface.law, inflation=Inflation(size=1e3, loss=1.0, n_origins=3))
    finding = told(absurd)["undetermined-size"]
    assert finding.value > 1000
    assert finding.action.startswith(
        "first make sure that all runs are of one kind (data, loss, units); then"
    )
