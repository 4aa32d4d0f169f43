"""Stage 5. A ScalingLaw comes in, answers go out: predictions, tables, plots."""

from flops_fit.result.checklist import ChecklistItem as ChecklistItem
from flops_fit.result.checklist import checklist_text as checklist_text
from flops_fit.result.loading import load as load
from flops_fit.result.prediction import LossPrediction as LossPrediction
from flops_fit.result.prediction import Prediction as Prediction
from flops_fit.result.scaling import ScalingResult as ScalingResult
