"""Types of the texts of a CSV file: labels, keys, numbers, typed columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skstrat.io._parquet import ParquetSource
from skstrat.io._sinks import Write, in_blocks, parquet_sink, scratch_file

# No two such texts are the same number.
_PLAIN_INTEGER = "0|-?[1-9][0-9]*"
_NUMBER = "-?[0-9]*[.]?[0-9]+([eE][+-]?[0-9]+)?"
_TOO_LONG = "holds too many digits for numbers and stays text"
_NUMERIC = ("int64", "float64")
# Types, the narrowest first: pattern of all texts, and a note for the user.
_KINDS = (
    ("int64", "-?[0-9]+", ""),
    # A float holds every integer of 15 digits, and not every one of 16.
    ("float64", "-?0*[0-9]{1,15}|[^+]*[.eEnN].*", ""),
    ("bool", "(?i:true|false)", ""),
    ("date32", "", ""),
    ("timestamp[us]", "", ""),
    ("string", f"{_NUMBER}|-?(?i:nan|inf|infinity)", _TOO_LONG),
    ("string", "", ""),
)
# Of keys and labels: different texts stay different.
KEYS = (
    ("int64", _PLAIN_INTEGER, ""),
    ("uint64", _PLAIN_INTEGER, ""),
    ("string", "", ""),
)
# Numbers are no class labels if some are not whole.
LABELS = (*KEYS[:2], ("whole", _NUMBER, ""), ("float64", _NUMBER, ""), KEYS[-1])


def typed_labels(texts: list[str], decimal: str = ".") -> list[Any]:
    """Return integers, or floats that are not all whole, or the texts."""
    import pyarrow

    table = pyarrow.table({"": pyarrow.array(texts, "string")})
    types = ColumnTypes(decimal, {"": LABELS})
    types.add(table)
    labels: list[Any] = types.cast(table).column("").to_pylist()
    return labels


def plain_integers(column: Any) -> Any:
    """Return a column as integers if all of its texts are plainly written ones."""
    if _all_match(column.drop_null(), _PLAIN_INTEGER):
        for kind in ("int64", "uint64"):
            if _castable(column, kind):
                return column.cast(kind)
    return None


def as_numbers(column: Any, decimal: str) -> Any:
    """Return a column as floats; missing values stay missing."""
    import pyarrow

    try:
        return _cast(column, "float64", decimal)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(
            f"numbers must be written like 1{decimal}5; {error}"
        ) from error


class ColumnTypes:
    """The narrowest types that columns of text have, found batch by batch."""

    def __init__(self, decimal: str, kinds: Mapping[str, Any] | None = None) -> None:
        self._decimal = decimal
        self._possible = kinds or {}
        self._kinds: dict[str, list[Any]] = {}
        self._with_zeros: set[str] = set()

    def add(self, table: Any) -> None:
        """Read the next rows."""
        for name in table.column_names:
            texts = table.column(name).drop_null()
            if texts.type != "string" or not len(texts):
                continue
            possible = self._kinds.get(name, self._possible.get(name, _KINDS))
            self._kinds[name] = [kind for kind in possible if self._fits(texts, *kind)]
            if self.of(name) in _NUMERIC and _matching(texts, "-?0[0-9].*"):
                self._with_zeros.add(name)

    def _fits(self, texts: Any, kind: str, pattern: str, note: str) -> bool:
        if kind in ("float64", "whole") or note:
            texts = _with_point(texts, self._decimal)
        return (not pattern or _all_match(texts, pattern)) and _castable(texts, kind)

    def of(self, name: str) -> str:
        """Return the type of a column of text."""
        kind = self._kinds.get(name, _KINDS[-1:])[0][0]
        return "string" if kind == "whole" else str(kind)

    def cast(self, table: Any) -> Any:
        """Cast rows to the types found; in other rows integers may become floats."""
        import pyarrow

        for place, name in enumerate(table.column_names):
            kind, column = self.of(name), table.column(name)
            if kind == "string":
                continue
            if kind == "int64" and not _castable(column, kind):
                kind = "float64"
            try:
                column = _cast(column, kind, self._decimal)
            except pyarrow.ArrowInvalid as error:
                raise ValueError(
                    f"column {name!r} must be {kind} in all rows as in those read "
                    f"first; {error}. Name the words for missing values as "
                    "missing, or give Parquet files."
                ) from error
            table = table.set_column(place, name, column)
        return table

    @property
    def notes(self) -> list[str]:
        """Messages about changes, and about what could not be changed."""
        notes = []
        for name, ((kind, _, note), *_) in self._kinds.items():
            if name in self._with_zeros and kind in _NUMERIC:
                note = "has become numbers, such as 007 to 7"
            if note:
                notes.append(f"{name!r} {note}")
        return notes


@contextmanager
def typed_sink(
    path: Path,
    names: list[str],
    weight: str,
    types: ColumnTypes,
    notes: list[str],
) -> Iterator[Write]:
    """Write columns of text as Parquet, with the types that all their rows have."""
    import pyarrow

    kinds = [(name, "float64" if name == weight else "string") for name in names]
    schema = pyarrow.schema(kinds)
    with scratch_file(path.parent) as text:
        with parquet_sink(text, schema) as write_text:

            def write(table: Any) -> None:
                types.add(table)
                write_text(table)

            yield write
        notes += types.notes
        schema = types.cast(schema.empty_table()).schema
        texts = ParquetSource([text], text.parent).batches()
        with parquet_sink(path, schema) as write_typed:
            for table in in_blocks(map(types.cast, texts)):
                write_typed(table)


def _with_point(texts: Any, decimal: str) -> Any:
    """Write numbers with a point; with a decimal comma, a point makes it text."""
    from pyarrow import compute

    if decimal == ".":
        return texts
    for old, new in ((".", "\0"), (",", "."), ("\0", ",")):
        texts = compute.replace_substring(texts, old, new)
    return texts


def _matching(texts: Any, pattern: str) -> int:
    """Count the texts that match a pattern."""
    from pyarrow import compute

    found = compute.match_substring_regex(texts, f"^({pattern})$")
    return compute.sum(found).as_py() or 0


def _all_match(texts: Any, pattern: str) -> bool:
    return _matching(texts, pattern) == len(texts)


def _cast(texts: Any, kind: str, decimal: str) -> Any:
    from pyarrow import ArrowInvalid

    if kind != "float64":
        return texts.cast(kind)
    try:
        return _finite(_with_point(texts, decimal))
    except ArrowInvalid as error:
        written = str(error)
        if decimal == ",":
            written = written.translate({ord("."): ",", ord(","): "."})
        raise ArrowInvalid(written) from error


def _finite(texts: Any) -> Any:
    """Return texts as floats, but refuse numbers that would become infinite."""
    from pyarrow import ArrowInvalid, compute

    numbers = texts.cast("float64")
    infinite = texts.filter(compute.is_inf(numbers))
    for each in compute.filter(
        infinite, compute.match_substring_regex(infinite, "[0-9]")
    ):
        raise ArrowInvalid(f"{each.as_py()!r} is too large for a float")
    return numbers


def _castable(texts: Any, kind: str, decimal: str = ".") -> bool:
    from pyarrow import ArrowInvalid, compute

    try:
        if kind == "whole":
            numbers = _cast(texts, "float64", decimal)
            return bool(
                compute.all(compute.equal(numbers, compute.floor(numbers))).as_py()
            )
        _cast(texts, kind, decimal)
    except ArrowInvalid:
        return False
    return True
