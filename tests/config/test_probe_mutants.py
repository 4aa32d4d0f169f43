"""Every probe catches the fault that it is named for, in parts that are otherwise healthy."""

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch
from probed_parts import LENGTH, VOCABULARY, WIDTHS, Family, Net, Text, spec_of
from torch import nn

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.components import FlopCounter, Size
from flops_fit.config.probe import probe
from flops_fit.config.written import read_value
from flops_fit.design import check_worth_training, plan_sweep
from flops_fit.errors import FlopsFitError


def family(net: type[nn.Module]) -> Family:
    return type("Mutant", (Family,), {"__module__": __name__, "net": net})()


def found_in(**parts) -> FlopsFitError:
    """Return what the probes raise; the parts that are not given are healthy."""
    with pytest.raises(FlopsFitError) as error:
        probe(spec_of(**parts))
    return error.value


# ---- the model


class DrawingOnItsOwn(Net):
    own = torch.Generator()

    def __init__(self, width):
        super().__init__(width)
        nn.init.normal_(self.now.weight, generator=self.own if self.now.weight.device.type == "cpu" else None)


class SeededInside(Net):
    def __init__(self, width):
        torch.manual_seed(0)
        super().__init__(width)


class HalfUsed(Net):
    """`before` is counted and never used."""

    def hidden(self, batch):
        return torch.tanh(self.now(self.embedding(batch["input_ids"])))


class HalfUsedWhenWide(Net):
    """The largest size skips `before`."""

    def hidden(self, batch):
        wide = self.now.in_features == WIDTHS[-1]
        return HalfUsed.hidden(self, batch) if wide else super().hidden(batch)


class LookingAhead(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch).mean(1, keepdim=True)


class LookingOneAhead(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch).roll(-1, 1)


class Mixing(Net):
    """Adds the batch mean, which a permutation of the rows would not reveal."""

    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch).mean(0, keepdim=True)


