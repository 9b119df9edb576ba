"""CSV files as tables of text, so that every field stays as written."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from skstrat.io._csv_format import CsvFormat, decoding, opened
from skstrat.io._csv_types import ColumnTypes, as_numbers, plain_integers, typed_labels
from skstrat.io._source_files import check_names, readable

_BLOCK = 1 << 21
_LONGEST = 1 << 26
# Added to every block of rows; if a quote is open, it becomes part of a field.
_LAST = "\x05\x06"
_OPEN = "a quote is not closed, or a row is too long; set quote to none if it is text"


class CsvSource:
    """CSV files with the same header, in their order, all columns as text."""

    def __init__(self, files: list[Path], csv_format: CsvFormat) -> None:
        import pyarrow

        self.files = files
        self.lacking: dict[str, Path] = {}
        self.n_rows: int | None = None
        self._formats = [csv_format.detected(path) for path in files]
        self.csv = self._formats[0]
        if any(each.encoding != self.csv.encoding for each in self._formats):
            self.csv = replace(self.csv, encoding="utf-8")
        self.notes = [
            f"{path} is not UTF-8 and was read as Windows-1252 (Latin-1); give "
            "encoding if it is another."
            for path, each in zip(files, self._formats, strict=True)
            if csv_format.encoding is None and each.encoding == "cp1252"
        ]
        headers = list(map(_header, files, self._formats))
        for path, names in zip(files, headers, strict=True):
            check_names(names, path)
            if names != headers[0]:
                raise ValueError(
                    f"All files must have the same header; {path} has {names!r} and "
                    f"{files[0]} has {headers[0]!r}."
                )
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in headers[0]])

    def batches(self, columns: list[str] | None = None) -> Iterator[Any]:
        """Yield tables of all rows as text, with the named columns or all of them."""
        names = self.schema.names
        wanted = [name for name in names if columns is None or name in columns]
        n_rows = 0
        for path, csv_format in zip(self.files, self._formats, strict=True):
            with readable(path), opened(path, "r", path) as stream:
                blocks = _blocks(stream, str(csv_format.encoding))
                for table in filter(len, _tables(blocks, csv_format, names, wanted)):
                    n_rows += len(table)
                    yield table
        self.n_rows = n_rows

    def identities(self, name: str) -> Iterator[Any]:
        """Read a column of keys: integers if all are, else text."""
        tables = self.batches([name])
        whole = all(plain_integers(each.column(name)) is not None for each in tables)
        for table in self.batches([name]):
            column = table.column(name)
            yield (plain_integers(column) if whole else column).to_numpy()

    def typed_labels(self, labels: list[str]) -> list[Any]:
        """Return labels with their types."""
        return typed_labels(labels, self.csv.decimal)

    def numbers(self, column: Any) -> Any:
        """Return a column as numbers, NaN where there is none."""
        return as_numbers(column, self.csv.decimal).to_numpy()

    def types_of(self, table: Any) -> ColumnTypes:
        """Find the types that columns of text have in some rows."""
        types = ColumnTypes(self.csv.decimal)
        types.add(table)
        return types


def _header(path: Path, csv_format: CsvFormat) -> list[str]:
    with readable(path), opened(path, "r", path) as stream:
        text = next(_blocks(stream, str(csv_format.encoding))).decode("utf-8-sig")
        rows = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=str(csv_format.separator),
            quotechar=csv_format.quote,
            quoting=csv.QUOTE_NONE if csv_format.quote is None else csv.QUOTE_MINIMAL,
        )
        return next(filter(None, rows))


def _blocks(stream: Any, encoding: str) -> Iterator[bytes]:
    """Read a file as UTF-8."""
    with decoding():
        for text in codecs.iterdecode(iter(lambda: stream.read(_BLOCK), b""), encoding):
            yield text.encode()


def _tables(
    blocks: Iterator[bytes], csv_format: CsvFormat, names: list[str], wanted: list[str]
) -> Iterator[Any]:
    """Read the rows after the header, block by block, in the thread of the caller."""
    from pyarrow import ArrowInvalid, BufferReader

    read = _reader(csv_format, names, wanted)
    last = f"{str(csv_format.separator).join([_LAST] * len(names))}\n".encode()
    text, done = b"", 0
    for block in chain(blocks, [b""]):
        text += block or b"\n"
        end = _end_of_rows(text, csv_format.quote) if block else len(text)
        try:
            table = read(BufferReader(text[:end] + last))
            if table[-1:].to_pylist() != [dict.fromkeys(wanted, _LAST)]:
                raise ArrowInvalid(_OPEN)
        except ArrowInvalid as error:
            if block and len(text) < _LONGEST:
                # A row may be longer.
                continue
            raise ArrowInvalid(_counted(str(error), done)) from error
        text = text[end:]
        # The header is the first row.
        yield table[0 if done else 1 : -1]
        done += len(table) - 1


def _end_of_rows(text: bytes, quote: str | None) -> int:
    """Find the end of the last complete row."""
    newline = b"\n" if b"\n" in text else b"\r"
    if quote is None or quote.encode() not in text:
        return text.rfind(newline) + 1
    codes = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(codes == ord(newline))
    before = np.searchsorted(np.flatnonzero(codes == ord(quote)), ends)
    # If quotes are plain text, no row may seem to end outside of quotes.
    outside = ends[before % 2 == 0] if (before % 2 == 0).any() else ends
    return int(outside[-1]) + 1 if len(outside) else 0


def _reader(csv_format: CsvFormat, names: list[str], wanted: list[str]) -> Any:
    """Make a reader of whole rows, with all fields as text."""
    from pyarrow import csv as arrow_csv
    from pyarrow import string

    return partial(
        arrow_csv.read_csv,
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=1 << 30, column_names=names
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=csv_format.separator,
            quote_char=csv_format.quote or False,
            newlines_in_values=True,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, string()),
            include_columns=wanted,
            null_values=csv_format.missing,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            check_utf8=False,
        ),
    )


def _counted(error: str, before: int) -> str:
    """Count the row of an error from the beginning of the file."""
    return re.sub("(?<=Row #)[0-9]+", lambda row: str(int(row[0]) + before), error)
