"""Whether the valley's intervals hold the truth, on simulated sweeps whose truth is known.

For each kind of task, sweeps of nine budgets are simulated, fitted without the top two, and asked about
those, about a hundred times the compute, and about each inner budget left out in turn. Prints the coverage
of the true optimum and of what the next sweep shows. Forecasts of a loss that is said to accelerate are not
judged. Exits 1 where any interval covers less than 85%.

usage: python tests/benchmarks/valley_truth.py [--sweeps 6]
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.backtest import local_vertex
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.odd_slopes import about_slopes
from flops_fit.fit.points import points_of
from flops_fit.fit.valley_law import ValleyLaw, fit_valley_law
from flops_fit.quantities import Interval
from flops_fit.runs import RunRecord

Floats = NDArray[np.float64]
N_BUDGETS, N_SEEN, FAR = 9, 7, 100.0
LEAST_COVERAGE = 85.0
OF_LOSS = {"next L*", "next best run", "far L*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of task: its true loss, the scatter of ln loss, and the least budget."""

    loss: Callable[[Floats, Floats], Floats]
    noise: float
    least: float = 1e17
    n_sizes: int = 8

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
TASKS = {
    "chinchilla": Task(loss=CHINCHILLA, noise=0.003),
    "chinchilla, noisy": Task(loss=CHINCHILLA, noise=0.01),
    "warm-up": Task(loss=_warming_up, noise=0.003, least=1e16),
    "bending": Task(loss=_bending, noise=0.003),
    "steep, no floor": Task(loss=power_laws(0.0, 3e3, 1e5, 0.6, 0.6), noise=0.005, least=1e13),
    "steep, noisy": Task(loss=power_laws(0.0, 3e3, 1e5, 0.6, 0.6), noise=0.02, least=1e13),
    "steep, with floor": Task(loss=power_laws(0.1, 3e3, 1e5, 0.6, 0.6), noise=0.005, least=1e13),
    "error rate": Task(loss=_error_rate, noise=0.01, least=1e13),
}


class Covered(NamedTuple):
    """Whether one interval held something, and half its width on the log scale."""

    what: str
    held: bool
    half_width: float


def sweep(task: Task, rng: np.random.Generator) -> tuple[RunRecord, ...]:
    """Simulate a sweep whose sizes lie around the true optimum as well as a researcher can guess it."""
    records: list[RunRecord] = []
    for flops in task.least * np.geomspace(1, 10 ** ((N_BUDGETS - 1) / 3), N_BUDGETS):
        best, _ = task.optimum(flops)
        sizes = best * np.exp(rng.normal(0, 0.3) + np.linspace(-1.6, 1.6, task.n_sizes))
        losses = task.loss(sizes, flops / 6 / sizes) * np.exp(task.noise * rng.normal(size=task.n_sizes))
        records += [
            _run(len(records) + i, n, flops, y) for i, (n, y) in enumerate(zip(sizes, losses, strict=True))
        ]
    return tuple(records)


def _run(i: int, n_params: float, flops: float, loss: float) -> RunRecord:
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
    )


def judge(task: Task, runs: Sequence[RunRecord]) -> Iterator[Covered]:
    """Judge one sweep: the fit of its lower budgets, and that of all but one of them."""
    budgets = budgets_of(points_of(runs))
    flops = [b.flops for b in budgets]
    n_each = len(runs) // N_BUDGETS
    seen = runs[: n_each * N_SEEN]
    law = fit_valley_law(points_of(seen))
    accelerates = any(f.code == "accelerating-loss" for f in about_slopes(law))
    yield Covered("warned: accelerates", accelerates, 0.0)
    forecasts = [
        *_next(law, task, budgets[N_SEEN:]),
        *_against_truth("far", law, task, FAR * flops[N_SEEN - 1]),
    ]
    yield from (c for c in forecasts if not (accelerates and c.what in OF_LOSS))
    for i in range(1, N_SEEN - 1):
        rest = fit_valley_law(points_of([*seen[: n_each * i], *seen[n_each * (i + 1) :]]))
        yield from _against_truth("inner", rest, task, flops[i])
        shown = float(np.exp(budgets[i].log_loss.min()))
        yield _covered("inner best run", rest.optimum(flops[i]).loss.interval, shown)


def _next(law: ValleyLaw, task: Task, budgets: Sequence[Budget]) -> Iterator[Covered]:
    for budget in budgets:
        yield from _against_truth("next", law, task, budget.flops)
        answer, vertex = law.optimum(budget.flops), local_vertex(budget)
        if vertex is not None:
            yield _covered("next vertex", answer.n_params.interval, float(np.exp(vertex)))
        yield _covered("next best run", answer.loss.interval, float(np.exp(budget.log_loss.min())))


def _against_truth(where: str, law: ValleyLaw, task: Task, flops: float) -> Iterator[Covered]:
    n_params, loss = task.optimum(flops)
    answer = law.optimum(flops)
    yield _covered(f"{where} N*", answer.n_params.interval, n_params)
    yield _covered(f"{where} L*", answer.loss.interval, loss)


def _covered(what: str, interval: Interval, value: float) -> Covered:
    return Covered(what, value in interval, float(np.log(interval.high / interval.low) / 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=6)
    n_sweeps = parser.parse_args().sweeps
    figures, missed = {}, []
    for name, task in TASKS.items():
        rng = np.random.default_rng(1)
        found = [c for _ in range(n_sweeps) for c in judge(task, sweep(task, rng))]
        figures[name] = {
            what: _summary([c for c in found if c.what == what]) for what in {c.what: 0 for c in found}
        }
        slope = np.log(
            task.optimum(task.least * 10**2.1)[1] / task.optimum(task.least * 10**1.9)[1]
        ) / np.log(10**0.2)
        print(f"{name} (loss falls as C^{slope:.2f} at the top)")
        for what, (share, half_width) in figures[name].items():
            if what.startswith("warned"):
                print(f"  {what:20s} in {share:5.1f} % of sweeps")
                continue
            low = share < LEAST_COVERAGE
            missed += [f"{name}: {what}"] * low
            print(f"  {what:20s} {share:5.1f} %  half-width x {np.exp(half_width):6.3f}{'  LOW' * low}")
    print(json.dumps({"benchmark": "valley_truth", "sweeps": n_sweeps, "figures": figures, "missed": missed}))
    return int(bool(missed))


def _summary(found: Sequence[Covered]) -> tuple[float, float]:
    return 100 * float(np.mean([c.held for c in found])), float(np.median([c.half_width for c in found]))


if __name__ == "__main__":
    sys.exit(main())
