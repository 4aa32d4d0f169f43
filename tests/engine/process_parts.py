"""What a new process does in the tests of `processes.py`; imported by name there."""

import os
import signal
import sys
import threading

import torch


def tell(pipe, *names):
    """Send how this process came about, and what its environment says."""
    pipe.send(
        {
            "modules": set(sys.modules) & {"torch._dynamo", "flops_fit.engine.trunk"},
            "threads": threading.active_count(),
            "touched a GPU": torch.cuda.is_initialized(),
            "deaf to Ctrl-C": signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            "environment": {name: os.environ.get(name) for name in names},
        }
    )
