"""Clauses about the ladder of a model family: sizes in order, within range, counted truly."""

from __future__ import annotations

import json
from dataclasses import replace

from flops_fit.components import ModelFamily, Size
from flops_fit.config import probe_flops, probe_ladder
from flops_fit.config.on_meta import n_trainable
from flops_fit.config.subject import Subject
from flops_fit.errors import FlopsFitError
from flops_fit_conformance.breach import require, require_by_probe
from flops_fit_conformance.configs import on_drawn_configs, unless_refused
from flops_fit_conformance.sweeps import sweep_of


def check_ladder_increases(sweep: Subject) -> None:
    """`ladder(n_min, n_max, data)` lists sizes within the range, strictly increasing in n_params."""
    _on_drawn_models(
        sweep,
        lambda drawn: require_by_probe(
            probe_ladder.check_ladder,
            drawn,
            should="two sizes or more, n_min <= n_params <= n_max, each larger than the one before",
            call=f"{drawn.spec.model!r}.ladder({_range(drawn)}, ...)",
        ),
    )


def check_ladder_is_repeatable(sweep: Subject) -> None:
    """`ladder` is a function of its arguments, and has no size in an empty range."""
    model, (low, high) = sweep.spec.model, sweep.spec.n_params_range()
    first, again = (list(model.ladder(low, high, sweep.data)) for _ in range(2))
    call = f"{model!r}.ladder({low:.0f}, {high:.0f}, ...)"
    require(first == again, found=f"{again} the second time", should=f"{first}, as the first time", call=call)
    below = list(model.ladder(0.01, 0.5, sweep.data))
    require(not below, found=f"{below}", should="no size", call=f"{model!r}.ladder(0.01, 0.5, ...)")


def check_parameter_counts(sweep: Subject) -> None:
    """`Size.n_params` is the number of trainable parameters of the built module, shared ones counted once."""
    _on_drawn_models(
        sweep,
        lambda drawn: require_by_probe(
            probe_ladder.check_counts,
            drawn,
            should="n_params equal to the sum of numel over the trainable parameters",
            call=f"{drawn.spec.model!r}.build(size, data)",
        ),
    )


def check_nonembedding_counts(sweep: Subject) -> None:
    """`Size.n_params_nonembedding` lies between 0 and n_params."""
    wrong = [s for s in sweep.sizes if not 0 <= s.n_params_nonembedding <= s.n_params]
    require(
        not wrong,
        found=", ".join(f"{s.name}: {s.n_params_nonembedding} of {s.n_params}" for s in wrong),
        should="between 0 and n_params",
        call=f"{sweep.spec.model!r}.ladder({_range(sweep)}, ...)",
    )


def check_sizes_are_portable(sweep: Subject) -> None:
    """`Size.options` are JSON values, from which alone `build` makes the size: plans are stored as JSON."""
    for size in sweep.sizes[:2]:
        again = replace(size, options=json.loads(json.dumps(dict(size.options))))
        built = n_trainable(sweep.shape_of(again))
        require(
            built == size.n_params,
            found=f"a module of {built} parameters",
            should=f"the module of {size.n_params} that the size names",
            call=f"build({again!r})",
        )


def check_builds_without_memory(sweep: Subject) -> None:
    """`build` works on torch's meta device, or at least for a large size: FLOPs are counted there."""
    model = sweep.spec.model
    sizes: list[Size] = list(model.ladder(1e6, 1e9, sweep.data))
    for size in sizes[-1:]:
        built = n_trainable(sweep.shape_of(size))
        require(
            built == size.n_params,
            found=f"{built} parameters",
            should=f"{size.n_params}",
            call=f"{model!r}.build({size.name}) on the meta device",
        )


def check_every_size_can_be_counted(sweep: Subject) -> None:
    """The FLOPs of a training step can be counted: by tracing, or by a counter of the same plugin."""
    require_by_probe(
        probe_flops.check_flops,
        sweep,
        should="FLOPs for each size, of `traced` or of a FLOP counter that the plugin offers",
        call=f"{sweep.spec.flops!r}.train_flops_per_unit({sweep.spec.model!r}, size, {sweep.source})",
    )


def _on_drawn_models(sweep: Subject, clause: object) -> None:
    def on_drawn(model: ModelFamily) -> None:
        try:
            drawn = sweep if model == sweep.spec.model else sweep_of(model=model, data=sweep.spec.data)
            drawn.sizes  # noqa: B018 - a range that the family refuses
        except FlopsFitError as error:
            unless_refused(error)
        clause(drawn)  # type: ignore[operator]

    on_drawn_configs(sweep.spec.model, on_drawn)


def _range(sweep: Subject) -> str:
    low, high = sweep.spec.n_params_range()
    return f"{low:.0f}, {high:.0f}"
