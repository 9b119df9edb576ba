"""Files that appear whole or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

_ROWS = 1 << 20
_BYTES = 1 << 25


class Sink(Protocol):
    """Something that tables are written to."""

    def write(self, table: Any) -> None:
        """Write a pyarrow Table."""

    def close(self) -> None:
        """Write what is left."""


@contextmanager
def scratch_file(dest: Path, ending: str) -> Iterator[Path]:
    """Give a path beside ``dest`` for a temporary file."""
    path = dest.with_name(f".{dest.name}.{uuid4().hex[:12]}{ending}")
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


@contextmanager
def written_whole(dest: Path) -> Iterator[Path]:
    """Give a temporary path that replaces ``dest`` if no error is raised."""
    with scratch_file(dest, ".tmp") as temporary:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(dest)


class ParquetSink:
    """A Parquet file, compressed and encoded like another.

    Parameters
    ----------
    path : Path
        Where to.
    schema : pyarrow.Schema
        Columns, types and metadata.
    like : pyarrow.parquet.FileMetaData or None
        Of a file with the same columns.
    """

    def __init__(self, path: Path, schema: Any, like: Any) -> None:
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(path, schema, **_encodings(schema, like))
        self._schema = schema
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def write(self, table: Any) -> None:
        """Write a table, in row groups of bounded size."""
        self._waiting.append(table.select(self._schema.names).cast(self._schema))
        self._rows += len(table)
        self._bytes += table.nbytes
        if self._rows >= _ROWS or self._bytes >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        from pyarrow import concat_tables

        self._writer.write_table(concat_tables(self._waiting), row_group_size=_ROWS)
        self._waiting = []
        self._rows = self._bytes = 0

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._waiting:
            self._flush()
        self._writer.close()


def _encodings(schema: Any, like: Any) -> dict[str, Any]:
    """Find how each column of a file is compressed, and whether by a dictionary."""
    # A dictionary of numbers that all differ costs more than it saves.
    if like is None or not like.num_row_groups or not like.num_rows:
        return {}
    groups = map(like.row_group, range(like.num_row_groups))
    group = next(each for each in groups if each.num_rows)
    columns = [group.column(i) for i in range(group.num_columns)]
    compression = {
        each.path_in_schema: each.compression.replace("UNCOMPRESSED", "NONE")
        for each in columns
    }
    dictionary = [
        each.path_in_schema
        for each in columns
        if any("DICTIONARY" in encoding for encoding in each.encodings)
    ]
    known = {_top_column(path, schema.names) for path in compression}
    new = [name for name in schema.names if name not in known]
    common = next(iter(compression.values()), "SNAPPY")
    return {
        "compression": compression | dict.fromkeys(new, common),
        "use_dictionary": dictionary + new,
    }


def _top_column(path: str, names: list[str]) -> str:
    """Find the column that a path of the footer begins with; names may have dots."""
    fitting = [name for name in names if path == name or path.startswith(f"{name}.")]
    return max(fitting, key=len, default=path)


class CsvSink:
    """A CSV file with a header; fields are quoted where they must be.

    Parameters
    ----------
    path : Path
        Where to.
    names : list of str
        Columns.
    compressed : bool
        Whether by gzip.
    """

    def __init__(self, path: Path, names: list[str], *, compressed: bool) -> None:
        opened: Any = gzip.open if compressed else open
        self._file = opened(path, "wb")
        self._names = names
        self._started = False

    def write(self, table: Any) -> None:
        """Write a table."""
        import polars

        frame = polars.DataFrame(polars.from_arrow(table.select(self._names)))
        try:
            text = frame.write_csv(include_header=not self._started)
        except polars.exceptions.ComputeError as error:
            kinds = {field.name: str(field.type) for field in table.schema}
            raise ValueError(
                f"dest must be a Parquet file for columns that CSV cannot hold; got "
                f"the types {kinds}: {error}"
            ) from error
        self._file.write(text.encode())
        self._started = True

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
