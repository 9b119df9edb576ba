"""Train on a fraction of the rows and keep calibrated probabilities."""

from skstrat._classifier import ResampledClassifier
from skstrat._compare import compare_strategies
from skstrat._comparison import Comparison
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
from skstrat._strategies import Strategy

__version__ = "0.1.0"

__all__ = [
    "AbsentClassWarning",
    "ClassWeight",
    "CombinedResample",
    "Comparison",
    "DownsampleUpweight",
    "MissingLabelsError",
    "Pipeline",
    "Plan",
    "RandomOversample",
    "ResampledClassifier",
    "Strategy",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "compare_strategies",
    "correct_prior",
    "make_pipeline",
    "strategy_grid",
]
