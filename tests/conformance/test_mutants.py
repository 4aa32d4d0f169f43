"""Every check catches the fault that it is named for, and finds none in parts that are healthy."""

import warnings
from typing import Literal

import mutants_of_configs
import mutants_of_data
import mutants_of_forms
import mutants_of_losses
import mutants_of_models
import pytest
import torch

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.components import LossFunction
from flops_fit.plugins import Offer, Origin, Registry
from flops_fit_conformance.breach import verdict
from flops_fit_conformance.checks import CHECKS, data, ladder, processes
from flops_fit_conformance.reference import ReferenceData, ReferenceModel
from flops_fit_conformance.subjects import Plugin, cases_of
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
IN_TESTS_OF_THEIR_OWN = {processes.check_two_processes_train_as_one, data.check_resident_batches_are_the_same}
"""They need several processes, or a GPU."""


@pytest.mark.parametrize("group", sorted(set(CHECKS) - ELSEWHERE))
def test_there_is_a_mutant_for_every_check(group):
    caught = {check for check, *_ in MUTANTS.values()} | IN_TESTS_OF_THEIR_OWN
    assert [check.__name__ for check in CHECKS[group] if check not in caught] == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_source_that_yields_other_batches_on_a_gpu_is_caught():
    breach = verdict(
        data.check_resident_batches_are_the_same, lambda: sweep_of(data=mutants_of_data.OtherOnAGpu())
    )
    assert "other batches than those of the source" in str(breach)


SWEEPS = {
    "tokens": ReferenceData(),
    "images": ReferenceData(unit="image"),
    "points": ReferenceData(unit="sample"),
}


@pytest.mark.parametrize(
    ("group", "rows"),
    [
        *((g, rows) for g in ("model", "data", "loss", "flops") for rows in ("tokens", "images")),
        ("data", "points"),
    ],
)
def test_healthy_parts_pass_every_check(group, rows):
    sweep = sweep_of(model=ReferenceModel(), data=SWEEPS[rows])
    found = [verdict(check, lambda: sweep) for check in CHECKS[group] if "processes" not in check.__name__]
    assert [str(breach) for breach in found if breach] == []


ORIGIN = Origin(plugin="alone", distribution="alone 1.0")


class Squared(LossFunction):
    kind: Literal["squared"] = "squared"

    def __call__(self, outputs, batch):
        return torch.nn.functional.mse_loss(outputs, batch["targets"])


def test_a_loss_that_comes_alone_is_tried_on_data_that_suit_it():
    alone = Plugin(
        name="alone",
        registry=Registry(offers=(Offer(component="loss", kind="squared", cls=Squared, origin=ORIGIN),)),
    )
    sweep = next(case for case in cases_of(alone) if case.group == "loss").make()
    assert sweep.data.unit == "sample"
    assert [str(breach) for check in CHECKS["loss"] if (breach := verdict(check, lambda: sweep))] == []


class Scanning(ReferenceModel):
    """Uses an operation that tracing cannot count."""

    def build(self, size, data):
        return mutants_of_models.Scanning(data.n_classes, size.options["width"], data.n_classes, tokens=True)


def test_a_model_that_cannot_be_traced_is_tried_with_the_counter_of_its_plugin():
    classes = {"model": Scanning, "flops": mutants_of_losses.Counter}
    offers = tuple(Offer(component=c, kind="x", cls=cls, origin=ORIGIN) for c, cls in classes.items())
    alone = Plugin(name="alone", registry=Registry(offers=offers))
    sweep = next(case for case in cases_of(alone) if case.group == "model").make()
    assert sweep.spec.flops == mutants_of_losses.Counter()
    assert verdict(ladder.check_every_size_can_be_counted, lambda: sweep) is None


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
