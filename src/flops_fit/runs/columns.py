"""Which column of a table holds what: by our names, by symbols, or as the user says."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flops_fit.errors import by_interface, text_argument
from flops_fit.runs.cells import number
from flops_fit.runs.complaints import Complaint
from flops_fit.runs.guesses import (
    likely,
    may_be_meant,
    part_of_model,
    perplexity,
    step_counter,
    units_of_steps,
)
from flops_fit.runs.record import COLUMNS
from flops_fit.text_columns import some

SYMBOLS = {
    "N": "n_params",
    "N_no_embed": "n_params_nonembedding",
    "D": "n_units",
    "C": "flops",
    "group": "budget",
}
"""Short names that a table may use instead of ours."""

PREFIXES = ("", "summary.", "config.")
"""What trackers put before the names of columns."""

NEEDED = {"n_params": "N", "n_units": "D", "loss": "loss"}
"""Columns that no table can do without, and what `--columns` calls them."""

_MEANS = {
    "n_params": "the parameters of each model",
    "n_units": "the tokens or samples that each run saw",
    "loss": "the final held-out loss of each run",
}
"""What to put into a column that has to be added."""

_ANY = "COLUMN"
"""Stands in a fix for a column that nothing is guessed for."""
_MANY = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each of our fields stands in a row."""

    names: tuple[str, ...]
    """The table's own header, and behind it what a layout added."""
    places: Mapping[str, int]
    """Field of `RunRecord` to index; only those found."""
    n_own: int | None = None
    """How many names are the table's own; None: all."""

    @property
    def own(self) -> tuple[str, ...]:
        """The names that somebody who looks into the table finds there."""
        return self.names[: self.n_own]

    def called(self, name: str) -> str:
        """Return what the table calls one of our fields."""
        return self.names[self.places[name]]

    def cell(self, cells: Sequence[str], name: str) -> str:
        """Return the cell of one field, empty where the table has no such column."""
        return cells[self.places[name]] if name in self.places else ""


def find_columns(
    header: Sequence[str],
    wanted: Mapping[str, str],
    layout: str | None = None,
    n_own: int | None = None,
    told: Collection[str] = (),
) -> tuple[Columns, list[Complaint]]:
    """Find our fields in a header, as `wanted` says (N -> params) and otherwise by name.

    Fixes repeat `layout`, which the table was or should be read by, and what of `wanted` is right, so that
    pasting one in the place of what was typed loses nothing. The first `n_own` names are the table's, the
    others were added by its layout. Of the fields `told` fixes say nothing: `layout` will find their columns.
    """
    names = tuple(cell.strip() for cell in header)
    ours = set(COLUMNS)
    given, wanted = wanted, _turned(names, wanted)
    asked = {SYMBOLS.get(key, key): column for key, column in wanted.items()}
    places = _by_name(names, ours) | {
        key: place for key, column in asked.items() if (place := place_of(names, column)) is not None
    }
    places = {key: place for key, place in places.items() if key in ours}
    columns = Columns(names=names, places=places, n_own=n_own)
    missing = [name for name in NEEDED if name not in columns.places and name not in asked]
    unknown = [name for name in (*NEEDED, "flops") if name not in {*columns.places, *asked, *told}]
    fix = _to_paste(columns, wanted, unknown if missing else [], layout)
    complaints = [
        *_backwards(given, wanted, fix),
        *_misdirected(columns, wanted, ours, fix),
        *_missing(columns, missing, fix),
    ]
    return columns, [*complaints, *_repeated(columns)]


def place_of(names: Sequence[str], column: str) -> int | None:
    """Return where a column stands, with or without the prefix that a tracker put before it."""
    found = (prefix + column for prefix in PREFIXES if prefix + column in names)
    name = next(found, None)
    return None if name is None else names.index(name)


def _by_name(names: Sequence[str], ours: set[str]) -> dict[str, int]:
    """Match our names, whatever their capitals, then symbols, which win.

    A table that has both C and `flops` means the compute of the run by the one, something else by the other;
    only `group` gives way, to `budget`.
    """
    by_name = {name.lower(): i for i, name in enumerate(names) if name.lower() in ours}
    by_symbol = {SYMBOLS[name]: i for i, name in enumerate(names) if name in SYMBOLS}
    budget = {"budget": by_name["budget"]} if "budget" in by_name else {}
    return by_name | by_symbol | budget


