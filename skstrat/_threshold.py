"""The threshold with the best F-beta score."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skstrat._binary import check_predictions
from skstrat._sklearn import confusion_matrix_at_thresholds


class BestThreshold(NamedTuple):
    """A threshold and what it scores.

    Attributes
    ----------
    threshold : float
        Rows with ``y_prob >= threshold`` are predicted positive.
    score : float
        F-beta score at that threshold.
    """

    threshold: float
    score: float


def best_threshold(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    beta: float = 2.0,
    pos_label: Any = None,
) -> BestThreshold:
    r"""Find the threshold with the highest F-beta score.

    .. math:: F_\beta = \frac{(1 + \beta^2) TP}{(1 + \beta^2) TP + \beta^2 FN + FP}

    On the rows that the threshold was chosen on, the score is optimistic: take the
    threshold from other rows, for example with
    :class:`sklearn.model_selection.TunedThresholdClassifierCV`. The best threshold
    depends on the prevalence, so on a downsampled set it needs the weights.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most.
    y_prob : array-like of shape (n_rows,)
        Probability of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None; a row of weight zero counts as absent.
    beta : float, default=2.0
        How many times as important recall is as precision.
    pos_label : int, float, bool or str, default=None
        Label of the positive class; None means 1 where the labels are among 0 and 1,
        -1 and 1, or False and True.

    Returns
    -------
    BestThreshold
        ``(threshold, score)``. The threshold is one of the probabilities, and of
        several that score the same the highest.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, the positive one cannot
        be told or has no row, or ``beta``, a probability or a weight is impossible.

    Examples
    --------
    >>> from skstrat.metrics import best_threshold
    >>> y, p = [0, 0, 0, 0, 1, 1], [0.1, 0.1, 0.2, 0.4, 0.3, 0.6]
    >>> threshold, score = best_threshold(y, p)
    >>> threshold, round(score, 6)  # 2 of 2 found among 3: F2 = 5 * 2 / (10 + 1)
    (0.3, 0.909091)
    """
    if not (isinstance(beta, Real) and 0 < beta < np.inf):
        raise ValueError(f"beta must be a positive finite number; got {beta!r}.")
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    rows.need_positives("an F-beta score")
    _, fps, fns, tps, thresholds = confusion_matrix_at_thresholds(
        rows.positive, rows.p, pos_label=True, sample_weight=rows.weight
    )
    hits = (1 + beta**2) * tps
    scores = hits / (hits + beta**2 * fns + fps)
    best = int(np.argmax(scores))
    return BestThreshold(float(thresholds[best]), float(scores[best]))


def fbeta_at_best_threshold(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    beta: float = 2.0,
    pos_label: Any = None,
) -> float:
    """Give the highest F-beta score over all thresholds.

    Optimistic, for the threshold is chosen on the rows it is scored on; a measure of
    ranking, to compare models whose probabilities have different scales. See
    :func:`best_threshold` for the formula and the threshold itself.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most.
    y_prob : array-like of shape (n_rows,)
        Probability of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None; a row of weight zero counts as absent.
    beta : float, default=2.0
        How many times as important recall is as precision.
    pos_label : int, float, bool or str, default=None
        Label of the positive class; None means 1 where the labels are among 0 and 1,
        -1 and 1, or False and True.

    Returns
    -------
    float
        The score, in (0, 1]; 1 is best.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, the positive one cannot
        be told or has no row, or ``beta``, a probability or a weight is impossible.

    Examples
    --------
    >>> from skstrat.metrics import fbeta_at_best_threshold
    >>> fbeta_at_best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    1.0
    """
    return best_threshold(
        y_true, y_prob, sample_weight, beta=beta, pos_label=pos_label
    ).score
