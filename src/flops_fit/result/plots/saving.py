"""Figures as files: pixels or vectors, by the suffix."""

from pathlib import Path

from matplotlib.figure import Figure

from flops_fit.errors import StoreError, unwritable
from flops_fit.result.plots.style import styled


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure to a file, whose suffix names the format, and return where.

    Raises:
        StoreError: `unknown-format` or `unwritable-file`.
    """
    target, formats = Path(path), figure.canvas.get_supported_filetypes()
    if target.suffix.lower().removeprefix(".") not in formats:
        raise StoreError(
            f"{target}: {target.suffix or 'no suffix'!r} is no format of a plot; "
            f"formats: {', '.join(sorted(formats))}.",
            fix=f"name it {target.with_suffix('.png')}",
            code="unknown-format",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with styled():
            figure.savefig(target)
    except OSError as error:
        raise unwritable(target, error) from None
    return target
