"""Rows of a file chosen while it is read, so that no other row is ever decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat.io._partition import Partition

Indices = NDArray[np.intp]
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
    def names(self) -> list[str]:
        """Name each column once."""
        named = (self.target, self.key, self.sample_weight)
        return list(dict.fromkeys(name for name in named if name is not None))

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


@dataclass(frozen=True)
class Scan:
    """A file that Polars is about to read.

    Attributes
    ----------
    frame : polars.LazyFrame
        All columns, and the position of each row.
    position : str
        Name of the column of positions.
    columns : dict of str to polars.Expr
        Columns that decide, as the decision needs them.
    n_rows : int or None
        Rows of the file, None if it is not known.
    """

    frame: Any
    position: str
    columns: dict[str, Any]
    n_rows: int | None


def free_name(names: list[str]) -> str:
    """Find a name that no column has."""
    name = "position"
    while name in names:
        name += "_"
    return name


def choose_while_scanning(
    scan: Scan, roles: Roles, choose: Choose, offset: int
) -> Iterator[Chosen]:
    """Read the rows that are chosen by some columns, in their order."""
    import polars

    decision = _Decision(scan, roles, choose, offset)
    # The labels decide together with the positions: no row can be judged by the
    # extremes of a row group.
    kept = scan.frame.filter(
        polars.struct(decision.inputs()).map_batches(
            decision.mask, return_dtype=polars.Boolean, is_elementwise=True
        )
    )
    came = 0
    batches = kept.collect_batches(maintain_order=True)
    while (batch := decision.next_of(batches)) is not None:
        came += len(batch)
        if len(batch):
            where = batch[scan.position].to_numpy().astype(np.int64) + offset
            yield Chosen(batch.drop(scan.position).to_arrow(), where)
    # A panic in a thread of Polars ends the batches as their end does.
    decision.check_complete(came)


class _Decision:
    """Choose among the rows of a scan, from threads that Polars runs."""

    def __init__(self, scan: Scan, roles: Roles, choose: Choose, offset: int) -> None:
        self.scan, self.roles, self.choose, self.offset = scan, roles, choose, offset
        # Names of columns may look like patterns to Polars; these do not.
        self.fields = {name: f"c{i}" for i, name in enumerate(roles.names)}
        self.error: Exception | None = None
        self.n_rows = self.n_chosen = 0
        self.one_at_a_time = Lock()

    def inputs(self) -> list[Any]:
        from polars import selectors

        named = [
            self.scan.columns[name].alias(field) for name, field in self.fields.items()
        ]
        return [selectors.by_name(self.scan.position).as_expr().alias("p"), *named]

    def mask(self, block: Any) -> Any:
        import polars

        chosen = np.zeros(0, dtype=bool)
        if len(block):
            try:
                chosen = self._chosen(block.struct)
            except Exception as error:
                # Polars adds the whole expression to its text.
                self.error = error
                raise
        with self.one_at_a_time:
            self.n_rows += len(block)
            self.n_chosen += int(np.count_nonzero(chosen))
        return polars.Series(chosen)

    def _chosen(self, fields: Any) -> NDArray[np.bool_]:
        part = self.roles.partition(
            lambda name: _labels_or_array(fields.field(self.fields[name]))
        )
        where = fields.field("p").to_numpy()
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

    def check_complete(self, came: int) -> None:
        n_rows = self.n_rows if self.scan.n_rows is None else self.scan.n_rows
        if (self.n_rows, self.n_chosen) != (n_rows, came):
            raise ValueError(
                f"it has {n_rows} rows, but Polars read {self.n_rows}, of which "
                f"{self.n_chosen} were chosen, and gave {came}. A message of Polars "
                "above may say why."
            )


def _labels_or_array(values: Any) -> Any:
    # A small numeric array is looked at faster than a Series.
    return values.to_numpy() if values.dtype.is_numeric() else values
