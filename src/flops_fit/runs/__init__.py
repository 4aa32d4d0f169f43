"""The hand-over: the engine writes runs, the fit reads them."""

from flops_fit.runs.record import Origin as Origin
from flops_fit.runs.record import RunRecord as RunRecord
from flops_fit.runs.record import Status as Status
from flops_fit.runs.store import RunStore as RunStore
