"""Labels, probabilities and weights of two classes, checked alike for every metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import factorize
from skstrat._core.weights import check_sample_weight

Floats = NDArray[np.float64]

# Probabilities computed in float32 may pass 1 by a rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Predictions:
    """The rows that count, those without weight left out.

    Attributes
    ----------
    positive : ndarray of shape (n_rows,)
        Whether the row is of the positive class.
    p : ndarray of shape (n_rows,)
        Probability of the positive class, float64 in [0, 1].
    weight : ndarray of shape (n_rows,)
        Positive weights, float64; ones if none were given.
    """

    positive: NDArray[np.bool_]
    p: Floats
    weight: Floats

    @property
    def n_positives(self) -> int:
        """Rows of the positive class, whatever their weights."""
        return int(np.count_nonzero(self.positive))

    @property
    def share(self) -> Floats:
        """Weight of each row as a share of all weight."""
        return self.weight / self.weight.sum()

    @property
    def prevalence(self) -> float:
        """Weighted share of the positive class."""
        # Adding zeros for the others, rounding cannot lead past 1.
        return float((self.weight * self.positive).sum() / self.weight.sum())

    def need_positives(self, wanted: str) -> None:
        """Refuse to divide by a prevalence of zero."""
        if not self.n_positives:
            raise ValueError(
                f"y_true must have a row of the positive class for {wanted}; got none "
                f"in {len(self.p)} rows. Use more rows, or stratified folds."
            )

    def need_both_classes(self, wanted: str) -> None:
        """Refuse rows of one class only."""
        if self.n_positives in (0, len(self.p)):
            raise ValueError(
                f"y_true must have rows of both classes for {wanted}; got "
                f"{self.n_positives} of the positive class in {len(self.p)} rows. Use "
                "more rows, or stratified folds."
            )


def check_predictions(
    y_true: Any, y_prob: Any, sample_weight: Any = None, pos_label: Any = None
) -> Predictions:
    """Check what a metric of two classes is given."""
    codes, classes = factorize(y_true)
    p = np.asarray(y_prob, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(
            "y_prob must have shape (n_rows,), the probabilities of the positive "
            f"class; got shape {p.shape}. Give one column of predict_proba."
        )
    if len(p) != len(codes) or not len(p):
        raise ValueError(
            "y_true and y_prob must have the same number of rows, at least one; got "
            f"{len(codes)} and {len(p)}."
        )
    weight = check_sample_weight(sample_weight, len(p))
    if weight is None:
        weight = np.ones(len(p))
    elif not weight.all():
        rows = np.flatnonzero(weight)
        codes, p, weight = codes[rows], p[rows], weight[rows]
    _check_probabilities(p)
    labels = classes[np.flatnonzero(np.bincount(codes))].tolist()
    positive = codes == _code_of_positive(classes.tolist(), labels, pos_label)
    return Predictions(positive, np.minimum(p, 1.0), weight)


def _check_probabilities(p: Floats) -> None:
    bad = np.flatnonzero(~((p >= 0) & (p <= 1 + _ROUNDING)))
    if len(bad):
        raise ValueError(
            f"y_prob must lie in [0, 1]; got {p[bad[0]]} and {len(bad)} such values in "
            "all. Give probabilities, not scores of a decision function."
        )


def _code_of_positive(classes: list[Any], labels: list[Any], pos_label: Any) -> int:
    """Find the code of the positive class; -1 if no row has that label."""
    if len(labels) > 2:
        raise ValueError(
            f"y_true must have two classes at most; got {len(labels)}: {labels!r}. "
            "Compare one class with the rest: y_true == label."
        )
    if pos_label is None:
        if not (set(labels) <= {0, 1} or set(labels) <= {-1, 1}):
            raise ValueError(
                "pos_label must name the positive class unless the labels are in "
                f"{{0, 1}}, {{-1, 1}} or bool; got labels {labels!r} and "
                "pos_label=None. Pass one of the labels."
            )
        pos_label = 1
    if len(labels) == 2 and pos_label not in labels:
        raise ValueError(
            f"pos_label must be one of the labels {labels!r}; got {pos_label!r}. Check "
            "its spelling and type."
        )
    return classes.index(pos_label) if pos_label in classes else -1


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
