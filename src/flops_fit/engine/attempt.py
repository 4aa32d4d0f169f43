"""One trunk, whatever becomes of it: every run of it leaves a record."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import Trunk
from flops_fit.engine.job import this_job
from flops_fit.engine.row import failed_row
from flops_fit.errors import StoreError, TrainingError
from flops_fit.runs.record import RunRecord


def attempt(trunk: Trunk, spec: SweepSpec, checkpoints: Path | None = None) -> Iterator[RunRecord]:
    """Train `trunk` and yield one record per run, in order.

    Whatever it raises, on every process of the job, becomes the failed records of the runs that are left.
    """
    from flops_fit.engine.trunk import train_trunk

    records = train_trunk(trunk, spec, checkpoints)
    for i in range(len(trunk)):
        try:
            record = this_job().in_step(partial(next, records))
        except (TrainingError, StoreError):  # about the sweep, not about this trunk
            raise
        except Exception as error:  # noqa: BLE001 - user code may raise anything, and the sweep goes on
            yield from (failed_row(run, f"{type(error).__name__}: {error}") for run in trunk[i:])
            return
        yield record
