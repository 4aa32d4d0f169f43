"""How well answers hold up on real IsoFLOP tables: fitted on the lower budgets, judged on those above.

Every table with at least five budgets is fitted through `flops_fit.fit_runs` on all but its two top budgets,
and from every shorter start of four budgets or more ("rolling origins", up to three budgets ahead). The
textbook methods are fitted to the same runs, and so is what flops-fit answers where it does not know the
budgets (surfaces, averaged), which no target is set for. Exits 1 where a target is missed.

usage: python tests/benchmarks/real_tables.py [DIR ...]    (default: FLOPS_FIT_REAL_DATA or ../shared/data)
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from isoflop_tables import FEWEST_BUDGETS, Curve, Floats, Table, read_tables
from textbook import (
    Answer,
    Method,
    UnfitError,
    huber,
    huber_theta,
    pairs_bootstrap,
    parabolas,
    plain_vertex,
    variable_projection,
)

import flops_fit
from flops_fit.errors import FlopsFitError
from flops_fit.fit.law import Law
from flops_fit.fit.pipeline import fit_best
from flops_fit.fit.points import points_of
from flops_fit.runs import read_table

TARGETS = {
    "best_run_error_median_percent": ("<=", 0.4),
    "best_run_error_worst_percent": ("<=", 1.0),
    "size_factor_median": ("<=", 1.04),
    "size_factor_worst": ("<=", 1.25),
    "size_coverage_percent": (">=", 92.0),
    "loss_coverage_percent": (">=", 92.0),
    "size_winkler": ("<=", 0.465),
    "loss_winkler_percent": ("<=", 2.97),
}
HELD_OUT, FEWEST_SEEN, FURTHEST = 2, 4, 3
LOCAL_WINDOW = 1.2
"""e-folds of N around a held-out budget's best run by which its minimum is placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a method says of one budget that it has not seen: ln N*, ln L* and the loss at its best run."""

    log_n: float
    log_n_range: tuple[float, float]
    log_loss: float
    log_loss_range: tuple[float, float]
    log_loss_at_best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One forecast against what the budget showed; NaN where it showed no minimum inside its sizes."""

    table: str
    best_run_error: float
    size_error: float
    size_covered: float
    size_width: float
    size_winkler: float
    loss_covered: float
    loss_width: float
    loss_winkler: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = os.environ.get("FLOPS_FIT_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(default)], metavar="DIR")
    folders = parser.parse_args().folders
    tables = [
        table for folder in folders for path in sorted(folder.glob("*.csv")) for table in read_tables(path)
    ]
    if not tables:
        parser.error(f"no IsoFLOP table of {FEWEST_BUDGETS} budgets in {', '.join(map(str, folders))}")
    verdicts = judge_all(tables)
    print("\nErrors: median / worst; half-widths: factor of N, % of the loss")
    top = {
        name: {t.name: by_origin[t.name, len(t.curves) - HELD_OUT] for t in tables}
        for name, by_origin in verdicts.items()
    }
    for table in tables:
        print(f"\n{table.name}: {len(table.curves)} budgets, {sum(len(c.log_n) for c in table.curves)} runs")
        print_figures({name: summarise(by_table[table.name]) for name, by_table in top.items()})
    figures = {name: summarise([v for vs in by_table.values() for v in vs]) for name, by_table in top.items()}
    print(f"\nOver {len(tables)} tables, top two budgets held out")
    print_figures(figures)
    rolling = {
        name: [vs for (_, n_seen), vs in r.items() if n_seen >= FEWEST_SEEN] for name, r in verdicts.items()
    }
    for ahead in range(1, FURTHEST + 1):
        print(f"\nEvery rolling origin, {ahead} budget{'s' if ahead > 1 else ''} ahead")
        print_figures(
            {name: summarise([v for vs in r for v in vs[ahead - 1 : ahead]]) for name, r in rolling.items()}
        )
    print("\nEvery rolling origin")
    all_origins = {name: summarise([v for vs in r for v in vs]) for name, r in rolling.items()}
    print_figures(all_origins)
    missed = [name for name in TARGETS if not meets(name, figures["flops-fit"][name])]
    for name, (sign, target) in TARGETS.items():
        verdict = "MISSED" if name in missed else "met"
        print(f"{name:32s} {figures['flops-fit'][name]:8.3f}  target {sign} {target:<6g} {verdict}")
    report = {"benchmark": "real_tables", "tables": [t.name for t in tables], "top_two": figures}
    print(json.dumps({**report, "rolling": all_origins, "targets": TARGETS, "missed": missed}))
    return int(bool(missed))


def meets(name: str, figure: float) -> bool:
    sign, target = TARGETS[name]
    return figure <= target if sign == "<=" else figure >= target


# ---- forecasts


Forecaster = Callable[[Sequence[Curve], Sequence[Curve]], list[Forecast]]


def ours(seen: Sequence[Curve], unseen: Sequence[Curve]) -> list[Forecast]:
    """Fit as a user would: a CSV of N, D, C, loss and budget."""
    with tempfile.TemporaryDirectory() as folder:
        result = flops_fit.fit_runs(_written(seen, Path(folder) / "runs.csv"))
    return [_our_forecast(result, c) for c in unseen]


def _written(curves: Sequence[Curve], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["N", "D", "C", "loss", "budget"])
        for c in curves:
            columns = [c.log_n, c.log_d, c.log_spent, c.log_loss, np.full_like(c.log_n, c.log_flops)]
            writer.writerows(np.exp(np.column_stack(columns)).tolist())
    return path


def _our_forecast(result: flops_fit.ScalingResult, curve: Curve) -> Forecast:
    answer = result.predict(float(np.exp(curve.log_flops)), accept_unreliable=True)
    best = curve.log_loss.argmin()
    n_params, n_units = np.exp([curve.log_n[best], curve.log_d[best]]).tolist()
    at_best = result.loss_at(n_params=n_params, n_units=n_units, accept_unreliable=True)
    sizes, losses = answer.n_params_interval, answer.loss_interval
    return Forecast(
        log_n=np.log(answer.n_params),
        log_n_range=(np.log(sizes.low), np.log(sizes.high)),
        log_loss=np.log(answer.loss),
        log_loss_range=(np.log(losses.low), np.log(losses.high)),
        log_loss_at_best=np.log(at_best.loss),
    )


def without_budgets(seen: Sequence[Curve], unseen: Sequence[Curve]) -> list[Forecast]:
    """Fit the same runs as if they belonged to no budgets."""
    with tempfile.TemporaryDirectory() as folder:
        points = points_of(read_table(_written(seen, Path(folder) / "runs.csv")))
    law = fit_best(replace(points, budget=np.full(len(points), np.nan)))
    return [_forecast_of(law, c) for c in unseen]


def _forecast_of(law: Law, curve: Curve) -> Forecast:
    optimum, best = law.optimum(float(np.exp(curve.log_flops))), curve.log_loss.argmin()
    at_best = law.loss_at(*np.exp([curve.log_n[best], curve.log_d[best]]).tolist())
    sizes, losses = optimum.n_params.interval, optimum.loss.interval
    return Forecast(
        log_n=np.log(optimum.n_params.value),
        log_n_range=(np.log(sizes.low), np.log(sizes.high)),
        log_loss=np.log(optimum.loss.value),
        log_loss_range=(np.log(losses.low), np.log(losses.high)),
        log_loss_at_best=np.log(at_best.value),
    )


def textbook(method: Method, n_draws: int, resampled: Callable[[Sequence[Curve]], Method]) -> Forecaster:
    """Turn a textbook method into a forecaster; `resampled` gives the method for bootstrap draws."""

    def forecast(seen: Sequence[Curve], unseen: Sequence[Curve]) -> list[Forecast]:
        answer = method(seen)
        at = [c.log_flops for c in unseen]
        low, high = pairs_bootstrap(resampled(seen), seen, at, n_draws=n_draws)
        return [_their_forecast(answer, c, low[i], high[i]) for i, c in enumerate(unseen)]

    return forecast


def _their_forecast(answer: Answer, curve: Curve, low: Floats, high: Floats) -> Forecast:
    log_n, log_loss = answer.minimum(curve.log_flops)
    best = curve.log_loss.argmin()
    at_best = answer.log_loss(float(curve.log_n[best]), float(curve.log_spent[best]))
    return Forecast(
        log_n=log_n,
        log_n_range=(low[0], high[0]),
        log_loss=log_loss,
        log_loss_range=(low[1], high[1]),
        log_loss_at_best=at_best,
    )


FORECASTERS: dict[str, Forecaster] = {
    "flops-fit": ours,
    "budgets unknown": without_budgets,
    "parabola": textbook(parabolas(), 100, lambda _: parabolas()),
    "windowed parabola": textbook(parabolas(LOCAL_WINDOW), 100, lambda _: parabolas(LOCAL_WINDOW)),
    "Huber 1e-3": textbook(huber(), 25, lambda seen: huber(huber_theta(seen))),
    "variable projection": textbook(variable_projection, 25, lambda _: variable_projection),
}


# ---- judging


def judge(forecast: Forecast, curve: Curve, table: str) -> Verdict:
    """Judge by the budget's best run, and by the minimum of a plain parabola around it."""
    best = float(curve.log_loss.min())
    vertex = plain_vertex(curve, LOCAL_WINDOW) if _n_near(curve) >= 4 else None
    log_n = np.nan if vertex is None else vertex[0]
    return Verdict(
        table=table,
        best_run_error=100 * abs(np.expm1(forecast.log_loss_at_best - best)),
        size_error=abs(forecast.log_n - log_n),
        size_covered=_covered(log_n, forecast.log_n_range),
        size_width=_width(log_n, forecast.log_n_range),
        size_winkler=_winkler(log_n, forecast.log_n_range),
        loss_covered=_covered(best, forecast.log_loss_range),
        loss_width=_width(best, forecast.log_loss_range),
        loss_winkler=100 * _winkler(best, forecast.log_loss_range),
    )


