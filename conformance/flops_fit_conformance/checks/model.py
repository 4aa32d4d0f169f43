"""Clauses about a built model and how it is trained: seeds, gradients, parameter groups, first steps."""

from __future__ import annotations

import math
from collections import Counter

import torch

from flops_fit.config import probe_model, probe_outputs
from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import Breach, require, require_by_probe
from flops_fit_conformance.process_state import kept

STEPS = 30
LR_FACTOR = 7.0
ADAMW_DECAY = 0.01
"""What AdamW takes where a group says nothing."""
LEAST_FALL = 0.001
"""Relative fall of the loss of one batch that 30 steps at the family's own rate must bring."""


def check_build_follows_the_torch_seed(sweep: Subject) -> None:
    """`build` draws from torch's global generator alone: one seed gives one model, another seed another."""
    require_by_probe(
        probe_model.check_initialisation,
        sweep,
        should="values that torch.manual_seed fixes and changes",
        call=f"torch.manual_seed(seed); {_build(sweep)}",
    )


def check_step_gives_a_finite_loss(sweep: Subject) -> None:
    """Forward takes a batch; the loss of its outputs is a finite scalar that depends on the parameters."""
    require_by_probe(
        probe_model.check_step,
        sweep,
        should="a finite scalar with a gradient",
        call=f"loss({_forward(sweep)})",
    )


def check_loss_at_start(sweep: Subject) -> None:
    """A model at initialisation knows nothing: its loss is near that of uniform guesses."""
    require_by_probe(
        probe_model.check_initial_loss,
        sweep,
        should="near the loss of uniform guesses, ln(n_classes)",
        call=f"loss({_forward(sweep)}) at initialisation",
    )


def check_every_parameter_gets_a_gradient(sweep: Subject) -> None:
    """Backward gives every trainable parameter a finite gradient, at either end of the ladder."""
    require_by_probe(
        probe_model.check_gradients,
        sweep,
        should="a finite gradient for every parameter that is counted",
        call=f"loss({_forward(sweep)}).backward()",
    )


def check_batches_are_kept(sweep: Subject) -> None:
    """Neither forward nor loss nor backward writes into a batch."""
    require_by_probe(
        probe_model.check_batch_is_kept,
        sweep,
        should="a batch that holds what it held before",
        call=f"loss({_forward(sweep)}).backward()",
    )


def check_state_round_trip(sweep: Subject) -> None:
    """`state_dict` holds everything that forward needs: runs resume from it."""
    require_by_probe(
        probe_outputs.check_saved_state,
        sweep,
        should="equal outputs of a second module that loads the state",
        call=f"torch.save, torch.load(weights_only=True), load_state_dict of {_build(sweep)}",
    )


def check_parameter_groups(sweep: Subject) -> None:
    """`param_groups` puts every trainable parameter into one group, at rates that scale with `lr`.

    Weight decay is the fraction by which a step at the peak rate shrinks a weight, whatever the rate.
    """
    module, family = sweep.smallest(), sweep.spec.model
    groups, faster = (family.param_groups(module, lr, 1e-4) for lr in (1e-3, 1e-3 * LR_FACTOR))
    call = f"{family!r}.param_groups(module, lr, weight_decay)"
    grouped = Counter(id(p) for group in groups for p in group["params"])
    trainable = {id(p): name for name, p in module.named_parameters() if p.requires_grad}
    wrong = [f"{name} in {grouped[i]} groups" for i, name in trainable.items() if grouped[i] != 1]
    require(not wrong, found=", ".join(wrong[:5]), should="each parameter in one group", call=call)
    for slow, fast in zip(groups, faster, strict=True):
        ratio = fast["lr"] / slow["lr"]
        require(
            slow["lr"] > 0 and math.isclose(ratio, LR_FACTOR, rel_tol=1e-6),
            found=f"a rate {ratio:.4g} times as high at {LR_FACTOR:g} times the `lr`",
            should="rates proportional to `lr`",
            call=call,
        )
        decayed = fast.get("weight_decay", ADAMW_DECAY) * fast["lr"]
        allowed = (0.0, 1e-4)  # a group may be spared
        require(
            any(math.isclose(decayed, value, rel_tol=1e-6, abs_tol=1e-12) for value in allowed),
            found=f"a step that shrinks weights by {decayed:.4g}",
            should="by `weight_decay` (1e-4) or by nothing, whatever the rate",
            call=call,
        )


def check_training_lowers_the_loss(sweep: Subject) -> None:
    """The family's own learning rate trains its smallest size: 30 steps lower the loss of a batch."""
    training, batch = sweep.spec.training, sweep.batch
    module = sweep.smallest().train()
    groups = sweep.spec.model.param_groups(module, sweep.spec.model.default_lr, 0.0)
    optimizer = torch.optim.AdamW(groups, betas=training.betas, eps=training.eps)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sweep.spec.loss(module(batch), batch)
        sweep.differentiate(loss)
        optimizer.step()
        losses.append(loss.item())
    first, last = losses[0], losses[-1]
    require(
        math.isfinite(last) and last < first * (1 - LEAST_FALL),
        found=f"a loss of {first:.4g} at first and {last:.4g} after {STEPS} steps on the same batch",
        should="a loss that falls",
        call=f"AdamW on {_build(sweep)} at default_lr = {sweep.spec.model.default_lr:g}",
    )


def check_module_can_be_copied(sweep: Subject) -> None:
    """A built module can be copied, parameters, buffers and all: the copy has equal outputs."""
    import copy

    module = sweep.smallest().eval()
    try:
        again = copy.deepcopy(module)
    except Exception as error:
        raise Breach(
            found=f"{type(error).__name__}: {error}", should="a copy", call=f"copy.deepcopy({_build(sweep)})"
        ) from error
    with torch.no_grad():
        before, after = (str(sweep.outputs(m, sweep.batch)) for m in (module, again))
    require(
        before == after, found="other outputs", should="equal outputs", call=f"copy.deepcopy({_build(sweep)})"
    )


def check_model_changes_nothing_global(sweep: Subject) -> None:
    """Building and running a model changes nothing global but the state of torch's generator."""
    with kept(f"{_build(sweep)}, forward, param_groups", torch_draws=True):
        module = sweep.spec.model.build(sweep.sizes[0], sweep.data)
        sweep.outputs(module, sweep.batch)
        sweep.spec.model.param_groups(module, 1e-3, 0.0)


def _build(sweep: Subject) -> str:
    return f"{sweep.spec.model!r}.build({sweep.sizes[0].name})"


def _forward(sweep: Subject) -> str:
    return f"{_build(sweep)}(batch of {sweep.source})"
