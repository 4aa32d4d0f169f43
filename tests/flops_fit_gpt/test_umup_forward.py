"""u-muP's forward pass: unit scale at every width, head size and depth."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from umup_recipes import (
    GOOD,
    LENGTH,
    M2_SOFTMAX,
    M3_RESIDUAL,
    RELU_SQUARED,
    holds_for_the_product_but_not_for,
    loss_of,
    record,
    rms,
    slope,
    verdict,
)

from flops_fit_gpt import model as product


def test_activations_start_at_unit_scale_at_every_width(text):
    widths, seen = (32, 64, 128), defaultdict(list)
    for width in widths:
        for name, value in initial_scales(width, text).items():
            seen[name].append(value)
    assert seen.pop("norm") == pytest.approx([1, 1, 1], abs=1e-3)
    logits = seen.pop("logits")
    assert logits == pytest.approx([1, 1, 1], abs=0.1)
    for name, values in {**seen, "logits": logits}.items():
        assert all(0.8 <= value <= 1.25 for value in values), (name, values)
        assert abs(slope(widths, values)) <= 0.1, (name, values)


def initial_scales(width, text):
    """RMS of the first layer's activations (three seeds), and of the logits over their expected scale."""
    scales = defaultdict(list)
    for seed in range(3):
        module = GOOD.build(width, seed=seed)
        inputs, outputs = record(module, torch.nn.Linear, of_inputs=True), record(module, torch.nn.Linear)
        logits = module(text(1, seed)[0])
        scales["norm"].append(rms(inputs["head"]))
        for name, part in zip("qkv", outputs["blocks.0.qkv"].chunk(3, -1), strict=True):
            scales[name].append(rms(part))
        scales["up"].append(rms(outputs["blocks.0.up"]))
        scales["relu2"].append(rms(inputs["blocks.0.down"]) * RELU_SQUARED)
        scales["down"].append(rms(outputs["blocks.0.down"]) * RELU_SQUARED)
        scales["logits"].append(rms(logits) * math.sqrt(width))
    return {name: np.mean(values) for name, values in scales.items()}


def check_attention(recipe, text, monkeypatch):
    """Vary the head size: at one head size, 1/d and 1/sqrt(d) differ by a constant only."""
    sizes = (8, 16, 32, 64, 128)
    before, change = zip(
        *(logits_and_change(recipe, d_head, text, monkeypatch) for d_head in sizes), strict=True
    )
    scaled = [logit * math.sqrt(d_head) for logit, d_head in zip(before, sizes, strict=True)]
    assert min(scaled) >= 0.9, scaled
    assert max(scaled) <= 1.1, scaled
    assert abs(slope(sizes, change)) <= 0.2, change


def logits_and_change(recipe, d_head, text, monkeypatch):
    """RMS of the first layer's attention logits, and of their change by one sign step on queries and keys."""
    module, batch = recipe.build(128, d_head=d_head), text(1)[0]
    before = attention_logits(module, batch, monkeypatch)
    loss_of(module, batch).backward()
    qkv = module.blocks[0].qkv.weight
    with torch.no_grad():
        qkv[: 2 * 128] -= 0.25 * recipe.rates(module)[qkv] * qkv.grad[: 2 * 128].sign()
    return rms(before), rms(attention_logits(module, batch, monkeypatch) - before)


def attention_logits(module, batch, monkeypatch):
    """Read the logits off the call that the product makes, as they enter the softmax."""
    calls = []

    def attend(q, k, v, *, is_causal, scale):
        calls.append(q @ k.transpose(-1, -2) * scale)
        return attend_really(q, k, v, is_causal=is_causal, scale=scale)

    attend_really = product.scaled_dot_product_attention
    with monkeypatch.context() as patch, torch.no_grad():
        patch.setattr(product, "scaled_dot_product_attention", attend)
        module(batch)
    return calls[0][..., torch.ones(LENGTH, LENGTH).tril().bool()]


@holds_for_the_product_but_not_for(M2=M2_SOFTMAX)
def test_attention_logits_keep_their_scale_at_every_head_size(recipe, fails, text, monkeypatch):
    verdict(fails, check_attention, recipe, text, monkeypatch)


def check_residual_coefficients(recipe, text, n_layers):
    """The stream equals sqrt(3) times what u-muP's own recursion makes of the same branches."""
    module = recipe.build(32, n_layers).double()
    outputs = record(module, (torch.nn.Linear, torch.nn.Embedding))
    stream = module.blocks[-1].register_forward_hook(lambda _m, _i, out: outputs.update(stream=out))
    module(text(1)[0])
    stream.remove()
    mixing = product.attention_scale(LENGTH, 16)
    expected = outputs["embedding"]
    for i in range(2 * n_layers):
        name, factor = ("down", RELU_SQUARED) if i % 2 else ("out", mixing)
        tau = 1 / math.sqrt(n_layers + i)
        expected = (expected + tau * factor * outputs[f"blocks.{i // 2}.{name}"]) / math.sqrt(1 + tau**2)
    torch.testing.assert_close(outputs["stream"], math.sqrt(3) * expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_layers", [2, 5])
@holds_for_the_product_but_not_for(M3=M3_RESIDUAL)
def test_residual_coefficients_are_those_of_the_recursion(recipe, fails, n_layers, text):
    verdict(fails, check_residual_coefficients, recipe, text, n_layers)


def check_stream_growth(recipe, text):
    depths, ratios = (2, 4, 8, 16), []
    for n_layers in depths:
        module = recipe.build(64, n_layers)
        streams = record(module, (product.Block, torch.nn.Embedding))
        module(text(1)[0])
        ratios.append(rms(streams[f"blocks.{n_layers - 1}"]) / rms(streams["embedding"]))
    assert slope(depths, ratios) <= 0.35, ratios


@holds_for_the_product_but_not_for(M3=M3_RESIDUAL)
def test_the_stream_hardly_grows_with_depth(recipe, fails, text):
    verdict(fails, check_stream_growth, recipe, text)
