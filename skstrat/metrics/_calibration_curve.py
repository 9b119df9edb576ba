"""What was predicted and what happened, in bins of the probability."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat.metrics._predictions import Predictions, check_predictions

Floats = NDArray[np.float64]

_FEWEST_BINS, _MOST_BINS = 2, 15
# In units of one bin; far more than rounding, far less than a row.
_BORDER = 1e-9


class CalibrationBins(NamedTuple):
    """What was predicted and what happened in bins of the probability, ascending.

    Attributes
    ----------
    prob_true : ndarray of shape (n_bins,)
        Weighted share of the positive class.
    prob_pred : ndarray of shape (n_bins,)
        Weighted mean probability.
    weight : ndarray of shape (n_bins,)
        Total weight.
    n_rows : ndarray of shape (n_bins,)
        Number of rows.
    n_positives : ndarray of shape (n_bins,)
        Number of rows of the positive class.
    """

    prob_true: Floats
    prob_pred: Floats
    weight: Floats
    n_rows: NDArray[np.int64]
    n_positives: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Mean distance of the two, weighted by the total weight of the bins."""
        gap = np.abs(self.prob_true - self.prob_pred)
        return float(np.average(gap, weights=self.weight))


def bin_calibration(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    pos_label: Any = None,
    n_bins: int | None = None,
) -> CalibrationBins:
    """Cut the predictions into bins of about equal weight."""
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    return summarize_bins(rows, assign_bins(rows, n_bins))


def calibration_curve(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    pos_label: Any = None,
    n_bins: int | None = None,
) -> tuple[Floats, Floats]:
    """Compare observed shares with predicted probabilities, with weights.

    Like :func:`sklearn.calibration.calibration_curve` with ``strategy="quantile"``,
    which takes no weights; here the bins have about equal weight and equal predictions
    stay in one bin. The bins are those of :func:`expected_calibration_error`.

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
    n_bins : int, default=None
        Number of bins, fewer if ties fill several; None for the cube root of the number
        of positive rows, rounded, at least 2 and at most 15.

    Returns
    -------
    prob_true : ndarray of shape (n_bins,)
        Weighted share of the positive class in each bin.
    prob_pred : ndarray of shape (n_bins,)
        Weighted mean probability in each bin, ascending.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, the positive one cannot
        be told, or a probability, weight or number of bins is impossible.

    Examples
    --------
    The first row stands for three:

    >>> from skstrat.metrics import calibration_curve
    >>> y, p = [0, 0, 1, 1], [0.1, 0.3, 0.5, 0.7]
    >>> calibration_curve(y, p, sample_weight=[3, 1, 1, 1], n_bins=2)
    (array([0.        , 0.66666667]), array([0.1, 0.5]))
    """
    bins = bin_calibration(
        y_true, y_prob, sample_weight, pos_label=pos_label, n_bins=n_bins
    )
    return bins.prob_true, bins.prob_pred


def assign_bins(rows: Predictions, n_bins: int | None) -> NDArray[np.intp]:
    """Give each row its bin: 0, 1, ... in the order of the probabilities."""
    if n_bins is None:
        root = round(float(np.cbrt(rows.n_positives)))
        n_bins = min(max(root, _FEWEST_BINS), _MOST_BINS)
    check_count("n_bins", n_bins)
    values, value_of = np.unique(rows.p, return_inverse=True)
    mass = np.bincount(value_of, rows.weight, minlength=len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum() * n_bins
    # A middle on the border belongs to the lower bin, also if rounding moved it.
    wanted = np.clip(np.ceil(middle - _BORDER) - 1, 0, n_bins - 1)
    bin_of_value = np.unique(wanted, return_inverse=True)[1]
    return bin_of_value[value_of]


def summarize_bins(rows: Predictions, bin_of: NDArray[np.intp]) -> CalibrationBins:
    """Add up the rows of each bin."""
    weight = np.asarray(np.bincount(bin_of, rows.weight), dtype=np.float64)
    positive = np.bincount(bin_of, rows.weight * rows.positive)
    predicted = np.bincount(bin_of, rows.weight * rows.p)
    return CalibrationBins(
        prob_true=positive / weight,
        prob_pred=predicted / weight,
        weight=weight,
        n_rows=np.bincount(bin_of),
        n_positives=np.bincount(bin_of[rows.positive], minlength=len(weight)),
    )


def check_count(name: str, value: Any) -> None:
    """Refuse what is not a whole number from 1 on."""
    if not (isinstance(value, int | np.integer) and value >= 1):
        raise ValueError(f"{name} must be a whole number from 1 on; got {value!r}.")
