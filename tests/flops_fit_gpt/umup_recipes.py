"""The product's u-muP recipe, its planted mistakes, and how to measure what they do.

A recipe is a family and what is done to its freshly built module. Every check takes a recipe and asserts; it
must pass for the product and fail for the mutants named beside it. Tolerances lie between what the rules gave
and what the mutants gave when both were measured.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from flops_fit.components import DataSpec
from flops_fit_gpt.family import GPT
from flops_fit_gpt.ladder import Shape
from flops_fit_gpt.model import Decoder

VOCABULARY, LENGTH = 256, 64
BYTES = DataSpec(unit="token", units_per_sample=LENGTH, n_units=None, n_classes=VOCABULARY)
RELU_SQUARED = math.sqrt(2 / 3)


DEFAULT = GPT()


@dataclass(frozen=True)
class Recipe:
    family: GPT = DEFAULT
    mutate: Callable[[Decoder], None] = lambda module: None

    def build(self, width, n_layers=2, d_head=16, seed=0):
        torch.manual_seed(seed)
        module = self.family.build(Shape(width, n_layers, width // d_head).size(VOCABULARY), BYTES)
        self.mutate(module)
        return module

    def rates(self, module, lr=1.0):
        groups = self.family.param_groups(module, lr, 0.0)
        return {p: group["lr"] for group in groups for p in group["params"]}


class HiddenRateMissesFanIn(GPT):
    """M1: C without 1/sqrt(fan_in), so the folded rate is lr/sqrt(fan_in)."""

    def _rate(self, name, weight, n_layers):
        rate = super()._rate(name, weight, n_layers)
        return rate * math.sqrt(weight.shape[1]) if "blocks" in name else rate


class ReadoutRateOverRoot(GPT):
    def _rate(self, name, weight, n_layers):
        rate = super()._rate(name, weight, n_layers)
        return rate * math.sqrt(weight.shape[1]) if name == "head.weight" else rate


def scale_softmax_by_root(module):
    for block in module.blocks:
        block.softmax_scale = 1 / math.sqrt(block.d_head)


def drop_residual_scale(module):
    for block in module.blocks:
        block.attention_weight *= math.sqrt(len(module.blocks))
        block.mlp_weight *= math.sqrt(len(module.blocks))


def initialise_readout_over_root(module):
    torch.nn.init.normal_(module.head.weight, std=1 / math.sqrt(module.head.weight.shape[1]))


def scale_mlp_backward_unlike_forward(module):
    """Use 1/sqrt(2), the factor for unit gradients, beside the forward's sqrt(2/3)."""
    for block in module.blocks:
        block.down.register_forward_hook(
            lambda _m, _i, out: out.register_hook(lambda g: g * 0.75**0.5) and None
        )


GOOD = Recipe()
M1_HIDDEN_RATE = Recipe(family=HiddenRateMissesFanIn())
M2_SOFTMAX = Recipe(mutate=scale_softmax_by_root)
M3_RESIDUAL = Recipe(mutate=drop_residual_scale)
M4_READOUT = Recipe(family=ReadoutRateOverRoot(), mutate=initialise_readout_over_root)
M5_DEPTH_RATE = Recipe(family=GPT(depth_exponent=0.0))
M6_BACKWARD = Recipe(mutate=scale_mlp_backward_unlike_forward)


def holds_for_the_product_but_not_for(**mutants):
    """Parametrise a test over the product and its mutants, as `(recipe, fails)`."""
    cases = [
        pytest.param(GOOD, False, id="product"),
        *(pytest.param(m, True, id=n) for n, m in mutants.items()),
    ]
    return pytest.mark.parametrize(("recipe", "fails"), cases)


def verdict(fails, check, *args):
    if fails:
        with pytest.raises(AssertionError):
            check(*args)
    else:
        check(*args)


def loss_of(module, batch):
    return cross_entropy(module(batch).reshape(-1, VOCABULARY), batch["labels"].reshape(-1))


def linears(module):
    return [(name, m) for name, m in module.named_modules() if isinstance(m, torch.nn.Linear)]


def record(module, kinds, *, of_inputs=False):
    """Return a dict that every forward pass fills with the outputs (or inputs) of modules of some kinds."""
    seen = {}
    for name, part in module.named_modules():
        if isinstance(part, kinds):
            part.register_forward_hook(
                lambda _m, inputs, out, name=name: seen.update(
                    {name: (inputs[0] if of_inputs else out).detach()}
                )
            )
    return seen


def rms(x):
    return x.detach().double().pow(2).mean().sqrt().item()


def slope(sizes, values):
    """Octaves of change per octave of size."""
    return np.polyfit(np.log2(sizes), np.log2(values), 1)[0]
