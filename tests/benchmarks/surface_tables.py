"""How well losses hold up on real tables without budgets: fitted on the lower runs, judged on the top fifth.

Every table (each `source` of a file) that is no IsoFLOP table and has 20 runs of 3 sizes is fitted through
`flops_fit.fit_runs`, without options, on its runs up to the 80% quantile of compute, and judged by the losses
of those above. The error of a table is the MEAN absolute relative error over its held-out runs; the median is
printed beside it, and so are the textbook methods on the same runs and the share of held-out losses inside
nominal 95% intervals. The same figures follow for splits at 50%, 60% and 70%, each judged by the next fifth
of the runs; only the top fifth has a target. Tables of error rates are printed and not judged: the target is
for losses per token. Exits 1 where a judged table misses the target.

usage: python tests/benchmarks/surface_tables.py [DIR ...]    (default: FLOPS_FIT_REAL_DATA or ../shared/data)
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isoflop_tables import Curve, Floats, read_tables
from textbook import Method, UnfitError, huber, variable_projection

import flops_fit
from flops_fit.errors import FlopsFitError

TARGET_PERCENT = 1.6
TOP_SPLIT, SPLITS, JUDGED = 0.8, (0.5, 0.6, 0.7), 0.2
FEWEST_RUNS, FEWEST_SIZES = 20, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs in ascending order of compute; arrays of shape (n_runs,)."""

    n_params: Floats
    n_units: Floats
    flops: Floats
    loss: Floats

    def rows(self, first: int, last: int) -> "Runs":
        names = ("n_params", "n_units", "flops", "loss")
        return Runs(**{name: getattr(self, name)[first:last] for name in names})

    @property
    def error_rates(self) -> bool:
        return float(self.loss.max()) <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a method was worth on held-out runs, in percent."""

    mean: float
    median: float
    worst: float
    covered: float = np.nan
    half_width: float = np.nan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = os.environ.get("FLOPS_FIT_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(default)], metavar="DIR")
    folders = parser.parse_args().folders
    files = [path for folder in folders for path in sorted(folder.glob("*.csv"))]
    tables = {name: runs for path in files for name, runs in read(path)}
    if not tables:
        parser.error(f"no table without budgets in {', '.join(map(str, folders))}")
    figures, missed = {}, []
    for name, runs in tables.items():
        split = int(np.searchsorted(runs.flops, np.quantile(runs.flops, TOP_SPLIT), side="right"))
        print(f"\n{name}: fitted to {split} runs, judged by the {len(runs.flops) - split} above")
        verdicts = judged(runs, split, len(runs.flops))
        show(verdicts)
        ours = verdicts.get("flops-fit")
        figures[name] = None if ours is None else ours.mean
        if not runs.error_rates and (ours is None or ours.mean > TARGET_PERCENT):
            missed.append(name)
    print_rolling(tables)
    for name, figure in figures.items():
        verdict = "not judged" if tables[name].error_rates else "MISSED" if name in missed else "met"
        mean = "no answer" if figure is None else f"{figure:.2f} %"
        print(f"{name:32s} {mean}  target <= {TARGET_PERCENT} %  {verdict}")
    print(json.dumps({"benchmark": "surface_tables", "mean_percent": figures, "missed": missed}))
    return int(bool(missed))


def read(path: Path) -> Iterator[tuple[str, Runs]]:
    """Yield the tables of a file that have no budgets, with their names."""
    isoflop = {table.name for table in read_tables(path)}
    by_source = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            numbers = [_positive(row.get(key)) for key in ("C", "N", "D", "loss")]
            if all(numbers):
                by_source[row.get("source") or path.stem].append(numbers)
    for name, rows in sorted(by_source.items()):
        flops, n_params, n_units, loss = np.array(sorted(rows)).T
        if name in isoflop or len(loss) < FEWEST_RUNS or len(np.unique(n_params)) < FEWEST_SIZES:
            continue
        yield name, Runs(n_params=n_params, n_units=n_units, flops=flops, loss=loss)


def _positive(cell: str | None) -> float:
    try:
        return max(0.0, float(cell or 0))
    except ValueError:
        return 0.0


def judged(runs: Runs, split: int, last: int) -> dict[str, Verdict]:
    """Fit every method below `split` and judge it by the runs up to `last`; one that refuses is left out."""
    seen, unseen = runs.rows(0, split), runs.rows(split, last)
    verdicts = {}
    for name, method in METHODS.items():
        try:
            verdicts[name] = method(seen, unseen)
        except (FlopsFitError, UnfitError) as refusal:
            print(f"  {name:20s} gives no answer: {refusal!s:.120}")
    return verdicts


def ours(seen: Runs, unseen: Runs) -> Verdict:
    """Fit as a user would: a CSV of N, D, C and loss."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["N", "D", "C", "loss"])
            writer.writerows(np.column_stack([seen.n_params, seen.n_units, seen.flops, seen.loss]).tolist())
        result = flops_fit.fit_runs(path)
    asked = zip(unseen.n_params.tolist(), unseen.n_units.tolist(), strict=True)
    answers = [result.loss_at(n_params=n, n_units=d, accept_unreliable=True) for n, d in asked]
    low, high = np.array([(a.loss_interval.low, a.loss_interval.high) for a in answers]).T
    return _verdict(
        np.array([a.loss for a in answers]),
        unseen,
        covered=100 * float(np.mean((low <= unseen.loss) & (unseen.loss <= high))),
        half_width=50 * float(np.median(np.log(high / low))),
    )


