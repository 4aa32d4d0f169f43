"""The core's loss surfaces, one per file."""

from flops_fit.fit.forms.bounded import Bounded as Bounded
from flops_fit.fit.forms.ces import Ces as Ces
from flops_fit.fit.forms.chinchilla import Chinchilla as Chinchilla
from flops_fit.fit.forms.data_constrained import DataConstrained as DataConstrained
from flops_fit.fit.forms.gadre import Gadre as Gadre
from flops_fit.fit.forms.kappa import Kappa as Kappa
