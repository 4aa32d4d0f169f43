"""Powers of the few N and D of a table by the many exponents of a batch, and what their sums do along C."""

import numpy as np

from flops_fit.fit.arrays import Floats


def power(of: Floats, exponent: Floats) -> Floats:
    """Return of^exponent with one logarithm per run and one exponential per fit: faster than `**`."""
    result: Floats = np.exp(exponent * np.log(of))
    return result


def joint_exponent(alpha: Floats, beta: Floats) -> Floats:
    """Return g of A/N^alpha + B/D^beta = K/C^g where C = k·N·D is split to the least sum.

    Source: Hoffmann et al. 2022, arXiv:2203.15556, equation 4.
    """
    joint: Floats = alpha * beta / (alpha + beta)
    return joint