def _n_near(curve: Curve) -> int:
    near = np.abs(curve.log_n - curve.log_n[curve.log_loss.argmin()]) <= LOCAL_WINDOW
    return len(np.unique(curve.log_n[near]))


def _covered(shown: float, ends: tuple[float, float]) -> float:
    return float(ends[0] <= shown <= ends[1]) if np.isfinite(shown) else np.nan


def _width(shown: float, ends: tuple[float, float]) -> float:
    return ends[1] - ends[0] if np.isfinite(shown) else np.nan


def _winkler(shown: float, ends: tuple[float, float]) -> float:
    """Score an interval by its width and 40 times what it misses by (2 over the 5% it may miss)."""
    low, high = ends
    return float(high - low + 40 * max(low - shown, shown - high, 0)) if np.isfinite(shown) else np.nan


Verdicts = dict[str, dict[tuple[str, int], list[Verdict]]]
"""By method, and by table and how many of its budgets were seen; the nearest budget first."""


def judge_all(tables: Sequence[Table]) -> Verdicts:
    """Judge every method on every rolling origin, and say where one gives no answer."""
    origins = [
        (t, n) for t in tables for n in range(min(FEWEST_SEEN, len(t.curves) - HELD_OUT), len(t.curves))
    ]
    return {name: {(t.name, n): _judged(name, t, n) for t, n in origins} for name in FORECASTERS}


