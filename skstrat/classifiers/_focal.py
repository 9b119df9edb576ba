"""XGBoost and LightGBM trained with the focal loss, and calibrated."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skstrat._core.compat import HasMethods, Interval
from skstrat._core.labels import one_label_per_row
from skstrat._core.samples import check_samples
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._eval_sets import (
    encode_eval_labels,
    read_eval_sets,
    with_eval_sets,
)
from skstrat.classifiers._focal_loss import (
    FocalLoss,
    lightgbm_log_loss,
    xgboost_log_loss,
    xgboost_objective,
)
from skstrat.classifiers._predictions import ProbabilityClassifier
from skstrat.classifiers._routing import RoutesFitParams

# Settings and their aliases that conflict with the loss, and the values allowed.
_OBJECTIVES = ("objective", "objective_type", "app", "application", "loss")
_UNBALANCE = ("is_unbalance", "unbalance", "unbalanced_sets")
_FREE: dict[str, tuple[str, ...]] = {"scale_pos_weight": ("None", "1", "1.0")}
_FREE |= dict.fromkeys(_OBJECTIVES, ("None", "binary", "binary:logistic"))
_FREE |= dict.fromkeys(_UNBALANCE, ("None", "False"))
_FREE |= dict.fromkeys(("base_score", "class_weight"), ("None",))
# Fit parameters by which training would start from another score.
_STARTS = frozenset(
    {"init_score", "eval_init_score", "base_margin", "base_margin_eval_set"}
    | {"init_model", "xgb_model"}
)
# Parameters of LightGBM that set a metric before fit.
_METRIC = ("metric", "metrics", "metric_types")

_Params = dict[str, Any]
_Rows = tuple[Any, Any]


class FocalLossClassifier(RoutesFitParams, ProbabilityClassifier):
    """XGBoost or LightGBM trained with the focal loss, with calibrated probabilities.

    The sigmoid of the raw scores is many times too high for a rare class, so
    :class:`FocalLoss` corrects predictions. Training starts from the class prior. Trees
    that stop early predict too low: choose their number by the log loss for each gamma.

    Parameters
    ----------
    estimator : XGBClassifier or LGBMClassifier
        A clone of it is fitted. Its objective, and ``base_score`` of XGBoost, are
        replaced. Other settings of these, or class weights, are refused.
    gamma : float, default=2.0
        Focus on rows that are badly classified; 0 is the log loss.
    alpha : float or None, default=None
        As in :class:`FocalLoss`. Probabilities are corrected for it, too.

    Attributes
    ----------
    estimator_ : XGBClassifier or LGBMClassifier
        The fitted clone, of classes 0 and 1. Its ``predict_proba`` is not calibrated.
    loss_ : FocalLoss
        The loss.
    raw_init_ : float
        Raw score that training starts from. LightGBM's raw scores do not include it.
    classes_ : ndarray of shape (2,)
        The labels, sorted; the second is class 1.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the columns; names only if all are strings.

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit a clone of the estimator with the focal loss.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Training data, whatever the library accepts.
        y : array-like of shape (n_rows,)
            Labels of two classes, of any type.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights. Rows with zero weight are ignored.
        **fit_params : dict
            Other arguments of the estimator's ``fit``, such as ``eval_set``, ``eval_X``
            and ``eval_y``, ``callbacks`` or ``categorical_feature``. With metadata
            routing enabled, those that it requests. Eval sets have labels like y. Early
            stopping uses ``"log_loss"``, that of the predicted probabilities, unless
            you set a metric. Callables get raw scores and labels 0 and 1. The library's
            own metrics, such as ``"logloss"``, do not use these probabilities.

        Returns
        -------
        FocalLossClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If the estimator is neither of the two.
        ValueError
            If y or an eval set has other labels. If a parameter of the estimator or of
            ``fit`` conflicts with the loss: objectives, class weights, starting scores,
            and models to continue from.
        """
        self._validate_params()
        is_xgboost = _check_estimator(self.estimator)
        fit_params = self._routed(fit_params)
        _check_fit_params(fit_params)
        samples = check_samples(X, one_label_per_row(y), sample_weight)
        labels, weights = samples.labels, samples.sample_weight
        if len(labels.classes) > 2:
            raise ValueError(
                "Only binary classification is supported. y must have two classes; got "
                f"{len(labels.classes)}: {labels.classes[:5].tolist()!r}... Wrap this "
                "classifier in sklearn.multiclass.OneVsRestClassifier."
            )
        self.classes_, self.loss_ = labels.classes, FocalLoss(self.gamma, self.alpha)
        total = class_totals(labels, weights)
        self.raw_init_ = float(self.loss_.raw_prediction(total[1] / total.sum()))
        rows = self._checked(samples.take(X), reset=True), labels.codes.astype(int)
        estimator = clone(self.estimator)
        estimator.set_params(objective=xgboost_objective(self.loss_))
        prepare = self._prepare_xgboost if is_xgboost else self._prepare_lightgbm
        arguments = prepare(estimator, fit_params, (X, y), rows)
        try:
            self.estimator_ = estimator.fit(*rows, sample_weight=weights, **arguments)
        except Exception as error:
            # With its own objective LightGBM would predict a constant.
            if "num_features" not in str(error):
                raise
            raise ValueError(
                "X must have a column that LightGBM can split by; got none that has "
                f"rows for min_child_samples={estimator.min_child_samples}: lower that."
            ) from error
        return self

    def _prepare_xgboost(
        self, estimator: Any, params: _Params, _given: _Rows, _rows: _Rows
    ) -> _Params:
        estimator.set_params(base_score=float(expit(self.raw_init_)))
        if not (sets := read_eval_sets(params)):
            return params
        if estimator.eval_metric is None:
            estimator.set_params(
                eval_metric=xgboost_log_loss(self.loss_),
                disable_default_eval_metric=True,
            )
        return with_eval_sets(params, [self._eval_set(*each) for each in sets])

    def _prepare_lightgbm(
        self, estimator: Any, params: _Params, given: _Rows, rows: _Rows
    ) -> _Params:
        params = {**params, "init_score": np.full(len(rows[1]), self.raw_init_)}
        if not (sets := read_eval_sets(params)):
            return params
        own = estimator.get_params()
        if all(own.get(name) is None for name in _METRIC):
            # Its default metric reads raw scores as probabilities.
            estimator.set_params(metric="None")
            if params.get("eval_metric") is None:
                params["eval_metric"] = lightgbm_log_loss(self.loss_)
        # LightGBM recognises the training set in eval_set, and does not stop by it.
        in_set = params.get("eval_set") is not None
        sets = [
            rows
            if in_set and each[0] is given[0] and each[1] is given[1]
            else self._eval_set(*each)
            for each in sets
        ]
        params["eval_init_score"] = [np.full(len(y), self.raw_init_) for _, y in sets]
        return with_eval_sets(params, sets)

    def _eval_set(self, X: Any, y: Any) -> _Rows:
        """Check an eval set like data to predict, and encode its labels."""
        return self._checked(X, reset=False), encode_eval_labels(y, self.classes_)

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
        """Check columns; tables are checked by the library, because of categories."""
        if hasattr(X, "columns"):
            return validate_data(self, X, reset=reset, skip_check_array=True)
        checks = {"accept_sparse": "csr", "dtype": None, "ensure_all_finite": False}
        X = validate_data(self, X, reset=reset, **checks)
        # LightGBM predicts for sparse matrices, not for sparse arrays.
        return sparse.csr_matrix(X) if sparse.issparse(X) else X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _check_estimator(estimator: Any) -> bool:
    """Refuse other estimators and settings; return whether it is XGBoost's."""
    bases = {(b.__module__.split(".")[0], b.__name__) for b in type(estimator).__mro__}
    is_xgboost = ("xgboost", "XGBClassifier") in bases
    if not is_xgboost and ("lightgbm", "LGBMClassifier") not in bases:
        raise TypeError(
            "estimator must be an xgboost.XGBClassifier or lightgbm.LGBMClassifier; "
            f"got {type(estimator).__name__}. Preprocess before, in a pipeline."
        )
    for name, value in estimator.get_params(deep=False).items():
        # As text, because a comparison of arrays gives no single result.
        if name in _FREE and str(value) not in _FREE[name]:
            raise ValueError(
                f"{type(estimator).__name__}({name}={value!r}) clashes with the focal "
                "loss. Leave it out; weigh classes by alpha or sample_weight."
            )
    return is_xgboost


def _check_fit_params(params: _Params) -> None:
    given = [name for name, value in params.items() if value is not None]
    if starts := [name for name in given if name in _STARTS]:
        raise ValueError(
            f"{starts[0]} must not be given; got {type(params[starts[0]]).__name__}. "
            "Training starts from raw_init_, the raw score of the class prior, in all "
            "rows and eval sets. Leave it out."
        )
    if "eval_class_weight" in given:
        raise ValueError(
            "eval_class_weight must not be given: alpha weighs classes, and "
            "eval_sample_weight the rows of eval sets; got "
            f"{params['eval_class_weight']!r}. Leave it out."
        )
    for rows, labels in read_eval_sets(params):
        if labels is None:
            raise ValueError(
                "eval_set must hold pairs of rows and their labels; got "
                f"{type(rows).__name__}. Give (X, y), of rows not trained on."
            )
