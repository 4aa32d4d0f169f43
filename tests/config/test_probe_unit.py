"""A loss in bits is refused wherever logits and labels can be told; other losses are let through."""

import math

import pytest
import torch
from probed_parts import spec_of
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.config import adapt
from flops_fit.config.probe import probe
from flops_fit.errors import FlopsFitError


class InBits(CrossEntropy):
    kind: str = "in_bits"

    def __call__(self, outputs, batch):
        return super().__call__(outputs, batch) / math.log(2)

    def uniform_loss(self, data):
        return None


def test_a_component_whose_loss_is_in_bits_is_refused():
    with pytest.raises(FlopsFitError) as caught:
        probe(spec_of(loss=InBits()))
    assert "loss-in-bits" in {caught.value.code, *(p.code for p in getattr(caught.value, "problems", ()))}
    assert "log2(e) = 1.443 times the cross-entropy in nats" in str(caught.value)


class Classes(torch.nn.Module):
    """Logits of shape (rows, classes), or (rows, classes, positions) where `positions` are asked for."""

    def __init__(self, width, positions=0):
        super().__init__()
        self.positions = positions
        self.hidden = torch.nn.Linear(8, width)
        self.head = torch.nn.Linear(width, 5 * max(positions, 1))

    def forward(self, x):
        logits = self.head(torch.relu(self.hidden(x)))
        return logits.reshape(len(x), 5, self.positions) if self.positions else logits

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


def sweep(loss_fn, targets, **fixed):
    return adapt(
        model_cls=Classes,
        model_size_param="width",
        model_kwargs=fixed,
        dataset=torch.utils.data.TensorDataset(torch.randn(2000, 8), targets),
        loss_fn=loss_fn,
        compute_budgets=[1e6 * 10 ** (i / 6) for i in range(7)],
    )


@pytest.mark.parametrize("positions", [0, 3])
def test_a_function_in_bits_is_refused_whichever_dimension_holds_the_classes(positions):
    shape = (2000, positions) if positions else (2000,)
    fixed = {"positions": positions} if positions else {}
    labels = torch.randint(5, shape)
    with pytest.raises(FlopsFitError, match="is in bits"):
        probe(sweep(lambda a, b: cross_entropy(a, b) / math.log(2), labels, **fixed))
    probe(sweep(cross_entropy, labels, **fixed))


def test_smoothed_weighted_and_other_losses_are_let_through():
    labels = torch.randint(5, (2000,))
    probe(sweep(lambda a, b: cross_entropy(a, b, label_smoothing=0.1), labels))
    probe(sweep(lambda a, b: 1.4 * cross_entropy(a, b), labels))
    probe(sweep(binary_cross_entropy_with_logits, torch.rand(2000, 5).round()))
