"""The least loss on an IsoFLOP curve of any surface, for any FLOP counter."""

from collections.abc import Callable

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Allocation

_REACH, _STEPS = 25.0, 201
"""e-folds of N to either side of N = D that are scanned, and at how many sizes."""


def search_optimum(
    loss: Callable[[Floats, Floats], Floats], flops: float, flops_per_unit: Callable[[float], float]
) -> Allocation:
    """Return the best split of `flops`: the lowest point of a wide scan over ln N, polished.

    Args:
        loss: The surface, from arrays of N and D to losses.
        flops: Training compute, FLOPs.
        flops_per_unit: FLOPs that one data unit costs a model of N parameters.
    """
    from scipy.optimize import minimize_scalar

    def at(log_n: Floats) -> Floats:
        n_params = np.exp(log_n)
        n_units = flops / np.array([flops_per_unit(float(n)) for n in n_params])
        with np.errstate(over="ignore"):  # a surface may well be infinite where nobody would train
            return np.nan_to_num(loss(n_params, n_units), nan=np.inf)

    scan = np.log(flops / 6.0) / 2 + np.linspace(-_REACH, _REACH, _STEPS)
    lowest, step = scan[int(np.argmin(at(scan)))], scan[1] - scan[0]
    best = minimize_scalar(
        lambda log_n: float(at(np.array([log_n]))[0]),
        bounds=(lowest - step, lowest + step),
        method="bounded",
        options={"xatol": 1e-10},
    )
    n_params = float(np.exp(best.x))
    return Allocation(n_params=n_params, n_units=flops / flops_per_unit(n_params))
