"""The command that says what a sweep will cost before it is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flops_fit.cli.show import doing, show

if TYPE_CHECKING:
    import argparse


def estimate(args: argparse.Namespace) -> int:
    """Take a few steps of every size, and predict time, energy, price and memory of what is left."""
    from flops_fit.engine import describe_estimate
    from flops_fit.engine import estimate as estimate_spec

    doing("taking a few steps of every size, alone and side by side; this may take a minute ...")
    found = estimate_spec(args.spec, overrides=args.set, price_per_hour=args.price_per_hour)
    return show(found, args, describe_estimate)
