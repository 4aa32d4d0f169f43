"""Runs to fit: simulated with known answers, and public tables where they lie beside the checkout."""

from collections.abc import Callable

import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.runs import RunRecord, Table, load_table, read_table

EPOCH = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
"""E, A, B, alpha, beta of Besiroglu et al. 2024, arXiv:2404.10102."""


@pytest.fixture(scope="session")
def public_runs(real_data) -> Callable[..., tuple[RunRecord, ...]]:
    """Read one public table, or those of its rows where the columns named hold the values given."""

    def read(name: str, **where: str) -> tuple[RunRecord, ...]:
        return read_table(real_data / f"{name}.csv", where=where)

    return read


@pytest.fixture(scope="session")
def public_table(real_data) -> Callable[[str], Table]:
    """Read one public table with its columns of text."""
    return lambda name: load_table(real_data / f"{name}.csv")


@pytest.fixture(scope="session")
def chinchilla_runs() -> Callable[..., tuple[RunRecord, ...]]:
    """Simulate an IsoFLOP sweep on E + A/N^alpha + B/D^beta, sizes centred on the optimum of each budget."""

    def simulate(
        *,
        theta: tuple[float, ...] = EPOCH,
        budgets: np.ndarray | None = None,
        n_sizes: int = 9,
        window: float = 8.0,
        noise: float = 0.0,
        seed: int = 0,
        named: bool = True,
        shift: float = 1.0,
    ) -> tuple[RunRecord, ...]:
        E, A, B, alpha, beta = theta
        rng = np.random.default_rng(seed)
        records = []
        for flops in np.geomspace(1e17, 1e19, 7) if budgets is None else budgets:
            best = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))
            for n in shift * best * np.geomspace(1 / window, window, n_sizes):
                d = flops / (6 * n)
                loss = (E + A * n**-alpha + B * d**-beta) * np.exp(noise * rng.normal())
                records.append(run_of(len(records), n, d, flops, loss, flops if named else None))
        return tuple(records)

    return simulate


def run_of(i: int, n: float, d: float, flops: float, loss: float, budget: float | None) -> RunRecord:
    return RunRecord(
        run_id=f"run {i:03}",
        budget=None if budget is None else float(budget),
        size=f"size {n:.3g}",
        seed=0,
        n_params=float(n),
        n_params_nonembedding=None,
        n_units=float(d),
        flops=float(flops),
        flops_6nd=float(flops),
        loss=float(loss),
        origin="trained",
    )


@pytest.fixture(scope="session")
def runs_on() -> Callable[..., tuple[RunRecord, ...]]:
    """Simulate an IsoFLOP sweep on any surface, sizes within a factor 12 of its optimum at each budget."""

    def simulate(
        form: SurfaceForm,
        theta: np.ndarray,
        *,
        budgets: np.ndarray | None = None,
        n_sizes: int = 9,
        noise: float = 0.0,
        seed: int = 0,
    ) -> tuple[RunRecord, ...]:
        rng = np.random.default_rng(seed)
        records = []
        for flops in np.geomspace(1e17, 1e19, 7) if budgets is None else budgets:
            best = form.optimum(theta, float(flops), lambda n: 6.0 * n).n_params
            for n in best * np.geomspace(1 / 12, 12, n_sizes):
                d = flops / (6 * n)
                loss = form.predict(theta, np.array([n]), np.array([d]))[0] * np.exp(noise * rng.normal())
                records.append(run_of(len(records), n, d, flops, loss, flops))
        return tuple(records)

    return simulate


@pytest.fixture(scope="session")
def true_optimum() -> Callable[..., float]:
    """N* of E + A/N^alpha + B/D^beta for C = 6·N·D (Hoffmann et al. 2022, equation 4)."""

    def optimum(flops: float, theta: tuple[float, ...] = EPOCH) -> float:
        _, A, B, alpha, beta = theta
        return ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))

    return optimum
