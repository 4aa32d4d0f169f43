"""Small sweeps around one component: what the checks of models, data, losses and counters look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from flops_fit.components import Component, DataSource, DataSpec, FlopCounter, LossFunction, ModelFamily, Size
from flops_fit.config.spec import SweepSpec
from flops_fit.config.subject import Subject, calling
from flops_fit.plugins import registry
from flops_fit_conformance.reference import ReferenceData, ReferenceModel

SIZES = 4
"""How many of a ladder's smallest sizes are tried."""
TRAINING = {"batch_size": 8, "eval_batch_size": 32}
LARGEST = 1e12


def sweep_of(
    *,
    model: ModelFamily | None = None,
    data: DataSource | None = None,
    loss: LossFunction | None = None,
    flops: FlopCounter | None = None,
) -> Subject:
    """Return a sweep over the smallest sizes of a ladder; the reference fills in for what is not given."""
    model, data = model or ReferenceModel(), data or ReferenceData()
    with calling(data, "prepare()"):
        data.prepare()
    with calling(data, "spec()"):
        spec = data.spec()
    with calling(model, f"ladder(1, ..., {spec})"):
        counts = sorted(size.n_params for size in _smallest(model, spec)) or [1, 10]
    low, high = max(counts[0], 1), max(counts[-1], 2 * max(counts[0], 1))
    return Subject(
        SweepSpec(
            model=model,
            data=data,
            loss=loss or built_in("loss", "cross_entropy"),
            flops=flops or built_in("flops", "traced"),
            allow_thin_sweep=True,
            budgets=(120.0 * low**2, 120.0 * high**2),
            design={"n_min": low, "n_max": high},
            training=TRAINING,
        )
    )


def sweep_that_runs(
    models: Sequence[ModelFamily],
    datas: Sequence[DataSource],
    losses: Sequence[LossFunction],
    flops: FlopCounter | None = None,
) -> Subject:
    """Return the first sweep that takes a step; else the first that can be made, for the checks to judge.

    Raises:
        FlopsFitError: what the first combination raises, where none can be made.
    """
    made: list[Subject] = []
    raised: list[Exception] = []
    for model, data, loss in ((m, d, o) for m in models for d in datas for o in losses):
        try:
            made.append(sweep_of(model=model, data=data, loss=loss, flops=flops))
            if _takes_a_step(made[-1]):
                return made[-1]
        except Exception as error:  # noqa: BLE001 - parts that do not go together may raise anything
            raised.append(error)
    if not made:
        raise raised[0]
    return made[0]


def with_a_counter(sweep: Subject, counters: Sequence[FlopCounter]) -> Subject:
    """Return the sweep with the first counter that can count its model, its own before `counters`."""
    spec = sweep.spec
    for counter in (spec.flops, *counters):
        counted = sweep_of(model=spec.model, data=spec.data, loss=spec.loss, flops=counter)
        try:
            counted.flops_per_unit(counted.sizes[0])
        except Exception:  # noqa: BLE001, S112 - a counter need not know every model
            continue
        return counted
    return sweep


def built_in(component: str, kind: str) -> object:
    """Return one of the core's own components with its default options."""
    return registry().find(component, kind).model_validate({})


def examples(classes: Iterable[type[Component]]) -> list[Component]:
    """Return every example of the classes; a class whose examples raise has none."""
    found: list[Component] = []
    for cls in classes:
        try:
            found += cls.examples()
        except Exception:  # noqa: BLE001, S112 - `check_examples_are_valid` tells of it
            continue
    return found


def _smallest(model: ModelFamily, data: DataSpec) -> Sequence[Size]:
    n_max, found = 1e4, tuple[Size, ...]()
    while len(found) < SIZES and n_max <= LARGEST:
        n_max *= 4
        found = tuple(model.ladder(1, n_max, data))
    return sorted(found, key=lambda size: size.n_params)[:SIZES]


def _takes_a_step(subject: Subject) -> bool:
    loss = subject.loss(subject.outputs(subject.smallest().train(), subject.batch), subject.batch)
    return math.isfinite(loss.item()) and loss.requires_grad
