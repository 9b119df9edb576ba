"""Predictions for the original distribution, made from a fitted model's."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstrat._lazy import is_dask
from skstrat._lazy_predictions import as_array, map_blocks, map_rows, trains_on_dask
from skstrat._prior import correct_prior, prior_shift
from skstrat._sklearn import estimator_has

# Masses that agree to rounding leave predictions as they are, to the last bit.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


class CorrectedPredictions(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """The half of a meta-classifier that predicts.

    A subclass has ``estimator`` among its parameters and, once it is fitted,
    ``estimator_``, ``classes_``, ``trained_mass_``, ``original_mass_`` and ``_line``:
    slope and intercept that the log odds of the second of two classes go through, or
    None.
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

    def _predicts_parts(self, X: Any) -> bool:
        """Tell whether X is lazy and the estimator is not."""
        return is_dask(X) and not trains_on_dask(self.estimator_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class under the original distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data. Of a Dask collection the partitions are predicted where they are.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels; a lazy dask.array for a Dask collection.
        """
        check_is_fitted(self)
        classes = np.asarray(self.classes_)
        if self._predicts_parts(X):
            return map_rows(self.predict, X, classes[:0])
        unmoved = self._line is None and not self._shifts_rows
        if unmoved and not self._shift().any():
            return as_array(self.estimator_.predict(X))
        if is_dask(X):
            most = self.predict_proba(X).argmax(axis=1)
            return map_blocks(classes.take, most, classes.dtype)
        return np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)]

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict probabilities of the original distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data. Of a Dask collection the partitions are predicted where they are.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities; float64, or the estimator's own if nothing is corrected; a
            lazy dask.array for a Dask collection.
        """
        check_is_fitted(self)
        if self._predicts_parts(X):
            return map_rows(self.predict_proba, X, np.empty((0, len(self.classes_))))
        if self._line is not None:
            with np.errstate(divide="ignore"):
                first, second = np.log(self._corrected_proba(X)).T
            odds = self._recalibrated(second - first)
            return np.column_stack([expit(-odds), expit(odds)])
        return self._corrected_proba(X)

    def _recalibrated(self, log_odds: Floats) -> Floats:
        slope, intercept = self._line or (1.0, 0.0)
        return slope * log_odds + intercept

    def _corrected_proba(self, X: Any) -> Any:
        proba = self.estimator_.predict_proba(X)
        if (shift := self._row_shift(X)) is not None:
            with np.errstate(divide="ignore"):
                log_proba = np.log(np.asarray(proba, dtype=np.float64))
            return softmax(log_proba + shift, axis=1)
        if not self._shift().any():
            return as_array(proba)
        masses = {
            "trained_mass": self.trained_mass_,
            "original_mass": self.original_mass_,
        }
        if is_dask(proba):
            return map_blocks(partial(correct_prior, **masses), proba, np.float64)
        return correct_prior(proba, **masses)

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
        if self._predicts_parts(X):
            meta = np.empty((0, len(self.classes_)))
            return map_rows(self.predict_log_proba, X, meta)
        log_proba = np.asarray(self.estimator_.predict_log_proba(X))
        if (by_row := self._row_shift(X)) is not None:
            return log_softmax(log_proba + by_row, axis=1)
        shift = self._shift()
        if self._line is not None:
            moved = log_proba + shift
            odds = self._recalibrated(moved[:, 1] - moved[:, 0])
            return np.column_stack([log_expit(-odds), log_expit(odds)])
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
        if self._predicts_parts(X):
            n_classes = len(self.classes_)
            meta = np.empty(0 if n_classes == 2 else (0, n_classes))
            return map_rows(self.decision_function, X, meta)
        decision = np.asarray(self.estimator_.decision_function(X))
        shift = self._shift() if (rows := self._row_shift(X)) is None else rows.T
        if self._line is not None:
            return self._recalibrated(decision + (shift[1] - shift[0]))
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
