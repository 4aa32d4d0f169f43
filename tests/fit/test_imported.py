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
