"""The command line: one subcommand per stage, no logic of its own."""

from flops_fit.cli.main import main as main
