"""The runs of a sweep in one SQLite file, committed run by run."""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flops_fit.errors import StoreError
from flops_fit.runs.audit import Audit
from flops_fit.runs.curves import INSERT_POINT, SELECT_POINTS, Curve, curves_of, rows_of
from flops_fit.runs.metrics import metrics_as_text, metrics_of
from flops_fit.runs.record import COLUMNS, RunRecord
from flops_fit.runs.schema import CREATE, MIGRATIONS, SCHEMA_VERSION

RUNS_FILE = "runs.sqlite"
"""What the file is called in the directory of a sweep."""
SPEC_FILE = "spec.json"
"""What the file beside it is called that holds the spec and the plan."""

BUSY_S = 60.0
"""How long a write waits for another process before it gives up."""

_INSERT = f"""
INSERT INTO runs ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))})
ON CONFLICT (run_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}
WHERE runs.status = 'failed'
"""  # noqa: S608 - names come from the fields of RunRecord, never from a user
_AUDIT_COLUMNS = tuple(field.name for field in fields(Audit))
_INSERT_AUDIT = f"""
INSERT OR REPLACE INTO audits ({", ".join(_AUDIT_COLUMNS)}) VALUES ({", ".join("?" * len(_AUDIT_COLUMNS))})
"""  # noqa: S608 - same


class RunStore:
    """Keeps one row per run; what `add` has returned from survives a kill at any moment.

    A completed or diverged row is final. A failed one is replaced when the run is tried again, which the
    next start of the sweep does. Several processes may use one file: each write is one short transaction.

    SQLite's rollback journal is meant, not its write-ahead log: between two writes all rows are in the
    one file, so a copied directory is complete, and network file systems, which lack shared memory, work
    as well.

    Args:
        path: The file; created, with its directory, unless `read_only`.
        read_only: Refuse writes and require that the file exists.

    Raises:
        StoreError: `store-missing`, `store-not-a-sweep`, `store-newer`, `store-not-writable`, `store-full`,
            `store-busy` or `store-damaged`, here or from any method.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        if read_only and not path.is_file():
            raise StoreError(
                f"There is no sweep in {path.parent}: it holds no {path.name}.",
                fix="name a directory that `flops-fit run` wrote",
                code="store-missing",
            )
        with self._explained():
            self._connection = _connect(path, read_only=read_only)
            try:
                self._check_schema(read_only=read_only)
            except BaseException:
                self._connection.close()
                raise

    def add(self, record: RunRecord) -> None:
        """Commit one run, unless a completed or diverged row already has its id."""
        with self._explained(), self._transaction():
            self._connection.execute(_INSERT, _cells(record))
            self._connection.executemany(INSERT_POINT, rows_of(record.run_id, record.curve))

    def adopt(self, run_ids: Collection[str], plan_id: str) -> None:
        """Count finished rows as part of a plan that holds the very same runs."""
        rows = [(plan_id, run_id, plan_id) for run_id in run_ids]
        with self._explained(), self._transaction():
            self._connection.executemany(
                "UPDATE runs SET plan_id = ? WHERE run_id = ? AND plan_id != ?", rows
            )

    def read(self, run_ids: Collection[str] | None = None) -> tuple[RunRecord, ...]:
        """Return the runs named, or all, by budget, size and seed, whatever the order they ended in."""
        with self._explained():
            names = [name for name in COLUMNS if name in self._columns("runs")]
            rows = self._connection.execute(
                f"SELECT {', '.join(names)} FROM runs ORDER BY budget, n_params, seed, run_id"  # noqa: S608 - same
            ).fetchall()
        records = (_record(dict(zip(names, row, strict=True))) for row in rows)
        wanted = None if run_ids is None else frozenset(run_ids)
        return tuple(record for record in records if wanted is None or record.run_id in wanted)

    def add_audit(self, audit: Audit) -> None:
        """Commit what a run that was trained a second time, alone, came to."""
        with self._explained(), self._transaction():
            self._connection.execute(_INSERT_AUDIT, astuple(audit))

    def audits(self) -> tuple[Audit, ...]:
        """Return the audits of all runs."""
        with self._explained():
            if not self._columns("audits"):  # a file of an earlier release, opened for reading
                return ()
            rows = self._connection.execute(
                f"SELECT {', '.join(_AUDIT_COLUMNS)} FROM audits ORDER BY run_id"  # noqa: S608 - same
            ).fetchall()
        return tuple(Audit(**dict(zip(_AUDIT_COLUMNS, row, strict=True))) for row in rows)

    def curves(self) -> dict[str, Curve]:
        """Return how the loss of each run fell, by its id."""
        with self._explained():
            if not self._columns("curves"):  # a file of an earlier release, opened for reading
                return {}
            return curves_of(self._connection.execute(SELECT_POINTS).fetchall())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_schema(self, *, read_only: bool) -> None:
        version = self._version()
        if version < SCHEMA_VERSION and not read_only:
            self._bring_up_to_date()
        elif version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer flops-fit: schema {version}, not {SCHEMA_VERSION}.",
                fix="upgrade flops-fit, or name another output_dir",
                code="store-newer",
            )
        elif version == 0:
            raise self._foreign()

    def _bring_up_to_date(self) -> None:
        with self._transaction():
            version = self._version()  # another process may have been faster
            if version == 0 and self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (
                0,
            ):
                raise self._foreign()
            missing = chain.from_iterable(MIGRATIONS[step] for step in range(max(version, 1), SCHEMA_VERSION))
            for statement in missing if version else CREATE:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _columns(self, table: str) -> list[str]:
        """Return the columns of a table; none if the file has no such table."""
        return [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")]

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _foreign(self) -> StoreError:
        return StoreError(
            f"{self.path} is not a file of flops-fit runs.",
            fix="name another output_dir, or move the file away",
            code="store-not-a-sweep",
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: take the write lock first, so that two processes queue up instead of deadlocking.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite or the file system says into a StoreError."""
        try:
            yield
        except OSError as error:
            raise _not_writable(self.path, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.DatabaseError) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_NOTADB"):
            return self._foreign()
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            return _not_writable(self.path, str(error))
        if name.startswith("SQLITE_FULL"):
            return StoreError(
                f"The disk that holds {self.path} is full.",
                fix="free some space and start the same command again; finished runs are kept",
                code="store-full",
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreError(
                f"Another process held {self.path} for more than {BUSY_S:.0f} s.",
                fix="end the other process, or name another output_dir",
                code="store-busy",
            )
        return StoreError(
            f"{self.path} cannot be used: {error}.",
            fix="restore the file from a copy, or move it away and train again",
            code="store-damaged",
        )


def _cells(record: RunRecord) -> list[object]:
    values = (getattr(record, name) for name in COLUMNS)
    return [metrics_as_text(value) if isinstance(value, Mapping) else value for value in values]


def _record(cells: dict[str, Any]) -> RunRecord:
    return RunRecord(**{**cells, "metrics": metrics_of(cells.get("metrics", "")) or {}})


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Mode rw even for reading: SQLite itself falls back to reading where it may not write, and where it
    # may, it can roll back what a killed writer left behind.
    mode = "rw" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
    )
    if read_only:
        with closing(connection.execute("PRAGMA query_only = on")):
            pass
    return connection


def _not_writable(path: Path, detail: str) -> StoreError:
    return StoreError(
        f"{path} cannot be opened or written ({detail}).",
        fix=f"make {os.fspath(path.parent)!r} a directory that you may write to, or name another output_dir",
        code="store-not-writable",
    )
