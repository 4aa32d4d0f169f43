"""A user's own class, dataset and loss take the road of every other spec, or are told in seconds why not."""

import json
import pickle
import random
import warnings
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)
from user_parts import MLP, Augmented, Counting, Heads, Sentences, classes, squared_error, token_loss

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.builtin.text import StdlibText
from flops_fit.config import component_identity
from flops_fit.config.adapters import adapt
from flops_fit.config.probe import probe
from flops_fit.errors import DataError, FlopsFitError, PluginError, SpecError

BUDGETS = [1e8 * 2**i for i in range(7)]


def adapted(**changes):
    """The issue's example: a small MLP on a TensorDataset; `changes` replace its arguments."""
    arguments = {
        "model_cls": MLP,
        "model_size_param": "width",
        "dataset": classes(),
        "loss_fn": nn.CrossEntropyLoss(),
        "compute_budgets": BUDGETS,
        **changes,
    }
    return adapt(**arguments)


def sentences(**changes):
    return adapted(
        model_cls=Heads,
        model_size_param="d_model",
        dataset=Sentences(),
        loss_fn=token_loss,
        design={"n_min": 1e3, "n_max": 1e6},
        **changes,
    )


def take(data, n, *, seed=0, start=0, batch_size=16):
    return list(islice(data.train_batches(batch_size, seed, start), n))


# ---- what works


@pytest.mark.parametrize(
    ("options", "batch_size"),
    [
        ({"batch_size": 12}, 12),
        ({"batch_sampler": BatchSampler(RandomSampler(range(400)), 12, drop_last=True)}, 12),
        ({"batch_size": None}, 32),
    ],
    ids=["batches", "sampler of batches", "single rows"],
)
def test_a_plain_loader_is_its_rows_in_batches_of_its_size(options, batch_size):
    spec = adapted(dataset=DataLoader(classes(), **options))
    assert spec.training.batch_size == batch_size
    first = take(spec.data, 1, batch_size=batch_size)[0]
    expected = take(adapted().data, 1, batch_size=batch_size)[0]
    assert all(torch.equal(first[name], expected[name]) for name in expected)


class Told(nn.Module):
    """Says how large it is by an attribute."""

    def __init__(self, width):
        super().__init__()
        self.layers = MLP(width)
        self.num_params = sum(p.numel() for p in self.parameters())

    def forward(self, x):
        return self.layers(x)


class Property(MLP):
    num_params = property(lambda self: sum(p.numel() for p in self.parameters()))


@pytest.mark.parametrize("model_cls", [Told, Property])
def test_the_number_of_parameters_need_not_be_a_method(model_cls):
    assert probe(adapted(model_cls=model_cls)).sizes == probe(adapted()).sizes


def test_a_small_mlp_and_a_tensor_dataset_pass_every_probe():
    spec = adapted()
    found = probe(spec)
    assert found.data.unit == "sample"
    assert found.data.n_units == 360
    assert found.n_held_out == 40
    assert found.caveats == ()
    for rung in found.sizes:
        width = rung.size.options["width"]
        assert rung.size.n_params == 8 * width + width + width * (width + 1) + 3 * (width + 1)
        assert rung.flops_per_unit == 4 * 8 * width + 6 * (width**2 + 3 * width)


def test_a_single_size_is_told_to_be_too_few():
    with pytest.raises(SpecError) as caught:
        probe(adapted(model_sizes=[64], design={"n_min": None, "n_max": None}))
    assert caught.value.code == "too-few-sizes"
    assert "`model_sizes`" in str(caught.value)


def test_the_ladder_climbs_in_moderate_steps_over_the_whole_range():
    spec = adapted()
    sizes = [rung.size.n_params for rung in probe(spec).sizes]
    low, high = spec.n_params_range()
    assert sizes[0] < 1.5 * low
    assert sizes[-1] > high / 1.5
    assert all(1.25 <= b / a <= 1.6 for a, b in pairwise(sizes))


def test_sizes_that_the_class_refuses_are_left_out():
    widths = [rung.size.options["d_model"] for rung in probe(sentences()).sizes]
    assert len(widths) > 8
    assert all(width % 12 == 0 for width in widths)


def test_classes_that_take_no_small_size_are_searched_higher():
    spec = sentences(model_kwargs={"n_heads": 128})
    assert [rung.size.options["d_model"] for rung in probe(spec).sizes][:2] == [128, 256]


