"""flops-fit: how big a model, on how much data, and to what loss, for a compute budget.

Names below are imported when they are first used, so that `import flops_fit` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flops_fit.api import check_spec as check_spec
    from flops_fit.api import export_runs as export_runs
    from flops_fit.api import find_optimal as find_optimal
    from flops_fit.api import fit_runs as fit_runs
    from flops_fit.api import load as load
    from flops_fit.api import plan_sweep as plan_sweep
    from flops_fit.components import Batch as Batch
    from flops_fit.components import DataSource as DataSource
    from flops_fit.components import DataSpec as DataSpec
    from flops_fit.components import Estimator as Estimator
    from flops_fit.components import FitForm as FitForm
    from flops_fit.components import FlopCounter as FlopCounter
    from flops_fit.components import LossFunction as LossFunction
    from flops_fit.components import ModelFamily as ModelFamily
    from flops_fit.components import Size as Size
    from flops_fit.components import SurfaceForm as SurfaceForm
    from flops_fit.config import SweepSpec as SweepSpec
    from flops_fit.engine import Estimate as Estimate
    from flops_fit.engine import estimate as estimate
    from flops_fit.errors import FlopsFitError as FlopsFitError
    from flops_fit.hookspecs import hookimpl as hookimpl
    from flops_fit.quantities import Allocation as Allocation
    from flops_fit.quantities import Interval as Interval
    from flops_fit.result import Prediction as Prediction
    from flops_fit.result import ScalingResult as ScalingResult

_HOME = {
    "check_spec": "api",
    "export_runs": "api",
    "find_optimal": "api",
    "fit_runs": "api",
    "load": "api",
    "plan_sweep": "api",
    "Batch": "components",
    "DataSource": "components",
    "DataSpec": "components",
    "Estimator": "components",
    "FitForm": "components",
    "FlopCounter": "components",
    "LossFunction": "components",
    "ModelFamily": "components",
    "Size": "components",
    "SurfaceForm": "components",
    "SweepSpec": "config",
    "Estimate": "engine",
    "estimate": "engine",
    "FlopsFitError": "errors",
    "hookimpl": "hookspecs",
    "Allocation": "quantities",
    "Interval": "quantities",
    "Prediction": "result",
    "ScalingResult": "result",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("flops-fit")
    if name not in _HOME:
        raise AttributeError(f"module 'flops_fit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"flops_fit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])
