"""The FLOP counter `gated_ssm`: matrix products and the recurrence, in closed form."""

from typing import Literal

from flops_fit.components import DataSource, FlopCounter, ModelFamily, Size
from flops_fit.errors import PluginError

from gated_ssm.family import GatedSsmFamily, vocabulary_of


class GatedSsmFlops(FlopCounter):
    """Counts what `traced` counts, and the recurrence, which `traced` takes for element-wise work.

    A block of width w multiplies by 3w·w and w·w matrices, and by the diagonal matrix of its w decays; the
    head by a w·V matrix. A multiply-add is 2 FLOPs forward and 4 backward, for the gradients of both factors.
    The recurrence counts once per token, whatever the scan that carries it out adds.
    """

    kind: Literal["gated_ssm"] = "gated_ssm"

    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:
        """Return 6·(layers·(4w² + w) + w·V)."""
        if not isinstance(model, GatedSsmFamily):
            raise PluginError(
                f"The FLOP counter gated_ssm counts the model gated_ssm, not {model.kind}.",
                fix="remove `flops` from the spec; the default counts any model",
                code="bad-flops",
            )
        width = int(size.options["width"])
        recurrence, head = model.n_layers * width, width * vocabulary_of(data.spec())
        return 6.0 * (size.n_params_nonembedding + recurrence + head)
