"""Columns of any container and kind as numbers, for pilots."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from skstrat._core.compat import check_feature_names
from skstrat._core.containers import (
    is_hugging_face,
    is_mapping,
    is_torch_dataset,
    is_xarray,
)
from skstrat._core.factorize import NumpyColumn, is_missing
from skstrat._core.rows import count_rows, take_rows

# Scalers square the numbers in single precision, which overflow beyond this.
LARGEST = 1e18
_UNKNOWN = -1
# Arrow cannot encode views of text as a dictionary.
_ARROW_TEXT = "string", "large_string"

Array = NDArray[Any]
Numbers = NDArray[np.float32]
# Position of each row's value in a block of distinct values; None if all are there.
Places = NDArray[np.intp] | None


class NameCodes(dict[str | None, int]):
    """Codes of names, -1 for an unknown one; values are looked up by their names."""

    def __missing__(self, value: Any) -> int:
        return self.get(_name(value), _UNKNOWN)


# None for a column of numbers.
Categories = NameCodes | None


class ColumnCoder(TransformerMixin, BaseEstimator):
    """Encode every column as numbers in single precision, NaN where one is missing."""

    # A column holds names if a value is neither a number nor a date. The code of a name
    # is its sorted position among the names seen in fit, a missing one last. Other
    # names have code -1. Missing values of a sparse matrix become 0.

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn which columns hold names, and the codes of these names."""
        check_feature_names(self, X, reset=True)
        found = as_sparse(X)
        self.sparse_ = found is not None
        self.categories_: list[Categories] = (
            [None] * found.shape[1]
            if found is not None
            else [each for block, _ in _blocks_of(X) for each in _categories_of(block)]
        )
        self.n_features_in_ = len(self.categories_)
        return self

    def transform(self, X: Any) -> Any:
        """Write rows as numbers."""
        check_feature_names(self, X, reset=False)
        found = as_sparse(X)
        if found is not None:
            matrix = found.astype(np.float32)
            matrix.data = np.nan_to_num(_within_range(matrix.data))
            return matrix if self.sparse_ else matrix.toarray()
        coded, at = [], 0
        for block, places in _blocks_of(X):
            width = block.shape[1]
            block = _as_numbers(block, self.categories_[at : at + width])
            coded.append(block if places is None else block[places])
            at += width
        numbers = coded[0] if len(coded) == 1 else np.column_stack(coded)
        return np.nan_to_num(numbers) if self.sparse_ else numbers


def shape_of(X: Any) -> tuple[int, ...]:
    """Return the shape of rows of any kind; rows of one value have one dimension."""
    if is_mapping(X):
        return count_rows(X), len(X)
    if is_torch_dataset(X):
        # An item may be an image, or several tensors, and is not read here.
        return (count_rows(X),)
    shape: tuple[int, ...] = getattr(X, "shape", None) or np.shape(
        take_rows(X, np.arange(min(1, count_rows(X))))
    )
    return shape


def as_sparse(X: Any) -> Any:
    """Return X as a sparse matrix of rows, or None if it is not sparse."""
    if sparse.issparse(X):
        _refuse_complex(X)
        return X.tocsr()
    # A frame of pandas has this only if all its columns are sparse.
    frame = getattr(X, "ndim", 0) == 2 and hasattr(X, "sparse")
    if frame and all(each.fill_value == 0 for each in X.dtypes):
        return X.sparse.to_coo().tocsr()
    return None


def _blocks_of(X: Any) -> Iterator[tuple[Array, Places]]:
    """Yield the columns, as blocks of single precision numbers or of objects."""
    if is_torch_dataset(X):
        raise TypeError(
            "X must have columns for the default pilot; got "
            f"{type(X).__name__}, a data set of torch. Give a pilot that reads it, or "
            "an array of its numbers."
        )
    for column in _columns_of(X):
        few, places = _distinct_names(column)
        values = _values_of(few)
        values = values.reshape(len(values), -1)
        _refuse_complex(values)
        if values.dtype.kind in "mM":
            # In nanoseconds, current dates are beyond the largest number.
            ticks = values.astype(f"{values.dtype.kind}8[us]").astype(np.int64)
            numbers = ticks.astype(np.float64)
            numbers[np.isnat(values)] = np.nan
            values = numbers
        if values.dtype.kind in "biuf":
            yield _within_range(values), places
        else:
            yield values.astype(object), places


def _distinct_names(column: Any) -> tuple[Any, Places]:
    """Return one row of each name, if the library of the column finds them."""
    library = type(column).__module__.partition(".")[0]
    kind = getattr(column, "dtype", None)
    if library == "pandas" and hasattr(kind, "categories"):
        codes, take = getattr(column, "array", column).codes, column.take
    elif library == "pandas" and type(kind).__name__ == "StringDtype":
        codes, take = column.factorize()[0], column.take
    elif library == "polars" and kind in _polars_names():
        polars = sys.modules["polars"]
        if kind == polars.String:
            column = column.cast(polars.Categorical)
        physical = column.to_physical().cast(polars.Int64)
        codes, take = physical.fill_null(-1).to_numpy(), column.gather
    elif library == "pyarrow" and (
        hasattr(column.type, "index_type") or str(column.type) in _ARROW_TEXT
    ):
        if str(column.type) in _ARROW_TEXT:
            column = column.dictionary_encode()
        if hasattr(column, "unify_dictionaries"):
            # Chunks have dictionaries of their own.
            column = column.unify_dictionaries().combine_chunks()
        # The indices of some libraries have no sign.
        codes = column.indices.cast("int64").fill_null(-1).to_numpy()
        take = column.take
    else:
        return column, None
    places, distinct = NumpyColumn(codes).whole()
    rows = np.empty(len(distinct), dtype=np.intp)
    rows[places] = np.arange(len(places))
    return take(rows), places


