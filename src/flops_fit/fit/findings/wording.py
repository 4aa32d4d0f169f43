"""How budgets and runs are named in a message: a few of them, then how many more."""

from collections.abc import Sequence

_NAMED = 4


def budgets_named(budgets: Sequence[float]) -> str:
    """Name budgets, FLOPs."""
    names = ", ".join(f"{flops:.3g}" for flops in budgets[:_NAMED])
    more = len(budgets) - _NAMED
    return f"{names} and {more} more budgets" if more > 0 else f"{names} FLOPs"


def sizes_beyond(bounds: Sequence[tuple[bool, float, float]]) -> str:
    """Say above or below which sizes to train: whether above, the size, and the budget, for each."""
    named = [
        f"{'above' if above else 'below'} N = {n:.3g} at {flops:.3g} FLOPs"
        for above, n, flops in bounds[:_NAMED]
    ]
    return ", ".join(named) + (", and so on" if len(bounds) > _NAMED else "")


def some(names: Sequence[str]) -> str:
    """List the first few names."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
