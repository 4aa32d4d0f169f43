"""Model families that are healthy but for one fault, and the check that is named for it."""

import dataclasses
import math
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import nn

from flops_fit_conformance.checks import ladder, model, outputs
from flops_fit_conformance.reference import ReferenceModel
from flops_fit_conformance.reference_net import Net
from flops_fit_conformance.sweeps import sweep_of


class Family(ReferenceModel):
    """The reference family around another network."""

    kind: Literal["mutant"] = "mutant"
    net: ClassVar[type[nn.Module]] = Net

    def build(self, size, data):
        return self.net(data.n_classes, size.options["width"], data.n_classes, tokens=True)


# ---- the ladder


class Descending(Family):
    def ladder(self, n_min, n_max, data):
        return super().ladder(n_min, n_max, data)[::-1]


class Growing(Family):
    """One size more with every call."""

    calls: ClassVar[list[int]] = []

    def ladder(self, n_min, n_max, data):
        self.calls.append(1)
        sizes = super().ladder(n_min, n_max, data)
        return [dataclasses.replace(size, name=f"{size.name}-{len(self.calls)}") for size in sizes]


class WrongCount(Family):
    """Forgets the head's bias."""

    def size(self, width, data):
        exact = super().size(width, data)
        return dataclasses.replace(exact, n_params=exact.n_params - data.n_classes)


class WrongCountOfOddSteps(Family):
    """Right for the example; wrong where an option is redrawn."""

    def size(self, width, data):
        exact = super().size(width, data)
        return dataclasses.replace(exact, n_params=exact.n_params + (self.step > 4))


class MoreInsideThanOutside(Family):
    def size(self, width, data):
        exact = super().size(width, data)
        return dataclasses.replace(exact, n_params_nonembedding=2 * exact.n_params)


class SizesOfObjects(Family):
    """Its options are no JSON."""

    def size(self, width, data):
        return dataclasses.replace(super().size(width, data), options={"width": np.int64(width)})


class SmallOnly(Family):
    """Above a million parameters it builds something else."""

    def build(self, size, data):
        width = min(size.options["width"], 256)
        return Net(data.n_classes, width, data.n_classes, tokens=True)


# ---- the built model


class SeededInside(Net):
    def __init__(self, *args, **kwargs):
        torch.manual_seed(0)
        super().__init__(*args, **kwargs)


class NotANumber(Net):
    def forward(self, batch):
        return super().forward(batch) * math.nan


class ShoutingAtFirst(Net):
    def forward(self, batch):
        return 40 * super().forward(batch)


class Unused(Net):
    """`before` is counted and never used."""

    def hidden(self, batch):
        return torch.tanh(self.now(self.inputs(batch["input_ids"])))


class Renumbering(Net):
    def hidden(self, batch):
        hidden = super().hidden(batch)
        batch["labels"].zero_()
        return hidden


class KeepingStateAside(Net):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.scale = 0.5 + torch.rand(1)

    def hidden(self, batch):
        return super().hidden(batch) * self.scale


class HalfGrouped(Family):
    """Forgets every bias."""

    def param_groups(self, module, lr, weight_decay):
        (group,) = super().param_groups(module, lr, weight_decay)
        return [{**group, "params": [p for p in group["params"] if p.dim() > 1]}]


class OfOneRate(Family):
    def param_groups(self, module, lr, weight_decay):
        return super().param_groups(module, 1e-3, weight_decay)


class DecayingWithTheRate(Family):
    def param_groups(self, module, lr, weight_decay):
        (group,) = super().param_groups(module, lr, weight_decay)
        return [{**group, "weight_decay": weight_decay}]


class TooFast(Family):
    default_lr: ClassVar[float] = 1e3


class Uncopyable(Net):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.draws = (x for x in range(3))


class InDoublePrecision(Family):
    def build(self, size, data):
        torch.set_default_dtype(torch.float64)
        return super().build(size, data).float()


