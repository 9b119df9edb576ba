"""Classifiers that train on resampled rows and predict the original distribution."""

from skstrat._core.prior import correct_prior
from skstrat.classifiers._auto import recommend_factor
from skstrat.classifiers._booster_data import BoosterData, booster_data
from skstrat.classifiers._ensemble import ResampledEnsembleClassifier
from skstrat.classifiers._focal import FocalLossClassifier
from skstrat.classifiers._focal_loss import (
    FocalLoss,
    lightgbm_objective,
    xgboost_objective,
)
from skstrat.classifiers._hold_out import CheckResult
from skstrat.classifiers._newton import FullFit
from skstrat.classifiers._partial_fit import PartialFitClassifier
from skstrat.classifiers._policy import TrainingDecision
from skstrat.classifiers._prior_corrected import PriorCorrectedClassifier
from skstrat.classifiers._prior_estimate import PriorEstimate, estimate_prior
from skstrat.classifiers._resampled import ResampledClassifier

__all__ = [
    "BoosterData",
    "CheckResult",
    "FocalLoss",
    "FocalLossClassifier",
    "FullFit",
    "PartialFitClassifier",
    "PriorCorrectedClassifier",
    "PriorEstimate",
    "ResampledClassifier",
    "ResampledEnsembleClassifier",
    "TrainingDecision",
    "booster_data",
    "correct_prior",
    "estimate_prior",
    "lightgbm_objective",
    "recommend_factor",
    "xgboost_objective",
]
