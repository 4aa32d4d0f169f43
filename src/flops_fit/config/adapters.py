"""Python objects in, SweepSpec out: a model class, a dataset and a loss take the road of every other spec."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction
from flops_fit.config.design import DesignSpec
from flops_fit.config.load import load_spec
from flops_fit.config.python_data import PythonData
from flops_fit.config.python_loss import PythonLoss
from flops_fit.config.python_model import PythonModel, name_of
from flops_fit.config.rows import batch_size_of, check_rows, unloaded
from flops_fit.config.spec import SweepSpec
from flops_fit.config.training import TrainingSpec
from flops_fit.errors import PluginError, SpecError
from flops_fit.plugins.registry import nearest


def adapt(
    *,
    model_cls: Callable[..., Any],
    model_size_param: str,
    model_kwargs: Mapping[str, Any] | None = None,
    model_sizes: Sequence[Any] = (),
    dataset: object,
    eval_dataset: object = None,
    loss_fn: LossFunction | Callable[..., Any],
    compute_budgets: Sequence[float],
    seeds: Sequence[int] = (0,),
    design: DesignSpec | Mapping[str, Any] | None = None,
    training: TrainingSpec | Mapping[str, Any] | None = None,
    flops: FlopCounter | Mapping[str, Any] | str = "traced",
    fit: FitForm | Mapping[str, Any] | str = "auto",
    output_dir: str | Path = "flops-fit-out",
    allow_thin_sweep: bool = False,
) -> SweepSpec:
    """Describe a sweep over a user's own objects.

    Args:
        model_cls: Class whose models have `num_params()`.
        model_size_param: Argument of `model_cls` that sets the size.
        model_kwargs: Its other arguments.
        model_sizes: Values of `model_size_param` to use; by default integers are tried.
        dataset: Map-style torch dataset or DataLoader whose rows are mappings of tensors or (inputs, targets)
            pairs; a tenth is held out. Or a data source.
        eval_dataset: Held-out rows of the same form, instead of a tenth of `dataset`.
        loss_fn: Called with the model's outputs and the targets; returns the mean loss, a scalar tensor.
        compute_budgets: FLOPs of each IsoFLOP curve, strictly increasing.
        seeds: Every size is trained once per seed at every budget.
        design: Which sizes each budget trains.
        training: How every run is trained; the batch size is by default that of a DataLoader.
        flops: How compute is counted.
        fit: How losses become a law.
        output_dir: Where the sweep keeps its files.
        allow_thin_sweep: Accept fewer than seven budgets.

    Raises:
        PluginError: `not-a-model-class`, `no-size-param`, `bad-model-kwargs`.
        DataError: `unsized-dataset`, `custom-sampler`.
        SpecError: `wrong-argument`; or the other options break rules; lists all of them.
    """
    _check_types(model_size_param, model_kwargs, model_sizes)
    fixed = dict(model_kwargs or {})
    _check_model(model_cls, model_size_param, fixed)
    _check_loss(loss_fn)
    return load_spec(
        {
            "model": PythonModel(
                factory=model_cls, size_param=model_size_param, fixed=fixed, values=tuple(model_sizes)
            ),
            "data": _data(dataset, eval_dataset),
            "loss": loss_fn if isinstance(loss_fn, LossFunction) else PythonLoss(function=loss_fn),
            "flops": flops,
            "fit": fit,
            "allow_thin_sweep": allow_thin_sweep,
            "budgets": _listed(compute_budgets),
            "seeds": _listed(seeds),
            "design": design or {},
            "training": _training(training, dataset),
            "output_dir": output_dir,
        }
    )


def _check_types(size_param: object, kwargs: object, sizes: object) -> None:
    """Refuse what the spec would not see: it takes the other arguments as they are."""
    for name, found, right, example in (
        ("model_size_param", size_param, isinstance(size_param, str), 'model_size_param="width"'),
        ("model_kwargs", kwargs, isinstance(kwargs, Mapping | None), 'model_kwargs={"n_layers": 2}'),
        ("model_sizes", sizes, isinstance(_listed(sizes), tuple), "model_sizes=[64, 128, 256]"),
    ):
        if not right:
            raise SpecError(
                f"{name} is {reprlib.repr(found)}, of type {type(found).__name__}.",
                fix=f"pass e.g. {example}",
                code="wrong-argument",
            )


def _listed(values: object) -> object:
    """Return the items of an array, a generator or another iterable; the spec refuses what is none."""
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str | Mapping) else values


def _check_loss(loss_fn: object) -> None:
    if callable(loss_fn) and not isinstance(loss_fn, type):
        return
    found = f"the class {loss_fn.__name__}" if isinstance(loss_fn, type) else reprlib.repr(loss_fn)
    example = f"{loss_fn.__name__}()" if isinstance(loss_fn, type) else "torch.nn.functional.cross_entropy"
    raise PluginError(
        f"loss_fn is {found}; a function of (outputs, targets) is needed.",
        fix=f"pass e.g. loss_fn={example}",
        code="loss-not-callable",
    )


def _check_model(model_cls: Callable[..., Any], size_param: str, fixed: Mapping[str, Any]) -> None:
    """Refuse what can be seen to fail without building anything."""
    parameters = _parameters(model_cls)
    if not size_param:
        raise _no_size_param_given(model_cls, [p for name, p in parameters.items() if name not in fixed])
    if size_param in fixed or not _takes(size_param, parameters):
        raise _no_size_param(model_cls, size_param, parameters, fixed)
    _check_kwargs(model_cls, size_param, fixed)


def _parameters(model_cls: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a class, or of a function that makes models."""
    is_instance = hasattr(model_cls, "forward") and not isinstance(model_cls, type)
    try:
        if callable(model_cls) and not is_instance:
            return inspect.signature(model_cls).parameters
    except ValueError:  # classes that are written in C may not tell
        pass
    found = f"an instance of {type(model_cls).__name__}" if is_instance else reprlib.repr(model_cls)
    raise PluginError(
        f"model_cls is {found}; a sweep builds many models of a class.",
        fix=f"pass the class itself: model_cls={type(model_cls).__name__ if is_instance else 'MyModel'}",
        code="not-a-model-class",
    )


