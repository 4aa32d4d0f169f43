"""Conventions of counting, and how much an answer depends on them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionChange:
    """What becomes of the answer when sizes or compute are counted in another way."""

    name: str
    """The other way, e.g. 'N without embeddings'."""
    exponent_change: float
    """Its exponent of N* at the largest budget less that of the headline."""
    log_n_change: float
    """ln N* at the largest budget by it, less ln N* of the headline."""
