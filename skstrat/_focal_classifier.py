"""Boosted trees trained with the focal loss that predict calibrated probabilities."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_is_fitted

from skstrat._counted import drop_zero_weights
from skstrat._focal import Floats, FocalLoss
from skstrat._focal_objectives import lightgbm_objective, xgboost_objective
from skstrat._labels import Labels, encode_labels
from skstrat._rows import count_rows
from skstrat._sklearn import HasMethods, Interval, check_feature_names, check_n_features
from skstrat._weights import class_totals

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
        X, y, weights = drop_zero_weights(X, y, sample_weight)
        labels = _two_classes(y)
        if count_rows(X) != len(labels.codes):
            raise ValueError(
                "X and y must have as many rows; got "
                f"{count_rows(X)} and {len(labels.codes)}."
            )
        X = self._checked(X, reset=True)
        self.loss_ = FocalLoss(self.gamma, self.alpha)
        mass = class_totals(labels, weights)
        self.raw_init_ = float(self.loss_.raw_prediction(mass[1] / mass.sum()))
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
