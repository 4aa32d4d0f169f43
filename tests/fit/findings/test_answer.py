from flops_fit.fit.findings.answer import about_answer


def told(law):
    return {finding.code: finding for finding in about_answer(law)}


def test_an_interval_of_n_wider_than_a_factor_four_is_an_error(valley, chinchilla_runs, clean_valley):
    finding = told(valley(chinchilla_runs(noise=0.08, window=3.0)).law)["undetermined-size"]
    assert finding.severity == "error"
    assert finding.message.startswith("N* is known only within a factor")
    assert finding.value > finding.threshold == 4.0
    assert "undetermined-size" not in told(clean_valley.law)