def _judged(name: str, table: Table, n_seen: int) -> list[Verdict]:
    seen, unseen = table.curves[:n_seen], table.curves[n_seen : n_seen + FURTHEST]
    try:
        forecasts = FORECASTERS[name](seen, unseen)
    except (FlopsFitError, UnfitError) as refusal:
        print(f"{name} gives no answer from {n_seen} budgets of {table.name}: {refusal!s:.100}")
        return []
    return [judge(f, c, table.name) for f, c in zip(forecasts, unseen, strict=True)]


# ---- figures


def summarise(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the figures that the targets name; budgets that show no minimum say nothing about N*."""
    if not verdicts:
        return {}
    placed = [v for v in verdicts if np.isfinite(v.size_error)]
    by_table = defaultdict(list)
    for v in verdicts:
        by_table[v.table].append(v.best_run_error)
    sizes = np.array([v.size_error for v in placed] or [np.nan])
    figures = {
        "best_run_error_median_percent": np.median([np.mean(errors) for errors in by_table.values()]),
        "best_run_error_median_over_budgets_percent": np.median([v.best_run_error for v in verdicts]),
        "best_run_error_worst_percent": max(v.best_run_error for v in verdicts),
        "size_factor_median": np.exp(np.median(sizes)),
        "size_factor_worst": np.exp(sizes.max()),
        "size_coverage_percent": 100 * _mean([v.size_covered for v in placed]),
        "loss_coverage_percent": 100 * _mean([v.loss_covered for v in verdicts]),
        "size_half_width_factor": np.exp(np.median([v.size_width for v in placed] or [np.nan]) / 2),
        "loss_half_width_percent": 50 * np.median([v.loss_width for v in verdicts]),
        "size_winkler": _mean([v.size_winkler for v in placed]),
        "loss_winkler_percent": _mean([v.loss_winkler for v in verdicts]),
        "n_budgets": len(verdicts),
        "n_minima": len(placed),
    }
    return {name: float(figure) for name, figure in figures.items()}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def print_figures(figures: dict[str, dict[str, float]]) -> None:
    for name, each in figures.items():
        if each:
            print(f"  {name:20s} {_line(each)}")


def _line(f: dict[str, float]) -> str:
    return (
        f"best run {f['best_run_error_median_percent']:5.2f} / {f['best_run_error_worst_percent']:5.2f} %  "
        f"N* x {f['size_factor_median']:5.3f} / {f['size_factor_worst']:6.2f}  "
        f"covers {f['size_coverage_percent']:3.0f} and {f['loss_coverage_percent']:3.0f} %  "
        f"half-widths x {f['size_half_width_factor']:5.2f} and {f['loss_half_width_percent']:5.2f} %  "
        f"Winkler {f['size_winkler']:7.3f} and {f['loss_winkler_percent']:7.2f} %  "
        f"({f['n_minima']:.0f} minima, {f['n_budgets']:.0f} budgets)"
    )


if __name__ == "__main__":
    sys.exit(main())
