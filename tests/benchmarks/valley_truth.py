"""Whether the valley's intervals hold the truth, on simulated sweeps whose truth is known.

For each kind of task, sweeps of ten budgets are simulated, fitted without the top three, and asked about the
true optimum at the top budget, one and three budgets ahead and at a hundred times the compute, about what the
budgets ahead show, and, every fifth sweep, about each inner budget left out in turn. Forecasts of a loss that
is said to accelerate make a result unreliable and are not judged. Exits 1
where any interval covers too little.

usage: python tests/benchmarks/valley_truth.py [--sweeps 20] [--only PART_OF_A_NAME]
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from flops_fit.fit.backtest import local_vertex
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.odd_slopes import about_slopes
from flops_fit.fit.points import points_of
from flops_fit.fit.valley_law import ValleyLaw, fit_valley_law
from flops_fit.quantities import Interval
from flops_fit.runs import RunRecord

Floats = NDArray[np.float64]
N_BUDGETS, N_SEEN, FAR = 10, 7, 100.0
LEAST_COVERAGE, BY_CHANCE = 90.0, 0.05
"""Percent, and how unlikely coverage below that must be if 90% were true: a few sweeps prove little."""
EVERY = 5
"""Sweeps per one whose inner budgets are left out in turn, which takes five fits."""
SIZE_STEP, REACH = 0.4, 1.6
"""e-folds of N between sizes, and from the middle of a budget's sizes to their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of task: its true loss, the scatter of ln loss, and the least budget."""

    loss: Callable[[Floats, Floats], Floats]
    noise: float
    least: float = 1e17
    trunk_correlation: float | None = None
    """Of the scatter of runs of one size at different budgets; None where every run is trained alone."""
    off_trend: tuple[float, float] = (0.0, 0.0)
    """Standard deviations of ln N* and ln L* of single budgets around the law."""

    def optimum(self, flops: float) -> tuple[float, float]:
        """Return the true N* and L* at a compute of `flops` = 6·N·D."""
        n_params = np.sqrt(flops / 6) * np.exp(np.linspace(-9, 9, 20001))
        losses = self.loss(n_params, flops / 6 / n_params)
        return float(n_params[losses.argmin()]), float(losses.min())


def power_laws(e: float, a: float, b: float, alpha: float, beta: float) -> Callable[[Floats, Floats], Floats]:
    return lambda n, d: e + a * n**-alpha + b * d**-beta


def _warming_up(n: Floats, d: Floats) -> Floats:
    """Runs so short that warm-up takes much of them: 10% worse at 3e8 units, fading as 1/D."""
    return CHINCHILLA(n, d) * (1 + 3e7 / d)


def _bending(n: Floats, d: Floats) -> Floats:
    """A law whose exponent in N falls with scale, so that the slope of ln N* drifts."""
    x = np.log(n)
    return 1.7 + 20 * np.exp(-0.25 * x + 0.003 * (x - 16) ** 2) + 2085 * d**-0.3658


def _error_rate(n: Floats, d: Floats) -> Floats:
    """A share of errors, near 1 for the smallest runs and steep later."""
    strength = power_laws(0.02, 6e2, 3e4, 0.45, 0.5)(n, d)
    return strength / (1 + strength)


