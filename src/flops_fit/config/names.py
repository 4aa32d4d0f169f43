"""What a name that nobody knows may have meant."""

import re
from collections.abc import Iterable

from flops_fit.plugins.registry import nearest_name

_ABBREVIATION = 3
"""Letters up to which a name says too little to be taken for another word by its spelling."""
_LENGTH_OF_A_RUN = re.compile(
    r"(n_|num_|max_|total_|train_|training_)*(epochs?|steps?|iters?|iterations?)", re.IGNORECASE
)

_OPTIMISER = re.compile(r"optim(i[sz]er)?", re.IGNORECASE)
LISTED_SIZES = (
    "list sizes in an option of the model family, if it has one (in Python as the argument `model_sizes`); "
    "`design.sizes_per_budget` is how many each budget trains"
)
"""What to do about a list of sizes, which the design does not take."""


def near_name(name: str, choices: Iterable[str]) -> str:
    """Return the closest of `choices`, or nothing: `eps` is close to `epsilon`, and not to `epochs`."""
    known = list(choices)
    shortened = [choice for choice in known if choice == name[:_ABBREVIATION]]
    return nearest_name(name, shortened or [choice for choice in known if _may_be(choice, name)])


def _may_be(choice: str, name: str) -> bool:
    initials = "".join(word[:1] for word in name.split("_"))
    is_short = len(choice) <= _ABBREVIATION and len(name) > len(choice) + 1
    return not is_short or choice == initials or choice in name.split("_")


def no_such_option(name: str) -> str:
    """Say why training has no option that `name` asks for: how long a run trains, or another optimiser."""
    if _LENGTH_OF_A_RUN.fullmatch(name):
        return f"remove `{name}`: how long a run trains follows from its budget"
    return f"remove `{name}`: every run trains with AdamW" if _OPTIMISER.fullmatch(name) else ""
