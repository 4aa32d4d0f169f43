import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, Conventions, fit_law
from flops_fit.result import ScalingResult


@pytest.fixture(scope="module")
def figure(fitted):
    figure = ScalingResult(fitted).plot()
    figure.draw_without_rendering()
    return figure


def test_four_panels_with_units_on_their_axes(figure):
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]
    assert labels == [
        ("N, parameters", "L, nats per token"),
        ("C, FLOPs", "N*, parameters"),
        ("C, FLOPs", "D*, tokens"),
        ("C, FLOPs", "L*, nats per token"),
        ("", "C, FLOPs"),
    ]


def test_the_minimum_of_every_budget_and_the_trained_range_are_marked(figure, fitted):
    entries = figure.axes[1].get_legend_handles_labels()
    by_label = dict(zip(reversed(entries[1]), reversed(entries[0]), strict=True))
    assert list(by_label["minimum of a budget"].get_xdata()) == [m.flops for m in fitted.minima]
    low, high = by_label["range trained"].get_extents().get_points()[:, 0]
    to_pixels = figure.axes[1].transData.transform
    assert (low, high) == pytest.approx([to_pixels((c, 1e6))[0] for c in fitted.flops_range])
    assert {"95% interval", "fit: valley", "second opinion: chinchilla"} <= by_label.keys()


def test_every_panel_and_text_lies_inside_the_figure(figure):
    whole = figure.bbox.padded(2)
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert whole.contains(box.x0, box.y0)
        assert whole.contains(box.x1, box.y1)


def test_what_is_bad_about_a_law_stands_on_its_plot(bad_law):
    figure = ScalingResult(bad_law).plot()
    assert figure.get_suptitle().startswith("SIMULATED - UNRELIABLE - ")
    assert figure.get_supxlabel().splitlines()[1:] == [
        "The best size lies beyond the sizes trained.",
        "4 budgets are few.",
    ]


def test_a_loss_that_nobody_declared_has_an_unknown_unit(fitted):
    imported = replace(fitted, conventions=Conventions())
    assert ScalingResult(imported).plot().axes[3].get_ylabel() == "L*, unit unknown"


def test_runs_without_budgets_are_drawn_too(sweep, tmp_path):
    runs = [replace(r, budget=None, flops=r.flops * (1 + i % 9)) for i, r in enumerate(sweep())]
    law = fit_law(runs, Chinchilla())
    assert not law.minima
    ScalingResult(law).plot().savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 20_000


def test_plotting_leaves_pyplot_alone():
    check = "import flops_fit.result.plot, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_runs_that_do_not_count_are_rings(sweep):
    runs = [replace(r, loss=r.loss * (1.1 if i == 31 else 1)) for i, r in enumerate(sweep())]
    panel = ScalingResult(fit_law(runs)).plot().axes[0]
    dots, rings = panel.collections[:2]
    assert len(dots.get_offsets()) == 62
    assert np.asarray(rings.get_offsets())[:, 0] == pytest.approx([runs[31].n_params])
    assert "rings do not count" in panel.get_title()


def test_runs_above_the_panel_are_counted_in_its_title(fitted):
    high = replace(fitted.points, loss=np.where(np.arange(63) < 2, 50.0, fitted.points.loss))
    panel = ScalingResult(replace(fitted, points=high)).plot().axes[0]
    above = int(np.sum(high.loss > panel.get_ylim()[1]))
    assert above >= 2
    assert panel.get_title() == f"IsoFLOP curves ({above} runs lie above)"


def test_losses_over_more_than_a_factor_of_five_are_labelled_down_to_the_least(known_law):
    losses = np.geomspace(0.1, 2.0, 63)
    figure = ScalingResult(replace(known_law, points=replace(known_law.points, loss=losses))).plot()
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_yticks()
    low, high = figure.axes[0].get_ylim()
    assert len(ticks[(ticks >= low) & (ticks <= high)]) >= 3
    assert min(ticks[ticks >= low]) < 0.25
