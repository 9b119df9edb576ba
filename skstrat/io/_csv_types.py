"""What the texts of a CSV file are: labels, keys, numbers, typed columns."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from skstrat.io._csv_format import CsvFormat
from skstrat.io._sinks import ParquetSink, in_blocks, scratch_file

# No two such texts are the same number.
_PLAIN_INTEGER = "^(0|-?[1-9][0-9]*)$"
_NUMBER = "([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|(?i:nan|inf|infinity)"
_LEADING_ZERO = "^-?0[0-9]"
# A float holds every integer of 15 digits, and not every one of 16.
_LONG_INTEGER = "^-?0*[1-9][0-9]{15,}$"
# What may hold for all texts of a column.
_TESTS = {
    "number": lambda texts: _matches(texts, f"^-?({_NUMBER})$") == len(texts),
    "integer": lambda texts: _matches(texts, "^-?[0-9]+$") == len(texts),
    "int64": lambda texts: _castable(texts, "int64"),
    "exact in a float": lambda texts: not _matches(texts, _LONG_INTEGER),
    "no leading zero": lambda texts: not _matches(texts, _LEADING_ZERO),
    "bool": lambda texts: _matches(texts, "^(?i:true|false)$") == len(texts),
    "date": lambda texts: _castable(texts, "date32"),
    "timestamp": lambda texts: _castable(texts, "timestamp[us]"),
}
# The narrowest first.
_TYPES = {
    "int64": {"integer", "int64"},
    "float64": {"number", "exact in a float"},
    "bool": {"bool"},
    "date32": {"date"},
    "timestamp[us]": {"timestamp"},
}


def typed_labels(texts: list[str]) -> list[Any]:
    """Turn labels into integers if all are plainly written ones of 64 bits."""
    if all(re.fullmatch(_PLAIN_INTEGER, text) for text in texts):
        labels = list(map(int, texts))
        if all(-(2**63) <= label < 2**64 for label in labels):
            return labels
    return texts


def plain_integers(column: Any) -> Any:
    """Give a column as integers if all of its texts are plainly written ones."""
    if _matches(column, _PLAIN_INTEGER) == len(column) - column.null_count:
        for kind in ("int64", "uint64"):
            if _castable(column, kind):
                return column.cast(kind)
    return None


def as_numbers(column: Any, csv_format: CsvFormat) -> Any:
    """Give a column as floats; what is missing stays missing."""
    from pyarrow import compute

    texts = _with_point(column, csv_format)
    is_number = compute.match_substring_regex(texts, f"^[+-]?({_NUMBER})$")
    wrong = column.filter(compute.invert(is_number))
    if len(wrong):
        raise ValueError(
            f"numbers must be written like 1{csv_format.decimal}5; got "
            f"{wrong[0].as_py()!r}"
        )
    return texts.cast("float64")


class ColumnTypes:
    """The narrowest types that columns of text have, found batch by batch.

    Parameters
    ----------
    csv_format : CsvFormat
        How numbers are written.
    """

    def __init__(self, csv_format: CsvFormat) -> None:
        self._format = csv_format
        self._holds: dict[str, set[str]] = {}

    def add(self, table: Any) -> None:
        """Look at the next rows."""
        for name in table.column_names:
            column = table.column(name).drop_null()
            if column.type != "string" or not len(column):
                continue
            texts = _with_point(column, self._format)
            possible = self._holds.get(name, set(_TESTS))
            self._holds[name] = {each for each in possible if _TESTS[each](texts)}

    def of(self, name: str) -> str:
        """Give the type of a column of text."""
        holds = self._holds.get(name, set())
        fitting = (kind for kind, needed in _TYPES.items() if needed <= holds)
        return next(fitting, "string")

    def cast(self, table: Any) -> Any:
        """Give rows the types found; of others integers may become floats."""
        import pyarrow

        for place, name in enumerate(table.column_names):
            column, kind = table.column(name), self.of(name)
            if column.type != "string" or kind == "string":
                continue
            if kind == "int64" and not _castable(column, kind):
                kind = "float64"
            if kind == "float64":
                column = _with_point(column, self._format)
            try:
                table = table.set_column(place, name, column.cast(kind))
            except pyarrow.ArrowInvalid as error:
                raise ValueError(
                    f"column {name!r} must be text in all rows or in none; it is "
                    f"{self.of(name)} in those read first, and then: {error}. Name the "
                    "words that are missing values, CsvFormat(missing=...), or give "
                    "Parquet files."
                ) from error
        return table

    @property
    def notes(self) -> list[str]:
        """What was changed, or could not be."""
        notes = []
        for name, holds in self._holds.items():
            kind = self.of(name)
            if "number" in holds and kind == "string":
                bits = 64 if "integer" in holds else 53
                notes.append(
                    f"{name!r} holds integers beyond {bits} bits and stays text"
                )
            elif "number" in holds and "no leading zero" not in holds:
                notes.append(f"{name!r} has become numbers, such as 007 to 7")
        return notes


class TypedSink:
    """A Parquet file of columns of text, with the types that all their rows have.

    Parameters
    ----------
    path : Path
        Where to.
    names : list of str
        Columns.
    weight : str
        The one of weights, which are floats.
    csv_format : CsvFormat
        How numbers are written.
    notes : list of str
        Gets what a user should know of the types.
    """

    def __init__(
        self,
        path: Path,
        names: list[str],
        weight: str,
        csv_format: CsvFormat,
        notes: list[str],
    ) -> None:
        import pyarrow

        self._path, self._notes = path, notes
        self._types = ColumnTypes(csv_format)
        kinds = [(name, "float64" if name == weight else "string") for name in names]
        self._schema = pyarrow.schema(kinds)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._text = stack.enter_context(scratch_file(self._path.parent))
            self._sink = ParquetSink(self._text, self._schema)
            self._stack = stack.pop_all()
        return self

    def write(self, table: Any) -> None:
        """Write a table of text."""
        self._types.add(table)
        self._sink.write(table)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        """Write the typed rows; after an error, nothing."""
        from pyarrow import Table, parquet

        with self._stack:
            self._sink.__exit__(kind, error, traceback)
            if error is not None:
                return
            self._notes += self._types.notes
            schema = self._types.cast(self._schema.empty_table()).schema
            with (
                parquet.ParquetFile(
                    self._text, pre_buffer=False, buffer_size=1 << 18
                ) as file,
                ParquetSink(self._path, schema) as sink,
            ):
                batches = file.iter_batches(use_threads=False)
                texts = (Table.from_batches([batch]) for batch in batches)
                for table in in_blocks(map(self._types.cast, texts)):
                    sink.write(table)


def _with_point(texts: Any, csv_format: CsvFormat) -> Any:
    """Write numbers with a point; one that has a point is none with a comma."""
    from pyarrow import compute

    if csv_format.decimal == ".":
        return texts
    swapped = compute.replace_substring(texts, ".", "_")
    return compute.replace_substring(swapped, ",", ".")


def _matches(texts: Any, pattern: str) -> int:
    """Count the texts that match a pattern."""
    from pyarrow import compute

    return compute.sum(compute.match_substring_regex(texts, pattern)).as_py() or 0


def _castable(texts: Any, kind: str) -> bool:
    import pyarrow

    try:
        texts.cast(kind)
    except pyarrow.ArrowInvalid:
        return False
    return True
