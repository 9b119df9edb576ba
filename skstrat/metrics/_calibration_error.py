"""Calibration error in bins of equal weight, and its value by chance."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.utils import check_scalar

from skstrat.metrics._predictions import Predictions, check_predictions

_FEWEST_BINS, _MOST_BINS = 2, 15
# The expected calibration error cannot be negative, so it is positive for a perfect
# model, too. With m bins of equally many expected events it is about sqrt(2/pi) sqrt(m
# / N1) of the prevalence. That is 31 % with 15 bins and 100 positives. So few bins are
# used where positives are few, and a noise floor is computed.

# In units of one bin; far more than rounding, far less than a row.
_BORDER = 1e-9


def expected_calibration_error(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    pos_label: Any = None,
    n_bins: int | None = None,
    relative: bool = False,
) -> float:
    r"""Average the distance of predicted and observed shares over bins of equal weight.

    .. math:: \sum_b \frac{W_b}{W} |\bar y_b - \bar p_b|

    with *W* the total weights. Naeini, Cooper and Hauskrecht (2015) introduced the
    error with bins of equal width; bins of equal weight have less bias (Roelofs et al.,
    2022). The error of a perfect model is not 0: compare with
    :func:`calibration_noise_floor`.

    Parameters
    ----------
    y_true, y_prob : array-like of shape (n_rows,)
        Labels, of two classes at most, and probabilities of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.
    n_bins : int, default=None
        Number of bins, fewer if ties fill several. None for the cube root of the number
        of positive rows, rounded, between 2 and 15.
    relative : bool, default=False
        Whether to divide by the prevalence.

    Returns
    -------
    float
        The error, in [0, 1] unless relative; 0 is best.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, or the positive one is
        not known. If a probability, weight or number of bins is impossible. If the
        error is relative and no row is positive.
    TypeError
        If ``n_bins`` is no whole number.

    Examples
    --------
    >>> from skstrat.metrics import expected_calibration_error
    >>> y, p = [0, 0, 1, 1], [0.1, 0.3, 0.5, 0.7]
    >>> round(expected_calibration_error(y, p, n_bins=2), 6)  # (.2 + .4) / 2
    0.3
    """
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    error = _expected_error(rows, assign_bins(rows, n_bins))
    return error / (rows.prevalence if relative else 1.0)


def calibration_noise_floor(
    y_true: Any,
    y_prob: Any,
    sample_weight: Any = None,
    *,
    pos_label: Any = None,
    n_bins: int | None = None,
    relative: bool = False,
    n_draws: int = 100,
    random_state: Any = 0,
) -> float:
    """Return the calibration error that these predictions would have if correct.

    It is the mean of :func:`expected_calibration_error`, in the same bins, over labels
    drawn from the probabilities. This is a parametric bootstrap, as the consistency
    bars of Broecker and Smith (2007). Weights that differ between the classes show how
    the rows were sampled. The odds of a kept row are those of the population divided by
    *r*, the mean weight of positive over that of negative rows. A drawn label has the
    weight of its class. So the floor is also right for a downsampled test set with
    weights.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most. They give the number of bins, the ratio of the
        weights and the prevalence.
    y_prob : array-like of shape (n_rows,)
        Probability of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored. Where weights are counts,
        repeat the rows instead: only then is each drawn independently.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.
    n_bins : int, default=None
        Number of bins, as for :func:`expected_calibration_error`.
    relative : bool, default=False
        Whether to divide by the observed prevalence.
    n_draws : int, default=100
        Number of draws. With 100 the standard error is about 5 % of the floor.
    random_state : int, Generator or None, default=0
        Seed of the draws.

    Returns
    -------
    float
        The mean error of a perfect model; above 0 unless all probabilities are 0 or 1.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, or the positive one is
        not known. If a probability, weight or number is impossible. If the floor is
        relative and no row is positive.
    TypeError
        If ``n_bins`` or ``n_draws`` is no whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat.metrics import calibration_noise_floor, expected_calibration_error
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(10_000)
    >>> y = rng.random(10_000) < p
    >>> error, floor = expected_calibration_error(y, p), calibration_noise_floor(y, p)
    >>> round(error, 3), round(floor, 2)
    (0.012, 0.01)
    """
    check_scalar(n_draws, "n_draws", Integral, min_val=1)
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    bin_of = assign_bins(rows, n_bins)
    ones, others = rows.share[rows.positive], rows.share[~rows.positive]
    ratio = ones.mean() / others.mean() if len(ones) and len(others) else 1.0
    chance = expit(logit(rows.p) - np.log(ratio))
    as_positive = np.where(rows.positive, rows.share, rows.share * ratio)
    # A derived generator, so that a seed that drew the data does not repeat that draw.
    rng = np.random.default_rng(np.random.default_rng(random_state).integers(2**63))
    errors = np.empty(n_draws)
    for draw in range(n_draws):
        positive = rng.random(len(chance)) < chance
        weight = np.where(positive, as_positive, as_positive / ratio)
        errors[draw] = _expected_error(Predictions(positive, rows.p, weight), bin_of)
    return float(errors.mean()) / (rows.prevalence if relative else 1.0)


def assign_bins(rows: Predictions, n_bins: int | None) -> NDArray[np.intp]:
    """Return the bin of each row; bins have about equal weight."""
    if n_bins is None:
        root = round(float(np.cbrt(rows.positive.sum())))
        n_bins = min(max(root, _FEWEST_BINS), _MOST_BINS)
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    values, value_of = np.unique(rows.p, return_inverse=True)
    mass = np.bincount(value_of, rows.share, minlength=len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum() * n_bins
    # A middle on the border belongs to the lower bin, also if rounded up.
    wanted = np.clip(np.ceil(middle - _BORDER) - 1, 0, n_bins - 1)
    bin_of_value = np.unique(wanted, return_inverse=True)[1]
    return bin_of_value[value_of]


def _expected_error(rows: Predictions, bin_of: NDArray[np.intp]) -> float:
    gaps = np.bincount(bin_of, rows.share * (rows.positive - rows.p))
    # Both sums are computed in the same way, so that rounding cannot give more than 1.
    return float(np.abs(gaps).sum() / np.bincount(bin_of, rows.share).sum())
