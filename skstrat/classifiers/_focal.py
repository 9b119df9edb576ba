"""The focal loss: its derivatives for boosting, and its way back to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_expit, logit
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skstrat._core.compat import HasMethods, Interval
from skstrat._core.labels import one_label_per_row
from skstrat._core.samples import check_samples
from skstrat._core.weights import class_totals
from skstrat.classifiers._predictions import ProbabilityClassifier

Floats = NDArray[np.float64]

# Settings, aliases too, that clash with the loss, and the values that do not.
_OBJECTIVES = ("objective", "objective_type", "app", "application", "loss")
_UNBALANCE = ("is_unbalance", "unbalance", "unbalanced_sets")
_FREE: dict[str, tuple[str, ...]] = {"scale_pos_weight": ("None", "1", "1.0")}
_FREE |= dict.fromkeys(_OBJECTIVES, ("None", "binary", "binary:logistic"))
_FREE |= dict.fromkeys(_UNBALANCE, ("None", "False"))
_FREE |= dict.fromkeys(("base_score", "class_weight"), ("None",))


@dataclass(frozen=True)
class FocalLoss:
    r"""The focal loss of binary classification, with calibrated probabilities.

    .. math:: L = -a (1 - u)^\gamma \log u

    with *u* the probability of the row's own class that the raw score gives as log
    odds, and *a* the weight of that class (Lin et al., 2017). Its minimiser is not the
    class probability, but increases with it (Charoenphakdee et al., 2021): at .01 the
    sigmoid of the best raw score is .073 for ``gamma=1`` and .154 for ``gamma=2``.

    Parameters
    ----------
    gamma : float, default=2.0
        How much less well classified rows count; 0 is the log loss.
    alpha : float or None, default=None
        Weight of class 1, between 0 and 1; class 0 gets ``1 - alpha``. None weighs
        both by 1.

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
        # The two logarithms of log_odds move it by no more than log(1 + gamma).
        middle = (wanted - self.log_odds(0)) / (1 + self.gamma)
        width = np.log1p(self.gamma) / (1 + self.gamma)
        low, high = middle - width, middle + width
        for _ in range(64):  # takes the bracket below rounding
            middle = (low + high) / 2
            below = self.log_odds(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def _terms(self, y: Any, raw: Any) -> tuple[Floats, Floats, Floats, Floats]:
        """Give the sign of the class, a (1 - u)^gamma, log u and log(1 - u)."""
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
        """Give gradient, positive hessian and hessian."""
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
    """Give log(1 + e^z) / e^z, which falls from 1 to 0."""
    tail = np.exp(-np.abs(raw))
    # Beyond an underflow the quotient is at its limit, which this gives as well.
    seen = np.maximum(tail, np.finfo(np.float64).tiny)
    # The bounds keep an infinite score from meeting a tail of zero.
    rising = np.clip(raw, 0, 1e3) + np.log1p(tail)
    return np.where(raw < 0, np.log1p(seen) / seen, rising * tail)


def xgboost_objective(loss: FocalLoss) -> Callable[..., tuple[Floats, Floats]]:
    """Make an objective for XGBoost's scikit-learn classes.

    XGBoost starts it from a raw score of 0. ``loss.probability`` turns raw scores,
    ``predict(X, output_margin=True)``, into probabilities; ``predict_proba`` does not.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, sample_weight=None)`` that gives gradient and
        positive hessian, weights multiplied in. It can be pickled.

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
        As of :func:`xgboost_objective`. Raw scores: ``predict(X, raw_score=True)``.

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
    # Both libraries use what they get as it is, so the weights must be in it.
    weight = 1.0 if sample_weight is None else np.asarray(sample_weight, np.float64)
    return gradient * weight, hessian * weight


class FocalLossClassifier(ProbabilityClassifier):
    """XGBoost or LightGBM trained with the focal loss, probabilities calibrated.

    The sigmoid of such trees is many times too high for a rare class, so predictions
    are turned back by :class:`FocalLoss`. Training starts from the class prior. Trees
    stopped early predict too little: choose their number by log loss for each gamma.

    Parameters
    ----------
    estimator : XGBClassifier or LGBMClassifier
        Unfitted; a clone is fitted. Its objective, and ``base_score`` of XGBoost, are
        replaced; other settings of these, or weights of classes, are refused.
    gamma : float, default=2.0
        How much less well classified rows count; 0 is the log loss.
    alpha : float or None, default=None
        As in :class:`FocalLoss`. Probabilities are turned back from it, too.

    Attributes
    ----------
    estimator_ : XGBClassifier or LGBMClassifier
        The fitted clone, of classes 0 and 1. Its ``predict_proba`` is not calibrated.
    loss_ : FocalLoss
        The loss.
    raw_init_ : float
        Raw score that training starts from; LightGBM's raw scores lack it.
    classes_ : ndarray of shape (2,)
        The labels, sorted; the second is class 1.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X has names that are all strings.

    Methods
    -------
    decision_function(X)
        Log odds of the second class.
    predict_log_proba(X)
        Log probabilities, finite where probabilities are rounded to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lightgbm import LGBMClassifier
    >>> from skstrat import FocalLossClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
    >>> trees = LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1)
    >>> p = FocalLossClassifier(trees).fit(X, y).predict_proba(X)[:, 1]
    >>> bool(0.9 < p.mean() / y.mean() < 1.1)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit"])],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither"), None],
    }

    def __init__(
        self, estimator: Any, gamma: float = 2.0, alpha: float | None = None
    ) -> None:
        self.estimator = estimator
        self.gamma = gamma
        self.alpha = alpha

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a clone of the estimator with the focal loss.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Training data, whatever the library accepts.
        y : array-like of shape (n_rows,)
            Labels of two classes, of any type.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights. A row of zero weight is not there.

        Returns
        -------
        FocalLossClassifier
            The fitted classifier.
        """
        self._validate_params()
        is_xgboost = _check_estimator(self.estimator)
        samples = check_samples(X, one_label_per_row(y), sample_weight)
        labels, weights = samples.labels, samples.sample_weight
        if len(labels.classes) > 2:
            raise ValueError(
                "Only binary classification is supported. y must have two classes; got "
                f"{len(labels.classes)}: {labels.classes[:5].tolist()!r}... Wrap this "
                "classifier in sklearn.multiclass.OneVsRestClassifier."
            )
        X = self._checked(samples.take(X), reset=True)
        self.classes_, self.loss_ = labels.classes, FocalLoss(self.gamma, self.alpha)
        total = class_totals(labels, weights)
        self.raw_init_ = float(self.loss_.raw_prediction(total[1] / total.sum()))
        estimator = clone(self.estimator)
        estimator.set_params(objective=xgboost_objective(self.loss_))
        arguments: dict[str, Any] = {"sample_weight": weights}
        if is_xgboost:
            estimator.set_params(base_score=float(expit(self.raw_init_)))
        else:
            arguments["init_score"] = np.full(len(labels.codes), self.raw_init_)
        try:
            self.estimator_ = estimator.fit(X, labels.codes.astype(int), **arguments)
        except Exception as error:
            # With an objective of its own LightGBM would give a model of one value.
            if "num_features" not in str(error):
                raise
            raise ValueError(
                "X must have a column that LightGBM can split by; got none that has "
                f"rows for min_child_samples={estimator.min_child_samples}: lower that."
            ) from error
        return self

    def decision_function(self, X: Any) -> Floats:
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        if hasattr(self.estimator_, "get_booster"):
            raw = self.estimator_.predict(X, output_margin=True)
        else:
            raw = self.estimator_.predict(X, raw_score=True) + self.raw_init_
        return self.loss_.log_odds(raw)

    def predict_log_proba(self, X: Any) -> Floats:
        log_odds = self.decision_function(X)
        return np.column_stack([log_expit(-log_odds), log_expit(log_odds)])

    def _proba(self, X: Any) -> Floats:
        log_odds = self.decision_function(X)
        return np.column_stack([expit(-log_odds), expit(log_odds)])

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Check columns; tables are left to the library, which knows categories."""
        if hasattr(X, "columns"):
            return validate_data(self, X, reset=reset, skip_check_array=True)
        checks = {"accept_sparse": "csr", "dtype": None, "ensure_all_finite": False}
        X = validate_data(self, X, reset=reset, **checks)
        # LightGBM predicts of sparse matrices, not of sparse arrays.
        return sparse.csr_matrix(X) if sparse.issparse(X) else X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _check_estimator(estimator: Any) -> bool:
    """Refuse other estimators and settings that clash; tell whether it is XGBoost's."""
    bases = {(b.__module__.split(".")[0], b.__name__) for b in type(estimator).__mro__}
    is_xgboost = ("xgboost", "XGBClassifier") in bases
    if not is_xgboost and ("lightgbm", "LGBMClassifier") not in bases:
        raise TypeError(
            "estimator must be an xgboost.XGBClassifier or lightgbm.LGBMClassifier; "
            f"got {type(estimator).__name__}. Preprocess before, in a pipeline."
        )
    for name, value in estimator.get_params(deep=False).items():
        # As text, for an array has no single answer to a comparison.
        if name in _FREE and str(value) not in _FREE[name]:
            raise ValueError(
                f"{type(estimator).__name__}({name}={value!r}) clashes with the focal "
                "loss. Leave it out; weigh classes by alpha or sample_weight."
            )
    return is_xgboost
