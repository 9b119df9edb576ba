"""All imports of scikit-learn's and imbalanced-learn's private names, and backports."""

import warnings
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import sklearn.metrics
from imblearn.utils._tags import InputTags as SamplerInputTags
from imblearn.utils._tags import SamplerTags
from imblearn.utils._tags import Tags as _ImblearnTags
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import TargetTags
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
)
from sklearn.utils._pprint import _EstimatorPrettyPrinter as EstimatorPrinter
from sklearn.utils.validation import _check_feature_names
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_pos_label_consistency as check_pos_label
from sklearn.utils.validation import _estimator_has as estimator_has
from sklearn.utils.validation import _num_samples as num_samples

# The frame that a stock imbalanced-learn Pipeline calls a sampler from.
STOCK_PIPELINE_CALL = ("imblearn.pipeline", "_fit_resample_one")


def check_feature_names(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the names of columns, where scikit-learn can read them."""
    # It cannot read names of a pandas table that are equal, or text beside numbers.
    names: Any = getattr(X, "columns", None)
    if hasattr(names, "is_unique"):
        kinds = set(map(type, names))
        if not names.is_unique or (str in kinds and len(kinds) > 1):
            X = ()
    _check_feature_names(estimator, X, reset=reset)


class LinkedEstimator:
    """A public estimator whose HTML repr links to its page of the documentation."""

    _doc_link_module = "skstrat"
    _doc_link_template = (
        "https://skstrat.github.io/skstrat/reference/generated/"
        "skstrat.{estimator_name}.html"
    )


def sampler_tags() -> _ImblearnTags:
    """Return the tags of a sampler that uses only the length of X."""
    # X may have any number of dimensions. The one_d_array and three_d_array tags mean
    # that common tests use such data only.
    inputs = SamplerInputTags(
        two_d_array=True,
        sparse=True,
        categorical=True,
        string=True,
        allow_nan=True,
        dataframe=True,
    )
    return _ImblearnTags(
        estimator_type="sampler",
        target_tags=TargetTags(required=True),
        input_tags=inputs,
        sampler_tags=SamplerTags(sample_indices=True),
    )


def named_partial(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return a partial that has the name of its function."""
    # The repr of a scorer needs a name before scikit-learn 1.8.
    made = partial(function, *args, **kwargs)
    made.__name__ = function.__name__  # type: ignore[attr-defined]
    return made


def is_loss(scorer: Any) -> bool:
    """Return whether a scorer returns a loss with its sign changed."""
    return getattr(scorer, "_sign", 1) < 0


def scored_by(scorer: Any) -> tuple[Any, bool]:
    """Return the function that a scorer calls, and whether it is a loss."""
    function = getattr(scorer, "_score_func", scorer)
    while isinstance(function, partial):
        inner = function.args[0] if function.args else None
        function = inner if callable(inner) else function.func
    return function, is_loss(scorer)


def _one_hot(y_true: Any, y_proba: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the column of the label of each row."""
    labels, classes = np.asarray(y_true), np.unique(y_true)
    if y_proba.shape[1] != len(classes):
        raise ValueError(
            "y_proba must have a column for each class of y_true; got "
            f"{y_proba.shape[1]} columns for the classes {classes.tolist()}. Give rows "
            "of all classes."
        )
    return labels[:, None] == classes


def brier_score_loss_of_classes(
    y_true: Any, y_proba: Any, *, sample_weight: Any = None
) -> float:
    """Return the Brier score, also of many classes, as scikit-learn does from 1.7."""
    y_proba = np.asarray(y_proba)
    if y_proba.ndim == 1:
        return sklearn.metrics.brier_score_loss(
            y_true, y_proba, sample_weight=sample_weight
        )
    hot = _one_hot(y_true, y_proba)
    if not ((y_proba >= 0) & (y_proba <= 1)).all():
        raise ValueError(
            "y_proba must be probabilities between 0 and 1; got values from "
            f"{y_proba.min()} to {y_proba.max()}. Give the output of predict_proba."
        )
    errors = ((hot - y_proba) ** 2).sum(axis=1)
    loss = np.average(errors, weights=sample_weight)
    return float(loss / 2 if y_proba.shape[1] == 2 else loss)


def d2_brier_score_from_losses(
    y_true: Any, y_proba: Any, *, sample_weight: Any = None
) -> float:
    """Return the share of the Brier score explained, as scikit-learn does from 1.8."""
    y_proba = np.asarray(y_proba)
    if len(y_proba) < 2:
        warnings.warn(
            "D^2 score is not well-defined with less than two samples.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    hot = np.asarray(y_true) == 1 if y_proba.ndim == 1 else _one_hot(y_true, y_proba)
    shares = np.average(hot, axis=0, weights=sample_weight)
    of_model, of_shares = (
        np.float64(brier_score_loss(y_true, p, sample_weight=sample_weight))
        for p in (y_proba, np.broadcast_to(shares, y_proba.shape))
    )
    return float(1 - of_model / of_shares)


brier_score_loss: Callable[..., float] = (
    sklearn.metrics.brier_score_loss
    if "labels" in signature(sklearn.metrics.brier_score_loss).parameters
    else brier_score_loss_of_classes
)
d2_brier_score: Callable[..., float] = getattr(
    sklearn.metrics, "d2_brier_score", d2_brier_score_from_losses
)
