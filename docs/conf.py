"""How Sphinx builds the documentation: `uv run --group docs sphinx-build -W docs dist/docs`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "extensions"))

project = "flops-fit"
author = "the flops-fit developers"
html_title = "flops-fit"
html_theme = "furo"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_argparse_cli",
    "options",
]
exclude_patterns = ["tutorials/first-plugin/**"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath", "colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def _whole_first_line(_app, what, _name, _obj, _options, lines):  # noqa: ANN001, ANN202 - Sphinx's own signature
    """Keep napoleon from taking `Units: tokens in a row` for the type of an attribute."""
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "")


def setup(app):  # noqa: ANN001, ANN201 - Sphinx's own signature
    """Come before napoleon (priority 500)."""
    app.connect("autodoc-process-docstring", _whole_first_line, priority=400)
