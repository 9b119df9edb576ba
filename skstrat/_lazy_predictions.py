"""Estimators and predictions on Dask collections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._columns import factorize
from skstrat._lazy import concatenated, is_dask, partitions_of
from skstrat._plan import Plan


def trains_on_dask(estimator: Any) -> bool:
    """Tell whether an estimator is one of XGBoost's, LightGBM's or dask-ml's for Dask.

    Parameters
    ----------
    estimator : estimator
        An estimator.

    Returns
    -------
    bool
        Whether its ``fit`` takes Dask collections.
    """
    rooms = type(estimator).__module__.split(".")
    return "dask" in rooms or "dask_ml" in rooms


def without_class_weight(weights: Any, y: Any, plan: Plan) -> Any:
    """Take the class weights of a plan out of lazy weights.

    Parameters
    ----------
    weights : dask.dataframe.Series or dask.array.Array of shape (n_drawn,)
        Weights of the rows drawn.
    y : Dask collection of shape (n_drawn,)
        Their labels.
    plan : Plan
        What drew them.

    Returns
    -------
    same kind as weights
        Incoming weights of the rows drawn.
    """
    if hasattr(weights, "divisions"):
        return weights.map_partitions(_divided, y, plan, meta=weights._meta)
    import dask

    parts = zip(partitions_of(weights), partitions_of(y), strict=True)
    divided = [dask.delayed(_divided)(part, labels, plan) for part, labels in parts]
    return concatenated(divided, [(n,) for n in weights.chunks[0]], weights._meta)


def _divided(weights: Any, y: Any, plan: Plan) -> Any:
    codes, classes = factorize(y)
    weight_of = dict(zip(plan.classes, plan.class_weight, strict=True))
    return (
        weights / np.array([weight_of.get(each, 1) for each in classes.tolist()])[codes]
    )


def as_array(values: Any) -> Any:
    """Make an ndarray of predictions, unless they are lazy.

    Parameters
    ----------
    values : array-like or dask.array.Array
        Predictions.

    Returns
    -------
    ndarray or dask.array.Array
        The same.
    """
    return values if is_dask(values) else np.asarray(values)


def map_rows(method: Callable[[Any], Any], X: Any, meta: NDArray[Any]) -> Any:
    """Predict each partition where it is.

    Parameters
    ----------
    method : callable
        Takes rows and gives an ndarray with a value, or several, for each.
    X : dask.dataframe.DataFrame or dask.array.Array
        Data.
    meta : ndarray of shape (0,) or (0, n_columns)
        What it gives for no rows.

    Returns
    -------
    dask.array.Array of shape (n_rows,) or (n_rows, n_columns)
        Lazy; of unknown length where X is.
    """
    import dask

    if getattr(X, "ndim", 2) == 2 and hasattr(X, "chunks"):
        blocks, predict = X.rechunk({1: -1}), partial(_predict, method, meta=meta)
        if meta.ndim == 1:
            return blocks.map_blocks(predict, drop_axis=1, meta=meta)
        columns = (meta.shape[1],)
        return blocks.map_blocks(predict, chunks=(X.chunks[0], columns), meta=meta)
    parts = partitions_of(X)
    predicted = [dask.delayed(_predict)(method, part, meta) for part in parts]
    lengths = X.chunks[0] if hasattr(X, "chunks") else [np.nan] * len(parts)
    shapes = [(length, *meta.shape[1:]) for length in lengths]
    return concatenated(predicted, shapes, meta)


def _predict(method: Callable[[Any], Any], part: Any, meta: NDArray[Any]) -> Any:
    # Most estimators refuse to predict for no rows.
    return method(part) if len(part) else meta


def map_blocks(function: Callable[[Any], Any], values: Any, dtype: Any) -> Any:
    """Apply a function to the blocks of what a Dask estimator predicted.

    Parameters
    ----------
    function : callable
        Takes and gives an ndarray with the same number of rows.
    values : dask.array.Array
        Predictions.
    dtype : dtype
        Of what the function gives.

    Returns
    -------
    dask.array.Array
        Lazy.
    """
    if values.ndim > 1:
        values = values.rechunk({1: -1})
    return values.map_blocks(function, dtype=dtype)