def test_listed_sizes_are_used_as_they_are():
    spec = adapted(model_sizes=[64, 8, 24], design={"n_min": 1, "n_max": 1e9})
    assert [rung.size.name for rung in probe(spec).sizes] == ["width=8", "width=24", "width=64"]


def test_mappings_reach_forward_by_name_and_count_tokens():
    found = probe(sentences())
    assert (found.data.unit, found.data.units_per_sample, found.data.n_units) == ("token", 7, 180 * 7)
    first = found.sizes[0].size
    assert first.n_params_nonembedding == first.n_params - 2 * 50 * first.options["d_model"]


def test_a_forward_that_takes_the_batch_gets_the_mapping():
    class Whole(MLP):
        def forward(self, batch):
            return super().forward(batch["inputs"])

    assert probe(adapted(model_cls=Whole)).sizes


def test_regression_works_without_classes():
    spec = adapted(
        model_kwargs={"n_out": 1, "dropout": 0.2},
        dataset=Augmented(),
        loss_fn=squared_error,
        output_dir="here",
    )
    assert probe(spec).data.n_classes is None
    assert str(spec.output_dir) == "here"


def test_a_data_loader_brings_its_rows_its_collation_and_its_batch_size():
    def collate(samples):
        x, y = zip(*samples, strict=True)
        return {"inputs": torch.stack(x) * 2, "targets": torch.stack(y)}

    spec = adapted(dataset=DataLoader(classes(), batch_size=24, shuffle=True, collate_fn=collate))
    assert spec.training.batch_size == 24
    batch = spec.data.probe_batch(5)
    rows = classes().tensors[0]
    assert all((rows * 2 == row).all(1).any() for row in batch["inputs"])
    assert (
        adapted(dataset=DataLoader(classes(), batch_size=24), training={"batch_size": 8}).training.batch_size
        == 8
    )


def test_components_of_ours_are_taken_as_they_are():
    spec = adapted(dataset=StdlibText(), loss_fn=CrossEntropy())
    assert (spec.data.kind, spec.loss.kind) == ("stdlib_text", "cross_entropy")


# ---- data


def test_pairs_of_equally_long_code_sequences_count_tokens():
    codes = torch.arange(30 * 5).reshape(30, 5)
    found = adapted(dataset=TensorDataset(codes, codes + 1)).data.spec()
    assert (found.unit, found.units_per_sample, found.n_units) == ("token", 5, 27 * 5)


def test_no_row_is_both_trained_on_and_held_out():
    data = adapted(dataset=TensorDataset(torch.arange(100.0)[:, None], torch.arange(100))).data
    trained = {int(y) for batch in take(data, 20) for y in batch["targets"]}
    held_out = [int(y) for batch in data.eval_batches(7) for y in batch["targets"]]
    assert len(held_out) == len(set(held_out)) == 10
    assert trained | set(held_out) == set(range(100))
    assert trained.isdisjoint(held_out)


def test_an_evaluation_dataset_replaces_the_split():
    x = torch.arange(30.0)[:, None]
    data = adapted(dataset=TensorDataset(x, x), eval_dataset=TensorDataset(x[:5] + 100, x[:5])).data
    assert data.spec().n_units == 30
    assert torch.cat([b["inputs"] for b in data.eval_batches(2)]).flatten().tolist() == [
        100,
        101,
        102,
        103,
        104,
    ]


@pytest.mark.parametrize("dataset", [classes(90), Subset(classes(300), range(90)), Augmented()], ids=type)
def test_orders_are_fixed_by_the_seed_and_resume_across_epochs(dataset):
    data = adapted(dataset=dataset).data
    whole = take(data, 12)
    for start in (1, 5, 6, 11):
        for a, b in zip(whole[start:], take(data, 12 - start, start=start), strict=True):
            assert a["inputs"].equal(b["inputs"])
            assert a["targets"].equal(b["targets"])
    assert not whole[0]["inputs"].equal(take(data, 1, seed=1)[0]["inputs"])


def test_an_epoch_visits_every_row_once():
    data = adapted(dataset=TensorDataset(torch.zeros(100, 1), torch.arange(100))).data
    rows = torch.cat([batch["targets"] for batch in take(data, 10, batch_size=18)])
    first, second = rows[:90].tolist(), rows[90:].tolist()
    assert len(set(first)) == len(set(second)) == 90
    assert set(first) == set(second)
    assert first != second


