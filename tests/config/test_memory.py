"""What this machine says that it has left."""

import pytest

from flops_fit.config import load_spec, memory, probe, within_reach
from flops_fit.config.memory import in_words
from flops_fit.design import check_worth_training, plan_sweep
from flops_fit.errors import SpecError


def test_free_memory_is_what_the_machine_and_its_container_leave(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "LIMIT", tmp_path / "limit")
    assert memory._available_bytes() == 2_048_000
    assert memory._allowed_bytes() == float("inf")
    (tmp_path / "limit").write_text("1000\n")
    assert memory._allowed_bytes() == 1000


@pytest.mark.parametrize("budget", [1e24, 1e40])
def test_what_no_machine_here_can_hold_is_refused_before_it_is_built(budget):
    budgets = {"start": budget, "stop": 10 * budget, "count": 7}
    with pytest.raises(SpecError, match=r"lower the budgets, e\.g\. `budgets: \{start: ") as refusal:
        probe(load_spec({"model": "gpt", "data": "stdlib_text", "budgets": budgets}))
    assert refusal.value.code == "smallest-size-too-large"


def test_the_budgets_that_are_suggested_fit(monkeypatch):
    """The first size of the suggestion is built here; of its largest, `ROOM` fit into memory at once."""
    monkeypatch.setattr(memory, "host_free_bytes", lambda: 40_000_000)
    given = {"model": "gpt", "data": "stdlib_text", "budgets": {"start": 1e18, "stop": 1e19}}
    with pytest.raises(SpecError) as refusal:
        probe(load_spec(given))
    fix = refusal.value.fix
    start, stop = (float(fix.partition(f"{name}: ")[2].partition(",")[0]) for name in ("start", "stop"))
    probed = probe(load_spec(given | {"budgets": {"start": start, "stop": stop}}))
    needed = within_reach.BYTES_PER_PARAM * probed.sizes[-1].size.n_params
    assert within_reach.ROOM * needed <= 40_000_000, in_words(needed)


def test_the_budgets_that_are_suggested_suit_the_data_too():
    """A plan of them repeats no run's data too often to be trained."""
    given = {"model": "gpt", "data": "stdlib_text", "budgets": {"start": 1e24, "stop": 1e25}}
    with pytest.raises(SpecError) as refusal:
        probe(load_spec(given))
    fix = refusal.value.fix
    start, stop = (float(fix.partition(f"{name}: ")[2].partition(",")[0]) for name in ("start", "stop"))
    spec = load_spec(given | {"budgets": {"start": start, "stop": stop}})
    check_worth_training(plan_sweep(spec, probe(spec)), spec)


def test_a_least_size_that_was_asked_for_is_what_to_lower(monkeypatch):
    monkeypatch.setattr(memory, "host_free_bytes", lambda: 4_000_000)
    budgets, design = {"start": 1e12, "stop": 1e13}, {"n_min": 1e6}
    with pytest.raises(SpecError, match=r"lower `design\.n_min` \(now 1e\+06\)"):
        probe(load_spec({"model": "gpt", "data": "stdlib_text", "budgets": budgets, "design": design}))
