"""How pictures look: colours for every eye and for grey paper, column widths, fonts."""

from contextlib import AbstractContextManager

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm

LINE, BAND, MINIMUM, SECOND = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
"""Told apart by every kind of colour vision. Source: Okabe and Ito 2008, Color Universal Design."""
ALARM = "#B00020"
RANGE, RANGE_EDGE, GUIDE = "0.93", "0.8", "0.45"
MARKERS = ("o", "s", "^", "v", "P", "X", "<", ">", "p", "h")
"""One per budget, so that no picture depends on colours alone."""
DASHES = ("-", "--", "-.", ":")

SINGLE_COLUMN, DOUBLE_COLUMN = 3.5, 7.2
"""Inches. Source: Nature's guide to authors, 89 mm and 183 mm."""

_STYLE = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same text everywhere
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "figure.titlesize": 9.0,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.3,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "figure.dpi": 150.0,
    "savefig.dpi": 300.0,
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read aloud
    "svg.hashsalt": "flops-fit",  # the same picture gives the same file
    "pdf.fonttype": 42,
}


def styled() -> AbstractContextManager[None]:
    """Return a block within which matplotlib's settings are ours; it leaves them as it found them."""
    return rc_context(_STYLE)  # type: ignore[arg-type] # the stubs want their literal keys


def shades_of(low: float, high: float) -> ScalarMappable:
    """Map a range to colours from yellow (little) to dark blue (much), whose brightness falls evenly.

    The brightest tenth of cividis would vanish on white.
    """
    shades = LinearSegmentedColormap.from_list("amount", colormaps["cividis_r"](np.linspace(0.1, 1, 64)))
    return ScalarMappable(LogNorm(low / 1.05, high * 1.05), shades)


def literal(text: str) -> str:
    """Keep dollar signs, as in a unit, from being read as mathematics."""
    return text.replace("$", r"\$")
