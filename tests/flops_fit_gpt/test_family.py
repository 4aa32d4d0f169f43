"""The family builds what its ladder says, on any device, and costs what the formula says."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from flops_fit.components import DataSpec
from flops_fit.errors import DataError
from flops_fit_gpt.family import GPT
from flops_fit_gpt.ladder import Shape
from flops_fit_gpt.model import attention_scale


def tokens(vocabulary, length):
    return DataSpec(unit="token", units_per_sample=length, n_units=None, n_classes=vocabulary)


@pytest.mark.parametrize("vocabulary", [97, 256, 4096, 50304])
def test_parameter_counts_are_exact(vocabulary):
    data, gpt = tokens(vocabulary, 32), GPT()
    for size in gpt.ladder(1, 3e7, data):
        with torch.device("meta"):
            module = gpt.build(size, data)
        assert sum(p.numel() for p in module.parameters()) == size.n_params
        assert sum(p.numel() for p in module.blocks.parameters()) == size.n_params_nonembedding


def test_the_ladder_keeps_to_the_range_and_offers_narrow_rungs_only_on_request():
    data, gpt = tokens(256, 32), GPT()
    assert [size.name for size in gpt.ladder(4e3, 1.2e4, data)] == ["d8-L1", "d12-L1", "d16-L1"]
    assert [size.name for size in gpt.ladder(1e4, 2e4, data)] == ["d16-L1", "d16-L2", "d24-L1"]
    assert [size.n_params for size in gpt.ladder(4e3, 1.2e4, data)] == [4864, 7872, 11264]


@pytest.mark.parametrize(("vocabulary", "n_layers", "length"), [(97, 2, 64), (4096, 3, 128)])
def test_counted_flops_equal_the_formula(vocabulary, n_layers, length):
    """On shapes where 6·N would differ: it equals the count by accident wherever V = 2·L·T."""
    width, data = 32, tokens(vocabulary, length)
    size = Shape(width, n_layers, 4).size(vocabulary)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module = GPT().build(size, data)
        module({"input_ids": torch.zeros(2, length, dtype=torch.int64)}).sum().backward()
    per_token = 6 * (12 * n_layers * width**2 + width * vocabulary) + 12 * n_layers * width * length
    assert counter.get_total_flops() == 2 * length * per_token
    assert 6 * size.n_params != per_token


def test_a_token_never_sees_a_later_one():
    module = built(width=32)
    ids = torch.randint(97, (2, 16))
    changed = ids.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 97
    before, after = module({"input_ids": ids}), module({"input_ids": changed})
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.equal(before[:, 9], after[:, 9])


def test_a_shorter_row_gives_the_same_logits_as_the_start_of_a_longer_one():
    """The attention scale belongs to the training length, not to the row at hand."""
    module = built(width=32)
    ids = torch.randint(97, (2, 16))
    torch.testing.assert_close(module({"input_ids": ids})[:, :7], module({"input_ids": ids[:, :7]}))


def test_attention_sees_distances_not_positions():
    module = built(width=32, n_layers=1)
    start = torch.randint(97, (1, 1)).expand(1, 8)
    after_constant_prefix = module({"input_ids": torch.cat([start, start], 1)})[:, 8:]
    # Every position of a constant text attends to copies of itself, so all of them agree.
    torch.testing.assert_close(after_constant_prefix, module({"input_ids": start}))


def test_building_is_reproducible_and_depends_on_the_seed():
    def first_weights(seed):
        torch.manual_seed(seed)
        return built(width=16).blocks[0].qkv.weight

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


def test_attention_scale_matches_the_known_value_and_one_token_needs_none():
    """Length 64, heads of 16: 3.84, from the design study of u-muP."""
    assert attention_scale(64, 16) == pytest.approx(3.84, abs=0.005)
    assert attention_scale(1, 16) == 1.0


def test_frozen_parameters_stay_out_of_the_groups():
    module = built(width=16)
    module.head.weight.requires_grad_(False)
    grouped = [p for group in GPT().param_groups(module, 1.0, 0.0) for p in group["params"]]
    assert len(grouped) == len(list(module.parameters())) - 1
    assert all(p is not module.head.weight for p in grouped)


@pytest.mark.parametrize(
    "data", [tokens(None, 8), DataSpec(unit="image", units_per_sample=1, n_units=9, n_classes=10)]
)
def test_data_without_a_vocabulary_is_refused(data):
    with pytest.raises(DataError, match="needs tokens of a known vocabulary"):
        GPT().ladder(1, 1e6, data)


def test_bf16_autocast_keeps_the_initial_loss():
    module = built(width=64)
    ids = torch.randint(97, (4, 16))
    with torch.autocast("cpu", torch.bfloat16):
        logits = module({"input_ids": ids})
    loss = torch.nn.functional.cross_entropy(logits.float().reshape(-1, 97), ids.reshape(-1))
    assert loss.item() == pytest.approx(math.log(97), abs=0.1)


def built(*, width, n_layers=2):
    size = Shape(width, n_layers, width // 8).size(97)
    return GPT().build(size, tokens(97, 16))
