"""Turn labels in any container into class codes and counts, in one pass."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.codes import sum_by_code
from skstrat._core.containers import is_hugging_face, is_mapping, read_column
from skstrat._core.factorize import (
    Codes,
    Column,
    MissingLabelFoundError,
    NotClassLabelsError,
    NumpyColumn,
    by_pivot,
    check_classes,
    factorize_times,
    is_missing,
    sorted_order,
)
from skstrat.exceptions import AbsentClassWarning, MissingLabelsError

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """Class codes of every row, with the classes and how often each occurs."""

    codes: Array  # Position of each row's label in classes.
    classes: Array  # The labels that occur, sorted as numpy.unique sorts them.
    counts: NDArray[np.int64]

    def by_class(self, named: Mapping[Any, Any], argument: str) -> dict[int, Any]:
        """Translate a mapping keyed by label into one keyed by class code."""
        code_of = {label: code for code, label in enumerate(self.classes.tolist())}
        absent = [label for label in named if label not in code_of]
        if absent:
            warnings.warn(
                f"{argument} names {absent!r}, not among the labels of this data "
                f"({list(code_of)!r}); these entries do nothing here. Expected in a "
                "small fold; otherwise check the label's spelling and type.",
                AbsentClassWarning,
                stacklevel=2,
            )
        return {
            code_of[label]: value for label, value in named.items() if label in code_of
        }


def encode_labels(y: Any) -> Labels:
    """Turn labels into class codes and counts."""
    require_labels(y)
    codes, classes = factorize(y)
    if codes.shape[0] == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is needed.")
    counts = count_codes(codes, len(classes))
    if np.any(counts == 0):
        codes, classes = _drop_unused(codes, classes, counts > 0)
        counts = counts[counts > 0]
    if len(classes) < 2:
        raise ValueError(
            "y must have at least two classes; got one class, "
            f"{classes.tolist()[0]!r}, in all {len(codes)} rows."
        )
    return Labels(codes, classes, counts)


def by_label(classes: Array, values: Array) -> dict[Any, Any]:
    """Return a dict of values by label, all as Python values."""
    return dict(zip(classes.tolist(), values.tolist(), strict=True))


def require_labels(y: Any) -> None:
    """Refuse a missing y."""
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None."
        )


def one_label_per_row(y: Any) -> Any:
    """Refuse columns of labels, which classifiers read in different ways."""
    require_labels(y)
    if _has_columns(y):
        raise _label_columns(y)
    # At once, because classifiers would read a column value by value.
    return read_column(y)


def refuse_one_hot(y: Any) -> None:
    """Refuse classes that are given as columns; rows of several labels pass."""
    if not _has_columns(y):
        return
    try:
        factorize(y)
    except NotClassLabelsError:
        return
    raise _label_columns(y)


def _has_columns(y: Any) -> bool:
    shape: Any = getattr(y, "shape", ())
    if isinstance(y, (list, tuple)):
        shape = np.shape(y[:1])
    return len(shape) == 2 and shape[1] > 1


def count_codes(codes: Array, n_classes: int) -> NDArray[np.int64]:
    """Count the rows of each class."""
    if n_classes == 2:
        ones = int(np.count_nonzero(codes))
        return np.array([len(codes) - ones, ones], dtype=np.int64)
    return sum_by_code(codes, None, n_classes).astype(np.int64)


def _drop_unused(codes: Array, classes: Array, used: NDArray[np.bool_]) -> Any:
    position = np.cumsum(used) - 1
    return position.astype(np.min_scalar_type(len(classes)))[codes], classes[used]


def factorize(y: Any, *, times: bool = False) -> Codes:
    """Turn labels, or dates and times where these may be, into codes and classes."""
    column = _column_of(_one_column(y))
    if isinstance(column, _CodedColumn):
        return column.whole()
    try:
        if times and isinstance(column, NumpyColumn) and column.are_times:
            return factorize_times(column.values)
        return by_pivot(column)
    except MissingLabelFoundError:
        labels = column.take(np.arange(len(column))).tolist()
        raise MissingLabelsError(sum(map(is_missing, labels)), len(labels)) from None


def column_names(table: Any) -> list[Any] | None:
    """Return the names of a table's columns."""
    if is_mapping(table):
        return list(table)
    if _loaded(table, "pyarrow") or is_hugging_face(table, "Dataset"):
        return getattr(table, "column_names", None)
    names = getattr(table, "columns", None)
    if names is None:
        names = getattr(getattr(table, "dtype", None), "names", None)
    return None if names is None else list(names)