def test_augmentation_is_repeatable_in_evaluation_whatever_the_batch_size():
    data = adapted(dataset=Augmented(), loss_fn=squared_error).data
    rows = [torch.cat([b["inputs"] for b in data.eval_batches(size)]) for size in (1, 4, 100)]
    assert rows[0].equal(rows[1])
    assert rows[0].equal(rows[2])


def test_augmentation_leaves_the_callers_generators_alone():
    data = adapted(dataset=Augmented(), loss_fn=squared_error).data
    batches = data.train_batches(4, 0)
    expected = drawn_after_seeding(lambda: None)
    assert drawn_after_seeding(lambda: next(batches)) == expected


def drawn_after_seeding(act):
    """Seed the three global generators, call `act` and draw from each."""
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global generator is what is tested
    random.seed(3)
    act()
    return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002


def test_python_floats_train_float32_models():
    assert adapted(dataset=Augmented()).data.probe_batch(3)["targets"].dtype == torch.float32


# ---- identity, pickling, writing


def test_adapted_specs_survive_pickling():
    spec = adapted()
    again = pickle.loads(pickle.dumps(spec))
    assert probe(again) == probe(spec)
    assert component_identity(again.model) == component_identity(spec.model)
    assert component_identity(again.loss) == component_identity(spec.loss)


def test_an_identity_is_json_without_addresses():
    spec = adapted()
    for part in (spec.model, spec.data, spec.loss):
        text = json.dumps(component_identity(part))
        assert " at 0x" not in text
    assert json.loads(spec.model_dump_json())["model"]["size_param"] == "width"


def identity(part, **changes):
    return component_identity(getattr(adapted(**changes), part))


def test_an_identity_changes_with_whatever_changes_the_numbers():
    shifted = TensorDataset(classes().tensors[0] + 1, classes().tensors[1])
    assert identity("data") == identity("data")
    assert identity("data") != identity("data", dataset=shifted)
    assert identity("data") != identity("data", dataset=classes(399))
    assert identity("data") != identity("data", eval_dataset=shifted)
    assert identity("loss") == identity("loss", loss_fn=nn.CrossEntropyLoss())
    assert identity("loss") != identity("loss", loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1))
    assert identity("loss") != identity("loss", loss_fn=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2, 3])))
    assert identity("model") != identity("model", model_kwargs={"dropout": 0.1})
    assert identity("model") != identity("model", model_cls=type("MLP", (MLP,), {}))


def test_lambdas_of_other_source_differ():
    squared = lambda outputs, targets: (outputs - targets).square().mean()  # noqa: E731
    absolute = lambda outputs, targets: (outputs - targets).abs().mean()  # noqa: E731
    assert identity("loss", loss_fn=squared) != identity("loss", loss_fn=absolute)
    assert identity("loss", loss_fn=squared) == identity("loss", loss_fn=squared)


# ---- what does not work


class WithoutCount(nn.Module):
    def __init__(self, width):
        super().__init__()


class Miscounting(MLP):
    def num_params(self):
        return super().num_params() - 3


class Unaffected(Counting):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(8, 3)


class Refusing(Counting):
    def __init__(self, width):
        raise TypeError("needs a config object")


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


class Twice(BatchSampler):
    """Draws every batch twice."""

    def __iter__(self):
        return (batch for batch in super().__iter__() for _ in range(2))


class Sums(nn.Module):
    def __init__(self, width, /):
        super().__init__()


