"""The precision of a sweep follows from its spec and the device."""

import subprocess
import sys

import pytest
import torch

from flops_fit.config.device import process_state, resolve_precision
from flops_fit.config.training import TrainingSpec


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_that_is_written_down_is_kept(precision):
    assert resolve_precision(TrainingSpec(precision=precision)) == precision


def test_auto_is_fp32_unless_a_gpu_has_bf16():
    expected = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
    assert resolve_precision(TrainingSpec()) == expected
    assert process_state().device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_variable_that_keeps_accelerate_on_the_cpu_is_heeded(monkeypatch):
    code = "from flops_fit.config.device import process_state as p; print(p().device.type, p()._cpu)"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["cpu", "True"]
