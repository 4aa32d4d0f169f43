"""How processes begin: with everything imported, in the environment of now, and part of no job."""

import os
import signal
import sys

import process_parts
import pytest

from flops_fit.engine.processes import begin, get_ready, told_at_start

only_where_forked = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def told(*names):
    process, pipe = begin(process_parts.tell, *names)
    answer = pipe.recv()
    process.join()
    assert process.exitcode == 0
    return answer


@only_where_forked
def test_a_process_begins_with_everything_imported_and_no_gpu_touched():
    get_ready()
    answer = told()
    assert answer["modules"] == {"torch._dynamo", "flops_fit.engine.trunk"}
    assert answer["touched a GPU"] is False


@only_where_forked
def test_only_new_processes_are_deaf_to_ctrl_c():
    assert told()["deaf to Ctrl-C"] is True
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_process_has_the_environment_of_now(monkeypatch):
    """Also where it is forked from a server that began under another one."""
    monkeypatch.setenv("FLOPS_FIT_TEST", "before")
    assert told("FLOPS_FIT_TEST")["environment"] == {"FLOPS_FIT_TEST": "before"}
    monkeypatch.setenv("FLOPS_FIT_TEST", "after")
    assert told("FLOPS_FIT_TEST")["environment"] == {"FLOPS_FIT_TEST": "after"}
    monkeypatch.delenv("FLOPS_FIT_TEST")
    assert told("FLOPS_FIT_TEST")["environment"] == {"FLOPS_FIT_TEST": None}


def test_a_process_is_no_part_of_the_job_of_its_parent(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert told("WORLD_SIZE")["environment"] == {"WORLD_SIZE": None}


def test_a_new_process_keeps_its_memory_unless_the_user_says_how(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    with told_at_start():
        assert "glibc.malloc.trim_threshold" in os.environ["GLIBC_TUNABLES"]
    assert "GLIBC_TUNABLES" not in os.environ
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=3")
    with told_at_start():
        assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.check=3"
