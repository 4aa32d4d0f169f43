"""Tables that other tools write: which of their columns is which of our fields.

Sources, as seen in public repositories in November 2026:
    wandb: the table of a project as the web page exports it (a column per key of config and summary, and
        `State`), and the script "Querying multiple runs" of the public API guide, which writes `name`,
        `config` and `summary`.
    nanochat: `results.csv` of `runs/scaling_laws.sh` in karpathy/nanochat; its loss is in bits per byte, and
        its runs last until the budget is spent.
    marin: `tracker_metrics.jsonl` of a run, and the table `transform_metrics_for_isoflop` makes of them, in
        marin-community/marin; compute is in GFLOPs.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from flops_fit.errors import TableError, text_argument
from flops_fit.runs.cells import times
from flops_fit.runs.columns import NEEDED, SYMBOLS, place_of
from flops_fit.runs.record import COLUMNS
from flops_fit.runs.rows import Row, Rows


class Column(NamedTuple):
    """A column of another tool, without `config.` or `summary.` before its name."""

    name: str
    factor: float = 1.0
    """What turns its numbers into ours."""
    loss_unit: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a tool names our fields."""

    columns: Mapping[str, Sequence[Column]]
    """Our field to theirs, the preferred first."""
    signs: Sequence[str] = ()
    """Columns that tables of nobody else have; none where its other columns and states give it away."""


_STATE = ("State", "state")
"""Columns that say how a run ended."""
_WANDB = frozenset({"_step", "_runtime", "_timestamp", "created"})
"""Columns of which a table of a W&B project has some, beside the state of its runs; without capitals."""
_STATES = frozenset(
    {"finished", "crashed", "failed", "killed", "running", "preempted", "preempting", "pending"}
)
"""What W&B says of runs, without capitals."""


_SEED = (Column("seed"), Column("trainer.seed"))
_LOSS = tuple(
    Column(f"eval/paloma/c4_en/{kind}", loss_unit=unit) for kind, unit in (("bpb", "bits per byte"),)
)
LAYOUTS = {
    "wandb": Layout(
        columns={
            "run_id": (Column("ID"), Column("id"), Column("Name"), Column("name")),
            "size": (Column("Name"), Column("name")),
            "seed": _SEED,
            "wall_s": (Column("_runtime"), Column("_wandb.runtime")),
        },
    ),
    "nanochat": Layout(
        columns={
            "n_params": (Column("params_total"), Column("num_params")),
            "n_params_nonembedding": (Column("params_transformer"),),
            "n_units": (Column("tokens_trained"),),
            "loss": (Column("val_bpb", loss_unit="bits per byte"), Column("val_loss")),
            "flops": (Column("flops_budget"),),
            "budget": (Column("flops_budget"),),
            "size": (Column("depth"),),
            "wall_s": (Column("train_time_sec"),),
        },
        signs=("tokens_trained", "val_bpb"),
    ),
    "marin": Layout(
        columns={
            "run_id": (Column("run_path"), Column("name"), Column("Name")),
            "n_params": (Column("parameter_count"), Column("params")),
            "n_units": (Column("throughput/total_tokens"), Column("tokens")),
            "loss": (*_LOSS, Column("eval/loss")),
            "flops": (Column("throughput/total_gflops", 1e9), Column("total_gflops", 1e9)),
            "size": (Column("run_path"), Column("name"), Column("Name")),
            "seed": _SEED,
            "batch_size": (Column("trainer.train_batch_size"),),
            "wall_s": (Column("_runtime"),),
        },
        signs=("throughput/total_tokens", "throughput/total_gflops"),
    ),
}


def layout_of(names: Sequence[str], rows: Iterable[Sequence[str]] = ()) -> str | None:
    """Return the layout that gives itself away by its columns or its states, None where none does."""
    for name, layout in LAYOUTS.items():
        signed = layout.signs and all(place_of(names, sign) is not None for sign in layout.signs)
        if signed and known_fields(names, name) >= set(NEEDED):
            return name
    return "wandb" if _is_wandb([name.lower() for name in names], rows) else None


def known_fields(names: Sequence[str], layout: str | None) -> frozenset[str]:
    """Return our fields for which a layout knows one of the columns; none without a layout."""
    columns = LAYOUTS[layout].columns if layout else {}
    return frozenset(
        field for field, known in columns.items() if any(place_of(names, c.name) is not None for c in known)
    )


def _is_wandb(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    if "state" not in names:
        return False
    place = names.index("state")
    states = {cells[place].strip().lower() for cells in rows if len(cells) == len(names)} - {""}
    of_wandb = any(name in _WANDB or name.startswith(("config.", "summary.")) for name in names)
    return of_wandb or bool(states and states <= _STATES)


class Translated(NamedTuple):
    """A table with our columns behind its own."""

    rows: Rows
    loss_unit: str


def translated(rows: Rows, name: str, wanted: Mapping[str, str]) -> Translated:
    """Add a column for each of our fields that a layout finds in a table and that the table does not have.

    Runs that did not finish become failed ones, so that they are counted and not fitted. Fields that are
    `wanted` from other columns are left alone.

    Raises:
        TableError: nobody knows the layout (`unknown-layout`).
    """
    layout = LAYOUTS.get(str(name)) or _unknown(str(name))
    taken = {*rows.header, *(SYMBOLS.get(key, key) for key in wanted)}
    added = {field: column for field, column in _found(rows.header, layout) if field not in taken}
    loss_unit = added["loss"][1].loss_unit if "loss" in added else "unknown"
    state = next((rows.header.index(column) for column in _STATE if column in rows.header), None)
    if state is not None and not {"status", "reason"} & set(rows.header):
        header = (*rows.header, *added, "status", "reason")
    else:
        state, header = None, (*rows.header, *added)
    translated_rows = tuple(
        _extended(row, list(added.values()), state, len(rows.header)) for row in rows.rows
    )
    return Translated(replace(rows, header=header, rows=translated_rows), loss_unit)


def _found(header: Sequence[str], layout: Layout) -> Iterator[tuple[str, tuple[int, Column]]]:
    """Yield each of our fields with the place and the kind of the preferred column that there is."""
    for field in COLUMNS:
        for column in (*layout.columns.get(field, ()), Column(field)):
            if (place := place_of(header, column.name)) is not None:
                yield field, (place, column)
                break


def _extended(row: Row, added: Sequence[tuple[int, Column]], state: int | None, width: int) -> Row:
    """Append the translated cells; a row of another width is left for the reader to complain about."""
    if len(row.cells) != width:
        return row
    cells = [times(row.cells[place], column.factor) for place, column in added]
    if state is not None:
        ended = row.cells[state].strip()
        cells += ["", ""] if ended.lower() == "finished" else ["failed", f"its state is {ended!r}"]
    return Row(row.name, [*row.cells, *cells])


def _unknown(name: str) -> Layout:
    near = (difflib.get_close_matches(name, LAYOUTS, n=1) or ["wandb"])[0]
    raise TableError(
        f"No layout is called {name!r}; known: {', '.join(LAYOUTS)}.",
        fix=f"use {near!r}, or name the columns: "
        + text_argument("columns", {"N": "params", "D": "tokens", "loss": "val_loss"}),
        code="unknown-layout",
    )
