"""The focal loss: its derivatives for boosting, and its way back to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import (
    HasMethods,
    Interval,
    check_feature_names,
    check_n_features,
)
from skstrat._core.labels import Labels, encode_labels
from skstrat._core.samples import check_lengths, drop_zero_weights
from skstrat._core.weights import class_totals

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


Objective = Callable[..., tuple[Floats, Floats]]


def xgboost_objective(loss: FocalLoss) -> Objective:
    """Make an objective for XGBoost's scikit-learn classes.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, sample_weight=None)`` that gives gradient and
        :meth:`FocalLoss.positive_hessian`, weights multiplied in: XGBoost leaves that
        to the objective. It can be pickled.

    Raises
    ------
    TypeError
        If ``loss`` is no FocalLoss.

    See Also
    --------
    FocalLossClassifier : Also starts from the prior and gives probabilities.

    Notes
    -----
    XGBoost starts a custom objective from ``base_score=0.5``, a raw score of 0,
    whatever the data. Read raw scores by ``predict(X, output_margin=True)`` and turn
    them by :meth:`FocalLoss.probability`; ``predict_proba`` takes the plain sigmoid.

    Examples
    --------
    >>> from skstrat import FocalLoss, xgboost_objective
    >>> objective = xgboost_objective(FocalLoss(gamma=0.0))
    >>> gradient, hessian = objective([0, 1], [0.0, 0.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -0.5], [0.25, 0.25])
    """
    return partial(_objective, _checked(loss))


def lightgbm_objective(loss: FocalLoss) -> Objective:
    """Make an objective for LightGBM's scikit-learn classes.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, weight)`` that gives gradient and
        :meth:`FocalLoss.positive_hessian`, weights multiplied in: LightGBM leaves that
        to the objective. It can be pickled.

    Raises
    ------
    TypeError
        If ``loss`` is no FocalLoss.

    See Also
    --------
    FocalLossClassifier : Also starts from the prior and gives probabilities.

    Notes
    -----
    LightGBM starts a custom objective from a raw score of 0, unless ``fit`` is given
    ``init_score``, which must be added again to every prediction. Read raw scores by
    ``predict(X, raw_score=True)`` and turn them by :meth:`FocalLoss.probability`.

    Examples
    --------
    >>> from skstrat import FocalLoss, lightgbm_objective
    >>> objective = lightgbm_objective(FocalLoss(gamma=0.0))
    >>> gradient, hessian = objective([0, 1], [0.0, 0.0], [1.0, 3.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -1.5], [0.25, 0.75])
    """
    return partial(_objective, _checked(loss))


def _objective(
    loss: FocalLoss, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[Floats, Floats]:
    # Both libraries use what they get as it is, so the weights must be in it.
    y_true = np.asarray(y_true)
    gradient, hessian = loss.derivatives(y_true, np.reshape(y_pred, y_true.shape))
    if sample_weight is None:
        return gradient, hessian
    weight = np.asarray(sample_weight, dtype=np.float64)
    return gradient * weight, hessian * weight


def _checked(loss: FocalLoss) -> FocalLoss:
    if not isinstance(loss, FocalLoss):
        raise TypeError(
            f"loss must be a FocalLoss; got {loss!r}. Write FocalLoss(gamma=...)."
        )
    return loss


_CLASSES = (("xgboost", "XGBClassifier"), ("lightgbm", "LGBMClassifier"))

# A custom objective leaves the settings that weigh classes unused or lets them move
# the prior, and an alias of the objective would take its place.
_OBJECTIVES = (None, "binary", "binary:logistic")
_FREE = {
    **dict.fromkeys(
        ("objective", "objective_type", "app", "application", "loss"), _OBJECTIVES
    ),
    "base_score": (None,),
    "class_weight": (None,),
    "scale_pos_weight": (None, 1),
    "is_unbalance": (None, False),
    "unbalance": (None, False),
    "unbalanced_sets": (None, False),
}


class FocalLossClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""XGBoost or LightGBM trained with the focal loss, probabilities calibrated.

    The focal loss :math:`-a (1 - u)^\gamma \log u` (Lin et al., 2017) has the trees
    spend themselves on rows that are hard to classify. The sigmoid of what they learn
    is no probability: for rare classes it is many times too high. Predictions here are
    turned back by the inverse of the loss's minimiser (Charoenphakdee et al., 2021),
    see :class:`FocalLoss`. Training starts from the raw score of the class prior.

    Parameters
    ----------
    estimator : XGBClassifier or LGBMClassifier
        Unfitted. A clone of it is fitted with its objective replaced, and with its
        ``base_score`` if it is XGBoost's. Settings that weigh classes must be left
        alone.
    gamma : float, default=2.0
        How much less well classified rows count; 0 is the log loss.
    alpha : float or None, default=None
        Weight of class 1 in training, between 0 and 1; class 0 gets ``1 - alpha``.
        None weighs both by 1. Probabilities are turned back from it, too.

    Attributes
    ----------
    estimator_ : XGBClassifier or LGBMClassifier
        The fitted clone, of classes 0 and 1. Its ``predict_proba`` is not calibrated.
    loss_ : FocalLoss
        The loss.
    raw_init_ : float
        Raw score of the class prior, from which training starts. XGBoost's raw scores
        have it in them, LightGBM's do not.
    classes_ : ndarray of shape (2,)
        The labels, sorted; the second is class 1.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X has names that are all strings.

    See Also
    --------
    FocalLoss : The loss and the way back to probabilities.
    ResampledClassifier : Resampling with calibrated probabilities.

    Notes
    -----
    The way back is exact for raw scores that minimise the expected loss. Trees stopped
    early, or few positives, leave them too close to the prior's, and the mean
    probability too low: the more so, the larger ``gamma``. Choose the number of trees
    for each ``gamma`` by the log loss of these probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from lightgbm import LGBMClassifier
    >>> from skstrat import FocalLossClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
    >>> trees = LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1)
    >>> model = FocalLossClassifier(trees, gamma=2.0).fit(X, y)
    >>> p = model.predict_proba(X)[:, 1]
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

        Raises
        ------
        TypeError
            If the estimator is no XGBClassifier or LGBMClassifier.
        ValueError
            If there are not exactly two classes, lengths differ, weights are negative
            or not finite, or the estimator has settings that would clash: an objective,
            a starting score or weights of classes.
        """
        self._validate_params()
        library = _library_of(self.estimator)
        _refuse_settings(self.estimator)
        check_lengths(X, y)
        X, y, weights = drop_zero_weights(X, y, sample_weight)
        labels = _two_classes(y)
        X = self._checked(X, reset=True)
        self.loss_ = FocalLoss(self.gamma, self.alpha)
        total = class_totals(labels, weights)
        self.raw_init_ = float(self.loss_.raw_prediction(total[1] / total.sum()))
        estimator = clone(self.estimator)
        arguments = {} if weights is None else {"sample_weight": weights}
        if library == "xgboost":
            estimator.set_params(
                objective=xgboost_objective(self.loss_),
                base_score=float(expit(self.raw_init_)),
            )
        else:
            estimator.set_params(objective=lightgbm_objective(self.loss_))
            arguments["init_score"] = np.full(len(labels.codes), self.raw_init_)
        codes = labels.codes.astype(np.int64)
        try:
            self.estimator_ = estimator.fit(X, codes, **arguments)
        except Exception as error:
            _explain(error, estimator)
            raise
        self.classes_ = labels.classes
        return self

    def decision_function(self, X: Any) -> Floats:
        """Give the log odds of the second class.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Data.

        Returns
        -------
        ndarray of shape (n_rows,)
            Log odds: the logit of the calibrated probability.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        if _library_of(self.estimator_) == "xgboost":
            raw = self.estimator_.predict(X, output_margin=True)
        else:
            raw = self.estimator_.predict(X, raw_score=True) + self.raw_init_
        return self.loss_.log_odds(raw)

    def predict_proba(self, X: Any) -> Floats:
        """Predict calibrated probabilities.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Data.

        Returns
        -------
        ndarray of shape (n_rows, 2)
            Probabilities of the classes.
        """
        log_odds = self.decision_function(X)
        return np.column_stack([expit(-log_odds), expit(log_odds)])

    def predict_log_proba(self, X: Any) -> Floats:
        """Predict log probabilities.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Data.

        Returns
        -------
        ndarray of shape (n_rows, 2)
            Natural logarithms of the probabilities, finite where these are rounded
            to 0.
        """
        log_odds = self.decision_function(X)
        return np.column_stack([log_expit(-log_odds), log_expit(log_odds)])

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class whose probability is above .5.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Data.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        positive = self.decision_function(X) > 0
        return np.asarray(self.classes_)[positive.astype(np.intp)]

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Check columns; tables are left to the library, which knows categories."""
        check_feature_names(self, X, reset=reset)
        if sparse.issparse(X) or not hasattr(X, "columns"):
            X = check_array(X, accept_sparse="csr", dtype=None, ensure_all_finite=False)
            # LightGBM predicts of sparse matrices, not of sparse arrays.
            X = sparse.csr_matrix(X) if sparse.issparse(X) else X
        check_n_features(self, X, reset=reset)
        return X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if tags.classifier_tags is not None:
            tags.classifier_tags = replace(tags.classifier_tags, multi_class=False)
        return tags


