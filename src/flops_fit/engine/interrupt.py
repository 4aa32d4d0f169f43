"""Ctrl-C and SIGTERM as a wish: the step is finished and the state is saved before the process ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 130
"""Exit status of a process that was interrupted, as shells report Ctrl-C."""

_TOLD = (
    b"flops-fit: finishing the step; the state is saved, and the same start goes on from there "
    b"(once more ends at once)\n"
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_wish = threading.Event()
is_shown = threading.Event()
"""Set while a picture on the terminal tells of the wish; a line written past it would spoil it."""


def is_wished() -> bool:
    """Whether this process was asked to end."""
    return _wish.is_set()


@contextmanager
def heeded() -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into a wish, for what runs inside to heed; the second acts as ever.

    Python delivers signals to the main thread only; in another one this does nothing.

    Raises:
        KeyboardInterrupt: at the end, if the wish came too late for anything inside to heed it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def wish(_: int, __: FrameType | None) -> None:
        _wish.set()
        for each, handler in before.items():
            signal.signal(each, handler)
        if not is_shown.is_set():
            os.write(2, _TOLD)

    for number in _SIGNALS:
        signal.signal(number, wish)
    try:
        yield
        if _wish.is_set():
            raise KeyboardInterrupt
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        _wish.clear()


def heed_in_worker() -> None:
    """Let SIGTERM, which the parent sends, be a wish; Ctrl-C reaches the parent as well, and it decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _, __: _wish.set())
