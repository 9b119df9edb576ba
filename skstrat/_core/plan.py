"""Which rows are drawn, and the weight of each: a small frozen value without data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.block import check_block, merge_rows, whole_copies
from skstrat._core.draw import rows_below, smallest_hashes
from skstrat._core.expected_plan import expected_fields, realised_fields
from skstrat._core.hashing import Keys, mix_seed
from skstrat._core.labels import Labels
from skstrat._core.plan_format import read_fields, refuse_odd_labels, write_fields
from skstrat._core.sql import SqlExpressions, sql_expressions
from skstrat._core.weights import Weighting

Indices = NDArray[np.intp]
Array = NDArray[Any]


# Of each class the rows with the smallest hashes are kept (bottom-k sampling; Cohen and
# Kaplan, 2007). The plan stores one threshold per class, so that any block is decided
# alone, and every partition of the data keeps the same rows.
@dataclass(frozen=True)
class Plan:
    """Rows drawn and weight for each class, for any block of the data.

    Rows of zero weight do not count: leave them out of a block, and give the positions
    of the others as ``key``.

    Parameters
    ----------
    classes : tuple
        The labels, as Python values.
    rows_seen : tuple of int
        Rows of each class in the data that the plan was made for.
    rows : tuple of int
        Rows of each class after resampling; expected ones if not ``exact``.
    class_total : tuple of float
        Total incoming weight of each class (its row count without weights).
    class_weight : tuple of float
        Factor by which the incoming weights of drawn rows of each class are multiplied.
    threshold : tuple of int
        Rows of each class with a hash below this are drawn once more.
    seed : int
        The user's 64-bit seed.
    exact : bool, default=True
        Whether exactly ``rows`` are kept, or on average as by :meth:`from_counts`.
    """

    classes: tuple[Any, ...]
    rows_seen: tuple[int, ...]
    rows: tuple[int, ...]
    class_total: tuple[float, ...]
    class_weight: tuple[float, ...]
    threshold: tuple[int, ...]
    seed: int
    exact: bool = True

    @classmethod
    def draw(
        cls, labels: Labels, rows: Array, seed: int, key: Keys | None = None
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
            The rows drawn, ascending; a row drawn m times occurs m times.

        Raises
        ------
        ValueError
            If keys repeat, so that their rows cannot be distinguished.
        """
        counts = labels.counts
        copies, remainder = np.divmod(rows, counts)
        threshold, extra = smallest_hashes(labels.codes, counts, remainder, seed, key)
        if len(extra) != remainder.sum():
            raise ValueError(
                "key must be different in every row, because rows of equal keys are "
                f"drawn together; {len(extra)} rows were drawn for "
                f"{remainder.sum()} wanted. Name a column that differs in every row, "
                "or leave key out to draw by position."
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
        return plan, merge_rows(whole_copies(labels.codes, copies), extra)

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[Any, int],
        *,
        factor: float | Mapping[Any, float] | None = None,
        sampling_strategy: float | str | Mapping[Any, int] | None = None,
        weighting: Weighting = "original",
        seed: int,
    ) -> Self:
        r"""Make the plan from the rows of each class alone, before any row is read.

        Of class *c* with :math:`n_c` rows, :math:`t_c` are wanted. Rows with a hash
        below :math:`2^{64} t_c / n_c` are kept with weight :math:`n_c / t_c` (Bernoulli
        sampling; Särndal, Swensson and Wretman, 1992, 3.2). About
        :math:`t_c \pm \sqrt{t_c}` rows are kept. Totals are right on average, and exact
        after :meth:`realised`. It is for data too large to find the smallest hashes.

        Parameters
        ----------
        counts : dict of label to int
            Rows of each class, 1 to 2**53; labels are str, int, float or bool.
        factor : float or dict of label to float, default=None
            As in :class:`DownsampleUpweight`, but never "auto".
        sampling_strategy : float, str or dict of label to int, default=None
            As in :class:`DownsampleUpweight`, also if both are None.
        weighting : str or dict, default="original"
            Total weight of each class, as in :class:`DownsampleUpweight`; "original"
            and "factor" are the same here.
        seed : int
            64-bit seed.

        Returns
        -------
        Plan
            With ``exact=False``.

        Raises
        ------
        MissingLabelsError
            If a label is missing.
        ValueError
            If there is one class, or an argument is not usable; or if both ``factor``
            and ``sampling_strategy`` are given.
        TypeError
            If ``counts`` is no dict, a label is no plain value, or rows would be
            needed.

        Examples
        --------
        >>> from skstrat import Plan
        >>> counts = {"fraud": 400, "ok": 1_000_000}
        >>> plan = Plan.from_counts(counts, factor=20, seed=0)
        >>> plan.rows, plan.class_weight, plan.threshold[1] == 2**64 // 20, plan.exact
        ((400, 50000), (1.0, 20.0), True, False)
        """
        fields = expected_fields(counts, factor, sampling_strategy, weighting, seed)
        return cls(**fields, exact=False)

    def realised(self, kept_counts: Mapping[Any, int]) -> Self:
        r"""Make totals exact, after the rows kept were counted.

        The class weight is multiplied by rows expected / rows kept (Hajek, 1971). At
        the default weighting this gives :math:`n_c / k_c` for :math:`k_c` rows kept;
        "uniform" stays 1.

        Parameters
        ----------
        kept_counts : dict of label to int
            Rows of each class that the plan kept of the rows it was made for.

        Returns
        -------
        Plan
            The same draw, exact: ``rows`` are those kept.

        Raises
        ------
        ValueError
            If the plan is exact, or classes differ. If the rows kept are impossible:
            none, more than seen, or not all of a class that is kept whole.
        TypeError
            If ``kept_counts`` is no dict.

        Examples
        --------
        >>> from skstrat import Plan
        >>> plan = Plan.from_counts({"no": 9_000, "yes": 30}, factor=9, seed=0)
        >>> plan.class_weight, plan.realised({"no": 900, "yes": 30}).class_weight
        ((9.0, 1.0), (10.0, 1.0))
        """
        return replace(self, **realised_fields(self, kept_counts))

    def weighted(self, class_total: Array, class_weight: Array) -> Self:
        """Return the same draw with other totals and weights.

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
            Positions in the block, ascending; a row drawn m times occurs m times.
        weights : ndarray of shape (n_drawn,)
            Class weight of each, to be multiplied by the row's own weight.

        Raises
        ------
        ValueError
            If a code is not one of the plan's, or the lengths differ.
        """
        codes = np.asarray(codes)
        if not len(codes):
            codes = codes.astype(np.intp)
        check_block(codes, len(self.classes), offset, key)
        limit = np.array(self.threshold, dtype=np.uint64)
        extra, _, _ = rows_below(
            codes, np.array(self.rows_seen), limit, mix_seed(self.seed), offset, key
        )
        indices = merge_rows(whole_copies(codes, self._copies), extra)
        return indices, np.array(self.class_weight)[codes[indices]]

    def to_dict(self) -> dict[str, Any]:
        """Write the plan as plain values.

        Returns
        -------
        dict of str to object
            The plan's fields, format and name of hash, as JSON has them: tuples are
            lists; dates, times and intervals are text. Seed and thresholds use all 64
            bits: read integers as integers.

        Raises
        ------
        TypeError
            If a label is not a string, number, boolean, one of these or a tuple.
        """
        names = [field.name for field in dataclass_fields(self)]
        return write_fields({name: getattr(self, name) for name in names})

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read a plan that :meth:`to_dict` wrote.

        Parameters
        ----------
        fields : dict of str to object
            Plain values; they are not changed.

        Returns
        -------
        Plan
            Equal to the one that was written, except that dates and intervals stay
            text.

        Raises
        ------
        ValueError
            If it is not a plan of this format and hash.
        """
        names = {field.name for field in dataclass_fields(cls)}
        return cls(**read_fields(fields, names))

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

        The query is ``SELECT *, {weight} AS w FROM ... WHERE {filter}``. It stops at
        labels that are missing or not in the plan, and at weights that are missing,
        negative or not finite. In classes that lose rows it also stops at keys that are
        missing or cannot be hashed.

        Parameters
        ----------
        label : str
            Column of the labels.
        key : str
            Column of the keys that the plan was drawn with, or of positions from 0 on.
            DuckDB has them for one Parquet file (``file_row_number``), Spark has none.
            Integers of at most 64 bits, in Spark signed; in Spark also strings.
        sample_weight : str, default=None
            Column of the incoming weights; rows of zero weight are left out.
        dialect : {"duckdb", "spark"}, default="duckdb"
            The engine; DuckDB from 1.3 on, Spark from 4.0 on.

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
        refuse_odd_labels(self.classes)
        return sql_expressions(
            self, label=label, key=key, sample_weight=sample_weight, dialect=dialect
        )
