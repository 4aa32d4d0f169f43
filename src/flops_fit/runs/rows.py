"""Where the rows of a table come from: CSV, Parquet, JSON lines, a JSON list or a pandas DataFrame."""

import csv
import importlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from flops_fit.errors import TableError, near_file
from flops_fit.runs.complaints import Complaint, collected
from flops_fit.text_columns import some


class Row(NamedTuple):
    """One row as text, whatever it was stored as."""

    name: str
    """Where to look for it, e.g. 'line 5' of a file as an editor counts."""
    cells: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table as it was written, before anybody knows what its columns mean."""

    source: str
    """What messages call it."""
    header: tuple[str, ...]
    rows: tuple[Row, ...]


@runtime_checkable
class DataFrame(Protocol):
    """What we use of a pandas DataFrame; pandas itself is never imported."""

    @property
    def columns(self) -> Iterable[Any]:
        """Names of the columns."""

    def itertuples(self, *, index: bool = True, name: str | None = None) -> Iterable[tuple[Any, ...]]:
        """Yield the label of each row and its values."""


def read_rows(source: str | Path | DataFrame) -> Rows:
    """Read every cell of a table as text; the suffix of a file says how.

    Raises:
        TableError: `no-table`, `table-format`, `unknown-format` or `needs-pyarrow`.
    """
    if isinstance(source, DataFrame):
        rows = (
            Row(f"row {label}", [written(v) for v in cells])
            for label, *cells in source.itertuples(index=True, name=None)
        )
        return Rows(source="the DataFrame", header=_names(source.columns), rows=tuple(rows))
    path = Path(source)
    suffix = path.suffix.lower()
    try:
        if suffix in PARQUET:
            return _read_parquet(path)
        text = _text(path)
    except OSError as error:
        raise TableError(
            f"{path} cannot be read: {error.strerror or error}.",
            fix=f"use {near}"
            if (near := near_file(path))
            else "give the path of a CSV, Parquet or JSON lines file, or of a sweep directory",
            code="no-table",
        ) from None
    if suffix in JSON_LINES:
        return _of_objects(path, _json_lines(path, text))
    return _of_objects(path, _json_list(path, text)) if suffix == ".json" else _read_csv(path, text)


PARQUET, JSON_LINES = frozenset({".parquet", ".pq"}), frozenset({".jsonl", ".ndjson"})
TABLES = frozenset({".csv", ".json"}) | PARQUET | JSON_LINES
"""What the suffix of a table is; of JSON, a list of objects is one."""


def written(value: Any) -> str:
    """Write a value so that reading it gives it back: repr keeps every digit of a float; missing is empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(dict(value), default=str) if value else ""
    if value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value:  # noqa: PLR0124 - NaN
        return ""
    try:
        return repr(float(value)) if type(value).__name__.startswith("float") else str(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "inf"


def arrow() -> tuple[ModuleType, ModuleType]:
    """Return pyarrow and its Parquet module.

    Raises:
        TableError: they are not installed (`needs-pyarrow`).
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise TableError(
            "Parquet files take the package pyarrow, which is not installed.",
            fix="pip install pyarrow, or use CSV or JSON lines",
            code="needs-pyarrow",
        ) from None


def _names(columns: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(name).strip() for name in columns)


# ---- CSV

_SIGNATURES = (
    (b"PAR1", "it is a Parquet file", "name it FILE.parquet"),
    (b"\x1f\x8b", "it is compressed", "unpack it: gunzip FILE"),
    (b"PK\x03\x04", "it is an Excel file or a zip archive", "save it as CSV"),
    (b"SQLite format 3", "it is an SQLite file", "give the directory of the sweep that holds it"),
    (b"\xff\xfe", "it is UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16", "save it as UTF-8"),
)
"""First bytes of files that are given by mistake."""


def _text(path: Path) -> str:
    """Return a text file without its byte order mark."""
    content = path.read_bytes()
    for signature, problem, fix in _SIGNATURES:
        if content.startswith(signature):
            raise _unusable(path, problem, fix.replace("FILE", str(path)))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(path, f"it is no UTF-8 text: {error}", "save it as comma-separated UTF-8") from None
    if not text.strip():
        raise _unusable(path, "it is empty", "write a header and one row per run")
    return text


def _read_csv(path: Path, text: str) -> Rows:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
        lines = [Row(f"line {reader.line_num}", cells) for cells in reader if cells]
    except csv.Error as error:
        raise _unusable(path, f"it is no CSV file: {error}", "save it as comma-separated UTF-8") from None
    header = _names(lines[0].cells)
    return Rows(source=str(path), header=header, rows=tuple(lines[1:]))


def _separator(text: str) -> str:
    """Return what separates the names of columns: a comma, unless there is none and one other mark is."""
    header = text.lstrip().partition("\n")[0]
    found = [mark for mark in ";\t|" if mark in header]
    return found[0] if "," not in header and len(found) == 1 else ","


def _unusable(path: Path, problem: str, fix: str) -> TableError:
    return collected(str(path), [Complaint(problem, fix, "table-format")])


# ---- JSON

_NAMED = 'give one JSON object per run, e.g. {"N": 1e6, "D": 2e7, "loss": 3.5}'


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, object]]:
    """Yield the value of each line with its name, after all lines were tried."""
    values: list[tuple[str, object]] = []
    bad: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append((f"line {number}", json.loads(line)))
            except (ValueError, RecursionError) as error:
                bad.append(f"line {number}: {error}")
    if bad:
        raise _unusable(path, f"not every line is JSON; {some(bad)}", _NAMED)
    yield from values


def _json_list(path: Path, text: str) -> Iterator[tuple[str, object]]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(
            path, f"it is no JSON: {error}", f"{_NAMED}, in a list, or name it .jsonl if each line is one"
        ) from None
    if not isinstance(values, list):
        raise _unusable(
            path,
            f"it holds {_kind(values)} instead of a list of objects",
            'write it with frame.to_json(FILE, orient="records"), or one object per line as .jsonl',
        )
    yield from ((f"row {number}", value) for number, value in enumerate(values, 1))


def _of_objects(path: Path, values: Iterable[tuple[str, object]]) -> Rows:
    """Make rows of JSON objects; the header is every key that one of them has."""
    objects: list[tuple[str, Mapping[str, object]]] = []
    bad: list[str] = []
    for name, value in values:
        if isinstance(value, Mapping):
            objects.append((name, value))
        else:
            bad.append(f"{name} is {_kind(value)}")
    if bad:
        raise _unusable(path, f"not every run is an object: {some(bad)}", _NAMED)
    keys = list(dict.fromkeys(key for _, found in objects for key in found))
    rows = (Row(name, [written(found.get(key)) for key in keys]) for name, found in objects)
    return Rows(source=str(path), header=_names(keys), rows=tuple(rows))


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


# ---- Parquet


def _read_parquet(path: Path) -> Rows:
    _, pq = arrow()
    try:
        table = pq.ParquetFile(path).read()
        columns: Sequence[list[Any]] = [column.to_pylist() for column in table.columns]
    except (ValueError, OverflowError, NotImplementedError) as error:  # what pyarrow makes of a bad file
        reason = f"it is no Parquet file that pyarrow can read: {error}".rstrip(".")
        raise _unusable(path, reason, "write it anew, e.g. with pandas") from None
    rows = (
        Row(f"row {number}", [written(value) for value in cells])
        for number, cells in enumerate(zip(*columns, strict=True), 1)
    )
    return Rows(source=str(path), header=_names(table.column_names), rows=tuple(rows))
