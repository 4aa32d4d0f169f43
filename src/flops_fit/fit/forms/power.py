"""Powers of the few N and D of a table by the many exponents of a batch."""

import numpy as np

from flops_fit.fit.arrays import Floats


def power(of: Floats, exponent: Floats) -> Floats:
    """Return of^exponent with one logarithm per run and one exponential per fit: faster than `**`."""
    result: Floats = np.exp(exponent * np.log(of))
    return result
