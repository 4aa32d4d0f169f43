"""The hand-over: the engine writes runs, the fit reads them."""

from flops_fit.runs.audit import Audit as Audit
from flops_fit.runs.audit import audit_findings as audit_findings
from flops_fit.runs.ended import NO_LOSS as NO_LOSS
from flops_fit.runs.export import write_table as write_table
from flops_fit.runs.layouts import LAYOUTS as LAYOUTS
from flops_fit.runs.record import Origin as Origin
from flops_fit.runs.record import RunRecord as RunRecord
from flops_fit.runs.record import Status as Status
from flops_fit.runs.rows import TABLES as TABLES
from flops_fit.runs.rows import DataFrame as DataFrame
from flops_fit.runs.speed import Speed as Speed
from flops_fit.runs.speed import measured_speed as measured_speed
from flops_fit.runs.store import RUNS_FILE as RUNS_FILE
from flops_fit.runs.store import SPEC_FILE as SPEC_FILE
from flops_fit.runs.store import RunStore as RunStore
from flops_fit.runs.tables import Table as Table
from flops_fit.runs.tables import load_table as load_table
from flops_fit.runs.tables import read_table as read_table
