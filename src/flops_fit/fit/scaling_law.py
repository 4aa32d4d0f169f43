"""ScalingLaw: everything that a fit found, as one immutable value that JSON holds exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from flops_fit.components import Estimator
from flops_fit.config import MadeFrom
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.competition import Rival
from flops_fit.fit.conventions import Conventions
from flops_fit.fit.curve_law import CurveLaw
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.power_laws import PowerLaws
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw
from flops_fit.plugins import registry
from flops_fit.runs import Speed

_Ours = ValleyLaw | SurfaceLaw | MixtureLaw | CurveLaw
_OUR_LAWS: TypeAdapter[_Ours] = TypeAdapter(Annotated[_Ours, Field(discriminator="kind")])


def _law_to_json(law: Law | None) -> object:
    """Store our own laws whole; that of a plugin's estimator is left out, and fitted again by `from_json`."""
    return _OUR_LAWS.dump_python(law, mode="json") if isinstance(law, _Ours) else None


def _law_from_json(stored: object) -> Law | None:
    return None if stored is None else _OUR_LAWS.validate_python(stored)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScalingLaw:
    """The answer of a fit, the second opinion beside it, and what their reader should know."""

    unit: str
    """What one unit of D is, e.g. 'token'."""
    form: Mapping[str, Any]
    """The fit form that was asked for: its kind and options."""
    points: Points
    headline: Annotated[Law, PlainValidator(_law_from_json), PlainSerializer(_law_to_json)]
    second: Annotated[Law | None, PlainValidator(_law_from_json), PlainSerializer(_law_to_json)]
    """The other kind of law, fitted to the same runs; None where they cannot determine it."""
    rivals: tuple[Rival, ...] = ()
    """What every method that competes makes of the runs, headline and second opinion included."""
    power_laws: PowerLaws | None = None
    """N*(C), D*(C) and L*(C) as papers print them; None where fewer than three budgets show a minimum."""
    findings: tuple[Finding, ...]
    conventions: Conventions = field(default_factory=Conventions)
    """How the runs count N, C and loss."""
    made_from: MadeFrom | None = None
    """What was trained, on what and how; None where runs were imported."""
    speed: Speed | None = None
    """How fast the machine of the sweep trained; None where no run was timed."""
    schema_version: Literal[1] = 1

    @property
    def status(self) -> Literal["ok", "unreliable"]:
        """Unreliable as soon as one finding is an error."""
        return "unreliable" if any(f.severity == "error" for f in self.findings) else "ok"

    @property
    def loss_unit(self) -> str:
        """Unit of the loss, e.g. 'nats per token'; 'unknown' where nobody declared it."""
        return self.conventions.loss_unit

    @property
    def minima(self) -> tuple[BudgetMinimum, ...]:
        """The minimum that each budget shows by itself; empty where the runs form no budgets."""
        return next((law.minima for law in (self.headline, self.second) if isinstance(law, ValleyLaw)), ())

    @property
    def flops_range(self) -> tuple[float, float]:
        """Least and largest compute that the headline was fitted to."""
        return self.headline.flops_range

    def to_json(self) -> str:
        """Return the law as JSON that `law_from_json` turns into an equal law."""
        return _LAWS.dump_json(self).decode()


_LAWS: TypeAdapter[ScalingLaw] = TypeAdapter(ScalingLaw)


def law_from_json(text: str, *, source: str = "This text") -> ScalingLaw:
    """Read a law back; messages call it `source`.

    Raises:
        FitError: the text is no law that this version can read (`not-a-law`).
        PluginError: the law needs a plugin that is not installed.
    """
    try:
        law = _LAWS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        where = f"{where}: " if where else ""
        raise FitError(
            f"{source} is no scaling law that this version of flops-fit can read: {where}{first['msg']}.",
            fix="fit the runs again: flops-fit fit RUNS --out DIR",
            code="not-a-law",
        ) from None
    return law if law.headline is not None else _fitted_again(law)


def _fitted_again(law: ScalingLaw) -> ScalingLaw:
    form = registry().find("fit", law.form["kind"]).model_validate(law.form)
    if not isinstance(form, Estimator):
        raise FitError(
            f"The law holds no fit, and its form {form.kind!r} is no estimator that could make one.",
            fix="fit the runs again: flops-fit fit RUNS --out DIR",
            code="not-a-law",
        )
    return replace(law, headline=form.fit(law.points))
