"""What a sweep's directory holds beyond its law: the runs with their cost and curves, and the spec."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flops_fit.fit import ScalingLaw
from flops_fit.runs import RUNS_FILE, SPEC_FILE, RunRecord, RunStore
from flops_fit.runs.curves import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A directory, as far as it is about the runs of one law."""

    records: tuple[RunRecord, ...]
    curves: Mapping[str, Curve]
    spec: str
    """The spec as JSON; empty where the directory holds none."""


def read_kept(directory: str | Path | None, law: ScalingLaw) -> Kept | None:
    """Return what a directory holds of the runs of a law; None where there is nothing.

    Raises:
        StoreError: the directory holds a damaged sweep.
    """
    if directory is None or not (Path(directory) / RUNS_FILE).is_file():
        return None
    with RunStore(Path(directory) / RUNS_FILE, read_only=True) as store:
        read, curves = store.read(), store.curves()
    ours = {*law.points.run_ids, *(run.run_id for run in law.points.excluded)}
    records = tuple(record for record in read if record.run_id in ours)
    if not records:
        return None
    return Kept(records=records, curves=curves, spec=_spec(Path(directory) / SPEC_FILE))


def _spec(path: Path) -> str:
    try:
        return json.dumps(json.loads(path.read_text(encoding="utf-8"))["spec"], indent=2)
    except (OSError, ValueError, LookupError, TypeError):  # a report does without
        return ""
