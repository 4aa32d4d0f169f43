"""FLOP counters: `traced` runs a model on shapes alone and counts; `6nd` is the textbook estimate."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from flops_fit.components import DataSource, FlopCounter, ModelFamily, Size
from flops_fit.config.on_meta import batch_on_meta, built_on_meta
from flops_fit.errors import PluginError

ROWS = 2
"""Rows traced: batch normalisation refuses to train on one, and the count is linear in the rows."""


class TracedFlops(FlopCounter):
    """Counts the matrix products and convolutions of one training step, run on shapes alone.

    Forward and backward run on torch's `meta` device, where attention is counted in full and alike on every
    machine. Element-wise work, normalisation, lookups and copies count nothing.
    """

    kind: Literal["traced"] = "traced"
    free_ops: tuple[str, ...] = ()
    """Operations that you declare to cost nothing, e.g. ["aten.cumsum"]."""

    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:
        """Count forward plus backward FLOPs for one data unit (a multiply-add is 2 FLOPs).

        Raises:
            PluginError: `unknown-op` names operations of unknown cost; `untraceable-model` when the model
                cannot run without values.
        """
        from flops_fit.builtin.tracing import trace_step

        spec = data.spec()
        module = built_on_meta(partial(model.build, size, spec))
        trace = trace_step(module, batch_on_meta(data.probe_batch(ROWS)), free_ops=self.free_ops)
        if trace.unknown:
            raise _unknown_ops(trace.unknown, self.free_ops, f"{model.kind} {size.name}") from trace.failure
        if trace.failure is not None:
            raise _untraceable(trace.failure, f"{model.kind} {size.name}") from trace.failure
        return trace.flops / (ROWS * spec.units_per_sample)


class SixND(FlopCounter):
    """Counts 6 FLOPs per parameter and unit.

    Attention is ignored and lookups count as matrix products, which is off by a factor of up to four
    below 1e7 parameters.
    Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1.
    """

    kind: Literal["6nd"] = "6nd"

    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:  # noqa: ARG002
        """Return 6·N."""
        return 6.0 * size.n_params


_OTHER_COUNTERS = "write `flops: {kind: 6nd}` for the textbook estimate, or install a FLOP counter plugin"


def _unknown_ops(names: Sequence[str], free: Sequence[str], model: str) -> PluginError:
    plural = "s" if len(names) > 1 else ""
    return PluginError(
        f"{model} uses operation{plural} whose FLOPs are not known: {', '.join(names)}; counting 0 would "
        "shift every budget.",
        fix=f"where the cost is negligible say so with `flops: {{kind: traced, free_ops: "
        f"[{', '.join([*free, *names])}]}}`; otherwise {_OTHER_COUNTERS}",
        code="unknown-op",
    )


def _untraceable(failure: Exception, model: str) -> PluginError:
    return PluginError(
        f"{model} cannot be counted on shapes alone: {type(failure).__name__}: {failure}",
        fix="make forward independent of tensor values (no .item(), no boolean indexing), or "
        f"{_OTHER_COUNTERS}",
        code="untraceable-model",
    )
