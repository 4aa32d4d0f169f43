"""A user's own model class as a model family: one integer argument sets the size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PrivateAttr, model_serializer

from flops_fit.components import DataSpec, ModelFamily, Size
from flops_fit.config.fingerprint import fingerprint
from flops_fit.config.forward import take_batch
from flops_fit.config.on_meta import built_on_meta, n_trainable
from flops_fit.config.size_search import search_sizes
from flops_fit.errors import PluginError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The parameters of one size."""

    n_params: int
    """0 where the class refuses the size."""
    n_params_nonembedding: int


class PythonModel(ModelFamily):
    """Models of the class `factory`, as large as its argument `size_param` makes them."""

    kind: Literal["python_model"] = "python_model"
    factory: Callable[..., Any]
    size_param: str
    fixed: Mapping[str, Any]
    """The other arguments."""
    values: tuple[Any, ...] = ()
    """Values of `size_param` to use; by default integers are tried."""

    _counted: dict[Any, Counted] = PrivateAttr(default_factory=dict)
    _refusals: dict[Any, str] = PrivateAttr(default_factory=dict)

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:  # noqa: ARG002
        """Build models without memory, and list those from `n_min` to `n_max` parameters.

        Raises:
            PluginError: `no-size-works`, `size-without-effect`, or what `_count` finds.
        """
        values = self.values or tuple(search_sizes(lambda v: self._count(v).n_params, n_min, n_max))
        rungs = sorted(((self._count(value), value) for value in values), key=lambda rung: rung[0].n_params)
        self._check_tried()
        return [
            Size(
                name=f"{self.size_param}={value}",
                n_params=counted.n_params,
                n_params_nonembedding=counted.n_params_nonembedding,
                options={self.size_param: value},
            )
            for counted, value in rungs
            if n_min <= counted.n_params <= n_max
        ]

    def build(self, size: Size, data: DataSpec) -> nn.Module:  # noqa: ARG002
        """Build one size; its forward takes a batch and hands on what the class's own forward asks for."""
        return take_batch(self._new(size.options[self.size_param]))

    @property
    def label(self) -> str:
        """Name of the class."""
        return getattr(self.factory, "__name__", type(self.factory).__name__)

    def identity(self) -> dict[str, Any]:
        """Return the class, its source and its arguments."""
        return {
            "factory": fingerprint(self.factory),
            "size_param": self.size_param,
            "fixed": fingerprint(self.fixed),
            "values": fingerprint(self.values),
        }

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.identity()}

    def _new(self, value: object) -> nn.Module:
        module: nn.Module = self.factory(**self.fixed, **{self.size_param: value})
        return module

    def _count(self, value: object) -> Counted:
        """Count the parameters of one size, once, on a model without memory.

        Raises:
            PluginError: `no-num-params`, `num-params-disagree`.
        """
        if value not in self._counted:
            try:
                module = built_on_meta(partial(self._new, value))
            except Exception as error:  # noqa: BLE001 - a class may refuse a size with any exception
                self._refusals[value] = f"{type(error).__name__}: {error}"
                self._counted[value] = Counted(n_params=0, n_params_nonembedding=0)
            else:
                self._counted[value] = _count(module, f"{self.size_param}={value}")
        return self._counted[value]

    def _check_tried(self) -> None:
        """Refuse a class that no size suits, or on whose parameters the size has no effect."""
        accepted = {value: counted.n_params for value, counted in self._counted.items() if counted.n_params}
        name, param = name_of(self.factory), self.size_param
        if self._refusals and (self.values or not accepted):
            tried, refusal = list(self._refusals.items())[-1]
            others = "" if self.values else f", nor with any other {param} that was tried"
            raise PluginError(
                f"{name} cannot be built with {param}={tried}, which raises {refusal}{others}.",
                fix="correct model_kwargs, or list the sizes that work, e.g. model_sizes=[64, 128, 256], "
                'or model_sizes=["small", "large"] if they have names',
                code="no-size-works",
            )
        if len(accepted) > 1 and len(set(accepted.values())) == 1:
            raise PluginError(
                f"{name} has {next(iter(accepted.values())):,} parameters for every {param} that was tried "
                f"({', '.join(map(str, list(accepted)[:5]))}, ...).",
                fix="name the argument that sets the model's size as model_size_param",
                code="size-without-effect",
            )


def _count(module: nn.Module, size: str) -> Counted:
    name = type(module).__name__
    num_params: Any = getattr(module, "num_params", None)
    if num_params is None:
        raise _no_num_params(name)
    said, n_params = num_params() if callable(num_params) else num_params, n_trainable(module)
    if said != n_params:
        raise PluginError(
            f"{name}({size}).num_params says {said}, but its trainable parameters are {n_params}.",
            fix=f"count them all, shared ones once: {NUM_PARAMS}",
            code="num-params-disagree",
        )
    return Counted(n_params=n_params, n_params_nonembedding=n_params - _n_embedding(module))


def _no_num_params(name: str) -> PluginError:
    """Return the error about a class without `num_params()`."""
    return PluginError(
        f"{name} has no method num_params(), which says how large a model is.",
        fix=f"add to {name}: {NUM_PARAMS}",
        code="no-num-params",
    )


def name_of(factory: Callable[..., Any]) -> str:
    """Return what messages call a class, or a function that makes models."""
    return getattr(factory, "__name__", type(factory).__name__)


NUM_PARAMS = "def num_params(self): return sum(p.numel() for p in self.parameters() if p.requires_grad)"


def _n_embedding(module: nn.Module) -> int:
    """Count the parameters of lookup tables and of the layer that leads back to the classes of the largest.

    An assumption about models that were written without us: that layer is taken to be the last linear one
    with as many outputs. The count is recorded beside N and decides nothing.
    """
    from torch import nn

    tables = [m for m in module.modules() if isinstance(m, nn.Embedding)]
    n_classes = max((table.num_embeddings for table in tables), default=0)
    heads = [m for m in module.modules() if isinstance(m, nn.Linear) and m.out_features == n_classes]
    parameters = {p for m in (*tables, *heads[-1:]) for p in m.parameters() if p.requires_grad}
    return sum(p.numel() for p in parameters)
