"""What an error or a finding means: its section of docs/reference/errors.md, which every wheel carries."""

import difflib
import re
import textwrap
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from flops_fit.errors import FlopsFitError

_SECTION = re.compile(r"^## ([a-z0-9-]+)\n\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def explain(code: str) -> str:
    """Return what `code` means and what to do about it.

    Raises:
        FlopsFitError: `unknown-code`.
    """
    sections = _sections()
    code = code.rpartition("#")[2]  # an address, as messages of earlier versions gave it, is as good
    if code not in sections:
        near = difflib.get_close_matches(code, sections, n=1, cutoff=0.75)
        raise FlopsFitError(
            f"no error or finding has the code {code!r}.",
            fix=f"flops-fit explain {near[0]}" if near else "flops-fit explain (lists all codes)",
            code="unknown-code",
        )
    return f"{code}\n\n{sections[code]}"


def list_codes() -> str:
    """Return every code with the beginning of what it means, one per line."""
    sections = _sections()
    width = max(map(len, sections))
    return "\n".join(
        f"{code.ljust(width)}  {textwrap.shorten(text, 80, placeholder=' ...')}"
        for code, text in sorted(sections.items())
    )


def _sections() -> dict[str, str]:
    return {
        code: text.strip().replace("\\*", "*")
        for code, text in _SECTION.findall(_page().read_text(encoding="utf-8"))
    }


def _page() -> Traversable:
    """Return the page of errors: package data of a wheel, and in a source tree the documentation's own."""
    packaged = resources.files("flops_fit") / "errors.md"
    return packaged if packaged.is_file() else Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
