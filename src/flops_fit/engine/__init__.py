"""Stage 3. A SweepPlan comes in, RunRecords go out: every run trained, committed and counted."""

from flops_fit.engine.console import announce as announce
from flops_fit.engine.console import console_reporter as console_reporter
from flops_fit.engine.cost import Estimate as Estimate
from flops_fit.engine.cost import estimate as estimate
from flops_fit.engine.cost_table import describe_estimate as describe_estimate
from flops_fit.engine.job import SharedStore as SharedStore
from flops_fit.engine.job import check_launch as check_launch
from flops_fit.engine.job import this_job as this_job
from flops_fit.engine.lock import sole_owner as sole_owner
from flops_fit.engine.progress import Progress as Progress
from flops_fit.engine.simulate import simulate_sweep as simulate_sweep
from flops_fit.engine.sweep import SweepSummary as SweepSummary
from flops_fit.engine.sweep import expect_workers as expect_workers
from flops_fit.engine.sweep import run_sweep as run_sweep
from flops_fit.engine.voice import one_voice as one_voice
