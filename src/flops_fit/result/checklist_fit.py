"""Questions 1 to 5 and 17 to 22 of the checklist: what was fitted, how, and how far it can be trusted."""

from collections.abc import Iterator

from flops_fit.fit import CurveLaw, Law, ScalingLaw, ValleyLaw
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.result import numbers
from flops_fit.result.checklist_answer import Answer
from flops_fit.result.describe import about_runs
from flops_fit.text_columns import some

_NAMED = 5


def answers_about_form(law: ScalingLaw) -> tuple[Answer, ...]:
    """Answer questions 1 to 5."""
    headline, D = law.headline, f"D ({law.unit}s)"
    if isinstance(headline, ValleyLaw):
        return (
            Answer(
                "No form of L(N, D). At each budget ln L is a parabola of ln N; ln N* is a line in ln C that "
                "may drift, L* a floor and a power of C that may drift."
            ),
            Answer(f"N* and L* to C; N (parameters), {D} and C (FLOPs) of each run."),
            Answer(_parameters(law)),
            Answer(
                "From none: minima are located, not derived. That N* and L* follow powers of C is empirical."
            ),
            Answer(
                "D = C/phi(N), with the FLOPs per unit phi read off the runs; budgets share their curvature."
            ),
        )
    if isinstance(headline, CurveLaw):
        x = D if headline.over == "data" else "C (FLOPs)"
        return (
            Answer(f"The curve {headline.name!r} of the loss over one quantity."),
            Answer(f"L to {x}."),
            Answer(_parameters(law)),
            Answer("From none: the curve is empirical."),
            Answer("Everything else is the same in all runs."),
        )
    return (
        Answer(f"The loss surface {_forms(headline)}; formulas are in the reference of fit forms."),
        Answer(f"L to N (parameters) and {D}; C (FLOPs) by D = C/phi(N)."),
        Answer(_parameters(law)),
        Answer("Empirical; what a finite model costs and what finite data cost are terms of their own."),
        Answer("N and D act apart from each other unless the form says otherwise; phi is read off the runs."),
    )


def _forms(headline: Law) -> str:
    if not isinstance(headline, MixtureLaw):
        return repr(headline.name)
    shares = zip(headline.weights, headline.members, strict=True)
    return "averaged over " + ", ".join(f"{member.name!r} ({weight:.0%})" for weight, member in shares)


def _parameters(law: ScalingLaw) -> str:
    headline = law.headline
    if isinstance(headline, SurfaceLaw | CurveLaw):
        return _with_values(headline)
    if isinstance(headline, MixtureLaw):
        return "; ".join(_with_values(member) for member in headline.members)
    top = headline.exponent_at_top
    return (
        f"Among others the exponent of N* at the largest budget, {top.value:.3f} "
        f"({top.interval.low:.3f} to {top.interval.high:.3f}); all are in law.json."
    )


def _with_values(surface: SurfaceLaw | CurveLaw) -> str:
    pairs = zip(surface.form.param_names, surface.theta, strict=True)
    return f"{surface.name}: " + ", ".join(f"{name} = {value:.4g}" for name, value in pairs)


def answers_about_fit(law: ScalingLaw) -> Iterator[Answer]:
    """Answer questions 17 to 22."""
    yield from _method(law.headline)
    yield Answer(_points_used(law))
    yield Answer(_validation(law))


def _method(headline: Law) -> tuple[Answer, ...]:
    """Answer questions 17 to 20."""
    if isinstance(headline, ValleyLaw):
        return (
            Answer(
                "At each budget weighted squares of ln L, within 0.9 and within 1.3 e-folds of N around its "
                "minimum; the trends are averaged by their evidence under Gaussian noise."
            ),
            Answer(
                "Iteratively reweighted least squares (bisquare, 6 standard deviations), then linear algebra."
            ),
            Answer(
                "12 reweightings, 6 passes over shared curvature and noise; closed forms on a grid of trends."
            ),
            Answer("None are needed: a pass begins at each budget's best run."),
        )
    if isinstance(headline, SurfaceLaw | MixtureLaw | CurveLaw):
        return (
            Answer("Tukey's bisquare of residuals, of ln L unless the form says not; Huber's below 20 runs."),
            Answer("Levenberg-Marquardt on reweighted residuals, checked by its projected gradient."),
            Answer(
                "Up to 100 steps, until no parameter moves by 1e-9; cutoff 4.685 robust standard deviations."
            ),
            Answer(
                "None from the user: variable projection over a grid of exponents, or a scan of the bounds."
            ),
        )
    plugin = f"The estimator {headline.name!r} of a plugin knows. State"
    return tuple(
        Answer(f"{plugin} {what}.", known=False)
        for what in ("what it minimises", "how", "its settings and tolerances", "where it starts")
    )


def _points_used(law: ScalingLaw) -> str:
    """Name what takes no part, by whom it was left out and why."""
    points, headline = law.points, law.headline
    lead = headline.members[0] if isinstance(headline, MixtureLaw) else headline
    left_out = [*points.excluded, *(lead.left_out if isinstance(lead, SurfaceLaw) else ())]
    ignored = next((f.message for f in law.findings if f.code in {"outliers", "many-outliers"}), "")
    if not left_out:
        used = " ".join(line.strip() for line in about_runs(law)) or f"All {len(points)} runs."
        return f"{used} {ignored}".strip()
    named = some([f"{run.run_id} ({run.reason})" for run in left_out], _NAMED, between="; ")
    n_runs = len(points) + len(points.excluded)
    return f"{n_runs - len(left_out)} of {n_runs}; without {named}. {ignored}".strip()


def _validation(law: ScalingLaw) -> str:
    judged = [rival for rival in law.rivals if rival.backtest_loss is not None and rival.n_origins]
    ahead = f"Intervals of 95% at {numbers.compute(law.flops_range[1])} FLOPs and beyond."
    if not judged:
        return f"No held-out scale: there are too few runs to set any aside. {ahead}"
    missed = ", ".join(f"{rival.name} {rival.backtest_loss:.2%}" for rival in judged)
    return (
        f"Fitted to lower runs and asked for upper ones at {judged[0].n_origins} origins, methods missed the "
        f"loss by {missed}. {ahead}"
    )
