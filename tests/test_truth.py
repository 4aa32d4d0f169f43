"""The check against the truth says what is off, by how much, and refuses where nobody knows."""

import json
import math
from dataclasses import replace

import pytest

from flops_fit.cli import main
from flops_fit.config import TRUTHS, load_spec, truth_spec
from flops_fit.errors import SpecError
from flops_fit.fit import Estimate
from flops_fit.quantities import Interval
from flops_fit.runs import RunStore
from flops_fit.truth import AHEAD, Truth, check_truth, describe_truths, train_ahead

FOUND = Truth(
    data="synthetic_language",
    model="gpt",
    seed=3,
    floor=3.0,
    least=3.1,
    irreducible=Estimate(value=3.01, interval=Interval(2.98, 3.03)),
    flops=3e9,
    predicted=Estimate(value=3.06, interval=Interval(3.04, 3.08)),
    n_params=5e3,
    trained=3.05,
)


def test_a_fit_that_holds_the_truth_misses_nothing():
    assert FOUND.missed == ()
    assert FOUND.floor_error == pytest.approx(0.01)
    assert FOUND.loss_error == pytest.approx(3.06 / 3.05 - 1)


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"floor": 2.97, "irreducible": Estimate(value=3.01, interval=Interval(2.9, 3.1))}, ["+0.040 nats"]),
        ({"floor": 2.979}, ["+0.031 nats", "leaves the floor out"]),
        ({"floor": 3.031}, ["leaves the floor out"]),
        ({"trained": 3.0}, ["+2.00%", "leaves the model trained there out"]),
        ({"trained": 3.09}, ["leaves the model trained there out"]),
        ({"predicted": Estimate(value=3.0, interval=Interval(2.9, 3.1))}, ["-1.64%"]),
    ],
)
def test_each_miss_is_told(changed, missed):
    found = replace(FOUND, **changed)
    assert len(found.missed) == len(missed)
    assert all(part in told for part, told in zip(missed, found.missed, strict=True))


def test_the_table_tells_misses_beneath_it():
    table = describe_truths([FOUND, replace(FOUND, seed=4, floor=3.031)]).splitlines()
    assert [line.split()[-1] for line in table[1:3]] == ["ok", "MISSED"]
    assert "3.0100 (2.9800 to 3.0300)" in table[1]
    assert table[3:] == [
        "synthetic_language, seed 4: the interval of the irreducible loss leaves the floor out"
    ]


def test_data_without_a_known_floor_is_refused_before_anything_is_trained(tmp_path):
    spec = load_spec(
        {"model": "gpt", "data": "stdlib_text", "budgets": [1e9, 2e9], "allow_thin_sweep": True}
        | {"output_dir": tmp_path}
    )
    with pytest.raises(SpecError, match="nobody knows the least loss"):
        check_truth(spec)
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_a_preset_is_refused_with_the_next_name(tmp_path):
    with pytest.raises(SpecError, match="There is no sweep of 'synthetic_languag'") as raised:
        truth_spec("synthetic_languag", tmp_path, seed=0)
    assert raised.value.fix == "use 'synthetic_language'"


@pytest.mark.parametrize("source", TRUTHS)
def test_every_preset_is_a_sweep_whose_floor_is_known_and_depends_on_the_seed(tmp_path, source):
    floors = [truth_spec(source, tmp_path, seed=seed).data.bayes_loss() for seed in (0, 0, 1)]
    assert 0 < floors[0] == floors[1] != floors[2] > 0


def tiny(out):
    """A sweep on a language of 32 tokens that trains in seconds and is far too small to be right."""
    return {
        "model": "gpt",
        "data": {"kind": "synthetic_language", "vocabulary": 32, "length": 12, "lags": [1], "eval_rows": 64},
        "budgets": {"start": 4e7, "stop": 3.2e8, "count": 7},
        "design": {"sizes_per_budget": 3, "min_steps": 10, "window": 4, "units_per_param": 10},
        "training": {"batch_size": 8, "audit": 0, "workers": 1},
        "fit": "chinchilla",
        "output_dir": str(out),
    }


def test_the_model_ahead_is_the_rung_next_to_the_size_wanted_and_is_trained_once(tmp_path):
    spec = load_spec(tiny(tmp_path))
    n_params, loss = train_ahead(spec, 2e8, 2300.0, trained=(1280.0, 4096.0))
    with RunStore(tmp_path / "ahead" / "runs.sqlite", read_only=True) as store:
        (run,) = store.read()
    assert (run.size, run.n_params, run.loss) == ("d12-L1", n_params, loss)
    assert run.flops == pytest.approx(2e8, rel=0.01)
    assert spec.data.bayes_loss() < loss < math.log(32)
    assert train_ahead(spec, 2e8, 2300.0, trained=(1280.0, 4096.0)) == (n_params, loss)
    with RunStore(tmp_path / "ahead" / "runs.sqlite", read_only=True) as store:
        assert store.read() == (run,)


@pytest.mark.nightly
def test_the_command_trains_a_sweep_and_a_model_ahead_and_compares(tmp_path, capsys):
    (tmp_path / "spec.json").write_text(json.dumps(tiny(tmp_path / "out")))
    status = main(["selftest", "truth", str(tmp_path / "spec.json"), "--quiet", "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert found["flops"] == pytest.approx(AHEAD * 3.2e8)
    assert 0 < found["floor"] < found["trained"]
    assert status == (1 if found["missed"] else 0)


@pytest.mark.nightly
@pytest.mark.parametrize("source", TRUTHS)
def test_a_sweep_on_data_of_known_floor_finds_the_truth(tmp_path, source):
    found = check_truth(truth_spec(source, tmp_path, seed=0))
    assert found.missed == (), describe_truths([found])
