"""How words of a command line are read: counts as the output writes them, and what a wrong option meant."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}


def quantity(text: str) -> float:
    """Read a number that may end as the output writes it: 20K, 1.5M, 2B or 2G, 1T."""
    try:
        number, scale = re.fullmatch(r"(.*?)([KMGBT]?)", text.strip().upper(), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
        return float(number) * _SCALES[scale]
    except ValueError:
        message = f"{text!r} is no number; write e.g. 20000, 2e4 or 20K (K, M, B or G, T)"
        raise argparse.ArgumentTypeError(message) from None


def about_unknown(command: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """Say which words a command does not take, and which option the first of them may have meant."""
    told = f"unrecognized arguments: {' '.join(words)}"
    option = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
    if not option:
        return told
    near = _meant(option, {o: a.help or "" for a in command._actions for o in a.option_strings})  # noqa: SLF001 - argparse lists its options nowhere else
    meant = "".join(f"\ndid you mean {name} ({about})?" for name, about in near)
    return f"{told}{meant}\n{command.prog} --help lists all options"


def _meant(option: str, helps: dict[str, str]) -> list[tuple[str, str]]:
    """Return the options that are spelt like this one, else those whose help uses its word."""
    close = difflib.get_close_matches(option, helps, n=1, cutoff=0.75)
    word = re.compile(rf"\b{re.escape(option.strip('-'))}s?\b", re.IGNORECASE)
    return [
        (name, about) for name, about in helps.items() if name in close or (not close and word.search(about))
    ]
