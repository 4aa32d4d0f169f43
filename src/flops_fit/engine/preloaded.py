"""What the server of `processes.py` imports before it forks; imported nowhere else."""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent as well, and it decides

import torch._dynamo  # noqa: E402 - an optimiser imports it when it is made

import flops_fit.engine.trunk  # noqa: E402

__all__ = ["flops_fit", "torch"]
