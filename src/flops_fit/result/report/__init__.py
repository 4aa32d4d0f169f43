"""The report: one HTML file that needs neither network nor script, the answer first."""

from flops_fit.result.report.page import report_html as report_html
from flops_fit.result.report.page import write_report as write_report
