"""From labels in any container to class codes and counts, without sorting the labels.

The most frequent label of a small sample is the pivot: one comparison over all labels
sets it aside, and only the rows that differ are looked at again. Libraries are
recognised through ``sys.modules``; none is imported for the caller's sake.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._errors import AbsentClassWarning, MissingLabelsError

_SAMPLE = 257
_FEW = 4096
_MOST_PIVOTS = 16
_WIDEST_TABLE = 1 << 16

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """Class codes of every row, with the classes and how often each occurs.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        Position of each row's label in ``classes``; an integer type wide enough.
    classes : ndarray of shape (n_classes,)
        The labels that occur, sorted as ``numpy.unique`` sorts them.
    counts : ndarray of shape (n_classes,)
        Rows per class, int64.
    """

    codes: Array
    classes: Array
    counts: NDArray[np.int64]

    def by_class(self, named: Mapping[Any, Any], argument: str) -> dict[int, Any]:
        """Translate a mapping keyed by label into one keyed by class code.

        Parameters
        ----------
        named : mapping
            Values by label.
        argument : str
            Name of the user's argument, for the warning.

        Returns
        -------
        dict of int to object
            Values by class code; labels that do not occur are left out.

        Warns
        -----
        AbsentClassWarning
            If a label named does not occur.
        """
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
    """Turn labels into class codes and counts.

    Parameters
    ----------
    y : array-like of shape (n_rows,), (n_rows, 1) or one-hot (n_rows, n_classes)
        Labels: a list, ndarray, pandas, polars or pyarrow container of integers,
        booleans, whole floats, strings, objects or categories.

    Returns
    -------
    Labels
        Codes, classes and counts.

    Raises
    ------
    MissingLabelsError
        If a label is NaN, None or null.
    ValueError
        If ``y`` is empty, has one class, is continuous, multilabel, or mixes types
        that cannot be sorted.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None."
        )
    codes, classes = _factorize(_one_column(y))
    if codes.shape[0] == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is needed.")
    counts = _count(codes, len(classes))
    if np.any(counts == 0):
        codes, classes = _relabel(codes, classes, counts > 0)
        counts = counts[counts > 0]
    if len(classes) < 2:
        raise ValueError(
            "y must have at least two classes; got one class, "
            f"{classes.tolist()[0]!r}, in all {len(codes)} rows."
        )
    return Labels(codes, classes, counts)


def _count(codes: Array, n_classes: int) -> NDArray[np.int64]:
    if n_classes == 2:
        ones = int(np.count_nonzero(codes))
        return np.array([len(codes) - ones, ones], dtype=np.int64)
    return np.bincount(codes, minlength=n_classes).astype(np.int64, copy=False)


def _relabel(codes: Array, classes: Array, used: NDArray[np.bool_]) -> Any:
    """Drop classes that do not occur and sort the rest."""
    order = np.flatnonzero(used)[_sorted_order(classes[used])]
    position = np.zeros(len(classes), dtype=np.min_scalar_type(max(len(order) - 1, 0)))
    position[order] = np.arange(len(order))
    return position[codes], classes[order]


def _sorted_order(classes: Array) -> NDArray[np.intp]:
    try:
        return np.argsort(classes, kind="stable")
    except TypeError:
        kinds = sorted({type(label).__name__ for label in classes.tolist()})
        raise ValueError(
            "Unknown label type: y must hold labels of one type that can be sorted; "
            f"got {', '.join(kinds)}. Convert them, for example with str."
        ) from None


def _loaded(y: Any, library: str) -> Any:
    """Give the library that made ``y`` if it is the one named, else None."""
    module = type(y).__module__.partition(".")[0]
    return sys.modules.get(library) if module == library else None


def _one_column(y: Any) -> Any:
    """Reduce a one-column table to its column."""
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