class SeeingTheFirstRow(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.1 * super().hidden(batch)[:1]


class Peeking(Net):
    def hidden(self, batch):
        return super().hidden(batch) + 0.01 * self.embedding(batch["labels"])


class Noisy(Net):
    def hidden(self, batch):
        return nn.functional.dropout(super().hidden(batch), 0.1, training=True)


class OverflowingInBf16(Net):
    def hidden(self, batch):
        x = super().hidden(batch)
        return x / (x.dtype.itemsize - 2)


class ShoutingAtFirst(Net):
    def forward(self, batch):
        return 20 * super().forward(batch)


class KeepingStateAside(Net):
    """`scale` is drawn at random and is no part of the state."""

    def __init__(self, width):
        super().__init__(width)
        self.scale = 0.5 + torch.rand(width)

    def hidden(self, batch):
        return super().hidden(batch) * self.scale


class Renumbering(Net):
    def hidden(self, batch):
        hidden = super().hidden(batch)
        batch["labels"].zero_()
        return hidden


class Overwriting(Net):
    """Writes over what backward still needs."""

    def hidden(self, batch):
        return super().hidden(batch).mul_(2).tanh().zero_()


class Exploding(Net):
    def hidden(self, batch):
        x = super().hidden(batch)
        return x + 0 * (x - x).sqrt()


class Scanning(Net):
    def hidden(self, batch):
        return super().hidden(batch).cumsum(1) / LENGTH


class ReadingValues(Net):
    def hidden(self, batch):
        return super().hidden(batch) * (1 + float(batch["input_ids"][0, 0] < 0))


class OfNoShape(Net):
    def forward(self, batch):
        return super().forward(batch)[:, :-1]


MODELS = {
    DrawingOnItsOwn: ("unseeded-build", "now.weight"),
    SeededInside: ("build-ignores-seed", "every torch seed"),
    HalfUsed: ("unused-parameter", "toy has parameters that get no gradient: before.weight"),
    HalfUsedWhenWide: ("unused-parameter", "toy d64 has parameters that get no gradient: before.weight"),
    LookingAhead: ("not-causal", "before position 1 of 6"),
    LookingOneAhead: ("not-causal", "before position 1 of 6"),
    Mixing: ("rows-mix", "depend on other rows"),
    SeeingTheFirstRow: ("rows-mix", "depend on other rows"),
    Peeking: ("labels-read", "depend on the labels"),
    Noisy: ("noisy-evaluation", "in evaluation mode"),
    OverflowingInBf16: ("not-finite-in-bf16", "under bf16 autocast"),
    ShoutingAtFirst: ("initial-loss-off", f"knows nothing has {math.log(VOCABULARY):.3f}"),
    KeepingStateAside: ("state-not-restored", "differ after loading"),
    Renumbering: ("batch-changed", "labels"),
    Overwriting: ("component-raised", "toy.backward"),
    Exploding: ("gradient-not-finite", "embedding.weight"),
    Scanning: ("unknown-op", "aten.cumsum"),
    ReadingValues: ("untraceable-model", "meta"),
    OfNoShape: ("component-raised", "cross_entropy"),
}


@pytest.mark.parametrize("net", MODELS, ids=lambda net: net.__name__)
def test_a_faulty_model_is_caught_by_the_probe_named_for_its_fault(net):
    code, words = MODELS[net]
    error = found_in(model=family(net))
    assert (error.code, words in str(error)) == (code, True), error


def test_fp32_sweeps_need_no_bf16():
    probe(spec_of(model=family(OverflowingInBf16), training={"batch_size": 16, "precision": "fp32"}))


def test_a_model_that_claims_nothing_about_causality_may_look_ahead():
    probe(
        spec_of(
            model=type("Both", (Family,), {"__module__": __name__, "net": LookingAhead, "causal": False})()
        )
    )


def test_an_operation_declared_free_is_counted_as_free():
    counted = probe(spec_of(model=family(Scanning), flops={"kind": "traced", "free_ops": ["aten.cumsum"]}))
    assert counted.sizes[0].flops_per_unit == probe(spec_of()).sizes[0].flops_per_unit


# ---- the ladder


class SayingTooMuch(Family):
    def size(self, width):
        exact = super().size(width)
        return Size(
            name=exact.name, n_params=exact.n_params + 1, n_params_nonembedding=0, options=exact.options
        )


class Descending(Family):
    def ladder(self, n_min, n_max, data):
        return super().ladder(n_min, n_max, data)[::-1]


class OutOfRange(Family):
    def ladder(self, n_min, n_max, data):
        return [self.size(4), self.size(2048)]


class Namesakes(Family):
    def size(self, width):
        exact = super().size(width)
        return Size(name="d", n_params=exact.n_params, n_params_nonembedding=0, options=exact.options)


LADDERS = {
    SayingTooMuch: ("wrong-parameter-count", "d4 says 910, has 909"),
    Descending: ("bad-ladder", "d32 (8385) follows d64 (20769)"),
    OutOfRange: ("bad-ladder", "d2048 (8788065) is out of range"),
    Namesakes: ("bad-ladder", "d (1785) follows d (909)"),
}


@pytest.mark.parametrize("mutant", LADDERS, ids=lambda mutant: mutant.__name__)
def test_a_faulty_ladder_is_caught(mutant):
    code, words = LADDERS[mutant]
    error = found_in(model=mutant())
    assert (error.code, words in str(error)) == (code, True), error


class Endless(Text):
    def spec(self):
        return replace(super().spec(), n_units=None)


@pytest.mark.parametrize(
    ("exponent", "design", "advice"),
    [
        (6, {"window": 3}, "raise the budgets, e.g. `budgets: {"),
        (5, {"window": 4, "min_steps": 1000}, "raise the budgets, e.g. `budgets: {"),
        (3.5, {"units_per_param": 1}, "raise the budgets, e.g. `budgets: {"),
        (15, {"window": 4}, "lower the budgets, e.g. `budgets: {"),
    ],
)
def test_budgets_out_of_reach_of_the_family_are_told_which_would_do_and_these_do(exponent, design, advice):
    budgets = [10.0 ** (exponent + i / 6) for i in range(7)]
    error = found_in(budgets=budgets, design=design, data=Endless())
    assert error.code == "too-few-sizes"
    assert "0 sizes" in str(error)
    assert error.fix.startswith(advice)
    spec = spec_of(**read_value(error.fix.split("`")[1]), design=design, data=Endless())
    assert len(spec.budgets) == 7
    check_worth_training(plan_sweep(spec, probe(spec)), spec)


def test_where_no_budget_takes_enough_steps_the_steps_are_to_be_changed():
    error = found_in(budgets=[10.0 ** (2 + i / 6) for i in range(7)], design={"units_per_param": 0.01})
    assert error.fix.startswith("lower `training.batch_size` or `design.min_steps`")


def test_limits_that_leave_no_size_are_named():
    error = found_in(design={"n_min": 1000, "n_max": 1200})
    assert error.code == "too-few-sizes"
    assert "`design.n_min`" in str(error)


# ---- the data


class RepeatingItself(Text):
    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, 5, start_step)


class NeverTheSame(Text):
    def order(self, seed, epoch):
        return 20 + torch.randperm(180)


class StartingOver(Text):
    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, seed, 0)


class ForgettingTheEpoch(Text):
    """Resumes correctly within the first epoch only."""

    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, seed, start_step % (180 // batch_size))


class Short(Text):
    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size - 1, seed, start_step)

    def probe_batch(self, batch_size):
        return next(super().train_batches(batch_size, 0))


class Ending(Text):
    def probe_batch(self, batch_size):
        return next(super().train_batches(batch_size, 0))

    def train_batches(self, batch_size, seed, start_step=0):
        yield from (
            batch
            for _, batch in zip(range(2), super().train_batches(batch_size, seed, start_step), strict=False)
        )


class TrainingOnEvaluationRows(Text):
    def order(self, seed, epoch):
        return torch.randperm(200, generator=torch.Generator().manual_seed(1000 * seed + epoch))[:180]


class EvaluatingAtRandom(Text):
    def eval_batches(self, batch_size):
        yield from (self.rows(part) for part in torch.randperm(20).split(batch_size))


