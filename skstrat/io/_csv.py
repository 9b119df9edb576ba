"""CSV files as tables of text, so that every field stays as it was written."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from skstrat.io._csv_format import CsvFormat, opened
from skstrat.io._csv_types import as_numbers, plain_integers, typed_labels, typed_table
from skstrat.io._source_files import readable

# The longest row; pyarrow reads 32 such blocks ahead. Some are longer as UTF-8.
_BLOCK = 1 << 21
_LAST = "\x1e\x1f"
_ROWS = 1 << 16
_WRITABLE = (
    *("boolean", "integer", "floating", "decimal", "date", "time", "timestamp"),
    *("string", "large_string", "string_view", "null"),
)


class _Blocks:
    """A file that pyarrow reads as UTF-8, with a row at its end."""

    closed = False

    def __init__(self, stream: Any, encoding: str, last: str) -> None:
        blocks = iter(lambda: stream.read(_BLOCK), b"")
        if codecs.lookup(encoding).name != "utf-8":
            texts = codecs.iterdecode(blocks, encoding)
            blocks = (text.encode() for text in texts)
        self._blocks = _with_end(blocks, f"\n{last}".encode())

    def read(self, _size: int) -> bytes:
        return next(self._blocks, b"")


def _with_end(blocks: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    block = next(blocks, b"")
    for following in blocks:
        yield block
        block = following
    yield block + end


@contextmanager
def _reader(
    path: Path, csv_format: CsvFormat, columns: list[str], n_columns: int
) -> Iterator[Any]:
    from pyarrow import ArrowInvalid, csv, string

    last = str(csv_format.separator).join([_LAST] * n_columns)
    try:
        with (
            readable(path),
            opened(path, "r", path) as stream,
            csv.open_csv(
                _Blocks(stream, str(csv_format.encoding), last),
                csv.ReadOptions(use_threads=False, block_size=4 * _BLOCK),
                csv.ParseOptions(
                    delimiter=csv_format.separator,
                    quote_char=csv_format.quote or False,
                    newlines_in_values=csv_format.quote is not None,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, string()),
                    include_columns=columns,
                    null_values=csv_format.missing,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            ) as reader,
        ):
            yield reader
    except ValueError as error:
        cause = error.__cause__
        if isinstance(cause, UnicodeDecodeError) or "invalid UTF8" in str(cause):
            raise ValueError(
                f"{error}; its encoding was taken to be {csv_format.encoding!r}: give "
                "encoding."
            ) from cause
        if isinstance(cause, ArrowInvalid) and "straddl" in str(cause):
            raise ValueError(
                f"{path} cannot be read: a row is longer than {_BLOCK} bytes, or a "
                "quote is not closed (give quote=None if quotes are text)."
            ) from cause
        raise


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
        for batch in self._read(columns):
            left_out, done = max(0, skip - done), done + len(batch)
            table = Table.from_batches([batch.slice(left_out)])
            for part in table.to_batches(max_chunksize=n_rows):
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
            ended = False
            with _reader(path, csv_format, wanted, len(names)) as reader:
                for batch in reader:
                    last = batch.slice(len(batch) - 1).to_pylist()
                    ended = last == [dict.fromkeys(wanted, _LAST)]
                    yield batch.slice(0, len(batch) - ended)
            if not ended:
                raise ValueError(
                    f"{path} cannot be read: a quote in its last rows is not closed "
                    "(give quote=None if quotes are text)."
                )

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

    def typed(self, table: Any) -> Any:
        """Give a table of the types that its columns have."""
        return typed_table(table, self.csv)


def _header(path: Path, csv_format: CsvFormat) -> list[str]:
    with _reader(path, csv_format, [], 0) as reader:
        names: list[str] = reader.schema.names
    return names


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
        self._encode = codecs.getincrementalencoder(csv_format.encoding or "utf-8")()

    def __enter__(self) -> Self:
        import pyarrow

        file = opened(self._path, "w", self._dest)
        self._file = self._stack.enter_context(file)
        header = [pyarrow.array([name], "large_string") for name in self._names]
        self._write([self._quoted(name, missing=False) for name in header])
        return self

    def write(self, table: Any) -> None:
        """Write a table."""
        kinds = {field.name: str(field.type) for field in table.schema}
        for batch in table.select(self._names).to_batches(max_chunksize=_ROWS):
            try:
                texts = [_as_text(column, self._format) for column in batch.columns]
            except TypeError as error:
                raise ValueError(
                    f"dest must be a Parquet file for columns that CSV cannot hold; "
                    f"got the types {kinds}: {error}"
                ) from error
            self._write([self._quoted(each, missing=True) for each in texts])

    def _quoted(self, texts: Any, *, missing: bool) -> Any:
        """Put quotes where a field would be read as something else without."""
        import pyarrow
        from pyarrow import compute

        quote, words = self._format.quote, self._format.missing
        special = f"{self._format.separator}{quote or ''}\r\n"
        pattern = "[" + "".join(f"\\x{ord(each):02x}" for each in special) + "]"
        needs = compute.match_substring_regex(texts, pattern)
        if missing:
            is_word = compute.is_in(texts, pyarrow.array(words, texts.type))
            needs = compute.or_(needs, is_word)
        if compute.any(needs).as_py():
            if quote is None:
                raise ValueError(
                    "quote must be given to write fields that hold a separator, a new "
                    f"line or a missing word; got {texts.filter(needs)[0].as_py()!r}."
                )
            inner = compute.replace_substring(texts, quote, quote * 2)
            around = _joined([quote, inner, quote], "")
            texts = compute.if_else(needs, around, texts)
        return texts.fill_null(words[0])

    def _write(self, fields: list[Any]) -> None:
        lines = _joined(fields, str(self._format.separator))
        _, offsets, data = _joined([lines, "\n"], "").buffers()
        end = int(np.frombuffer(offsets, np.int64)[len(lines)])
        block = data.slice(0, end)
        if self._format.encoding not in (None, "utf-8"):
            block = self._encode.encode(str(block, "utf-8"))
        self._file.write(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is left."""
        # Another error of the same file must not hide the first.
        with suppress(*() if error is None else (OSError,)):
            self._stack.close()


def _as_text(column: Any, csv_format: CsvFormat) -> Any:
    """Turn a column into text that loses nothing."""
    import pyarrow
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type), csv_format)
    if not any(getattr(types, f"is_{name}")(kind) for name in _WRITABLE):
        raise TypeError(f"{kind} is no text")
    if types.is_timestamp(kind) and kind.tz is not None:
        instants = column.cast(pyarrow.timestamp(kind.unit)).cast("large_string")
        return _joined([instants, "Z"], "")
    if types.is_float16(kind):
        column = column.cast("float32")
    texts = column.cast("large_string")
    if types.is_floating(kind):
        whole = compute.match_substring_regex(texts, "^-?[0-9]+$")
        texts = compute.if_else(whole, _joined([texts, ".0"], ""), texts)
        texts = compute.if_else(compute.is_nan(column), "NaN", texts)
    if types.is_floating(kind) or types.is_decimal(kind):
        texts = compute.replace_substring(texts, ".", csv_format.decimal)
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
