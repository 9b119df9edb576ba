"""Scorers of the measures, for cross-validation and searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

from skstrat._core.compat import named_partial
from skstrat.metrics._measures import LOWER, MEASURES, MeasureInfo


def scorers(pos_label: Any = 1) -> dict[str, Any]:
    """Make scorers of two classes for cross-validation and searches.

    Parameters
    ----------
    pos_label : int, float, bool or str, default=1
        Label of the positive class; 1 is True, too.

    Returns
    -------
    dict of str to scorer
        ``"roc_auc"``, ``"average_precision"``, ``"neg_log_loss"``,
        ``"d2_log_loss_score"``, ``"neg_brier_score"``, ``"d2_brier_score"``, ``"f2"``
        and ``"neg_expected_calibration_error"`` are better the greater they are;
        losses are negated for that. ``"mean_probability_ratio"``,
        ``"calibration_slope"`` (both best at 1) and ``"calibration_in_the_large"``
        (best at 0) are to be read, not maximized.

    See Also
    --------
    sklearn.metrics.make_scorer : Makes each of them.

    Notes
    -----
    All but ``"f2"``, which scores the labels predicted, score probabilities. For
    weights call ``set_score_request(sample_weight=True)`` on a scorer, with metadata
    routing enabled.

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
        each.scorer_name: _make_scorer(each, pos_label)
        for each in MEASURES.values()
        if each.score
    }


def multiclass_scorers(smallest: Any, code: int) -> dict[str, Any]:
    """Make scorers of more classes, for all or for the smallest against the rest."""
    return {
        each.scorer_name: _make_scorer(each, smallest, code)
        for each in MEASURES.values()
        if each.score and each.compared and not each.needs_threshold
    }


def _make_scorer(measure: MeasureInfo, pos_label: Any, code: int | None = None) -> Any:
    function, named = measure.score, {"pos_label": pos_label}
    if code is not None and measure.score_all:
        function, named = measure.score_all, {}
    elif not measure.needs_threshold:
        function = named_partial(_score_positive, measure.score, code=code)
    return make_scorer(
        function,
        response_method="predict" if measure.needs_threshold else "predict_proba",
        greater_is_better=measure.best != LOWER,
        **named,
    )


def _score_positive(
    function: Callable[..., float],
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    pos_label: Any = 1,
    code: int | None,
) -> float:
    """Score the probability of one class, a column if ``code`` names it."""
    # scikit-learn predicts once for all scorers of a search, and takes the column that
    # the first of them asks for. So all ask for the same, also those whose function has
    # no pos_label.
    probability = y_prob if code is None else y_prob[:, code]
    positive = np.asarray(y_true) == pos_label
    return function(positive, probability, sample_weight=sample_weight)