class DrawingFromNumpy(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0 * np.random.rand()  # noqa: NPY002 - the fault


class Scanning(Net):
    """Uses an operation of unknown cost."""

    def hidden(self, batch):
        return super().hidden(batch).cumsum(1) / 16


# ---- what its outputs depend on


class LookingOneAhead(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch).roll(-1, 1)


class MixingRows(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch).mean(0, keepdim=True)


class Peeking(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.01 * self.inputs(batch["labels"])


class Noisy(Net):
    def hidden(self, batch):
        return nn.functional.dropout(super().hidden(batch), 0.1, training=True)


class OverflowingInBf16(Net):
    def hidden(self, batch):
        x = self.now(super().hidden(batch))
        return x.float() / (x.dtype.itemsize - 2)


class SteepInBf16(Net):
    """Its loss is finite in bf16, its gradient is not."""

    def hidden(self, batch):
        x = self.now(super().hidden(batch))
        steep = (x.float() - x.float().detach()).abs().sqrt() if x.dtype == torch.bfloat16 else 0 * x
        return torch.tanh(x.float() + steep)


def subject_of(mutant):
    """Return a sweep of a mutated family, or of the family around a mutated network."""
    if issubclass(mutant, nn.Module):
        mutant = type(mutant.__name__, (Family,), {"__module__": __name__, "net": mutant})
    return sweep_of(model=mutant())


MUTANTS = [
    (ladder.check_ladder_increases, Descending, "is not strictly increasing"),
    (ladder.check_ladder_is_repeatable, Growing, "the second time"),
    (ladder.check_parameter_counts, WrongCount, "says 524, has 585"),
    (ladder.check_parameter_counts, WrongCountOfOddSteps, "step="),
    (ladder.check_nonembedding_counts, MoreInsideThanOutside, "between 0 and n_params"),
    (ladder.check_sizes_are_portable, SizesOfObjects, "int64 is not JSON serializable"),
    (ladder.check_builds_without_memory, SmallOnly, "on the meta device"),
    (ladder.check_every_size_can_be_counted, Scanning, "aten.cumsum"),
    (model.check_build_follows_the_torch_seed, SeededInside, "every torch seed"),
    (model.check_step_gives_a_finite_loss, NotANumber, "at initialisation is nan"),
    (model.check_loss_at_start, ShoutingAtFirst, "knows nothing has 4.111"),
    (model.check_every_parameter_gets_a_gradient, Unused, "get no gradient: before.weight"),
    (model.check_batches_are_kept, Renumbering, "changes its batch: labels"),
    (model.check_state_round_trip, KeepingStateAside, "differ after loading"),
    (model.check_parameter_groups, HalfGrouped, "now.bias in 0 groups"),
    (model.check_parameter_groups, OfOneRate, "a rate 1 times as high at 7 times the `lr`"),
    (model.check_parameter_groups, DecayingWithTheRate, "a step that shrinks weights by 7e-07"),
    (model.check_training_lowers_the_loss, TooFast, "after 30 steps on the same batch"),
    (model.check_module_can_be_copied, Uncopyable, "cannot pickle 'generator' object"),
    (model.check_model_changes_nothing_global, InDoublePrecision, "torch's default dtype changed"),
    (model.check_model_changes_nothing_global, DrawingFromNumpy, "random state of numpy changed"),
    (outputs.check_causality, LookingOneAhead, "before position 1 of 16"),
    (outputs.check_rows_do_not_mix, MixingRows, "depend on other rows"),
    (outputs.check_labels_are_not_read, Peeking, "depend on the labels"),
    (outputs.check_evaluation_is_deterministic, Noisy, "in evaluation mode"),
    (outputs.check_bf16_is_finite, OverflowingInBf16, "under bf16 autocast"),
    (outputs.check_bf16_is_finite, SteepInBf16, "not finite: gradients of"),
]
