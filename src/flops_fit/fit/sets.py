"""Whether a table holds several sets of runs that follow different laws, e.g. trained on different data."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import fdtrc

from flops_fit.design import Finding
from flops_fit.errors import FitError, by_interface, text_argument
from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import bisquare, robust_scale
from flops_fit.runs import RunRecord
from flops_fit.text_columns import some

OF_SETS = frozenset({"several-sets", "unnamed-sets"})
"""Codes of the findings that a table mixes sets of runs."""
_FEWEST_RUNS = 8
"""Runs that a set needs to be told from the others."""
_MOST_SETS = 12
_NAMED = 4
_FLAGS = frozenset({"true", "false", "yes", "no"})
_IMPLAUSIBLE = 1e-4
_WORTH_A_WORD = 1.2
"""Ratio of the scatter around one law for all to that around one law each."""


def about_sets(
    records: Sequence[RunRecord],
    labels: Mapping[str, Sequence[str]],
    check: Callable[[Sequence[RunRecord]], None],
) -> tuple[Finding, ...]:
    """Return the finding `several-sets` for the column that tells the runs apart best, if one does.

    Args:
        records: The runs of a table.
        labels: Its columns of text; flags, names of runs and rare values tell no sets.
        check: Raises a FitError for runs that cannot be fitted; only sets that can are offered.
    """
    ratios = {
        column: _ratio(records, cells)
        for column, cells in labels.items()
        if not _names_runs(records, cells, check)
    }
    if not ratios or (ratio := max(ratios.values())) < _WORTH_A_WORD:
        return ()
    column = max(ratios, key=lambda name: ratios[name])
    large, small = _by_size(records, labels[column])
    refused = {name: why for name in large if (why := _refusal(records, labels[column], name, check))}
    return (
        Finding(
            code="several-sets",
            severity="warning",
            message=f"Column {column!r} names {len(large)} sets of runs whose losses follow different laws "
            f"({ratio:.2g} times less scatter around one law each); this fit mixes them."
            + _not_compared(small)
            + _not_fitted(refused),
            action=_to_add(column, large, [name for name in large if name not in refused]),
            value=ratio,
            threshold=_WORTH_A_WORD,
        ),
    )


def _names_runs(
    records: Sequence[RunRecord], cells: Sequence[str], check: Callable[[Sequence[RunRecord]], None]
) -> bool:
    """Whether each value goes with one size and is no set to fit: it names curves of single models."""
    large, _ = _by_size(records, cells)
    sizes = {(cell, r.n_params) for r, cell in zip(records, cells, strict=True) if cell in large}
    return len(sizes) == len(large) and all(_refusal(records, cells, name, check) for name in large)


def _refusal(
    records: Sequence[RunRecord],
    cells: Sequence[str],
    name: str,
    check: Callable[[Sequence[RunRecord]], None],
) -> str:
    """Return the code of the error that one set alone would end in, empty where it can be fitted."""
    try:
        check([record for record, cell in zip(records, cells, strict=True) if cell == name])
    except FitError as error:
        return error.code
    return ""


def _to_add(column: str, names: Sequence[str], fitted: Sequence[str]) -> str:
    """Offer the sets that can be fitted; where none can, say how to hear what the first one lacks."""
    if not fitted:
        lacks = text_argument("where", {column: names[0]})
        return f"train more runs of one set; what a set lacks is said where it is asked for, e.g. {lacks}"
    choices = "".join(f"\n    {text_argument('where', {column: name})}" for name in fitted)
    call = by_interface(command="command", python="call")
    return f"fit one at a time; add one of these to the {call}:{choices}"


def _not_fitted(refused: Mapping[str, str]) -> str:
    """Name the sets whose runs are enough to compare, but not to fit, each with the code of the refusal."""
    if not refused:
        return ""
    listed = ", ".join(f"{name!r} ({code})" for name, code in refused.items())
    return f" {len(refused)} of them cannot be fitted alone: {listed}."


def _by_size(records: Sequence[RunRecord], cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the sets that are told apart, and those of too few usable runs."""
    counts = Counter(cells[i] for i in _usable(records))
    large = sorted(name for name, n_runs in counts.items() if n_runs >= _FEWEST_RUNS)
    return large, sorted(set(cells) - set(large))


def _not_compared(names: Sequence[str]) -> str:
    """Name the sets that no choice is offered for."""
    if not names:
        return ""
    listed = some([repr(name) for name in names], _NAMED)
    return f" Left out, for having fewer than {_FEWEST_RUNS} runs with a loss: {listed}."


def _usable(records: Sequence[RunRecord]) -> list[int]:
    return [i for i, r in enumerate(records) if r.status == "completed" and r.loss and np.isfinite(r.flops)]


def _ratio(records: Sequence[RunRecord], cells: Sequence[str]) -> float:
    """Return how much larger the scatter around one law is than around one per set; 1 where undecided.

    Both laws are quadratics of ln loss in ln N and ln D; each set may have a height and two slopes of its
    own. Rows count by their weight in the robust fit of the richer law, so that outliers do not decide.
    """
    usable = _usable(records)
    names = np.array(cells)[usable]
    values, counts = np.unique(names, return_counts=True)
    large = values[counts >= _FEWEST_RUNS]
    if not 2 <= len(large) <= len(values) <= _MOST_SETS or _FLAGS.issuperset(v.lower() for v in values):
        return 1.0
    kept = np.isin(names, large)
    chosen = [records[i] for i in np.array(usable)[kept]]
    u, v = (_centred([getattr(r, name) for r in chosen]) for name in ("n_params", "n_units"))
    log_loss = _centred([r.loss or 1.0 for r in chosen])
    plane = np.column_stack([np.ones_like(u), u, v])
    own = [plane * (names[kept] == name)[:, None] for name in large[1:]]
    one_law = np.column_stack([plane, u**2, u * v, v**2])
    return _gain(one_law, np.column_stack([one_law, *own]), log_loss)


def _centred(values: Sequence[float]) -> Floats:
    logs = np.log(np.array(values, dtype=np.float64))
    centred: Floats = logs - logs.mean()
    return centred


def _gain(plain: Floats, richer: Floats, y: Floats) -> float:
    """Return the ratio of the two scatters, 1 where an F test finds no difference."""
    weights, residuals = np.ones_like(y), y
    for _ in range(15):
        residuals = _residuals(richer, y, weights)
        weights = bisquare(residuals, 4.685 * max(1e-9, robust_scale(residuals)))
    spare = float(weights.sum()) - np.linalg.matrix_rank(richer)
    gained = int(np.linalg.matrix_rank(richer) - np.linalg.matrix_rank(plain))
    before = float(weights @ _residuals(plain, y, weights) ** 2)
    after = float(weights @ residuals**2)
    if spare < 1 or gained < 1 or after <= 0:
        return 1.0
    p_value = fdtrc(gained, spare, max(before - after, 0.0) / gained / (after / spare))
    return float(np.sqrt(before / (spare + gained) / (after / spare))) if p_value < _IMPLAUSIBLE else 1.0


def _residuals(columns: Floats, y: Floats, weights: Floats) -> Floats:
    root = np.sqrt(weights)
    residuals: Floats = y - columns @ np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]
    return residuals
