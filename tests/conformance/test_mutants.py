"""Every check catches the fault that it is named for, and finds none in parts that are healthy."""

import warnings

import mutants_of_configs
import mutants_of_data
import mutants_of_forms
import mutants_of_losses
import mutants_of_models
import pytest

from flops_fit.builtin.losses import CrossEntropy
from flops_fit_conformance.breach import verdict
from flops_fit_conformance.checks import CHECKS, processes
from flops_fit_conformance.reference import ReferenceData, ReferenceModel
from flops_fit_conformance.sweeps import sweep_of

FILES = (mutants_of_configs, mutants_of_data, mutants_of_forms, mutants_of_losses, mutants_of_models)
MUTANTS = {
    f"{check.__name__}-{mutant.__name__}": (check, mutant, file.subject_of, words)
    for file in FILES
    for check, mutant, words in file.MUTANTS
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught_by_the_check_named_for_its_fault(name):
    check, mutant, subject_of, words = MUTANTS[name]
    breach = verdict(check, lambda: subject_of(mutant))
    assert breach is not None
    assert words in str(breach)


ELSEWHERE = {"plugin"}
"""Groups whose checks test_plugins.py holds to their mutants."""


@pytest.mark.parametrize("group", sorted(set(CHECKS) - ELSEWHERE))
def test_there_is_a_mutant_for_every_check(group):
    caught = {check for check, *_ in MUTANTS.values()} | {processes.check_two_processes_train_as_one}
    assert [check.__name__ for check in CHECKS[group] if check not in caught] == []


SWEEPS = {"tokens": ReferenceData(), "images": ReferenceData(unit="image")}


@pytest.mark.parametrize("data", SWEEPS)
@pytest.mark.parametrize("group", ["model", "data", "loss", "flops"])
def test_healthy_parts_pass_every_check(group, data):
    sweep = sweep_of(model=ReferenceModel(), data=SWEEPS[data])
    found = [verdict(check, lambda: sweep) for check in CHECKS[group] if "processes" not in check.__name__]
    assert [str(breach) for breach in found if breach] == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("group", "subject"),
    [
        ("component", ReferenceData),
        ("component", CrossEntropy),
        ("surface", mutants_of_forms.Form()),
        ("surface", mutants_of_forms.OneByOne()),
        ("curve", mutants_of_forms.Curve()),
        ("estimator", mutants_of_forms.Method()),
    ],
    ids=str,
)
def test_healthy_forms_and_configurations_pass_every_check(group, subject):
    found = [verdict(check, lambda: subject) for check in CHECKS[group]]
    assert [str(breach) for breach in found if breach] == []


def test_an_exception_of_a_component_is_told_with_its_place():
    with warnings.catch_warnings():
        breach = verdict(CHECKS["component"][0], lambda: 1 / 0)
    assert "ZeroDivisionError" in str(breach)
    assert "test_mutants.py" in str(breach)
