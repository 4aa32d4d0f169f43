"""Pictures of a law, one per file: Axes in, Axes out. `figure_of` puts one on a figure with its caption."""

from flops_fit.result.plots.backtest import draw_backtest as draw_backtest
from flops_fit.result.plots.curve import draw_curve as draw_curve
from flops_fit.result.plots.figures import figure_of as figure_of
from flops_fit.result.plots.figures import picture_names as picture_names
from flops_fit.result.plots.isoflop import draw_isoflop as draw_isoflop
from flops_fit.result.plots.path import draw_path as draw_path
from flops_fit.result.plots.residuals import draw_residuals as draw_residuals
from flops_fit.result.plots.saving import save_figure as save_figure
from flops_fit.result.plots.style import DOUBLE_COLUMN as DOUBLE_COLUMN
from flops_fit.result.plots.style import SINGLE_COLUMN as SINGLE_COLUMN
from flops_fit.result.plots.surface import draw_surface as draw_surface
from flops_fit.result.plots.training import draw_training as draw_training
from flops_fit.result.plots.training import save_curves_plot as save_curves_plot
