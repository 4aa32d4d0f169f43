"""Laws to ask: one written down by hand, whose every number is known, and sweeps to fit."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from flops_fit.design import Finding
from flops_fit.fit import Conventions, Estimate, Optimum, ScalingLaw, fit_law
from flops_fit.fit.points import points_of
from flops_fit.quantities import Interval
from flops_fit.runs import RunRecord


def known(value: float, factor: float) -> Estimate:
    return Estimate(value=value, interval=Interval(value / factor, value * factor))


_AT_TOP, _WHOLE_RANGE = known(0.5, 1.1), known(0.48, 1.05)


@dataclass(frozen=True)
class KnownLaw:
    """N* = 1e6·(C/1e15)^0.5 within a factor 1.2 per decade beyond 1e17, L* = 2 + 1.5·(C/1e15)^-0.1."""

    name: str = "known"
    flops_range: tuple[float, float] = (1e15, 1e17)
    exponent_at_top: Estimate = _AT_TOP
    exponent_whole_range: Estimate = _WHOLE_RANGE

    def optimum(self, flops):
        ahead = max(0.0, np.log10(flops / 1e17))
        loss = 2 + 1.5 * (flops / 1e15) ** -0.1
        return Optimum(
            n_params=known(1e6 * (flops / 1e15) ** 0.5, 1.2 ** (1 + ahead)), loss=known(loss, 1.01)
        )

    def loss_at(self, n_params, n_units):
        return known(float(self.isoflop_curve(np.array([n_params]), 6 * n_params * n_units)[0]), 1.02)

    def isoflop_curve(self, n_params, flops):
        best = self.optimum(flops)
        return best.loss.value * np.exp(0.03 * np.log(n_params / best.n_params.value) ** 2)


@pytest.fixture(scope="session")
def sweep() -> Callable[..., tuple[RunRecord, ...]]:
    """Simulate seven IsoFLOP budgets of nine sizes on the surface of Besiroglu et al. 2024."""

    def simulate(*, noise: float = 0.003, origin: str = "trained") -> tuple[RunRecord, ...]:
        rng = np.random.default_rng(0)
        runs = []
        for flops in np.geomspace(1e15, 1e17, 7):
            for n in 0.1 * flops**0.5 * np.geomspace(1 / 8, 8, 9) / 6**0.5:
                d = flops / (6 * n)
                loss = (1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658) * np.exp(noise * rng.normal())
                runs.append((flops, n, d, loss))
        return tuple(
            RunRecord(
                run_id=f"run {i:03}",
                budget=float(flops),
                size="",
                seed=0,
                n_params=float(n),
                n_params_nonembedding=None,
                n_units=float(d),
                flops=float(flops),
                flops_6nd=float(flops),
                loss=float(loss),
                origin=origin,
            )
            for i, (flops, n, d, loss) in enumerate(runs)
        )

    return simulate


@pytest.fixture(scope="session")
def fitted(sweep) -> ScalingLaw:
    return fit_law(sweep(), unit="token")


@pytest.fixture(scope="session")
def known_law(sweep) -> ScalingLaw:
    """A law whose answers can be worked out by hand, around the runs of a real sweep."""
    return ScalingLaw(
        unit="token",
        form={"kind": "known"},
        points=points_of(sweep()),
        headline=KnownLaw(),
        second=None,
        findings=(),
        conventions=Conventions(n_params="total", flops="6ND", loss_unit="nats per token"),
    )


@pytest.fixture(scope="session")
def bad_law(known_law) -> ScalingLaw:
    """The same with everything against it: simulated, unreliable, in doubt."""
    findings = (
        Finding(
            code="x",
            severity="error",
            message="The best size lies beyond the sizes trained.",
            action="train more",
        ),
        Finding(code="y", severity="warning", message="4 budgets are few.", action="add budgets"),
        Finding(code="z", severity="info", message="Compute is 6·N·D.", action="count FLOPs"),
    )
    return replace(known_law, findings=findings, points=replace(known_law.points, origins=("simulated",)))
