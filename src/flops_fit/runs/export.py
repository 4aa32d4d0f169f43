"""Runs as files for other tools: CSV, Parquet or JSON lines."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from flops_fit.errors import TableError, unwritable
from flops_fit.runs import record
from flops_fit.runs.cells import KINDS
from flops_fit.runs.metrics import metrics_as_text
from flops_fit.runs.record import RunRecord
from flops_fit.runs.rows import JSON_LINES, PARQUET, arrow, written

_FIRST = (
    "run_id budget size seed n_params n_params_nonembedding n_units flops flops_6nd loss status reason wall_s"
)
COLUMNS = (*_FIRST.split(), *(name for name in record.COLUMNS if name not in _FIRST.split()))
"""Columns of an exported table, in order."""


def write_table(
    records: Sequence[RunRecord], path: str | Path, *, units: Mapping[str, str] | None = None
) -> None:
    """Write runs in the order of `COLUMNS`, in the format that the suffix names; CSV where there is none.

    `load_table` gives the same runs back.

    Args:
        records: The runs.
        path: Where to.
        units: Further columns that say the same of every run: `unit` of D, `loss_unit`.

    Raises:
        TableError: `unknown-format`, or `needs-pyarrow` for Parquet where it is not installed.
        StoreError: `unwritable-file`.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    try:
        if suffix in PARQUET:
            _write_parquet(records, target, units or {})
        elif suffix in JSON_LINES:
            _write_json_lines(records, target, units or {})
        elif suffix in {".csv", ""}:
            _write_csv(records, target, units or {})
        else:
            raise _unknown_format(target)
    except OSError as error:
        raise unwritable(target, error) from None


def _write_csv(records: Sequence[RunRecord], path: Path, units: Mapping[str, str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *units])
        writer.writerows(
            [*(written(getattr(record, name)) for name in COLUMNS), *units.values()] for record in records
        )


def _write_json_lines(records: Sequence[RunRecord], path: Path, units: Mapping[str, str]) -> None:
    lines = (json.dumps({**{name: getattr(record, name) for name in COLUMNS}, **units}) for record in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_parquet(records: Sequence[RunRecord], path: Path, units: Mapping[str, str]) -> None:
    pa, pq = arrow()
    types = {"float": pa.float64(), "int": pa.int64(), "text": pa.string(), "metrics": pa.string()}
    stored = {name: KINDS[name].stored for name in COLUMNS} | dict.fromkeys(units, "text")
    schema = pa.schema([(name, types[kind]) for name, kind in stored.items()])
    cells = {name: [getattr(record, name) for record in records] for name in COLUMNS}
    cells |= {name: [unit] * len(records) for name, unit in units.items()}
    cells["metrics"] = [metrics_as_text(record.metrics) for record in records]
    pq.write_table(pa.table(cells, schema=schema), path)


def _unknown_format(path: Path) -> TableError:
    return TableError(
        f"{path}: {path.suffix!r} is no format of a table; formats: .csv, .parquet, .jsonl.",
        fix=f"name it {path.with_suffix('.csv')}",
        code="unknown-format",
    )
