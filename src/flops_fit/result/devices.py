"""Peak FLOP/s of accelerators, as their makers state them."""

import difflib
import math
import re
from typing import NamedTuple

from flops_fit.errors import FitError


class Device(NamedTuple):
    """One accelerator; of boards with two dies that a program sees apart, one die."""

    name: str
    peak: float
    """Dense FLOP/s in bf16 with fp32 accumulation, fp16 where there is no bf16; never the sparse figure."""
    source: str


_A100 = "NVIDIA A100 datasheet"
_H100 = "NVIDIA H100 datasheet, half of the figure with sparsity"
_H200 = "NVIDIA H200 datasheet, half of the figure with sparsity"
_B200 = "NVIDIA DGX B200 datasheet, an eighth of half of the figure with sparsity"
_L40S = "NVIDIA L40S datasheet"
_L4 = "NVIDIA L4 datasheet, half of the figure with sparsity"
_ADA = "NVIDIA Ada GPU architecture whitepaper, appendix A"
_AMPERE = "NVIDIA Ampere GA102 GPU architecture whitepaper, appendix A"
_TPU = "Cloud TPU documentation, system architecture, peak compute per chip"

DEVICES = (
    Device("V100", 125e12, "NVIDIA V100 datasheet, SXM2, fp16"),
    Device("T4", 65e12, "NVIDIA T4 datasheet, fp16"),
    Device("A10", 125e12, "NVIDIA A10 datasheet"),
    Device("A100", 312e12, _A100),
    Device("H100", 989.5e12, f"{_H100}; SXM"),
    Device("H100 PCIe", 756.5e12, _H100),
    Device("H100 NVL", 835.5e12, _H100),
    Device("H200", 989.5e12, _H200),
    Device("B200", 2.25e15, _B200),
    Device("L4", 121e12, _L4),
    Device("L40S", 362e12, _L40S),
    Device("RTX 3090", 71e12, _AMPERE),
    Device("RTX 4090", 165.2e12, _ADA),
    Device("MI250X", 383e12, "AMD Instinct MI250X datasheet; both dies"),
    Device("MI300X", 1307.4e12, "AMD Instinct MI300X datasheet"),
    Device("TPU v3", 123e12, _TPU),
    Device("TPU v4", 275e12, _TPU),
    Device("TPU v5e", 197e12, _TPU),
    Device("TPU v5p", 459e12, _TPU),
    Device("TPU v6e", 918e12, _TPU),
)


def find_device(wanted: str) -> Device:
    """Return a device by name, whatever its capitals and blanks; or one of a stated peak, e.g. '9.9e14'.

    Raises:
        FitError: nobody knows the device (`unknown-device`).
    """
    names = {_plain(device.name): device for device in DEVICES}
    found = names.get(_plain(wanted))
    return found or _stated(wanted) or _unknown(wanted, list(names))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]|nvidia|geforce|sxm[0-9]*", "", name.lower())


def _stated(wanted: str) -> Device | None:
    """Read a peak FLOP/s; no device has fewer than a million."""
    try:
        peak = float(wanted)
    except ValueError:
        return None
    plausible = math.isfinite(peak) and peak >= 1e6
    return Device(f"a device of {peak:.3g} FLOP/s", peak, "stated") if plausible else None


def _unknown(wanted: str, names: list[str]) -> Device:
    near = difflib.get_close_matches(_plain(wanted), names, n=1)
    hint = next((device.name for device in DEVICES if [_plain(device.name)] == near), None)
    raise FitError(
        f"No device is called {wanted!r}; known: {', '.join(device.name for device in DEVICES)}.",
        fix=f"use {hint!r}, or give its peak FLOP/s as a number, e.g. 9.9e14"
        if hint
        else "give its peak FLOP/s as a number, e.g. 9.9e14",
        code="unknown-device",
    )
