"""Train on a fraction of the rows and keep calibrated probabilities."""

from skstrat._batches import BalancedBatches
from skstrat._class_weight import ClassWeight
from skstrat._classifier import ResampledClassifier
from skstrat._combined import CombinedResample
from skstrat._compare import compare_strategies
from skstrat._comparison import Comparison
from skstrat._downsample import DownsampleUpweight
from skstrat._ensemble import ResampledEnsembleClassifier
from skstrat._errors import (
    AbsentClassWarning,
    CalibrationWarning,
    MissingLabelsError,
    TreeWeightsWarning,
    UnusedWeightsError,
)
from skstrat._factor_recommendation import FactorRecommendation
from skstrat._focal import FocalLoss
from skstrat._focal_classifier import FocalLossClassifier
from skstrat._focal_objectives import lightgbm_objective, xgboost_objective
from skstrat._grid import strategy_grid
from skstrat._guided import GuidedDownsample
from skstrat._imbalanced_sampler import ImbalancedSampler
from skstrat._iter_batches import iter_batches
from skstrat._oversample import RandomOversample
from skstrat._partial_fit import PartialFitClassifier
from skstrat._pipeline import Pipeline, make_pipeline
from skstrat._plan import Plan
from skstrat._prior import correct_prior
from skstrat._prior_corrected import PriorCorrectedClassifier
from skstrat._recommend import recommend_factor
from skstrat._strategies import Strategy
from skstrat._weighted import Weighted

__version__ = "0.1.0"

__all__ = [
    "AbsentClassWarning",
    "BalancedBatches",
    "CalibrationWarning",
    "ClassWeight",
    "CombinedResample",
    "Comparison",
    "DownsampleUpweight",
    "FactorRecommendation",
    "FocalLoss",
    "FocalLossClassifier",
    "GuidedDownsample",
    "ImbalancedSampler",
    "MissingLabelsError",
    "PartialFitClassifier",
    "Pipeline",
    "Plan",
    "PriorCorrectedClassifier",
    "RandomOversample",
    "ResampledClassifier",
    "ResampledEnsembleClassifier",
    "Strategy",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "Weighted",
    "compare_strategies",
    "correct_prior",
    "iter_batches",
    "lightgbm_objective",
    "make_pipeline",
    "recommend_factor",
    "strategy_grid",
    "xgboost_objective",
]
