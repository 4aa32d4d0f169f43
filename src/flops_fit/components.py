"""What plugin objects look like: model families, data sources, losses, FLOP counters and fit forms.

A component IS its frozen pydantic configuration plus methods. Its `kind` is the name that users write in a
spec, and its fields are the options beneath that name. Importing this module imports neither torch nor
numpy: components import them inside their methods.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

from flops_fit.quantities import Allocation

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Batch = Mapping[str, "torch.Tensor"]
"""Text: `input_ids` and `labels`, int64, shape (batch, length). Images: `pixel_values`, float32, and
`labels`, int64. Labels of -100 do not count towards the loss."""

Unit = Literal["token", "image", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """What a model needs to know about the data it will see."""

    unit: Unit
    """What one unit of D is."""
    units_per_sample: int
    """Units in one row of a batch: the sequence length for text, 1 for images and samples."""
    n_units: int | None
    """Distinct training units, i.e. one epoch; None for an endless source."""
    n_classes: int | None
    """Vocabulary size or number of labels; None where the loss is no classification."""
    sample_shape: tuple[int, ...] = ()
    """Shape of one input row, e.g. (128,) for 128 tokens or (3, 32, 32) for an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One rung of a model family's ladder."""

    name: str
    """Short and unique within the ladder, e.g. 'd64-L2'; the `size` column of every table."""
    n_params: int
    """All trainable parameters, equal to the sum of numel over the built module."""
    n_params_nonembedding: int
    """Parameters outside the input embedding and the output head."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """JSON values from which `build` makes this rung."""


class Component(BaseModel):
    """Base of the five component types: a closed, immutable configuration with a name.

    A subclass declares `kind: Literal["name"] = "name"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: str

    @property
    def label(self) -> str:
        """What messages call this component: the name that its user knows it by."""
        return self.kind

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Tiny configurations that run on a CPU in milliseconds, for probes and conformance checks."""
        return (cls.model_validate({}),)


class ModelFamily(Component):
    """A ladder of models of one architecture."""

    default_lr: ClassVar[float] = 1e-3
    """Peak learning rate used when the spec names none; it must suit every size."""
    lr_transfers: ClassVar[bool] = False
    """Whether one learning rate was shown to suit every size, as under u-muP; if not, every plan says so."""
    causal: ClassVar[bool] = False
    """Whether output t may depend on inputs up to t only; probed when True."""

    @abstractmethod
    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        """List sizes with n_min <= n_params <= n_max, strictly increasing in n_params; without torch."""

    @abstractmethod
    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        """Build one size, initialised from torch's global generator; forward takes a batch mapping."""

    def param_groups(self, module: torch.nn.Module, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Group parameters for AdamW at peak learning rate `lr`.

        `weight_decay` is the fraction by which one step at peak rate shrinks a weight (independent of lr),
        so the value handed to AdamW is `weight_decay / group_lr`.
        """
        params = [p for p in module.parameters() if p.requires_grad]
        return [{"params": params, "lr": lr, "weight_decay": weight_decay / lr}]


class BatchSource(Protocol):
    """What training asks of data; see `DataSource`."""

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield training batches without end."""
        ...

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the held-out set once."""
        ...


class DataSource(Component):
    """Training and held-out data. No evaluation unit is ever trained on."""

    def prepare(self) -> None:
        """Download, read or tokenise once, before anything else is called; one process only."""

    @abstractmethod
    def spec(self) -> DataSpec:
        """Describe the data."""

    @abstractmethod
    def probe_batch(self, batch_size: int) -> Batch:
        """Return one training batch on the CPU; always the same one."""

    @abstractmethod
    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield full training batches without end, in an order fixed by `seed`; repeats data after an epoch.

        `start_step` skips that many batches: what follows equals the tail of a run from step 0.
        """

    @abstractmethod
    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the fixed held-out set once, in the same order every time; the last batch may be short."""

    def resident(self, device: torch.device) -> BatchSource:
        """Return what yields the very same batches, made on a GPU; by default this source: batches are moved.

        Called for each trunk, by every process that trains on `device`.
        """
        return self

    def bayes_loss(self) -> float | None:
        """Return the least mean loss that any model can reach on this held-out set, nats per unit.

        None where it is not known, as for all data that nobody made up.
        """
        return None


class LossFunction(Component):
    """The training and evaluation loss."""

    @property
    def unit(self) -> str:
        """What the loss of a data unit is counted in; the name of the data unit is told behind it."""
        return "nats"

    @abstractmethod
    def __call__(self, outputs: Any, batch: Batch) -> torch.Tensor:
        """Return the mean loss over the units of the batch: a scalar in nats per unit."""

    def evaluate(self, outputs: Any, batch: Batch) -> torch.Tensor:
        """Return the loss that is reported, where training minimises another, e.g. with smoothed labels."""
        return self(outputs, batch)

    def metrics(self, outputs: Any, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Return further means over the units of the batch, e.g. `accuracy`: recorded, never fitted.

        Scalars, the same names for every batch.
        """
        return {}

    def uniform_loss(self, data: DataSpec) -> float | None:
        """Loss of a model that knows nothing, in nats per unit; None where there is no such number."""
        return None


class FlopCounter(Component):
    """Counts the training compute of one data unit."""

    @abstractmethod
    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:
        """Count forward plus backward FLOPs for one data unit (a multiply-add is 2 FLOPs)."""


class FitForm(Component):
    """How losses are turned into a law: either a `SurfaceForm` or an `Estimator`."""


class SurfaceForm(FitForm):
    """A loss surface L(N, D) that the core's estimators fit.

    `param_names`, `bounds`, `predict` and `optimum` are enough. The rest makes the fit global and fast.
    """

    param_names: ClassVar[tuple[str, ...]]
    bounds: ClassVar[tuple[tuple[float, float], ...]]
    """Allowed range of each parameter, in the order of `param_names`."""
    offset: ClassVar[str | None] = None
    """The parameter in the unit of the loss that may end at exactly 0, e.g. 'E'."""
    expected: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """What parameters are like where runs cannot tell: centre and standard deviation, of the logarithm where
    a parameter is never negative. Runs that can tell outvote it."""
    of_size: ClassVar[bool] = True
    """Whether the loss depends on N. Where it does not, the law answers losses only and asks no `optimum`."""
    batched: ClassVar[bool] = False
    """Whether `predict` and `jacobian` also take theta of shape (n_theta, batch, 1), and then return shapes
    (batch, n_runs) and (batch, n_runs, n_theta)."""

    space: Literal["log", "linear"] = "log"
    """Which residuals are made small: those of ln loss, where noise grows with the loss, or of the loss."""
    keep_far_runs_because: str = ""
    """Why runs far from the optimum must count too, where a backtest would leave them out."""

    @property
    def largest_loss(self) -> float:
        """Loss that no run exceeds, above which no interval reaches; infinite where there is no such loss."""
        return math.inf

    @abstractmethod
    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss in nats per unit, shape (n_runs,), for parameters ordered as `param_names`."""

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats | None:
        """Return dL/dtheta, shape (n_runs, n_theta), or None to let the core difference `predict`."""
        return None

    def grid(self, n_params: Floats, n_units: Floats) -> Floats | None:
        """Return values at which to look for the last parameters, those in which the loss is not linear.

        Shape (n_nonlinear, n_grid); None where the loss is not linear in the first parameters.
        """
        return None

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats | None:
        """Return what each of the first parameters multiplies, shape (n_linear, n_grid, n_runs); see `grid`.

        `nonlinear` has shape (n_nonlinear, n_grid, 1).
        """
        return None

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats | None:
        """Return parameters to start from, shape (n_starts, n_theta); None lets the core search the bounds.

        `plain` are the (E, A, B, alpha, beta) of E + A/N^alpha + B/D^beta, fitted to the same runs.
        """
        return None

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats | None:
        """Return g of L* = offset + K/C^g at the C of which N and D are the best split, C being as N·D.

        `theta` has shape (n_theta,) or (n_theta, batch), the result () or (batch,). None where the form knows
        no such exponent; else the core expects of g what published losses show, where runs cannot tell.
        """
        return None

    @abstractmethod
    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D."""


class Estimator(FitForm):
    """A fit that brings its own method from runs to a law."""

    @abstractmethod
    def fit(self, points: Any) -> Any:
        """Turn a `flops_fit.fit.Points` into a `flops_fit.fit.Law`."""
