"""Recognise containers of other libraries, without importing any."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

_HUGGING_FACE = {
    "DatasetDict": "dataset_dict",
    "IterableDatasetDict": "dataset_dict",
    "IterableDataset": "iterable_dataset",
}


def is_mapping(X: Any) -> bool:
    """Return whether X gives columns by their names and has no rows of its own."""
    # A sparse matrix of format dok is a dict, too.
    return isinstance(X, Mapping) and not hasattr(X, "tocsr")


def is_hugging_face(X: Any, kind: str) -> bool:
    """Return whether X is of a class of Hugging Face's datasets."""
    # Many projects have a package of their own called datasets.
    return _is_of(X, f"datasets.{_HUGGING_FACE.get(kind, 'arrow_dataset')}", kind)


def is_torch_dataset(X: Any) -> bool:
    """Return whether X is a ``Dataset`` of torch, whose items are read one by one."""
    return _is_of(X, "torch.utils.data", "Dataset")


def _is_of(X: Any, module: str, kind: str) -> bool:
    # Before version 4 a column of Hugging Face is a list.
    cls = getattr(sys.modules.get(module), kind, None)
    return cls is not None and isinstance(X, cls)


def is_xarray(X: Any) -> bool:
    """Return whether X is a ``DataArray`` or ``Dataset`` of xarray."""
    library = sys.modules.get("xarray")
    return library is not None and isinstance(X, (library.DataArray, library.Dataset))


def is_no_table(X: Any) -> bool:
    """Return whether X has rows but is no array or table that most libraries read."""
    variables = is_xarray(X) and hasattr(X, "data_vars")
    data_set = is_hugging_face(X, "Dataset") or is_torch_dataset(X)
    return variables or data_set or is_mapping(X)


def is_lazy(X: Any) -> bool:
    """Return whether the rows of X are in files and are read when needed."""
    return hasattr(type(X), "take_rows")


def refuse_without_rows(X: Any, argument: str) -> None:
    """Refuse what has no rows in a fixed order that can be taken by position."""
    name = type(X).__name__
    for kind in ("DatasetDict", "IterableDatasetDict"):
        if is_hugging_face(X, kind):
            raise TypeError(
                f"{argument} must be one table; got {name} with the splits {list(X)}. "
                f"Give one of them: {argument}[{next(iter(X), 'train')!r}]."
            )
    if _is_of(X, "polars", "LazyFrame"):
        raise TypeError(
            f"{argument} must be in memory; got {name}, a query of polars. Give "
            f"{argument}.collect(). To read only the rows drawn of Parquet and CSV "
            "files, use skstrat.io.scan_file."
        )
    if is_hugging_face(X, "IterableDataset"):
        remedy = "Load it without streaming"
    elif _is_of(X, "torch.utils.data", "IterableDataset") or (
        is_torch_dataset(X) and not hasattr(X, "__len__")
    ):
        remedy = "Give a data set with __len__ and __getitem__"
    else:
        return
    raise TypeError(
        f"{argument} must be a data set whose rows can be taken by position; got "
        f"{name}, which gives them one after the other. {remedy}, or read it into "
        f"memory: list({argument})."
    )


def read_column(values: Any) -> Any:
    """Read a Hugging Face column, or a data set of one column, at once."""
    if is_hugging_face(values, "Dataset") and values.shape[1] == 1:
        values = values[values.column_names[0]]
    return values[:] if is_hugging_face(values, "Column") else values
