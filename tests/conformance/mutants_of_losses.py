"""Losses and FLOP counters that are healthy but for one fault, and the check that is named for it."""

import math
from typing import Literal

import torch
from torch.nn.functional import cross_entropy

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.components import FlopCounter
from flops_fit_conformance.checks import flops, loss, reported_loss
from flops_fit_conformance.sweeps import sweep_of


class Loss(CrossEntropy):
    kind: Literal["mutant"] = "mutant"


class Detached(Loss):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch).detach()


class MisstatingUniform(Loss):
    def uniform_loss(self, data):
        return math.log2(data.n_classes)


class InBits(Loss):
    """Consistent in itself, in the wrong unit."""

    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) / math.log(2)

    def uniform_loss(self, data):
        return math.log2(data.n_classes)


class InBitsOfNothingKnown(InBits):
    def uniform_loss(self, data):
        return None


class Summed(Loss):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) * batch["labels"].numel()


class CountingIgnored(Loss):
    def __call__(self, outputs, batch):
        return cross_entropy(outputs.flatten(0, 1), batch["labels"].flatten().clamp(min=0))


class Relabelling(Loss):
    def __call__(self, outputs, batch):
        value = super().__call__(outputs, batch)
        batch["labels"].fill_(0)
        return value


class Smoothed(Loss):
    """Reports what it trains on, smoothing included."""

    smoothing: float = 0.1

    def __call__(self, outputs, batch):
        return cross_entropy(outputs.flatten(0, 1), batch["labels"].flatten(), label_smoothing=self.smoothing)

    def evaluate(self, outputs, batch):
        return self(outputs, batch)


class ReportingRows(Loss):
    def evaluate(self, outputs, batch):
        return self(outputs, batch).expand(3)


class Unmeasured(Loss):
    def metrics(self, outputs, batch):
        return {"accuracy": torch.tensor(math.nan)}


class CountingHits(Loss):
    """Its accuracy is a sum."""

    def metrics(self, outputs, batch):
        return {"accuracy": (outputs.argmax(-1) == batch["labels"]).sum().float() + 1}


# ---- FLOP counters


class Counter(FlopCounter):
    kind: Literal["mutant"] = "mutant"

    def train_flops_per_unit(self, model, size, data):
        return 6.0 * size.n_params


class Free(Counter):
    def train_flops_per_unit(self, model, size, data):
        return 0.0


class Constant(Counter):
    def train_flops_per_unit(self, model, size, data):
        return 1e6


class Drifting(Counter):
    def train_flops_per_unit(self, model, size, data):
        return 6.0 * size.n_params + torch.rand(1).item()


class ForwardOnly(Counter):
    def train_flops_per_unit(self, model, size, data):
        return 2.0 * size.n_params


def subject_of(mutant):
    return sweep_of(**{"flops" if issubclass(mutant, FlopCounter) else "loss": mutant()})


MUTANTS = [
    (loss.check_loss_is_a_scalar_with_a_gradient, Detached, "requires a gradient"),
    (loss.check_uniform_loss, MisstatingUniform, "5.9307, its uniform_loss"),
    (loss.check_loss_is_a_mean_in_nats, InBits, "should be ln 61 = 4.1109"),
    (loss.check_loss_is_a_mean_in_nats, InBitsOfNothingKnown, "is in bits"),
    (loss.check_loss_of_repeated_rows, Summed, "for the rows twice over"),
    (loss.check_ignored_labels_do_not_count, CountingIgnored, "with other outputs where labels are -100"),
    (loss.check_loss_keeps_its_arguments, Relabelling, "outputs or batch changed"),
    (reported_loss.check_reported_loss_is_plain, Smoothed, "keep label smoothing"),
    (reported_loss.check_reported_loss_is_finite, ReportingRows, "a finite scalar tensor"),
    (reported_loss.check_reported_numbers_are_means, CountingHits, "rows twice over"),
    (reported_loss.check_metrics_are_finite, Unmeasured, "'accuracy': tensor(nan)"),
    (flops.check_flops_are_counted, Free, "costs 0.0 FLOPs per token"),
    (flops.check_flops_grow_with_the_model, Constant, "more FLOPs for more parameters"),
    (flops.check_flops_are_repeatable, Drifting, "one count"),
    (flops.check_flops_agree_with_tracing, ForwardOnly, "within a factor 1.5 of"),
]
