"""Traced FLOPs against closed forms, and operations of unknown cost."""

import math
from typing import ClassVar, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from flops_fit.builtin.flops import SixND, TracedFlops
from flops_fit.components import DataSource, DataSpec, ModelFamily, Size
from flops_fit.errors import PluginError

SIZE = Size(name="only", n_params=10, n_params_nonembedding=10)


class One(ModelFamily):
    """Whatever `module` makes."""

    kind: Literal["one"] = "one"
    module: ClassVar[type[nn.Module]]

    def ladder(self, n_min, n_max, data):
        return [SIZE]

    def build(self, size, data):
        return self.module()


class Rows(DataSource):
    """Whatever `row` makes, stacked under the name `x`."""

    kind: Literal["rows"] = "rows"
    shape: tuple[int, ...]
    high: int = 0
    units: int = 1

    def spec(self):
        return DataSpec(unit="token", units_per_sample=self.units, n_units=None, n_classes=None)

    def probe_batch(self, batch_size):
        shape = (batch_size, *self.shape)
        return {"x": torch.randint(self.high, shape) if self.high else torch.rand(shape)}

    def train_batches(self, batch_size, seed, start_step=0):
        raise NotImplementedError

    def eval_batches(self, batch_size):
        raise NotImplementedError


def count(make, *shape, free_ops=(), **options):
    """FLOPs per unit of the module that `make` returns, fed with rows of `shape`."""
    model = type("Built", (One,), {"__module__": __name__, "module": staticmethod(make)})()
    return TracedFlops(free_ops=free_ops).train_flops_per_unit(model, SIZE, Rows(shape=shape, **options))


class Taking(nn.Module):
    """Applies `function` to the rows and one trainable weight."""

    def __init__(self, function, *weight):
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.rand(*weight))

    def forward(self, batch):
        return self.function(batch["x"], self.weight)


class Feeding(nn.Module):
    """Applies `module` to the rows."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, batch):
        return self.module(batch["x"])


class Decoder(nn.Module):
    """A decoder: four d x d projections, a fourfold MLP, a head, and attention, fused or by hand."""

    def __init__(self, d, n_layers, vocabulary, *, fused, tied):
        super().__init__()
        self.embedding, self.fused = nn.Embedding(vocabulary, d), fused
        self.qkv = nn.ModuleList(nn.Linear(d, 3 * d, bias=False) for _ in range(n_layers))
        self.out = nn.ModuleList(nn.Linear(d, d, bias=False) for _ in range(n_layers))
        self.up = nn.ModuleList(nn.Linear(d, 4 * d) for _ in range(n_layers))
        self.down = nn.ModuleList(nn.Linear(4 * d, d) for _ in range(n_layers))
        self.head = nn.Linear(d, vocabulary, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, batch):
        x = self.embedding(batch["x"])
        for qkv, out, up, down in zip(self.qkv, self.out, self.up, self.down, strict=True):
            x = x + out(self.attend(qkv(functional.layer_norm(x, x.shape[-1:]))))
            x = x + down(functional.relu(up(functional.rms_norm(x, x.shape[-1:]))).square())
        return self.head(x)

    def attend(self, qkv):
        q, k, v = qkv.unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mask = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).tril()
            mixed = (q @ k.mT).masked_fill(~mask, -math.inf).softmax(-1) @ v
        return mixed.transpose(1, 2).flatten(2)


@settings(max_examples=12)
@given(
    width=st.integers(1, 12).map(lambda k: 4 * k),
    n_layers=st.integers(1, 3),
    length=st.integers(2, 40),
    vocabulary=st.integers(5, 300),
    fused=st.booleans(),
    tied=st.booleans(),
)
def test_a_decoder_costs_its_closed_form(width, n_layers, length, vocabulary, fused, tied):
    """C per token = 6·(12·L·d² + d·V) + 12·L·d·T: head once, attention in full, lookup free."""
    flops = count(
        lambda: Decoder(width, n_layers, vocabulary, fused=fused, tied=tied),
        length,
        high=vocabulary,
        units=length,
    )
    assert flops == 6 * (12 * n_layers * width**2 + width * vocabulary) + 12 * n_layers * width * length


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (lambda: Feeding(nn.Linear(3, 5)), (3,), 4 * 15),  # the rows get no gradient
        (lambda: Feeding(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))), (3,), 4 * 15 + 6 * 10),
        (lambda: Feeding(nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))), (2, 6, 6), 4 * 16 * 4 * 18),
        (lambda: Taking(lambda x, w: x @ w, 3), (4, 3), 2 * 12 * 2),
        (lambda: Taking(lambda x, w: torch.einsum("btd,de->bte", x, w), 3, 5), (4, 3), 4 * 60),
        (lambda: Taking(lambda x, w: x * w, 3), (3,), 0),
        (lambda: Feeding(nn.Sequential(nn.Linear(3, 5), nn.PReLU())), (3,), 4 * 15),
    ],
)
def test_small_modules_cost_two_flops_per_multiply_add(make, shape, expected):
    assert count(make, *shape) == expected


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 20), (nn.GRU, 15), (nn.RNN, 5)])
def test_recurrent_layers_are_counted_step_by_step(layer, gates):
    """Gates of (4 + 5) x 5; the first step's state and the rows need no gradient."""
    flops = count(lambda: Feeding(layer(4, 5, batch_first=True)), 6, 4)
    assert flops == 2 * 6 * gates * (4 + 5) + 2 * 6 * gates * 4 + 2 * 6 * gates * 5 + 2 * 5 * gates * 5


