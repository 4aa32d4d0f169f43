"""The command that tells what a code means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flops_fit.cli.show import DONE

if TYPE_CHECKING:
    import argparse


def explain(args: argparse.Namespace) -> int:
    """Print what the code of an error or a finding means and what to do; without a code, list all."""
    import flops_fit.explain as pages

    print(pages.explain(args.code) if args.code else pages.list_codes())
    return DONE
