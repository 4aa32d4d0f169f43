"""One-dimensional forms: the loss over data at one size, or over compute at the best size."""

from flops_fit.fit.curves.bnsl import Bnsl as Bnsl
from flops_fit.fit.curves.curve import Curve as Curve
from flops_fit.fit.curves.m4 import M4 as M4
from flops_fit.fit.curves.powers import M1 as M1
from flops_fit.fit.curves.powers import M2 as M2
from flops_fit.fit.curves.powers import M3 as M3