def _to_paste(columns: Columns, wanted: Mapping[str, str], unknown: Sequence[str], layout: str | None) -> str:
    """Return all options that the table needs, with guesses for what is missing or not there."""
    used = {columns.called(name) for name in columns.places}
    free = [name for name in columns.names if name not in used]
    asked = {key: name for key, name in wanted.items() if SYMBOLS.get(key, key) in COLUMNS}
    pairs = {key: _there(columns, key, name) for key, name in asked.items()}
    pairs |= {NEEDED[name]: likely(name, free) or _ANY for name in unknown if name in NEEDED}
    if "flops" in unknown and (compute := likely("flops", free)):
        pairs["C"] = compute
    rest = [name for name in free if name not in pairs.values()]
    unsaid = _unsaid(pairs)
    if not unsaid:
        return _options(pairs, layout)
    if len(rest) > 1:
        options = f"{_options(pairs, layout)}, where {_ANY} is one of {_listed(rest, _MANY)}"
        return options + _too_few(rest, unsaid) + _made_of_others(columns.names, unsaid)
    return _to_add(columns, pairs | _only_left(unsaid, rest), layout)


def _unsaid(pairs: Mapping[str, str]) -> list[str]:
    """Return the names of fields that no column is known for, of needed ones where there are any."""
    unsaid = [key for key, name in pairs.items() if name == _ANY]
    return [key for key in unsaid if SYMBOLS.get(key, key) in NEEDED] or unsaid


def _only_left(unsaid: Sequence[str], rest: Sequence[str]) -> dict[str, str]:
    """Give the one field without a column the one column without a field, unless that is something else."""
    if len(unsaid) != 1 or len(rest) != 1:
        return {}
    needed = SYMBOLS.get(unsaid[0], unsaid[0]) in NEEDED
    return {unsaid[0]: rest[0]} if may_be_meant(rest[0]) or not needed else {}


def _options(pairs: Mapping[str, str], layout: str | None) -> str:
    said = [text_argument("layout", layout)] if layout else []
    said += [text_argument("columns", pairs)] if pairs else []
    return by_interface(command=" ", python=", ").join(said)


def _too_few(rest: Sequence[str], unsaid: Sequence[str]) -> str:
    return "; add a column for what none of them is" if len(rest) < len(unsaid) else ""


def _made_of_others(names: Sequence[str], unsaid: Sequence[str]) -> str:
    """Say what units and losses are made of where steps and perplexities were logged in their place."""
    steps, ppl, told = step_counter(names), perplexity(names), ""
    if "D" in unsaid and steps:
        told += f"; if {steps} is all there is, add a column D = {units_of_steps(steps, names)}"
    if "loss" in unsaid and ppl:
        told += f"; if {ppl} is all there is, add a column loss = ln({ppl})"
    return told


def _to_add(columns: Columns, pairs: Mapping[str, str], layout: str | None) -> str:
    """Say which columns to add where none is left for a needed field, and what to say then of the others."""
    unsaid = _unsaid(pairs)
    added = ", and ".join(_added(columns, pairs, key) for key in unsaid if SYMBOLS.get(key, key) in NEEDED)
    said = _options({key: name for key, name in pairs.items() if name != _ANY}, layout)
    if not added:
        return said or f"leave out {', '.join(unsaid)}: no column is left for it"
    return f"add to the table {added}" + (f"; then say {said}" if said else "")


def _added(columns: Columns, pairs: Mapping[str, str], key: str) -> str:
    """Describe a column to add; D and the loss also by what they can be computed from."""
    field = SYMBOLS.get(key, key)
    described = f"a column {NEEDED[field]}, {_MEANS[field]}"
    if field == "loss" and (ppl := perplexity(columns.names)):
        return f"{described}: ln({ppl})"
    if field != "n_units":
        return described
    if steps := step_counter(columns.names):
        return f"{described}: {units_of_steps(steps, columns.names)}"
    compute, size = (_stands_in(columns, pairs, symbol) for symbol in ("C", "N"))
    return f"{described}: {compute} / (6 · {size}) where compute is 6·N·D" if compute and size else described


