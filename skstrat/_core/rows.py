"""Take rows of any container and keep its kind: the only place that touches X.

Rows come in ascending order, so memory is read in sequence. Libraries are recognised
through ``sys.modules``; nothing is converted, scanned or copied but the result.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skstrat._core.compat import num_samples

_TABLES = frozenset({"pandas", "polars", "pyarrow"})


def count_rows(X: Any) -> int:
    """Count the rows of a container."""
    return int(num_samples(X))


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Take rows by position."""
    if isinstance(X, np.ndarray):
        return _take_array(X, rows)
    if sparse.issparse(X):
        return _take_sparse(X, rows)
    library = type(X).__module__.partition(".")[0]
    if library == "pandas":
        return X.take(rows)
    if library == "polars":
        polars = sys.modules["polars"]
        return X[polars.Series(rows, dtype=polars.UInt32)]
    if library == "pyarrow":
        return X.take(sys.modules["pyarrow"].array(rows))
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape") and hasattr(X, "__getitem__"):
        return X[rows]
    if isinstance(X, (list, tuple)):
        return type(X)(map(X.__getitem__, rows.tolist()))
    if hasattr(X, "__array__"):
        return _take_array(np.asarray(X), rows)
    raise TypeError(
        "X must be a list, an array or a table whose rows can be taken by position; "
        f"got {type(X).__name__}. Convert it, for example with numpy.asarray."
    )


def gather_rows(X: Any, rows: NDArray[Any]) -> Any:
    """Take rows by position, in any order and any number of times."""
    known = isinstance(X, (np.ndarray, list, tuple)) or sparse.issparse(X)
    library = type(X).__module__.partition(".")[0]
    if known or library in _TABLES or hasattr(X, "iloc") or not hasattr(X, "shape"):
        return take_rows(X, rows)
    ascending, place = np.unique(rows, return_inverse=True)
    return np.asarray(take_rows(X, ascending))[place]


def _take_array(X: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    # numpy copies all of an array that is not in C order to take rows of it.
    if X.flags.c_contiguous:
        return X.take(rows, axis=0, mode="clip")
    if X.flags.f_contiguous:
        return X.T.take(rows, axis=-1, mode="clip").T
    return X[rows]


def _take_sparse(X: Any, rows: NDArray[np.intp]) -> Any:
    if X.format in ("csr", "csc", "lil"):
        return X[rows]
    return X.tocsr()[rows].asformat(X.format)
