"""Parquet files as one table that is read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from skstrat.io._source_files import check_names, readable

# By default pyarrow keeps in memory all that it has read of a file.
_BOUNDED = {"pre_buffer": False, "buffer_size": 1 << 18}
# Size of batches; rows of text or lists may become longer within a row group.
_BYTES, _LEAST_ROWS, _MOST_ROWS, _MOST_LONG_ROWS = 1 << 23, 1 << 10, 1 << 17, 1 << 15
# A column of labels is read in few blocks.
_MOST_NUMBERS = 1 << 20
# Row groups, spread over a file, in which the size of such columns is measured.
_PROBES = 8


class ParquetSource:
    """Parquet files as one table, in their order."""

    def __init__(self, files: list[Path], folder: Path) -> None:
        _know_intervals()
        self.files = files
        self.notes: list[str] = []
        self.lacking: dict[str, Path] = {}
        self._rows: list[int] = []
        for path in files:
            with _open(path) as file:
                schema, footer = file.schema_arrow, file.metadata
            check_names(schema.names, path)
            if not self._rows:
                self.schema, self.like = schema, footer
                self._types = {field.name: {field.type: path} for field in schema}
            elif not self.like.num_rows:
                self.like = footer
            if schema != self.schema:
                self._unite(schema, path)
            self._rows.append(footer.num_rows)
        for name, types in self._types.items():
            written = self.schema.field(name).type
            for kind, path in types.items():
                if kind != written:
                    self._note(
                        f"{name!r} is {kind} in {path}, and written as {written}"
                    )
        self._values: list[dict[str, Any]] = [{} for _ in files]
        if any(path.parent != folder for path in files):
            self._add_values(folder)

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(self._rows)

    def _unite(self, schema: Any, path: Path) -> None:
        """Widen the schema by the schema of another file."""
        for field in schema:
            place = self.schema.get_field_index(field.name)
            if place < 0:
                self._note_lack(field.name, self.files[0])
                self.schema = self.schema.append(field.with_nullable(True))
            elif not field.equals(self.schema.field(place)):
                self.schema = self.schema.set(place, self._united(field, path))
            self._types.setdefault(field.name, {}).setdefault(field.type, path)
        for place, field in enumerate(self.schema):
            if schema.get_field_index(field.name) < 0:
                self._note_lack(field.name, path)
                self.schema = self.schema.set(place, field.with_nullable(True))

    def _united(self, field: Any, path: Path) -> Any:
        """Widen a column by that of another file."""
        import pyarrow

        both = [
            pyarrow.schema([each]) for each in (self.schema.field(field.name), field)
        ]
        try:
            united = pyarrow.unify_schemas(both, promote_options="permissive")
        except pyarrow.ArrowException as error:
            raise ValueError(
                f"Column {field.name!r} must have compatible types in all files; "
                f"it is {self._other_type(field)} and {field.type} in {path}. Cast it "
                "in one of the files."
            ) from error
        return united.field(0)

    def _other_type(self, field: Any) -> str:
        """Return the other type of a column, and its file."""
        import pyarrow

        types = self._types[field.name].items()
        no_other = field.type, pyarrow.null()
        return next(f"{kind} in {path}" for kind, path in types if kind not in no_other)

    def _note_lack(self, name: str, path: Path) -> None:
        self.lacking.setdefault(name, path)
        self._note(f"{name!r} is absent in {path}, and missing there")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _add_values(self, folder: Path) -> None:
        """Add the columns that are in the names of folders."""
        from pyarrow import ArrowException, dataset

        try:
            found = dataset.dataset(
                list(map(str, self.files)),
                format="parquet",
                partitioning=dataset.partitioning(flavor="hive"),
                partition_base_dir=str(folder),
            )
        except ArrowException as error:
            raise ValueError(
                "A column must be either inside the files or in the names of their "
                f"folders; below {folder}: {error}"
            ) from error
        self._values = [
            dataset.get_partition_keys(each.partition_expression)
            for each in found.get_fragments()
        ]
        names = {name for each in self._values for name in each}
        for field in found.schema:
            if field.name not in names:
                continue
            if field.name in self.schema.names:
                raise ValueError(
                    f"Column {field.name!r} must be either inside the files or in the "
                    f"names of their folders; it is in both at {self.files[0]}."
                )
            self.schema = self.schema.append(field)
            self._note(f"{field.name!r} is read from the names of folders")

    def batches(
        self, columns: list[str] | None = None, n_rows: int | None = None
    ) -> Iterator[Any]:
        """Yield tables of all rows, with the named columns or all of them."""
        import pyarrow

        names = self.schema.names if columns is None else columns
        wanted = pyarrow.schema(
            (name, _without_view(self.schema.field(name).type)) for name in names
        )
        for place, path in enumerate(self.files):
            left = self._rows[place]
            with _open(path) as file, readable(path):
                for batch in _read(file, names, n_rows):
                    left -= len(batch)
                    yield self._conform(batch, wanted, place)
                if left:
                    raise ValueError(
                        f"{path} cannot be read: it has {left} rows more than it holds"
                    )

    def _cast(self, batch: Any, field: Any, place: int) -> Any:
        """Cast a column of a file to the type of all files."""
        from pyarrow import ArrowException

        column = batch.column(field.name)
        try:
            return column.cast(field.type)
        except ArrowException as error:
            own = batch.schema.field(field.name)
            raise ValueError(
                f"Column {field.name!r} must have values that fit in one type; it is "
                f"{own.type} in {self.files[place]} and {self._other_type(own)}, and "
                f"{field.type} does not hold all: {error}. Cast it in one of the files."
            ) from error

    def identities(self, name: str) -> Iterator[Any]:
        """Read a column of keys."""
        for table in self.batches([name]):
            yield _decoded(table.column(name)).to_numpy()

    def typed_labels(self, labels: list[Any]) -> list[Any]:
        """Return labels with their types."""
        return labels

    def numbers(self, column: Any) -> Any:
        """Return a column as numbers, NaN where there is none."""
        from pyarrow import types

        column = _decoded(column)
        kinds = types.is_integer, types.is_floating, types.is_decimal, types.is_boolean
        if not any(each(column.type) for each in (*kinds, types.is_null)):
            raise TypeError(
                "weights and other numbers must be integers, floats, decimals or "
                f"booleans; got a column of {column.type}. Cast it, or name another."
            )
        return column.to_numpy().astype(np.float64)

    def types_of(self, _table: Any) -> None:
        """Return None, because columns have types."""

    def _conform(self, batch: Any, wanted: Any, place: int) -> Any:
        """Convert rows of a file to the columns and types of all files."""
        import pyarrow

        schema = batch.schema
        if schema.names == wanted.names and schema.types == wanted.types:
            return pyarrow.table(batch.columns, schema=wanted)
        columns, present = [], set(schema.names)
        for field in wanted:
            if field.name in present:
                columns.append(self._cast(batch, field, place))
            else:
                value = self._values[place].get(field.name)
                scalar = pyarrow.scalar(value, field.type)
                columns.append(pyarrow.repeat(scalar, len(batch)))
        return pyarrow.table(columns, schema=wanted)


def _know_intervals() -> None:
    """Register the intervals and periods of pandas with pyarrow."""
    import pandas
    import pyarrow

    pyarrow.array(pandas.arrays.IntervalArray.from_breaks([0, 1]))


def _read(file: Any, names: list[str], n_rows: int | None) -> Iterator[Any]:
    """Read those of the wanted columns that a file has."""
    import pyarrow

    wanted = set(names)
    present = [name for name in file.schema_arrow.names if name in wanted]
    size = n_rows or _rows_at_a_time(file, present)
    if present:
        yield from file.iter_batches(size, None, present, use_threads=False)
        return
    # All of them are in the names of folders, or in other files.
    for start in range(0, file.metadata.num_rows, size):
        rows = min(size, file.metadata.num_rows - start)
        yield pyarrow.record_batch({"": pyarrow.nulls(rows)})


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with readable(path):
        file = parquet.ParquetFile(path, **_BOUNDED)
    with file:
        yield file


def _rows_at_a_time(file: Any, names: list[str]) -> int:
    """Return how many rows have at most some megabytes, anywhere in the file."""
    widths = {name: _width(file.schema_arrow.field(name).type) for name in names}
    size = sum(width for width in widths.values() if width is not None)
    varied = [name for name, width in widths.items() if width is None]
    if varied:
        size += max(
            _bytes_stored(file.metadata, set(varied)), _bytes_read(file, varied)
        )
    most = _MOST_LONG_ROWS if varied else _MOST_ROWS
    if len(names) == 1 and not varied:
        most = _MOST_NUMBERS
    return int(np.clip(_BYTES / max(size, 1), _LEAST_ROWS, most))


def _width(kind: Any) -> float | None:
    """Return the bytes of a value; None if they differ from value to value."""
    try:
        return float(kind.bit_width / 8)
    except ValueError:
        return None


def _bytes_stored(footer: Any, names: set[str]) -> float:
    """Return the stored bytes a row of columns, in the row group of longest rows."""
    paths = [footer.schema.column(i).path for i in range(footer.num_columns)]
    leaves = [
        i for i, path in enumerate(paths) if names & {path, path.partition(".")[0]}
    ]
    sizes = [0.0]
    for group in map(footer.row_group, range(footer.num_row_groups)):
        stored = sum(group.column(i).total_uncompressed_size for i in leaves)
        # Column chunks have a fixed size besides values, which would make few rows seem
        # long.
        sizes.append(stored / max(group.num_rows, 100))
    return max(sizes)


def _bytes_read(file: Any, names: list[str]) -> float:
    """Return the bytes a row of columns in memory, when texts are repeated."""
    n_groups = file.num_row_groups
    groups = np.linspace(0, n_groups - 1, min(n_groups, _PROBES), dtype=int)
    sizes = [0.0]
    for group in groups.tolist():
        batches = file.iter_batches(_LEAST_ROWS, [group], names, use_threads=False)
        # Before pyarrow 22, nbytes fails for views of strings.
        sizes += [
            batch.get_total_buffer_size() / len(batch) for batch in islice(batches, 1)
        ]
    return max(sizes)


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
