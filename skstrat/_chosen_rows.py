"""Rows of a file chosen while it is read, so that no other row is ever decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat._partition import Partition

Indices = NDArray[np.intp]
Choose = Callable[[Partition, int], Indices]

# Not a name that a column is likely to have; in the column it is only while it is read.
POSITION = "__position_of_the_row__"


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
        """Make a partition of the columns of some rows.

        Parameters
        ----------
        column : callable
            Gives the values of a column by its name.

        Returns
        -------
        Partition
            Labels, weights and keys.
        """
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
    frame: Any, names: dict[str, Any], roles: Roles, choose: Choose, offset: int
) -> Iterator[Chosen]:
    """Read the rows that are chosen by some columns, in their order.

    Parameters
    ----------
    frame : polars.LazyFrame
        The file, with the positions of its rows as :data:`POSITION`.
    names : dict of str to polars.Expr
        The columns that the decision needs, as it needs them.
    roles : Roles
        Which is which.
    choose : callable
        Takes a partition and the position of its first row and gives the rows.
    offset : int
        Position of the file's first row in all the data.

    Yields
    ------
    Chosen
        Rows, a bounded number at a time.
    """
    import polars

    def mask(block: Any) -> Any:
        fields = block.struct
        chosen = np.zeros(len(block), dtype=bool)
        if len(block):
            part = roles.partition(lambda name: _labels_or_array(fields.field(name)))
            where = fields.field(POSITION).to_numpy()
            first = int(where[0])
            if roles.key is None and int(where[-1]) - first != len(where) - 1:
                part = replace(part, key=where.astype(np.int64) + offset)
            chosen[choose(part, first + offset)] = True
        return polars.Series(chosen)

    inputs = [polars.col(POSITION)]
    inputs += [expression.alias(name) for name, expression in names.items()]
    # The labels decide together with the positions: no row can be judged by the
    # extremes of a row group.
    kept = frame.filter(
        polars.struct(inputs).map_batches(
            mask, return_dtype=polars.Boolean, is_elementwise=True
        )
    )
    for batch in kept.collect_batches(maintain_order=True):
        if len(batch):
            where = batch[POSITION].to_numpy().astype(np.int64) + offset
            yield Chosen(batch.drop(POSITION).to_arrow(), where)


def _labels_or_array(values: Any) -> Any:
    # A small numeric array is looked at faster than a Series.
    return values.to_numpy() if values.dtype.is_numeric() else values
