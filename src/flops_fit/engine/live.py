"""A sweep as a live picture at the bottom of a terminal; what else is told scrolls by above it."""

import time
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flops_fit.engine import interrupt
from flops_fit.engine.progress import BudgetProgress, Progress
from flops_fit.engine.words import outcome, progress_line, time_left
from flops_fit.runs.record import RunRecord

REFRESHES_PER_S = 2
_LINES = 6
"""Of the picture without its budgets, with some room above."""
_WIDEST = 100


class LivePicture:
    """Draws how far a sweep is; starts anew for each, such as trials of learning rates and what follows."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._started_at = self._told_at = time.monotonic()
        self._told: RunRecord | None = None
        self._progress: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show `progress`; when the sweep has ended, leave one line."""
        self._progress, self._told_at = progress, time.monotonic()
        if self._live is None and not progress.ended:
            self._start()
        last = progress.last
        if last is not None and last is not self._told and last.status != "completed":
            self._told = last
            self._console.print(Text(outcome(last)), soft_wrap=True)
        if progress.ended:
            self._stop()
            self._console.print(Text(progress_line(progress)), soft_wrap=True)

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._live = Live(
            get_renderable=self.picture,
            console=self._console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
        )
        interrupt.is_shown.set()
        self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            interrupt.is_shown.clear()

    def picture(self) -> RenderableType:
        """Return the picture of this moment, no wider and no higher than the terminal."""
        progress = self._progress
        if progress is None:
            return Text()
        lines: list[RenderableType] = list(self._lines(progress))
        if self._console.height >= _LINES + len(progress.budgets):
            lines.append(_budgets(progress.budgets))
        return Group(*lines)

    def _lines(self, progress: Progress) -> Iterator[RenderableType]:
        width = min(self._console.width, _WIDEST)
        share = progress.flops_done / progress.flops_total if progress.flops_total else 1.0
        counts = [f"{progress.done}/{progress.total} runs", f"{progress.running} running"]
        counts += [f"{progress.failed} without a loss"] if progress.failed else []
        yield _line(f"{', '.join(counts)} | {progress.flops_done:.3g} of {progress.flops_total:.3g} FLOPs")
        bar = Table.grid()  # which ends its row; a bar alone does not
        bar.add_row(ProgressBar(total=1.0, completed=share, width=width, complete_style="green"))
        yield bar
        yield _line(
            " | ".join([f"{_clock(time.monotonic() - self._started_at)} so far", self._left(progress)])
        )

    def _left(self, progress: Progress) -> str:
        if interrupt.is_wished():
            return "saving after this step (Ctrl-C again ends at once)"
        if progress.eta_s is None:
            return "time left is known after the first run"
        return time_left(progress, since_s=time.monotonic() - self._told_at)


def _budgets(budgets: tuple[BudgetProgress, ...]) -> Table:
    """Return one row per budget: how far it is, and its best run."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("FLOPs", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("least loss", justify="right", no_wrap=True)
    table.add_column("by", overflow="ellipsis", no_wrap=True)
    for budget in budgets:
        best = budget.best
        table.add_row(
            f"{budget.budget:.2e}",
            f"{budget.done}/{budget.total}",
            "" if best is None else f"{best.loss:.4f}",
            Text("" if best is None else f"{best.size} ({best.n_params:.3g} parameters)"),
        )
    return table


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"
