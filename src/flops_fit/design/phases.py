"""How many steps of a run are warm-up and how many are cooldown."""

from flops_fit.config.training import TrainingSpec

MIN_WARMUP_STEPS = 10
"""AdamW's second moment is noise before about ten steps, whatever fraction of a short run that is."""


def phases_of(n_steps: int, shortest: int, training: TrainingSpec) -> tuple[int, int]:
    """Return the steps of warm-up and of cooldown of a run of `n_steps` steps.

    Runs of one size share their steps up to the cooldown, so their warm-up cannot depend on how long each is:
    it is a fraction of `shortest`, the steps of the shortest run that this size may have. A cosine shares
    nothing: its warm-up is a fraction of the run itself, and from there on it falls.
    """
    if training.schedule == "cosine":
        warmup = _warmup_steps(n_steps, training.warmup)
        return warmup, n_steps - warmup
    return _warmup_steps(shortest, training.warmup), round(training.cooldown * n_steps)


def _warmup_steps(n_steps: int, fraction: float) -> int:
    return min(max(MIN_WARMUP_STEPS, round(fraction * n_steps)), n_steps) if fraction else 0