def _library_of(estimator: Any) -> str:
    """Tell whose classifier it is."""
    bases = {
        (base.__module__.partition(".")[0], base.__name__)
        for base in type(estimator).__mro__
    }
    for library, name in _CLASSES:
        if (library, name) in bases:
            return library
    raise TypeError(
        "estimator must be an xgboost.XGBClassifier or a lightgbm.LGBMClassifier, "
        f"whose objective can be replaced; got {type(estimator).__name__}. Steps of "
        "preprocessing go before FocalLossClassifier in a pipeline, not into its "
        "estimator."
    )


def _refuse_settings(estimator: Any) -> None:
    settings = estimator.get_params(deep=False)
    for name, free in _FREE.items():
        value = settings.get(name)
        # Some values are containers, whose comparison gives no single answer.
        if value is None or (np.isscalar(value) and value in free):
            continue
        raise ValueError(
            f"{type(estimator).__name__}({name}={value!r}) clashes with the focal "
            "loss, which brings its own objective and starting score and takes weights "
            f"of classes as alpha only. Leave {name} out; weigh by alpha or "
            "sample_weight."
        )


def _explain(error: Exception, estimator: Any) -> None:
    # With an objective of its own LightGBM would give a model of one value.
    if type(error).__name__ == "LightGBMError" and "num_features" in str(error):
        raise ValueError(
            "X must have a column that LightGBM can split by; with a custom objective "
            "it does not fit without one. Got only columns that are constant or have "
            f"too few rows for min_child_samples={estimator.min_child_samples}: lower "
            "that, or give more rows."
        ) from error


def _two_classes(y: Any) -> Labels:
    labels = encode_labels(y)
    if len(labels.classes) > 2:
        raise ValueError(
            "Only binary classification is supported. y must have two classes; got "
            f"{len(labels.classes)}: {labels.classes[:5].tolist()!r}... Wrap this "
            "classifier in sklearn.multiclass.OneVsRestClassifier."
        )
    return labels
