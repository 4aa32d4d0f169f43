"""What the probes look at: one spec, its data, its ladder and its models, each fetched when first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from flops_fit.components import Batch, Component, DataSpec, Size
from flops_fit.config.forward import TARGET_NAMES
from flops_fit.config.on_meta import built_on_meta
from flops_fit.config.python_data import PythonData
from flops_fit.config.python_loss import PythonLoss
from flops_fit.config.python_model import PythonModel
from flops_fit.config.spec import SweepSpec
from flops_fit.errors import FlopsFitError, PluginError, by_interface

if TYPE_CHECKING:
    import torch
    from torch import nn

ROWS = 4
"""Rows of the batches that the model probes use."""
_OWN = (PythonModel, PythonData, PythonLoss)


@contextmanager
def calling(component: Component, call: str, given: Callable[[], str] = str) -> Iterator[None]:
    """Turn whatever `component` raises in the block into a PluginError that names it and the call.

    Args:
        component: What is called.
        call: How the message writes the call.
        given: Says what the call was given, where that may be at fault.

    Raises:
        PluginError: `component-raised`. Our own errors pass as they are.
    """
    try:
        yield
    except FlopsFitError:
        raise
    except Exception as error:
        raise PluginError(
            f"{component.label}.{call} raised {type(error).__name__}: {error}",
            fix=given() + _remedy(component),
            code="component-raised",
        ) from error


def _remedy(component: Component) -> str:
    """Say what to change; a user's own object has no options."""
    where = by_interface(command="`--debug` shows where", python="the traceback shows where")
    options = "" if isinstance(component, _OWN) else f"change the options of `{component.label}`, or "
    return f"{options}correct what it runs ({where})"


def _given_to_loss(outputs: object, batch: Batch) -> str:
    """Describe what a loss compares; all of the batch where nothing in it is named like a target."""
    named = {name: value for name, value in batch.items() if name in TARGET_NAMES} or batch
    targets = ", ".join(f"{name} {_described(value)}" for name, value in named.items())
    return f"it was given outputs {_described(outputs)} and {targets}: make these fit, or "


def _described(value: object) -> str:
    import torch

    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_described(inner)}' for name, inner in value.items())}}}"
    if not isinstance(value, torch.Tensor):
        return f"of type {type(value).__name__}"
    is_counted = not (value.is_floating_point() or value.is_complex()) and value.numel()
    reach = f" from {int(value.min())} to {int(value.max())}" if is_counted else ""
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{reach}"


@dataclass(frozen=True)
class Subject:
    """One sweep under probe. Nothing here survives the probe."""

    spec: SweepSpec
    caveats: list[str] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)
    """FLOPs of one data unit by the name of a size, once they are known."""

    @property
    def model(self) -> str:
        """What messages call the model family."""
        return self.spec.model.label

    @property
    def source(self) -> str:
        """What messages call the data source."""
        return self.spec.data.label

    @cached_property
    def data(self) -> DataSpec:
        """What the data source says about itself."""
        with calling(self.spec.data, "spec()"):
            return self.spec.data.spec()

    @property
    def batch(self) -> Batch:
        """`ROWS` training rows, copied each time: a model that writes into them spoils no other probe."""
        return {name: value.clone() for name, value in self._rows.items()}

    @cached_property
    def _rows(self) -> Batch:
        return self.probe_batch(ROWS)

    def probe_batch(self, rows: int) -> Batch:
        """Ask the data source for a probe batch."""
        with calling(self.spec.data, f"probe_batch({rows})"):
            return self.spec.data.probe_batch(rows)

    @cached_property
    def sizes(self) -> Sequence[Size]:
        """The ladder between the smallest and the largest model that a budget may train."""
        return self.ladder(*self.spec.n_params_range())

    def ladder(self, n_min: float, n_max: float) -> Sequence[Size]:
        """Ask the model family for its sizes from `n_min` to `n_max` parameters."""
        with calling(self.spec.model, f"ladder({n_min:.3g}, {n_max:.3g}) on data {self.source}"):
            return self.spec.model.ladder(n_min, n_max, self.data)

    def smallest(self, seed: int = 0) -> nn.Module:
        """Build the smallest size on the CPU from torch's global generator at `seed`."""
        import torch

        torch.manual_seed(seed)
        with self._building(self.sizes[0]):
            return self.spec.model.build(self.sizes[0], self.data)

    def shape_of(self, size: Size) -> nn.Module:
        """Build `size` without memory for its values."""
        with self._building(size):
            return built_on_meta(partial(self.spec.model.build, size, self.data))

    def outputs(self, module: nn.Module, batch: Batch, mode: str = "") -> object:
        """Run forward as it stands; `mode` says more about the call in the error."""
        with calling(self.spec.model, f"forward{mode} of {self.sizes[0].name} on data {self.source}"):
            return module(batch)

    def loss(self, outputs: object, batch: Batch) -> torch.Tensor:
        """Run the loss."""
        given = partial(_given_to_loss, outputs, batch)
        with calling(self.spec.loss, f"__call__ on outputs of {self.model} and data {self.source}", given):
            return self.spec.loss(outputs, batch)

    def reported(self, outputs: object, batch: Batch) -> dict[str, torch.Tensor]:
        """Run what is reported of held-out batches: the loss and the metrics, by the calls that give them."""
        loss, given = self.spec.loss, partial(_given_to_loss, outputs, batch)
        with calling(loss, f"evaluate on outputs of {self.model} and data {self.source}", given):
            found = {"evaluate(outputs, batch)": loss.evaluate(outputs, batch)}
        with calling(loss, f"metrics on outputs of {self.model} and data {self.source}", given):
            metrics = loss.metrics(outputs, batch)
            return found | {f"metrics(outputs, batch)[{name!r}]": value for name, value in metrics.items()}

    def differentiate(self, loss: torch.Tensor) -> None:
        """Run backward."""
        with calling(self.spec.model, f"backward of {self.sizes[0].name} on data {self.source}"):
            loss.backward()  # type: ignore[no-untyped-call]

    @cached_property
    def flops_by_size(self) -> Sequence[tuple[Size, float]]:
        """Each rung of the ladder with the FLOPs of one data unit, by the spec's own counter."""
        return [(size, self.flops_per_unit(size)) for size in self.sizes]

    def flops_per_unit(self, size: Size) -> float:
        """Count the FLOPs of one data unit with the spec's own counter."""
        with calling(self.spec.flops, f"train_flops_per_unit({self.model} {size.name})"):
            return self.spec.flops.train_flops_per_unit(self.spec.model, size, self.spec.data)

    def known_flops_per_unit(self, size: Size) -> float:
        """Count as `flops_per_unit` does, once per size: a search asks for the same ones again and again."""
        if size.name not in self.counted:
            self.counted[size.name] = self.flops_per_unit(size)
        return self.counted[size.name]

    def _building(self, size: Size) -> AbstractContextManager[None]:
        return calling(self.spec.model, f"build({size.name}) on data {self.source}")
