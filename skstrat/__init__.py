"""Train on a fraction of the rows and keep calibrated probabilities."""

from skstrat.batches import BalancedBatches, ImbalancedSampler, iter_batches
from skstrat.classifiers import (
    BoosterData,
    FocalLoss,
    FocalLossClassifier,
    PartialFitClassifier,
    PriorCorrectedClassifier,
    PriorEstimate,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    booster_data,
    correct_prior,
    estimate_prior,
    lightgbm_objective,
    recommend_factor,
    xgboost_objective,
)
from skstrat.exceptions import (
    AbsentClassWarning,
    CalibrationWarning,
    MissingLabelsError,
    SmallStrataWarning,
    TreeWeightsWarning,
    UnusedWeightsError,
)
from skstrat.model_selection import (
    Comparison,
    Strategy,
    compare_strategies,
    strategy_grid,
)
from skstrat.pipeline import Pipeline, make_pipeline
from skstrat.resamplers import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    FactorRecommendation,
    GuidedDownsample,
    Plan,
    RandomOversample,
    Weighted,
)

__version__ = "0.1.0"

__all__ = [
    "AbsentClassWarning",
    "BalancedBatches",
    "BoosterData",
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
    "PriorEstimate",
    "RandomOversample",
    "ResampledClassifier",
    "ResampledEnsembleClassifier",
    "SmallStrataWarning",
    "Strategy",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "Weighted",
    "booster_data",
    "compare_strategies",
    "correct_prior",
    "estimate_prior",
    "iter_batches",
    "lightgbm_objective",
    "make_pipeline",
    "recommend_factor",
    "strategy_grid",
    "xgboost_objective",
]
