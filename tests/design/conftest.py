"""Specs and probes for planning: components that are only named here, never trained."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from flops_fit.components import DataSource, DataSpec, FitForm, FlopCounter, LossFunction, ModelFamily, Size
from flops_fit.config.probe import Probe, ProbedSize
from flops_fit.config.spec import SweepSpec


class Family(ModelFamily):
    kind: Literal["family"] = "family"
    default_lr = 0.5
    lr_transfers = True
    depth: int = 2

    def ladder(self, n_min, n_max, data):
        raise NotImplementedError

    def build(self, size, data):
        raise NotImplementedError


class Data(DataSource):
    kind: Literal["data"] = "data"
    path: str = "here"

    def spec(self):
        raise NotImplementedError

    def probe_batch(self, batch_size):
        raise NotImplementedError

    def train_batches(self, batch_size, seed, start_step=0):
        raise NotImplementedError

    def eval_batches(self, batch_size):
        raise NotImplementedError


class Loss(LossFunction):
    kind: Literal["loss"] = "loss"

    def __call__(self, outputs, batch):
        raise NotImplementedError


class Counter(FlopCounter):
    kind: Literal["counter"] = "counter"

    def train_flops_per_unit(self, model, size, data):
        raise NotImplementedError


class Form(FitForm):
    kind: Literal["form"] = "form"


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., SweepSpec]:
    """Seven budgets over two decades; any field can be given."""

    def make(**fields: Any) -> SweepSpec:
        parts = {"model": Family(), "data": Data(), "loss": Loss(), "flops": Counter(), "fit": Form()}
        budgets = tuple(1e15 * 10 ** (i / 3) for i in range(7))
        return SweepSpec.model_validate(parts | {"budgets": budgets, "allow_thin_sweep": True} | fields)

    return make


@pytest.fixture(scope="session")
def make_probe() -> Callable[..., Probe]:
    """A ladder with a rung every `ratio`, on text in rows of 128 tokens; a unit costs 10% more than 6·N."""

    def make(
        *,
        n_min=1e4,
        n_max=1e10,
        ratio=1.3,
        n_units=None,
        units_per_sample=128,
        precision="fp32",
        n_held_out=None,
        caveats=(),
    ) -> Probe:
        sizes = []
        while (n_params := round(n_min * ratio ** len(sizes))) <= n_max:
            name = f"n{n_params}"
            size = Size(name=name, n_params=n_params, n_params_nonembedding=n_params, options={"n": n_params})
            sizes.append(
                ProbedSize(size=size, flops_per_unit=6.6 * n_params, flops_6nd_per_unit=6.0 * n_params)
            )
        data = DataSpec(unit="token", units_per_sample=units_per_sample, n_units=n_units, n_classes=256)
        return Probe(
            data=data, sizes=tuple(sizes), precision=precision, n_held_out=n_held_out, caveats=caveats
        )

    return make
