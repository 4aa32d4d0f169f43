from dataclasses import replace

from flops_fit.fit.findings.estimators import about_estimators


def test_runs_that_only_least_squares_believe_are_mentioned(surface, chinchilla_runs, clean_surface):
    runs = chinchilla_runs(noise=0.005, n_sizes=10)
    spoilt = [replace(r, loss=r.loss * (1.3 if i in {4, 24, 62} else 1)) for i, r in enumerate(runs)]
    finding = surface(spoilt).by(about_estimators)["estimators-differ"]
    assert finding.severity == "info"
    assert "by least squares of ln loss" in finding.message
    assert finding.value > finding.threshold
    assert "estimators-differ" not in clean_surface.by(about_estimators)
