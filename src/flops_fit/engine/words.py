"""Progress of a sweep in words."""

from flops_fit.engine.progress import Progress
from flops_fit.runs.record import RunRecord


def progress_line(progress: Progress) -> str:
    """Return the state of a sweep in one line."""
    parts = [f"{progress.done}/{progress.total} runs"]
    if progress.failed:
        parts.append(f"{progress.failed} without a loss")
    parts.append(f"{progress.flops_done:.3g} of {progress.flops_total:.3g} FLOPs")
    if progress.eta_s is not None and progress.done < progress.total:
        parts.append(time_left(progress))
    if progress.last is not None:
        parts.append(f"last: {outcome(progress.last)}")
    return " | ".join(parts)


def time_left(progress: Progress, *, since_s: float = 0.0) -> str:
    """Return the ETA with its interval, `since_s` after it was made."""
    value, interval = progress.eta_s or 0.0, progress.eta_interval
    text = f"about {duration(value - since_s)} left"
    if interval is None:
        return text
    low, high = duration(interval.low - since_s), duration(interval.high - since_s)
    return text if low == high else f"{text} ({low} to {high})"


def outcome(record: RunRecord) -> str:
    """Say which run ended, and how."""
    place = f"{record.size}, seed {record.seed}" + (
        "" if record.budget is None else f", {record.budget:.3g} FLOPs"
    )
    if record.loss is None:
        return f"{place} {record.status}: {record.reason}"
    return f"{place}: loss {record.loss:.4f}"


def duration(seconds: float) -> str:
    """Return a time in the largest unit of which there are two or more, e.g. '3.5 h'."""
    units = (("s", 1.0, 0), ("min", 60.0, 0), ("h", 3600.0, 1), ("days", 86_400.0, 1), ("years", 3.156e7, 1))
    name, size, digits = next((u for u in reversed(units) if seconds >= 2 * u[1]), units[0])
    return f"{max(seconds, 0.0) / size:,.{digits}f} {name}"
