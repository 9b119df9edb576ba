"""CSV files as one table of text, so that every field stays as it was written."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skstrat.io._chosen_rows import Choose, Chosen, Roles
from skstrat.io._parquet import check_columns, readable
from skstrat.io._partition import Partition


class CsvSource:
    """CSV files with the same header, in their order.

    Keys are whole numbers if all of the column are, which that column tells before
    all else; otherwise they are text. Labels are text.

    Parameters
    ----------
    files : list of Path
        The files, plain or compressed by gzip.
    roles : Roles
        The columns that a decision needs.

    Attributes
    ----------
    files : list of Path
        The files.
    schema : pyarrow.Schema
        Columns, all of them text.
    like : None
        There is no footer.
    n_rows : int or None
        Rows of all files, once they were counted.

    Raises
    ------
    ValueError
        If a file is unreadable, lacks a column or has others than the first.
    """

    like = None

    def __init__(self, files: list[Path], roles: Roles) -> None:
        import pyarrow

        self.files, self.roles = files, roles
        self.n_rows: int | None = None
        names: list[str] = []
        for path in files:
            found = _header(path)
            check_columns(found, roles, path)
            names = names or found
            if found != names:
                raise ValueError(
                    f"All files must have the same header; {path} has {found!r} and "
                    f"{files[0]} has {names!r}."
                )
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in names])
        self._whole_keys = roles.key is not None and self._are_whole(roles.key)

    def _scan(self, path: Path) -> Any:
        import polars

        return polars.scan_csv(
            path,
            infer_schema=False,
            with_column_names=lambda _: self.schema.names,
            glob=False,
        )

    def _are_whole(self, name: str) -> bool:
        import polars
        from polars import selectors

        text = selectors.by_name(name).as_expr()
        odd = text.is_not_null() & text.cast(polars.Int64, strict=False).is_null()
        for path in self.files:
            with readable(path):
                if self._scan(path).select(odd.any()).collect().item():
                    return False
        return True

    def _partition(self, column: Callable[[str], Any]) -> Partition:
        """Cast columns of text to the types that a decision needs."""
        import polars

        def typed(name: str) -> Any:
            if name == self.roles.key and self._whole_keys:
                return column(name).cast(polars.Int64)
            if name == self.roles.sample_weight:
                return column(name).cast(polars.Float64)
            return column(name)

        return self.roles.partition(typed)

    def partition_of(self, table: Any) -> Partition:
        """Give the columns that a decision needs of some rows."""
        import polars

        return self._partition(lambda name: polars.Series("c", table.column(name)))

    def _batches(self, columns: Any) -> Iterator[tuple[Any, Partition]]:
        for path in self.files:
            with readable(path):
                frame = self._scan(path).select(columns)
                for batch in frame.collect_batches(maintain_order=True):
                    yield batch, self._partition(batch.get_column)

    def partitions(self) -> Iterator[Partition]:
        """Read the columns that a decision needs."""
        from polars import selectors

        n_rows = 0
        for batch, part in self._batches(selectors.by_name(self.roles.names)):
            n_rows += len(batch)
            yield part
        self.n_rows = n_rows

    def chosen(self, choose: Choose) -> Iterator[Chosen]:
        """Read the rows chosen, all columns of them."""
        from polars import selectors

        offset = 0
        for batch, part in self._batches(selectors.all()):
            rows = np.flatnonzero(choose(part, offset))
            if len(rows):
                yield Chosen(batch[rows].to_arrow(), rows + offset)
            offset += len(batch)
        if self.n_rows != offset:
            raise ValueError(
                f"The data changed while it was read: it had {self.n_rows} rows, and "
                f"then {offset}."
            )


def typed_labels(texts: list[str]) -> list[Any]:
    """Turn labels that were read as text into the numbers they are, if all are."""
    for kind in (int, float):
        try:
            values = [kind(text) for text in texts]
        except (ValueError, OverflowError):
            continue
        if len(set(values)) == len(values) and all(map(math.isfinite, values)):
            return values
    return texts


def _header(path: Path) -> list[str]:
    """Read the names of the columns, which Polars would change if two are alike."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with readable(path), opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file), [])
    if not names:
        raise ValueError(f"{path} is empty: it has not even a header.")
    return names
