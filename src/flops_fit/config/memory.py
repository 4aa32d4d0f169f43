"""How much memory this machine has left."""

import os
from contextlib import suppress
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says how much memory a container may use."""


def host_free_bytes() -> int:
    """Return how much memory, of the machine and not of its GPU, a process here may still use."""
    return int(min(_available_bytes(), _allowed_bytes()))


def in_words(n_bytes: float) -> str:
    """Format bytes, e.g. 1.4 GB."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.3g} {unit}"
    return f"{n_bytes / 1e3:.3g} kB"


def _available_bytes() -> int:
    """Return what can be had without swapping; where the system does not say, all there is."""
    with suppress(OSError):
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _allowed_bytes() -> float:
    with suppress(OSError, ValueError):  # no such file, or "max"
        return int(LIMIT.read_text())
    return float("inf")
