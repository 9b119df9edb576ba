"""Parquet files as one table that is read in bounded memory."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skstrat._core.rows import take_rows
from skstrat.io._chosen_rows import Choose, Chosen, Roles, choose_while_scanning
from skstrat.io._partition import Partition

_ROWS_OF_LABELS = 1 << 20
_ROWS_OF_ALL_COLUMNS = 1 << 15
# pyarrow's default keeps all that it has read of a file.
_BOUNDED = {"pre_buffer": False, "buffer_size": 1 << 18}
# What the readers raise for a broken file, apart from their own errors.
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error)
_MOST_POSITIONS = 2**32 - 1  # that a Polars position can hold
# Dictionaries would lose the order of their values, others their width.
_KEPT_BY_POLARS = (
    *("primitive", "decimal128", "fixed_size_binary", "string", "large_string"),
    *("string_view", "binary", "large_binary", "binary_view"),
)


class ParquetSource:
    """Parquet files of one schema, in their order.

    Parameters
    ----------
    files : list of Path
        The files.
    roles : Roles
        The columns that a decision needs.

    Attributes
    ----------
    files : list of Path
        The files.
    schema : pyarrow.Schema
        Columns, types and metadata of the first.
    like : pyarrow.parquet.FileMetaData
        Footer of the first that has rows.
    rows : list of int
        Rows of each file.

    Raises
    ------
    ValueError
        If a file is unreadable, lacks a column or has others than the first.
    """

    def __init__(self, files: list[Path], roles: Roles) -> None:
        self.files, self.roles = files, roles
        self.rows: list[int] = []
        for path in files:
            with _open_parquet(path) as file:
                schema, footer = file.schema_arrow, file.metadata
            check_columns(schema.names, roles, path)
            if not self.rows:
                self.schema, self.like = schema, footer
            if not self.like.num_rows:
                self.like = footer
            self._check_schema(schema, path)
            self.rows.append(footer.num_rows)

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(self.rows)

    def _check_schema(self, schema: Any, path: Path) -> None:
        types = dict(zip(schema.names, schema.types, strict=True))
        expected = dict(zip(self.schema.names, self.schema.types, strict=True))
        for name in dict.fromkeys([*expected, *types]):
            if types.get(name) != expected.get(name):
                raise ValueError(
                    f"All files must have the same columns of the same types; column "
                    f"{name!r} is {types.get(name, 'absent')} in {path} and "
                    f"{expected.get(name, 'absent')} in {self.files[0]}."
                )
            field = schema.field(name)
            if field.nullable:
                place = self.schema.get_field_index(name)
                mine = self.schema.field(place).with_nullable(True)
                self.schema = self.schema.set(place, mine)

    def partitions(self) -> Iterator[Partition]:
        """Read the columns that a decision needs, and no others."""
        tables = self.batches(_ROWS_OF_LABELS, columns=self.roles.names)
        return map(self.partition_of, tables)

    def partition_of(self, table: Any) -> Partition:
        """Give the columns that a decision needs of some rows."""
        return self.roles.partition(table.column)

    def chosen(self, choose: Choose) -> Iterator[Chosen]:
        """Read the rows chosen, all columns of them."""
        by_polars = all(map(_polars_keeps, self.schema.types))
        offset = 0
        for path, n_rows in zip(self.files, self.rows, strict=True):
            scan = by_polars and n_rows < _MOST_POSITIONS
            read = self._scan if scan else self._stream
            with readable(path):
                yield from read(path, n_rows, choose, offset)
            offset += n_rows

    def batches(
        self,
        n_rows: int,
        *,
        columns: list[str] | None = None,
        files: list[Path] | None = None,
    ) -> Iterator[Any]:
        """Read all rows of all columns and files, or of some."""
        from pyarrow import Table

        for path in self.files if files is None else files:
            with _open_parquet(path) as file, readable(path):
                for batch in file.iter_batches(
                    n_rows, None, columns, use_threads=False
                ):
                    yield _without_views(Table.from_batches([batch]))

    def _scan(
        self, path: Path, n_rows: int, choose: Choose, offset: int
    ) -> Iterator[Chosen]:
        import polars

        position = "position"
        while position in self.schema.names:
            position += "_"
        frame = polars.scan_parquet(
            path,
            row_index_name=position,
            parallel="prefiltered",
            # Else the choice is called with made-up rows of extremes.
            use_statistics=False,
            hive_partitioning=False,
            glob=False,
        )
        return choose_while_scanning(
            frame, position, n_rows, self.roles, choose, offset
        )

    def _stream(
        self, path: Path, n_rows: int, choose: Choose, offset: int
    ) -> Iterator[Chosen]:
        """Read every row by pyarrow, for types that Polars would change."""
        for table in self.batches(_ROWS_OF_ALL_COLUMNS, files=[path]):
            rows = np.flatnonzero(choose(self.partition_of(table), offset))
            n_rows -= len(table)
            if len(rows):
                yield Chosen(take_rows(table, rows), rows + offset)
            offset += len(table)
        if n_rows:
            raise ValueError(f"{path} has {n_rows} rows more than pyarrow read.")


def check_columns(names: list[str], roles: Roles, path: Path) -> None:
    """Refuse a file that lacks a column, or has one twice."""
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Column names must differ; {path} has {twice!r} twice.")
    for argument, name in roles.named.items():
        if name not in names:
            raise ValueError(
                f"{argument} must name a column of every file; {path} has no "
                f"{name!r}, only {names!r}."
            )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn any error of a reader into a ValueError that names the file."""
    import polars
    from pyarrow import ArrowException

    try:
        yield
    except (*_UNREADABLE, ArrowException, polars.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} cannot be read: {reason}") from error


@contextmanager
def _open_parquet(path: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with readable(path):
        file = parquet.ParquetFile(path, **_BOUNDED)
    with file:
        yield file


def _without_views(table: Any) -> Any:
    """Turn views of strings into strings, whose rows pyarrow can take."""
    import pyarrow
    from pyarrow import types

    schema = table.schema
    for place, field in enumerate(schema):
        if types.is_string_view(field.type):
            schema = schema.set(place, field.with_type(pyarrow.large_string()))
        elif types.is_binary_view(field.type):
            schema = schema.set(place, field.with_type(pyarrow.large_binary()))
    return table if schema is table.schema else table.cast(schema)


def _polars_keeps(kind: Any) -> bool:
    """Find whether Polars returns values of a type unchanged."""
    from pyarrow import types

    if types.is_nested(kind):
        children = [kind.field(i).type for i in range(kind.num_fields)]
        return all(map(_polars_keeps, children))
    if types.is_timestamp(kind) and kind.tz is not None:
        # Polars knows zones by name, and only some by their offset.
        return not kind.tz.startswith(("+", "-"))
    return any(getattr(types, f"is_{name}")(kind) for name in _KEPT_BY_POLARS)
