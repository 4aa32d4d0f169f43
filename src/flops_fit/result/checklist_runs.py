"""Questions 6 to 16 of the checklist: what was trained, how, and what was measured."""

from collections.abc import Iterator

import numpy as np

from flops_fit.config import MadeFrom
from flops_fit.fit import CurveLaw, ScalingLaw, ValleyLaw
from flops_fit.result import numbers
from flops_fit.result.checklist_answer import Answer, unknown

_TRIALS = ("rate-tuned", "rate-transfers", "tilted-by-tuning")
"""Findings that trials of other learning rates leave behind."""


def answers_about_training(law: ScalingLaw) -> Iterator[Answer]:
    """Answer questions 6 to 12."""
    points, made = law.points, law.made_from
    sizes, n_seeds = np.unique(points.n_params), len(np.unique(points.seed))
    seeds = f", {n_seeds} seeds" if n_seeds > 1 else ""
    simulated = " All losses are SIMULATED: nothing was trained." if points.simulated else ""
    yield Answer(f"{len(points)} runs of {len(sizes)} sizes{seeds}.{simulated}")
    yield Answer(f"{numbers.count(sizes.min())} to {numbers.count(sizes.max())} parameters.")
    yield _data(law, made)
    yield _counting(law, made)
    yield (
        _hyperparameters(law, made)
        if made
        else unknown("how the learning rate and batch size of each run were chosen")
    )
    yield (
        _settings(made)
        if made
        else unknown("depth and width of the models, context length, optimiser and schedule")
    )
    yield (
        Answer(f"Yes: flops-fit {made.versions.get('flops-fit', '')} and the family {made.model}.")
        if made
        else unknown("where the training code is")
    )


def _data(law: ScalingLaw, made: MadeFrom | None) -> Answer:
    low, high = float(law.points.n_units.min()), float(law.points.n_units.max())
    ratio = law.points.n_units / law.points.n_params
    amount = (
        f"{numbers.count(low)} to {numbers.count(high)} {law.unit}s, "
        f"D/N from {numbers.ratio(float(ratio.min()))} to {numbers.ratio(float(ratio.max()))}"
    )
    if made is None:
        return Answer(
            f"{amount}. Not known: state which data these are and how often any were repeated.", known=False
        )
    if made.epoch is None:
        return Answer(f"{amount}, of {made.data}, which does not end.")
    epochs = high / made.epoch
    repeated = f"repeated up to {epochs:.3g} times" if epochs > 1 else "none of it repeated"
    return Answer(f"{amount}, of {made.data}, {repeated} (an epoch: {numbers.count(made.epoch)}).")


def _counting(law: ScalingLaw, made: MadeFrom | None) -> Answer:
    how = law.conventions
    counted = f"N: {how.n_params} parameters; D: {law.unit}s consumed; C: {how.flops}"
    if made is not None:
        return Answer(f"{counted}, by the counter {made.flop_counter!r} of flops-fit, which is open.")
    known = "unknown" not in {how.n_params, how.flops}
    declare = "" if known else " State what is unknown, or declare it: flops-fit fit --n-is, --c-is."
    return Answer(f"{counted}.{declare}", known=known)


def _hyperparameters(law: ScalingLaw, made: MadeFrom) -> Answer:
    """Claim no comparison of learning rates but those that left a finding."""
    scaling = made.training.get("lr_scaling")
    rate = (
        f"A peak learning rate of {made.lr:g}·(N/{scaling['at']:g})^{scaling['exponent']:g}"
        if scaling
        else f"One peak learning rate, {made.lr:g}, for all runs"
    )
    tried = " ".join(f.message for f in law.findings if f.code in _TRIALS)
    meant = ", whose parametrisation is meant to suit every size; this sweep made no check of it"
    reason = (
        f". {tried.removesuffix('.')}"
        if tried
        else meant
        if made.lr_transfers
        else ", and no other was tried"
    )
    batch = made.training.get("batch_size")
    return Answer(f"{rate}{reason}. One batch size, {batch} rows, at every scale; no other was tried.")


def _settings(made: MadeFrom) -> Answer:
    fixed = {
        name: value for name, value in made.training.items() if name not in {"lr", "lr_scaling", "batch_size"}
    }
    options = {name: value for name, value in made.model_options.items() if name != "kind"}
    return Answer(
        f"Of the model: {_listed(options)}. Of the training: {_listed(fixed)}. None changes with scale; what "
        "differs from size to size is in the family."
    )


def _listed(options: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items() if value is not None) or "defaults"


def answers_about_collection(law: ScalingLaw) -> Iterator[Answer]:
    """Answer questions 13 to 16."""
    points, made = law.points, law.made_from
    if points.simulated:
        yield from [Answer("SIMULATED: losses were drawn from a formula; nothing was measured.")] * 3
        yield Answer("None.")
        return
    yield (
        Answer("No: losses are kept and weights are not.")
        if made
        else unknown("whether checkpoints can be downloaded")
    )
    yield _points_of_a_run(law, made)
    if made is not None:
        yield Answer(f"{made.loss}, {law.loss_unit}, on held-out data of {made.data} that no run trains on.")
    elif law.loss_unit != "unknown":
        yield Answer(f"{law.loss_unit}. Not known: state on which data.", known=False)
    else:
        yield unknown(
            "what the loss is, in which unit, and on which data; the unit by flops-fit fit --loss-unit"
        )
    inferred = " Budgets were inferred from compute." if points.inferred_budgets else ""
    if isinstance(law.headline, ValleyLaw):
        yield Answer(f"Losses are moved to the compute of their budget where a run missed it.{inferred}")
    else:
        yield Answer(f"None.{inferred if not isinstance(law.headline, CurveLaw) else ''}")


def _points_of_a_run(law: ScalingLaw, made: MadeFrom | None) -> Answer:
    n_trunks, n_runs = len(np.unique(law.points.trunk)), len(law.points)
    shared = f" {n_runs} runs share the first steps of {n_trunks} trunks." if n_trunks < n_runs else ""
    if made is None:
        return Answer(
            f"One row is one point.{shared} Not known: state whether it is the end of a run.", known=False
        )
    return Answer(f"One: the loss after the last step, when the learning rate has come down.{shared}")
