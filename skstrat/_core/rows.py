"""Take rows of any container and keep its kind: the only file that reads rows of X."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skstrat._core.compat import num_samples
from skstrat._core.containers import (
    is_hugging_face,
    is_lazy,
    is_mapping,
    is_torch_dataset,
    is_xarray,
    refuse_without_rows,
)

Rows = NDArray[np.intp]

# Errors of containers of other libraries when they are indexed by row numbers.
_INDEX_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def count_rows(X: Any, argument: str = "X") -> int:
    """Count the rows of a container."""
    refuse_without_rows(X, argument)
    if is_xarray(X):
        return int(X.sizes[_row_dimension(X, argument)])
    if is_mapping(X):
        return _count_rows_of_columns(X, argument)
    try:
        return int(num_samples(X))
    except TypeError as error:
        raise TypeError(
            f"{argument} must be a list, an array or a table, whose rows can be "
            f"counted; got {type(X).__name__}. Convert it, for example with "
            "numpy.asarray."
        ) from error


def take_rows(X: Any, rows: Rows, argument: str = "X") -> Any:
    """Take rows by position; in ascending order, memory is read in sequence."""
    if isinstance(X, np.ndarray):
        return _take_array(X, rows)
    if sparse.issparse(X):
        return _take_sparse(X, rows)
    if isinstance(X, (list, tuple)):
        return type(X)(map(X.__getitem__, rows.tolist()))
    if (take := _taker(X)) is not None:
        return take(X, rows)
    if is_lazy(X):
        return X.take_rows(rows)
    if is_xarray(X):
        return X.isel({_row_dimension(X, argument): rows})
    if is_mapping(X):
        _count_rows_of_columns(X, argument)
        return {
            name: take_rows(column, rows, f"{argument}[{name!r}]")
            for name, column in X.items()
        }
    return _take_unknown(X, rows, argument)


def gather_rows(X: Any, rows: NDArray[Any], argument: str = "X") -> Any:
    """Take rows by position, in any order and any number of times."""
    if type(X) is dict:
        return {
            name: gather_rows(column, rows, f"{argument}[{name!r}]")
            for name, column in X.items()
        }
    if is_lazy(X):
        raise TypeError(
            f"{argument} must be in memory, because a batch has rows from all parts; "
            "got rows of files. Draw rows first, by fit_resample of a resampler that "
            "picks rows, or read the files in order, by skstrat.io.read_batches."
        )
    known = isinstance(X, (np.ndarray, list, tuple)) or sparse.issparse(X)
    known = known or _taker(X) is not None or is_xarray(X) or hasattr(X, "iloc")
    if known or not hasattr(X, "shape"):
        return take_rows(X, rows, argument)
    ascending, place = np.unique(rows, return_inverse=True)
    return np.asarray(take_rows(X, ascending, argument))[place]


def _taker(X: Any) -> Callable[[Any, Rows], Any] | None:
    """Return a function that takes rows of a table or column of a known library."""
    if is_hugging_face(X, "Dataset"):
        return _take_data_set
    if is_hugging_face(X, "Column"):
        return _take_column
    if is_torch_dataset(X):
        return _take_items
    return _TAKERS.get(type(X).__module__.partition(".")[0])


def _take_pandas(X: Any, rows: Rows) -> Any:
    return X.take(rows)


def _take_polars(X: Any, rows: Rows) -> Any:
    polars = sys.modules["polars"]
    return X[polars.Series(rows, dtype=polars.UInt32)]


def _take_arrow(X: Any, rows: Rows) -> Any:
    return X.take(sys.modules["pyarrow"].array(rows))


def _take_tensor(X: Any, rows: Rows) -> Any:
    return X[rows]


_TAKERS = {
    "pandas": _take_pandas,
    "polars": _take_polars,
    "pyarrow": _take_arrow,
    "torch": _take_tensor,
}


def _take_data_set(X: Any, rows: Rows) -> Any:
    return X.select(rows)


def _take_column(X: Any, rows: Rows) -> Any:
    return take_rows(X.source, rows)[X.column_name]


def _take_items(X: Any, rows: Rows) -> Any:
    return sys.modules["torch.utils.data"].Subset(X, rows.tolist())


def _take_array(X: NDArray[Any], rows: Rows) -> NDArray[Any]:
    # numpy copies all of an array that is not in C order to take rows of it.
    if X.flags.c_contiguous:
        return X.take(rows, axis=0, mode="clip")
    if X.flags.f_contiguous:
        return X.T.take(rows, axis=-1, mode="clip").T
    return X[rows]


def _take_sparse(X: Any, rows: Rows) -> Any:
    if X.format in ("csr", "csc", "lil"):
        return X[rows]
    return X.tocsr()[rows].asformat(X.format)


def _row_dimension(X: Any, argument: str) -> Any:
    """Return the dimension of the rows: the first one, the same in all variables."""
    variables = getattr(X, "data_vars", {"": X})
    dimensions = {str(name): list(each.dims) for name, each in variables.items()}
    first = {tuple(names[:1]) for names in dimensions.values()}
    if len(first) != 1 or first == {()}:
        raise ValueError(
            f"{argument} must have variables whose first dimension is that of the "
            f"rows; got dimensions {dimensions}. Transpose it, or make the other "
            "variables coordinates."
        )
    return first.pop()[0]


def _count_rows_of_columns(X: Mapping[Any, Any], argument: str) -> int:
    """Count the rows of a dict of columns."""
    if type(X) is not dict:
        raise TypeError(
            f"{argument} must be a list, an array, a table or a dict of columns; got "
            f"{type(X).__name__}. Give one table of it, or dict({argument}) if its "
            "values are columns."
        )
    counts = {
        name: count_rows(column, f"{argument}[{name!r}]") for name, column in X.items()
    }
    if len(set(counts.values())) != 1:
        raise ValueError(
            f"{argument} must hold columns of one length where it is a dict; got "
            f"{counts}. Give it columns with one value per row."
        )
    return counts.popitem()[1]


def _take_unknown(X: Any, rows: Rows, argument: str) -> Any:
    """Take rows of an unknown container by index, and check the result."""
    if hasattr(X, "iloc"):
        return _index(X.iloc, rows, X, argument)
    if hasattr(X, "shape") and hasattr(X, "__getitem__"):
        return _index(X, rows, X, argument)
    if hasattr(X, "__array__"):
        return _take_array(np.asarray(X), rows)
    raise _no_rows(X, argument)


def _index(indexer: Any, rows: Rows, X: Any, argument: str) -> Any:
    """Index by row numbers; refuse a result of another length."""
    try:
        taken = indexer[rows]
        right = not is_mapping(taken) and num_samples(taken) == len(rows)
        # A container that takes these for columns, or ignores them, returns all rows.
        if right and len(rows) == num_samples(X) > 1:
            right = num_samples(indexer[rows[:1]]) == 1
    except _INDEX_ERRORS as error:
        raise _no_rows(X, argument) from error
    if not right:
        raise _no_rows(X, argument)
    return taken


def _no_rows(X: Any, argument: str) -> TypeError:
    return TypeError(
        f"{argument} must be a list, an array or a table whose rows can be taken by "
        f"position; got {type(X).__name__}. Convert it, for example with numpy.asarray."
    )
