"""States of a trunk in files: one file each, replaced whole, read without pickle."""

import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from flops_fit.engine.reproducible import Generators
from flops_fit.engine.state import State
from flops_fit.errors import StoreError

Place = Literal["trunk", "cooldown"]
"""Which state: the last one that every later run of the trunk shares, or the last one of a run's own."""

FORMAT = 1
"""Raised whenever a release writes something else."""


class Memory:
    """Keeps the state where a trunk branches off in memory, for a trunk without a directory."""

    def __init__(self) -> None:
        self._states: dict[Place, State] = {}

    def save(self, place: Place, state: State) -> None:
        """Keep a copy."""
        self._states[place] = state.copied()

    def load(self, place: Place) -> State | None:
        """Return the state and let go of it."""
        return self._states.pop(place, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Keeps the states of one trunk in a directory: `trunk-0.safetensors` is that of process 0.

    A file holds the tensors, and as metadata in JSON all the rest. It is written beside the old one, flushed
    to the disk and then renamed, so a kill at any moment leaves one of the two.
    """

    directory: Path
    trunk: str
    """What identifies the trunk."""
    rank: int

    def save(self, place: Place, state: State) -> None:
        """Write the state.

        Raises:
            StoreError: `checkpoint-not-written`.
        """
        tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors.items()}
        tensors |= {
            f"generators.{name}": tensor for name, tensor in _generator_tensors(state.generators).items()
        }
        path = self._path(place)
        part = path.with_suffix(".part")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            save_file(tensors, part, metadata={"flops-fit": json.dumps(self._described(state))})
            _flush(part)
            part.replace(path)
            _flush(self.directory)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise StoreError(
                f"A checkpoint cannot be written to {self.directory}: {error}.",
                fix="free some space or make the directory writable, then start the same command again; "
                "finished runs are kept",
                code="checkpoint-not-written",
            ) from error

    def load(self, place: Place) -> State | None:
        """Return the state; None if there is none that can be used, which is told unless there is none."""
        path = self._path(place)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                content = self._own(json.loads(file.metadata()["flops-fit"]))
                return _state(content, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - it is no mapping
        except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
            reason = " ".join(str(error).split())
            logging.getLogger(__name__).warning(
                "%s cannot be used (%s): its steps are taken again", path, reason
            )
            return None

    def step(self, place: Place) -> int:
        """Return the steps behind the state, without its tensors; 0 if there is none that can be used."""
        unusable = (SafetensorError, OSError, ValueError, LookupError, TypeError)
        with suppress(*unusable), safe_open(self._path(place), framework="pt") as file:
            return int(self._own(json.loads(file.metadata()["flops-fit"]))["step"])
        return 0

    def _path(self, place: Place) -> Path:
        return self.directory / f"{place}-{self.rank}.safetensors"

    def _own(self, content: dict[str, Any]) -> dict[str, Any]:
        if (content["format"], content["trunk"]) != (FORMAT, self.trunk):
            raise ValueError("it is of another trunk or another release")
        return content

    def _described(self, state: State) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "trunk": self.trunk,
            "run_id": state.run_id,
            "n_units_taken": state.n_units_taken,
            "wall_s": state.wall_s,
            "step": state.step,
            "n_units": state.n_units,
            "numpy": state.generators.numpy,
            "python": state.generators.python,
        }


def _generator_tensors(generators: Generators) -> dict[str, torch.Tensor]:
    found = {"cpu": generators.cpu, "cuda": generators.cuda}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _state(content: dict[str, Any], tensors: dict[str, torch.Tensor]) -> State:
    version, internal, gauss = content["python"]
    generators = Generators(
        cpu=tensors.pop("generators.cpu"),
        cuda=tensors.pop("generators.cuda", None),
        numpy=content["numpy"],
        python=(version, tuple(internal), gauss),
    )
    return State(
        run_id=content["run_id"],
        n_units_taken=content["n_units_taken"],
        wall_s=content["wall_s"],
        step=content["step"],
        n_units=content["n_units"],
        tensors=tensors,
        generators=generators,
    )


def _flush(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
