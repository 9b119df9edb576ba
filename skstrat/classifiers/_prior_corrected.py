"""Predictions of a fitted model, corrected to another prior."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import estimator_has
from skstrat._core.dask import refuse_lazy
from skstrat._core.prior import check_prior, prior_shift, shift_probabilities
from skstrat.classifiers._own_prior import refuse_threshold
from skstrat.classifiers._plain_model import plain_model
from skstrat.classifiers._predictions import (
    ProbabilityClassifier,
    attribute,
    columns_of,
    probabilities_of,
)

# Priors that agree to rounding leave predictions exactly unchanged.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


class CorrectedPredictions(ProbabilityClassifier):
    """The predictions of a meta-classifier, corrected to another prior."""

    # Whether the correction differs from row to row.
    _shifts_rows = False
    classes: Any = None  # labels other than the estimator's

    @abstractmethod
    def _priors(self) -> tuple[Floats, Floats]:
        """Check and return the prior trained on and the prior of predictions."""

    @attribute
    def target_prior_(self) -> Floats:
        """Share, rows or total weight of each class that predictions are for."""
        return self._priors()[1]

    def _shift(self) -> Floats:
        shift = prior_shift(*self._priors())
        if self._shifts_rows or np.ptp(shift) < _ROUNDING:
            return np.zeros(len(shift))
        return shift

    def _row_shift(self, X: Any) -> Floats | None:  # noqa: ARG002
        return None

    def _shift_of(self, X: Any) -> Floats:
        """Return the shift of log probabilities, one per row or one for all."""
        rows = self._row_shift(X)
        return self._shift() if rows is None else rows

    def predict(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        refuse_lazy(X, self, "predict")
        if not (self._shifts_rows or self._shift().any() or self.classes is not None):
            labels = np.asarray(self.estimator_.predict(X))
            # CatBoost returns a column for three classes.
            return labels.reshape(len(labels)) if labels.shape[1:] == (1,) else labels
        predicted: NDArray[Any] = super().predict(X)
        return predicted

    def _proba(self, X: Any) -> NDArray[Any]:
        return self._correct(self.estimator_.predict_proba(X), X)

    def _correct(self, proba: Any, X: Any) -> NDArray[Any]:
        shift = self._shift_of(X)
        if not (self._shifts_rows or shift.any()):
            return columns_of(self.estimator_, proba, shift.shape[-1])
        proba = probabilities_of(self.estimator_, proba, shift.shape[-1])
        return shift_probabilities(proba, shift)

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Predict log probabilities for the target distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Natural logarithms of the probabilities.
        """
        check_is_fitted(self)
        refuse_lazy(X, self, "predict_log_proba")
        log_proba = np.asarray(self.estimator_.predict_log_proba(X))
        shift = self._shift_of(X)
        return log_softmax(log_proba + shift, axis=1) if shift.any() else log_proba

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the estimator's decision values plus the log ratio of the priors.

        This is exact where decision values are log odds, as in logistic regression.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            Decision values; one dimension for two classes.

        Raises
        ------
        ValueError
            If the values are for pairs of classes and must be corrected.
        """
        check_is_fitted(self)
        refuse_lazy(X, self, "decision_function")
        decision = np.asarray(self.estimator_.decision_function(X))
        shift = self._shift_of(X)
        if not shift.any():
            return decision
        if decision.ndim == 1:
            return decision + (shift[..., 1] - shift[..., 0])
        if decision.shape[1] != shift.shape[-1]:
            raise ValueError(
                "decision_function needs one value per class for the correction of the "
                f"prior; got {decision.shape[1]} values for {shift.shape[-1]} classes. "
                "Use predict_proba, or one-against-rest decisions."
            )
        return decision + shift

    @property
    def coef_(self) -> Any:
        """Coefficients of the fitted estimator, if it has such."""
        return self._learned("coef_")

    @property
    def feature_importances_(self) -> Any:
        """Importances of the columns to the fitted estimator, if it has such."""
        return self._learned("feature_importances_")

    @attribute
    def intercept_(self) -> Any:
        """Intercept of the fitted estimator, if it has such, with the correction."""
        own = self._learned("intercept_")
        if not self._shift().any():
            return own
        train, target = self._priors()
        plain = plain_model(
            PriorCorrectedClassifier(
                self.estimator_, train_prior=train, target_prior=target
            )
        )
        if "intercept_" not in vars(plain):
            raise AttributeError(
                "intercept_ is not known: the log probabilities of "
                f"{type(self.estimator_).__name__} are not linear in it, so it cannot "
                "hold the correction of the prior. Use estimator_.intercept_ for the "
                "one without it."
            )
        return plain.intercept_

    def _learned(self, name: str) -> Any:
        """Return an attribute of the fitted estimator, or its own error."""
        check_is_fitted(self)
        learned = getattr(self.estimator_, name)
        if self._shifts_rows:
            raise AttributeError(
                f"{name} is not known: predictions are corrected row by row. Part of "
                "the effect of a column is in that correction, so informative columns "
                "look weak in estimator_. Set use_weights=True, take another "
                "resampler, or use sklearn.inspection.permutation_importance."
            )
        return learned

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X that the estimator was fitted on."""
        return int(self.estimator_.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the estimator was fitted on."""
        return np.asarray(self.estimator_.feature_names_in_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).classifier_tags
        if inner is not None:
            tags.classifier_tags = replace(inner, multi_label=False)
        return tags


class PriorCorrectedClassifier(CorrectedPredictions):
    r"""A fitted classifier that predicts for another prior than it was trained on.

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the classifier's probabilities (Elkan, 2001; Saerens, Latinne and
    Decaestecker, 2002). *m* is the total of each class it was trained on, and *M* the
    total in the distribution to predict. The classifier is not changed, as in
    :class:`sklearn.frozen.FrozenEstimator`: a clone has the same fitted classifier.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with ``predict_proba``.
    train_prior : array-like of shape (n_classes,) or dict of label to float
        Share, rows or total weight of each class that it was trained on. By label, or
        in the order of its probabilities; a pandas Series is read by its index.
    target_prior : array-like of shape (n_classes,) or dict of label to float
        The same for the distribution to predict. Only ratios matter in both. Both are
        read at prediction and may be set at any time.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the probabilities; None for the estimator's ``classes_``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    train_prior_, target_prior_ : ndarray of shape (n_classes,)
        The priors in the order of ``classes_``.
    coef_, intercept_, feature_importances_ : ndarray
        The estimator's, if it has them. The intercept is corrected, if log
        probabilities are linear in it.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the columns, if the estimator knows them.

    See Also
    --------
    correct_prior : The formula as a function of probabilities.
    ResampledClassifier : Trains and corrects in one; its ``to_sklearn`` gives this.

    Notes
    -----
    ``skl2onnx.to_onnx`` converts it, alone and as last step of a scikit-learn pipeline,
    where it converts the estimator. It takes the option ``zipmap`` (True or False) and
    no other. In float32, an error *e* in a probability of the estimator becomes at most
    *e* times the largest ratio of the factors :math:`M_c / m_c`. The correction adds
    some 1e-7 of each probability.

    Examples
    --------
    A model of balanced rows, used where one row in a hundred is positive:

    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skstrat import PriorCorrectedClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 500)
    >>> balanced = GaussianNB().fit(rng.normal(size=(1000, 1)) + y[:, None], y)
    >>> model = PriorCorrectedClassifier(
    ...     balanced, train_prior=[1, 1], target_prior=[99, 1]
    ... )
    >>> balanced.predict([[2.5]]), model.predict([[2.5]])
    (array([1]), array([0]))
    """

    def __init__(
        self,
        estimator: Any,
        *,
        train_prior: Any,
        target_prior: Any,
        classes: Any = None,
    ) -> None:
        self.estimator = estimator
        self.train_prior = train_prior
        self.target_prior = target_prior
        self.classes = classes

    def fit(self, X: Any = None, y: Any = None, **params: Any) -> Self:  # noqa: ARG002
        """Check the parameters; the estimator is fitted already.

        Parameters
        ----------
        X, y : object, default=None
            Ignored.
        **params : dict
            Ignored.

        Returns
        -------
        PriorCorrectedClassifier
            This classifier.

        Raises
        ------
        ValueError
            If the estimator holds a decision threshold. Put the threshold around this
            classifier. If a prior is not positive and finite, or has not one value for
            each class. All methods that predict raise these errors, too.
        """
        refuse_threshold(self.estimator)
        check_is_fitted(self.estimator)
        self._shift()
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        # fit need not be called.
        refuse_threshold(self.estimator)
        return super().predict(X)

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __sklearn_is_fitted__(self) -> bool:
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True

    @property
    def estimator_(self) -> Any:
        """The estimator, which is fitted."""
        return self.estimator

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels."""
        own = self.estimator.classes_ if self.classes is None else self.classes
        return np.asarray(own)

    @attribute
    def train_prior_(self) -> Floats:
        """Share, rows or total weight of each class that it was trained on."""
        return self._priors()[0]

    def _priors(self) -> tuple[Floats, Floats]:
        # Some estimators have no classes_, and arrays need none.
        classes = getattr(self, "classes_", None)
        train = check_prior("train_prior", self.train_prior, classes)
        return train, check_prior("target_prior", self.target_prior, classes)

    def onnx_parser(self) -> Any:
        """Give skl2onnx the outputs of this classifier.

        Returns
        -------
        callable
            Declares them.
        """
        from skstrat.classifiers._onnx import parser_of

        return parser_of(self)

    def onnx_shape_calculator(self) -> Any:
        """Give skl2onnx the types and shapes of the outputs.

        Returns
        -------
        callable
            Sets them.
        """
        from skstrat.classifiers._onnx import set_output_types

        return set_output_types

    def onnx_converter(self) -> Any:
        """Give skl2onnx the nodes of the correction.

        Returns
        -------
        callable
            Adds them to a graph.
        """
        from skstrat.classifiers._onnx import convert

        return convert
