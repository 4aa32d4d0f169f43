"""A plugin whose components are just enough to be named in a spec."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from flops_fit.components import (
    Batch,
    DataSource,
    DataSpec,
    FitForm,
    FlopCounter,
    LossFunction,
    ModelFamily,
    Size,
)
from flops_fit.hookspecs import hookimpl

flops_fit_api_version = 1


class Rotary(BaseModel):
    base: float = Field(default=10_000.0, gt=0)


class TinyModel(ModelFamily):
    kind: Literal["tiny"] = "tiny"
    depth: int = Field(default=2, ge=1, le=64)
    activation: Literal["gelu", "relu"] = "gelu"
    bias: bool = False
    heads: int | Literal["auto"] = "auto"
    widths: tuple[int, ...] = (8, 16)
    name: str = "t"
    rotary: Rotary | None = None

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 5:
            raise ValueError("names are five letters at most")
        if name == "crash":
            raise KeyError("lookup")
        return name

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        return [
            Size(name=str(w), n_params=w, n_params_nonembedding=w) for w in self.widths if n_min <= w <= n_max
        ]

    def build(self, size: Size, data: DataSpec) -> Any:
        raise NotImplementedError


class OtherModel(TinyModel):
    kind: Literal["other"] = "other"


class TinyData(DataSource):
    kind: Literal["numbers"] = "numbers"
    seed: int = 0

    def spec(self) -> DataSpec:
        return DataSpec(unit="sample", units_per_sample=1, n_units=None, n_classes=None)

    def probe_batch(self, batch_size: int) -> Batch:
        raise NotImplementedError

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        raise NotImplementedError

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        raise NotImplementedError


class TinyLoss(LossFunction):
    kind: Literal["cross_entropy"] = "cross_entropy"

    def __call__(self, outputs: Any, batch: Batch) -> Any:
        raise NotImplementedError


class TinyFlops(FlopCounter):
    kind: Literal["traced"] = "traced"
    free_ops: tuple[str, ...] = ()

    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:
        return 6.0 * size.n_params


class TinyFit(FitForm):
    kind: Literal["auto"] = "auto"


@hookimpl
def flops_fit_models() -> list[type[ModelFamily]]:
    return [TinyModel, OtherModel]


@hookimpl
def flops_fit_data() -> list[type[DataSource]]:
    return [TinyData]


@hookimpl
def flops_fit_losses() -> list[type[LossFunction]]:
    return [TinyLoss]


@hookimpl
def flops_fit_flop_counters() -> list[type[FlopCounter]]:
    return [TinyFlops]


@hookimpl
def flops_fit_fit_forms() -> list[type[FitForm]]:
    return [TinyFit]
