"""Try every part of a sweep for a few seconds, so that nothing that could be known now fails hours in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flops_fit.components import DataSpec, Size
from flops_fit.config import probe_data, probe_flops, probe_ladder, probe_model, probe_outputs
from flops_fit.config.spec import SweepSpec
from flops_fit.config.subject import Subject, calling
from flops_fit.errors import FlopsFitError, Problem, SpecError


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
    caveats: tuple[str, ...] = ()
    """What the probes saw that is no error and should be read beside the results."""


Check = Callable[[Subject], None]

ROUNDS: tuple[tuple[Check, ...], ...] = (
    (
        probe_data.check_facts,
        probe_data.check_batch,
        probe_data.check_training_order,
        probe_data.check_evaluation_set,
        probe_data.check_held_out,
        probe_ladder.check_ladder,
    ),
    (
        probe_ladder.check_counts,
        probe_model.check_initialisation,
        probe_model.check_step,
    ),
    (
        probe_model.check_initial_loss,
        probe_model.check_gradients,
        probe_model.check_batch_is_kept,
        probe_outputs.check_evaluation_mode,
        probe_outputs.check_bf16,
        probe_outputs.check_rows_are_independent,
        probe_outputs.check_labels_are_not_read,
        probe_outputs.check_causality,
        probe_outputs.check_saved_state,
        probe_flops.check_flops,
    ),
)
"""Every probe. A round needs what earlier rounds found in order; within a round all problems are gathered."""


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
    with torch.random.fork_rng(devices=[]):  # the caller's generator stays where it was
        for checks in ROUNDS:
            _raise_together(_failures(checks, subject), spec)
    return Probe(
        data=subject.data,
        sizes=tuple(
            ProbedSize(size=size, flops_per_unit=flops, flops_6nd_per_unit=6.0 * size.n_params)
            for size, flops in subject.flops_by_size
        ),
        caveats=tuple(subject.caveats),
    )


def _failures(checks: Sequence[Check], subject: Subject) -> list[FlopsFitError]:
    failures = []
    for check in checks:
        try:
            check(subject)
        except FlopsFitError as failure:
            failures.append(failure)
    return failures


def _raise_together(failures: Sequence[FlopsFitError], spec: SweepSpec) -> None:
    """Raise a single failure as it is, and several as one SpecError that lists them."""
    # Probes that need the same broken part report the same problem; once is enough.
    distinct = list({str(failure): failure for failure in failures}.values())
    if len(distinct) == 1:
        raise distinct[0]
    if distinct:
        where = f"probe of {spec.model.kind} on {spec.data.kind}"
        problems = [Problem(where=where, problem=f.problem, fix=f.fix, code=f.code) for f in distinct]
        raise SpecError.of(problems, source=f"the {where}") from ExceptionGroup(where, distinct)
