"""Tables written as CSV, column by column."""

from __future__ import annotations

import codecs
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from skstrat.io._csv_format import CsvFormat, opened

_ROWS = 1 << 16
_TEXTS = (
    *("boolean", "integer", "floating", "decimal", "date", "time", "timestamp"),
    *("string", "large_string", "string_view", "null"),
)


class CsvSink:
    """A CSV file with a header; fields are quoted where they must be.

    Parameters
    ----------
    path : Path
        Where to.
    names : list of str
        Columns.
    csv_format : CsvFormat
        How to write it.
    dest : Path
        What the file will be called; the ending says how it is compressed.
    """

    def __init__(
        self, path: Path, names: list[str], csv_format: CsvFormat, dest: Path
    ) -> None:
        usual = "\t" if ".tsv" in dest.name.lower()[-8:] else ","
        if csv_format.separator is None:
            usual = ";" if csv_format.decimal == usual else usual
            csv_format = replace(csv_format, separator=usual)
        self._path, self._names, self._format = path, names, csv_format
        self._dest, self._stack = dest, ExitStack()
        self._encoder = codecs.getincrementalencoder(csv_format.encoding or "utf-8")()

    def __enter__(self) -> Self:
        import pyarrow

        names = [pyarrow.array([name], "large_string") for name in self._names]
        header = [self._quoted(name, ()) for name in names]
        file = opened(self._path, "w", self._dest)
        self._file = self._stack.enter_context(file)
        self._write(header)
        return self

    def write(self, table: Any) -> None:
        """Write a table."""
        if not all(map(_is_text, table.schema.types)):
            kinds = {field.name: str(field.type) for field in table.schema}
            raise ValueError(
                f"dest must be a Parquet file for columns that CSV cannot hold; got "
                f"the types {kinds}."
            )
        for batch in table.select(self._names).to_batches(max_chunksize=_ROWS):
            texts = [_as_text(each, self._format.decimal) for each in batch.columns]
            self._write([self._quoted(each, self._format.missing) for each in texts])

    def _quoted(self, texts: Any, words: tuple[str, ...]) -> Any:
        """Put quotes where a field would be read as something else without."""
        import pyarrow
        from pyarrow import compute

        quote = self._format.quote
        special = f"{self._format.separator}{quote or ''}\r\n"
        pattern = "[" + "".join(f"\\x{ord(each):02x}" for each in special) + "]"
        needs = compute.or_(
            compute.match_substring_regex(texts, pattern),
            compute.is_in(texts, pyarrow.array(words, texts.type)),
        )
        if compute.any(needs).as_py():
            if quote is None:
                raise ValueError(
                    "quote must be given to write fields that hold a separator, a new "
                    f"line or a missing word; got {texts.filter(needs)[0].as_py()!r}."
                )
            inner = compute.replace_substring(texts, quote, quote * 2)
            texts = compute.if_else(needs, _joined([quote, inner, quote], ""), texts)
        return texts.fill_null(self._format.missing[0])

    def _write(self, fields: list[Any]) -> None:
        lines = _joined(fields, str(self._format.separator))
        _, offsets, data = _joined([lines, "\n"], "").buffers()
        block = data.slice(0, int(np.frombuffer(offsets, np.int64)[len(lines)]))
        if self._format.encoding not in (None, "utf-8"):
            try:
                block = self._encoder.encode(str(block, "utf-8"))
            except UnicodeEncodeError as error:
                raise ValueError(
                    "encoding must be one that holds all texts, such as 'utf-8'; "
                    f"{error}."
                ) from error
        self._file.write(block)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        """Write what is left."""
        # Another error of the same file must not hide the first.
        with suppress(*() if error is None else (OSError,)):
            self._stack.close()


def _is_text(kind: Any) -> bool:
    """Find whether values of a type can be text."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(getattr(types, f"is_{name}")(kind) for name in _TEXTS)


def _as_text(column: Any, decimal: str) -> Any:
    """Turn a column into text that loses nothing."""
    import pyarrow
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type), decimal)
    if types.is_timestamp(kind) and kind.tz is not None:
        instants = column.cast(pyarrow.timestamp(kind.unit)).cast("large_string")
        return _joined([instants, "Z"], "")
    texts = column.cast("large_string")
    if types.is_floating(kind):
        whole = compute.match_substring_regex(texts, "^-?[0-9]+$")
        texts = compute.if_else(whole, _joined([texts, ".0"], ""), texts)
        texts = compute.if_else(compute.is_nan(column), "NaN", texts)
    if types.is_floating(kind) or types.is_decimal(kind):
        texts = compute.replace_substring(texts, ".", decimal)
    return texts


def _joined(parts: list[Any], separator: str) -> Any:
    """Join texts row by row."""
    import pyarrow
    from pyarrow import compute

    parts = [
        pyarrow.scalar(each, "large_string") if isinstance(each, str) else each
        for each in [*parts, separator]
    ]
    return compute.binary_join_element_wise(*parts)