def _polars_names() -> tuple[Any, ...]:
    polars = sys.modules["polars"]
    return polars.Categorical, polars.Enum, polars.String


def _columns_of(X: Any) -> Iterator[Any]:
    """Split a table into its columns; what has no columns is one block."""
    library = type(X).__module__.partition(".")[0]
    if is_hugging_face(X, "Dataset"):
        X = X[:]
    if is_xarray(X) and hasattr(X, "data_vars"):
        yield from X.data_vars.values()
    elif is_mapping(X):
        yield from X.values()
    elif library == "polars" and hasattr(X, "get_columns"):
        yield from X.get_columns()
    elif library == "pyarrow" and hasattr(X, "itercolumns"):
        yield from X.itercolumns()
    elif library == "pandas" and X.ndim == 2:
        kinds = {each if isinstance(each, np.dtype) else None for each in X.dtypes}
        if len(kinds) == 1 and next(iter(kinds)) is not None:
            yield X.to_numpy()
        else:
            for at in range(X.shape[1]):
                yield X.iloc[:, at]
    else:
        values = _values_of(X)
        if values.ndim < 2:
            raise ValueError(
                "X must have columns for the default pilot; got "
                f"{type(X).__name__} of one dimension. Reshape it, as in "
                "X.reshape(-1, 1), or give a pilot that reads it: of texts, for "
                "example, a pipeline of TfidfVectorizer and LogisticRegression."
            )
        yield values


def _values_of(column: Any) -> Array:
    """Return a column as an array, missing numbers as NaN."""
    kind = getattr(getattr(column, "dtype", None), "kind", None)
    library = type(column).__module__.partition(".")[0]
    if library == "pandas" and kind is not None:
        if kind == "M":
            return np.asarray(column.to_numpy("datetime64[ns]"))
        if kind in "biuf":
            return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    if library == "polars":
        polars = sys.modules["polars"]
        if column.dtype.is_temporal():
            column = column.to_physical()
        if column.dtype.is_numeric() or column.dtype == polars.Boolean:
            return np.asarray(column.cast(polars.Float64).to_numpy())
        column = column.to_list()
    try:
        return np.asarray(column)
    except ValueError as error:
        raise ValueError(
            "X must be a table of single values for the default pilot, every row as "
            f"long as the others; got {type(column).__name__} of uneven length. Give "
            "a pilot that reads it, or columns of one value per row."
        ) from error


def _within_range(values: Array) -> Numbers:
    """Return numbers in single precision, infinite ones as large ones."""
    if values.dtype.kind != "f" or values.dtype == np.float16:
        values = values.astype(np.float32)
    return np.clip(values, -LARGEST, LARGEST).astype(np.float32, order="C")


def _refuse_complex(values: Any) -> None:
    if values.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: X must hold numbers, dates or names for the "
            f"default pilot; got dtype {values.dtype}. Give real and imaginary parts "
            "as columns."
        )


def _categories_of(block: Array) -> Iterator[Categories]:
    """Yield the codes of names of each column."""
    for at in range(block.shape[1]):
        if block.dtype.kind == "f" or _holds_numbers(block[:, at]):
            yield None
            continue
        names = set(map(_name, block[:, at].tolist()))
        # A missing one comes after the names.
        ordered = sorted(names, key=lambda name: (name is None, name or ""))
        yield NameCodes({name: code for code, name in enumerate(ordered)})


def _as_numbers(block: Array, categories: list[Categories]) -> Numbers:
    """Write a block as numbers."""
    if block.dtype.kind == "f" and not any(categories):
        return block
    numbers = np.empty(block.shape, dtype=np.float32)
    for at, codes in enumerate(categories):
        if codes is None:
            numbers[:, at] = _numbers(block[:, at])
            continue
        listed = block[:, at].tolist()
        try:
            found = np.fromiter(map(codes.__getitem__, listed), np.float32, len(listed))
        except TypeError:
            # Lists and arrays have no hash.
            found = np.array([codes[_name(value)] for value in listed])
        numbers[:, at] = found
    return numbers


def _name(value: Any) -> str | None:
    """Return a value as text, None if it is missing."""
    if type(value) is str:
        return value
    return None if _lacks(value) else str(value)


def _lacks(value: Any) -> bool:
    # The comparison of an array with itself has no single truth value.
    return not isinstance(value, np.ndarray) and is_missing(value)


def _holds_numbers(column: Array) -> bool:
    """Return whether every value that is not missing is a number or a date."""
    listed = column.tolist()
    return all(_lacks(value) or not np.isnan(_number(value)) for value in listed)


def _numbers(column: Array) -> Numbers:
    """Write values as numbers, NaN where they are none."""
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.array([_number(value) for value in column.tolist()])
    return _within_range(numbers)


def _number(value: Any) -> float:
    """Return a number, the seconds of a time or the day of a date; else NaN."""
    if isinstance(value, date) and value == value:
        found = value.timestamp() if hasattr(value, "timestamp") else value.toordinal()
        return float(found)
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
