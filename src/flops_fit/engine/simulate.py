"""Draw the losses of a sweep from a known surface instead of training, to rehearse a pipeline in seconds."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.design.grid import PlannedRun, SweepPlan
from flops_fit.design.identity import content_hash
from flops_fit.engine.row import row_of
from flops_fit.engine.sweep import SweepSummary, summarise
from flops_fit.errors import PluginError
from flops_fit.plugins import registry
from flops_fit.runs.record import RunRecord
from flops_fit.runs.store import RunStore

BESIROGLU = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
"""E, A, B, alpha, beta of L = E + A/N^alpha + B/D^beta for large language models, nats per token.

Source: Besiroglu et al. 2024, arXiv:2404.10102, table 1.
"""


def simulate_sweep(
    plan: SweepPlan,
    store: RunStore,
    *,
    form: SurfaceForm | None = None,
    form_theta: Sequence[float] | None = None,
    noise: float = 0.005,
    seed: int = 0,
) -> SweepSummary:
    """Write a row of `origin` simulated for every run of `plan`.

    Simulated rows have ids of their own, listed in the summary, so they never pass for trained ones.

    Args:
        plan: Which runs to draw.
        store: Where rows go.
        form: The surface to draw from; by default the installed form called chinchilla.
        form_theta: Its parameters, in the order of its `param_names`; by default those of large language
            models, in units of N and D in which the middle of the plan is compute-optimal.
        noise: Standard deviation of the normal error of a loss, nats per unit.
        seed: Of the errors; each run draws its own, whatever else is in the plan.
    """
    started = time.perf_counter()
    surface = form or _chinchilla()
    theta = np.asarray(_centred(plan) if form_theta is None else form_theta, dtype=np.float64)
    simulated = [(run, _simulated_id(run, surface, theta.tolist(), noise, seed)) for run in plan.runs]
    kept = {row.run_id for row in store.read([run_id for _, run_id in simulated])}
    records = [
        _draw(replace(run, run_id=run_id, trunk=""), surface.predict(theta, *_cell(run)).item(), noise)
        for run, run_id in simulated
        if run_id not in kept
    ]
    store.adopt(kept, plan.plan_id)
    for record in records:
        store.add(replace(record, plan_id=plan.plan_id))
    summary = summarise(plan, records, wall_s=time.perf_counter() - started)
    return replace(summary, run_ids=tuple(run_id for _, run_id in simulated))


def _centred(plan: SweepPlan) -> tuple[float, ...]:
    """Return BESIROGLU with N and D in such units that the plan's geometric mean lies in the valley.

    At the optimum alpha·A/N^alpha = beta·B/D^beta; both are set to those of a run of 1e20 FLOPs.
    """
    E, A, B, alpha, beta = BESIROGLU
    ratio, units = alpha * A / (beta * B), 1e20 / 6
    best = (ratio * units**beta) ** (1 / (alpha + beta))
    middle_n = math.exp(sum(math.log(run.size.n_params) for run in plan.runs) / len(plan.runs))
    middle_d = math.exp(sum(math.log(run.n_units) for run in plan.runs) / len(plan.runs))
    return E, A * (middle_n / best) ** alpha, B * (middle_d / (units / best)) ** beta, alpha, beta


def _chinchilla() -> SurfaceForm:
    form = registry().find("fit", "chinchilla").model_validate({})
    if not isinstance(form, SurfaceForm):
        raise PluginError(
            "The installed fit form called 'chinchilla' is no surface, so no losses can be drawn from it.",
            fix="remove the plugin that replaces it (`flops-fit plugins` names it), or pass `form`",
            code="not-a-surface",
        )
    return form


def _simulated_id(run: PlannedRun, form: SurfaceForm, theta: Sequence[float], noise: float, seed: int) -> str:
    drawn_from = [run.run_id, form.model_dump(mode="json"), list(theta), noise, seed]
    return f"simulated-{content_hash(drawn_from)}"


def _cell(run: PlannedRun) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(run.size.n_params)]), np.array([float(run.n_units)])


def _draw(run: PlannedRun, mean: float, noise: float) -> RunRecord:
    """Return the row of `run`, whose id also seeds its error."""
    error = np.random.default_rng(int(run.run_id.rpartition("-")[2], 16)).normal(0.0, noise)
    return row_of(run, n_units=run.n_units, n_steps=run.n_steps, loss=mean + error, origin="simulated")
