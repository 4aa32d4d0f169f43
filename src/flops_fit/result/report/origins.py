"""Where the numbers come from: cost, provenance, and how to cite them."""

from collections.abc import Iterator, Mapping
from importlib import metadata

import numpy as np

from flops_fit.config import MadeFrom
from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.prediction import Prediction
from flops_fit.result.report.sweep import Kept

Facts = tuple[tuple[str, str], ...]
"""Names and what is to be said of them."""


def cost_of(law: ScalingLaw, kept: Kept | None, answer: Prediction | None) -> Facts:
    """Say what the runs cost, as far as that is known, and what training the answer will take."""
    ahead = (
        () if answer is None or answer.duration is None else (("to train the answer", str(answer.duration)),)
    )
    return (*_costs(law, kept), *ahead)


def origins_of(law: ScalingLaw) -> Facts:
    """Say what was trained, how it was counted, and by which versions on what."""
    made = law.made_from
    left_out = "; ".join(f"{run.run_id} ({run.reason})" for run in law.points.excluded)
    return (
        *(
            _about_sweep(made)
            if made
            else (("runs", "imported; the table says nothing of how they were trained"),)
        ),
        *(
            (name, "not declared" if said == "unknown" else said)
            for name, said in (
                ("N counts", law.conventions.n_params),
                ("C is", law.conventions.flops),
                ("unit of L", law.loss_unit),
            )
        ),
        ("fit", f"{law.form.get('kind')}: {_listed(law.form)}"),
        *((("left out", left_out),) if left_out else ()),
        ("run ids", ", ".join(law.points.run_ids)),
    )


def citation(law: ScalingLaw) -> str:
    """Return a sentence for a paper's methods."""
    low, high = law.flops_range
    return (
        f"Fitted with flops-fit {_version(law)} ({law.headline.name!r}, {len(law.points)} runs, "
        f"{numbers.compute(low)} to {numbers.compute(high)} FLOPs, 95% intervals)."
    )


def _costs(law: ScalingLaw, kept: Kept | None) -> Iterator[tuple[str, str]]:
    yield "FLOPs of the runs", numbers.compute(float(np.sum(law.points.flops)))
    if kept is None:
        yield "time", "not known: the runs were imported, or their directory is elsewhere"
        return
    executed = [r.flops_executed for r in kept.records if r.flops_executed is not None]
    if executed:
        yield "FLOPs executed", f"{numbers.compute(sum(executed))} (runs of one size share their first steps)"
    failed = [record for record in kept.records if record.status != "completed"]
    yield "runs", f"{len(kept.records) - len(failed)} completed, {len(failed)} without a loss"
    walls = [record.wall_s for record in kept.records if record.wall_s is not None]
    if walls:
        yield "time", f"{_duration(sum(walls))} of training and evaluation, summed over the runs"


def _duration(seconds: float) -> str:
    for length, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} s"


def _about_sweep(made: MadeFrom) -> Iterator[tuple[str, str]]:
    yield "model", f"{made.model}: {_listed(made.model_options)}"
    yield "data", f"{made.data}: {_listed(made.data_options)}"
    yield "loss function", made.loss
    yield "FLOP counter", made.flop_counter
    yield "training", _listed({**made.training, "lr": made.lr})
    yield "seeds", ", ".join(map(str, made.seeds))
    yield "versions", _listed(made.versions)
    yield "hardware", made.hardware or "not kept"


def _listed(options: Mapping[str, object]) -> str:
    shown = (
        f"{name} {value}" for name, value in options.items() if name != "kind" and value not in (None, "")
    )
    return ", ".join(shown) or "defaults"


def _version(law: ScalingLaw) -> str:
    ours = law.made_from.versions.get("flops-fit") if law.made_from else None
    return ours or metadata.version("flops-fit")