IMMEDIATE = {
    "no size": ({"model_size_param": "widht"}, "no-size-param", "(use 'width')"),
    "size fixed": ({"model_kwargs": {"width": 8}}, "no-size-param", "leave 'width' out of model_kwargs"),
    "positional size": ({"model_cls": Sums}, "no-size-param", "no free argument 'width'"),
    "unknown argument": ({"model_kwargs": {"n_inn": 4}}, "bad-model-kwargs", "has unknown 'n_inn'"),
    "missing argument": ({"model_size_param": "n_in"}, "bad-model-kwargs", "lacks 'width'"),
    "instance": ({"model_cls": MLP(4)}, "not-a-model-class", "model_cls=MLP"),
    "text as a class": ({"model_cls": "MLP"}, "not-a-model-class", "model_cls is 'MLP'"),
    "class without a signature": ({"model_cls": dict}, "not-a-model-class", "class 'dict'"),
    "size not a name": ({"model_size_param": 3}, "wrong-argument", 'model_size_param="width"'),
    "arguments in a list": ({"model_kwargs": [1]}, "wrong-argument", "model_kwargs is [1], of type list"),
    "one size": ({"model_sizes": 64}, "wrong-argument", "model_sizes=[64, 128, 256]"),
    "one budget": ({"compute_budgets": 1e7}, "bad-budget", "`budgets: {start: 1e06, stop: 1e07, count: 7}`"),
    "one seed": ({"seeds": 3}, "bad-seeds", "write `seeds: [0, 1, 2]`"),
    "no name of the size": (
        {"model_size_param": "", "model_kwargs": {"n_in": 8}},
        "no-size-param",
        'argument of MLP that sets the model\'s size.\n  fix: pass model_size_param="width"',
    ),
    "training in a list": ({"training": [1]}, "value-not-allowed", "write e.g. `training: {batch_size: 32}`"),
    "loss": ({"loss_fn": "mse"}, "loss-not-callable", "loss_fn is 'mse'"),
    "class of a loss": ({"loss_fn": nn.CrossEntropyLoss}, "loss-not-callable", "loss_fn=CrossEntropyLoss()"),
    "text as a dataset": (
        {"dataset": "stdlib_text"},
        "unsized-dataset",
        "dataset is the name 'stdlib_text', not rows",
    ),
    "stream": ({"dataset": Stream()}, "unsized-dataset", "dataset is Stream"),
    "loader of a stream": ({"dataset": DataLoader(Stream())}, "unsized-dataset", "dataset is Stream"),
    "path as a dataset": ({"dataset": Path("data.csv")}, "unsized-dataset", "is the name 'data.csv', not"),
    "pair of arrays": (
        {"dataset": classes(50).tensors},
        "unsized-dataset",
        (
            "of 2 arrays, not rows that len() counts and [i] fetches; they are held out and shuffled by "
            "number.\n  fix: pass rows, e.g. dataset=torch.utils.data.TensorDataset(inputs, targets) of two"
        ),
    ),
    "pair of held-out arrays": (
        {"eval_dataset": [tensor.numpy() for tensor in classes(50).tensors]},
        "unsized-dataset",
        "eval_dataset is a list of 2 arrays, not rows",
    ),
    "columns": ({"dataset": {"inputs": [1], "targets": [1]}}, "unsized-dataset", "a dict of inputs, targets"),
    "table": ({"dataset": pd.DataFrame({"x": [1.0] * 50})}, "unsized-dataset", "is DataFrame, not rows"),
    "generator": ({"eval_dataset": (x for x in [])}, "unsized-dataset", "eval_dataset is generator"),
    "sampler": (
        {"dataset": DataLoader(classes(20), sampler=WeightedRandomSampler([1.0] * 20, 20))},
        "custom-sampler",
        "WeightedRandomSampler",
    ),
    "sampler of batches": (
        {
            "dataset": DataLoader(
                classes(20), batch_sampler=Twice(RandomSampler(range(20)), 4, drop_last=True)
            )
        },
        "custom-sampler",
        "draws rows with Twice",
    ),
}


@pytest.mark.parametrize("case", IMMEDIATE)
def test_what_can_be_seen_at_once_is_refused_at_once(case):
    changes, code, words = IMMEDIATE[case]
    with pytest.raises(FlopsFitError) as error:
        adapted(**changes)
    assert (error.value.code, words in str(error.value)) == (code, True), error.value


PROBED = {
    "no num_params": ({"model_cls": WithoutCount}, "no-num-params", "has no method num_params()"),
    "miscounting": ({"model_cls": Miscounting}, "num-params-disagree", "its trainable parameters are"),
    "no effect": ({"model_cls": Unaffected}, "size-without-effect", "27 parameters for every width"),
    "refusing": ({"model_cls": Refusing}, "no-size-works", "raises TypeError: needs a config object, nor"),
    "refused size": (
        {"model_cls": Heads, "model_size_param": "d_model", "model_sizes": [24, 25]},
        "no-size-works",
        "=25",
    ),
    "too few rows": ({"dataset": classes(19)}, "too-few-rows", "has 19 rows"),
    "three parts": (
        {"dataset": TensorDataset(*[torch.rand(50, 2)] * 3)},
        "unreadable-batch",
        "a sequence of",
    ),
    "text": ({"dataset": [{"inputs": torch.rand(8), "text": "a"}] * 30}, "unreadable-batch", "text: list"),
    "no targets": (
        {"dataset": [{"inputs": torch.rand(8)} for _ in range(30)]},
        "no-targets",
        "the batch holds inputs",
    ),
    "unclear": (
        {
            "model_cls": Heads,
            "model_size_param": "d_model",
            "dataset": [{"a": torch.rand(8), "b": torch.rand(8)} for _ in range(30)],
        },
        "unclear-forward",
        "forward(input_ids) cannot be called with a batch of a, b",
    ),
    "wrong shape": ({"model_kwargs": {"n_in": 5}}, "component-raised", ".forward of width="),
    "loss per row": ({"loss_fn": nn.CrossEntropyLoss(reduction="none")}, "loss-not-scalar", "shape (4,)"),
}


