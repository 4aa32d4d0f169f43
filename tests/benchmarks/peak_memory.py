"""Peak memory of the processes that a benchmark starts, and of those that they start."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

LOOK_S = 0.5


class Peak:
    """The most memory that any one process was seen to hold, bytes, pages that it shares included."""

    def __init__(self) -> None:
        self.bytes = 0
        self.over = threading.Event()

    def watch(self) -> None:
        """Look at every process now and then; Linux itself remembers each one's peak until it ends."""
        while not self.over.wait(LOOK_S):
            for process in psutil.Process().children(recursive=True):
                self.bytes = max(self.bytes, _held_by(process))


def _held_by(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    try:
        if not status.exists():
            return int(process.memory_info().rss)
        peaks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(peaks[0].split()[1]) if peaks else 0
    except (OSError, psutil.Error):  # it has ended
        return 0


@contextmanager
def watched() -> Iterator[Peak]:
    """Watch while what is inside runs."""
    peak = Peak()
    watcher = threading.Thread(target=peak.watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        peak.over.set()
        watcher.join()
