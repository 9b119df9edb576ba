"""Rows chosen while Polars reads a file, so that only those are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat.io._partition import Partition

Choose = Callable[[Partition, int], NDArray[np.bool_]]


@dataclass(frozen=True)
class Roles:
    """Columns that a decision needs.

    Attributes
    ----------
    target : str
        The labels.
    key : str or None
        Identities of the rows; None for their positions.
    sample_weight : str or None
        Incoming weights.
    """

    target: str
    key: str | None
    sample_weight: str | None

    @property
    def named(self) -> dict[str, str]:
        """Give the columns that are named, by argument."""
        return {role: name for role, name in vars(self).items() if name is not None}

    @property
    def names(self) -> list[str]:
        """Name each column once."""
        return list(dict.fromkeys(self.named.values()))

    def partition(self, column: Callable[[str], Any]) -> Partition:
        """Make a partition of the columns of some rows."""
        return Partition(
            column(self.target),
            None if self.sample_weight is None else column(self.sample_weight),
            None if self.key is None else column(self.key),
        )


class Chosen(NamedTuple):
    """Some rows of a file.

    Attributes
    ----------
    table : pyarrow.Table
        The rows.
    positions : ndarray of shape (n_rows,)
        Where they stand in all the data.
    """

    table: Any
    positions: NDArray[np.int64]


def choose_while_scanning(
    frame: Any, position: str, n_rows: int, roles: Roles, choose: Choose, offset: int
) -> Iterator[Chosen]:
    """Read the chosen rows of a Polars frame, which has a column of positions."""
    import polars
    from polars import selectors

    row_filter = _RowFilter(roles, choose, offset)
    # The labels and the positions are one input: no row can be chosen by the
    # extremes of a row group.
    inputs = [
        selectors.by_name(name).as_expr().alias(field)
        for name, field in {**row_filter.fields, position: "position"}.items()
    ]
    kept = frame.filter(
        polars.struct(inputs).map_batches(
            row_filter.mask, return_dtype=polars.Boolean, is_elementwise=True
        )
    )
    n_returned = 0
    batches = kept.collect_batches(maintain_order=True)
    while (batch := row_filter.next_of(batches)) is not None:
        n_returned += len(batch)
        if len(batch):
            where = batch[position].to_numpy().astype(np.int64) + offset
            yield Chosen(batch.drop(position).to_arrow(), where)
    # A panic in a thread of Polars ends the batches as their end does.
    if (row_filter.n_rows, row_filter.n_chosen) != (n_rows, n_returned):
        raise ValueError(
            f"it has {n_rows} rows, but Polars read {row_filter.n_rows}, of which "
            f"{row_filter.n_chosen} were chosen, and gave {n_returned}. A message of "
            "Polars above may say why."
        )


class _RowFilter:
    """Choose rows in the threads of Polars, and keep the error that it would wrap."""

    def __init__(self, roles: Roles, choose: Choose, offset: int) -> None:
        self.roles, self.choose, self.offset = roles, choose, offset
        # Names of columns may look like patterns to Polars; these do not.
        self.fields = {name: f"c{i}" for i, name in enumerate(roles.names)}
        self.error: Exception | None = None
        self.n_rows = self.n_chosen = 0
        self.lock = Lock()

    def mask(self, block: Any) -> Any:
        import polars

        chosen = np.zeros(0, dtype=bool)
        if len(block):
            try:
                chosen = self._choose(block.struct)
            except Exception as error:
                self.error = error
                raise
        with self.lock:
            self.n_rows += len(block)
            self.n_chosen += int(np.count_nonzero(chosen))
        return polars.Series(chosen)

    def _choose(self, fields: Any) -> NDArray[np.bool_]:
        part = self.roles.partition(
            lambda name: _as_labels(fields.field(self.fields[name]))
        )
        where = fields.field("position").to_numpy()
        first = int(where[0])
        if self.roles.key is None and int(where[-1]) - first != len(where) - 1:
            part = replace(part, key=where.astype(np.int64) + self.offset)
        return self.choose(part, first + self.offset)

    def next_of(self, batches: Iterator[Any]) -> Any:
        try:
            return next(batches, None)
        except Exception:
            if self.error is None:
                raise
        raise self.error


def _as_labels(values: Any) -> Any:
    # Classes of a numeric array are found faster than those of a Series.
    return values.to_numpy() if values.dtype.is_numeric() else values
