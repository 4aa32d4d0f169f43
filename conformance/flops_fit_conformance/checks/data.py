"""Clauses about a data source: batches as promised, in an order that the seed fixes, resumable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, islice

import torch
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.components import Batch, DataSource
from flops_fit.config import probe_data
from flops_fit.config.subject import Subject
from flops_fit.errors import FlopsFitError
from flops_fit_conformance.breach import require, require_by_probe
from flops_fit_conformance.configs import TRIED, on_drawn_configs, unless_refused
from flops_fit_conformance.process_state import kept
from flops_fit_conformance.rows import copies, equal, rows_of
from flops_fit_conformance.sweeps import sweep_of

EPOCH_ROWS = 4096
"""Epochs of at most this many rows are looked at as a whole."""
ENDLESS_ROWS = 512
REPEATS = 0.1
"""Share of rows that may be equal to others: data hold duplicates, sampling with replacement has 37%."""


def check_data_spec(sweep: Subject) -> None:
    """`spec()` holds possible numbers: units_per_sample >= 1, an epoch of one row, n_classes >= 2 or None."""

    def clause(data: DataSource) -> None:
        drawn = _drawn(sweep, data)
        require_by_probe(probe_data.check_facts, drawn, should="numbers that can be", call=f"{data!r}.spec()")

    on_drawn_configs(sweep.spec.data, clause)


def check_batches_are_as_promised(sweep: Subject) -> None:
    """Batches map names to finite CPU tensors, rows first, of the shapes and classes that `spec()` says.

    `probe_batch(n)` is always the same n rows.
    """

    def clause(data: DataSource) -> None:
        require_by_probe(
            probe_data.check_batch,
            _drawn(sweep, data),
            should="the rows that spec() promises, int64 labels below n_classes",
            call=f"{data!r}.probe_batch({probe_data.BATCH_ROWS})",
        )

    on_drawn_configs(sweep.spec.data, clause)


def check_training_batches_are_full(sweep: Subject) -> None:
    """`train_batches` yields full batches without end: it starts over when the data are used up."""
    size = sweep.spec.training.batch_size
    steps = _steps_of_an_epoch(sweep)
    wanted = min(steps or 8, EPOCH_ROWS // size) + 3
    short = [len(rows_of(batch)) for batch in _first(sweep, wanted) if len(rows_of(batch)) != size]
    n_found = len(_first(sweep, wanted))
    call = f"{_source(sweep)}.train_batches({size}, seed=0)"
    require(
        n_found == wanted, found=f"an end after {n_found} batches", should="batches without end", call=call
    )
    require(not short, found=f"a batch of {short[:1]} rows", should=f"{size} rows each", call=call)


def check_training_order_is_repeatable(sweep: Subject) -> None:
    """The same seed gives the same batches."""
    require(
        equal(_first(sweep, 3), _first(sweep, 3)),
        found="other batches the second time",
        should="equal batches",
        call=f"{_source(sweep)}.train_batches(..., seed=0), twice",
    )


def check_training_order_follows_the_seed(sweep: Subject) -> None:
    """Another seed gives another order: runs with different seeds are repetitions, not copies."""
    require(
        not equal(_first(sweep, 3, seed=0), _first(sweep, 3, seed=1)),
        found="the same batches for seeds 0 and 1",
        should="another order",
        call=f"{_source(sweep)}.train_batches(..., seed)",
    )


def check_start_step_skips(sweep: Subject) -> None:
    """`start_step` skips that many batches: what follows is the tail of a run from 0, across epochs too."""
    steps = _steps_of_an_epoch(sweep) or 0
    starts = st.integers(1, 12)
    if 0 < steps <= probe_data.EPOCH_STEPS * 2:
        starts = st.one_of(starts, st.integers(max(steps - 1, 1), steps + 2))

    @TRIED
    @given(starts, st.sampled_from([1, 5, 8]), st.integers(0, 3))
    def clause(start: int, size: int, seed: int) -> None:
        whole = _first(sweep, start + 2, seed=seed, size=size)
        require(
            equal(whole[start:], _first(sweep, 2, seed=seed, size=size, start=start)),
            found=f"other batches than those after step {start} of a run from step 0",
            should="the tail of the same run",
            call=f"{_source(sweep)}.train_batches({size}, seed={seed}, start_step={start})",
        )

    clause()


def check_an_epoch_visits_everything_once(sweep: Subject) -> None:
    """`n_units` distinct units make an epoch, each visited once; an endless source repeats nothing."""
    data, size = sweep.data, sweep.spec.training.batch_size
    epoch = None if data.n_units is None else data.n_units // data.units_per_sample
    if epoch is not None and epoch > EPOCH_ROWS:
        return
    n_rows = ENDLESS_ROWS if epoch is None else epoch
    rows = list(islice(chain.from_iterable(map(rows_of, _first(sweep, -(-n_rows // size)))), n_rows))
    distinct = len(set(rows))
    require(
        distinct >= (1 - REPEATS) * n_rows,
        found=f"{distinct} distinct rows among the first {n_rows}",
        should=f"{n_rows}, but for duplicates in the data" if epoch else "new rows without end",
        call=f"{_source(sweep)}.train_batches(...), spec().n_units = {data.n_units}",
    )


def check_batches_are_copies(sweep: Subject) -> None:
    """A batch belongs to its reader: writing into it changes no later batch and no held-out row."""
    before, held_out = copies(_first(sweep, 2)), copies(_held_out(sweep))
    for batch in chain(_first(sweep, 2), _held_out(sweep), [sweep.probe_batch(8)]):
        for value in batch.values():
            value.zero_()
    require(
        equal(before, _first(sweep, 2)) and equal(held_out, _held_out(sweep)),
        found="other batches after a reader overwrote its own",
        should="equal batches",
        call=f"{_source(sweep)}.train_batches(...)",
    )


def check_data_changes_nothing_global(sweep: Subject) -> None:
    """Reading data leaves every global generator and setting alone: torch's generator is the model's."""
    with kept(f"{_source(sweep)}.train_batches, .eval_batches, .probe_batch and .spec"):
        sweep.spec.data.spec()
        _first(sweep, 2)
        list(islice(sweep.spec.data.eval_batches(8), 2))
        sweep.spec.data.probe_batch(2)


def check_prepare_can_be_called_again(sweep: Subject) -> None:
    """`prepare` does its work once: a second call changes nothing."""
    before = _first(sweep, 2)
    sweep.spec.data.prepare()
    require(
        equal(before, _first(sweep, 2)),
        found="other batches",
        should="equal batches",
        call=f"{_source(sweep)}.prepare(), a second time",
    )


def check_resident_batches_are_the_same(sweep: Subject) -> None:
    """`resident(device)` yields the very batches of the source; tried where there is a GPU."""
    if not torch.cuda.is_available():
        return
    resident = sweep.spec.data.resident(torch.device("cuda"))
    size = sweep.spec.training.batch_size
    trained = [_on_cpu(batch) for batch in islice(resident.train_batches(size, 0, 1), 3)]
    held_out = [_on_cpu(batch) for batch in islice(resident.eval_batches(8), 4)]
    require(
        equal(trained, _first(sweep, 3, start=1)) and equal(held_out, _held_out(sweep)),
        found="other batches than those of the source",
        should="equal batches",
        call=f"{_source(sweep)}.resident(cuda).train_batches({size}, 0, 1), .eval_batches(8)",
    )


def _on_cpu(batch: Batch) -> Batch:
    return {name: value.cpu() for name, value in batch.items()}


def _drawn(sweep: Subject, data: DataSource) -> Subject:
    try:
        return sweep if data == sweep.spec.data else sweep_of(data=data, model=sweep.spec.model)
    except FlopsFitError as error:
        unless_refused(error)
        raise


def _first(
    sweep: Subject, n: int, *, seed: int = 0, start: int = 0, size: int | None = None
) -> Sequence[Batch]:
    size = size or sweep.spec.training.batch_size
    return list(islice(sweep.spec.data.train_batches(size, seed, start), n))


def _held_out(sweep: Subject) -> Sequence[Batch]:
    return list(islice(sweep.spec.data.eval_batches(8), 4))


def _steps_of_an_epoch(sweep: Subject) -> int | None:
    data = sweep.data
    if data.n_units is None:
        return None
    return math.ceil(data.n_units / (data.units_per_sample * sweep.spec.training.batch_size))


def _source(sweep: Subject) -> str:
    return repr(sweep.spec.data)
