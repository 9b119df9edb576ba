"""Class codes of a column of labels, without sorting the labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat.exceptions import MissingLabelsError

_SAMPLE = 257
_FEW = 4096
_WIDEST_TABLE = 1 << 16

Array = NDArray[Any]
Codes = tuple[Array, Array]


class MissingLabelFoundError(Exception):
    """There is a missing label; their number is not yet known."""


class NotClassLabelsError(ValueError):
    """The labels are numbers or several outputs, which are no classes."""


class Column(ABC):
    """Labels in the container of one library."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @abstractmethod
    def rows_unlike(self, label: Any) -> Array:
        """List the rows of other labels."""

    @abstractmethod
    def take(self, rows: Array) -> Array:
        """Return the labels of a few rows as an ndarray."""

    @abstractmethod
    def whole(self) -> Codes:
        """Factorize all labels at once."""


def by_pivot(column: Column) -> Codes:
    """Separate the label of most rows, if there is one, and factorize the rest."""
    if len(column) <= _FEW:
        return column.whole()
    some = column.take(np.arange(0, len(column), len(column) // _SAMPLE))
    if some.dtype.kind in "mM":
        # Nanoseconds become integers, which equal no date.
        check_classes(some[:1])
    sample = some.tolist()
    _refuse_numbers(sample)
    pivot, times = _tally(sample).most_common(1)[0]
    if is_missing(pivot):
        raise MissingLabelFoundError
    if 2 * times < len(sample):
        return column.whole()
    # One label is in most rows. One comparison over all rows finds it, and only the
    # others are factorized.
    rows = column.rows_unlike(pivot)
    codes, classes = by_pivot(NumpyColumn(column.take(rows)))
    found = np.empty(len(classes) + 1, dtype=classes.dtype)
    found[:-1], found[-1] = classes, pivot
    check_classes(found)
    order = sorted_order(found)
    position = np.empty(len(found), dtype=np.min_scalar_type(len(found) - 1))
    position[order] = np.arange(len(found))
    all_codes = np.full(len(column), position[-1])
    all_codes[rows] = position[codes]
    return all_codes, found[order]


class NumpyColumn(Column):
    """Labels in an ndarray."""

    @property
    def are_times(self) -> bool:
        """Whether they are dates, times or spans of time."""
        return self.values.dtype.kind in "mM"

    def rows_unlike(self, label: Any) -> Array:
        """List the rows of other labels."""
        try:
            return np.flatnonzero(self.values != label)
        except TypeError:
            # Comparisons with pandas.NA give NA, which has no truth value.
            raise MissingLabelFoundError from None

    def take(self, rows: Array) -> Array:
        """Return the labels of a few rows."""
        return self.values[rows]

    def whole(self) -> Codes:
        """Factorize all labels at once."""
        values = self.values
        if values.dtype.kind == "O":
            return _hash_objects(values)
        if values.dtype.kind in "iu" and len(values):
            low, high = int(values.min()), int(values.max())
            if high - low < min(_WIDEST_TABLE, max(len(values), _FEW)):
                return _count_in_table(values, low, high)
        classes, codes = np.unique(values, return_inverse=True)
        check_classes(classes)
        return codes, classes


def factorize_times(values: Array) -> Codes:
    """Factorize dates, times or spans, as Python's values where these are exact."""
    missing = int(np.isnat(values).sum())
    if missing:
        raise MissingLabelsError(missing, len(values))
    ticks = values.astype(np.int64)
    start = ticks[:1].sum()
    ticks -= start
    # Days in nanoseconds are counted in a table once they are days.
    step = max(np.gcd.reduce(ticks), 1)
    ticks //= step
    codes, steps = by_pivot(NumpyColumn(ticks))
    times = (steps * step + start).astype(values.dtype)
    names = times.tolist()
    if names and isinstance(names[0], int):
        # Python has no nanoseconds.
        short = times.astype(f"{times.dtype.kind}8[us]")
        names = short.tolist() if (short == times).all() else list(times)
    classes = np.empty(len(names), dtype=object)
    classes[:] = names
    return codes, classes


def _tally(labels: list[Any]) -> Counter[Any]:
    try:
        tally = Counter(labels)
    except TypeError:
        raise ValueError(
            "Unknown label type: y must hold labels that can be hashed and sorted; "
            f"got {type(labels[0]).__name__}."
        ) from None
    if any(isinstance(label, tuple) for label in tally):
        raise ValueError(
            "Unknown label type: y must hold one label in each row; got tuples. Join "
            "each to one text, or number them."
        )
    return tally


def _count_in_table(values: Array, low: int, high: int) -> Codes:
    # The difference of narrow labels may not fit their own type, and unsigned 64-bit
    # labels far above zero fit no other.
    wide = np.uint64 if values.dtype.kind == "u" else np.int64
    shifted = values.astype(wide) - wide(low)
    seen = np.bincount(shifted.view(np.int64), minlength=high - low + 1) > 0
    n_classes = np.count_nonzero(seen)
    position = np.cumsum(seen) - 1
    classes = (np.flatnonzero(seen).astype(wide) + wide(low)).astype(values.dtype)
    return position.astype(np.min_scalar_type(n_classes))[shifted], classes


def _hash_objects(values: Array) -> Codes:
    labels = values.tolist()
    unique = list(_tally(labels))
    found = np.empty(len(unique), dtype=object)
    found[:] = unique
    check_classes(found)
    classes = found[sorted_order(found)]
    code_of = {label: code for code, label in enumerate(classes.tolist())}
    codes = np.fromiter(map(code_of.__getitem__, labels), np.intp, count=len(labels))
    return codes, classes


def sorted_order(classes: Array) -> NDArray[np.intp]:
    """Return the order that sorts the classes."""
    try:
        return np.argsort(classes, kind="stable")
    except TypeError:
        kinds = sorted({type(label).__name__ for label in classes.tolist()})
        raise ValueError(
            "Unknown label type: y must hold labels of one type that can be sorted; "
            f"got {', '.join(kinds)}. Convert them, for example with str."
        ) from None


def is_missing(label: Any) -> bool:
    """Return whether a label is None, NaN, NaT or NA."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return bool(label != label)


def check_classes(classes: Array) -> None:
    """Refuse labels that are not classes: missing, continuous, dates, records."""
    labels = classes.tolist()
    if any(map(is_missing, labels)):
        raise MissingLabelFoundError
    if classes.dtype.kind == "c":
        raise ValueError("Complex data not supported: y must hold class labels.")
    if classes.dtype.kind not in "biufUSO":
        raise ValueError(
            "Unknown label type: y must hold class labels (integers, booleans, "
            f"whole floats, strings or categories); got dtype {classes.dtype}."
        )
    _refuse_numbers(labels)


def _refuse_numbers(labels: list[Any]) -> None:
    """Refuse floats that are not whole; missing ones are refused elsewhere."""
    floats = [label for label in labels if isinstance(label, float)]
    if any(label == label and not label.is_integer() for label in floats):
        raise NotClassLabelsError(
            "Unknown label type: continuous. y must hold class labels; got numbers "
            "that are not whole. Cut them into bins, and use these as labels or as "
            "strata."
        )
