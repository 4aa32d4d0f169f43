"""Try every part of a sweep for a few seconds, so that nothing that could be known now fails hours in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from flops_fit.components import DataSpec, Size
from flops_fit.config import probe_data, probe_flops, probe_ladder, probe_model, probe_outputs, probe_unit
from flops_fit.config.device import Precision, resolve_precision
from flops_fit.config.spec import SweepSpec
from flops_fit.config.subject import Subject, calling
from flops_fit.config.within_reach import most_units
from flops_fit.errors import FlopsFitError, PluginError, Problem, SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedSize:
    """One rung of the ladder with the compute of one data unit."""

    size: Size
    flops_per_unit: float
    """By the spec's own FLOP counter."""
    flops_6nd_per_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is known about a sweep once its parts have been tried."""

    data: DataSpec
    sizes: tuple[ProbedSize, ...]
    """Every rung between the smallest and the largest model that a budget may train."""
    precision: Precision
    """In which the runs train on this machine."""
    n_held_out: int | None = None
    """Units of the held-out set, counted up to 1000 rows; None where nobody counted."""
    caveats: tuple[str, ...] = ()
    """What the probes saw that is no error and should be read beside the results."""

    def describe(self) -> str:
        """Say what was tried and found, for people."""
        first, last = self.sizes[0], self.sizes[-1]
        epoch = "endless" if self.data.n_units is None else f"{self.data.n_units:,} in one epoch"
        sizes = (
            f"{len(self.sizes)}, from {first.size.name} ({first.size.n_params:,} parameters, "
            f"{first.flops_per_unit:.3g} FLOPs per {self.data.unit}) to {last.size.name} "
            f"({last.size.n_params:,}, {last.flops_per_unit:.3g})"
        )
        notes = [f"note: {caveat}" for caveat in self.caveats]
        return "\n".join(
            [
                f"data: {self.data.unit}s, {epoch}",
                f"sizes: {sizes}",
                f"precision: {self.precision}",
                *notes,
                "every probe passed",
            ]
        )


Check = Callable[[Subject], None]

ROUNDS: tuple[Mapping[Check, str], ...] = (
    {
        probe_data.check_facts: "data",
        probe_data.check_batch: "data",
        probe_data.check_training_order: "data",
        probe_data.check_evaluation_set: "data",
        probe_data.check_held_out: "data",
        probe_ladder.check_ladder: "model",
    },
    {probe_ladder.check_memory: "budgets"},
    {
        probe_ladder.check_counts: "model",
        probe_model.check_initialisation: "model",
        probe_model.check_step: "loss",
    },
    {
        probe_model.check_reported: "loss",
        probe_model.check_initial_loss: "loss",
        probe_unit.check_nats: "loss",
        probe_model.check_gradients: "model",
        probe_model.check_batch_is_kept: "model",
        probe_outputs.check_evaluation_mode: "model",
        probe_outputs.check_bf16: "training.precision",
        probe_outputs.check_rows_are_independent: "model",
        probe_outputs.check_labels_are_not_read: "model",
        probe_outputs.check_causality: "model",
        probe_outputs.check_saved_state: "model",
        probe_flops.check_flops: "flops",
    },
)
"""Every probe and the field of the spec that it is about.

A round needs what earlier rounds found in order; within a round all problems are gathered.
"""


def probe(spec: SweepSpec) -> Probe:
    """Prepare the data, try each component on the smallest model, and count the FLOPs of every size.

    Trains nothing. The largest models exist as shapes only.

    Raises:
        PluginError: One component breaks its contract, or raises.
        DataError: The data is missing or unusable.
        SpecError: The components do not go together, or several probes fail; lists every problem found.
    """
    import torch

    with calling(spec.data, "prepare()"):
        spec.data.prepare()
    subject = Subject(spec)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # Torch's hint at a loss that broadcasts comes before our own answer, without a fix.
        warnings.filterwarnings("ignore", "Using a target size", UserWarning)
        for checks in ROUNDS:
            _raise_together(_failures(checks, subject).values(), spec)
    return replace(
        _sized(subject), n_held_out=probe_data.count_held_out(subject), caveats=tuple(subject.caveats)
    )


def glimpse(spec: SweepSpec, *, epochs: float) -> Probe | None:
    """Return what a plan takes, nothing tried, if the largest budget shows its data more than `epochs` times.

    To try a large model takes minutes; to count the FLOPs of one size, half a second. What else is at fault
    is left to `probe` to tell.

    Raises:
        PluginError, DataError: the data cannot be prepared.
    """
    import torch

    with calling(spec.data, "prepare()"):
        spec.data.prepare()
    subject = Subject(spec)
    with suppress(Exception), torch.random.fork_rng(devices=[]):
        probe_data.check_facts(subject)
        epoch = subject.data.n_units
        if epoch is not None and most_units(spec.budgets[-1:], subject) > epochs * epoch:
            probe_ladder.check_ladder(subject)
            probe_flops.check_flops(subject)
            return _sized(subject)
    return None


def _sized(subject: Subject) -> Probe:
    return Probe(
        data=subject.data,
        sizes=tuple(
            ProbedSize(size=size, flops_per_unit=flops, flops_6nd_per_unit=6.0 * size.n_params)
            for size, flops in subject.flops_by_size
        ),
        precision=resolve_precision(subject.spec.training),
    )


def _failures(checks: Mapping[Check, str], subject: Subject) -> dict[str, tuple[str, FlopsFitError]]:
    """Run the checks; return each distinct failure, by its message, with the field that it is about."""
    failures: dict[str, tuple[str, FlopsFitError]] = {}
    failure: FlopsFitError
    for check, field in checks.items():
        try:
            check(subject)
        except FlopsFitError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a foreign object may behave like nothing foreseen
            failure = _unforeseen(check.__name__, error, subject)
        else:
            continue
        failures.setdefault(str(failure), (field, failure))  # one cause may fail several probes
    return failures


def _unforeseen(check: str, error: Exception, subject: Subject) -> PluginError:
    failure = PluginError(
        f"The probe {check} of {subject.model} on {subject.source} raised {type(error).__name__}: {error}",
        fix="compare the model's outputs and the data's batches with what flops_fit.components documents",
        code="probe-raised",
    )
    failure.__cause__ = error
    return failure


def _raise_together(failures: Collection[tuple[str, FlopsFitError]], spec: SweepSpec) -> None:
    """Raise a single failure as it is, and several as one SpecError that lists them."""
    for _, failure in failures if len(failures) == 1 else ():
        raise failure
    if failures:
        problems = [Problem(where=at, problem=f.problem, fix=f.fix, code=f.code) for at, f in failures]
        title = f"the probe of {spec.model.label} on {spec.data.label}"
        raise SpecError.of(problems, source=title) from ExceptionGroup(title, [f for _, f in failures])
