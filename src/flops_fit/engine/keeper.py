"""When the state of a trunk is saved, and from which state it goes on."""

import logging
import time
from pathlib import Path

import torch

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun, Trunk
from flops_fit.engine import interrupt
from flops_fit.engine.checkpoint import Folder, Memory, Place
from flops_fit.engine.in_flight import folder_of
from flops_fit.engine.job import this_job
from flops_fit.engine.loop import Trainee
from flops_fit.engine.state import State


class Keeper:
    """Saves a trunk where it branches off, every few seconds, and before the process ends.

    Args:
        trunk: The runs that are left of it.
        spec: How often to save.
        checkpoints: Directory of the states of all trunks; None keeps them in memory.
    """

    def __init__(self, trunk: Trunk, spec: SweepSpec, checkpoints: Path | None) -> None:
        self._last, self._saves = trunk[-1], checkpoints is not None
        self._states: Memory | Folder = Memory()
        if checkpoints is not None:
            folder = folder_of(trunk, spec, checkpoints)
            self._states = Folder(directory=folder, trunk=folder.name, rank=this_job().rank)
        self._has_fork = True
        """Also where the trunk goes on from a state within a cooldown."""
        self._every_s = spec.training.checkpoint_s
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        """Whether the state should be saved after this step."""
        return self._saves and (interrupt.is_wished() or time.monotonic() > self._saved_at + self._every_s)

    def attend(self, trainee: Trainee) -> None:
        """Save the state if that is due on any process.

        Raises:
            KeyboardInterrupt: after that, if this process or another of the job was asked to end.
        """
        wished, due = interrupt.is_wished(), self.due()
        if trainee.team.n > 1:
            wishes = torch.tensor([wished, due], dtype=torch.float64, device=trainee.device)
            wished, due = (bool(total) for total in trainee.team.total(wishes).tolist())
        if due and not trainee.diverged:
            self._save("trunk" if trainee.step <= trainee.run.branch_step else "cooldown", trainee)
        if wished:
            raise KeyboardInterrupt

    def fork(self, trainee: Trainee) -> None:
        """Keep the state from which the next run of the trunk goes on, if there is one and it can."""
        self._has_fork = trainee.run is not self._last and not trainee.diverged
        if self._has_fork:
            self._save("trunk", trainee)

    def back_to_fork(self, trainee: Trainee) -> None:
        """Go on from the state kept by `fork`; the trunk has diverged where there is none."""
        if not self._has_fork:
            return
        state = self._states.load("trunk")
        if state is None:
            raise RuntimeError("the state of the trunk has vanished")
        state.put_back(trainee)

    def resume(self, trainee: Trainee) -> None:
        """Bring a new trainee to the last state that its run can use, if any."""
        trunk, cooldown = self._states.load("trunk"), self._states.load("cooldown")
        state = _furthest(trainee.run, trunk, cooldown, needs_fork=trainee.run is not self._last)
        if state is not None and not state.fits(trainee):
            logging.getLogger(__name__).warning("A checkpoint holds another model: the trunk starts over")
            state = None
        if trainee.team.all_equal(-1 if state is None else state.step) and state is not None:
            state.put_back(trainee)

    def _save(self, place: Place, trainee: Trainee) -> None:
        self._states.save(place, State.of(trainee))
        self._saved_at = time.monotonic()


def _furthest(
    run: PlannedRun, trunk: State | None, cooldown: State | None, *, needs_fork: bool
) -> State | None:
    """Return the state of most steps from which `run` can go on.

    One within its own cooldown is of use only if the later runs of the trunk can go on as well.
    """
    has_fork = trunk is not None and trunk.step == run.branch_step
    if cooldown is not None and cooldown.run_id == run.run_id and (has_fork or not needs_fork):
        return cooldown
    return trunk if trunk is not None and trunk.step <= run.branch_step else None
