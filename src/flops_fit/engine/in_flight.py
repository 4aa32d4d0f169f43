"""Where the states of trunks in flight are kept."""

import shutil
from pathlib import Path

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import Trunk


def folder_of(trunk: Trunk, spec: SweepSpec, checkpoints: Path) -> Path:
    """Return where the states of `trunk` are kept; of a run that shares no steps, under its own name."""
    first = trunk[0]
    return checkpoints / (first.trunk if spec.training.mode == "trunks" and first.trunk else first.run_id)


def forget(directory: Path) -> None:
    """Remove the states of a trunk that is done."""
    shutil.rmtree(directory, ignore_errors=True)
