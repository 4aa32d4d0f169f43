"""What determines a run, and its hash: the name under which a finished run is found again."""

import hashlib
import json
from typing import Any

from flops_fit.config.provenance import component_identity
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun

SPEED_ONLY = {"workers", "eval_batch_size", "mode", "audit", "checkpoint_s", "cuda_graph", "log_with"}
"""Training settings that change how fast a run is, not what comes out of it."""

RESOLVED = {"lr", "lr_scaling", "precision", "warmup", "cooldown"}
"""Training settings that the run states as they are applied, defaults filled in."""


def content_hash(content: Any) -> str:
    """Return 16 hex digits that change whenever the JSON value `content` does."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_identity(run: PlannedRun, spec: SweepSpec) -> dict[str, Any]:
    """Return everything that determines the outcome of `run`, as a JSON value."""
    return trunk_identity(run, spec) | {
        "budget": run.budget,
        "n_steps": run.n_steps,
        "cooldown_steps": run.cooldown_steps,
    }


def trunk_identity(run: PlannedRun, spec: SweepSpec) -> dict[str, Any]:
    """Return everything that determines the steps of `run` before its cooldown, as a JSON value."""
    return {
        "model": component_identity(spec.model),
        "data": component_identity(spec.data),
        "loss": component_identity(spec.loss),
        "flops": component_identity(spec.flops),
        "training": spec.training.model_dump(mode="json", exclude=SPEED_ONLY | RESOLVED),
        "size": {"name": run.size.name, "n_params": run.size.n_params, "options": dict(run.size.options)},
        "seed": run.seed,
        "batch_size": run.batch_size,
        "warmup_steps": run.warmup_steps,
        "flops_per_unit": run.flops_per_unit,
        "lr": run.lr,
        "precision": run.precision,
    }
