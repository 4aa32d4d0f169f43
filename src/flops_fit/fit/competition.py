"""What other methods make of the same runs: a spread that no interval of one method knows of."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.contest import Contest
from flops_fit.fit.law import Law
from flops_fit.fit.rolling import Misses

AHEAD = (1.0, 10.0)
"""Times the largest budget at which methods are compared."""
_BEYOND_SIZES = 1000.0
"""Times the largest model trained, or the smallest over it, beyond which a best size is no answer: the method
has no minimum, and what it returns is the end of the sizes that it searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The answers of one method at the largest budget and at ten times that, and how good it has been."""

    name: str
    n_params: tuple[float | None, float | None]
    """None where the best size would be less than one parameter, or absurdly far from the models trained."""
    loss: tuple[float | None, float | None]
    """At these sizes."""
    backtest_loss: float | None = None
    """Mean absolute error of ln loss above the runs seen, over rolling origins; None where not judged."""
    backtest_size: float | None = None
    """Mean absolute error of ln N* likewise; None where no minimum was there to compare with."""
    unchanged_loss: float | None = None
    """Error, at the same origins, of a forecast that losses stay as low as the best one seen."""
    n_origins: int = 0
    """Origins at which it was judged."""
    weight: float | None = None
    """Of a surface: its share of belief among the surfaces, by the backtest or else by BIC."""
    bic: float | None = None
    """Bayesian information criterion of a surface; differences between surfaces count."""
    r_squared: float | None = None
    """Share of the variance explained: of ln loss by a surface, of ln N* by a line through the minima."""


def rivals_of(contest: Contest, laws: Sequence[Law | None], sizes: Floats) -> tuple[Rival, ...]:
    """Return what every method answers; `laws` that are fitted already, headline first, answer themselves.

    Args:
        contest: What came of it.
        laws: Those fitted.
        sizes: N of the runs.
    """
    known = [law for law in laws if law is not None]
    flops = known[0].flops_range[1] * np.array(AHEAD)
    answers = {name: fitted.optima for name, fitted in contest.fitted.items()}
    answers = {law.name: _asked(law) for law in known} | {
        name: answer for name, answer in answers.items() if name not in {law.name for law in known}
    }
    sensible = (max(1.0, float(sizes.min()) / _BEYOND_SIZES), float(sizes.max()) * _BEYOND_SIZES)
    return tuple(_rivals(contest, answers, flops, sensible))


def spread(rivals: Sequence[Rival], which: int) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """Return the methods of the smallest and the largest N* at one of `AHEAD`, and both N*; else None."""
    answers = [(rival.name, n) for rival in rivals if (n := rival.n_params[which]) is not None]
    if not answers:
        return None
    return min(answers, key=lambda answer: answer[1]), max(answers, key=lambda answer: answer[1])


Answer = Callable[[Floats], tuple[Floats, Floats]]


def _asked(law: Law) -> Answer:
    def answer(flops: Floats) -> tuple[Floats, Floats]:
        optima = [law.optimum(float(c)) for c in flops]
        return np.array([o.n_params.value for o in optima]), np.array([o.loss.value for o in optima])

    return answer


def _rivals(
    contest: Contest, answers: dict[str, Answer], flops: Floats, sensible: tuple[float, float]
) -> Iterator[Rival]:
    for name, answer in answers.items():
        with np.errstate(all="ignore"):
            sizes, losses = answer(flops)
        if not (np.isfinite([sizes, losses]).all() and (sizes > 0).all()):
            continue
        near = [sensible[0] <= n <= sensible[1] for n in sizes]
        fitted, misses = contest.fitted.get(name), contest.misses.get(name)
        yield Rival(
            name=name,
            n_params=_where(near, sizes),
            loss=_where(near, losses),
            backtest_loss=None if misses is None else _mean(misses.log_loss),
            unchanged_loss=None if misses is None else _unchanged(contest.unchanged, misses),
            backtest_size=None if misses is None else _mean(misses.log_n),
            n_origins=0 if misses is None else int(np.isfinite(misses.log_loss).sum()),
            weight=contest.weights.get(name),
            bic=contest.bics.get(name),
            r_squared=None if fitted is None else fitted.r_squared,
        )


def _where(near: Sequence[bool], values: Floats) -> tuple[float | None, float | None]:
    first, second = (float(value) if kept else None for value, kept in zip(values, near, strict=True))
    return first, second


def _unchanged(unchanged: Misses, misses: Misses) -> float | None:
    """Return the mean error of no change from those origins alone at which the method was judged."""
    return _mean(np.where(np.isfinite(misses.log_loss), unchanged.log_loss, np.nan))


def _mean(errors: Floats) -> float | None:
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else None