def textbook(method: Method) -> Callable[[Runs, Runs], Verdict]:
    """Turn a textbook method for curves into one for runs: one curve holds them all, with C = N·D."""

    def fit(seen: Runs, unseen: Runs) -> Verdict:
        answer = method([_curve(seen)])
        curve = _curve(unseen)
        log_loss = [answer.log_loss(n, c) for n, c in zip(curve.log_n, curve.log_spent, strict=True)]
        return _verdict(np.exp(log_loss), unseen)

    return fit


def _curve(runs: Runs) -> Curve:
    log_n, log_d = np.log(runs.n_params), np.log(runs.n_units)
    return Curve(float(np.median(log_n + log_d)), log_n, np.log(runs.loss), log_n + log_d, log_d)


def _verdict(
    predicted: Floats, unseen: Runs, *, covered: float = np.nan, half_width: float = np.nan
) -> Verdict:
    errors = 100 * np.abs(predicted / unseen.loss - 1)
    return Verdict(
        mean=float(errors.mean()),
        median=float(np.median(errors)),
        worst=float(errors.max()),
        covered=covered,
        half_width=half_width,
    )


METHODS = {
    "flops-fit": ours,
    "Huber 1e-3": textbook(huber()),
    "variable projection": textbook(variable_projection),
}


def print_rolling(tables: dict[str, Runs]) -> None:
    """Print every method's mean over the earlier splits and the tables of losses."""
    print("\nEarlier splits, each judged by the fifth of the runs above it; means over splits and tables")
    found = defaultdict(list)
    for name, runs in tables.items():
        for share in SPLITS if not runs.error_rates else ():
            n_runs = len(runs.flops)
            split = int(np.searchsorted(runs.flops, np.quantile(runs.flops, share), side="right"))
            for method, verdict in judged(runs, split, min(n_runs, split + round(JUDGED * n_runs))).items():
                found[method].append((name, verdict))
    columns = ("mean", "median", "worst", "covered", "half_width")
    show(
        {
            method: Verdict(**{c: float(np.mean([getattr(v, c) for _, v in each])) for c in columns})
            for method, each in found.items()
        }
    )


def show(verdicts: dict[str, Verdict]) -> None:
    for name, v in verdicts.items():
        print(
            f"  {name:20s} error mean {v.mean:6.2f}  median {v.median:6.2f}  worst {v.worst:6.2f} %"
            + ("" if np.isnan(v.covered) else f"  covers {v.covered:3.0f} %, half-width {v.half_width:.1f} %")
        )


if __name__ == "__main__":
    sys.exit(main())
