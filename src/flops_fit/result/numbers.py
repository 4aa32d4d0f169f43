"""Numbers as a researcher reads them: 124M parameters, 2.60B tokens, 1.00e+21 FLOPs, a loss of 2.103."""

from flops_fit.quantities import Interval

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def count(value: float) -> str:
    """Format parameters or data units to three digits, e.g. 12.1K; above 1000T as 1.21e+16."""
    for scale, suffix in _SUFFIXES:
        if scale * 0.9995 <= value < scale * 999.5:
            return (
                f"{value / scale:#.3g}{suffix}".replace(".K", "K")
                .replace(".M", "M")
                .replace(".B", "B")
                .replace(".T", "T")
            )
    return f"{value:.3g}"


def compute(value: float) -> str:
    """Format FLOPs, e.g. 1.00e+21."""
    return f"{value:.2e}"


def loss(value: float) -> str:
    """Format a loss to four digits."""
    return f"{value:#.4g}".rstrip(".")


def unit(name: str) -> str:
    """Name the unit of a loss as a header does."""
    return "unit unknown" if name == "unknown" else name


def ratio(value: float) -> str:
    """Format a ratio to three digits, e.g. 20.4 or 18.0; thousands in full, more as a power of ten."""
    return f"{value:#.3g}".rstrip(".") if value < 999.5 else _large(value)


def times(value: float) -> str:
    """Format how many times larger something is, e.g. 10 or 2.5."""
    return f"{value:.3g}" if value < 999.5 else _large(value)


def _large(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value:.2g}"


def count_range(interval: Interval) -> str:
    """Format an interval of counts."""
    return f"{count(interval.low)} to {count(interval.high)}"


def prints_as_one(interval: Interval) -> bool:
    """Whether both ends of an interval of counts or FLOPs read alike, so that it says nothing."""
    return count(interval.low) == count(interval.high)


def compute_range(interval: Interval) -> str:
    """Format an interval of FLOPs."""
    return f"{compute(interval.low)} to {compute(interval.high)}"


def loss_range(interval: Interval) -> str:
    """Format an interval of losses."""
    return f"{loss(interval.low)} to {loss(interval.high)}"
