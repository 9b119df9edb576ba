"""Parquet files as one table that is read in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from skstrat.io._source_files import readable

# pyarrow's default keeps all that it has read of a file.
_BOUNDED = {"pre_buffer": False, "buffer_size": 1 << 18}
_MOST_ROWS, _LEAST_ROWS, _BYTES = 1 << 17, 1 << 10, 1 << 23
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
# Types of a family differ in width alone.
_FAMILIES = ("signed_integer", "unsigned_integer", "floating")
_TEXTS = (
    ("string", "large_string", "string_view"),
    ("binary", "large_binary", "binary_view"),
)


class ParquetSource:
    """Parquet files as one table, in their order.

    Columns of later files may be wider or narrower numbers than those of earlier ones,
    be absent there or be null, which ``notes`` says.

    Parameters
    ----------
    files : list of Path
        The files.
    folder : Path
        Folders below it that are named ``column=value`` are columns.

    Attributes
    ----------
    files : list of Path
        The files.
    schema : pyarrow.Schema
        Columns and types of all files; metadata of the first.
    like : pyarrow.parquet.FileMetaData
        Footer of the first that has rows.
    n_rows : int
        Rows of all files.
    notes : list of str
        What was done that a user should know.
    lacking : dict of str to Path
        Columns that a file lacks, and the first such file.

    Raises
    ------
    ValueError
        If a file is unreadable, or types of a column do not go together.
    """

    def __init__(self, files: list[Path], folder: Path) -> None:
        self.files = files
        self.notes: list[str] = []
        self.lacking: dict[str, Path] = {}
        self._values = _values_in_names(files, folder)
        self._rows: list[int] = []
        for path in files:
            with _open(path) as file:
                schema, footer = file.schema_arrow, file.metadata
            _check_names(schema.names, path)
            if not self._rows:
                self.schema, self.like = schema, footer
            elif not self.like.num_rows:
                self.like = footer
            self._unite(schema, path)
            self._rows.append(footer.num_rows)
        self._add_values()

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(self._rows)

    def _unite(self, schema: Any, path: Path) -> None:
        """Widen the schema by that of another file."""
        import pyarrow

        for name in dict.fromkeys([*self.schema.names, *schema.names]):
            place = self.schema.get_field_index(name)
            mine: Any = None if place < 0 else self.schema.field(place)
            own: Any = schema.field(name) if name in schema.names else None
            if mine is None or own is None:
                field = (mine or own).with_nullable(True)
                where = self.files[0] if mine is None else path
                self.lacking.setdefault(name, where)
                self._note(f"{name!r} is absent in {where}, and missing in its rows")
            else:
                kind = _united(mine.type, own.type)
                if kind is None:
                    raise ValueError(
                        f"All files must have columns of types that go together; "
                        f"column {name!r} is {own.type} in {path} and {mine.type} in "
                        f"{self.files[0]}. Cast it in one of them."
                    )
                if not kind == mine.type == own.type:
                    self._note(f"{name!r} is {kind}, for the files differ in its type")
                field = mine.with_type(kind).with_nullable(
                    mine.nullable or own.nullable
                )
            if mine is None:
                self.schema = self.schema.append(field)
            elif field != mine:
                self.schema = self.schema.set(place, field)
        self.schema = pyarrow.schema(self.schema, metadata=self.schema.metadata)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _add_values(self) -> None:
        import pyarrow

        names = list(dict.fromkeys(name for each in self._values for name in each))
        for name in names:
            if name in self.schema.names:
                raise ValueError(
                    f"Column {name!r} must be either inside the files or in the names "
                    f"of their folders; it is in both at {self.files[0]}."
                )
            texts = [each.get(name) for each in self._values]
            known = [text for text in texts if text is not None]
            whole = all(map(_INTEGER.fullmatch, known))
            for each, text in zip(self._values, texts, strict=True):
                each[name] = int(text) if whole and text is not None else text
            kind = pyarrow.int64() if whole and known else pyarrow.string()
            self.schema = self.schema.append(pyarrow.field(name, kind))
            self._note(f"{name!r} is read from the names of folders")

    def batches(
        self,
        columns: list[str] | None = None,
        *,
        skip: int = 0,
        n_rows: int | None = None,
    ) -> Iterator[Any]:
        """Read all rows but the first ones, of all columns or of some.

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
        for place, path in enumerate(self.files):
            if skip >= self._rows[place]:
                skip -= self._rows[place]
                continue
            with _open(path) as file, readable(path):
                yield from self._batches_of(file, place, columns, skip, n_rows)
            skip = 0

    def _batches_of(
        self,
        file: Any,
        place: int,
        columns: list[str] | None,
        skip: int,
        n_rows: int | None,
    ) -> Iterator[Any]:
        import pyarrow

        wanted = self.schema
        if columns is not None:
            wanted = pyarrow.schema([self.schema.field(name) for name in columns])
        present = [each for each in file.schema_arrow.names if each in wanted.names]
        groups = list(range(file.num_row_groups))
        while skip >= (rows := file.metadata.row_group(groups[0]).num_rows):
            skip -= rows
            groups.pop(0)
        size = n_rows or _rows_at_a_time(file.metadata, len(present))
        left = sum(file.metadata.row_group(group).num_rows for group in groups)
        if not present:
            # All columns wanted are in the names of folders, or in other files.
            blocks = (min(size, left - at) for at in range(0, left, size))
            tables = (pyarrow.table({"": pyarrow.nulls(rows)}) for rows in blocks)
        else:
            found = file.iter_batches(size, groups, present, use_threads=False)
            tables = (pyarrow.Table.from_batches([batch]) for batch in found)
        for table in tables:
            left -= len(table)
            if skip < len(table):
                yield self._conform(table.slice(skip), wanted, place)
            skip = max(0, skip - len(table))
        if left:
            raise ValueError(f"it has {left} rows more than could be read")

    def identities(self, name: str) -> Iterator[Any]:
        """Read a column that tells the rows apart."""
        for table in self.batches([name], n_rows=_MOST_ROWS):
            yield _decoded(table.column(name)).to_numpy()

    def typed_labels(self, labels: list[Any]) -> list[Any]:
        """Give labels as what they are."""
        return labels

    def numbers(self, column: Any) -> Any:
        """Give a column as numbers, NaN where there is none."""
        return _decoded(column).to_numpy().astype(np.float64)

    def typed(self, table: Any) -> Any:
        """Give a table of the types that its columns have."""
        return table

    def _conform(self, table: Any, wanted: Any, place: int) -> Any:
        """Give a table of a file the columns and types of all files."""
        import pyarrow

        columns = []
        for field in wanted:
            if field.name in table.column_names:
                column = table.column(field.name)
                kind = _without_view(field.type)
                columns.append(column if column.type == kind else column.cast(kind))
            else:
                value = self._values[place].get(field.name)
                scalar = pyarrow.scalar(value, field.type)
                columns.append(pyarrow.repeat(scalar, len(table)))
        return pyarrow.table(columns, names=wanted.names)


