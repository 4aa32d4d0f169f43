"""The command: `flops-fit-conformance NAME ...` runs the suite in a pytest of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

DESCRIPTION = "Check installed flops-fit plugins against every clause of the plugin contract."
EPILOG = "Everything else is handed to pytest, e.g. -k check_ladder, -x, --collect-only -q."
SETTINGS = Path(__file__).with_name("pytest.ini")


def main() -> int:
    """Run the suite for the plugins named on the command line; return pytest's exit status."""
    parser = argparse.ArgumentParser("flops-fit-conformance", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("plugin", nargs="*", help="name of an installed plugin (its entry point)")
    parser.add_argument("--list", action="store_true", help="print every clause, and check nothing")
    args, to_pytest = parser.parse_known_args()
    if args.list:
        return _list()
    plugins = [part for name in args.plugin for part in ("--flops-fit-plugin", name)]
    # Settings of our own: those of the project that the command is called in are about its own tests.
    command = [sys.executable, "-m", "pytest", "-c", str(SETTINGS), "--pyargs", "flops_fit_conformance"]
    return subprocess.run([*command, *plugins, *to_pytest], check=False).returncode  # noqa: S603 - our own


def _list() -> int:
    from flops_fit_conformance.checks import describe_checks

    sys.stdout.write(describe_checks() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
