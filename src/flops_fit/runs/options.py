"""What is said of a table: which of its columns is which, and which rows are meant."""

import re
from collections.abc import Iterable, Mapping

from flops_fit.errors import TableError, text_argument

_MUST_BE = {
    "columns": "a dict of texts, from our names to those of the table",
    "where": "a dict, from names of columns to one value each",
}
_EXAMPLES = {"columns": {"N": "params", "D": "tokens", "loss": "val_loss"}, "where": {"data": "c4"}}
_SHOWN = 60
"""Characters of a wrong argument."""


def pairs_of(text: str) -> list[tuple[str, str, str]]:
    """Split `N=params,D=tokens` into pairs, each as `str.partition` gives it.

    A comma ends a pair only if another begins behind it: names of columns may hold commas.
    """
    return [pair.partition("=") for pair in re.split(r",(?=[^,=]+=|\s*\w*\s*$)", text) if pair]


def check_options(**options: object) -> None:
    """Refuse `columns` and `where` that are no mappings, which Python lets anybody pass.

    Raises:
        TableError: one is none (`bad-columns`, `bad-where`); the fix has what was probably meant.
    """
    for name, value in options.items():
        if value is not None and not _is_mapping(name, value):
            found = repr(value)
            raise TableError(
                f"{name} must be {_MUST_BE[name]}; "
                f"found {found if len(found) <= _SHOWN else found[: _SHOWN - 3] + '...'}.",
                fix=text_argument(name, _meant(value) or _EXAMPLES[name]),
                code="bad-columns" if name == "columns" else "bad-where",
            )


def _is_mapping(name: str, value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    texts = [*value, *value.values()] if name == "columns" else [*value]
    return all(isinstance(text, str) for text in texts) and not any(map(_is_list, value.values()))


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _meant(value: object) -> dict[str, str]:
    """Read pairs in a text or a list of texts, or the first value where a dict has several; else nothing."""
    if isinstance(value, Mapping):
        return {str(key): str(next(iter(of), "")) if _is_list(of) else str(of) for key, of in value.items()}
    texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    pairs = [pair for text in texts for pair in pairs_of(str(text))]
    if not all(key.strip() and equals and found.strip() for key, equals, found in pairs):
        return {}
    return {key.strip(): found.strip() for key, _, found in pairs}
