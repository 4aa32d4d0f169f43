"""Commands about sweeps, in the order in which a researcher meets them."""

from __future__ import annotations

import json
import sys
import warnings
from typing import TYPE_CHECKING

from flops_fit.cli.show import BROKEN, DONE, answer_kept, doing, reporter, show

if TYPE_CHECKING:
    import argparse


def demo(args: argparse.Namespace) -> int:
    """Run a real sweep on this machine, offline, in one to three minutes."""
    from flops_fit.api import run_spec
    from flops_fit.config import demo_spec

    result = run_spec(demo_spec(args.out, seeds=args.seeds), report=reporter(args))
    return answer_kept(result, args, args.out)


def plugins(args: argparse.Namespace) -> int:
    """List what is installed."""
    from flops_fit import plugins

    if not args.check:
        return show(plugins.installed(), args, plugins.describe_installed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `describe` says the same
        registry = plugins.load_plugins()
    show(registry.summary(), args, lambda _: registry.describe())
    if registry.failures or registry.conflicts():
        return BROKEN
    print("all plugins load, and no two claim the same name", file=sys.stderr)
    return DONE


def schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of a sweep spec with every plugin's options."""
    from flops_fit.config import SweepSpec

    print(json.dumps(SweepSpec.model_json_schema(), indent=2))
    return DONE


def init(args: argparse.Namespace) -> int:
    """Write a commented spec to start from, and the schema by which editors complete it."""
    from flops_fit.config import write_initial_spec

    write_initial_spec(args.out, model=args.model, data=args.data, preset=args.preset)
    print(f"wrote {args.out}; next: flops-fit check {args.out}", file=sys.stderr)
    return DONE


def check(args: argparse.Namespace) -> int:
    """Validate SPEC, probe its components and refuse what `run` would; trains nothing."""
    from flops_fit.api import check_spec

    doing(
        "building the smallest model and taking steps with it on your data; this may take half a minute ..."
    )
    print(check_spec(args.spec, overrides=args.set).describe())
    print(f"next: flops-fit plan {args.spec} (the grid, and what to know about it)", file=sys.stderr)
    return DONE


def plan(args: argparse.Namespace) -> int:
    """Print the grid, its cost and what to know about it; exit 2 where `run` would refuse it."""
    from flops_fit.api import plan_sweep
    from flops_fit.config import load_spec
    from flops_fit.design import check_worth_training, describe_plan

    spec = load_spec(args.spec, overrides=args.set)
    doing("probing every component and counting the FLOPs of every size; this may take half a minute ...")
    planned = plan_sweep(spec)
    status = show(planned, args, describe_plan)
    check_worth_training(planned, spec)
    print(f"next: flops-fit estimate {args.spec} (time, memory and price on this machine)", file=sys.stderr)
    return status


def run(args: argparse.Namespace) -> int:
    """Plan, train what is missing, fit, answer."""
    from flops_fit.api import run_spec
    from flops_fit.config import load_spec

    spec = load_spec(args.spec, overrides=args.set)
    if not args.quiet:
        doing("trying every part of the sweep before anything is trained ...")
    result = run_spec(spec, simulate=args.simulate, report=reporter(args))
    return answer_kept(result, args, result.kept or spec.output_dir)


def export(args: argparse.Namespace) -> int:
    """Write the runs of a sweep for other tools."""
    from flops_fit.api import export_runs

    print(f"{export_runs(args.dir, args.out)} runs in {args.out}", file=sys.stderr)
    return DONE
