"""A real sweep of tiny MLPs: its parts, its spec, its probe and its plan."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flops_fit.config.device import resolve_precision
from flops_fit.config.probe import Probe, ProbedSize
from flops_fit.config.spec import SweepSpec
from flops_fit.design import SweepPlan, plan_sweep
from flops_fit.runs import RunStore

# Workers import the parts by name, and inherit this path.
sys.path.insert(0, str(Path(__file__).parent))
import tiny_parts


@pytest.fixture(scope="session")
def parts() -> Any:
    return tiny_parts


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., SweepSpec]:
    """Two budgets of five sizes, ten runs of 65 to 1000 steps each; any field can be given."""

    def make(**fields: Any) -> SweepSpec:
        return SweepSpec.model_validate(
            {
                "model": tiny_parts.Mlp(),
                "data": tiny_parts.Points(),
                "loss": tiny_parts.Squared(),
                "flops": tiny_parts.SixN(),
                "fit": tiny_parts.NoFit(),
                "budgets": (1e6, 2e6),
                "design": {"sizes_per_budget": 5, "units_per_param": 100.0, "window": 4.0, "min_steps": 50},
                "training": {"batch_size": 16, "workers": 1},
                "allow_thin_sweep": True,
            }
            | fields
        )

    return make


@pytest.fixture(scope="session")
def plan_of() -> Callable[[SweepSpec], SweepPlan]:
    def plan(spec: SweepSpec) -> SweepPlan:
        data = spec.data.spec()
        sizes = spec.model.ladder(*spec.n_params_range(), data)
        probed = [
            ProbedSize(
                size=size,
                flops_per_unit=spec.flops.train_flops_per_unit(spec.model, size, spec.data),
                flops_6nd_per_unit=6.0 * size.n_params,
            )
            for size in sizes
        ]
        return plan_sweep(
            spec, Probe(data=data, sizes=tuple(probed), precision=resolve_precision(spec.training))
        )

    return plan


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore(tmp_path / "runs.sqlite") as opened:
        yield opened
