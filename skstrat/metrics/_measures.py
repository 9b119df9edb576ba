"""The table of measures, with names and explanations, and scorers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics

from skstrat._core.compat import (
    brier_score_loss,
    d2_brier_score,
    is_loss,
    named_partial,
)
from skstrat.metrics import _calibration_error, _calibration_fit

LOWER, HIGHER = -math.inf, math.inf
_BETTER = {None: "", LOWER: "lower is better", HIGHER: "higher is better"}
# As in scikit-learn, so that one row with a probability of 0 does not decide.
_LEAST = np.finfo(np.float64).eps


class MeasureInfo(NamedTuple):
    """A measure: its score, its best value and its names."""

    key: str  # its name in a comparison
    best: float | None  # infinite if lower or higher is better
    explanation: str
    # Scores two classes by label, probability and weight.
    score: Callable[..., float] | None = None
    # Scores more classes; None for the smallest class against the rest by score.
    score_all: Callable[..., float] | None = None
    # The loss of each row, by whether it is positive and its probability. Only for
    # measures that are the mean of such losses.
    loss: Callable[[Any, Any], Any] | None = None
    needs_threshold: bool = False  # score takes predicted labels
    compared: bool = True  # by default
    # As score, for all out-of-fold predictions at once and not for folds.
    pooled: Callable[..., float] | None = None
    digits: int | None = None  # decimals in the terminal; None if not shown there
    unit: str = ""
    name: str = ""  # for a reader, if it does not follow from the key

    @property
    def scorer_name(self) -> str:
        """Name of the scorer; greater values are better if there is an order."""
        return f"neg_{self.key}" if self.best == LOWER else self.key

    @property
    def label(self) -> str:
        """Name with its unit, for an axis, a column or a sentence."""
        name = self.name or self.key.replace("_", " ").capitalize()
        return name if self.unit in name.lower() else f"{name}, {self.unit}"

    @property
    def is_ordered(self) -> bool:
        return self.best in (LOWER, HIGHER)

    @property
    def better(self) -> str:
        return _BETTER.get(self.best, f"{self.best} is right")


_ROWS = (
    MeasureInfo(
        "rows",
        None,
        "rows that a model was trained on, mean of folds",
        digits=0,
        unit="rows",
    ),
    MeasureInfo(
        "fit_time",
        LOWER,
        "time for resampling and fitting, in one thread",
        digits=2,
        unit="s",
    ),
    MeasureInfo(
        "roc_auc",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
        metrics.roc_auc_score,
        named_partial(metrics.roc_auc_score, multi_class="ovr"),
        digits=3,
        name="ROC AUC",
    ),
    MeasureInfo(
        "average_precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
        metrics.average_precision_score,
        metrics.average_precision_score,
        digits=3,
    ),
    MeasureInfo(
        "log_loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
        named_partial(metrics.log_loss, labels=[False, True]),
        metrics.log_loss,
        lambda positive, p: -np.log(np.maximum(abs(1 - positive - p), _LEAST)),
        digits=4,
    ),
    MeasureInfo(
        "d2_log_loss_score",
        HIGHER,
        "share of the log loss of the class shares that is removed: 1 is perfect",
        named_partial(metrics.d2_log_loss_score, labels=[False, True]),
        metrics.d2_log_loss_score,
        name="D² log loss",
    ),
    MeasureInfo(
        "brier_score",
        LOWER,
        "mean squared error of probabilities",
        brier_score_loss,
        brier_score_loss,
        lambda positive, p: (positive - p) ** 2,
        digits=4,
    ),
    MeasureInfo(
        "d2_brier_score",
        HIGHER,
        "as D² log loss, of the Brier score",
        d2_brier_score,
        d2_brier_score,
        name="D² Brier score",
    ),
    MeasureInfo(
        "f2",
        HIGHER,
        "balance of precision and recall at the threshold; recall counts twice",
        named_partial(metrics.fbeta_score, beta=2),
        needs_threshold=True,
        name="F2 score",
    ),
    MeasureInfo(
        "mean_probability_ratio",
        1,
        "predicted over observed share of positive rows",
        _calibration_fit.mean_probability_ratio,
        digits=2,
        name="Mean p / prevalence",
    ),
    MeasureInfo(
        "calibration_slope",
        1,
        "of the labels' log odds on the predicted ones; below 1 is too extreme",
        _calibration_fit.calibration_slope,
    ),
    MeasureInfo(
        "calibration_in_the_large",
        0,
        "shift of the log odds that would make the mean prediction right",
        _calibration_fit.calibration_in_the_large,
        compared=False,
    ),
    MeasureInfo(
        "expected_calibration_error",
        LOWER,
        "distance of predicted and observed shares, averaged over bins of equal weight",
        _calibration_error.expected_calibration_error,
        compared=False,
    ),
    MeasureInfo(
        "threshold", None, "probability from which on a row is called positive"
    ),
    MeasureInfo(
        "relative_calibration_error",
        LOWER,
        "calibration error of all out-of-fold predictions, divided by the prevalence",
        pooled=named_partial(
            _calibration_error.expected_calibration_error, relative=True
        ),
    ),
    MeasureInfo(
        "relative_calibration_error_floor",
        None,
        "the same of a perfectly calibrated model, by chance",
        pooled=named_partial(_calibration_error.calibration_noise_floor, relative=True),
    ),
)
MEASURES = {each.key: each for each in _ROWS}


def describe_measure(
    name: str, scoring: Mapping[str, Any] | None = None
) -> MeasureInfo:
    """Return a measure by name, or describe a scorer given to a comparison."""
    best = LOWER if is_loss((scoring or {}).get(name)) else HIGHER
    own = MeasureInfo(name, best, "a scorer given to the comparison")
    return MEASURES.get(name, own)


def scorers(pos_label: Any = 1, column: int | None = None) -> dict[str, Any]:
    """Make scorers of the measures, for cross-validation and searches.

    Parameters
    ----------
    pos_label : int, float, bool or str, default=1
        Label of the positive class; 1 is True, too.
    column : int, default=None
        Column of the positive class in ``predict_proba``, if there are more than two
        classes. Measures that can score all classes then do so. Others score the
        positive class against the rest; none scores labels.

    Returns
    -------
    dict of str to scorer
        Greater is better for ``"roc_auc"``, ``"average_precision"``,
        ``"neg_log_loss"``, ``"d2_log_loss_score"``, ``"neg_brier_score"``,
        ``"d2_brier_score"``, ``"f2"`` and ``"neg_expected_calibration_error"``; losses
        are negated. ``"mean_probability_ratio"``, ``"calibration_slope"`` (both best at
        1) and ``"calibration_in_the_large"`` (best at 0) must not be maximized. All
        score probabilities, except ``"f2"``, which scores the predicted labels.

    Notes
    -----
    For weights call ``set_score_request(sample_weight=True)`` on a scorer, with
    metadata routing enabled.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from skstrat.metrics import scorers
    >>> X, y = make_classification(2000, weights=[0.9], random_state=0)
    >>> result = cross_validate(LogisticRegression(), X, y, scoring=scorers())
    >>> print(f"{result['test_mean_probability_ratio'].mean():.2f}")
    1.00
    """
    return {
        each.scorer_name: _make_scorer(each, pos_label, column)
        for each in MEASURES.values()
        if each.score and (column is None or not each.needs_threshold)
    }


def _make_scorer(measure: MeasureInfo, pos_label: Any, column: int | None) -> Any:
    function, named = measure.score, {"pos_label": pos_label}
    if column is not None and measure.score_all:
        function, named = named_partial(_score_all, measure.score_all), {}
    elif not measure.needs_threshold:
        function = named_partial(_score_positive, measure.score, column=column)
    return metrics.make_scorer(
        function,
        response_method="predict" if measure.needs_threshold else "predict_proba",
        greater_is_better=measure.best != LOWER,
        **named,
    )


def _score_all(
    function: Callable[..., float], y_true: Any, y_prob: Any, sample_weight: Any = None
) -> float:
    """Score all classes, without the pos_label that scikit-learn 1.6 needs."""
    return function(y_true, y_prob, sample_weight=sample_weight)


def _score_positive(
    function: Callable[..., float],
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    pos_label: Any = 1,
    column: int | None = None,
) -> float:
    """Score the probability of one class, of a column if there are several."""
    # scikit-learn predicts once for all scorers of a search, and takes the column that
    # the first of them requests. So all request the same, also if the function has no
    # pos_label.
    probability = y_prob if column is None else y_prob[:, column]
    positive = np.asarray(y_true) == pos_label
    return function(positive, probability, sample_weight=sample_weight)
