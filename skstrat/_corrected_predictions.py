"""Predictions for the original distribution, made from a fitted model's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstrat._lazy import refuse_dask
from skstrat._prior import correct_prior, prior_shift
from skstrat._sklearn import estimator_has

# Masses that agree to rounding leave predictions as they are, to the last bit.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


class CorrectedPredictions(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """The half of a meta-classifier that predicts.

    A subclass has ``estimator`` among its parameters and, once it is fitted,
    ``estimator_``, ``classes_``, ``trained_mass_`` and ``original_mass_``.
    """

    # Whether the correction differs from row to row.
    _shifts_rows = False

    def _shift(self) -> Floats:
        """Give what is added to the log probability of each class."""
        shift = prior_shift(self.trained_mass_, self.original_mass_)
        if self._shifts_rows or np.ptp(shift) < _ROUNDING:
            return np.zeros(len(shift))
        return shift

    def _row_shift(self, X: Any) -> Floats | None:  # noqa: ARG002
        """Give what is added to log probabilities if it differs from row to row."""
        return None

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class under the original distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data in memory; of a Dask collection map the partitions.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.

        Raises
        ------
        TypeError
            If X is a Dask collection, as in the other methods that predict.
        """
        check_is_fitted(self)
        refuse_dask(X, self, "predict")
        if not self._shifts_rows and not self._shift().any():
            return np.asarray(self.estimator_.predict(X))
        return np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)]

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict probabilities of the original distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities; float64, or the estimator's own if nothing is corrected.
        """
        check_is_fitted(self)
        refuse_dask(X, self, "predict_proba")
        proba = self.estimator_.predict_proba(X)
        if (shift := self._row_shift(X)) is not None:
            with np.errstate(divide="ignore"):
                log_proba = np.log(np.asarray(proba, dtype=np.float64))
            return softmax(log_proba + shift, axis=1)
        if not self._shift().any():
            return np.asarray(proba)
        return correct_prior(proba, self.trained_mass_, self.original_mass_)

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Predict log probabilities of the original distribution.

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
        refuse_dask(X, self, "predict_log_proba")
        log_proba = np.asarray(self.estimator_.predict_log_proba(X))
        if (by_row := self._row_shift(X)) is not None:
            return log_softmax(log_proba + by_row, axis=1)
        shift = self._shift()
        return log_softmax(log_proba + shift, axis=1) if shift.any() else log_proba

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Give the estimator's decision values, moved by the log ratio of the masses.

        The move is exact where decision values are log odds, as those of logistic
        regression and boosting are.

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
            If the values are of pairs of classes and a correction is due.
        """
        check_is_fitted(self)
        refuse_dask(X, self, "decision_function")
        decision = np.asarray(self.estimator_.decision_function(X))
        shift = self._shift() if (rows := self._row_shift(X)) is None else rows.T
        if not shift.any():
            return decision
        if decision.ndim == 1:
            return decision + (shift[1] - shift[0])
        if decision.shape[1] != len(shift):
            raise ValueError(
                "decision_function needs one value per class for the correction of the "
                f"prior; got {decision.shape[1]} values for {len(shift)} classes. Use "
                "predict_proba, or one-against-rest decisions."
            )
        return decision + shift.T

    @property
    def n_features_in_(self) -> int:
        """Columns of X that the fitted estimator saw."""
        return int(self.estimator_.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the fitted estimator saw."""
        return np.asarray(self.estimator_.feature_names_in_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if inner.classifier_tags is not None:
            tags.classifier_tags = replace(inner.classifier_tags, multi_label=False)
        return tags
