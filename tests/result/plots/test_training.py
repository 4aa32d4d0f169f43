"""The picture of the losses on the way."""

import json
from dataclasses import replace

import pytest

from flops_fit.cli import main
from flops_fit.errors import StoreError
from flops_fit.result.plots.training import draw_curves, save_curves_plot
from flops_fit.runs import RunRecord, RunStore
from flops_fit.runs.curves import CurvePoint

STEM = [CurvePoint("train", 1, 5.0), CurvePoint("train", 8, 4.0), CurvePoint("held_out", 8, 4.1)]
SHORT = RunRecord(
    run_id="short",
    budget=1e9,
    size="d8",
    seed=0,
    n_params=100,
    n_params_nonembedding=50,
    n_units=100,
    flops=1000.0,
    flops_6nd=1000.0,
    loss=3.5,
    n_steps=10,
    trunk="t",
    curve=(*STEM[:2], CurvePoint("train", 10, 3.6), STEM[2], CurvePoint("held_out", 10, 3.5)),
)
LONG = replace(
    SHORT,
    run_id="long",
    flops=2000.0,
    n_steps=20,
    loss=3.0,
    curve=(*STEM[:2], CurvePoint("train", 20, 3.1), STEM[2], CurvePoint("held_out", 20, 3.0)),
)


def drawn(axes):
    """The x of every line."""
    return sorted([float(x) for x in line.get_xdata()] for line in axes.lines)


def test_a_trunk_is_drawn_once_and_its_runs_fork_from_it():
    figure = draw_curves([SHORT, LONG], {run.run_id: run.curve for run in (SHORT, LONG)})
    train, held_out = figure.axes[:2]
    assert drawn(train) == [[100.0, 800.0, 2000.0], [800.0, 1000.0]]
    assert drawn(held_out) == [[800.0, 1000.0], [800.0, 2000.0]]


def test_the_ends_of_runs_are_marked_at_their_held_out_losses():
    figure = draw_curves([SHORT, LONG], {run.run_id: run.curve for run in (SHORT, LONG)})
    ends = figure.axes[1].collections[0].get_offsets()
    assert sorted(map(tuple, ends.tolist())) == [(1000.0, 3.5), (2000.0, 3.0)]


def test_the_command_draws_the_curves_of_a_directory(tmp_path, capsys):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(SHORT)
    target = tmp_path / "plots" / "curves.png"
    assert main(["plot", str(tmp_path), "--curves", "--out", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    assert target.stat().st_size > 10_000


def test_losses_are_in_the_unit_of_the_data(tmp_path, monkeypatch):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(SHORT)
    figures = []
    monkeypatch.setattr(
        "flops_fit.result.plots.training.save_figure", lambda figure, _: figures.append(figure)
    )
    save_curves_plot(tmp_path, tmp_path / "unknown.png")
    (tmp_path / "spec.json").write_text(json.dumps({"plan": {"unit": "image"}}))
    save_curves_plot(tmp_path, tmp_path / "known.png")
    units = [[ax.get_ylabel() for ax in figure.axes[:2]] for figure in figures]
    assert units == [["L, unit unknown"] * 2, ["L, nats per image"] * 2]


def test_runs_of_an_earlier_plan_in_the_same_directory_are_not_drawn(tmp_path, monkeypatch):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(replace(SHORT, plan_id="earlier"))
        store.add(replace(LONG, plan_id="present"))
    (tmp_path / "spec.json").write_text(json.dumps({"plan": {"plan_id": "present", "unit": "token"}}))
    figures = []
    monkeypatch.setattr(
        "flops_fit.result.plots.training.save_figure", lambda figure, _: figures.append(figure)
    )
    save_curves_plot(tmp_path, tmp_path / "curves.png")
    assert figures[0].get_suptitle() == "How the losses of 1 runs fell"
    assert drawn(figures[0].axes[0]) == [[100.0, 800.0, 2000.0]]


def test_a_directory_without_curves_is_told_from_one_without_runs(tmp_path):
    with pytest.raises(StoreError, match="no sweep"):
        save_curves_plot(tmp_path, tmp_path / "curves.png")
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(replace(SHORT, curve=()))
    with pytest.raises(StoreError, match="holds no curves"):
        save_curves_plot(tmp_path, tmp_path / "curves.png")
