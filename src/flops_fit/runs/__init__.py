"""The hand-over: the engine writes runs, the fit reads them."""

from flops_fit.runs.record import Origin as Origin
from flops_fit.runs.record import RunRecord as RunRecord
from flops_fit.runs.record import Status as Status
from flops_fit.runs.store import RunStore as RunStore
from flops_fit.runs.tables import read_table as read_table
from flops_fit.runs.tables import write_table as write_table