def _factorize(y: Any) -> tuple[Array, Array]:
    if (pandas := _loaded(y, "pandas")) and getattr(y, "ndim", 1) == 1:
        return _factorize_pandas(y, pandas)
    if (polars := _loaded(y, "polars")) and isinstance(y, polars.Series):
        return _factorize_polars(y, polars)
    if _loaded(y, "pyarrow") and hasattr(y, "dictionary_encode"):
        return _factorize_arrow(y)
    if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
        raise MissingLabelsError(int(np.ma.getmaskarray(y).sum()), len(y))
    values = np.asarray(y)
    if values.dtype.kind == "U" and isinstance(y, (list, tuple)):
        # numpy writes a missing value or a number in a list of strings as text.
        values = np.array(y, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        return _factorize_one_hot(values)
    if values.ndim != 1:
        raise ValueError(
            f"y must have one label per row; got an array of shape {values.shape}."
        )
    return _factorize_array(values)


def _factorize_pandas(y: Any, pandas: Any) -> tuple[Array, Array]:
    if isinstance(y.dtype, pandas.CategoricalDtype):
        values = getattr(y, "array", y)
        return _from_dictionary(values.codes, values.categories.tolist())
    if isinstance(y.dtype, np.dtype):
        return _factorize_array(y.to_numpy())
    codes, uniques = pandas.factorize(y)
    return _from_dictionary(codes, uniques.tolist())


def _factorize_polars(y: Any, polars: Any) -> tuple[Array, Array]:
    if y.null_count():
        raise MissingLabelsError(y.null_count(), len(y))
    if y.dtype.is_numeric() or y.dtype == polars.Boolean:
        return _factorize_array(y.to_numpy())
    if y.dtype in (polars.Categorical, polars.Enum):
        y = y.cast(polars.String)
    uniques = y.unique()
    codes = y.replace_strict(
        uniques, polars.int_range(len(uniques), eager=True), return_dtype=polars.Int32
    )
    return _from_dictionary(codes.to_numpy(), uniques.to_list())


def _factorize_arrow(y: Any) -> tuple[Array, Array]:
    if y.null_count:
        raise MissingLabelsError(y.null_count, len(y))
    encoded = y if hasattr(y.type, "index_type") else y.dictionary_encode()
    if hasattr(encoded, "unify_dictionaries"):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return _from_dictionary(codes, encoded.dictionary.to_pylist())


def _factorize_one_hot(y: Array) -> tuple[Array, Array]:
    ones = y != 0
    if not (np.isin(y, (0, 1)).all() and (ones.sum(axis=1) == 1).all()):
        raise ValueError(
            "Multilabel and multioutput targets are not supported. y must have one "
            f"label per row; got an array of shape {y.shape}."
        )
    return ones.argmax(axis=1), np.arange(y.shape[1])


def _from_dictionary(codes: Array, labels: list[Any]) -> tuple[Array, Array]:
    """Take codes into ``labels``, -1 for a missing label."""
    absent = [-1, *(code for code, label in enumerate(labels) if _is_missing(label))]
    missing = np.isin(codes, absent)
    if missing.any():
        raise MissingLabelsError(int(np.count_nonzero(missing)), len(codes))
    first = {label: code for code, label in reversed(list(enumerate(labels)))}
    if len(first) < len(labels):
        # A dictionary may name a label twice.
        codes = np.array([first[label] for label in labels])[codes]
    classes = np.empty(len(labels), dtype=object)
    classes[:] = labels
    # scikit-learn's classes_ are objects for strings and typed for numbers.
    if not any(isinstance(label, str) for label in labels):
        classes = np.array(labels)
    _check_classes(classes)
    order = _sorted_order(classes)
    if (order == np.arange(len(order))).all():
        return codes, classes
    return _relabel(codes, classes, np.ones(len(classes), dtype=bool))


def _factorize_array(y: Array) -> tuple[Array, Array]:
    if y.dtype.kind == "b":
        return y.view(np.uint8), np.array([False, True])
    try:
        return _factorize_by_pivots(y)
    except _MissingLabelFoundError:
        raise MissingLabelsError(sum(map(_is_missing, y.tolist())), len(y)) from None


def _factorize_by_pivots(y: Array) -> tuple[Array, Array]:
    pivots: list[Any] = []
    rows_of_rest: list[Array] = []
    rest = y
    while len(rest) > _FEW and len(pivots) < _MOST_PIVOTS:
        pivot = _most_frequent(rest[:: max(1, len(rest) // _SAMPLE)])
        differs = np.flatnonzero(_differs(rest, pivot))
        pivots.append(pivot)
        rows_of_rest.append(differs)
        rest = rest[differs]
    codes, classes = _factorize_few(rest)
    found = np.empty(len(classes) + len(pivots), dtype=y.dtype)
    found[: len(classes)] = classes
    found[len(classes) :] = pivots
    _check_classes(found)
    code_type = np.min_scalar_type(max(len(found) - 1, 0))
    position = np.empty(len(found), dtype=code_type)
    order = _sorted_order(found)
    position[order] = np.arange(len(found))
    codes = position[codes]
    sizes = [len(y), *map(len, rows_of_rest)]
    for depth in reversed(range(len(pivots))):
        outer = np.full(sizes[depth], position[len(classes) + depth], dtype=code_type)
        outer[rows_of_rest[depth]] = codes
        codes = outer
    return codes, found[order]


def _most_frequent(sample: Array) -> Any:
    return _tally(sample.tolist()).most_common(1)[0][0]


def _tally(labels: list[Any]) -> Counter[Any]:
    try:
        return Counter(labels)
    except TypeError:
        raise ValueError(
            "Unknown label type: y must hold labels that can be hashed and sorted; "
            f"got {type(labels[0]).__name__}."
        ) from None


def _differs(values: Array, pivot: Any) -> Any:
    if _is_missing(pivot):
        raise _MissingLabelFoundError
    try:
        return values != pivot
    except TypeError:
        # pandas.NA answers every comparison with NA, whose truth is an error.
        raise _MissingLabelFoundError from None


def _factorize_few(values: Array) -> tuple[Array, Array]:
    if values.dtype.kind == "O":
        return _factorize_objects(values)
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < min(_WIDEST_TABLE, max(len(values), _FEW)):
            return _factorize_by_table(values, low, high)
    classes, codes = np.unique(values, return_inverse=True)
    return codes, classes


def _factorize_by_table(values: Array, low: int, high: int) -> tuple[Array, Array]:
    # The difference of narrow labels may not fit their own type, and unsigned 64-bit
    # labels far above zero fit no other.
    wide = np.uint64 if values.dtype.kind == "u" else np.int64
    shifted = (values.astype(wide) - wide(low)).astype(np.intp)
    seen = np.bincount(shifted, minlength=high - low + 1) > 0
    position = np.cumsum(seen) - 1
    classes = (np.flatnonzero(seen).astype(wide) + wide(low)).astype(values.dtype)
    return position[shifted], classes


def _factorize_objects(values: Array) -> tuple[Array, Array]:
    labels = values.tolist()
    unique = list(_tally(labels))
    found = np.empty(len(unique), dtype=object)
    found[:] = unique
    _check_classes(found)
    classes = found[_sorted_order(found)]
    code_of = {label: code for code, label in enumerate(classes.tolist())}
    codes = np.fromiter(map(code_of.__getitem__, labels), np.intp, count=len(labels))
    return codes, classes


class _MissingLabelFoundError(Exception):
    """A missing label was met; how many there are is still to be counted."""


def _is_missing(label: Any) -> bool:
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return bool(label != label)


def _check_classes(classes: Array) -> None:
    """Refuse labels that are not classes: missing, continuous, dates, records."""
    labels = classes.tolist()
    if any(map(_is_missing, labels)):
        raise _MissingLabelFoundError
    if classes.dtype.kind == "c":
        raise ValueError("Complex data not supported: y must hold class labels.")
    if classes.dtype.kind not in "biufUSO":
        raise ValueError(
            "Unknown label type: y must hold class labels (integers, booleans, "
            f"whole floats, strings or categories); got dtype {classes.dtype}."
        )
    if any(isinstance(label, float) and not label.is_integer() for label in labels):
        raise ValueError(
            "Unknown label type: continuous. y must hold class labels; got numbers "
            "that are not whole. Cut them into bins first, for example with "
            "sklearn.preprocessing.KBinsDiscretizer."
        )
