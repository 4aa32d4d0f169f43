"""Commands for authors of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flops_fit.cli.show import DONE

if TYPE_CHECKING:
    import argparse


def new_plugin(args: argparse.Namespace) -> int:
    """Write a plugin to start from: a model family that trains, with its FLOP counter."""
    from flops_fit import plugins

    print(plugins.new_plugin(args.name, args.directory).describe())
    return DONE
