"""Average the coefficients of SGD over an epoch, and fit their scale and intercept."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from scipy.optimize import brentq
from scipy.special import entr, expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skstrat.classifiers._parts import Part

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# The scale a and the intercept b minimise the loss that SGD itself minimises,
#     sum_i w_i log(1 + exp(-y_i (a s_i + b))) / n + alpha a^2 |beta|^2 / 2,
# over the rows, with s the scores without an intercept. So the mean prediction is the
# share of the class, also if SGD is far from its optimum. If a larger scale would be
# overfitted, only the intercept is fitted.

# A scale fitted to training rows is too large. The correct one is smaller by the factor
# 1 - columns / chi2 (van Houwelingen and le Cessie, 1990). A larger scale is used only
# where this factor is at least 0.9, as Riley and others (2019) require.
_MOST_SHRINKAGE = 0.1
# More rows of a class change the log loss by a few millionths.
_MOST_OF_CLASS = 1 << 18


def averages(estimator: Any) -> bool:
    """Tell whether coefficients are averaged: SGD with log loss, without L1 penalty."""
    return (
        isinstance(estimator, SGDClassifier)
        and estimator.loss == "log_loss"
        and estimator.penalty in ("l2", None)
    )


class EpochMean:
    """Mean of the coefficients after each batch of an epoch."""

    def __init__(self) -> None:
        self._sums: list[Any] = [0.0, 0.0]
        self._n_batches = 0

    def add(self, estimator: Any) -> None:
        self._sums[0] = self._sums[0] + estimator.coef_
        self._sums[1] = self._sums[1] + estimator.intercept_
        self._n_batches += 1

    def of(self, estimator: Any) -> Any:
        coef, intercept = (each / self._n_batches for each in self._sums)
        return _with(estimator, coef, intercept)


def _with(estimator: Any, coef: Floats, intercept: Floats) -> Any:
    changed = deepcopy(estimator)
    changed.coef_ = coef.astype(estimator.coef_.dtype)
    changed.intercept_ = intercept.astype(estimator.intercept_.dtype)
    return changed


def scaled(mean: Any, last: Any, train: Part, passes: Floats, seed: int) -> Any:
    """Fit the scale and intercept of SGD to the rows; return others as they are."""
    if not averages(mean):
        return mean
    # passes is how often each class counts. Where a larger scale would be overfitted,
    # the last coefficients are kept: they are nearer to the optimum than their mean.
    labels = train.labels
    rows, weights = _choose_rows(train, passes, seed)
    scores = train.predict(mean.decision_function, rows).reshape(len(rows), -1)
    y = labels.classes[labels.codes[rows]]
    penalty = _strength(mean) * float(passes @ labels.counts)
    line = LogisticRegression(
        C=1 / penalty if penalty else np.inf,
        fit_intercept=mean.fit_intercept,
        solver="newton-cholesky",
        max_iter=200,
    )
    coef, intercept, kept = last.coef_.copy(), last.intercept_.copy(), []
    positive = mean.classes_[-scores.shape[1] :]
    for place, (row, label) in enumerate(zip(mean.coef_, positive, strict=True)):
        length = np.linalg.norm(row) or 1.0
        # Divided by the length, so that the penalty of the line is that of the model.
        distance = (scores[:, [place]] - mean.intercept_[place]) / length
        _fit_line(line, distance, y == label, weights)
        scale = line.coef_[0, 0] / length
        chi2 = len(labels.codes) * _deviance(line, distance, y == label, weights)
        if scale <= 1 or len(row) <= _MOST_SHRINKAGE * chi2:
            coef[place] = row * scale
            intercept[place] = np.ravel(line.intercept_)[0]
        else:
            kept.append(place)
    if kept and mean.fit_intercept:
        scores = train.predict(last.decision_function, rows).reshape(len(rows), -1)
        for place in kept:
            shift = _shift_to_share(scores[:, place], y == positive[place], weights)
            intercept[place] += shift
    return _with(mean, coef, intercept)


def _strength(estimator: Any) -> float:
    return 0.0 if estimator.penalty is None else float(estimator.alpha)


def _fit_line(
    line: LogisticRegression, distance: Floats, y: Mask, weights: Floats
) -> None:
    with warnings.catch_warnings():
        # If the scores separate the classes, any large scale is a solution.
        for category in (ConvergenceWarning, LinAlgWarning):
            warnings.simplefilter("ignore", category)
        line.fit(distance, y, sample_weight=weights)


def _shift_to_share(scores: Floats, y: Mask, weights: Floats) -> float:
    """Return what added to the scores makes the mean prediction the share of y."""
    share = np.average(y, weights=weights)

    def excess(shift: float) -> float:
        return float(np.average(expit(scores + shift), weights=weights) - share)

    low, high = logit(share) - scores.max() - 1, logit(share) - scores.min() + 1
    return float(brentq(excess, low, high))


def _deviance(
    line: LogisticRegression, distance: Floats, y: Mask, weights: Floats
) -> float:
    """Return twice the mean log loss of the share of y, minus that of the line."""
    share = np.average(y, weights=weights)
    lost = np.logaddexp(0, np.where(y, -1, 1) * line.decision_function(distance))
    null = entr(share) + entr(1 - share)
    return 2 * float(null - np.average(lost, weights=weights))


def _choose_rows(
    train: Part, passes: Floats, seed: int
) -> tuple[NDArray[np.intp], Floats]:
    codes, counts = train.labels.codes, train.labels.counts
    rows, taken = np.arange(len(codes)), np.minimum(counts, _MOST_OF_CLASS)
    if taken.sum() < len(codes):
        generator = np.random.default_rng(seed)
        chosen = [
            generator.choice(np.flatnonzero(codes == code), n_rows, replace=False)
            for code, n_rows in enumerate(taken.tolist())
        ]
        rows = np.sort(np.concatenate(chosen))
    weights: Floats = (passes * counts / taken)[codes[rows]]
    return rows, weights if train.weights is None else weights * train.weights[rows]
