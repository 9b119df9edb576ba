"""The focal loss: its derivatives for boosting, and probabilities from its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from skstrat._core.compat import named_partial

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FocalLoss:
    r"""The focal loss of binary classification, with calibrated probabilities.

    .. math:: L = -a (1 - u)^\gamma \log u

    Here *u* is the probability of the row's own class that the raw score gives as log
    odds. *a* is the weight of that class (Lin et al., 2017). The minimiser of the loss
    is not the class probability, but increases with it (Charoenphakdee et al., 2021).
    At a probability of 0.01 the sigmoid of the best raw score is 0.154 for ``gamma=2``.

    Parameters
    ----------
    gamma : float, default=2.0
        Focus on rows that are badly classified; 0 is the log loss.
    alpha : float or None, default=None
        Weight of class 1, between 0 and 1; class 0 gets ``1 - alpha``. None weighs both
        by 1.

    Methods
    -------
    loss(y, raw)
        Loss of each row, for labels 0 or 1 and finite raw scores.
    gradient(y, raw)
        First derivative by the raw score.
    hessian(y, raw)
        Second derivative, which is negative for badly classified rows.
    positive_hessian(y, raw)
        The same, at least 1e-16 and *u* times the size of the gradient, for boosting.
    derivatives(y, raw)
        Gradient and positive hessian.
    log_odds(raw)
        Log odds of class 1 for which a raw score has the least expected loss.
    probability(raw)
        Probability of class 1 for which a raw score has the least expected loss.
    raw_prediction(probability)
        Raw score of least expected loss: infinite for 0 and 1.

    Examples
    --------
    >>> from skstrat import FocalLoss
    >>> loss = FocalLoss(gamma=2.0)
    >>> round(float(loss.probability(loss.raw_prediction(0.01))), 3)
    0.01
    """

    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            real = isinstance(value, Real) and not isinstance(value, bool)
            if not real and (name, value) != ("alpha", None):
                raise TypeError(f"{name} must be a real number; got {value!r}.")
        gamma, alpha = self.gamma, self.alpha
        if not 0 <= gamma < np.inf:
            raise ValueError(f"gamma must be finite and not negative; got {gamma!r}.")
        if alpha is not None and not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, or None; got {alpha!r}.")

    def loss(self, y: Any, raw: Any) -> Floats:
        _, outer, log_u, _ = self._terms(y, raw)
        return -outer * log_u

    def gradient(self, y: Any, raw: Any) -> Floats:
        return self._derivatives(y, raw)[0]

    def hessian(self, y: Any, raw: Any) -> Floats:
        return self._derivatives(y, raw)[2]

    def positive_hessian(self, y: Any, raw: Any) -> Floats:
        return self._derivatives(y, raw)[1]

    def derivatives(self, y: Any, raw: Any) -> tuple[Floats, Floats]:
        return self._derivatives(y, raw)[:2]

    def log_odds(self, raw: Any) -> Floats:
        raw = np.asarray(raw, dtype=np.float64)
        upper = np.log1p(self.gamma * _softplus_share(raw))
        lower = np.log1p(self.gamma * _softplus_share(-raw))
        weights = 0.0 if self.alpha is None else logit(self.alpha)
        odds: Floats = (1 + self.gamma) * raw + upper - lower - weights
        return odds

    def probability(self, raw: Any) -> Floats:
        return expit(self.log_odds(raw))

    def raw_prediction(self, probability: Any) -> Floats:
        p = np.asarray(probability, dtype=np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"probability must be between 0 and 1; got {p}.")
        wanted = logit(p)
        # The two logarithms of log_odds change it by at most log(1 + gamma).
        middle = (wanted - self.log_odds(0)) / (1 + self.gamma)
        width = np.log1p(self.gamma) / (1 + self.gamma)
        low, high = middle - width, middle + width
        for _ in range(64):  # reduces the bracket below rounding
            middle = (low + high) / 2
            below = self.log_odds(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def _terms(self, y: Any, raw: Any) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the sign of the class, a (1 - u)^gamma, log u and log(1 - u)."""
        y, raw = np.asarray(y, dtype=np.float64), np.asarray(raw, dtype=np.float64)
        if y.shape != raw.shape:
            raise ValueError(
                f"y and raw must have the same shape; got {y.shape} and {raw.shape}."
            )
        if len(unknown := y[(y != 0) & (y != 1)]):
            raise ValueError(f"y must be 0 or 1; got {unknown[0]}. Encode it first.")
        sign = 2 * y - 1
        log_u, log_rest = log_expit(sign * raw), log_expit(-sign * raw)
        one, zero = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        outer = np.where(y == 1, one, zero) * np.exp(self.gamma * log_rest)
        return sign, outer, log_u, log_rest

    def _derivatives(self, y: Any, raw: Any) -> tuple[Floats, Floats, Floats]:
        sign, outer, log_u, log_rest = self._terms(y, raw)
        u, rest, gamma = np.exp(log_u), np.exp(log_rest), self.gamma
        # (1 - u)^gamma (1 - u - gamma u log u): positive terms, so that none cancel.
        size = outer * (rest - gamma * u * log_u)
        # (1 + 2 gamma)(1 - u) + gamma (1 - u - gamma u) log u, times u (1 - u)^gamma.
        bend = (1 + 2 * gamma) * rest + gamma * (rest - gamma * u) * log_u
        hessian = outer * u * bend
        # XGBoost cuts its own logistic loss off at the same value.
        positive = np.maximum(np.maximum(hessian, u * size), 1e-16)
        return -sign * size, positive, hessian


