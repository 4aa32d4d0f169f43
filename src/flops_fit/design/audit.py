"""Which runs of a sweep are trained once more, alone, to show that sharing steps changes no loss."""

from collections.abc import Iterable
from itertools import chain

from flops_fit.config.training import TrainingSpec
from flops_fit.design.grid import PlannedRun, trunks_of


def audited_runs(runs: Iterable[PlannedRun], training: TrainingSpec) -> tuple[PlannedRun, ...]:
    """Return the cheapest `training.audit` runs before which their trunk was cooled down at least once.

    Only such a run shows whether the trunk came back from a cooldown as it was. Among equal budgets the one
    of fewest steps is cheapest: it costs as many FLOPs in less time.
    """
    trunks = trunks_of(runs, share_steps=training.mode == "trunks")
    after_another = chain.from_iterable(trunk[1:] for trunk in trunks)
    return tuple(sorted(after_another, key=lambda run: (run.budget, run.n_steps))[: training.audit])
