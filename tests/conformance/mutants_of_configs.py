"""Components that are healthy but as configurations, and the check that is named for the fault."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr

from flops_fit.builtin.losses import CrossEntropy
from flops_fit_conformance.checks import component


class Config(CrossEntropy):
    kind: Literal["mutant"] = "mutant"
    sharpness: float = Field(default=1.0, gt=0, le=9)


class OfferingMappings(Config):
    @classmethod
    def examples(cls):
        return ({"kind": "mutant"},)


class Unwritten(Config):
    sharpness: float = Field(default=1.0, gt=0, le=9, exclude=True)


class Unpicklable(Config):
    _scale: Callable[[Any], Any] = PrivateAttr(default_factory=lambda: lambda x: 2 * x)


class TakingAnything(Config):
    model_config = ConfigDict(extra="ignore")


class Mutable(Config):
    model_config = ConfigDict(frozen=False)


def subject_of(mutant):
    return mutant


MUTANTS = [
    (component.check_examples_are_valid, OfferingMappings, "a sequence of OfferingMappings"),
    (component.check_options_survive_json, Unwritten, "sharpness="),
    (component.check_config_is_picklable, Unpicklable, "a copy of the configuration"),
    (component.check_unknown_options_are_refused, TakingAnything, 'extra="forbid"'),
    (component.check_config_is_immutable, Mutable, "keep `frozen=True`"),
]
