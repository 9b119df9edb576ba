"""Which rows, and what each one counts: a small frozen value that knows no data.

Every row has an identity: its position, or a key. A published 64-bit hash of identity
and seed decides (bottom-k sampling; Cohen and Kaplan, 2007): of class c the rows with
the smallest hashes are kept. The plan stores one threshold per class, so any block of
rows can be decided alone and the same rows are kept for every cutting of the data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.draw import rows_below, rows_of, smallest_hashes
from skstrat._core.hashing import mix_seed
from skstrat._core.labels import Labels
from skstrat._core.sql import SqlExpressions, sql_expressions

_FAR_LONGER = 64
_FORMAT = 1
_HASH = "xxh64"

Indices = NDArray[np.intp]
Array = NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """Rows drawn and weight for each class, for any block of the data.

    Rows of zero weight are not there: leave them out of a block, and then give the
    positions of the others as ``key``.

    Parameters
    ----------
    classes : tuple
        The labels, as Python values.
    rows_seen : tuple of int
        Rows of each class in the data that the plan was made for.
    rows : tuple of int
        Rows of each class after resampling.
    class_total : tuple of float
        Total incoming weight of each class (its row count without weights).
    class_weight : tuple of float
        What the incoming weight of a drawn row of each class is multiplied by.
    threshold : tuple of int
        Of each class, rows whose hash is below this are drawn once more.
    seed : int
        The user's 64-bit seed.
    """

    classes: tuple[Any, ...]
    rows_seen: tuple[int, ...]
    rows: tuple[int, ...]
    class_total: tuple[float, ...]
    class_weight: tuple[float, ...]
    threshold: tuple[int, ...]
    seed: int

    @classmethod
    def draw(
        cls, labels: Labels, rows: Array, seed: int, key: Array | None = None
    ) -> tuple[Self, Indices]:
        """Make the plan that draws ``rows`` of each class.

        Parameters
        ----------
        labels : Labels
            Class codes, classes and counts of all rows.
        rows : ndarray of shape (n_classes,)
            Rows wanted of each class, at least 1.
        seed : int
            64-bit seed.
        key : ndarray of shape (n_rows,), default=None
            Identities of the rows, integers or strings, all different; their
            positions if None.

        Returns
        -------
        plan : Plan
            With every class weight 1.
        indices : ndarray of shape (n_drawn,)
            The rows drawn, ascending, a row drawn m times standing m times.

        Raises
        ------
        ValueError
            If keys repeat, so that the rows wanted cannot be told from others.
        """
        counts = labels.counts
        copies, remainder = np.divmod(rows, counts)
        threshold, extra = smallest_hashes(labels.codes, counts, remainder, seed, key)
        if len(extra) != remainder.sum():
            raise ValueError(
                "key must be different in every row to draw an exact number of rows; "
                f"rows of equal keys stand together and {len(extra)} were drawn for "
                f"{remainder.sum()} wanted. Add a column that tells the rows apart."
            )
        plan = cls(
            classes=tuple(labels.classes.tolist()),
            rows_seen=tuple(counts.tolist()),
            rows=tuple(rows.tolist()),
            class_total=tuple(counts.astype(float).tolist()),
            class_weight=(1.0,) * len(counts),
            threshold=tuple(threshold.tolist()),
            seed=seed,
        )
        return plan, _merge(_whole_copies(labels.codes, copies), extra)

    def weighted(self, class_total: Array, class_weight: Array) -> Self:
        """Give the same draw with other totals and weights.

        Parameters
        ----------
        class_total : ndarray of shape (n_classes,)
            Total incoming weight of each class.
        class_weight : ndarray of shape (n_classes,)
            Multiplier of the incoming weight of a drawn row.

        Returns
        -------
        Plan
            A new plan.
        """
        return replace(
            self,
            class_total=tuple(class_total.tolist()),
            class_weight=tuple(class_weight.tolist()),
        )

    @property
    def moves_rows(self) -> bool:
        """Whether any row is dropped or repeated."""
        return self.rows != self.rows_seen

    @cached_property
    def _copies(self) -> Array:
        return np.floor_divide(self.rows, self.rows_seen)

    def select(
        self, codes: Array, offset: int = 0, key: Array | None = None
    ) -> tuple[Indices, NDArray[np.float64]]:
        """Decide a block of rows.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,)
            Class codes (positions in ``classes``) of a block of the data.
        offset : int, default=0
            Position of the block's first row in the whole data.
        key : ndarray of shape (n_rows,), default=None
            Identities of the rows, integers or strings, instead of their positions.

        Returns
        -------
        indices : ndarray of shape (n_drawn,)
            Positions in the block, ascending, a row drawn m times standing m times.
        weights : ndarray of shape (n_drawn,)
            Class weight of each, to be multiplied into the row's own weight.

        Raises
        ------
        ValueError
            If a code is not one of the plan's, or the lengths differ.
        """
        codes = np.asarray(codes)
        if not len(codes):
            codes = codes.astype(np.intp)
        _check_block(codes, len(self.classes), offset, key)
        limit = np.array(self.threshold, dtype=np.uint64)
        extra, _, _ = rows_below(
            codes, np.array(self.rows_seen), limit, mix_seed(self.seed), offset, key
        )
        indices = _merge(_whole_copies(codes, self._copies), extra)
        return indices, np.array(self.class_weight)[codes[indices]]

    def to_dict(self) -> dict[str, Any]:
        """Write the plan as plain values.

        Returns
        -------
        dict of str to object
            The plan's fields, its format and the name of its hash, as JSON has them.
            Seed and thresholds use all 64 bits: read integers as integers.

        Raises
        ------
        TypeError
            If a label is not a string, number or boolean.
        """
        _refuse_odd_labels(self.classes)
        fields = asdict(self)
        seed = fields.pop("seed")
        lists = {name: list(value) for name, value in fields.items()}
        return {"format": _FORMAT, "hash": _HASH, **lists, "seed": seed}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read a plan that :meth:`to_dict` wrote.

        Parameters
        ----------
        fields : dict of str to object
            Plain values; left as they are.

        Returns
        -------
        Plan
            Equal to the one that was written.

        Raises
        ------
        ValueError
            If it is not a plan of this format and hash.
        """
        names = {field.name for field in dataclass_fields(cls)}
        found = dict(fields) if isinstance(fields, dict) else {}
        marks = found.pop("format", None), found.pop("hash", None)
        if marks != (_FORMAT, _HASH) or found.keys() != names:
            raise ValueError(
                f"fields must hold a plan of format {_FORMAT} with hash {_HASH!r} and "
                f"fields {sorted(names)}; got format {marks[0]!r} with hash "
                f"{marks[1]!r} and fields {sorted(found)}."
            )
        seed = found.pop("seed")
        return cls(seed=seed, **{name: tuple(value) for name, value in found.items()})

    def to_json(self) -> str:
        """Write what :meth:`to_dict` gives as JSON text.

        Returns
        -------
        str
            The text.
        """
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan that :meth:`to_json` wrote, as :meth:`from_dict` does.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Plan
            Equal to the one that was written.
        """
        return cls.from_dict(json.loads(text))

    def to_sql(
        self,
        *,
        label: str,
        key: str,
        sample_weight: str | None = None,
        dialect: str = "duckdb",
    ) -> SqlExpressions:
        """Write the plan as SQL, so that an engine draws the same rows itself.

        ``SELECT *, {weight} AS w FROM read_parquet('f', file_row_number=true) WHERE
        {filter}`` is then all it takes. A label that is not in the plan, a weight that
        is negative or not finite and a missing value in either stop the query.

        Parameters
        ----------
        label : str
            Column of the labels.
        key : str
            Column of the identities that the plan was drawn with: positions from 0 on
            (``file_row_number`` of a single file) or keys, integers from -2**63 to
            2**64 - 1. Strings are refused.
        sample_weight : str, default=None
            Column of the incoming weights; a row of zero weight is not there.
        dialect : {"duckdb"}, default="duckdb"
            The engine; DuckDB from 1.3 on.

        Returns
        -------
        SqlExpressions
            ``filter``, whether a row is kept, and ``weight``, its sample weight.

        Raises
        ------
        ValueError
            If the plan repeats rows, or the dialect is not known.
        TypeError
            If a label is not a string, number or boolean.

        Examples
        --------
        >>> from skstrat import DownsampleUpweight
        >>> X, fraud = [[0]] * 402, [False] * 400 + [True] * 2
        >>> plan = DownsampleUpweight(factor=20, random_state=0).fit(X, fraud).plan_
        >>> sql = plan.to_sql(label="fraud", key="file_row_number")
        >>> print(sql.weight.partition(" ELSE")[0])
        CASE "fraud" WHEN FALSE THEN 20.0e0 WHEN TRUE THEN 1.0e0
        """
        _refuse_odd_labels(self.classes)
        return sql_expressions(
            self, label=label, key=key, sample_weight=sample_weight, dialect=dialect
        )


def _refuse_odd_labels(classes: tuple[Any, ...]) -> None:
    odd = [label for label in classes if not isinstance(label, (str, int, float))]
    if odd:
        raise TypeError(
            "labels must be str, int, float or bool for a plan to be written; got "
            f"{odd[0]!r} of type {type(odd[0]).__name__}. Draw with such labels."
        )


def _check_block(codes: Array, n_classes: int, offset: int, key: Array | None) -> None:
    if len(codes) and not (codes.min() >= 0 and codes.max() < n_classes):
        raise ValueError(
            f"codes must lie in 0 to {n_classes - 1}, the plan's classes; got "
            f"{codes.min()} to {codes.max()}."
        )
    if offset < 0:
        raise ValueError(f"offset must not be negative; got {offset}.")
    if key is not None and len(key) != len(codes):
        raise ValueError(
            f"key must have one value per row; got {len(key)} for {len(codes)} rows."
        )


def _whole_copies(codes: Array, copies: Array) -> Indices:
    """List the rows of the classes that are kept whole, repeated as often as asked."""
    if copies.min() == copies.max() == 1:
        return np.arange(len(codes))
    rows = rows_of(codes, copies > 0)
    if copies.max() <= 1:
        return rows
    return np.repeat(rows, copies[codes[rows]])


def _merge(whole: Indices, extra: Indices) -> Indices:
    """Merge two ascending lists in linear time."""
    longer, shorter = (whole, extra) if len(whole) > len(extra) else (extra, whole)
    if not len(shorter):
        return longer
    if len(longer) > _FAR_LONGER * len(shorter):
        return np.insert(longer, np.searchsorted(longer, shorter), shorter)
    # A stable sort of two ascending runs is one merge.
    return np.sort(np.concatenate([longer, shorter]), kind="stable")
