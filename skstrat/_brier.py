"""The Brier score in parts, by isotonic recalibration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.isotonic import isotonic_regression

from skstrat._binary import check_predictions


class BrierDecomposition(NamedTuple):
    """Brier score = miscalibration - discrimination + uncertainty.

    Attributes
    ----------
    miscalibration : float
        What isotonic recalibration would gain; 0 is best.
    discrimination : float
        What the recalibrated probabilities gain over the prevalence; more is better.
    uncertainty : float
        Brier score of the prevalence; a property of the labels alone.
    """

    miscalibration: float
    discrimination: float
    uncertainty: float


def brier_decomposition(
    y_true: Any, y_prob: Any, sample_weight: Any = None, *, pos_label: Any = None
) -> BrierDecomposition:
    r"""Split the Brier score into miscalibration, discrimination and uncertainty.

    .. math:: \operatorname{BS}(p) = [\operatorname{BS}(p) - \operatorname{BS}(c)]
        - [\operatorname{BS}(\bar y) - \operatorname{BS}(c)]
        + \operatorname{BS}(\bar y)

    with *c* the isotonic recalibration of *p*, which needs no bins (CORP: Dimitriadis,
    Gneiting and Jordan, 2021). With few positives the miscalibration of a perfect model
    is well above 0 too.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most.
    y_prob : array-like of shape (n_rows,)
        Probability of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None; a row of weight zero counts as absent.
    pos_label : int, float, bool or str, default=None
        Label of the positive class; None means 1 where the labels are among 0 and 1,
        -1 and 1, or False and True.

    Returns
    -------
    BrierDecomposition
        ``(miscalibration, discrimination, uncertainty)``, none negative.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, the positive one cannot
        be told, or a probability or weight is impossible.

    Examples
    --------
    >>> from skstrat.metrics import brier_decomposition
    >>> parts = brier_decomposition([0, 1, 0, 1], [0.0, 0.5, 0.5, 1.0])
    >>> parts.miscalibration, parts.discrimination, parts.uncertainty
    (0.0, 0.125, 0.25)
    """
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    values, value_of = np.unique(rows.p, return_inverse=True)
    share = np.bincount(value_of, rows.share)
    observed = np.bincount(value_of, rows.share * rows.positive) / share
    recalibrated = isotonic_regression(observed, sample_weight=share)
    prevalence = rows.prevalence
    # Within ties the spread of y is the same for p and c, so that it cancels.
    gain = (values - observed) ** 2 - (recalibrated - observed) ** 2
    return BrierDecomposition(
        miscalibration=max(0.0, float(share @ gain)),
        discrimination=float(share @ (recalibrated - prevalence) ** 2),
        uncertainty=prevalence * (1 - prevalence),
    )
