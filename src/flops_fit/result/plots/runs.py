"""What pictures of one law ask of it again and again."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit import Optimum, ScalingLaw
from flops_fit.fit.findings import ignored_runs


def without_say(law: ScalingLaw) -> NDArray[np.bool_]:
    """Mark the runs left out before the fit or ignored by it, which are drawn as rings; shape (n_runs,)."""
    ignored = ignored_runs(law.points, law.headline)
    return np.array([run_id in ignored for run_id in law.points.run_ids])


@lru_cache(maxsize=128)
def optimum_at(law: ScalingLaw, flops: float) -> Optimum:
    """Return the optimum at a compute, remembered: the pictures of a report share most computes."""
    return law.headline.optimum(flops)