def test_views_taken_in_place_are_free():
    assert count(lambda: Taking(lambda x, w: (x * w).unsqueeze_(0).transpose_(1, 2).squeeze_(0), 4), 4) == 0


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x, w: (x * w).cumsum(1), "aten.cumsum"),
        (lambda x, w: torch.fft.rfft(x * w).abs(), "aten._fft_r2c"),
        (lambda x, w: torch.linalg.qr((x * w).unflatten(1, (2, 2)))[0], "aten.linalg_qr"),
        (lambda x, w: torch.cdist(x, w[None]), "aten._cdist_forward"),
        (lambda x, w: torch.ops.flops_fit_test.gate(x * w), "flops_fit_test.gate"),
    ],
)
def test_an_operation_of_unknown_cost_is_named(function, named):
    with pytest.raises(PluginError, match=rf"one only uses operation.*{named}") as error:
        count(lambda: Taking(function, 4), 4)
    assert error.value.code == "unknown-op"
    assert f"free_ops: [{named}" in error.value.fix


@torch.library.custom_op("flops_fit_test::gate", mutates_args=())
def gate(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@gate.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


gate.register_autograd(lambda _ctx, grad: grad * 2)


@torch.library.custom_op("flops_fit_test::shapeless", mutates_args=())
def shapeless(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def test_an_operation_without_a_rule_for_shapes_is_named_too():
    with pytest.raises(PluginError, match=r"flops_fit_test\.shapeless"):
        count(lambda: Taking(lambda x, w: torch.ops.flops_fit_test.shapeless(x * w), 4), 4)


def test_operations_declared_before_stay_in_the_fix():
    with pytest.raises(PluginError) as error:
        count(
            lambda: Taking(lambda x, w: torch.fft.rfft((x * w).cumsum(1)).abs(), 4),
            4,
            free_ops=("aten.cumsum",),
        )
    assert "free_ops: [aten.cumsum, aten._fft_r2c" in error.value.fix


def test_declared_operations_are_free():
    assert count(lambda: Taking(lambda x, w: (x @ w).cumsum(1), 4, 3), 4, free_ops=("aten.cumsum",)) == 4 * 12


def test_counting_positions_is_free_but_multiplying_integers_is_not():
    assert count(lambda: Taking(lambda x, w: (x > 0).cumsum(1) * w, 4), 4) == 0
    with pytest.raises(PluginError, match=r"aten\._int_mm"):
        count(lambda: Taking(lambda x, w: torch._int_mm(*[(x > 0).to(torch.int8)[:, :8]] * 2) * w, 8), 8)


@pytest.mark.parametrize(
    "function",
    [lambda x, w: w * float(x.sum()), lambda x, w: (x * w)[x > 0.5]],
)
def test_models_that_read_values_are_refused(function):
    with pytest.raises(PluginError, match="cannot be counted on shapes alone") as error:
        count(lambda: Taking(function, 4), 4)
    assert error.value.code == "untraceable-model"


def test_outputs_without_gradient_are_refused():
    with pytest.raises(PluginError, match="without any tensor that needs a gradient"):
        count(lambda: Taking(lambda x, w: x, 4), 4)


class ReadingAtBirth(nn.Module):
    """Reads values in its constructor, as many stochastic-depth implementations do."""

    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.linear = nn.Linear(3, 5)

    def forward(self, batch):
        return self.linear(batch["x"]) * self.rates[1]


def test_constructors_that_read_values_are_built_first_and_emptied_then():
    assert count(ReadingAtBirth, 3) == 4 * 15


def test_6nd_is_six_times_the_parameters():
    model = type("Built", (One,), {"__module__": __name__})()
    assert SixND().train_flops_per_unit(model, SIZE, Rows(shape=(1,))) == 60
