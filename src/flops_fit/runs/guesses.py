"""Which column of a table is probably meant: suggested in messages, not assumed."""

import difflib
import re
from collections.abc import Sequence

from flops_fit.runs.markers import sounds_like_perplexity

_ALSO_CALLED = {
    "n_params": ("n", "n_params", "params", "num_params", "parameters", "model_size", "model_params", "size"),
    "n_units": (
        "d",
        "n_units",
        "tokens",
        "n_tokens",
        "train_tokens",
        "training_tokens",
        "tokens_seen",
        "samples",
    ),
    "flops": ("c", "flops", "flop", "compute", "training_flop", "total_flops", "total_flos"),
    "loss": ("loss", "val_loss", "eval_loss", "validation_loss", "test_loss", "final_loss", "val_bpb", "nll"),
}
"""Names seen in tables, without capitals; the first match wins."""

_PARTS = {
    "n_params": ("param",),
    "n_units": ("token", "sample", "example", "image", "data_size"),
    "flops": ("flop", "total_flos"),
    "loss": ("loss", "bpb", "nll", "cross_entropy"),
}
"""What such names contain."""

_PREFERRED = {"n_params": "total", "n_units": "train|seen|total", "flops": "total", "loss": "val|eval|test"}
"""What the best of several such names contains: the whole model, data trained on, losses on held-out data."""

_PART = re.compile(
    r"(?:^|_)(?:head|unembed\w*|embed\w*|wte|wpe|transformer|attn|attention|mlp|ffn|scalars)(?:_|$)"
)
_ALL_BUT = re.compile(r"(?:^|_)(?:non?|with(?:out)?|incl\w*|excl\w*|and|plus|minus)_")
"""Before the name of a part: a sum with it, or of all other parts."""

_NOT_MEANT = (
    "per_",
    "lr",
    "batch",
    "wte",
    "embed",
    "second",
    "step",
    "weight",
    "budget",
    "param_group",
    "aux",
)
"""Parts of names of other things, e.g. tokens_per_second."""

_STEPS = re.compile(
    r"(?:(?:n|num|train|training|global|total|max|optimizer)_)*(?:step|iteration|iter|update)s?"
)
_COMPUTE = re.compile(r"flop|compute|total_flos|pf_?days?")
_RATE = re.compile(r"per_|second|flops?_s$|(?:^|_)(?:[gtp]flops|mfu|peak|hours?|cost)(?:_|$)|util|6nd")
"""Names of compute that is not of a run: of a unit of data, a second, a device, or by the formula itself."""
_BATCH = re.compile(r"(?:(?:global|total|train)_)*batch_?size")
_LENGTH = re.compile(r"(?:max_)?(?:seq|sequence|context|ctx)_?(?:len|length)|block_size|n_ctx")


def perplexity(names: Sequence[str]) -> str | None:
    """Return the first column that is called like a perplexity, of held-out data where there is one."""
    found = [name for name in names if sounds_like_perplexity(name)]
    return _best("loss", found) if found else None


def step_counter(names: Sequence[str]) -> str | None:
    """Return the first column that is called like a count of optimizer steps."""
    return _called(_STEPS, names)


def units_of_steps(steps: str, names: Sequence[str]) -> str:
    """Say how units come from steps, by the columns that a table has for it."""
    batch = _called(_BATCH, names) or "batch size"
    return f"{steps} · {batch} · {_called(_LENGTH, names) or 'sequence length'}"


def _called(pattern: re.Pattern[str], names: Sequence[str]) -> str | None:
    lasts = ((name, re.split(r"[/.]", name.lower())[-1].strip(" _")) for name in names)
    return next((name for name, last in lasts if pattern.fullmatch(last)), None)


def likely(field: str, names: Sequence[str]) -> str | None:
    """Return the column that most likely holds a field; None where nothing comes close.

    Names of logging tools count by their last part too: `eval/loss`, `config.n_params`.
    """
    plain = {name: _plain(name) for name in names}
    last = {name: re.split(r"[/.]", name.lower())[-1].strip() for name in names}
    for called in (plain, last):
        if exact := [name for alias in _ALSO_CALLED[field] for name in names if called[name] == alias]:
            return _best(field, exact)
    named = [n for n in names if any(part in plain[n] for part in _PARTS[field])]
    if meant := [n for n in named if may_be_meant(n)]:
        return _best(field, meant)
    near = [n for alias in _ALSO_CALLED[field] for n in names if _close(alias, plain[n])]
    return near[0] if near else None


def may_be_meant(name: str) -> bool:
    """Whether a column is not called like something else, e.g. a rate, a count of steps or a perplexity."""
    other = any(part in _plain(name) for part in _NOT_MEANT) or sounds_like_perplexity(name)
    return not (other or part_of_model(name))


def part_of_model(name: str) -> bool:
    """Whether a column is called like the parameters of one part of a model, e.g. `params_lm_head`."""
    plain = _plain(name)
    return "param" in plain and bool(_PART.search(plain)) and not _ALL_BUT.search(plain)


def sounds_like_compute(name: str) -> bool:
    """Whether a column may be the compute of runs, in whatever unit; not of data or of time."""
    plain = _plain(name)
    return bool(_COMPUTE.search(plain)) and not _RATE.search(plain)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _best(field: str, names: Sequence[str]) -> str:
    return next((name for name in names if re.search(_PREFERRED[field], name.lower())), names[0])


def _close(alias: str, name: str) -> bool:
    return bool(difflib.get_close_matches(alias, [name], cutoff=0.8))
