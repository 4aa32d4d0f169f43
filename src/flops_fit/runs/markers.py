"""Names of columns that say what their numbers are given in: millions, or a perplexity instead of a loss."""

import re
from typing import NamedTuple


class Scale(NamedTuple):
    """What the numbers of a column are given in."""

    word: str
    factor: str
    """What turns them into single ones, as it is written on paper."""


def scale_of(name: str) -> Scale | None:
    """Return the scale that a name ends in or spells out: `params_M`, `tokens (B)`, `size_in_millions`."""
    return next((scale for pattern, scale in _SCALES if pattern.search(name)), None)


def sounds_like_perplexity(name: str) -> bool:
    """Whether a column is called like a perplexity, and not like the logarithm of one."""
    return bool(_PERPLEXITY.search(name)) and not _LOGARITHM.search(name)


def _pattern(letters: str, word: str) -> re.Pattern[str]:
    """Match a mark at the end that something separates from what is before it, or the word anywhere."""
    return re.compile(rf"(?:[_\s,-]|[(\[]\s*)(?:{letters})\s*[)\]]?$|(?i:{word})")


# A single small letter may be an index, e.g. `size_m`, so only a k may be small: it means nothing else.
_SCALES = (
    (_pattern("[Kk]", "thousand"), Scale("thousands", "1e3")),
    (_pattern("M|mn|mln", "million"), Scale("millions", "1e6")),
    (_pattern("B|bn|bln", "billion"), Scale("billions", "1e9")),
    (_pattern("T|tn", "trillion"), Scale("trillions", "1e12")),
)
_PERPLEXITY = re.compile(r"ppl(?![a-z])|perplexit", re.IGNORECASE)
_LOGARITHM = re.compile(r"(?<![a-z])(?:log|ln)(?:[_\s(-]|ppl|perp)", re.IGNORECASE)
