"""Two processes train as one does, or the check named for it says how they do not."""

from pathlib import Path

import lopsided
import pytest

from flops_fit_conformance.breach import verdict
from flops_fit_conformance.checks.processes import check_two_processes_train_as_one
from flops_fit_conformance.sweeps import sweep_of


@pytest.mark.nightly
def test_a_model_that_two_processes_train_otherwise_is_caught(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(lopsided.__file__).parent))
    assert verdict(check_two_processes_train_as_one, sweep_of) is None
    breach = verdict(check_two_processes_train_as_one, lambda: sweep_of(model=lopsided.Lopsided()))
    assert breach is not None
    assert "the training loss differs by up to" in str(breach)
