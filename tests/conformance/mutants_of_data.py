"""Data sources that are healthy but for one fault, and the check that is named for it."""

import math
from typing import Literal

import torch

from flops_fit.components import DataSpec
from flops_fit_conformance.checks import data, evaluation_data
from flops_fit_conformance.reference import HELD_OUT, ROWS, ReferenceData
from flops_fit_conformance.sweeps import sweep_of


class Data(ReferenceData):
    kind: Literal["mutant"] = "mutant"

    def bayes_loss(self):
        return None


class OfOneClass(Data):
    def spec(self):
        return DataSpec(unit="token", units_per_sample=16, n_units=None, n_classes=1)


class BeyondTheVocabulary(Data):
    def rows(self, numbers):
        batch = super().rows(numbers)
        return {**batch, "labels": batch["labels"] + 1}


class Ending(Data):
    def probe_batch(self, batch_size):
        return self.rows(HELD_OUT + torch.arange(batch_size))

    def train_batches(self, batch_size, seed, start_step=0):
        order = self.order(seed, 0)[start_step * batch_size :]
        yield from (self.rows(part) for part in order.split(batch_size) if len(part) == batch_size)


class ShortAtTheEnd(Data):
    def train_batches(self, batch_size, seed, start_step=0):
        while True:
            for part in self.order(seed, 0).split(batch_size)[start_step:]:
                yield self.rows(part[: batch_size - (part[0].item() == self.order(seed, 0)[-8].item())])
            start_step = 0


class NeverTheSame(Data):
    def order(self, seed, epoch):
        return HELD_OUT + torch.randperm(ROWS - HELD_OUT)


class IgnoringTheSeed(Data):
    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, 5, start_step)


class IgnoringTheStart(Data):
    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, seed, 0)


class ForgettingTheEpoch(Data):
    """Resumes correctly within the first epoch only."""

    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, seed, start_step % ((ROWS - HELD_OUT) // batch_size))


class WithReplacement(Data):
    def order(self, seed, epoch):
        dice = torch.Generator().manual_seed(1000 * seed + epoch)
        return HELD_OUT + torch.randint(0, ROWS - HELD_OUT, (ROWS - HELD_OUT,), generator=dice)


class ClaimingMore(Data):
    """Says that an epoch is twice as long as it is."""

    def spec(self):
        exact = super().spec()
        return DataSpec(unit="token", units_per_sample=16, n_units=2 * exact.n_units, n_classes=61)


ALL = ReferenceData().rows(torch.arange(ROWS))


class LendingItsOwnRows(Data):
    """Batches are views into one store, so whoever writes into one changes the data."""

    def rows(self, numbers):
        start = int(numbers[0]) % (ROWS - 64)
        return {name: value[start : start + len(numbers)] for name, value in ALL.items()}

    def probe_batch(self, batch_size):
        return super().rows(HELD_OUT + torch.arange(batch_size))


class SeedingTorch(Data):
    def order(self, seed, epoch):
        torch.manual_seed(1000 * seed + epoch)
        return HELD_OUT + torch.randperm(ROWS - HELD_OUT)


prepared = []


class PreparedTwiceIsOther(Data):
    def prepare(self):
        prepared.append(1)

    def order(self, seed, epoch):
        return super().order(seed + len(prepared), epoch)


class OtherOnAGpu(Data):
    def resident(self, device):
        return type(self)(unit="image")


class EvaluatingAtRandom(Data):
    def eval_batches(self, batch_size):
        yield from (self.rows(part) for part in torch.randperm(HELD_OUT).split(batch_size))


class TrainingOnTheHeldOut(Data):
    """Leaks: its training order runs over the held-out rows too."""

    def order(self, seed, epoch):
        return super().order(seed, epoch) - HELD_OUT


class WithABayesLossTooHigh(Data):
    def bayes_loss(self):
        return math.log(61) + 1


class WithABayesLossBelowZero(Data):
    def bayes_loss(self):
        return -0.1


def subject_of(mutant):
    return sweep_of(data=mutant())


MUTANTS = [
    (data.check_data_spec, OfOneClass, "n_classes is 1, must be None or at least 2"),
    (data.check_batches_are_as_promised, BeyondTheVocabulary, "but n_classes is 61"),
    (data.check_training_batches_are_full, Ending, "an end after 45 batches"),
    (data.check_training_batches_are_full, ShortAtTheEnd, "a batch of [7] rows"),
    (data.check_training_order_is_repeatable, NeverTheSame, "other batches the second time"),
    (data.check_training_order_follows_the_seed, IgnoringTheSeed, "the same batches for seeds 0 and 1"),
    (data.check_start_step_skips, IgnoringTheStart, "start_step=1)"),
    (data.check_start_step_skips, ForgettingTheEpoch, "start_step=4"),
    (data.check_an_epoch_visits_everything_once, WithReplacement, "distinct rows among the first 360"),
    (data.check_an_epoch_visits_everything_once, ClaimingMore, "360 distinct rows among the first 720"),
    (data.check_batches_are_copies, LendingItsOwnRows, "after a reader overwrote its own"),
    (data.check_data_changes_nothing_global, SeedingTorch, "torch's global generator changed"),
    (data.check_prepare_can_be_called_again, PreparedTwiceIsOther, "a second time"),
    (evaluation_data.check_evaluation_set_is_fixed, EvaluatingAtRandom, "other rows when called again"),
    (
        evaluation_data.check_evaluation_data_are_not_trained_on,
        TrainingOnTheHeldOut,
        "training rows are in the evaluation set",
    ),
    (evaluation_data.check_bayes_loss_is_a_floor, WithABayesLossTooHigh, "guessing labels by their"),
    (evaluation_data.check_bayes_loss_is_a_floor, WithABayesLossBelowZero, "a float of at least 0"),
]