@pytest.mark.parametrize("case", PROBED)
def test_what_shows_on_trying_is_refused_by_the_probe(case):
    changes, code, words = PROBED[case]
    with pytest.raises(FlopsFitError) as error:
        probe(adapted(**changes))
    problems = getattr(error.value, "problems", ()) or (error.value,)
    assert any(p.code == code and words in p.problem for p in problems), error.value


def test_other_options_are_checked_like_those_of_a_file():
    with pytest.raises(SpecError) as error:
        adapted(compute_budgets=[2e8, 1e8], training={"lr": -1}, seeds=())
    assert {p.where for p in error.value.problems} == {"budgets", "training.lr", "seeds"}


def test_errors_are_of_the_documented_kinds():
    with pytest.raises(PluginError):
        adapted(model_cls=MLP(4))
    with pytest.raises(DataError):
        adapted(dataset=Stream())


def test_a_function_that_makes_models_serves_like_a_class():
    make = partial(MLP, n_in=8)
    assert probe(adapted(model_cls=make)).sizes
    with pytest.raises(PluginError, match=r"partial\(width.* has no free argument 'depth'"):
        adapted(model_cls=make, model_size_param="depth")


def test_what_is_called_like_an_error_has_no_known_unit():
    def my_mse(outputs, targets):
        return nn.functional.mse_loss(outputs, targets)

    assert adapted(loss_fn=my_mse).loss_unit("sample") == "unknown"


@pytest.mark.parametrize(
    ("loss", "unit"),
    [
        (nn.functional.cross_entropy, "nats per sample"),
        (nn.CrossEntropyLoss(), "nats per sample"),
        (lambda outputs, targets: 1.0 * nn.functional.cross_entropy(outputs, targets), "nats per sample"),
        (nn.functional.mse_loss, "squared difference per sample"),
        (nn.SmoothL1Loss(), "smooth absolute difference per sample"),
    ],
)
def test_an_error_of_torch_is_not_counted_in_nats(loss, unit):
    assert adapted(loss_fn=loss).loss_unit("sample") == unit


class Column(nn.Module):
    """One output for each row, as a column."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 1))

    def num_params(self):
        return sum(p.numel() for p in self.parameters())

    def forward(self, x):
        return self.layers(x)


def of_a_column(loss, told=lambda sums: sums):
    numbers = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 8, generator=numbers)
    return adapted(
        model_cls=Column,
        model_kwargs={},
        dataset=TensorDataset(rows, told(rows.sum(dim=1))),
        loss_fn=loss,
    )


@pytest.mark.parametrize("told", [lambda sums: sums, lambda sums: (sums > 0).long()], ids=["float", "int"])
def test_a_loss_that_pairs_every_row_with_all_others_is_refused(told):
    with pytest.raises(PluginError, match=r"shape \(4, 1\), targets \(4,\)") as refusal:
        probe(of_a_column(lambda outputs, targets: ((outputs - targets) ** 2).mean(), told))
    assert refusal.value.code == "loss-broadcasts"


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, targets: ((outputs.squeeze(-1) - targets) ** 2).mean(),
        lambda outputs, targets: ((outputs - targets[:, None]) ** 2).mean(),
    ],
)
def test_a_loss_that_brings_both_to_one_shape_is_not(loss):
    assert probe(of_a_column(loss)).sizes


@pytest.mark.filterwarnings(
    "ignore:Using a target size"
)  # pytest's own rule; `simplefilter` below comes after
def test_torch_is_not_heard_before_our_own_answer_about_a_loss_that_broadcasts():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(PluginError, match=r"shape \(4, 1\), targets \(4,\)"):
            probe(of_a_column(nn.functional.mse_loss))
    assert not [warning for warning in heard if "target size" in str(warning.message)]
