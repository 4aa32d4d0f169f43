"""Stage 1. A file, a mapping or Python objects come in, a checked SweepSpec and its Probe go out."""

from flops_fit.config.adapters import adapt as adapt
from flops_fit.config.design import DesignSpec as DesignSpec
from flops_fit.config.form import read_form as read_form
from flops_fit.config.load import load_spec as load_spec
from flops_fit.config.made_from import MadeFrom as MadeFrom
from flops_fit.config.made_from import made_from as made_from
from flops_fit.config.made_from import read_made_from as read_made_from
from flops_fit.config.presets import TRUTHS as TRUTHS
from flops_fit.config.presets import demo_spec as demo_spec
from flops_fit.config.presets import init_text as init_text
from flops_fit.config.presets import truth_spec as truth_spec
from flops_fit.config.presets import write_initial_spec as write_initial_spec
from flops_fit.config.probe import Probe as Probe
from flops_fit.config.probe import ProbedSize as ProbedSize
from flops_fit.config.probe import glimpse as glimpse
from flops_fit.config.probe import probe as probe
from flops_fit.config.provenance import canonical_json as canonical_json
from flops_fit.config.provenance import component_identity as component_identity
from flops_fit.config.provenance import write_spec_json as write_spec_json
from flops_fit.config.spec import SweepSpec as SweepSpec
from flops_fit.config.training import TrainingSpec as TrainingSpec
