"""Scorers of two classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    d2_log_loss_score,
    fbeta_score,
    log_loss,
    make_scorer,
    roc_auc_score,
)

from skstrat._core import compat
from skstrat.metrics._calibration_error import (
    expected_calibration_error,
)
from skstrat.metrics._calibration_fit import (
    calibration_in_the_large,
    calibration_slope,
    mean_probability_ratio,
)


def scorers(pos_label: Any = None) -> dict[str, Any]:
    """Make scorers of two classes for cross-validation and searches.

    Parameters
    ----------
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1, and is enough for labels in {0, 1},
        {-1, 1} or bool; others need it.

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
    named = {} if pos_label is None else {"pos_label": pos_label}
    functions = {
        "roc_auc": roc_auc_score,
        "average_precision": average_precision_score,
        "neg_log_loss": compat.named_partial(log_loss, labels=[False, True]),
        "d2_log_loss_score": compat.named_partial(
            d2_log_loss_score, labels=[False, True]
        ),
        "neg_brier_score": compat.brier_score_loss,
        "d2_brier_score": compat.d2_brier_score,
        "mean_probability_ratio": mean_probability_ratio,
        "calibration_slope": calibration_slope,
        "calibration_in_the_large": calibration_in_the_large,
        "neg_expected_calibration_error": expected_calibration_error,
    }
    made = {
        name: make_scorer(
            compat.named_partial(_score_positive, function),
            response_method="predict_proba",
            greater_is_better=not name.startswith("neg_"),
            **named,
        )
        for name, function in functions.items()
    }
    made["f2"] = make_scorer(fbeta_score, beta=2, **named)
    return made


def _score_positive(
    function: Callable[..., float],
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    pos_label: Any = 1,
) -> float:
    """Score the probability of the positive class against all others.

    scikit-learn predicts once for all scorers of a search, and takes the column that
    the first of them asks for. So all ask for the same, also those whose function has
    no ``pos_label``.
    """
    positive = np.asarray(y_true) == pos_label
    return function(positive, y_prob, sample_weight=sample_weight)
