"""Cross-entropy in nats per counted label."""

import math
from types import SimpleNamespace

import pytest
import torch

from flops_fit.builtin.losses import CrossEntropy
from flops_fit.components import DataSpec
from flops_fit.errors import PluginError

LOSS = CrossEntropy()


def data(n_classes):
    return DataSpec(unit="image", units_per_sample=1, n_units=10, n_classes=n_classes)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 1, 3)])
def test_equal_logits_cost_the_logarithm_of_the_number_of_classes(shape):
    labels = torch.arange(6).reshape(shape) % 5
    loss = LOSS(torch.zeros(*shape, 5), {"labels": labels})
    assert loss.item() == pytest.approx(math.log(5))
    assert LOSS.uniform_loss(data(5)) == math.log(5)


def test_the_mean_is_over_counted_labels():
    """Known answer: softmax of (ln 3, 0) is (3/4, 1/4)."""
    logits = torch.tensor([[math.log(3), 0.0]] * 3)
    loss = LOSS(logits, {"labels": torch.tensor([0, 1, -100])})
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_logits_may_come_in_a_mapping_or_an_object():
    logits, batch = torch.randn(4, 3), {"labels": torch.tensor([0, 1, 2, 0])}
    expected = LOSS(logits, batch)
    assert LOSS({"logits": logits}, batch).equal(expected)
    assert LOSS(SimpleNamespace(logits=logits), batch).equal(expected)


def test_bf16_logits_are_compared_in_float32():
    """In bf16 the logarithm of 256 would be 5.53 instead of 5.545."""
    loss = LOSS(torch.zeros(4, 256, dtype=torch.bfloat16), {"labels": torch.zeros(4, dtype=torch.int64)})
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(256), abs=1e-6)


def test_smoothed_labels_are_trained_on_and_not_reported():
    """Known answer: softmax of (ln 3, 0) is (3/4, 1/4); a fifth of the label is spread over both classes."""
    smooth, batch = CrossEntropy(label_smoothing=0.2), {"labels": torch.tensor([0, -100])}
    logits = torch.tensor([[math.log(3), 0.0]] * 2)
    assert smooth(logits, batch).item() == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4))
    assert smooth.evaluate(logits, batch).equal(LOSS(logits, batch))
    of_nothing = smooth(torch.zeros(1, 5), {"labels": torch.tensor([3])}).item()
    assert smooth.uniform_loss(data(5)) == pytest.approx(of_nothing)


def test_accuracy_is_the_share_of_counted_labels_with_the_largest_logit():
    logits = torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
    accuracy = LOSS.metrics(logits, {"labels": torch.tensor([0, 1, 1, -100])})["accuracy"]
    assert accuracy.item() == pytest.approx(2 / 3)


def test_data_without_classes_has_no_loss_to_start_from():
    assert LOSS.uniform_loss(data(None)) is None


def test_outputs_without_logits_are_named():
    with pytest.raises(PluginError, match="forward returned dict") as error:
        LOSS({"hidden": torch.zeros(1)}, {"labels": torch.zeros(1, dtype=torch.int64)})
    assert error.value.code == "no-logits"


def test_batches_without_labels_are_named():
    with pytest.raises(PluginError, match="this one holds inputs, targets") as error:
        LOSS(torch.zeros(1, 2), {"inputs": torch.zeros(1), "targets": torch.zeros(1)})
    assert error.value.code == "no-labels"
