"""Probes of the data source: rows as promised, an order fixed by the seed, held-out data kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from flops_fit.components import Batch
from flops_fit.config.subject import Subject, calling
from flops_fit.errors import DataError, PluginError

if TYPE_CHECKING:
    import torch

BATCH_ROWS = 64
"""Rows compared with the data specification."""
TRAINING_ROWS = 512
"""Training rows searched for held-out ones."""
EVALUATION_ROWS = 4096
"""Held-out rows that are looked at."""
LEAK_SHARE = 0.01
"""Share of training rows found in the held-out set from which on the two overlap; fewer are duplicates."""
COUNTED = 1000
"""Held-out rows that are counted at most."""
EPOCH_STEPS = 32
"""Epochs of at most this many steps are also resumed beyond their end."""


def check_facts(subject: Subject) -> None:
    """Refuse a data specification whose numbers cannot be."""
    data = subject.data
    wrong = [
        f"{name} is {found}, must be {allowed}"
        for name, found, allowed, holds in (
            ("units_per_sample", data.units_per_sample, "at least 1", data.units_per_sample >= 1),
            (
                "n_units",
                data.n_units,
                "None or at least one sample's units",
                _is_epoch(data.n_units, data.units_per_sample),
            ),
            (
                "n_classes",
                data.n_classes,
                "None or at least 2",
                data.n_classes is None or data.n_classes >= 2,
            ),
        )
        if not holds
    ]
    if wrong:
        raise PluginError(
            f"{subject.source}.spec() says: {'; '.join(wrong)}.",
            fix=f"correct {type(subject.spec.data).__qualname__}.spec(), or give the source more data",
            code="bad-data-spec",
        )


def check_batch(subject: Subject) -> None:
    """Compare a batch with what the data specification promises."""
    batch = _well_formed(subject.probe_batch(BATCH_ROWS), subject)
    wrong = list(_unlike_the_spec(batch, subject))
    if _n_rows(batch) != BATCH_ROWS:
        wrong.append(f"probe_batch({BATCH_ROWS}) has {_n_rows(batch)} rows")
    if not _equal(batch, _well_formed(subject.probe_batch(BATCH_ROWS), subject)):
        wrong.append("probe_batch gives other rows the second time")
    if wrong:
        raise _bad_batch(wrong, subject)


def check_training_order(subject: Subject) -> None:
    """Compare training batches across calls, seeds and starting steps."""
    source, size = subject.source, subject.spec.training.batch_size
    first = _training_batches(subject, seed=0, start=0, n=3)
    if any(_n_rows(batch) != size for batch in first):
        raise PluginError(
            f"{source}.train_batches({size}, ...) yields batches of other sizes; D would be off.",
            fix="yield full batches without end, starting over when the data is used up",
            code="short-batch",
        )
    if not _all_equal(first, _training_batches(subject, seed=0, start=0, n=3)):
        raise PluginError(
            f"{source}.train_batches gives other batches when called again with the same seed.",
            fix="draw the order, and every random augmentation, from a generator seeded with `seed`",
            code="data-not-repeatable",
        )
    if _all_equal(first, _training_batches(subject, seed=1, start=0, n=3)):
        raise PluginError(
            f"{source}.train_batches gives the same batches for seeds 0 and 1; a repeat would be a copy.",
            fix="draw the order from a generator seeded with `seed`",
            code="data-ignores-seed",
        )
    _check_start_steps(subject)


def _check_start_steps(subject: Subject) -> None:
    starts = [1, 2]
    if (n_units := subject.data.n_units) is not None:
        steps = n_units // (subject.data.units_per_sample * subject.spec.training.batch_size)
        starts += [steps + 1] if steps <= EPOCH_STEPS else []
    for start in starts:
        tail = _training_batches(subject, seed=0, start=0, n=start + 2)[start:]
        if not _all_equal(tail, _training_batches(subject, seed=0, start=start, n=2)):
            raise PluginError(
                f"{subject.source}.train_batches(..., start_step={start}) differs from what follows "
                f"step {start} of a run from step 0; a resumed run would see other data.",
                fix="skip `start_step` batches of the same order, across the end of an epoch too",
                code="start-step-ignored",
            )


def check_evaluation_set(subject: Subject) -> None:
    """Compare the held-out set across calls and batch sizes."""
    source, size = subject.source, subject.spec.training.eval_batch_size
    rows = _evaluation_rows(subject, size, EVALUATION_ROWS)
    if not rows:
        raise DataError(
            f"{source} holds out no data, so no loss can be measured.",
            fix="give the source enough data to hold some out, or name an evaluation set",
            code="no-evaluation-data",
        )
    if rows != _evaluation_rows(subject, min(size, len(rows)) // 2 + 1, EVALUATION_ROWS):
        raise PluginError(
            f"{source}.eval_batches gives other rows when called again, or with another batch size; "
            "losses of different runs would not compare.",
            fix="fix the held-out rows and their order, and apply no random augmentation to them",
            code="evaluation-not-fixed",
        )


def count_held_out(subject: Subject) -> int:
    """Return the units of the held-out set, or of its first `COUNTED` rows if it has more."""
    rows = _evaluation_rows(subject, subject.spec.training.eval_batch_size, COUNTED)
    return len(rows) * subject.data.units_per_sample


def check_held_out(subject: Subject) -> None:
    """Look for held-out rows among training rows."""
    batches = -(-TRAINING_ROWS // subject.spec.training.batch_size)
    trained = [row for b in _training_batches(subject, seed=0, start=0, n=batches) for row in _rows(b)]
    held_out = set(_evaluation_rows(subject, subject.spec.training.eval_batch_size, EVALUATION_ROWS))
    shared = sum(row in held_out for row in trained)
    if shared > LEAK_SHARE * len(trained):
        raise DataError(
            f"{subject.source} trains on held-out data: {shared} of the first {len(trained)} "
            "training rows are in the evaluation set.",
            fix="split the data before anything is drawn from it, and drop rows that occur more than once",
            code="evaluation-data-trained",
        )
    if shared:
        subject.caveats.append(
            f"{shared} of {len(trained)} training rows of {subject.source} also occur in its held-out data."
        )


# ---- reading batches


def _training_batches(subject: Subject, *, seed: int, start: int, n: int) -> list[Batch]:
    size = subject.spec.training.batch_size
    with calling(subject.spec.data, f"train_batches({size}, {seed}, {start})"):
        batches = list(islice(subject.spec.data.train_batches(size, seed, start), n))
    if len(batches) < n:
        raise PluginError(
            f"{subject.source}.train_batches ended after {start + len(batches)} steps.",
            fix="yield batches without end, starting over when the data is used up",
            code="batches-ended",
        )
    return [_well_formed(batch, subject) for batch in batches]


def _evaluation_rows(subject: Subject, size: int, n: int) -> list[bytes]:
    """Return up to `n` held-out rows, in order, as bytes."""
    with calling(subject.spec.data, f"eval_batches({size})"):
        batches = (_well_formed(batch, subject) for batch in subject.spec.data.eval_batches(size))
        return list(islice(chain.from_iterable(map(_rows, batches)), n))


def _rows(batch: Batch) -> Iterator[bytes]:
    """Yield each row of a batch as bytes, all of its tensors together."""
    import torch

    columns = [
        batch[name].contiguous().flatten(1) if batch[name].dim() > 1 else batch[name][:, None]
        for name in sorted(batch)
    ]
    table = torch.cat([column.contiguous().view(torch.uint8) for column in columns], dim=1)
    return (row.tobytes() for row in table.numpy())


def _n_rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _equal(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and list(_rows(a)) == list(_rows(b))


def _all_equal(a: Sequence[Batch], b: Sequence[Batch]) -> bool:
    return all(_equal(x, y) for x, y in zip(a, b, strict=True))


# ---- what a batch must look like


def _is_epoch(n_units: int | None, units_per_sample: int) -> bool:
    return n_units is None or n_units >= units_per_sample


def _well_formed(batch: object, subject: Subject) -> Batch:
    """Return `batch` if it is a mapping of finite CPU tensors with equally many rows.

    Raises:
        PluginError: `bad-batch`.
    """
    import torch

    if not isinstance(batch, Mapping) or not batch:
        raise _bad_batch([f"a batch is {type(batch).__name__}, not a mapping of tensors"], subject)
    if others := [name for name, value in batch.items() if not isinstance(value, torch.Tensor)]:
        raise _bad_batch(
            [f"`{name}` is {type(batch[name]).__name__}, not a tensor" for name in others], subject
        )
    if wrong := list(chain.from_iterable(_unlike_rows(name, value) for name, value in batch.items())):
        raise _bad_batch(wrong, subject)
    if len({len(value) for value in batch.values()}) > 1:
        shapes = ", ".join(f"`{name}` {tuple(value.shape)}" for name, value in batch.items())
        raise _bad_batch([f"its tensors differ in their number of rows: {shapes}"], subject)
    return batch


def _unlike_rows(name: str, value: torch.Tensor) -> Iterator[str]:
    if value.device.type != "cpu":
        yield f"`{name}` is on {value.device}, not on the CPU"
    elif value.dim() == 0:
        yield f"`{name}` is a scalar, without rows"
    elif value.is_floating_point() and not bool(value.isfinite().all()):
        yield f"`{name}` holds values that are not finite"


def _bad_batch(wrong: Sequence[str], subject: Subject) -> PluginError:
    return PluginError(
        f"{subject.source} does not yield the rows it promises: {'; '.join(wrong)}.",
        fix="yield a mapping of CPU tensors, rows first, finite, with int64 labels below n_classes",
        code="bad-batch",
    )


def _unlike_the_spec(batch: Batch, subject: Subject) -> Iterator[str]:
    """Say in what a well-formed batch departs from the data specification."""
    data = subject.data
    for name in ("input_ids", "labels"):
        if name in batch and data.n_classes is not None:
            yield from _outside(name, batch[name], data.n_classes)
    if (
        data.unit == "token"
        and "input_ids" in batch
        and batch["input_ids"].shape[1:] != (data.units_per_sample,)
    ):
        found = tuple(batch["input_ids"].shape[1:])
        yield f"`input_ids` has rows of shape {found}, but units_per_sample is {data.units_per_sample}"
    shapes = {name: tuple(value.shape[1:]) for name, value in batch.items()}
    if data.sample_shape and data.sample_shape not in shapes.values():
        yield f"no tensor has rows of the promised sample_shape {data.sample_shape} (found {shapes})"


def _outside(name: str, values: torch.Tensor, n_classes: int) -> Iterator[str]:
    import torch

    if values.dtype != torch.int64:
        yield f"`{name}` has type {values.dtype}, not torch.int64"
        return
    counted = values[values != -100] if name == "labels" else values
    if counted.numel() and (int(counted.min()) < 0 or int(counted.max()) >= n_classes):
        reach = f"{int(counted.min())} to {int(counted.max())}"
        yield f"`{name}` reaches from {reach}, but n_classes is {n_classes}"
