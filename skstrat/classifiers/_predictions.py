"""Predictions that every meta-classifier makes from its probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import LinkedEstimator, estimator_has
from skstrat._core.dask import refuse_lazy
from skstrat._core.estimators import final_estimator
from skstrat._core.prior import NotProbabilitiesError, check_probabilities

_REMEDY = (
    " Use an estimator and an objective that predict probabilities. LightGBM predicts "
    "none if its objective is a function, and one-versus-all objectives predict none "
    "that sum to 1."
)


def columns_of(estimator: Any, proba: Any, n_classes: int) -> NDArray[Any]:
    """Check that an estimator predicts one column for each class."""
    values = np.asarray(proba)
    if values.shape[1:] != (n_classes,):
        raise NotProbabilitiesError(
            f"{_method_of(estimator)} must give one column for each of {n_classes} "
            f"classes; got shape {values.shape}.{_REMEDY}"
        )
    return values


def probabilities_of(estimator: Any, proba: Any, n_classes: int) -> NDArray[Any]:
    """Check that an estimator predicts probabilities."""
    values = columns_of(estimator, proba, n_classes)
    return check_probabilities(_method_of(estimator), values, n_classes, remedy=_REMEDY)


def _method_of(estimator: Any) -> str:
    return f"{type(final_estimator(estimator)).__name__}.predict_proba"


def attribute(compute: Callable[[Any], Any]) -> property:
    """Make a property that raises AttributeError, as hasattr and dir expect."""

    @wraps(compute)
    def get(self: Any) -> Any:
        try:
            return compute(self)
        # The error that a model is not fitted is a ValueError, too.
        except AttributeError:
            raise
        except ValueError as error:
            raise AttributeError(str(error)) from error

    return property(get)


class ProbabilityClassifier(
    LinkedEstimator, ClassifierMixin, MetaEstimatorMixin, BaseEstimator, ABC
):
    """A meta-classifier that predicts the class of the largest probability."""

    @abstractmethod
    def _proba(self, X: Any) -> NDArray[Any]:
        """Compute the probabilities of all classes."""

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict probabilities for the original distribution, or for ``target_prior``.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data in memory. For a Dask collection, map the partitions.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities; float64, or the estimator's own if nothing is corrected.

        Raises
        ------
        TypeError
            If X is a Dask collection, as in the other methods that predict.
        """
        check_is_fitted(self)
        refuse_lazy(X, self, "predict_proba")
        return self._proba(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class under the target distribution.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data in memory, as in ``predict_proba``.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        check_is_fitted(self)
        refuse_lazy(X, self, "predict")
        return np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
