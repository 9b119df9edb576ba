"""Parquet files as one table that is read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skstrat.io._source_files import readable

# pyarrow's default keeps all that it has read of a file.
_BOUNDED = {"pre_buffer": False, "buffer_size": 1 << 18}
_MOST_ROWS, _LEAST_ROWS, _BYTES = 1 << 17, 1 << 10, 1 << 23


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
        self._rows: list[int] = []
        for path in files:
            with _open(path) as file:
                schema, footer = file.schema_arrow, file.metadata
            _check_names(schema.names, path)
            if not self._rows:
                self.schema, self.like = schema, footer
            elif not self.like.num_rows:
                self.like = footer
            if schema != self.schema:
                self._unite(schema, path)
            self._rows.append(footer.num_rows)
        self._values: list[dict[str, Any]] = [{} for _ in files]
        if any(path.parent != folder for path in files):
            self._add_values(folder)

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(self._rows)

    def _unite(self, schema: Any, path: Path) -> None:
        """Widen the schema by that of another file."""
        from pyarrow import ArrowException, unify_schemas

        both = self.schema, schema
        try:
            self.schema = unify_schemas(both, promote_options="permissive")
        except ArrowException as error:
            raise ValueError(
                f"All files must have columns of types that go together; those of "
                f"{path} and {self.files[0]} do not: {error}. Cast them in one."
            ) from error
        for place, field in enumerate(self.schema):
            own = [each.field(field.name) for each in both if field.name in each.names]
            if len(own) < 2:
                where = path if field.name in both[0].names else self.files[0]
                self.lacking.setdefault(field.name, where)
                self.schema = self.schema.set(place, field.with_nullable(True))
                self._note(f"{field.name!r} is absent in {where}, and missing there")
            elif own[0].type != own[1].type:
                self._note(
                    f"{field.name!r} is {own[1].type} in {path}, and written as "
                    f"{field.type}"
                )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _add_values(self, folder: Path) -> None:
        """Add the columns that are in the names of folders."""
        from pyarrow import dataset, fs

        names = list(map(str, self.files))
        options = dataset.FileSystemFactoryOptions(
            str(folder), dataset.HivePartitioning.discover()
        )
        system, parquet = fs.LocalFileSystem(), dataset.ParquetFileFormat()
        factory = dataset.FileSystemDatasetFactory(system, names, parquet, options)
        found = factory.inspect(fragments=0)
        hive = dataset.HivePartitioning(found)
        folders = [path.relative_to(folder).parent.as_posix() for path in self.files]
        self._values = [
            dataset.get_partition_keys(hive.parse(f"{each}/")) for each in folders
        ]
        for field in found:
            if field.name in self.schema.names:
                raise ValueError(
                    f"Column {field.name!r} must be either inside the files or in the "
                    f"names of their folders; it is in both at {self.files[0]}."
                )
            self.schema = self.schema.append(field)
            self._note(f"{field.name!r} is read from the names of folders")

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
        kinds = map(_without_view, wanted.types)
        wanted = pyarrow.schema(list(zip(wanted.names, kinds, strict=True)))
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

    def types_of(self, _table: Any) -> None:
        """Give nothing, as columns have types."""

    def _conform(self, table: Any, wanted: Any, place: int) -> Any:
        """Give a table of a file the columns and types of all files."""
        import pyarrow

        if table.schema == wanted:
            return table.replace_schema_metadata()
        columns = []
        present = set(table.column_names)
        for field in wanted:
            if field.name in present:
                column = table.column(field.name)
                columns.append(
                    column if column.type == field.type else column.cast(field.type)
                )
            else:
                value = self._values[place].get(field.name)
                scalar = pyarrow.scalar(value, field.type)
                columns.append(pyarrow.repeat(scalar, len(table)))
        return pyarrow.table(columns, schema=wanted)


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


def _decoded(column: Any) -> Any:
    from pyarrow import types

    if types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _without_view(kind: Any) -> Any:
    """Turn a view of strings into strings, whose rows pyarrow can take."""
    import pyarrow
    from pyarrow import types

    if types.is_string_view(kind):
        return pyarrow.large_string()
    return pyarrow.large_binary() if types.is_binary_view(kind) else kind
