"""CSV files as tables of text, so that every field stays as it was written."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from skstrat.io._csv_format import CsvFormat, opened
from skstrat.io._csv_types import ColumnTypes, as_numbers, plain_integers, typed_labels
from skstrat.io._source_files import readable

_BLOCK = 1 << 21
_LONGEST = 1 << 26
# Ends every block of rows; an open quote would make it part of a field.
_LAST = "\x05\x06"


def _blocks(stream: Any, encoding: str) -> Iterator[bytes]:
    """Read a file as UTF-8."""
    from pyarrow import ArrowInvalid

    try:
        for text in codecs.iterdecode(iter(lambda: stream.read(_BLOCK), b""), encoding):
            yield text.encode()
    except UnicodeDecodeError as error:
        raise ArrowInvalid(f"{error}; give its encoding") from error


def _end_of_rows(text: bytes, quote: str | None) -> int:
    """Find where the last row seems to end that ends at all."""
    newline = b"\n" if b"\n" in text else b"\r"
    if quote is None or quote.encode() not in text:
        return text.rfind(newline) + 1
    codes = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(codes == ord(newline))
    before = np.searchsorted(np.flatnonzero(codes == ord(quote)), ends)
    outside = ends[before % 2 == 0] if (before % 2 == 0).any() else ends
    return int(outside[-1]) + 1 if len(outside) else 0


class _Rows:
    """The rows of a file, read block by block in the thread of the caller.

    Parameters
    ----------
    csv_format : CsvFormat
        How the file is written.
    names : list of str
        All columns.
    wanted : list of str
        Those to read.
    """

    def __init__(
        self, csv_format: CsvFormat, names: list[str], wanted: list[str]
    ) -> None:
        from pyarrow import csv as arrow_csv
        from pyarrow import string

        self._format, self._names = csv_format, names
        self._last = {name: [_LAST] for name in wanted}
        self._end = f"{str(csv_format.separator).join([_LAST] * len(names))}\n".encode()
        self._options = {
            "parse_options": arrow_csv.ParseOptions(
                delimiter=csv_format.separator,
                quote_char=csv_format.quote or False,
                newlines_in_values=True,
            ),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, string()),
                include_columns=wanted,
                null_values=csv_format.missing,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        }

    def tables(self, stream: Any) -> Iterator[Any]:
        """Give the rows but the header."""
        from pyarrow import ArrowInvalid

        text, wanted, done = b"", 0, 0
        for block in chain(_blocks(stream, str(self._format.encoding)), [b""]):
            text += block or b"\n"
            if block and len(text) < wanted:
                continue
            end = _end_of_rows(text, self._format.quote) if block else len(text)
            try:
                table = self._table(text[:end])
            except ArrowInvalid as error:
                if block and len(text) < _LONGEST:
                    # A row may be longer.
                    wanted = 2 * len(text)
                    continue
                raise ArrowInvalid(_counted(str(error), done)) from error
            text, wanted = text[end:], 0
            # The header is the first row.
            yield table.slice(0 if done else 1)
            done += len(table)

    def _table(self, text: bytes) -> Any:
        from pyarrow import ArrowInvalid, BufferReader
        from pyarrow import csv as arrow_csv

        size = len(text) + len(self._end)
        how = arrow_csv.ReadOptions(
            use_threads=False, block_size=size, column_names=self._names
        )
        table = arrow_csv.read_csv(BufferReader(text + self._end), how, **self._options)
        if table.slice(len(table) - 1).to_pydict() != self._last:
            raise ArrowInvalid(
                f"a quote is not closed, or a row is longer than {_LONGEST} bytes; "
                "give quote=None if quotes are text"
            )
        return table.slice(0, len(table) - 1)


def _counted(error: str, before: int) -> str:
    """Count the row of an error from the beginning of the file."""
    return re.sub("(?<=Row #)[0-9]+", lambda row: str(int(row[0]) + before), error)


class CsvSource:
    """CSV files with the same header, in their order, all columns as text.

    Parameters
    ----------
    files : list of Path
        The files, plain or compressed by gzip, bzip2 or zip.
    csv_format : CsvFormat
        How they are written.

    Attributes
    ----------
    files : list of Path
        The files.
    csv : CsvFormat
        How they are written, with what was detected.
    schema : pyarrow.Schema
        Columns, all of them strings.
    like : None
        There is no footer.
    lacking : dict of str to Path
        Empty, for all files have all columns.
    n_rows : int or None
        Rows of all files, once all were read.
    notes : list of str
        What was guessed.

    Raises
    ------
    ValueError
        If a file is unreadable, or has other columns than the first.
    """

    like = None

    def __init__(self, files: list[Path], csv_format: CsvFormat) -> None:
        import pyarrow

        self.files = files
        self.lacking: dict[str, Path] = {}
        self.n_rows: int | None = None
        self._formats = [csv_format.detected(path) for path in files]
        encodings = {each.encoding for each in self._formats}
        self.csv = self._formats[0]
        if len(encodings) > 1:
            self.csv = replace(self.csv, encoding="utf-8")
        self.notes = [
            f"{path} is not UTF-8 and was read as Windows-1252 (Latin-1); give "
            "encoding if it is another."
            for path, each in zip(files, self._formats, strict=True)
            if csv_format.encoding is None and each.encoding == "cp1252"
        ]
        headers = list(map(_header, files, self._formats))
        for path, names in zip(files, headers, strict=True):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(
                    f"Column names must differ; {path} has {twice!r} twice."
                )
            if names != headers[0]:
                raise ValueError(
                    f"All files must have the same header; {path} has {names!r} and "
                    f"{files[0]} has {headers[0]!r}."
                )
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in headers[0]])

    def batches(
        self,
        columns: list[str] | None = None,
        *,
        skip: int = 0,
        n_rows: int | None = None,
    ) -> Iterator[Any]:
        """Read all rows but the first ones as text, of all columns or of some.

        Parameters
        ----------
        columns : list of str, default=None
            Columns; None for all.
        skip : int, default=0
            Rows to leave out at the beginning.
        n_rows : int, default=None
            Most rows at a time; None for as many as have some megabytes.

        Yields
        ------
        pyarrow.Table
            The next rows, of at least one row.
        """
        from pyarrow import Table

        done = 0
        for table in self._read(columns):
            left_out, done = max(0, skip - done), done + len(table)
            for part in table.slice(left_out).to_batches(max_chunksize=n_rows):
                yield Table.from_batches([part])
        if self.n_rows not in (None, done):
            raise ValueError(
                f"The data changed while it was read: it had {self.n_rows} rows, and "
                f"then {done}."
            )
        self.n_rows = done

    def _read(self, columns: list[str] | None) -> Iterator[Any]:
        names = self.schema.names
        wanted = [name for name in names if columns is None or name in columns]
        for path, csv_format in zip(self.files, self._formats, strict=True):
            with readable(path), opened(path, "r", path) as stream:
                yield from _Rows(csv_format, names, wanted).tables(stream)

    def identities(self, name: str) -> Iterator[Any]:
        """Read a column that tells the rows apart: integers if all are, else text."""
        tables = self.batches([name])
        whole = all(plain_integers(each.column(name)) is not None for each in tables)
        for table in self.batches([name]):
            column = table.column(name)
            yield (plain_integers(column) if whole else column).to_numpy()

    def typed_labels(self, labels: list[str]) -> list[Any]:
        """Give labels as what they are."""
        return typed_labels(labels)

    def numbers(self, column: Any) -> Any:
        """Give a column as numbers, NaN where there is none."""
        return as_numbers(column, self.csv).to_numpy()

    def types_of(self, table: Any) -> ColumnTypes:
        """Find the types that columns of text have in some rows."""
        types = ColumnTypes(self.csv)
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
