import numpy as np
import pytest

from flops_fit.builtin.forms import FORMS, Auto, Valley
from flops_fit.components import Estimator, SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit import fit_law, law_from_json
from flops_fit.fit.points import points_of
from flops_fit.runs import RunRecord


def run(i, n_params, flops):
    n_units = flops / (6 * n_params)
    loss = 1.8 + 480 * n_params**-0.35 + 2000 * n_units**-0.37
    return RunRecord(
        run_id=str(i),
        budget=flops,
        size="",
        seed=0,
        n_params=n_params,
        n_params_nonembedding=None,
        n_units=n_units,
        flops=flops,
        flops_6nd=flops,
        loss=loss,
    )


def points(n_budgets):
    cells = [(1e6 * 1.6**s * 10 ** (b / 4), 1e16 * 10 ** (b / 2)) for b in range(n_budgets) for s in range(7)]
    return points_of([run(i, *cell) for i, cell in enumerate(cells)])


def test_the_core_offers_two_estimators_six_surfaces_and_five_curves():
    kinds = {form.examples()[0].kind: form for form in FORMS}
    estimators = {kind for kind, form in kinds.items() if issubclass(form, Estimator)}
    curves = {kind for kind, form in kinds.items() if issubclass(form, SurfaceForm) and not form.of_size}
    assert estimators == {"auto", "valley"}
    assert curves == {"m1", "m2", "m3", "m4", "bnsl"}
    surfaces = {"bounded", "ces", "chinchilla", "data_constrained", "gadre", "kappa"}
    assert kinds.keys() == estimators | curves | surfaces


SWEEP = [(1e6 * 1.6**s * 10 ** (b / 4), 1e16 * 10 ** (b / 2)) for b in range(5) for s in range(7)]
ONE_SIZE = [(1e7, 6e7 * d) for d in np.geomspace(1e7, 1e10, 12)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.examples()[0].kind)
def test_every_form_fits_by_its_kind_and_its_law_survives_json(form):
    (example,) = form.examples()
    curve = isinstance(example, SurfaceForm) and not example.of_size
    law = fit_law([run(i, *cell) for i, cell in enumerate(ONE_SIZE if curve else SWEEP)], example)
    again = law_from_json(law.to_json())
    assert again.headline.loss_at(1e7, 1e9) == law.headline.loss_at(1e7, 1e9)
    assert again.form["kind"] == example.kind


@pytest.mark.parametrize(("n_budgets", "kind"), [(5, "valley"), (2, "mixture")])
def test_auto_takes_the_valley_where_there_are_budgets_enough(n_budgets, kind):
    assert Auto().fit(points(n_budgets)).kind == kind


def test_the_valley_refuses_two_budgets():
    with pytest.raises(
        FitError, match="The valley needs 3 budgets of 3 sizes each; these runs have 2"
    ) as caught:
        Valley().fit(points(2))
    assert caught.value.code == "too-few-budgets"
