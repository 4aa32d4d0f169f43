"""How words of a command line are read: counts as the output writes them, and what a wrong option meant."""

from __future__ import annotations

import argparse
import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flops_fit.errors import UsageError
from flops_fit.quantities import read_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OF_SUFFIX = {"tex": "latex", "md": "markdown", "txt": "text", "htm": "html"}
"""Formats by the suffix of their files."""


def quantity(text: str) -> float:
    """Read a number that may end as the output writes it: 20K, 1.5M, 2B or 2G, 1T."""
    return _read(read_quantity, text, "20000, 2e4 or 20K (K, M, B or G, T)")


def number(text: str) -> float:
    """Read a number without a suffix."""
    return _read(float, text, "2.5 or 1e3")


def share(text: str) -> float:
    """Read a part of a whole: 0.4, or 40%."""
    percent = text.endswith("%")
    return _read(lambda figure: float(figure.removesuffix("%")), text, "0.4 or 40%") / (100 if percent else 1)


def _read(read: Callable[[str], float], text: str, examples: str) -> float:
    try:
        return read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write e.g. {examples}") from None


def with_negatives(words: Sequence[str]) -> list[str]:
    """Join negative numbers to their options: argparse takes -1e20 for an option, and misses a number."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].startswith("--") and re.fullmatch(r"-\.?\d.*", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


class Parser(argparse.ArgumentParser):
    """Tells of mistakes as everything else here does: the problem, a fix and a code."""

    def __init__(self, **options: Any) -> None:
        """Take no abbreviations: a word that is almost an option may be a slip."""
        super().__init__(allow_abbrev=False, **options)

    @property
    def _command(self) -> str:
        command = self.prog.partition(" ")[2]
        return f"{command}: " if command else ""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with a command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self._command}{message}", fix=_fix(self, message), code="bad-command-line")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Raise that some words are none that this command takes.

        Raises:
            UsageError: always.
        """
        option = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
        options = {o: a.help or "" for a in self._actions for o in a.option_strings}
        meant = [f"{name} ({about})" for name, about in _meant(option, options)] if option else []
        pairs = all("=" in word and not word.startswith("-") for word in words)
        other = "join pairs by commas, e.g. --columns N=params,D=tokens" if pairs else _help(self)
        raise UsageError(
            f"{self._command}unrecognized arguments: {' '.join(words)}",
            fix=f"did you mean {' or '.join(meant)}?" if meant else other,
            code="bad-command-line",
        )


def _fix(command: argparse.ArgumentParser, message: str) -> str:
    """Name the choice that was meant where argparse lists the choices, else where to look.

    An option that takes several numbers takes a path behind them for another one.
    """
    swallowed = re.search(r"argument (\S+): '(.*?)' is no number", message)
    if swallowed and Path(swallowed[2]).exists():
        return f"put it before the options: {command.prog} {swallowed[2]} {swallowed[1]} ..."
    if swallowed and "," in swallowed[2]:
        return f"write it without commas: {swallowed[1]} {_without_commas(swallowed[2])}"
    found = re.search(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
    near = _near_choice(found[2], re.findall(r"[\w-]+", found[3])) if found else ""
    if not (found and near):
        return _help(command)
    return f"{found[1]} {near}" if found[1].startswith("-") else f"{command.prog} {near}"


def _without_commas(text: str) -> str:
    """Write 1,000,000 as one number, 1,5B with a point, and 1e18,1e19 as two."""
    is_grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?[A-Za-z]?", text)
    is_decimal = re.fullmatch(r"\d+,\d+[A-Za-z]?", text)
    return text.replace(",", "" if is_grouped else "." if is_decimal else " ").strip()


def _near_choice(word: str, choices: Sequence[str]) -> str:
    """Return the choice whose files end so, else one that holds the word, else the one spelt most like it."""
    from flops_fit.plugins.registry import nearest_name

    of_files = [choice for choice in choices if choice == _OF_SUFFIX.get(word.lower().lstrip("."))]
    holding = [choice for choice in choices if len(word) > 1 and word.lower() in choice.lower()]
    return next(iter([*of_files, *holding, nearest_name(word, choices)]))


def _help(command: argparse.ArgumentParser) -> str:
    return f"see what it takes: {command.prog} --help"


def _meant(option: str, helps: dict[str, str]) -> list[tuple[str, str]]:
    """Return the options that are spelt like this one, else those whose help uses its word."""
    close = difflib.get_close_matches(option, helps, n=1, cutoff=0.75)
    word = re.compile(rf"\b{re.escape(option.strip('-'))}s?\b", re.IGNORECASE)
    return [
        (name, about) for name, about in helps.items() if name in close or (not close and word.search(about))
    ]
