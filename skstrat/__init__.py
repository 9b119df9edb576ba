"""Train on a fraction of the rows and keep calibrated probabilities."""

from skstrat._classifier import ResampledClassifier
from skstrat._errors import (
    AbsentClassWarning,
    MissingLabelsError,
    TreeWeightsWarning,
    UnusedWeightsError,
)
from skstrat._grid import strategy_grid
from skstrat._oversample import RandomOversample
from skstrat._pipeline import Pipeline, make_pipeline
from skstrat._plan import Plan
from skstrat._prior import correct_prior
from skstrat._resamplers import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
)

__version__ = "0.1.0"

__all__ = [
    "AbsentClassWarning",
    "ClassWeight",
    "CombinedResample",
    "DownsampleUpweight",
    "MissingLabelsError",
    "Pipeline",
    "Plan",
    "RandomOversample",
    "ResampledClassifier",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "correct_prior",
    "make_pipeline",
    "strategy_grid",
]
