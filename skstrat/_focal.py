"""The focal loss: its derivatives for boosting, and its way back to probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

Floats = NDArray[np.float64]

# What XGBoost's own logistic loss is cut off at.
_LEAST_HESSIAN = 1e-16
# Halvings that take a bracket of the width of log(1 + gamma) below rounding.
_HALVINGS = 64


class _Terms(NamedTuple):
    """What the loss and its derivatives are made of, one value a row.

    With *u* the probability that the raw score, taken as log odds, gives to the row's
    own class.
    """

    sign: Floats
    weight: Floats
    log_u: Floats
    log_rest: Floats  # of 1 - u


@dataclass(frozen=True)
class FocalLoss:
    r"""The focal loss of binary classification, with calibrated probabilities.

    .. math:: L = -a (1 - u)^\gamma \log u

    with *u* the probability of the row's own class that the raw score gives as log
    odds, and *a* the weight of that class (Lin, Goyal, Girshick, He and Dollar, 2017).
    It counts rows less that are classified well. Its minimiser is not the class
    probability, but a strictly increasing function of it (Charoenphakdee et al.,
    2021): at a probability of .01 the sigmoid of the best raw score is .073 for
    ``gamma=1`` and .154 for ``gamma=2``. :meth:`probability` turns raw scores back.

    Parameters
    ----------
    gamma : float, default=2.0
        How much less well classified rows count; 0 is the log loss.
    alpha : float or None, default=None
        Weight of class 1, between 0 and 1; class 0 gets ``1 - alpha``. None weighs
        both by 1.

    Raises
    ------
    TypeError
        If a parameter is not a real number.
    ValueError
        If ``gamma`` is negative or not finite, or ``alpha`` is not between 0 and 1.

    See Also
    --------
    FocalLossClassifier : Boosted trees trained with it.
    xgboost_objective : The loss as an objective of XGBoost.
    lightgbm_objective : The loss as an objective of LightGBM.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import FocalLoss
    >>> loss = FocalLoss(gamma=2.0)
    >>> loss.loss([1, 1], [0.0, 3.0]).round(5).tolist()
    [0.17329, 0.00011]
    >>> raw = loss.raw_prediction(0.01)
    >>> sigmoid = 1 / (1 + np.exp(-raw))
    >>> round(float(sigmoid), 3), round(float(loss.probability(raw)), 3)
    (0.154, 0.01)
    """

    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        _check_real("gamma", self.gamma)
        if not 0 <= self.gamma < np.inf:
            raise ValueError(
                f"gamma must be finite and not negative; got {self.gamma!r}. 0 is the "
                "log loss, 2 is usual."
            )
        if self.alpha is None:
            return
        _check_real("alpha", self.alpha)
        if not 0 < self.alpha < 1:
            raise ValueError(
                "alpha must be between 0 and 1, the weight of class 1; got "
                f"{self.alpha!r}. None weighs both classes by 1."
            )

    def loss(self, y: Any, raw: Any) -> Floats:
        """Give the loss of each row.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels, 0 or 1.
        raw : array-like of shape (n_rows,)
            Raw scores, log odds before the way back to probabilities; finite.

        Returns
        -------
        ndarray of shape (n_rows,)
            Losses, not negative.
        """
        terms = self._terms(y, raw)
        return -terms.weight * np.exp(self.gamma * terms.log_rest) * terms.log_u

    def gradient(self, y: Any, raw: Any) -> Floats:
        r"""Give the first derivative by the raw score.

        .. math:: a s (1 - u)^\gamma (\gamma u \log u + u - 1)

        with *s* 1 for class 1 and -1 for class 0.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels, 0 or 1.
        raw : array-like of shape (n_rows,)
            Raw scores.

        Returns
        -------
        ndarray of shape (n_rows,)
            Derivatives.
        """
        terms = self._terms(y, raw)
        return -terms.sign * self._steepness(terms)

    def hessian(self, y: Any, raw: Any) -> Floats:
        r"""Give the second derivative by the raw score.

        .. math::
            a u (1 - u)^\gamma
            \left[(1 + 2 \gamma)(1 - u) + \gamma (1 - u - \gamma u) \log u\right]

        It is negative for rows that are classified badly: for ``gamma`` 1, 2 and 5
        where *u* is below .0432, .0578 and .0502.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels, 0 or 1.
        raw : array-like of shape (n_rows,)
            Raw scores.

        Returns
        -------
        ndarray of shape (n_rows,)
            Derivatives.
        """
        return self._curvature(self._terms(y, raw))

    def positive_hessian(self, y: Any, raw: Any) -> Floats:
        r"""Give the second derivative as boosting can use it: always positive.

        Leaves divide by its sum, and rows where it is about nothing have the steepest
        gradient. It is therefore clipped from below at *u* times the size of the
        gradient, which is the second derivative itself for the log loss: no row asks
        for a longer Newton step than the :math:`1 / u` it would ask for there. The
        clip acts where *u* is below .135, .104 and .064 for ``gamma`` 1, 2 and 5, and
        leaves well classified rows, whose curvature is rightly small, alone. Nothing
        is below 1e-16.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels, 0 or 1.
        raw : array-like of shape (n_rows,)
            Raw scores.

        Returns
        -------
        ndarray of shape (n_rows,)
            Positive values.
        """
        return self._positive_curvature(self._terms(y, raw))

    def log_odds(self, raw: Any) -> Floats:
        r"""Turn raw scores into the log odds of class 1.

        .. math::
            (1 + \gamma) z + \log\frac{1 + \gamma r(z)}{1 + \gamma r(-z)}
            + \log\frac{a_0}{a_1}, \qquad r(z) = e^{-z} \log(1 + e^z)

        It says for which probability of class 1 the raw score *z* has the least
        expected loss (Charoenphakdee et al., 2021, the weights of the classes added).

        Parameters
        ----------
        raw : array-like of shape (n_rows,)
            Raw scores, or one.

        Returns
        -------
        ndarray of shape (n_rows,)
            Log odds.
        """
        raw = np.asarray(raw, dtype=np.float64)
        upper = np.log1p(self.gamma * _softplus_share(raw))
        lower = np.log1p(self.gamma * _softplus_share(-raw))
        odds: Floats = (1 + self.gamma) * raw + upper - lower
        return odds - self._log_weight_ratio()

    def probability(self, raw: Any) -> Floats:
        """Turn raw scores into the probability of class 1.

        Parameters
        ----------
        raw : array-like of shape (n_rows,)
            Raw scores, or one.

        Returns
        -------
        ndarray of shape (n_rows,)
            Probabilities.
        """
        return expit(self.log_odds(raw))

    def raw_prediction(self, probability: Any) -> Floats:
        """Find the raw score of least expected loss: the inverse of ``probability``.

        Parameters
        ----------
        probability : array-like of shape (n_rows,)
            Probabilities of class 1, or one.

        Returns
        -------
        ndarray of shape (n_rows,)
            Raw scores; infinite for 0 and 1.

        Raises
        ------
        ValueError
            If a probability is not between 0 and 1.
        """
        values = np.asarray(probability, dtype=np.float64)
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(
                f"probability must be between 0 and 1; got {probability!r}."
            )
        wanted = logit(values)
        # The two logarithms of log_odds move it by no more than log(1 + gamma).
        middle = (wanted + self._log_weight_ratio()) / (1 + self.gamma)
        width = np.log1p(self.gamma) / (1 + self.gamma)
        low, high = middle - width, middle + width
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.log_odds(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def _terms(self, y: Any, raw: Any) -> _Terms:
        y = np.asarray(y, dtype=np.float64)
        raw = np.asarray(raw, dtype=np.float64)
        if y.shape != raw.shape:
            raise ValueError(
                "y and raw must have the same shape, one value a row; got "
                f"{y.shape} and {raw.shape}."
            )
        unknown = y[(y != 0) & (y != 1)]
        if len(unknown):
            raise ValueError(
                f"y must be 0 or 1; got {float(unknown[0])}. Encode the labels first, "
                "or use FocalLossClassifier, which does."
            )
        sign = 2 * y - 1
        margin = sign * raw
        weight = np.ones_like(y)
        if self.alpha is not None:
            weight = np.where(y == 1, self.alpha, 1 - self.alpha)
        return _Terms(sign, weight, log_expit(margin), log_expit(-margin))

    def _steepness(self, terms: _Terms) -> Floats:
        """Give the size of the gradient: a sum of positive terms, so none cancel."""
        hard = np.exp(terms.log_rest) - self.gamma * terms.log_u * np.exp(terms.log_u)
        return terms.weight * np.exp(self.gamma * terms.log_rest) * hard

    def _curvature(self, terms: _Terms) -> Floats:
        u, rest = np.exp(terms.log_u), np.exp(terms.log_rest)
        bent = self.gamma * terms.log_u * (rest - self.gamma * u)
        outer = terms.weight * u * np.exp(self.gamma * terms.log_rest)
        return outer * ((1 + 2 * self.gamma) * rest + bent)

    def _positive_curvature(self, terms: _Terms) -> Floats:
        least = np.exp(terms.log_u) * self._steepness(terms)
        clipped: Floats = np.maximum(self._curvature(terms), least)
        return np.maximum(clipped, _LEAST_HESSIAN)

    def derivatives(self, y: Any, raw: Any) -> tuple[Floats, Floats]:
        """Give ``gradient`` and ``positive_hessian``; what they share computed once.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels, 0 or 1.
        raw : array-like of shape (n_rows,)
            Raw scores.

        Returns
        -------
        gradient : ndarray of shape (n_rows,)
            What :meth:`gradient` gives.
        hessian : ndarray of shape (n_rows,)
            What :meth:`positive_hessian` gives.
        """
        terms = self._terms(y, raw)
        return -terms.sign * self._steepness(terms), self._positive_curvature(terms)

    def _log_weight_ratio(self) -> float:
        return 0.0 if self.alpha is None else float(logit(self.alpha))


def _check_real(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number; got {value!r}.")


def _softplus_share(raw: Floats) -> Floats:
    """Give log(1 + e^z) / e^z, which falls from 1 to 0."""
    tail = np.exp(-np.abs(raw))
    # Beyond an underflow the quotient is at its limit, which this gives as well.
    seen = np.maximum(tail, np.finfo(np.float64).tiny)
    # The bounds keep an infinite score from meeting a tail of zero.
    rising = np.clip(raw, 0, 1e3) + np.log1p(tail)
    return np.where(raw < 0, np.log1p(seen) / seen, rising * tail)
