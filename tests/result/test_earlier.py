"""What a directory held before does not answer for what it holds now, and is not lost."""

import json
import logging
from dataclasses import asdict, replace

import pytest

from flops_fit import fit_runs
from flops_fit.config import MadeFrom
from flops_fit.result.earlier import set_aside

OURS = MadeFrom(
    model="gpt",
    model_options={"c_emb": 4.0},
    data="text",
    data_options={},
    epoch=None,
    loss="cross_entropy",
    flop_counter="traced",
    training={"betas": (0.9, 0.99)},
    lr=0.5,
    lr_transfers=True,
    seeds=(0,),
    versions={"torch": "2"},
)


@pytest.fixture
def held(tmp_path):
    def hold(**changes):
        (tmp_path / "law.json").write_text(json.dumps({"made_from": asdict(OURS) | changes}))
        (tmp_path / "report.html").write_text("of that law")
        return tmp_path

    return hold


def test_the_law_of_another_sweep_is_set_aside_with_what_shows_it(held, caplog):
    out = held(data="images")
    with caplog.at_level(logging.WARNING):
        set_aside(out, OURS)
    assert not (out / "law.json").exists()
    assert (out / "earlier" / "1" / "report.html").read_text() == "of that law"
    assert "another sweep, gpt on images" in caplog.text
    held(lr=0.1)
    set_aside(out, OURS)
    assert (out / "earlier" / "2" / "law.json").exists()
    assert (out / "earlier" / "1" / "law.json").exists()


ROWS = {"class": "Rows", "n_rows": 8, "rows": "a1"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lr": 0.1}, "learning rate"),
        ({"data": "images"}, "data"),
        ({"model_options": {"c_emb": 2.0, "depth": 3}, "loss": "mse"}, "model (c_emb, depth), loss"),
        ({"training": {"betas": [0.8, 0.99]}}, "training (betas)"),
        ({"data_options": {"dataset": ROWS | {"rows": "b2"}}}, "data (rows of dataset)"),
        ({"data_options": {"dataset": ROWS | {"n_rows": 9, "rows": "b2"}}}, "data (dataset)"),
    ],
)
def test_what_makes_it_another_sweep_is_said_where_names_are_equal(held, caplog, changes, told):
    ours = replace(OURS, data_options={"dataset": ROWS})
    out = held(**{"data_options": {"dataset": ROWS}, **changes})
    with caplog.at_level(logging.WARNING):
        set_aside(out, ours)
    assert f"which differs in: {told}; it is in" in caplog.text


@pytest.mark.parametrize("changes", [{}, {"seeds": [0, 1]}, {"versions": {"torch": "9"}}])
def test_the_same_sweep_made_longer_keeps_its_law(held, changes):
    out = held(**changes)
    set_aside(out, OURS)
    assert (out / "law.json").exists()


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"made_from": null}'])
def test_what_is_no_law_of_a_sweep_stays_where_it_is(tmp_path, text):
    (tmp_path / "law.json").write_text(text)
    set_aside(tmp_path, OURS)
    assert (tmp_path / "law.json").read_text() == text


def test_where_there_is_none_nothing_happens(tmp_path):
    set_aside(tmp_path, OURS)
    assert list(tmp_path.iterdir()) == []


def table(path, *, factor=1.0, n_runs=40):
    lines = ["N,D,loss"]
    for i in range(n_runs):
        n, d = 1e6 * 2 ** (i % 5), 2e7 * 2 ** (i // 5)
        lines.append(f"{n},{d},{factor * (1.7 + 400 / n**0.34 + 410 / d**0.28)}")
    path.write_text("\n".join(lines))
    return path


def test_a_law_of_other_runs_is_set_aside_with_its_report(tmp_path, caplog):
    out, runs = tmp_path / "law", tmp_path / "runs.csv"
    fit_runs(table(runs), out=out)
    first = (out / "law.json").read_text()
    fit_runs(table(runs, factor=1.1), out=out)
    assert "held the law of other runs" in caplog.text
    assert (out / "earlier" / "1" / "law.json").read_text() == first
    assert {path.name for path in (out / "earlier" / "1").iterdir()} == {"law.json", "report.html", "plots"}
    assert (out / "report.html").exists()


def test_the_same_runs_fitted_again_with_more_of_them_take_its_place(tmp_path):
    out, runs = tmp_path / "law", tmp_path / "runs.csv"
    fit_runs(table(runs, n_runs=30), out=out)
    fit_runs(table(runs), out=out, form="chinchilla")
    assert not (out / "earlier").exists()
