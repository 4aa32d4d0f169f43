"""A second form of u-muP, written from the rules alone, trains the same function as the product."""

import math

import pytest
import torch
from torch.nn.functional import one_hot
from umup_recipes import (
    LENGTH,
    M1_HIDDEN_RATE,
    M2_SOFTMAX,
    M3_RESIDUAL,
    M4_READOUT,
    M5_DEPTH_RATE,
    M6_BACKWARD,
    VOCABULARY,
    holds_for_the_product_but_not_for,
    loss_of,
    verdict,
)


class Multipliers(torch.nn.Module):
    """u-muP as its rules state it: unit weights, forward multipliers, the residual recursion."""

    def __init__(self, decoder):
        super().__init__()
        self.n_layers = len(decoder.blocks)
        self.d_head = decoder.blocks[0].d_head
        multipliers = {name: self.multiplier(name, w) for name, w in decoder.named_parameters()}
        self.weights = torch.nn.ParameterDict(
            {name.replace(".", "_"): w.detach() / multipliers[name] for name, w in decoder.named_parameters()}
        )

    @staticmethod
    def multiplier(name, weight):
        if name.startswith("embedding"):
            return 1.0
        return 1 / weight.shape[1] if name.startswith("head") else 1 / math.sqrt(weight.shape[1])

    def groups(self, lr, weight_decay):
        for name, weight in self.weights.items():
            rate = lr
            if name.startswith("embedding"):
                rate = 4 * lr / math.sqrt(weight.shape[1])
            if name.startswith("blocks"):
                rate = lr / math.sqrt(weight.shape[1] * self.n_layers)
            yield {"params": [weight], "lr": rate, "weight_decay": weight_decay / rate}

    def linear(self, x, name, root=2):
        weight = self.weights[f"{name}_weight"]
        return x @ weight.T / weight.shape[1] ** (1 / root)

    def forward(self, batch):
        x = one_hot(batch["input_ids"], VOCABULARY).double() @ self.weights["embedding_weight"]
        for i in range(2 * self.n_layers):
            tau = 1 / math.sqrt(self.n_layers + i)
            branch = self.mlp if i % 2 else self.attention
            x = (x + tau * branch(self.norm(x), f"blocks_{i // 2}")) / math.sqrt(1 + tau**2)
        return self.linear(self.norm(x), "head", root=1)

    @staticmethod
    def norm(x):
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()

    def mlp(self, x, name):
        return self.linear(math.sqrt(2 / 3) * self.linear(x, f"{name}_up").clamp(min=0) ** 2, f"{name}_down")

    def attention(self, x, name):
        rows, length, width = x.shape
        q, k, v = (
            part.view(rows, length, -1, self.d_head).transpose(1, 2)
            for part in self.linear(x, f"{name}_qkv").split(width, -1)
        )
        logits = self.turned(q) @ self.turned(k).transpose(-1, -2) / self.d_head
        ahead = torch.ones(length, length).triu(1).bool()
        mixed = logits.masked_fill(ahead, -math.inf).softmax(-1) @ v
        interpolation = 1 / (1 + 4 * self.d_head)
        mixed = mixed / math.exp((1 - interpolation) * math.log(math.sqrt(math.log(LENGTH) / LENGTH)))
        return self.linear(mixed.transpose(1, 2).reshape(rows, length, width), f"{name}_out")

    @staticmethod
    def turned(x):
        """Rotary positions as complex numbers of real part i and imaginary part i + half."""
        half = x.shape[-1] // 2
        angle = torch.arange(x.shape[-2]).outer(10_000.0 ** (-torch.arange(half) / half)).double()
        turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([turned.real, turned.imag], -1)


def check_second_form(recipe, text):
    batches = text(40)
    decoder = recipe.build(32, n_layers=3, d_head=8).double()
    second = Multipliers(decoder)
    ours = losses_of_training(decoder, recipe.family.param_groups(decoder, 0.5, 2**-10), batches)
    theirs = losses_of_training(second, list(second.groups(0.5, 2**-10)), batches)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert ours[-1] < ours[0] - 0.5  # both trained


def losses_of_training(module, groups, batches):
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-30)
    losses = []
    for batch in batches:
        loss = loss_of(module, {name: rows[:4] for name, rows in batch.items()})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@holds_for_the_product_but_not_for(
    M1=M1_HIDDEN_RATE, M2=M2_SOFTMAX, M3=M3_RESIDUAL, M4=M4_READOUT, M5=M5_DEPTH_RATE, M6=M6_BACKWARD
)
def test_a_second_form_written_from_the_rules_trains_the_same_function(recipe, fails, text):
    verdict(fails, check_second_form, recipe, text)
