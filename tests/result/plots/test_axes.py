"""Axes that can be read."""

from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from flops_fit.result.plots.axes import count_axis, flops_axis
from flops_fit.result.plots.style import styled
from flops_fit.result.plots.surface import about_surface

PANELS = [(3, 7.2), (2, 7.2), (1, 3.5), (1, 7.2)]


def boxes_of_labels(axis_of, low, ratio, n_panels, width):
    """Return where the labels of the x axis of one of some panels are, in points."""
    with styled():
        figure = Figure(figsize=(width, 0.8 * width / n_panels), layout="constrained")
        for i in range(n_panels):
            ax = figure.add_subplot(1, n_panels, i + 1)
            ax.scatter([low, low * ratio], [-0.2, 0.2])
            axis_of(ax.xaxis)
        figure.draw_without_rendering()
        ends = ax.get_xlim()
        shown = [tick.label1 for tick in ax.xaxis.get_major_ticks() if ends[0] <= tick.get_loc() <= ends[1]]
        return sorted(((b := text.get_window_extent()).x0, b.x1) for text in shown)


@pytest.mark.parametrize(("n_panels", "width"), PANELS)
@pytest.mark.parametrize("ratio", [1.3, 2.5, 4, 9, 25, 70, 200, 1000])
def test_labels_never_touch_and_there_are_two_to_read_a_scale_by(n_panels, width, ratio):
    for axis_of, low in (
        (lambda axis: count_axis(axis, "N"), 1.1e7),
        (lambda axis: count_axis(axis, "N"), 6e7),
        (flops_axis, 3.3e19),
    ):
        boxes = boxes_of_labels(axis_of, low, ratio, n_panels, width)
        assert len(boxes) >= 2
        assert all(left[1] < right[0] for left, right in pairwise(boxes))


def test_a_loss_whose_unit_nobody_knows_is_captioned_without_one(laws):
    law = laws["valley"]
    unknown = replace(law, conventions=replace(law.conventions, loss_unit="unknown"))
    assert next(iter(about_surface(unknown))).startswith("Lines of equal loss by")
    known = replace(law, conventions=replace(law.conventions, loss_unit="bits per byte"))
    assert next(iter(about_surface(known))).startswith("Lines of equal loss (bits per byte) by")
