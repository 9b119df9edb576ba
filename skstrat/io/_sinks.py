"""Write files that appear only when they are complete."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from skstrat.io._source_files import reason_of

_ROWS = 1 << 20
_BYTES = 1 << 25
_PLAIN_BYTES = {"INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}

# Writes a table of pyarrow.
Write = Callable[[Any], None]


@contextmanager
def scratch_file(folder: Path) -> Iterator[Path]:
    """Yield the path of a temporary file in a folder, with a short name."""
    path = folder / f".skstrat-{uuid4().hex[:12]}.tmp"
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


@contextmanager
def writable(dest: Path) -> Iterator[None]:
    """Add the destination to errors of writing, such as a full disk."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        text = f"{dest} cannot be written: {reason_of(error)}"
        raise OSError(error.errno or errno.EIO, text) from error


@contextmanager
def written_whole(dest: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``dest`` if no error is raised."""
    # The file that a link names is replaced, not the link.
    whole = dest.resolve()
    with writable(dest), scratch_file(whole.parent) as temporary:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if whole.exists():
            shutil.copymode(whole, temporary)
        temporary.replace(whole)


def in_blocks(tables: Iterator[Any]) -> Iterator[Any]:
    """Join small tables to blocks that are large enough for a row group."""
    from pyarrow import concat_tables

    waiting: list[Any] = []
    n_rows = n_bytes = 0
    for table in tables:
        waiting.append(table)
        n_rows += len(table)
        n_bytes += table.nbytes
        if n_rows >= _ROWS or n_bytes >= _BYTES:
            yield concat_tables(waiting)
            waiting, n_rows, n_bytes = [], 0, 0
    if waiting:
        yield concat_tables(waiting)


@contextmanager
def parquet_sink(path: Path, schema: Any, like: Any = None) -> Iterator[Write]:
    """Yield a function that writes tables to a Parquet file as row groups."""
    import pyarrow
    from pyarrow import parquet

    def write(table: Any) -> None:
        table = table.select(schema.names).cast(schema)
        writer.write_table(table, row_group_size=_ROWS)

    with pyarrow.OSFile(os.fsencode(path), "wb") as file:
        writer = parquet.ParquetWriter(file, schema, **_encodings(schema, like))
        try:
            yield write
            writer.close()
        finally:
            # After an error there is no footer to write.
            writer.is_open = False


def with_index_of_rows(schema: Any, n_rows: int) -> Any:
    """Set the end of a RangeIndex of pandas to ``n_rows`` rows."""
    metadata = schema.metadata or {}
    if b"pandas" not in metadata:
        return schema
    described = json.loads(metadata[b"pandas"])
    for index in described.get("index_columns", []):
        if isinstance(index, dict) and index.get("kind") == "range":
            index["stop"] = index["start"] + n_rows * index["step"]
    return schema.with_metadata(metadata | {b"pandas": json.dumps(described).encode()})


def _encodings(schema: Any, like: Any) -> dict[str, Any]:
    """Find the compression of each column, and whether it has a dictionary."""
    if like is None or not like.num_row_groups or not like.num_rows:
        return {}
    groups = map(like.row_group, range(like.num_row_groups))
    group = max(groups, key=lambda each: each.num_rows)
    columns = [group.column(i) for i in range(group.num_columns)]
    compression = {
        each.path_in_schema: each.compression.replace("UNCOMPRESSED", "NONE")
        for each in columns
    }
    dictionary = [
        each.path_in_schema
        for i, each in enumerate(columns)
        if _gains_by_dictionary(each, like.schema.column(i).length)
    ]
    known = {_top_column(path, schema.names) for path in compression}
    new = [name for name in schema.names if name not in known]
    common = next(iter(compression.values()), "SNAPPY")
    return {
        "compression": compression | dict.fromkeys(new, common),
        "use_dictionary": dictionary + new,
    }


def _gains_by_dictionary(chunk: Any, length: int) -> bool:
    """Return whether a dictionary made a column of numbers smaller."""
    tried = any("DICTIONARY" in encoding for encoding in chunk.encodings)
    plain = _PLAIN_BYTES.get(chunk.physical_type, length)
    if not tried or plain <= 0:
        return tried
    # Writers try one for every column, and stop after a megabyte of values.
    return bool(chunk.total_uncompressed_size < plain * chunk.num_values)


def _top_column(path: str, names: list[str]) -> str:
    """Find the column that a path of the footer begins with; names may have dots."""
    fitting = [name for name in names if path == name or path.startswith(f"{name}.")]
    return max(fitting, key=len, default=path)
