"""Recognise containers of other libraries, without importing any."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def is_mapping(X: Any) -> bool:
    """Tell whether X gives columns by their names and has no rows of its own."""
    # A sparse matrix of format dok is a dict, too.
    return isinstance(X, Mapping) and not hasattr(X, "tocsr")


def is_hugging_face(X: Any, kind: str) -> bool:
    """Tell whether X is a ``Dataset`` or ``Column`` of Hugging Face's datasets."""
    # Many a project has a package of its own that is called datasets.
    library = sys.modules.get("datasets.arrow_dataset")
    # Before version 4 a column is a list.
    cls = getattr(library, kind, None)
    return cls is not None and isinstance(X, cls)


def is_xarray(X: Any) -> bool:
    """Tell whether X is a ``DataArray`` or ``Dataset`` of xarray."""
    library = sys.modules.get("xarray")
    return library is not None and isinstance(X, (library.DataArray, library.Dataset))


def is_lazy(X: Any) -> bool:
    """Tell whether the rows of X are in files and are read when needed."""
    return hasattr(type(X), "take_rows")


def read_column(values: Any) -> Any:
    """Read a Hugging Face column, or a data set of one column, at once."""
    if is_hugging_face(values, "Dataset") and values.shape[1] == 1:
        values = values[values.column_names[0]]
    return values[:] if is_hugging_face(values, "Column") else values