def _stands_in(columns: Columns, pairs: Mapping[str, str], symbol: str) -> str:
    """Return the column that holds N or C, or is said to; empty where none is."""
    field = SYMBOLS[symbol]
    said = pairs.get(symbol, pairs.get(field, columns.called(field) if field in columns.places else ""))
    return "" if said == _ANY else said


def _there(columns: Columns, key: str, column: str) -> str:
    """Return the column, or else the one spelt most like it, or else the one that would be taken unasked."""
    if place_of(columns.names, column) is not None:
        return column
    field = SYMBOLS.get(key, key)
    unasked = columns.called(field) if field in columns.places else _ANY
    whole = [name for name in columns.own if field != "n_params" or not part_of_model(name)]
    return (difflib.get_close_matches(column, whole, n=1) or [unasked])[0]


def _turned(names: Sequence[str], wanted: Mapping[str, str]) -> Mapping[str, str]:
    """Turn the pairs that were written the other way round: the table's column first, our name behind it."""
    ours = {*COLUMNS, *SYMBOLS}
    turned = [
        (name, key) if key not in ours and name in ours and place_of(names, key) is not None else (key, name)
        for key, name in wanted.items()
    ]
    return dict(turned) if len(dict(turned)) == len(turned) else wanted


def _backwards(given: Mapping[str, str], turned: Mapping[str, str], paste: str) -> Iterator[Complaint]:
    """Complain in one go about the pairs of `given` that had to be turned."""
    backwards = [f"{key}={name}" for key, name in given.items() if turned.get(key) != name]
    if backwards:
        yield Complaint(
            f"columns: written the wrong way round: {', '.join(backwards)}; our name comes first, then the "
            "column of the table",
            paste,
            "bad-columns",
        )


def _misdirected(
    columns: Columns, wanted: Mapping[str, str], ours: set[str], paste: str
) -> Iterator[Complaint]:
    allowed = sorted(ours | set(SYMBOLS))
    for key, column in wanted.items():
        if SYMBOLS.get(key, key) not in ours:
            close = [name for name in allowed if name.lower() == key.lower()]
            close += difflib.get_close_matches(key, allowed, n=1)
            fix = text_argument("columns", {close[0]: column}) if close else f"leave out {key}={column}"
            yield Complaint(f"columns: {key!r} is none of {', '.join(allowed)}", fix, "unknown-column")
        elif place_of(columns.names, column) is None:
            yield Complaint(
                f"columns: {key} is said to be {column!r}, but the table has {_listed(columns.own)}",
                paste,
                "missing-column",
            )


def _missing(columns: Columns, missing: Sequence[str], paste: str) -> Iterator[Complaint]:
    """Complain about needed columns in one go, so that the fix is one thing to paste."""
    if not missing:
        return
    if columns.names and all(number(name) is not None for name in columns.names):
        yield Complaint(
            f"its first row holds numbers instead of names of columns: {_listed(columns.names)}",
            "put a header first, e.g. N,D,loss",
            "table-format",
        )
        return
    named = ", ".join(f"{NEEDED[name]} ({name})" for name in missing)
    yield Complaint(
        f"no column for {named}; the table has {_listed(columns.own)}",
        paste,
        "missing-column",
    )


def _repeated(columns: Columns) -> Iterator[Complaint]:
    """Complain about a name that the header has twice, where one of the two would be used."""
    for name in dict.fromkeys(map(columns.called, columns.places)):
        if columns.names.count(name) > 1:
            yield Complaint(
                f"the header has column {name!r} {columns.names.count(name)} times",
                "rename or delete all but one of them",
                "repeated-column",
            )


def _listed(names: Sequence[str], most: int = 12) -> str:
    return some([_clipped(name) for name in names], most) or "no columns"


def _clipped(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:27]}..."
