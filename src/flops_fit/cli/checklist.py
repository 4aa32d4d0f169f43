"""The command that answers what reviewers of scaling laws ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flops_fit.cli.show import show

if TYPE_CHECKING:
    import argparse


def checklist(args: argparse.Namespace) -> int:
    """Answer the 22 questions of the (Mis)Fitting checklist from a saved law."""
    from flops_fit.result import checklist_text, load

    return show(load(args.law).checklist(), args, checklist_text)