def _softplus_share(raw: Floats) -> Floats:
    """Return log(1 + e^z) / e^z, which falls from 1 to 0."""
    tail = np.exp(-np.abs(raw))
    # After an underflow the quotient is at its limit, which this returns as well.
    seen = np.maximum(tail, np.finfo(np.float64).tiny)
    # The bounds avoid an infinite score times a tail of zero.
    rising = np.clip(raw, 0, 1e3) + np.log1p(tail)
    return np.where(raw < 0, np.log1p(seen) / seen, rising * tail)


def xgboost_objective(loss: FocalLoss) -> Callable[..., tuple[Floats, Floats]]:
    """Make an objective for XGBoost's scikit-learn classes.

    XGBoost starts from a raw score of 0. ``loss.probability`` turns raw scores,
    ``predict(X, output_margin=True)``, into probabilities; ``predict_proba`` does not.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, sample_weight=None)``, which returns gradient and
        positive hessian, multiplied by the weights. It can be pickled.

    Examples
    --------
    >>> from skstrat import FocalLoss, xgboost_objective
    >>> objective = xgboost_objective(FocalLoss(gamma=0.0))
    >>> gradient, hessian = objective([0, 1], [0.0, 0.0], [1.0, 3.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -1.5], [0.25, 0.75])
    """
    if not isinstance(loss, FocalLoss):
        raise TypeError(f"loss must be a FocalLoss; got {loss!r}.")
    return partial(_objective, loss)


def lightgbm_objective(loss: FocalLoss) -> Callable[..., tuple[Floats, Floats]]:
    """Make an objective for LightGBM's scikit-learn classes.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        As in :func:`xgboost_objective`. Raw scores: ``predict(X, raw_score=True)``.

    Examples
    --------
    >>> from skstrat import FocalLoss, lightgbm_objective
    >>> objective = lightgbm_objective(FocalLoss(gamma=2.0))
    """
    return xgboost_objective(loss)


def _objective(
    loss: FocalLoss, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[Floats, Floats]:
    gradient, hessian = loss.derivatives(y_true, np.reshape(y_pred, np.shape(y_true)))
    # Both libraries use the result unchanged, so it must include the weights.
    weight = 1.0 if sample_weight is None else np.asarray(sample_weight, np.float64)
    return gradient * weight, hessian * weight


def xgboost_log_loss(loss: FocalLoss) -> Callable[..., float]:
    """Make a metric for XGBoost: the log loss of the corrected probabilities."""
    return named_partial(log_loss, loss)


def lightgbm_log_loss(loss: FocalLoss) -> Callable[..., tuple[str, float, bool]]:
    """Make the same metric for LightGBM, which needs its name and direction."""
    return partial(_lightgbm_log_loss, loss)


def log_loss(
    loss: FocalLoss, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> float:
    """Return the mean log loss of the probabilities of raw scores."""
    sign = 2 * np.asarray(y_true, dtype=np.float64) - 1
    of_rows = -log_expit(sign * loss.log_odds(y_pred))
    return float(np.average(of_rows, weights=sample_weight))


def _lightgbm_log_loss(
    loss: FocalLoss, y_true: Any, y_pred: Any, sample_weight: Any
) -> tuple[str, float, bool]:
    return log_loss.__name__, log_loss(loss, y_true, y_pred, sample_weight), False
