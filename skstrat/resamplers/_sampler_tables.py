"""Tables for samplers of imbalanced-learn, which read only arrays and pandas."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from imblearn.base import BaseSampler
from sklearn.pipeline import Pipeline

from skstrat._core.containers import is_hugging_face, is_no_table
from skstrat.resamplers._pilot_columns import shape_of


def readable_table(sampler: Any, X: Any) -> Any:
    """Return X as a table that a sampler reads, or X itself if it may read that."""
    # A FunctionSampler may read any data, unless its input is checked.
    checks = isinstance(sampler, BaseSampler) and getattr(sampler, "validate", True)
    if not (checks or isinstance(sampler, Pipeline)):
        return X
    kind = _kind_of(X)
    if kind in _READERS:
        return _READERS[kind](X)
    # Other libraries' samplers of this base may read more.
    if checks and type(sampler).__module__.startswith("imblearn."):
        _refuse_unreadable(sampler, X)
    return X


def table_like(X: Any, made: Any) -> Any:
    """Return rows that a sampler made as a table of the kind and types of X."""
    return _WRITERS[_kind_of(X)](X, made)


def _kind_of(X: Any) -> str:
    """Return the library of a table; "" for all data that needs no conversion."""
    library = type(X).__module__.partition(".")[0]
    if is_hugging_face(X, "Dataset"):
        return "datasets"
    table = {"polars": "get_columns", "pyarrow": "itercolumns", "torch": "new_tensor"}
    is_table = library in table and hasattr(X, table[library])
    return library if is_table and len(shape_of(X)) == 2 else ""


def _refuse_unreadable(sampler: Any, X: Any) -> None:
    name, got = type(sampler).__name__, type(X).__name__
    if is_no_table(X):
        raise TypeError(
            f"X must be an array, a sparse matrix or a table for {name}; got {got}. "
            "Make one of it, for example by pandas.DataFrame(X)."
        )
    dimensions = len(shape_of(X))
    if dimensions != 2:
        shape = "(-1, 1)" if dimensions == 1 else "(len(X), -1)"
        raise ValueError(
            f"X must have rows and columns for {name}; got {got} with {dimensions} "
            f"dimension(s). Reshape numbers, as in numpy.reshape(X, {shape}). For "
            "texts and all else, take a resampler that picks rows by their labels, "
            "such as DownsampleUpweight or RandomOversample."
        )


def _pandas_of_polars(X: Any) -> Any:
    return X.to_pandas()


def _pandas_of_arrow(X: Any) -> Any:
    return X.to_pandas(ignore_metadata=True)


def _pandas_of_data_set(X: Any) -> Any:
    return X.with_format("pandas")[:]


def _array_of_tensor(X: Any) -> Any:
    return X.detach().cpu().numpy()


# pandas has one missing value for NaN and null: null, if the column had any.


def _polars_like(X: Any, made: Any) -> Any:
    polars = sys.modules["polars"]
    columns = [
        polars.from_pandas(made[each.name], nan_to_null=each.null_count() > 0)
        for each in X.get_columns()
    ]
    return polars.DataFrame(columns).cast(X.schema)


def _arrow_like(X: Any, made: Any) -> Any:
    pyarrow = sys.modules["pyarrow"]
    columns = [
        pyarrow.array(made.iloc[:, at], each.type, from_pandas=each.null_count > 0)
        for at, each in enumerate(X.itercolumns())
    ]
    return type(X).from_arrays(columns, schema=X.schema)


def _data_set_like(X: Any, made: Any) -> Any:
    data_set = sys.modules["datasets"].Dataset.from_pandas(
        made, features=X.features, preserve_index=False
    )
    arguments = dict(X.format)
    return data_set.with_format(**arguments.pop("format_kwargs"), **arguments)


def _tensor_like(X: Any, made: Any) -> Any:
    return X.new_tensor(np.asarray(made))


_READERS = {
    "polars": _pandas_of_polars,
    "pyarrow": _pandas_of_arrow,
    "datasets": _pandas_of_data_set,
    "torch": _array_of_tensor,
}
_WRITERS = {
    "polars": _polars_like,
    "pyarrow": _arrow_like,
    "datasets": _data_set_like,
    "torch": _tensor_like,
}
