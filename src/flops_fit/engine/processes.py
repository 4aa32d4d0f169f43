"""Processes that train or time runs: each computes on one thread and ends with its parent.

On Linux they are forked from a server that has imported PyTorch and its compiler, which every optimiser
needs. That takes seconds of a core, and is done once per sweep instead of once per process. Elsewhere forking
is not safe, nor is it for a process that will use a GPU; there each is started from nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import ModuleType

from flops_fit.config.device import process_state

_AT_START = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432"
    ":glibc.malloc.trim_threshold=1073741824:glibc.malloc.top_pad=67108864",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What a process reads from its environment once, when it starts.

The first lets it keep the memory that a step frees, in huge pages, instead of asking for it again in the next
one. Steps of a GPT of width 64 on 4096 tokens take 6 to 10% less CPU time so. The second keeps NumPy from
starting threads, which forking would lose.

Source: https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
"""

_LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""Variables by which a launcher tells a process that it is one of several."""


def begin(work: Callable[..., None], *args: object) -> tuple[BaseProcess, Connection]:
    """Start a process that calls `work(pipe, *args)`; return it, and this end of the pipe."""
    context = _context()
    ours, theirs = context.Pipe()
    process = context.Process(  # type: ignore[attr-defined]
        target=_alone, args=(dict(os.environ), work, theirs, *args), name="flops-fit worker"
    )
    with _main_hidden(), _deaf_to_ctrl_c(), told_at_start():
        process.start()
    theirs.close()  # the new process now holds the only copy, so its death is seen as the end of the pipe
    return process, ours


def get_ready() -> None:
    """Start the server, if there is one, so that it imports while this process does something else."""
    if _forks():
        from multiprocessing import forkserver

        _context()  # says what the server imports
        with _main_hidden(), _deaf_to_ctrl_c(), told_at_start():
            forkserver.ensure_running()


@contextmanager
def told_at_start() -> Iterator[None]:
    """Tell new processes what they read when they start, unless the user has settings of their own."""
    mine = {name: value for name, value in _AT_START.items() if name not in os.environ}
    os.environ |= mine
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep a new process from running the user's script again, which would start the sweep again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let new processes begin, and stay, deaf to Ctrl-C: it reaches this one as well, which decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # to start it later would end the deafness
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forks() -> bool:
    return sys.platform == "linux" and str(process_state().device.type) == "cpu"


def _context() -> BaseContext:
    if not _forks():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["flops_fit.engine.preloaded"])
    return context


# ---- inside the new process


def _alone(environment: dict[str, str], work: Callable[..., None], pipe: Connection, *args: object) -> None:
    """Work in the parent's environment, but alone, whatever job the parent belongs to; end with it."""
    os.environ.clear()  # the server's are as old as the server
    os.environ |= {name: value for name, value in environment.items() if name not in _LAUNCHED}
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(pipe, *args)


def _end_with_parent() -> None:
    """End this process when the parent is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
