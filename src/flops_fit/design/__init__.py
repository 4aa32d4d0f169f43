"""Stage 2. A SweepSpec and its Probe come in, a SweepPlan goes out: which runs to train."""

from flops_fit.design.grid import Finding as Finding
from flops_fit.design.grid import PlannedRun as PlannedRun
from flops_fit.design.grid import SweepPlan as SweepPlan
from flops_fit.design.isoflop import plan_sweep as plan_sweep
from flops_fit.design.table import describe_plan as describe_plan
from flops_fit.design.worth import check_worth_training as check_worth_training
from flops_fit.design.worth import probe_worth_training as probe_worth_training
