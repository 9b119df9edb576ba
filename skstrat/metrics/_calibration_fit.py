"""Calibration without bins: the ratio of means and logistic recalibration."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression

from skstrat.metrics._predictions import Floats, Predictions, check_predictions

# The logistic measures are those of Cox (1958). A model is calibrated if a regression
# of the outcome on the predicted log-odds has slope 1 and intercept 0. In a few hundred
# rows they show errors that an error over bins does not (Van Calster et al., 2019).

# Log-odds stay within 20.7, so that one row predicted at 0 does not decide alone.
_CLIP = 1e-9
# Log-odds that differ by rounding only are the same.
_ROUNDING = 1e-10


class CalibrationLine(NamedTuple):
    """Slope and intercept of logistic recalibration."""

    slope: float
    intercept: float


def mean_probability_ratio(
    y_true: Any, y_prob: Any, sample_weight: Any = None, *, pos_label: Any = None
) -> float:
    r"""Divide the positive rows expected by those observed.

    .. math:: \sum_i w_i p_i / \sum_i w_i y_i

    Parameters
    ----------
    y_true, y_prob : array-like of shape (n_rows,)
        Labels, of two classes at most, and probabilities of the positive class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.

    Returns
    -------
    float
        1 is best; at 2 twice as many are predicted as there are.

    Raises
    ------
    ValueError
        If shapes do not fit, there are more than two classes, or the positive one is
        not known or has no row. If a probability or weight is impossible.

    Examples
    --------
    >>> from skstrat.metrics import mean_probability_ratio
    >>> mean_probability_ratio([0, 0, 0, 1], [0.5, 0.5, 0.25, 0.75])
    2.0
    """
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    return float(rows.share @ rows.p) / rows.prevalence


def calibration_slope_intercept(
    y_true: Any, y_prob: Any, sample_weight: Any = None, *, pos_label: Any = None
) -> CalibrationLine:
    r"""Regress the outcome on the predicted log-odds.

    .. math:: \operatorname{logit} P(y = 1) = \text{intercept}
        + \text{slope} \cdot \operatorname{logit} p

    fitted by weighted maximum likelihood without penalty (Cox, 1958).

    Parameters
    ----------
    y_true, y_prob : array-like of shape (n_rows,)
        Labels of two classes, and probabilities of the positive class. These are
        clipped to 1e-9 and 1 - 1e-9.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.

    Returns
    -------
    CalibrationLine
        ``(slope, intercept)``, best ``(1, 0)``. With a slope below 1 the probabilities
        are too extreme. NaN if not defined.

    Raises
    ------
    ValueError
        If shapes do not fit, there are not two classes, the positive one is not known,
        or a probability or weight is impossible.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If the likelihood has no maximum: all probabilities are the same, or one
        threshold separates the classes.

    Examples
    --------
    Log-odds twice as large as they should be:

    >>> import numpy as np
    >>> from skstrat.metrics import calibration_slope_intercept
    >>> rng = np.random.default_rng(0)
    >>> odds = np.exp(rng.normal(size=100_000) - 2)
    >>> y = rng.random(100_000) < odds / (1 + odds)
    >>> line = calibration_slope_intercept(y, odds**2 / (1 + odds**2))
    >>> round(line.slope, 1)
    0.5
    """
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    rows.require("a calibration slope")
    log_odds = _log_odds(rows)
    ones, zeros = log_odds[rows.positive], log_odds[~rows.positive]
    same = np.ptp(log_odds) <= _ROUNDING
    # The likelihood has no maximum (Albert and Anderson, 1984).
    if same or zeros.max() <= ones.min() or ones.max() <= zeros.min():
        why = (
            "all probabilities are the same"
            if same
            else "one threshold separates the classes"
        )
        warnings.warn(
            f"The calibration slope is not defined and set to NaN: {why}.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return CalibrationLine(np.nan, np.nan)
    # Scaled, because the gradient would be near 0 with log-odds that differ little.
    center, scale = log_odds.mean(), log_odds.std()
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-16)
    with warnings.catch_warnings():
        # A start at the maximum gives this warning, because no step increases it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((log_odds - center)[:, None] / scale, rows.positive, rows.share)
    slope = float(model.coef_[0, 0] / scale)
    return CalibrationLine(slope, float(model.intercept_[0] - slope * center))


def calibration_slope(
    y_true: Any, y_prob: Any, sample_weight: Any = None, *, pos_label: Any = None
) -> float:
    """Return the slope of :func:`~skstrat.metrics.calibration_slope_intercept`.

    Parameters
    ----------
    y_true, y_prob : array-like of shape (n_rows,)
        Labels of two classes, and probabilities of the positive class. These are
        clipped to 1e-9 and 1 - 1e-9.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.

    Returns
    -------
    float
        1 is best. Below 1 the probabilities are too extreme, as those of an overfitted
        model; above 1 they are too close together. NaN if not defined.

    Raises
    ------
    ValueError
        If shapes do not fit, there are not two classes, the positive one is not known,
        or a probability or weight is impossible.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If all probabilities are the same, or one threshold separates the classes.

    Examples
    --------
    Odds of 1/9 and 9 were predicted where 1/3 and 3 were right:

    >>> from skstrat.metrics import calibration_slope
    >>> y, p = [0, 0, 0, 1, 1, 1, 1, 0], [0.1] * 4 + [0.9] * 4
    >>> round(calibration_slope(y, p), 6)
    0.5
    """
    return calibration_slope_intercept(
        y_true, y_prob, sample_weight, pos_label=pos_label
    ).slope


def calibration_in_the_large(
    y_true: Any, y_prob: Any, sample_weight: Any = None, *, pos_label: Any = None
) -> float:
    r"""Return the shift of the log-odds that makes the mean probability right.

    It is the intercept *a* of a logistic regression with the predicted log-odds as
    offset (Cox, 1958; Steyerberg, 2009):

    .. math:: \operatorname{logit} P(y = 1) = a + \operatorname{logit} p

    Parameters
    ----------
    y_true, y_prob : array-like of shape (n_rows,)
        Labels of two classes, and probabilities of the positive class. These are
        clipped to 1e-9 and 1 - 1e-9.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.

    Returns
    -------
    float
        0 is best; at -0.69 the predicted odds are twice the true ones.

    Raises
    ------
    ValueError
        If shapes do not fit, there are not two classes, the positive one is not known,
        or a probability or weight is impossible.

    Examples
    --------
    Odds of 1 were predicted and 1/3 observed: log(1/3) = -1.0986.

    >>> from skstrat.metrics import calibration_in_the_large
    >>> round(calibration_in_the_large([0, 0, 0, 1], [0.5] * 4), 4)
    -1.0986
    """
    rows = check_predictions(y_true, y_prob, sample_weight, pos_label)
    rows.require("calibration-in-the-large")
    log_odds, share = _log_odds(rows), rows.share
    sign = np.where(rows.positive, -1, 1)
    # With every probability at most (at least) the prevalence, the mean cannot be more
    # (less). One further, rounding cannot hide the change of sign.
    middle = np.log(share[sign < 0].sum()) - np.log(share[sign > 0].sum())
    lowest, highest = middle - log_odds.max() - 1, middle - log_odds.min() + 1

    def excess(shift: float) -> float:
        # Expected minus observed, without the difference of two almost equal sums.
        return float((sign * share) @ expit(sign * (log_odds + shift)))

    return float(brentq(excess, lowest, highest, xtol=1e-13))


def _log_odds(rows: Predictions) -> Floats:
    return np.asarray(logit(np.clip(rows.p, _CLIP, 1 - _CLIP)))