def sorted_classes(labels: list[Any]) -> Array:
    """Sort labels as in ``classes_``."""
    # A dictionary may name a label twice, or a missing one.
    unique = [label for label in dict.fromkeys(labels) if not is_missing(label)]
    if any(isinstance(label, str) for label in unique):
        classes = np.empty(len(unique), dtype=object)
        classes[:] = unique
    else:
        classes = np.array(unique, dtype=_wide_integers(unique))
    check_classes(classes)
    return classes[sorted_order(classes)]


def _wide_integers(labels: Sequence[Any]) -> type | None:
    """Return the type of integers that numpy would turn into floats."""
    whole = all(isinstance(label, (int, np.integer)) for label in labels)
    if not whole or max(labels, default=0) < 2**63:
        return None
    fits = min(labels) >= 0 and max(labels) < 2**64
    return np.uint64 if fits else object


class _CodedColumn:
    """Positions in a list of labels, -1 for a missing one."""

    def __init__(self, codes: Array, labels: list[Any]) -> None:
        self.codes, self.labels = codes, labels

    def whole(self) -> Codes:
        codes = self.codes
        classes = sorted_classes(self.labels)
        code_of = {label: code for code, label in enumerate(classes.tolist())}
        position = np.array(
            [-1 if is_missing(label) else code_of[label] for label in self.labels],
            dtype=np.min_scalar_type(-len(code_of) - 1),
        )
        if len(codes) and (codes.min() < 0 or (position < 0).any()):
            missing = int(np.count_nonzero((codes < 0) | (position[codes] < 0)))
            if missing:
                raise MissingLabelsError(missing, len(codes))
        if (position == np.arange(len(position))).all():
            return codes, classes
        return position[codes], classes


class _ArrowColumn(Column):
    def rows_unlike(self, label: Any) -> Array:
        compute = import_module("pyarrow.compute")
        unlike = compute.not_equal(self.values, label)
        return np.asarray(compute.indices_nonzero(unlike)).astype(np.intp)

    def take(self, rows: Array) -> Array:
        taken = self.values.take(sys.modules["pyarrow"].array(rows))
        return taken.to_numpy(zero_copy_only=False)

    def whole(self) -> Codes:
        return _arrow_dictionary(self.values.dictionary_encode()).whole()


class _PolarsColumn(Column):
    def rows_unlike(self, label: Any) -> Array:
        unlike = (self.values != label).arg_true()
        return unlike.to_numpy().astype(np.intp)

    def take(self, rows: Array) -> Array:
        return np.array(self.values.gather(rows).to_list(), dtype=object)

    def whole(self) -> Codes:
        return _polars_dictionary(self.values, sys.modules["polars"]).whole()


def _loaded(y: Any, library: str) -> Any:
    """Return the library that made ``y`` if it is the one named, else None."""
    module = type(y).__module__.partition(".")[0]
    return sys.modules.get(library) if module == library else None


def _one_column(y: Any) -> Any:
    """Reduce a one-column table to its column."""
    y = read_column(y)
    shape = getattr(y, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] != 1:
        return y
    if _loaded(y, "pandas"):
        return y.iloc[:, 0]
    if _loaded(y, "polars"):
        return y.to_series(0)
    if _loaded(y, "pyarrow"):
        return y.column(0)
    return y[:, 0]


def _column_of(y: Any) -> Any:
    if (pandas := _loaded(y, "pandas")) and getattr(y, "ndim", 1) == 1:
        return _pandas_column(y, pandas)
    if (polars := _loaded(y, "polars")) and isinstance(y, polars.Series):
        return _polars_column(y, polars)
    if _loaded(y, "pyarrow") and hasattr(y, "dictionary_encode"):
        return _arrow_column(y)
    return _array_column(y)


def _pandas_column(y: Any, pandas: Any) -> Any:
    values = getattr(y, "array", y)
    if isinstance(y.dtype, pandas.CategoricalDtype):
        return _CodedColumn(values.codes, values.categories.tolist())
    if isinstance(y.dtype, np.dtype):
        return _array_column(y.to_numpy())
    if isinstance(values, pandas.arrays.ArrowExtensionArray):
        return _arrow_column(sys.modules["pyarrow"].array(values))
    if isinstance(y.dtype, pandas.StringDtype):
        return _array_column(np.asarray(values, dtype=object))
    codes, labels = pandas.factorize(y)
    return _CodedColumn(codes, labels.tolist())


