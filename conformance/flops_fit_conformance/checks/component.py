"""Clauses about every component as a configuration: closed, immutable, portable, with examples."""

from __future__ import annotations

import json
import pickle
from typing import Any

from pydantic import ValidationError

from flops_fit.components import Component
from flops_fit_conformance.breach import Breach, require
from flops_fit_conformance.configs import on_drawn_configs
from flops_fit_conformance.sweeps import examples


def check_examples_are_valid(cls: type[Component]) -> None:
    """`examples()` returns configurations of the class itself; none where data must be fetched first."""
    found = cls.examples()
    require(
        isinstance(found, tuple | list) and all(type(example) is cls for example in found),
        found=repr(found),
        should=f"a sequence of {cls.__name__}",
        call=f"{cls.__name__}.examples()",
    )


def check_options_survive_json(cls: type[Component]) -> None:
    """A configuration written as JSON reads back as an equal one: spec.json is how sweeps are resumed."""

    def clause(config: Component) -> None:
        again = type(config).model_validate(json.loads(config.model_dump_json()))
        require(
            again == config,
            found=f"{again!r}",
            should=f"{config!r}",
            call=f"{cls.__name__}.model_validate(json.loads(config.model_dump_json()))",
        )

    _on_each(cls, clause)


def check_config_is_picklable(cls: type[Component]) -> None:
    """A configuration pickles and unpickles as an equal one: sweeps hand it to worker processes."""

    def clause(config: Component) -> None:
        try:
            again = pickle.loads(pickle.dumps(config))  # noqa: S301 - written on the line itself
        except Exception as error:
            raise Breach(
                found=f"{type(error).__name__}: {error}",
                should="a copy of the configuration",
                call=f"pickle.loads(pickle.dumps({config!r}))",
            ) from error
        require(
            again == config, found=f"{again!r}", should=f"{config!r}", call="pickle.loads(pickle.dumps(...))"
        )

    _on_each(cls, clause)


def check_unknown_options_are_refused(cls: type[Component]) -> None:
    """An option that the component does not have is an error, and does not pass silently."""
    for config in examples([cls]):
        options = {**config.model_dump(), "no_such_option": 1}
        try:
            cls.model_validate(options)
        except ValidationError:
            continue
        raise Breach(
            found="an instance",
            should='a ValidationError: keep `extra="forbid"`',
            call=f"{cls.__name__}.model_validate({{..., 'no_such_option': 1}})",
        )


def check_config_is_immutable(cls: type[Component]) -> None:
    """No method and no caller changes a configuration: options cannot be assigned."""
    for config in examples([cls]):
        try:
            config.kind = config.kind  # type: ignore[misc]
        except ValidationError:
            continue
        raise Breach(
            found="an assignment", should="refused: keep `frozen=True`", call=f"{config!r}.kind = ..."
        )


def _on_each(cls: type[Component], clause: Any) -> None:
    for example in examples([cls]):
        on_drawn_configs(example, clause)
