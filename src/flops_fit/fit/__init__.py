"""Stage 4. RunRecords come in, a ScalingLaw goes out: how loss depends on N and D, and where it is least."""

from flops_fit.fit.conventions import Conventions as Conventions
from flops_fit.fit.conventions import FlopConvention as FlopConvention
from flops_fit.fit.conventions import SizeConvention as SizeConvention
from flops_fit.fit.conventions import declare as declare
from flops_fit.fit.curve_law import CurveLaw as CurveLaw
from flops_fit.fit.forms import Chinchilla as Chinchilla
from flops_fit.fit.imported import fit_imported as fit_imported
from flops_fit.fit.irreducible import irreducible_loss as irreducible_loss
from flops_fit.fit.law import Estimate as Estimate
from flops_fit.fit.law import Law as Law
from flops_fit.fit.law import Optimum as Optimum
from flops_fit.fit.pipeline import fit_best as fit_best
from flops_fit.fit.pipeline import fit_law as fit_law
from flops_fit.fit.points import Excluded as Excluded
from flops_fit.fit.points import Points as Points
from flops_fit.fit.scaling_law import ScalingLaw as ScalingLaw
from flops_fit.fit.scaling_law import law_from_json as law_from_json
from flops_fit.fit.valley_law import BudgetMinimum as BudgetMinimum
from flops_fit.fit.valley_law import ValleyLaw as ValleyLaw
from flops_fit.fit.valley_law import fit_valley_law as fit_valley_law
