"""Fits to judge: the laws alone, without the rest of the pipeline."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.design import Finding
from flops_fit.fit import Chinchilla
from flops_fit.fit.findings import findings_of
from flops_fit.fit.points import Points, points_of
from flops_fit.fit.surface import SurfaceLaw, fit_surface
from flops_fit.fit.valley_law import ValleyLaw, fit_valley_law
from flops_fit.runs import RunRecord


@dataclass(frozen=True)
class Fitted:
    points: Points
    law: ValleyLaw | SurfaceLaw
    records: Sequence[RunRecord]

    def by(self, about: Callable[..., Iterator[Finding]]) -> dict[str, Finding]:
        """Ask one question only."""
        return {finding.code: finding for finding in about(self.points, self.law)}

    @property
    def found(self) -> dict[str, Finding]:
        findings = findings_of(self.points, self.law, None, records=self.records)
        return {finding.code: finding for finding in findings}


@pytest.fixture(scope="session")
def valley() -> Callable[..., Fitted]:
    def fit(records: Sequence[RunRecord]) -> Fitted:
        points = points_of(records)
        return Fitted(points, fit_valley_law(points), records)

    return fit


@pytest.fixture(scope="session")
def surface() -> Callable[..., Fitted]:
    def fit(records: Sequence[RunRecord], form: SurfaceForm | None = None) -> Fitted:
        points = points_of(records)
        return Fitted(points, fit_surface(points, form or Chinchilla(), n_draws=200), records)

    return fit


@pytest.fixture(scope="session")
def ladder_runs(chinchilla_runs, true_optimum) -> Callable[..., Sequence[RunRecord]]:
    """Simulate seven budgets that train the same rungs, a factor of 2 apart."""

    def simulate(*, noise: float) -> Sequence[RunRecord]:
        rng = np.random.default_rng(0)
        records = []
        for r in chinchilla_runs(n_sizes=1, window=1.0):
            for n in 1e6 * 2.0 ** np.arange(12):
                if abs(np.log(n / true_optimum(r.flops))) < np.log(8):
                    d = r.flops / (6 * n)
                    loss = (1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658) * np.exp(
                        noise * rng.normal()
                    )
                    name = f"run {len(records):03}"
                    records.append(replace(r, run_id=name, n_params=n, n_units=d, loss=loss))
        return records

    return simulate


@pytest.fixture(scope="session")
def clean(chinchilla_runs) -> Sequence[RunRecord]:
    """Seven budgets of eleven sizes, without a defect."""
    return chinchilla_runs(noise=0.002, n_sizes=11)


@pytest.fixture(scope="session")
def clean_valley(valley, clean) -> Fitted:
    return valley(clean)


@pytest.fixture(scope="session")
def clean_surface(surface, clean) -> Fitted:
    return surface(clean)