def _check_names(names: list[str], path: Path) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Column names must differ; {path} has {twice!r} twice.")


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with readable(path):
        file = parquet.ParquetFile(path, **_BOUNDED)
    with file:
        yield file


def _rows_at_a_time(footer: Any, n_columns: int) -> int:
    groups = map(footer.row_group, range(footer.num_row_groups))
    size = sum(group.total_byte_size for group in groups)
    share = n_columns / max(footer.num_columns, 1)
    fitting = _BYTES * footer.num_rows // max(size * share, 1)
    return int(min(max(fitting, _LEAST_ROWS), _MOST_ROWS))


def _values_in_names(files: list[Path], folder: Path) -> list[dict[str, Any]]:
    """Read ``column=value`` from the names of folders."""
    found = []
    for path in files:
        parts = path.relative_to(folder).parts[:-1]
        pairs = [part.partition("=") for part in parts if "=" in part]
        values = {unquote(name): unquote(value) for name, _, value in pairs}
        found.append(
            {
                name: None if value == _NO_VALUE else value
                for name, value in values.items()
            }
        )
    return found


def _decoded(column: Any) -> Any:
    from pyarrow import types

    if types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _united(mine: Any, own: Any) -> Any:
    """Give the type that holds the values of both, None if they differ in kind."""
    from pyarrow import types

    if mine == own or types.is_null(own):
        return mine
    if types.is_null(mine):
        return own
    for family in _FAMILIES:
        fits = getattr(types, f"is_{family}")
        if fits(mine) and fits(own):
            return max(mine, own, key=lambda kind: kind.bit_width)
    for names in _TEXTS:
        if all(any(getattr(types, f"is_{n}")(k) for n in names) for k in (mine, own)):
            return mine
    return None


def _without_view(kind: Any) -> Any:
    """Turn a view of strings into strings, whose rows pyarrow can take."""
    import pyarrow
    from pyarrow import types

    if types.is_string_view(kind):
        return pyarrow.large_string()
    return pyarrow.large_binary() if types.is_binary_view(kind) else kind
