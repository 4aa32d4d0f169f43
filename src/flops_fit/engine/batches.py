"""What the loop asks of a batch: its rows, the units that its loss is a mean over, a copy on the device."""

import torch

from flops_fit.components import Batch


def n_rows(batch: Batch) -> int:
    """Count the rows."""
    return len(next(iter(batch.values())))


def counted_units(batch: Batch, units_per_sample: int = 1) -> int:
    """Count the units that the mean loss of `batch` is a mean over: integer labels of -100 do not count."""
    labels = batch.get("labels")
    if labels is None or labels.is_floating_point():
        return n_rows(batch) * units_per_sample
    return int((labels != -100).sum())


def on_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on `device`."""
    if device.type == "cpu":
        return batch
    return {name: _moved(tensor, device) for name, tensor in batch.items()}


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    if device.type == "cuda" and tensor.is_cpu:  # from pinned memory the copy does not wait for the device
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
