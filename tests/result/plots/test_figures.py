"""Every picture of every kind of law: what stands on it, that nothing is cut off, and what is refused."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from flops_fit.cli import main
from flops_fit.errors import FitError
from flops_fit.fit import Conventions, fit_law
from flops_fit.result import ScalingResult
from flops_fit.result.plots import DOUBLE_COLUMN, SINGLE_COLUMN, draw_path, figure_of, picture_names
from flops_fit.result.plots.residuals import residuals_of
from flops_fit.result.plots.surface import draw_surface

KINDS = ("valley", "surface", "average", "of a plugin", "curve over data", "curve over compute")


@pytest.mark.parametrize("width", [SINGLE_COLUMN, pytest.param(DOUBLE_COLUMN, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "kind",
    [
        "valley",
        "average",
        "curve over data",
        *(
            pytest.param(kind, marks=pytest.mark.nightly)
            for kind in ("surface", "of a plugin", "curve over compute")
        ),
    ],
)
def test_every_picture_of_every_law_fits_on_its_figure(laws, kind, width):
    law = laws[kind]
    # Nobody registered the plugin's law, so nobody can fit it again; to fit surfaces again takes seconds.
    names = set(picture_names(law)) - (
        {"backtest"} if kind in {"of a plugin", "surface", "average"} else set()
    )
    for name in sorted(names):
        figure = figure_of(law, name, width=width)
        figure.draw_without_rendering()
        whole = figure.bbox.padded(3)
        boxes = [ax.get_tightbbox() for ax in figure.axes] + [
            text.get_window_extent() for text in (figure._suptitle, figure._supxlabel)
        ]
        assert figure.get_figwidth() == width
        for box in boxes:
            assert whole.contains(box.x0, box.y0), name
            assert whole.contains(box.x1, box.y1), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_axis_names_its_quantity_and_unit(laws, kind):
    for name in set(picture_names(laws[kind])) - {"backtest", "overview"}:
        for ax in figure_of(laws[kind], name).axes:
            for label in (ax.get_xlabel(), ax.get_ylabel()):
                assert label == "" or ", " in label


@pytest.fixture(scope="module")
def figure(fitted):
    figure = ScalingResult(fitted).plot()
    figure.draw_without_rendering()
    return figure


def test_the_overview_has_four_panels(figure):
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]
    assert labels == [
        ("N, parameters", "L, nats per token"),
        ("", "C, FLOPs"),
        ("C, FLOPs", "N*, parameters"),
        ("C, FLOPs", "D*, tokens"),
        ("C, FLOPs", "L*, nats per token"),
    ]


def test_minima_trained_range_and_extrapolation_are_marked(figure, fitted):
    handles, names = figure.axes[2].get_legend_handles_labels()
    by_label = dict(zip(names, handles, strict=True))
    assert list(by_label["minimum of a budget"].get_xdata()) == [m.flops for m in fitted.minima]
    low, high = by_label["range trained"].get_extents().get_points()[:, 0]
    to_pixels = figure.axes[2].transData.transform
    assert (low, high) == pytest.approx([to_pixels((c, 1e6))[0] for c in fitted.flops_range])
    ahead = by_label["extrapolated"].get_xdata()
    assert (ahead[0], ahead[-1]) == pytest.approx((fitted.flops_range[1], 10 * fitted.flops_range[1]))
    assert {"valley, 95% band", "second: chinchilla"} <= by_label.keys()


def test_the_optimum_of_each_budget_is_drawn_with_its_interval(fitted):
    panel = figure_of(fitted, "isoflop").axes[0]
    drawn = [container.lines for container in panel.containers]
    assert len(drawn) == len(fitted.minima)
    for (point, _, (bar,)), minimum in zip(drawn, fitted.minima, strict=True):
        best = fitted.headline.optimum(minimum.flops)
        assert point.get_xydata()[0] == pytest.approx((best.n_params.value, best.loss.value))
        interval = best.n_params.interval
        assert bar.get_segments()[0][:, 0] == pytest.approx([interval.low, interval.high])


def test_curves_are_heavy_within_the_window_that_places_the_minimum(fitted):
    lines = [line for line in figure_of(fitted, "isoflop").axes[0].lines if len(line.get_xdata()) > 2]
    for thin, heavy in zip(lines[::2], lines[1::2], strict=True):
        assert heavy.get_linewidth() > thin.get_linewidth()
        assert set(heavy.get_xdata()) <= set(thin.get_xdata())
    best = fitted.headline.optimum(fitted.minima[0].flops).n_params.value
    assert np.abs(np.log(lines[1].get_xdata() / best)).max() <= 1.3


def ticks_of_the_bar(law):
    bar = figure_of(law, "isoflop").axes[1].yaxis
    low, high = bar.get_view_interval()
    return [float(tick) for tick in bar.get_majorticklocs() if low <= tick <= high]


def test_the_colour_bar_names_every_budget_or_round_computes_in_even_steps(fitted, monkeypatch):
    assert ticks_of_the_bar(fitted) == pytest.approx([m.flops for m in fitted.minima])
    crowded = (1e15, 1.01e15, *(minimum.flops for minimum in fitted.minima[1:]))
    monkeypatch.setattr("flops_fit.result.plots.isoflop.budgets_shown", lambda _: crowded)
    steps = np.diff(np.log(ticks_of_the_bar(fitted)))
    assert len(steps) >= 1
    assert steps == pytest.approx(steps[0])


def labels_of_the_surface(law):
    panel = figure_of(law, "surface").axes[0]
    return panel, np.array([text.get_position() for text in panel.texts])


def test_labels_of_a_surface_keep_from_its_edges_its_runs_and_each_other(fitted):
    panel, places = labels_of_the_surface(fitted)
    assert len(places) >= 4
    assert np.all((places > 0.05) & (places < 0.95))
    runs = (panel.transScale + panel.transLimits).transform(panel.collections[-2].get_offsets())
    others = [np.vstack([runs, np.delete(places, i, axis=0)]) for i in range(len(places))]
    apart = [
        np.linalg.norm((place - other) / (2, 1), axis=1).min()
        for place, other in zip(places, others, strict=True)
    ]
    assert min(apart) > 0.03


def test_the_legend_of_a_surface_hides_nothing_of_it(fitted):
    figure = figure_of(fitted, "surface")
    figure.draw_without_rendering()
    panel = figure.axes[0]
    assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1


def test_the_frontier_begins_where_the_law_does(fitted):
    """Below its least budget a valley knows next to nothing: its interval would fill the corner."""
    low = replace(fitted.points, flops=np.where(np.arange(63) < 1, 1e13, fitted.points.flops))
    panel = figure_of(replace(fitted, points=low), "surface").axes[0]
    assert min(line.get_xdata().min() for line in panel.lines) == pytest.approx(fitted.flops_range[0])
    assert panel.get_xlim()[0] < 1e13


def test_data_per_parameter_is_that_of_the_table(fitted):
    line = figure_of(fitted, "ratio").axes[0].lines[0]
    p = ScalingResult(fitted).predict(fitted.flops_range[1])
    assert line.get_ydata()[-1] == pytest.approx(p.n_units / p.n_params)


def test_what_is_bad_about_a_law_stands_on_every_picture(bad_law):
    for name in set(picture_names(bad_law)) - {"backtest"}:
        figure = figure_of(bad_law, name)
        assert figure.get_suptitle().startswith("SIMULATED - UNRELIABLE - ")
        caption = " ".join(figure.get_supxlabel().split())
        assert caption.endswith("The best size lies beyond the sizes trained. 4 budgets are few.")


def test_the_caption_of_the_overview_names_the_panels_in_which_a_mark_means_something(fitted):
    caption = " ".join(figure_of(fitted, "overview").get_supxlabel().split())
    over_n, _, over_c = caption.removeprefix("First panel, over N. ").partition(" Other panels, over C. ")
    assert over_n.count("Diamonds: N* and L* by the law") == over_n.count("Diamonds") == 1
    assert over_c.count("Diamonds: the minimum that each budget shows") == over_c.count("Diamonds") == 1


def test_a_loss_that_nobody_declared_has_an_unknown_unit(fitted):
    imported = replace(fitted, conventions=Conventions())
    assert figure_of(imported, "loss").axes[0].get_ylabel() == "L*, unit unknown"


def test_a_unit_with_dollar_signs_is_no_mathematics(fitted, tmp_path):
    hostile = replace(fitted, unit="$\\frac<b>", conventions=Conventions(loss_unit="$x_{$"))
    svg = ScalingResult(hostile).save_plot(tmp_path / "hostile.svg").read_text()
    assert "$x_{$" in svg
    assert "$\\frac&lt;b&gt;" in svg


def test_runs_that_do_not_count_are_rings_and_counted(sweep):
    runs = [replace(r, loss=r.loss * (1.1 if i == 31 else 1)) for i, r in enumerate(sweep())]
    figure = figure_of(fit_law(runs), "isoflop")
    *dots, rings = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert sum(len(d.get_offsets()) for d in dots) == 62
    assert np.asarray(rings.get_offsets())[:, 0] == pytest.approx([runs[31].n_params])
    assert "Rings: runs that do not count (1)." in " ".join(figure.get_supxlabel().split())


def test_runs_above_the_picture_are_counted_in_its_caption(fitted):
    high = replace(fitted.points, loss=np.where(np.arange(63) < 2, 50.0, fitted.points.loss))
    figure = figure_of(replace(fitted, points=high), "isoflop")
    above = int(np.sum(high.loss > figure.axes[0].get_ylim()[1]))
    assert above >= 2
    assert f"Runs of higher loss above the picture: {above}." in " ".join(figure.get_supxlabel().split())


def test_losses_over_more_than_a_factor_of_five_are_labelled_down_to_the_least(known_law):
    losses = np.geomspace(0.1, 2.0, 63)
    law = replace(known_law, points=replace(known_law.points, loss=losses))
    panel = figure_of(law, "isoflop").axes[0]
    low, high = panel.get_ylim()
    ticks = panel.get_yticks()
    assert len(ticks[(ticks >= low) & (ticks <= high)]) >= 3
    assert min(ticks[ticks >= low]) < 0.25


def test_residuals_are_those_of_the_runs(known_law):
    panels = figure_of(known_law, "residuals").axes
    expected = 100 * (
        known_law.points.loss
        / [
            float(known_law.headline.isoflop_curve(np.array([n]), c)[0])
            for n, c in zip(known_law.points.n_params, known_law.points.flops, strict=True)
        ]
        - 1
    )
    for panel, x in zip(panels, ("n_params", "n_units", "flops"), strict=True):
        drawn = np.asarray(panel.collections[0].get_offsets())
        assert drawn[:, 0] == pytest.approx(getattr(known_law.points, x))
        assert drawn[:, 1] == pytest.approx(np.clip(expected, *np.array(panel.get_ylim()) / 1.08), abs=1e-6)


def test_residuals_of_runs_at_many_computes_are_interpolated_closely(laws):
    law = laws["surface"]
    rng = np.random.default_rng(0)
    flops = np.exp(rng.uniform(*np.log(law.flops_range), len(law.points)))
    many = replace(law.points, flops=flops, loss=np.ones(len(flops)))
    drawn = residuals_of(replace(law, points=many)).percent
    exact = [
        100 * (1 / law.headline.isoflop_curve(np.array([n]), c)[0] - 1)
        for n, c in zip(many.n_params, many.flops, strict=True)
    ]
    assert len(np.unique(flops)) > 60
    assert drawn == pytest.approx(np.array(exact), abs=0.02)


def test_axes_of_the_caller_are_drawn_into_and_returned(fitted):
    mine = Figure().add_subplot()
    assert draw_path(mine, fitted, answer="n_params") is mine
    assert mine.get_ylabel() == "N*, parameters"


def test_a_picture_that_a_law_has_not_is_refused_with_those_it_has(laws):
    with pytest.raises(FitError, match="no picture 'curve' of this law; pictures: overview, isoflop, size"):
        ScalingResult(laws["valley"]).plot("curve")
    with pytest.raises(FitError, match="no picture 'isoflop' of the curve 'm2'; pictures: overview, curve,"):
        ScalingResult(laws["curve over data"]).plot("isoflop")
    with pytest.raises(FitError, match="too few to set any aside") as caught:
        ScalingResult(laws["of a plugin"]).plot("backtest")
    assert caught.value.code == "no-hindsight"


def test_drawing_leaves_pyplot_alone():
    check = "import flops_fit.result.plots, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_settings_of_the_caller_survive_a_picture(known_law):
    before = rcParams.copy()
    figure_of(known_law, "size")
    assert rcParams.copy() == before


def test_the_same_law_gives_the_same_svg(known_law, tmp_path):
    first, second = (
        ScalingResult(known_law).save_plot(tmp_path / name, "size").read_text().split("</metadata>")[1]
        for name in ("a.svg", "b.svg")
    )
    assert first == second


def test_the_command_draws_a_picture_at_a_columns_width(known_law, fitted, tmp_path, capsys):
    ScalingResult(fitted).save(tmp_path)
    target = tmp_path / "residuals.svg"
    command = ["plot", str(tmp_path), "--picture", "residuals", "--width", "single", "--out", str(target)]
    assert main(command) == 0
    assert 'width="252pt"' in target.read_text()
    assert main(["plot", str(tmp_path), "--picture", "nonsense"]) == 2
    assert "no picture 'nonsense'" in capsys.readouterr().err


class Flat:
    """A law by which every size reaches the same loss."""

    def __init__(self, law):
        self.law = law

    def __getattr__(self, name):
        return getattr(self.law, name)

    def isoflop_curve(self, n_params, flops):
        return np.full_like(n_params, 2.0)


def test_a_surface_without_slope_is_drawn_all_the_same(laws):
    law = laws["valley"]
    draw_surface(Figure().subplots(), replace(law, headline=Flat(law.headline)))