def _polars_column(y: Any, polars: Any) -> Any:
    if y.dtype.is_nested():
        raise _several_outputs(y)
    # Polars interprets some names as patterns.
    y = y.alias("y")
    if y.null_count():
        raise MissingLabelsError(y.null_count(), len(y))
    if y.dtype.is_numeric() or y.dtype == polars.Boolean:
        return _array_column(y.to_numpy())
    if y.dtype in (polars.Categorical, polars.Enum):
        y = y.cast(polars.String)
    if y.dtype == polars.String:
        return _PolarsColumn(y)
    return _polars_dictionary(y, polars)


def _polars_dictionary(y: Any, polars: Any) -> _CodedColumn:
    labels = y.unique()
    codes = y.replace_strict(
        labels, polars.int_range(len(labels), eager=True), return_dtype=polars.Int32
    )
    return _CodedColumn(codes.to_numpy(), labels.to_list())


def _arrow_column(y: Any) -> Any:
    if y.null_count:
        raise MissingLabelsError(y.null_count, len(y))
    types = sys.modules["pyarrow"].types
    if types.is_nested(y.type):
        raise _several_outputs(y)
    if types.is_string(y.type) or types.is_large_string(y.type):
        return _ArrowColumn(y)
    if types.is_primitive(y.type):
        return _array_column(np.asarray(y))
    return _arrow_dictionary(
        y if types.is_dictionary(y.type) else y.dictionary_encode()
    )


def _arrow_dictionary(encoded: Any) -> _CodedColumn:
    if hasattr(encoded, "unify_dictionaries"):
        encoded = encoded.unify_dictionaries().combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return _CodedColumn(codes, encoded.dictionary.to_pylist())


def _array_column(y: Any) -> Any:
    if is_mapping(y) or is_hugging_face(y, "Dataset"):
        raise _several_outputs(y)
    if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
        raise MissingLabelsError(int(np.ma.getmaskarray(y).sum()), len(y))
    if hasattr(y, "tocsr"):
        return _sparse_column(y.tocsr(copy=True))
    values = np.asarray(y)
    if values.dtype.kind == "U" and isinstance(y, (list, tuple)):
        # numpy writes a missing value or a number in a list of strings as text.
        values = np.array(y, dtype=object)
    elif values.dtype.kind == "f" and isinstance(y, (list, tuple)):
        wide = _wide_integers(y)
        values = values if wide is None else np.array(y, dtype=wide)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        return _one_hot_column(values)
    if values.ndim != 1:
        raise ValueError(
            f"y must have one label per row; got an array of shape {values.shape}."
        )
    if values.dtype.kind == "b":
        return _CodedColumn(values.view(np.uint8), [False, True])
    return NumpyColumn(values)


def _one_hot_column(y: Array) -> _CodedColumn:
    # pandas.NA has no truth value.
    if y.dtype.kind == "O" and any(map(is_missing, y.ravel().tolist())):
        raise _several_outputs(y)
    ones = y != 0
    if not (np.isin(y, (0, 1)).all() and (ones.sum(axis=1) == 1).all()):
        raise _several_outputs(y)
    return _CodedColumn(ones.argmax(axis=1), list(range(y.shape[1])))


def _sparse_column(y: Any) -> _CodedColumn:
    y.eliminate_zeros()
    if not ((y.data == 1).all() and (np.diff(y.indptr) == 1).all()):
        raise _several_outputs(y)
    return _CodedColumn(y.indices, list(range(y.shape[1])))


def _several_outputs(y: Any) -> NotClassLabelsError:
    return NotClassLabelsError(
        "Multilabel and multioutput targets are not supported. y must have one "
        f"label per row; got {_describe(y)}."
    )


def _label_columns(y: Any) -> ValueError:
    return ValueError(
        "One-hot, multilabel and multioutput targets are not supported by classifiers "
        f"here. y must have one label per row; got {_describe(y)}. For one-hot columns "
        "give the position of the 1, for an array y.argmax(axis=1). For rows of "
        "several labels use DownsampleUpweight before a classifier of several "
        "outputs in a skstrat.Pipeline."
    )


def _describe(y: Any) -> str:
    shape = np.shape(y) if isinstance(y, (list, tuple)) else getattr(y, "shape", None)
    if shape is None:
        return type(y).__name__
    return f"{type(y).__name__} of shape {tuple(shape)}"
