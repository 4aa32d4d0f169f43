"""What a law is asked: which of C, N, D, L and tokens to serve are given; it answers the others."""

from dataclasses import asdict, dataclass

from flops_fit.errors import FitError

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
        """Turn whole numbers into floats; what is no number stays for `check` to refuse."""
        for name, value in asdict(self).items():
            if isinstance(value, int):
                object.__setattr__(self, name, float(value))

    def check(self) -> None:
        """Refuse quantities that nobody means and combinations that no law answers.

        Raises:
            FitError: `bad-query` or `bad-question`.
        """
        check_positive(**{name: getattr(self, name) for name in sorted(self.given)})
        if set(self.given) not in _ANSWERED:
            known = "; ".join(" and ".join(sorted(combination)) for combination in _ANSWERED)
            raise FitError(
                f"A law does not answer {' with '.join(sorted(self.given)) or 'nothing'} given.",
                fix=f"give one of: {known}",
                code="bad-question",
            )


def check_positive(**quantities: float) -> None:
    """Refuse anything but positive numbers of ordinary magnitude.

    Raises:
        FitError: `bad-query`.
    """
    for name, value in quantities.items():
        if not isinstance(value, int | float) or not 0 < value <= LARGEST:
            raise FitError(
                f"{name} must be a positive number up to {LARGEST:g}; found {value!r}.",
                fix=f"ask e.g. for {name} = {_EXAMPLES.get(name, '10')}",
                code="bad-query",
            )
