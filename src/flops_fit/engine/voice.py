"""One voice for a job of several processes: the main one talks, and none leaves while it does."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from flops_fit.engine.job import this_job


@contextmanager
def one_voice() -> Iterator[Callable[[str], None]]:
    """Silence every process but the main one, and yield what tells the error that ends the job.

    An error that every process meets is told by the main process, any other by whom it befell. A launcher
    ends the whole job as soon as one process exits with another status than 0, so they leave together.
    """
    stderr = sys.stderr

    def tell(message: str) -> None:
        alone = not this_job().all_arrive()
        if alone or this_job().is_main:
            print(message, file=stderr, flush=True)

    with ExitStack() as silence:
        if os.environ.get("RANK", "0") != "0":
            nowhere = silence.enter_context(Path(os.devnull).open("w"))
            silence.enter_context(redirect_stdout(nowhere))
            silence.enter_context(redirect_stderr(nowhere))
        yield tell
    this_job().all_arrive()