CHINCHILLA = power_laws(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
"""Besiroglu et al. 2024, arXiv:2404.10102."""
STEEP = {floor: power_laws(floor, 3e3, 1e5, 0.6, 0.6) for floor in (0.0, 0.1, 1.0)}
TASKS = {
    "chinchilla": Task(loss=CHINCHILLA, noise=0.003),
    "chinchilla, noisy": Task(loss=CHINCHILLA, noise=0.01),
    "trunks, unrelated": Task(loss=CHINCHILLA, noise=0.01, trunk_correlation=0.0),
    "trunks as measured": Task(loss=CHINCHILLA, noise=0.01, trunk_correlation=0.34),
    "trunks, alike": Task(loss=CHINCHILLA, noise=0.01, trunk_correlation=0.7),
    "off the trend": Task(loss=CHINCHILLA, noise=0.003, off_trend=(0.1, 0.003)),
    "warm-up": Task(loss=_warming_up, noise=0.003, least=1e16),
    "bending": Task(loss=_bending, noise=0.003),
    "steep, no floor": Task(loss=STEEP[0.0], noise=0.005, least=1e13),
    "steep, noisy": Task(loss=STEEP[0.0], noise=0.02, least=1e13),
    "steep, low floor": Task(loss=STEEP[0.1], noise=0.005, least=1e13),
    "steep, floor, noisy": Task(loss=STEEP[1.0], noise=0.02, least=1e13),
    "error rate": Task(loss=_error_rate, noise=0.01, least=1e13),
}


UNRELIABLE = "told unreliable"


class Covered(NamedTuple):
    """Whether one interval held something, and half its width on the log scale."""

    what: str
    held: bool
    half_width: float

    @property
    def of_loss(self) -> bool:
        return self.what.endswith(("L*", "best run"))


def sweep(task: Task, rng: np.random.Generator) -> tuple[RunRecord, ...]:
    """Simulate a sweep whose sizes lie around the true optimum as well as a researcher can guess it.

    Sizes come from one ladder, so that each passes through several budgets; with trunks, its luck does too.
    """
    off, ladder = rng.normal(0, 0.3), rng.uniform(0, SIZE_STEP) + np.arange(0, 40, SIZE_STEP)
    shared, records = rng.normal(size=len(ladder)), list[RunRecord]()
    for flops in task.least * np.geomspace(1, 10 ** ((N_BUDGETS - 1) / 3), N_BUDGETS):
        near = np.flatnonzero(np.abs(ladder - np.log(task.optimum(flops)[0]) - off) <= REACH)
        sizes, luck = np.exp(ladder[near]), rng.normal(size=len(near))
        if task.trunk_correlation is not None:
            luck *= np.sqrt(1 - task.trunk_correlation)
            luck += np.sqrt(task.trunk_correlation) * shared[near]
        moved, raised = task.off_trend * rng.normal(size=2)
        shown = sizes * np.exp(-moved)
        losses = task.loss(shown, flops / 6 / shown) * np.exp(raised + task.noise * luck)
        for rung, n_params, loss in zip(near, sizes, losses, strict=True):
            trunk = "" if task.trunk_correlation is None else f"trunk {rung}"
            records.append(_run(len(records), n_params, flops, loss, trunk))
    return tuple(records)


def _run(i: int, n_params: float, flops: float, loss: float, trunk: str) -> RunRecord:
    return RunRecord(
        run_id=f"run {i:03}",
        budget=float(flops),
        size=f"{n_params:.3g}",
        seed=0,
        n_params=float(n_params),
        n_params_nonembedding=None,
        n_units=float(flops / 6 / n_params),
        flops=float(flops),
        flops_6nd=float(flops),
        loss=float(loss),
        trunk=trunk,
    )


def judge(task: Task, runs: Sequence[RunRecord], *, inner: bool) -> Iterator[Covered]:
    """Judge one sweep: the fit of its lower budgets, and on demand that of all but one of them."""
    budgets = budgets_of(points_of(runs))
    flops = [b.flops for b in budgets]
    seen = [r for r in runs if r.budget in flops[:N_SEEN]]
    law = fit_valley_law(points_of(seen))
    accelerates = any(f.code == "accelerating-loss" for f in about_slopes(law))
    yield Covered(UNRELIABLE, accelerates, 0.0)
    yield from (c for c in _forecasts(law, task, budgets) if not (accelerates and c.of_loss))
    for i in range(1, N_SEEN - 1) if inner else ():
        rest = fit_valley_law(points_of([r for r in seen if r.budget != flops[i]]))
        yield from _against_truth("inner", rest, task, flops[i])


def _forecasts(law: ValleyLaw, task: Task, budgets: Sequence[Budget]) -> Iterator[Covered]:
    top = budgets[N_SEEN - 1].flops
    for where, flops in (
        ("top", top),
        ("1 ahead", budgets[N_SEEN].flops),
        ("3 ahead", budgets[N_SEEN + 2].flops),
        ("far", FAR * top),
    ):
        yield from _against_truth(where, law, task, flops)
    for budget in budgets[N_SEEN:]:
        answer, vertex = law.optimum(budget.flops), local_vertex(budget)
        if vertex is not None:
            yield _covered("shown N*", answer.n_params.interval, float(np.exp(vertex)))
        yield _covered("shown best run", answer.loss.interval, float(np.exp(budget.log_loss.min())))


def _against_truth(where: str, law: ValleyLaw, task: Task, flops: float) -> Iterator[Covered]:
    n_params, loss = task.optimum(flops)
    answer = law.optimum(flops)
    yield _covered(f"{where} N*", answer.n_params.interval, n_params)
    yield _covered(f"{where} L*", answer.loss.interval, loss)


def _covered(what: str, interval: Interval, value: float) -> Covered:
    return Covered(what, value in interval, float(np.log(interval.high / interval.low) / 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=20)
    parser.add_argument("--only", default="", metavar="PART_OF_A_NAME")
    arguments = parser.parse_args()
    figures, missed = {}, []
    for name, task in TASKS.items():
        if arguments.only not in name:
            continue
        rng = np.random.default_rng(1)
        found = [
            c for i in range(arguments.sweeps) for c in judge(task, sweep(task, rng), inner=i % EVERY == 0)
        ]
        print(f"{name} (loss falls as C^{_slope(task):.2f} at the top)")
        figures[name] = {}
        for what in {c.what: 0 for c in found}:
            each = [c for c in found if c.what == what]
            share = 100 * float(np.mean([c.held for c in each]))
            half_width = float(np.exp(np.median([c.half_width for c in each])))
            figures[name][what] = {"percent": share, "half_width": half_width, "n": len(each)}
            low = what != UNRELIABLE and is_low([c.held for c in each])
            missed += [f"{name}: {what}"] * low
            print(
                f"  {what:16s} {share:5.1f} % of {len(each):3d}  half-width x {half_width:6.3f}", "LOW" * low
            )
    print(json.dumps({"benchmark": "valley_truth", "figures": figures, "missed": missed}))
    return int(bool(missed))


def is_low(held: Sequence[bool]) -> bool:
    """Whether so few intervals held the truth that 90% of all such intervals cannot."""
    return float(bdtr(sum(held), len(held), LEAST_COVERAGE / 100)) < BY_CHANCE


def _slope(task: Task) -> float:
    top = task.least * 10 ** ((N_SEEN - 1) / 3)
    losses = [task.optimum(top * around)[1] for around in (0.8, 1.25)]
    return float(np.log(losses[1] / losses[0]) / np.log(1.25 / 0.8))


if __name__ == "__main__":
    sys.exit(main())