def _takes(name: str, parameters: Mapping[str, inspect.Parameter]) -> bool:
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return takes_any or (
        name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
    )


def _no_size_param_given(model_cls: Callable[..., Any], free: Sequence[inspect.Parameter]) -> PluginError:
    names = [p.name for p in free if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    likely = [p.name for p in free if p.name in names and _may_be_size(p)] or names or ["width"]
    return PluginError(
        f"model_size_param is missing: the argument of {name_of(model_cls)} that sets the model's size.",
        fix=f"pass {' or '.join(f'model_size_param={_quoted(name)}' for name in likely)}",
        code="no-size-param",
    )


def _may_be_size(parameter: inspect.Parameter) -> bool:
    """Tell whether an argument is, or may be, an integer."""
    if parameter.annotation is not parameter.empty:
        return parameter.annotation in (int, "int")
    return parameter.default is parameter.empty or type(parameter.default) is int


def _quoted(name: str) -> str:
    return f'"{name}"'


def _no_size_param(
    model_cls: Callable[..., Any], size_param: str, parameters: Iterable[str], fixed: Mapping[str, Any]
) -> PluginError:
    name, free = name_of(model_cls), [name for name in parameters if name not in fixed]
    return PluginError(
        f"{name}{inspect.signature(model_cls)} has no free argument {size_param!r} to set its size.",
        fix=f"leave {size_param!r} out of model_kwargs: every model gets its own"
        if size_param in fixed
        else f"set model_size_param to one of {', '.join(map(repr, free)) or 'its integer arguments'}, and "
        f"leave it out of model_kwargs{_suggestion(size_param, free)}",
        code="no-size-param",
    )


def _check_kwargs(model_cls: Callable[..., Any], size_param: str, fixed: Mapping[str, Any]) -> None:
    parameters = inspect.signature(model_cls).parameters
    unknown = [name for name in fixed if not _takes(name, parameters)]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [n for n, p in parameters.items() if p.default is p.empty and p.kind not in variadic]
    missing = [name for name in required if name != size_param and name not in fixed]
    if unknown or missing:
        faults = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        faults += [f"has unknown {', '.join(map(repr, unknown))}"] if unknown else []
        raise PluginError(
            f"model_kwargs {' and '.join(faults)} for {name_of(model_cls)}{inspect.signature(model_cls)}.",
            fix="pass every required argument but the size, by its name"
            + "".join(_suggestion(name, [p for p in parameters if p != size_param]) for name in unknown),
            code="bad-model-kwargs",
        )


def _suggestion(name: str, choices: Sequence[str]) -> str:
    near = nearest(name, choices)
    return f" ({near})" if near else ""


def _data(dataset: object, eval_dataset: object) -> DataSource:
    if isinstance(dataset, DataSource):
        return dataset
    rows, collate = unloaded(dataset)
    evaluation, evaluation_collate = unloaded(eval_dataset)
    check_rows("dataset", rows)
    if evaluation is not None:
        check_rows("eval_dataset", evaluation)
    return PythonData(dataset=rows, evaluation=evaluation, collate=collate or evaluation_collate)


def _training(training: TrainingSpec | Mapping[str, Any] | None, dataset: object) -> Any:
    """Return the training options, with the batch size of a DataLoader unless one is set."""
    given = training.model_dump(exclude_unset=True) if isinstance(training, TrainingSpec) else training
    if not isinstance(given, Mapping | None):
        return given
    options = dict(given or {})
    if batch_size := batch_size_of(dataset):
        options.setdefault("batch_size", batch_size)
    return options
