"""One process per sweep directory."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from flops_fit.engine.job import this_job
from flops_fit.errors import StoreError

NAME = "sweep.lock"


@contextmanager
def sole_owner(directory: Path) -> Iterator[None]:
    """Keep processes of other jobs from training into `directory`.

    The operating system lets go of the lock when its process ends, however it ends; what the file says is
    only for the message. Within one process it may be held several times over.

    Raises:
        StoreError: `directory-in-use`, or `store-not-writable`.
    """
    with ExitStack() as held:
        this_job().on_main(lambda: _hold(directory, held))
        yield


def _hold(directory: Path, held: ExitStack) -> None:
    path = directory / NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout as error:
        raise _in_use(directory, path) from error
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened or written ({error.strerror or error}).",
            fix=f"make {str(directory)!r} a directory that you may write to, or name another output_dir",
            code="store-not-writable",
        ) from error
    held.callback(lock.release)
    with suppress(OSError):
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}")


def _in_use(directory: Path, path: Path) -> StoreError:
    owner = ""
    with suppress(OSError):
        owner = path.read_text()
    return StoreError(
        f"{directory} is in use by {owner or 'another process'}, which trains this sweep.",
        fix="wait until it has ended, or end it; or name another output_dir",
        code="directory-in-use",
    )
