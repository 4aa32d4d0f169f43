"""How much memory the largest model of a sweep needs, and whether this machine has it."""

from __future__ import annotations

from dataclasses import dataclass

from flops_fit.components import Size
from flops_fit.config.device import process_state
from flops_fit.config.memory import host_free_bytes, in_words
from flops_fit.config.on_meta import built_on_meta
from flops_fit.config.spec import SweepSpec
from flops_fit.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What the largest size of a sweep asks of its device: the GPU, or else the machine."""

    size: str
    """The largest."""
    state_bytes: int
    """Its weights, gradients and moments, counted."""
    peak_bytes: int
    """Most that a process held while it trained it, measured: activations, data and Python included."""
    processes: int
    """Side by side."""
    free_bytes: int
    """What the device had free before."""

    @property
    def needed_bytes(self) -> int:
        """Memory of all processes if each trains the largest size."""
        return self.processes * self.peak_bytes

    def check(self) -> None:
        """Refuse a sweep that does not fit.

        Raises:
            TrainingError: `out-of-memory`.
        """
        if self.needed_bytes > self.free_bytes:
            raise out_of_memory(
                f"A process that trains {self.size} takes {in_words(self.peak_bytes)}; {self.processes} side "
                f"by side take {in_words(self.needed_bytes)} of {in_words(self.free_bytes)} free"
            )


def check_states(size: Size, spec: SweepSpec, *, processes: int) -> int:
    """Return the bytes that training `size` holds for sure; refuse it if that alone is too much.

    Raises:
        TrainingError: `out-of-memory`.
    """
    needed, free = state_bytes(size, spec), free_bytes()
    if processes * needed > free:
        raise out_of_memory(
            f"The weights, gradients and moments of {size.name} take {in_words(needed)}; {processes} such "
            f"models side by side do not fit into {in_words(free)} free"
        )
    return needed


def state_bytes(size: Size, spec: SweepSpec) -> int:
    """Count the bytes of weights, buffers, gradients and AdamW's two moments."""
    module = built_on_meta(lambda: spec.model.build(size, spec.data.spec()))
    weights = [*module.parameters(), *module.buffers()]
    trained = [param for param in module.parameters() if param.requires_grad]
    return sum(t.nbytes for t in weights) + 3 * sum(t.nbytes for t in trained)


def free_bytes() -> int:
    """Return how much memory the device of this process has free: a GPU, or what this machine lets us use."""
    if (device := process_state().device).type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    return host_free_bytes()


def out_of_memory(what: str) -> TrainingError:
    """Return the error about a sweep that does not fit into memory."""
    return TrainingError(
        f"{what}: memory runs out.",
        fix="lower training.workers or training.batch_size, or leave out the largest sizes with design.n_max",
        code="out-of-memory",
    )
