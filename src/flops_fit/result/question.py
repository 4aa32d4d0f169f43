"""What a law is asked: which of C, N, D, L and tokens to serve are given; it answers the others."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Real

from flops_fit.errors import FitError, argument
from flops_fit.quantities import read_quantity

LARGEST = 1e40
"""No budget, size or amount of data is meant beyond this, and laws would overflow."""
_EXAMPLES = {"flops": "1e18", "n_params": "1e8", "n_units": "2e9", "loss": "2.5", "inference_units": "1e12"}
_ANSWERED = (
    {"flops"},
    {"n_params"},
    {"n_units"},
    {"loss"},
    {"flops", "n_params"},
    {"flops", "n_units"},
    {"n_params", "n_units"},
    {"flops", "inference_units"},
    {"loss", "inference_units"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The quantities that are given; of all others the law is to make the best."""

    flops: float | None = None
    """Of training; with `inference_units`, of training and inference together."""
    n_params: float | None = None
    n_units: float | None = None
    loss: float | None = None
    inference_units: float | None = None
    """Data units that the model will serve in its life, prompts included."""

    @property
    def given(self) -> frozenset[str]:
        """Names of what is given."""
        return frozenset(name for name, value in asdict(self).items() if value is not None)

    def __post_init__(self) -> None:
        """Turn numbers of every kind into floats; what is no number stays for `check` to refuse."""
        for name, value in asdict(self).items():
            if isinstance(value, Real):
                object.__setattr__(self, name, float(value))

    def check(self) -> None:
        """Refuse quantities that nobody means and combinations that no law answers.

        Raises:
            FitError: `bad-query` or `bad-question`.
        """
        check_positive(**{name: getattr(self, name) for name in sorted(self.given)})
        if set(self.given) not in _ANSWERED:
            raise _unanswered(self.given)


def _unanswered(given: frozenset[str]) -> FitError:
    """Say what is missing, or which combinations a law answers."""
    if not given:
        starts = ", ".join(map(_example, ("flops", "gpu_hours", "n_params", "n_units")))
        problem, fix = "Nothing is given to start from.", f"give one of: {starts} or {_example('loss')}"
    elif given == {"inference_units"}:
        problem = (
            f"{argument('inference_units')} alone says neither what may be spent nor what is to be reached."
        )
        fix = f"add {_example('flops')} (training and serving together) or {_example('loss')}"
    else:
        known = "; ".join(" with ".join(map(argument, sorted(names))) for names in _ANSWERED)
        problem = f"A law does not answer {' with '.join(map(argument, sorted(given)))} given."
        fix = f"give one of: {known}"
    return FitError(problem, fix=fix, code="bad-question")


def _example(name: str) -> str:
    return argument(name, _EXAMPLES.get(name, "10"))


def check_positive(**quantities: float) -> None:
    """Refuse anything but positive numbers of ordinary magnitude.

    Raises:
        FitError: `bad-query`.
    """
    for name, value in quantities.items():
        if not isinstance(value, Real):
            raise _no_number(name, value)
        if not 0 < float(value) <= LARGEST:
            raise FitError(
                f"{argument(name)} must be a positive number up to {LARGEST:g}; found {value!r}.",
                fix=f"ask e.g. for {_example(name)}",
                code="bad-query",
            )


def _no_number(name: str, value: object) -> FitError:
    """Say what stands in the place of one number, and how to ask instead."""
    found, fix = repr(value), f"ask e.g. for {_example(name)}"
    if isinstance(value, str):
        found, fix = f"the text {value!r}", f"give a number: {_unquoted(name, value)}"
    elif isinstance(value, Iterable):
        found, fix = f"several: {value!r}", f"ask for one at a time, e.g. {_example(name)}"
        fix += "; several budgets make a table: result.chinchilla_table([1e18, 1e19])" * (name == "flops")
    return FitError(f"{argument(name)} must be one number; found {found}.", fix=fix, code="bad-query")


def _unquoted(name: str, text: str) -> str:
    try:
        return argument(name, f"{read_quantity(text):.15g}")
    except ValueError:
        return _example(name)
