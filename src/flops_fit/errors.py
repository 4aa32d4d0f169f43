"""Every exception that flops-fit raises.

    FlopsFitError
    ├── SpecError        (ValueError)    a sweep spec is wrong; carries every problem at once
    ├── PluginError      (LookupError)   a component name, plugin or plugin object does not work
    ├── TableError       (ValueError)    a table of runs cannot be read
    ├── DataError        (RuntimeError)  training data is missing or unusable
    ├── StoreError       (RuntimeError)  a sweep directory cannot be read or written
    ├── TrainingError    (RuntimeError)  no run of a sweep can start
    ├── FitError         (ValueError)    the runs cannot determine the answer
    └── UsageError       (ValueError)    a command line that no command takes

Each message has three parts: the problem (where, what was found, what is allowed), the fix (something to
paste or to do) and the command that explains its code, from docs/reference/errors.md.
"""

import difflib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SLIP, _SAME_KIND = 0.8, 0.6
"""Similarity from which on a stem is another, misspelt, and from which on a suffix is."""
_TO_COMMAND_LINE = ContextVar("to_command_line", default=False)


@contextmanager
def speaking_to_command_line() -> Iterator[None]:
    """Let errors made in the block spell arguments as options: who types commands sees no Python."""
    before = _TO_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _TO_COMMAND_LINE.reset(before)


def by_interface(*, command: str, python: str) -> str:
    """Return the wording for whoever asks: on the command line, or in Python."""
    return command if _TO_COMMAND_LINE.get() else python


def argument(name: str, value: str = "") -> str:
    """Spell an argument as whoever asks would: `n_params=1e8`, on the command line `--n-params 1e8`."""
    return by_interface(
        command=f"--{name.replace('_', '-')} {value}".removesuffix(" True").rstrip(),
        python=f"{name}={value}" if value else name,
    )


def text_argument(name: str, value: str | Mapping[str, str]) -> str:
    """Spell an argument of text, or of names and texts: `where={"data": "c4"}`, as `--where data=c4`."""
    pairs = value if isinstance(value, str) else ",".join(f"{key}={text}" for key, text in value.items())
    return by_interface(
        command=argument(name, shlex.quote(pairs)),
        python=argument(name, json.dumps(value, ensure_ascii=False)),
    )


def near_file(path: Path) -> Path | None:
    """Return the file that was meant where there is none at `path`: beside it, and spelt much like it.

    Stem and suffix are compared apart: a suffix in common makes any two names look alike.
    """
    files = [] if path.exists() else sorted(path.parent.glob("*.*"))
    kind = [file for file in files if _similar(file.suffix, path.suffix) >= _SAME_KIND]
    near = [file for file in kind if _similar(file.stem, path.stem) >= _SLIP]
    return max(near, key=lambda file: _similar(file.name, path.name), default=None)


def _similar(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


class FlopsFitError(Exception):
    """Something that the user can put right; the command line prints it without a traceback."""

    def __init__(self, problem: str, *, fix: str, code: str) -> None:
        super().__init__(problem)
        self.problem, self.fix, self.code = problem, fix, code

    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.fix}\n  see: flops-fit explain {self.code}"

    # Workers pickle exceptions, and the default reduction loses keyword-only arguments.
    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.problem, self.fix, self.code))


def _rebuild(cls: type[FlopsFitError], problem: str, fix: str, code: str) -> FlopsFitError:
    return cls(problem, fix=fix, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a spec: where it is, what was found, what is allowed and how to mend it."""

    where: str
    problem: str
    fix: str
    code: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  fix: {self.fix}\n  see: flops-fit explain {self.code}"


class SpecError(FlopsFitError, ValueError):
    """A sweep spec that cannot be trained as written."""

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[Problem], *, source: str) -> Self:
        """Collect every problem of the spec read from `source` into one error."""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        error = cls(f"{count} in {source}", fix=problems[0].fix, code=problems[0].code)
        error.problems = tuple(problems)
        return error

    def __str__(self) -> str:
        if not self.problems:
            return super().__str__()
        return "\n".join(
            [f"{self.problem}:", *(_indented(f"{i}. {p}") for i, p in enumerate(self.problems, 1))]
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_spec_error, (self.problem, self.fix, self.code, self.problems))


def _rebuild_spec_error(problem: str, fix: str, code: str, problems: tuple[Problem, ...]) -> SpecError:
    error = SpecError(problem, fix=fix, code=code)
    error.problems = problems
    return error


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


class PluginError(FlopsFitError, LookupError):
    """A component that is not installed, or a plugin object that breaks the contract."""


class TableError(FlopsFitError, ValueError):
    """A table of runs that cannot be read as runs."""


class DataError(FlopsFitError, RuntimeError):
    """Training data that is missing or unusable."""


class StoreError(FlopsFitError, RuntimeError):
    """A sweep directory that cannot be read or written."""


def unwritable(path: Path, error: OSError) -> StoreError:
    """Return the error about a result that cannot be written to `path`."""
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}.",
        fix="name a file in a folder that exists and that you may write to",
        code="unwritable-file",
    )


class TrainingError(FlopsFitError, RuntimeError):
    """A sweep of which no run can start."""


class FitError(FlopsFitError, ValueError):
    """Runs that cannot determine the answer."""


class UsageError(FlopsFitError, ValueError):
    """A command line that no command takes."""


class PluginWarning(UserWarning):
    """A plugin that was skipped, with the reason."""
