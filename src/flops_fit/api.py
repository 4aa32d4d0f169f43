"""The Python API; `find_optimal` is the table of contents of the whole library, one line per stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flops_fit.config import Probe, SweepSpec, adapt, load_spec, probe, write_spec_json
from flops_fit.design import SweepPlan
from flops_fit.design import plan_sweep as plan_probed_sweep
from flops_fit.fit import fit_law
from flops_fit.result import ScalingResult, load
from flops_fit.runs import RunStore, read_table

if TYPE_CHECKING:
    from flops_fit.components import FitForm
    from flops_fit.engine import Progress

__all__ = ["check_spec", "find_optimal", "fit_runs", "load", "plan_sweep", "run_spec"]

RUNS_FILE, LAW_FILE, SPEC_FILE = "runs.sqlite", "law.json", "spec.json"

