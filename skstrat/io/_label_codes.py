"""Columns that come in parts; labels as codes, a byte a row for up to 126 classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import factorize, sorted_classes
from skstrat.exceptions import MissingLabelsError

_BLOCK = 1 << 20


class GrowingArray:
    """Values that are added part by part, without a second copy of all.

    Parameters
    ----------
    n_rows : int or None
        Values there will be; None if that is not known.
    dtype : dtype
        Their type.
    """

    def __init__(self, n_rows: int | None, dtype: Any) -> None:
        self._reserved = np.empty(_BLOCK if n_rows is None else n_rows, dtype=dtype)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def values(self) -> NDArray[Any]:
        """The values so far."""
        return self._reserved[: self._used]

    def widen(self, dtype: Any) -> None:
        """Change the type."""
        self._reserved = self._reserved.astype(dtype, copy=False)

    def add(self, values: NDArray[Any]) -> None:
        """Add values."""
        start, self._used = self._used, self._used + len(values)
        if self._used > len(self._reserved):
            more = max(self._used, 2 * len(self._reserved))
            self._reserved = np.resize(self._reserved, more)
        self._reserved[start : self._used] = values


class LabelCodes:
    """Codes of labels, which are added part by part.

    Parameters
    ----------
    n_rows : int or None
        Rows there will be; None if that is not known.
    """

    def __init__(self, n_rows: int | None) -> None:
        self._codes = GrowingArray(n_rows, np.int8)
        self._code_of: dict[Any, int] = {}
        self._n_missing = 0

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, column: Any) -> None:
        """Add the labels of the next rows."""
        try:
            codes, classes = factorize(column)
        except MissingLabelsError as error:
            self._n_missing += error.n_missing
            codes, classes = np.zeros(len(column), dtype=np.int8), np.empty(1, object)
        position = [
            self._code_of.setdefault(label, len(self._code_of))
            for label in classes.tolist()
        ]
        self._codes.widen(np.min_scalar_type(-max(len(self._code_of), 1)))
        # Most parts have the same classes, and to look up each code costs much.
        if position != list(range(len(position))):
            codes = np.array(position, dtype=np.intp)[codes]
        self._codes.add(codes)

    def labels(self, typed: Callable[[list[Any]], list[Any]]) -> Any:
        """Give the labels as categories, turned from text into what they are."""
        import pandas

        n_rows = len(self)
        if self._n_missing:
            raise MissingLabelsError(self._n_missing, n_rows)
        found = typed(list(self._code_of))
        classes = sorted_classes(found)
        code_of = {label: code for code, label in enumerate(classes.tolist())}
        position = [code_of[label] for label in found]
        codes = self._codes.values
        if position != list(range(len(position))):
            order = np.array(position, dtype=codes.dtype)
            for start in range(0, n_rows, _BLOCK):
                block = codes[start : start + _BLOCK]
                block[:] = order[block]
        self._code_of = dict(zip(self._code_of, position, strict=True))
        return pandas.Series(pandas.Categorical.from_codes(codes, classes.tolist()))

    def match(self, column: Any, rows: NDArray[np.intp]) -> bool:
        """Tell whether a column holds the labels that some rows had."""
        codes, classes = factorize(column)
        position = [self._code_of.get(label, -1) for label in classes.tolist()]
        found = np.array([*position, -1])[codes]
        return np.array_equal(found, self._codes.values[rows])
