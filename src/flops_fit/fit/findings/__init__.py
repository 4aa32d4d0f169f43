"""What the reader of a fit should know. Each file answers one question about the runs, the answer or both."""

from flops_fit.fit.findings.collect import findings_of as findings_of
from flops_fit.fit.findings.outliers import ignored_runs as ignored_runs
