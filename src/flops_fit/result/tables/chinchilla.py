"""The compute-optimal table: N*, D* and L* of each budget."""

from collections.abc import Sequence

from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.banners import banners
from flops_fit.result.doubts import Doubt, general_caveats, worded
from flops_fit.result.prediction import Prediction
from flops_fit.result.tables.table import Column, Row, Table, is_short, unit_of_loss


def chinchilla_table(law: ScalingLaw, predictions: Sequence[Prediction], *, caveats: bool = True) -> Table:
    """Tabulate predictions.

    Without `caveats`, what is doubtful about the whole law is left to be said elsewhere.
    """
    doubts = _grouped(predictions)
    kinds = list(doubts)
    above = banners(law)
    return Table(
        banners=above,
        columns=(
            Column(name="flops", title="C", unit="FLOPs"),
            Column(name="n_params", title="N"),
            Column(name="n_params_interval", title="N, 95%"),
            Column(name="near_optimal_n", title="N as good"),
            Column(name="n_units", title="D", unit=f"{law.unit}s"),
            Column(name="n_units_interval", title="D, 95%"),
            Column(name="units_per_param", title="D/N"),
            Column(name="loss", title="L", unit=numbers.unit(law.loss_unit)),
            Column(name="loss_interval", title="L, 95%"),
        ),
        rows=tuple(_row(p, [kinds.index(_kind(d)) + 1 for d in p.doubts]) for p in predictions),
        notes=tuple(map(worded, doubts.values())),
        about_all=general_caveats(law, under=above) if caveats else (),
        legend=_legend(law, predictions),
    )


def _row(p: Prediction, notes: Sequence[int]) -> Row:
    ratio = p.n_units / p.n_params
    return Row(
        values=(
            p.flops,
            p.n_params,
            p.n_params_interval,
            p.near_optimal_n,
            p.n_units,
            p.n_units_interval,
            ratio,
            p.loss,
            p.loss_interval,
        ),
        cells=(
            numbers.compute(p.flops),
            numbers.count(p.n_params),
            numbers.count_range(p.n_params_interval),
            numbers.count_range(p.near_optimal_n),
            numbers.count(p.n_units),
            numbers.count_range(p.n_units_interval),
            numbers.ratio(ratio),
            numbers.loss(p.loss),
            numbers.loss_range(p.loss_interval),
        ),
        notes=tuple(sorted(notes)),
    )


def _legend(law: ScalingLaw, predictions: Sequence[Prediction]) -> str:
    noises = [p.noise for p in predictions] or [0.0]
    low, high = f"{min(noises):.2%}", f"{max(noises):.2%}"
    noise = low if low == high else f"{low} to {high}"
    unit_of_data = "" if is_short(f"{law.unit}s") else f"D in {law.unit}s. "
    return (
        f"{unit_of_data}{unit_of_loss(law)} 95%: intervals. N as good: sizes whose loss is within {noise} "
        "of the least, by which single runs scatter."
    )


def _grouped(predictions: Sequence[Prediction]) -> dict[tuple[str, str], list[Doubt]]:
    """Group the doubts of all rows that differ in their number only, in order of appearance."""
    doubts: dict[tuple[str, str], list[Doubt]] = {}
    for doubt in (doubt for p in predictions for doubt in p.doubts):
        doubts.setdefault(_kind(doubt), []).append(doubt)
    return doubts


def _kind(doubt: Doubt) -> tuple[str, str]:
    return doubt.before, doubt.after
