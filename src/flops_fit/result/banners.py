"""What must stand above any number of a law, whatever shows it."""

from flops_fit.fit import ScalingLaw


def banners(law: ScalingLaw) -> tuple[str, ...]:
    """Return the lines that must stand above any number of this law."""
    simulated = ("SIMULATED losses: nothing here was trained.",) if law.points.simulated else ()
    if law.status != "unreliable":
        return simulated
    reasons = " ".join(f.message for f in law.findings if f.severity == "error")
    return (*simulated, f"UNRELIABLE: {reasons}")
