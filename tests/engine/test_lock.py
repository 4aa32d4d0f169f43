"""Two processes on one directory."""

import subprocess
import sys

import pytest

from flops_fit.engine.lock import sole_owner
from flops_fit.errors import StoreError

OWN = """
import os, sys
from pathlib import Path
from flops_fit.engine.lock import sole_owner
from flops_fit.errors import StoreError
try:
    with sole_owner(Path(sys.argv[1])):
        os._exit(7)  # like a kill: nothing is cleaned up
except StoreError as error:
    print(error.code, error.problem)
"""


def in_another_process(directory):
    command = [sys.executable, "-c", OWN, str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_second_process_is_told_who_trains_here_and_a_dead_one_blocks_nobody(tmp_path):
    import os

    with sole_owner(tmp_path), sole_owner(tmp_path):  # a process may hold it more than once
        refused = in_another_process(tmp_path)
    assert refused.stdout.startswith("directory-in-use")
    assert f"in use by process {os.getpid()} on " in refused.stdout
    assert in_another_process(tmp_path).returncode == 7
    with sole_owner(tmp_path):
        pass


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match="cannot be opened or written") as error,
        sole_owner(tmp_path / "file"),
    ):
        pass
    assert error.value.code == "store-not-writable"
