"""A law that was kept, read back; where there is none yet, how to come by it."""

import shlex
from pathlib import Path

from flops_fit.errors import StoreError, by_interface
from flops_fit.fit import law_from_json
from flops_fit.result.scaling import LAW_FILE, ScalingResult
from flops_fit.runs import RUNS_FILE, SPEC_FILE


def load(path: str | Path) -> ScalingResult:
    """Read a law that `save` wrote: a file, or a directory that holds a `law.json`.

    Raises:
        StoreError: there is no such file (`no-law`).
        FitError: the file is no law (`not-a-law`).
    """
    source = Path(path) / LAW_FILE if Path(path).is_dir() else Path(path)
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if _holds_runs(path):
            raise _not_yet(Path(path)) from None
        raise StoreError(
            f"There is no law to read at {source.absolute()}: {getattr(error, 'strerror', None) or error}.",
            fix="fit runs first: "
            + by_interface(
                command="flops-fit fit RUNS --out DIR", python="flops_fit.fit_runs(RUNS, out=DIR)"
            ),
            code="no-law",
        ) from None  # the message says it all
    return ScalingResult(law_from_json(text, source=str(source)), kept=Path(path))


def _holds_runs(path: str | Path) -> bool:
    return (Path(path) / RUNS_FILE).is_file() and not (Path(path) / LAW_FILE).exists()


def _not_yet(sweep: Path) -> StoreError:
    """Say how a sweep that was not fitted yet comes to its law."""
    at = str(sweep)
    again = "by the call that began it"
    run = f"go on with it: flops-fit run {shlex.quote(str(sweep / SPEC_FILE))}"
    go_on = f"go on with it {again}" if _of_objects(sweep) else run
    return StoreError(
        f"There is no law in {at} yet: its sweep is under way or was stopped, and it is fitted at its end.",
        fix=by_interface(
            command=f"{go_on}; or fit the runs that it has: flops-fit fit {shlex.quote(at)} --out DIR",
            python=f"go on with it {again}; or fit the runs that it has: flops_fit.fit_runs({at!r}, out=DIR)",
        ),
        code="no-law",
    )


def _of_objects(sweep: Path) -> bool:
    """Whether a sweep was begun from somebody's own objects, which its spec can only name."""
    try:
        return '"python_model"' in (sweep / SPEC_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return True
