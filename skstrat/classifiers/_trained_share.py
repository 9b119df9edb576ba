"""Check the mean prediction of a model on the rows it was fitted with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    SGDClassifier,
)
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.compat import BaseSearchCV, LinearClassifierMixin
from skstrat._core.estimators import is_boosting_library
from skstrat._core.labels import Labels
from skstrat._core.rows import take_rows
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._own_prior import weighs_itself
from skstrat.classifiers._policy import is_near_one
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled

# For logistic regression with an intercept the mean prediction is the share of each
# class at the optimum. Boosting starts from the share and stays near it. Where they
# differ, an unknown parameter reweighs the classes.

# This many rows measure a ratio to a few per cent; a tenth of the rows takes little
# time.
_MOST_ROWS, _FEWEST_ROWS = 1000, 200
# Three, because many classes of many fits are checked.
_STANDARD_ERRORS = 3.0


def warn_of_trained_share(
    fitted: Any,
    resampled: Resampled,
    weights: Floats | None,
    trained: Floats,
    undone: Floats | None = None,
) -> bool:
    """Warn where the mean prediction of training rows differs from their shares."""
    # weights are those of the fit. trained has the class totals that the model is
    # assumed to have learned. undone is the offset from its log probabilities back to
    # these, for all rows or for each.
    labels = resampled.labels
    if not (hasattr(fitted, "predict_proba") and _keeps_shares(fitted)):
        return False
    # Small fits need no check then.
    if _is_at_optimum(fitted):
        return False
    rows, weight, whole = _sample(labels, weights, trained)
    known = np.asarray(getattr(fitted, "classes_", labels.classes)).tolist()
    proba = np.asarray(fitted.predict_proba(take_rows(resampled.X, rows)))
    # Other shapes are refused where they are corrected; a pipeline passes them on.
    if proba.shape[1:] != (len(known),):
        return False
    proba = proba[:, [known.index(label) for label in labels.classes.tolist()]]
    if undone is not None:
        proba = proba * np.exp(undone if undone.ndim == 1 else undone[rows])
        proba /= proba.sum(axis=1, keepdims=True)
    ratio, error = _ratios(proba, labels.codes[rows], weight, whole, trained)
    margins = _STANDARD_ERRORS * error
    if all(map(is_near_one, ratio.tolist(), margins.tolist())):
        return False
    name = weighs_itself(fitted) or type(_learner(fitted)).__name__
    warnings.warn(
        f"{name} predicts another share of a class, on the rows that it was fitted "
        "with, than these have. A parameter reweighs or resamples the classes, "
        "training stopped too early, or its scores are no probabilities, as those of "
        "AdaBoost. Leave that parameter out, train longer, or wrap it in "
        "CalibratedClassifierCV. If you know the prior that it learned, give "
        "PriorCorrectedClassifier(fitted, train_prior=..., target_prior=...).",
        CalibrationWarning,
        stacklevel=4,
    )
    return True


def _learner(fitted: Any) -> Any:
    while True:
        if isinstance(fitted, SklearnPipeline):
            # The margin does not include the random draw of a sampler inside.
            if any(hasattr(step, "fit_resample") for _, step in fitted.steps):
                return fitted
            fitted = fitted.steps[-1][1]
        elif isinstance(fitted, BaseSearchCV):
            fitted = fitted.best_estimator_
        else:
            return fitted


def _keeps_shares(fitted: Any) -> bool:
    model = _learner(fitted)
    if isinstance(model, VotingClassifier):
        return all(map(_keeps_shares, model.estimators_))
    if isinstance(model, GradientBoostingClassifier):
        return bool(model.loss == "log_loss")
    boosting = (AdaBoostClassifier, HistGradientBoostingClassifier)
    if isinstance(model, boosting) or is_boosting_library(model):
        return True
    if not isinstance(model, LinearClassifierMixin):
        return False
    # A discriminant analysis has no such optimum, stochastic steps may not reach it,
    # and liblinear penalises the intercept.
    return (
        not isinstance(model, (LinearDiscriminantAnalysis, SGDClassifier))
        and bool(getattr(model, "fit_intercept", True))
        and getattr(model, "solver", None) != "liblinear"
    )


def _is_at_optimum(fitted: Any) -> bool:
    model = _learner(fitted)
    known = type(model) in (LogisticRegression, LogisticRegressionCV)
    return known and bool(np.max(model.n_iter_) < model.max_iter)


def _sample(
    labels: Labels, weights: Floats | None, trained: Floats
) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_]]:
    """Draw some rows of each class; return weights, and which classes are complete."""
    n_rows = len(labels.codes)
    most = min(max(n_rows // 10, _FEWEST_ROWS), _MOST_ROWS) // len(trained)
    generator = np.random.default_rng(0)
    drawn = []
    for code, count in enumerate(labels.counts.tolist()):
        own = np.flatnonzero(labels.codes == code)
        if count > most:
            own = own[generator.integers(count, size=most)]
        drawn.append(own)
    rows = np.concatenate(drawn)
    codes = labels.codes[rows]
    weight = np.ones(len(rows)) if weights is None else weights[rows]
    sampled = class_totals(
        Labels(codes, labels.classes, np.array(list(map(len, drawn)))), weight
    )
    return rows, weight * (trained / sampled)[codes], labels.counts <= most


def _ratios(
    proba: Floats,
    codes: NDArray[Any],
    weight: Floats,
    whole: NDArray[np.bool_],
    trained: Floats,
) -> tuple[Floats, Floats]:
    """Divide predicted by true totals of each class; return standard errors, too."""
    ratio = weight @ proba / trained
    places = np.flatnonzero(~whole)
    variance = np.zeros(len(trained))
    for code in places.tolist():
        own = codes == code
        mean = np.average(proba[own], axis=0, weights=weight[own])
        variance += (weight[own] ** 2) @ (proba[own] - mean) ** 2
    return ratio, np.sqrt(variance) / trained
