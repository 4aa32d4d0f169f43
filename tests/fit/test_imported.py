import pytest

from flops_fit.design import Finding
from flops_fit.fit import Chinchilla, Conventions
from flops_fit.fit.forms import DataConstrained
from flops_fit.fit.imported import fit_imported


@pytest.mark.parametrize(
    ("form", "feared"), [(Chinchilla(), True), (DataConstrained(unique_units=1e9), False)]
)
@pytest.mark.parametrize("code", ["many-epochs", "repeated-data"])
def test_repetition_is_not_feared_where_the_form_reckons_with_it(chinchilla_runs, form, feared, code):
    planned = [Finding(code=code, severity="warning", message="", action=f"write `fit: {form.kind}`")]
    law = fit_imported(
        chinchilla_runs(noise=0.003), form, unit="token", declared=Conventions(), planned=planned
    )
    assert (code in {f.code for f in law.findings}) is feared


@pytest.mark.parametrize(("unit", "severity"), [("nats per token", "warning"), ("unknown", "info")])
def test_losses_that_are_declared_nats_and_too_large_for_them_are_a_warning(chinchilla_runs, unit, severity):
    planned = [Finding(code="large-losses", severity="info", message="", action="")]
    declared = Conventions(loss_unit=unit)
    law = fit_imported(
        chinchilla_runs(noise=0.003), Chinchilla(), unit="token", declared=declared, planned=planned
    )
    (found,) = (finding for finding in law.findings if finding.code == "large-losses")
    assert found.severity == severity
