"""Train on a fraction of the rows and keep calibrated probabilities."""

from skstrat._batches import BalancedBatches
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
from skstrat._guided import GuidedDownsample
from skstrat._imbalanced_sampler import ImbalancedSampler
from skstrat._iter_batches import iter_batches
from skstrat._oversample import RandomOversample
from skstrat._partial_fit import PartialFitClassifier
from skstrat._partition import Partition
from skstrat._partitions import plan_partitions
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
    "BalancedBatches",
    "ClassWeight",
    "CombinedResample",
    "Comparison",
    "DownsampleUpweight",
    "GuidedDownsample",
    "ImbalancedSampler",
    "MissingLabelsError",
    "PartialFitClassifier",
    "Partition",
    "Pipeline",
    "Plan",
    "RandomOversample",
    "ResampledClassifier",
    "Strategy",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "compare_strategies",
    "correct_prior",
    "iter_batches",
    "make_pipeline",
    "plan_partitions",
    "strategy_grid",
]
