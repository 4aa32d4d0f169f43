"""What the server of `processes.py` imports before it forks; imported nowhere else."""

from contextlib import suppress

with suppress(Exception):  # the server must not end by it: who imports this itself says what is wrong
    import torch._dynamo  # noqa: F401 - an optimiser imports it when it is made

    import flops_fit.engine.trunk  # noqa: F401
