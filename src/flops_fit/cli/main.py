"""What every command shares: exit status, errors and warnings as one message each, interruption.

Exit status: 0 done; 1 `plugins --check` or `selftest` found something broken; 2 something the user must
change, be it one of several budgets; 3 numbers shown but marked UNRELIABLE, or answers that were asked for
marked NOT SUPPORTED; 130 interrupted; 141 nobody reads on.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from flops_fit.cli.arguments import read
from flops_fit.cli.show import CUT_SHORT, INTERRUPTED, USER_ERROR
from flops_fit.errors import FlopsFitError, UsageError, speaking_to_command_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        args = read(argv)
    except UsageError as error:
        print(f"flops-fit: {error}", file=sys.stderr)
        return USER_ERROR
    warnings.showwarning = _warn
    try:
        with speaking_to_command_line(), _voice() as tell:
            status = _status_of(args, tell)
        sys.stdout.flush()
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            print("flops-fit: interrupted; nothing is lost, the same command goes on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads, such as `head`, has enough; Python would complain again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_SHORT
    return status


def _status_of(args: argparse.Namespace, tell: Callable[[str], None]) -> int:
    try:
        status: int = args.run(args)
    except FlopsFitError as error:  # ours: one message; anything else keeps its traceback
        if args.debug:
            raise
        tell(f"flops-fit: {error}")
        return USER_ERROR
    return status


def _voice() -> AbstractContextManager[Callable[[str], None]]:
    """Return what tells errors: on standard error, and under a launcher once for all processes."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return nullcontext(lambda message: print(message, file=sys.stderr))
    from flops_fit.engine import one_voice

    return one_voice()


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line: the place in our code that raised it helps nobody here."""
    print(f"flops-fit: warning: {message}", file=sys.stderr)
