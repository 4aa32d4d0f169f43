"""How often nominal 95% intervals of a surface hold the truth, on simulated sweeps whose truth is known.

Seven budgets of ten sizes, ln loss with a standard deviation of .005, and in turn: other surfaces, a grid
that drifts off the optimum, noise that depends on compute, diverged runs, effects that all seeds share. The
truths asked for are N* at 10 and at 100 times the largest budget, and the exponent of N*. Exits 1 where the
coverage of any of them is outside [.92, .97]. The standard error of a coverage is .011 at 400 replicates and
.007 at 1000: of 24 coverages of .95, one or two leave that range by chance at 400, and hardly any at 1000.

usage: OMP_NUM_THREADS=1 python tests/benchmarks/coverage.py [--replicates 1000] [--scenarios S1 S5]
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass

import numpy as np

from flops_fit.fit import Chinchilla
from flops_fit.fit.points import Points, points_of
from flops_fit.fit.surface import fit_surface
from flops_fit.runs import RunRecord

CHINCHILLA = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
STEEP_IN_N = (2.6, 2.0e4, 3.0e3, 0.66, 0.40)
LOPSIDED = (1.7, 900.0, 12.0, 0.465, 0.155)
BUDGETS = np.geomspace(1e17, 3e19, 7)
WINDOW = np.geomspace(1 / 8, 8, 10)
AHEAD = (10.0, 100.0)
LEAST, MOST = 0.92, 0.97


@dataclass(frozen=True, kw_only=True)
class Scenario:
    what: str
    theta: tuple[float, ...] = CHINCHILLA
    drift: float = 1.0
    """Factor by which the centre of the grid leaves the optimum from the smallest to the largest budget."""
    noise: tuple[float, float] = (0.005, 0.005)
    """Standard deviation of ln loss between seeds at the smallest and at the largest budget."""
    n_seeds: int = 1
    diverged: float = 0.0
    """Share of runs whose loss is 5% to 50% too high."""
    of_point: float = 0.0
    of_budget: float = 0.0
    """Standard deviations of what all seeds of a point, and all runs of a budget, share."""


SCENARIOS = {
    "S1": Scenario(what="E + A/N^.35 + B/D^.37"),
    "S2": Scenario(what="exponents .66 and .40", theta=STEEP_IN_N),
    "S2x": Scenario(what="exponents .465 and .155", theta=LOPSIDED),
    "S3": Scenario(what="the grid drifts off by a factor 4", drift=4.0),
    "S3a": Scenario(what="drift, exponents .66 and .40", theta=STEEP_IN_N, drift=4.0),
    "S4": Scenario(what="noise .012 to .003, 3 seeds", noise=(0.012, 0.003), n_seeds=3),
    "S5": Scenario(what="5% of the runs diverged", diverged=0.05),
    "S6": Scenario(
        what="3 seeds, effects of points and budgets",
        noise=(0.003, 0.003),
        n_seeds=3,
        of_point=0.004,
        of_budget=0.002,
    ),
}


def simulated(scenario: Scenario, rng: np.random.Generator) -> Points:
    """Draw the runs of one sweep."""
    records = []
    drifts = np.geomspace(1, scenario.drift, len(BUDGETS))
    for flops, drift, noise in zip(BUDGETS, drifts, np.geomspace(*scenario.noise, len(BUDGETS)), strict=True):
        of_budget = scenario.of_budget * rng.normal()
        for n in drift * true_size(scenario.theta, flops) * WINDOW:
            d = flops / (6 * n)
            exact = float(Chinchilla().predict(np.array(scenario.theta), np.array([n]), np.array([d]))[0])
            shared = of_budget + scenario.of_point * rng.normal()
            for seed in range(scenario.n_seeds):
                loss = exact * np.exp(shared + noise * rng.normal())
                loss *= 1 + rng.uniform(0.05, 0.5) * (rng.random() < scenario.diverged)
                records.append(
                    RunRecord(
                        run_id=f"{len(records):03}",
                        budget=float(flops),
                        size="",
                        seed=seed,
                        n_params=float(n),
                        n_params_nonembedding=None,
                        n_units=float(d),
                        flops=float(flops),
                        flops_6nd=float(flops),
                        loss=float(loss),
                    )
                )
    return points_of(records)


def true_size(theta: tuple[float, ...], flops: float) -> float:
    """N* by equation 4 of arXiv:2203.15556."""
    _, A, B, alpha, beta = theta
    return float(((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta)))


def held(scenario: Scenario, rng: np.random.Generator, n_draws: int) -> list[bool]:
    """Whether the intervals of one sweep hold N* ahead and the exponent."""
    law = fit_surface(simulated(scenario, rng), Chinchilla(), n_draws=n_draws)
    targets = [times * BUDGETS[-1] for times in AHEAD]
    _, _, _, alpha, beta = scenario.theta
    return [
        *(true_size(scenario.theta, c) in law.optimum(float(c)).n_params.interval for c in targets),
        beta / (alpha + beta) in law.exponent_at_top.interval,
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    options = parser.parse_args()
    began, coverage = time.perf_counter(), {}
    print(f"{'':4s} {'':40s} N* at 10x   N* at 100x   exponent")
    for name in options.scenarios:
        rng = np.random.default_rng([7, *name.encode()])
        all_held = [held(SCENARIOS[name], rng, options.draws) for _ in range(options.replicates)]
        coverage[name] = np.mean(all_held, axis=0).tolist()
        print(
            f"{name:4s} {SCENARIOS[name].what:40s} {'':2s}"
            + "        ".join(f"{c:.3f}" for c in coverage[name]),
            flush=True,
        )
    missed = [name for name, shares in coverage.items() if not LEAST <= min(shares) <= max(shares) <= MOST]
    figures = {"replicates": options.replicates, "draws": options.draws, "coverage": coverage}
    seconds = round(time.perf_counter() - began)
    print(json.dumps({"benchmark": "coverage", **figures, "seconds": seconds, "missed": missed}))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
