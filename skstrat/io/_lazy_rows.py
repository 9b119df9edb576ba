"""Rows of files, which are read only when they are needed."""

from __future__ import annotations

from copy import copy
from threading import Lock
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.hashing import HashedKeys
from skstrat.io._source_files import State, check_unmodified

_MOST_KEPT = 8


class LazyRows:
    """The features of files; rows are read by their positions.

    Reading continues where it ended, so rows in ascending order are read once.

    Parameters
    ----------
    source : ParquetSource or CsvSource
        The files.
    states : list of State
        State of the files when their labels were read.
    columns : list of str
        The features.
    n_rows : int
        Rows of the files.
    identities : HashedKeys, default=None
        Keys of the rows; None for their positions.

    Attributes
    ----------
    columns : list of str
        The features.
    shape : tuple of int
        Rows and columns.
    """

    _at: int
    _table: Any

    def __init__(
        self,
        source: Any,
        states: list[State],
        columns: list[str],
        n_rows: int,
        identities: HashedKeys | None = None,
    ) -> None:
        self.source, self.columns, self.identities = source, columns, identities
        self.shape = n_rows, len(columns)
        self._states, self._n_rows = states, n_rows
        # Positions in the files; None for all of their rows.
        self._places: NDArray[np.intp] | None = None
        self._types: Any = None
        self._lock = Lock()
        self._restart()

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_lock", "_tables", "_table", "_at")
        return {k: own for k, own in vars(self).items() if k not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()
        self._restart()

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to read all rows at once."""
        raise TypeError(
            f"X must be in memory for what reads all of its rows; got {len(self)} rows "
            "of files (LazyRows). Give it to a resampler of skstrat that picks rows, "
            "alone, in ResampledClassifier or as first step of a Pipeline. For all "
            "else take the rows into memory, X.take_rows(numpy.arange(len(X)))."
        )

    __iter__ = __array__

    def __getitem__(self, names: str | list[str]) -> Any:
        """Read a column, or a frame of several in one pass, texts as categories."""
        import pandas

        wanted = names if isinstance(names, list) else [names]
        if not all(isinstance(name, str) for name in wanted):
            self.__array__()
        for name in wanted:
            if name not in self.columns:
                raise KeyError(name)
        chunks: dict[str, list[Any]] = {name: [] for name in wanted}
        for table in self.source.batches(list(chunks)):
            for name, read in chunks.items():
                read += _encoded(table.column(name)).chunks
        check_unmodified(self.source.files, self._states)
        columns = {name: self._values(chunks[name]) for name in wanted}
        values = columns[names] if isinstance(names, str) else pandas.DataFrame(columns)
        return values if self._places is None else values.take(self._places)

    def _values(self, chunks: list[Any]) -> Any:
        """Join the parts of a column; texts get the type that all of them have."""
        import pandas
        import pyarrow

        column = pyarrow.chunked_array(chunks)
        if pyarrow.types.is_dictionary(column.type):
            column = column.unify_dictionaries().combine_chunks()
            values = self.source.typed_labels(column.dictionary.to_pylist())
            # Types inferred by pyarrow end at 2^63.
            wide = any(isinstance(each, int) and each >= 1 << 63 for each in values)
            values = pyarrow.array(values, "uint64" if wide else None)
            column = pyarrow.DictionaryArray.from_arrays(column.indices, values)
            if pyarrow.types.is_floating(column.type.value_type):
                column = column.dictionary_decode()
        return pandas.Series(column.to_pandas())

    def only(self, rows: NDArray[np.intp]) -> Self:
        """Return a view of some rows, in ascending order."""
        part = copy(self)
        part._places = rows if self._places is None else self._places[rows]
        part.shape = len(rows), len(self.columns)
        part.identities = None if self.identities is None else self.identities[rows]
        return part

    def take_rows(self, rows: NDArray[np.intp]) -> Any:
        """Read some rows.

        Parameters
        ----------
        rows : array-like of shape (n_taken,)
            Their positions, integers from 0 on in any order.

        Returns
        -------
        DataFrame of shape (n_taken, n_columns)
            Its index is their positions in the files. Columns of CSV files have the
            types of the first rows taken.

        Raises
        ------
        ValueError
            If files changed since their labels were read or are unreadable. If values
            in a CSV file do not fit the types of the first rows taken.
        IndexError
            If there is no such row.
        """
        import pyarrow

        rows = np.asarray(rows, dtype=np.intp if not len(rows) else None)
        if rows.dtype.kind not in "iu" or (len(rows) and not self._has(rows)):
            raise IndexError(
                f"rows must be positions from 0 to {len(self) - 1}; got {rows!r}."
            )
        if self._places is not None:
            rows = self._places[rows]
        ascending, place = rows, None
        if (rows[1:] <= rows[:-1]).any():
            ascending, place = np.unique(rows, return_inverse=True)
        with self._lock:
            parts = list(self._taken(ascending)) if len(rows) else []
            table = pyarrow.concat_tables(parts) if parts else self._empty()
            # Text must not become numbers if the later rows hold only numbers.
            if self._types is None and parts:
                self._types = self.source.types_of(table)
        if self._types is not None:
            table = self._types.cast(table)
        if place is not None:
            table = table.take(place)
        frame = table.to_pandas()
        frame.index = rows
        return frame

    def _has(self, rows: NDArray[np.intp]) -> bool:
        return bool(rows.min() >= 0 and rows.max() < len(self))

    def _empty(self) -> Any:
        return self.source.schema.empty_table().select(self.columns)

    def _taken(self, rows: NDArray[np.intp]) -> Any:
        if rows[0] < self._at:
            self._restart()
        while len(rows):
            stop = self._at + len(self._table)
            here = int(np.searchsorted(rows, stop))
            if here:
                yield _taken_of(self._table, rows[:here] - self._at)
                rows = rows[here:]
            if len(rows):
                self._at, self._table = stop, self._next_table()
        check_unmodified(self.source.files, self._states)

    def _next_table(self) -> Any:
        for table in self._tables:
            return table
        check_unmodified(self.source.files, self._states)
        raise ValueError(
            f"{self.source.files[0]} and the files after it have fewer rows than the "
            f"{self._n_rows} whose labels were read. Scan them again."
        )

    def _restart(self) -> None:
        check_unmodified(self.source.files, self._states)
        self._tables = self.source.batches(self.columns)
        self._at, self._table = 0, self._empty()


def _encoded(column: Any) -> Any:
    from pyarrow import BaseExtensionType, types

    # Intervals of pandas are an extension type, which pyarrow cannot encode.
    extended = isinstance(column.type, BaseExtensionType)
    plain = extended or types.is_primitive(column.type)
    return column if plain else column.dictionary_encode()


def _taken_of(table: Any, rows: NDArray[np.intp]) -> Any:
    """Take rows of a table; many consecutive rows without a copy."""
    # A slice keeps all of its table in memory.
    if _MOST_KEPT * len(rows) >= len(table) and rows[-1] - rows[0] + 1 == len(rows):
        return table.slice(rows[0], len(rows))
    return table.take(rows)
