"""Would the answer be another one if sizes or compute were counted in another way?"""

from collections.abc import Iterator

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.conventions import ConventionChange, convention_changes
from flops_fit.fit.points import Points

_LARGE = 0.02
"""Change of the exponent from which on the convention must be quoted with it."""
_FAR = 0.1
"""Change of ln N* that is worth a word."""
_LEAST = 0.0005
"""Change of either that is not printed as none."""
_MANY = 0.2
"""Share of a model in embeddings and output head from which on small models are counted at large."""


def about_counting(points: Points) -> Iterator[Finding]:
    """Yield at most one finding: how the exponent and N* at the largest budget depend on conventions.

    Source: Pearce and Song 2024, arXiv:2406.12907, and Porian et al. 2024, arXiv:2406.19146, who trace the
    difference between published exponents to conventions.
    """
    changes = [change for change in convention_changes(points) if _shows(change)]
    if not changes:
        return
    largest = max(abs(change.exponent_change) for change in changes)
    share = _largest_share_of_embeddings(points)
    moved = max(abs(change.log_n_change) for change in changes)
    if largest > _LARGE or share > _MANY or moved > _FAR:
        yield Finding(
            code="counting-matters",
            severity="warning" if largest > _LARGE else "info",
            message=f"With {'; with '.join(map(_worded, changes))}.",
            action="name the convention with each number that you quote; compare within one only",
            value=largest,
            threshold=_LARGE,
        )


def _shows(change: ConventionChange) -> bool:
    return max(abs(change.exponent_change), abs(change.log_n_change)) >= _LEAST


def _largest_share_of_embeddings(points: Points) -> float:
    shares = 1 - points.n_params_nonembedding / points.n_params
    known = shares[np.isfinite(shares)]
    return float(known.max()) if len(known) else 0.0


def _worded(change: ConventionChange) -> str:
    size = np.expm1(change.log_n_change)
    counted = " (all parameters counted both times)" if "embeddings" in change.name else ""
    exponent = change.exponent_change
    return f"{change.name} the exponent of N* changes by {exponent:+.3f}, N*{counted} by {size:+.1%}"
