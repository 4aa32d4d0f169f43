"""Whether what a table gives for data are optimizer steps, which say nothing without the size of a batch."""

from flops_fit.design.grid import Finding
from flops_fit.errors import text_argument
from flops_fit.runs.columns import Columns
from flops_fit.runs.guesses import step_counter, units_of_steps


def step_findings(columns: Columns) -> tuple[Finding, ...]:
    """Return the finding `steps-as-data` where the column of D is called like a count of steps.

    It is an error where compute is 6·N·D, which is then wrong too.
    """
    steps = step_counter([columns.called("n_units")])
    if steps is None:
        return ()
    has_compute = "flops" in columns.places
    wrong = "D* and D/N are" if has_compute else "D*, D/N and the compute of 6·N·D are"
    return (
        Finding(
            code="steps-as-data",
            severity="warning" if has_compute else "error",
            message=f"D is column {steps!r}, which is called like a count of steps; D must be units of data, "
            f"e.g. tokens. {wrong} wrong by the units of a step.",
            action=f"add a column tokens = {units_of_steps(steps, columns.names)} to the table and name it: "
            + text_argument("columns", {"D": "tokens"}),
        ),
    )