class EvaluatingWholeBatches(Text):
    """Leaves the rest out, so that the held-out set depends on the batch size."""

    def eval_batches(self, batch_size):
        size = min(batch_size, 20)
        yield from (self.rows(part) for part in torch.arange(20).split(size) if len(part) == size)


class HoldingNothingOut(Text):
    def eval_batches(self, batch_size):
        yield from ()


class BeyondTheVocabulary(Text):
    def rows(self, numbers):
        batch = super().rows(numbers)
        return {**batch, "labels": batch["labels"] + 1}


class OfFloats(Text):
    def rows(self, numbers):
        batch = super().rows(numbers)
        return {**batch, "input_ids": batch["input_ids"].float()}


class WithoutNumbers(Text):
    def rows(self, numbers):
        return {**super().rows(numbers), "weight": torch.full((len(numbers),), math.nan)}


class InAList(Text):
    def rows(self, numbers):
        return list(super().rows(numbers).values())


class Longer(Text):
    def spec(self):
        return type(super().spec())(
            unit="token", units_per_sample=2 * LENGTH, n_units=None, n_classes=VOCABULARY
        )


class OfNoClass(Text):
    def spec(self):
        return type(super().spec())(unit="token", units_per_sample=LENGTH, n_units=None, n_classes=0)


DATA = {
    RepeatingItself: ("data-ignores-seed", "seeds 0 and 1"),
    NeverTheSame: ("data-not-repeatable", "same seed"),
    StartingOver: ("start-step-ignored", "start_step=1"),
    ForgettingTheEpoch: ("start-step-ignored", "start_step=12"),
    Short: ("short-batch", "of other sizes"),
    Ending: ("batches-ended", "after 2 steps"),
    TrainingOnEvaluationRows: ("evaluation-data-trained", "training rows are in the evaluation set"),
    EvaluatingAtRandom: ("evaluation-not-fixed", "other rows when called again"),
    EvaluatingWholeBatches: ("evaluation-not-fixed", "another batch size"),
    HoldingNothingOut: ("no-evaluation-data", "holds out no data"),
    BeyondTheVocabulary: ("bad-batch", "but n_classes is 97"),
    OfFloats: ("bad-batch", "not torch.int64"),
    WithoutNumbers: ("bad-batch", "`weight` holds values that are not finite"),
    InAList: ("bad-batch", "a batch is list"),
    Longer: ("bad-batch", "units_per_sample is 12"),
    OfNoClass: ("bad-data-spec", "n_classes is 0, must be None or at least 2"),
}


@pytest.mark.parametrize("mutant", DATA, ids=lambda mutant: mutant.__name__)
def test_faulty_data_is_caught_by_the_probe_named_for_its_fault(mutant):
    code, words = DATA[mutant]
    error = found_in(data=mutant())
    problems = getattr(error, "problems", ()) or (error,)
    assert any(p.code == code and words in p.problem for p in problems), error


class WithOneDuplicate(Text):
    """Training row 21 repeats the held-out row 3; one row in 180 is no overlap."""

    def rows(self, numbers):
        return super().rows(torch.where(numbers == 21, 3, numbers))


def test_a_few_rows_shared_with_the_held_out_set_are_a_caveat():
    (caveat,) = probe(spec_of(data=WithOneDuplicate())).caveats
    assert "2 of 512 training rows of toy_text also occur in its held-out data" in caveat


# ---- the loss and the FLOP counter


class InBits(CrossEntropy):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) / math.log(2)


class Summed(CrossEntropy):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) * batch["labels"].numel()


class WrongSign(CrossEntropy):
    def __call__(self, outputs, batch):
        return -super().__call__(outputs, batch)


class PerRow(CrossEntropy):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch).expand(3)


class PerRowReported(CrossEntropy):
    def metrics(self, outputs, batch):
        return {"hits": outputs.argmax(-1) == batch["labels"]}


class Detached(CrossEntropy):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch).detach()


class Flat(CrossEntropy):
    def __call__(self, outputs, batch):
        return 0 * super().__call__(outputs, batch) + 5.5


class NotANumber(CrossEntropy):
    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) * math.nan


LOSSES = {
    InBits: "initial-loss-off",
    Summed: "loss-is-a-sum",
    WrongSign: "loss-not-positive",
    PerRow: "loss-not-scalar",
    PerRowReported: "loss-not-scalar",
    Detached: "loss-without-gradient",
    Flat: "loss-without-gradient",
    NotANumber: "loss-not-finite",
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_faulty_loss_is_caught(loss):
    assert found_in(loss=loss()).code == LOSSES[loss]


class Nothing(FlopCounter):
    kind: Literal["nothing"] = "nothing"

    def train_flops_per_unit(self, model, size, data):
        return 0.0


class Backwards(FlopCounter):
    kind: Literal["backwards"] = "backwards"

    def train_flops_per_unit(self, model, size, data):
        return 1e9 / size.n_params


@pytest.mark.parametrize("counter", [Nothing(), Backwards()], ids=lambda counter: counter.kind)
def test_flops_that_cannot_be_are_refused(counter):
    assert found_in(flops=counter).code == "bad-flops"
