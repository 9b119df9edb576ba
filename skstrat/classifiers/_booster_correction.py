"""Correct a booster trained from initial scores to the original distribution."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from skstrat._core.weights import Floats, totals_of
from skstrat.classifiers._boosters import (
    fitted_library,
    predict_from,
    raw_scores,
    unsuited_parameters,
)
from skstrat.classifiers._policy import is_near_one
from skstrat.exceptions import CalibrationWarning

if TYPE_CHECKING:
    from skstrat.classifiers._booster_data import BoosterData


def correct_booster(data: BoosterData, booster: Any) -> None:
    """Make a booster that was trained on a BoosterData start from its prior."""
    library, n_classes = fitted_library(booster), len(data.classes)
    if not library:
        raise TypeError(
            "booster must be a Booster of LightGBM or XGBoost, a CatBoost model, or "
            "the classifier of one of these libraries; got "
            f"{type(booster).__name__}. Correct each of several boosters by itself."
        )
    for name, value in unsuited_parameters(booster).items():
        raise ValueError(
            "booster must be trained with the log loss and without weights of classes; "
            f"got {name}={value!r}. Train with "
            f'{{**data.params("{library}"), ...}}, and leave {name} out of the rest.'
        )
    raw = raw_scores(booster, data.X)
    if raw is not None:
        _warn_of_share(data, raw + data.init_score)
    if not predict_from(booster, np.asarray(data.prior_score)):
        link = "expit" if n_classes == 2 else "softmax"
        raise ValueError(
            "booster must have scores that can be moved by a constant; got "
            f"{type(booster).__name__} of {library} without. It needs one value a leaf "
            f"(no linear_tree) and {n_classes} classes, in XGBoost before 3.1 at most "
            f"2. Keep it as it is, and predict {link}(raw scores + data.prior_score)."
        )


def _warn_of_share(data: BoosterData, scores: Floats) -> None:
    if scores.ndim == 1:
        proba = np.column_stack([expit(-scores), expit(scores)])
    else:
        proba = softmax(scores, axis=1)
    weights = data.sample_weight
    predicted = proba.sum(axis=0) if weights is None else weights @ proba
    if is_near_one(predicted / totals_of(data.y, weights, proba.shape[1])):
        return
    warnings.warn(
        "The booster does not predict the share of each class among the rows that it "
        "was trained on. It was corrected before, was not trained from the initial "
        "scores of this data, or for too few rounds. Train it on data.to_lightgbm() "
        "or data.to_catboost() until the loss is flat, and correct it once.",
        CalibrationWarning,
        stacklevel=4,
    )
