"""Dask collections: the labels are counted in one run, the rows stay lazy.

The label partitions are turned into codes, which stay where they are, a byte a row,
until the counts of all are known; then the hashes near the threshold of each are sent
to the caller. What comes of it is a plan and, for each partition, where it begins and
how many rows it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import accumulate
from typing import Any

import numpy as np

from skstrat._core.dask import concatenated, is_dask, partitions_of
from skstrat._core.hashing import mix_seed
from skstrat._core.labels import sorted_classes
from skstrat._core.plan import Plan
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats
from skstrat.io._partition import EncodedPartition, Partition
from skstrat.io._partitions import (
    DecidesByLabels,
    check_decides_by_labels,
    make_plan,
    rows_by_label,
    shares_wanted,
)
from skstrat.io._tally import NOTHING, Tally
from skstrat.resamplers._resampled import Resampled


def resample_collections(
    resampler: DecidesByLabels, X: Any, y: Any, sample_weight: Any
) -> tuple[Plan, Resampled]:
    """Decide from the labels, and put off the rows."""
    seed = check_decides_by_labels(resampler)
    columns = _Columns.of(X, y, sample_weight)
    tallies = _look_at_labels(resampler, columns, seed)
    total = reduce(Tally.merge, tallies, NOTHING)
    plan = make_plan(resampler, total, seed)
    return plan, _put_off(columns, plan, tallies, type(resampler).__name__)


@dataclass(frozen=True)
class _Columns:
    """X, y and weights, and their partitions as tasks.

    Attributes
    ----------
    X, y : Dask collections
        As they were given.
    parts : list of tuple of Delayed
        A part of X, of y and of the weights (None without) for each partition.
    """

    X: Any
    y: Any
    parts: list[tuple[Any, Any, Any]]

    @classmethod
    def of(cls, X: Any, y: Any, sample_weight: Any) -> _Columns:
        named = {"X": X, "y": y}
        if sample_weight is not None:
            named["sample_weight"] = sample_weight
        for name, data in named.items():
            if not is_dask(data):
                raise TypeError(
                    f"X, y and sample_weight must all be Dask collections if one is; "
                    f"{name} is a {type(data).__name__}. Make it one with "
                    "dask.dataframe.from_pandas or dask.array.from_array, partitioned "
                    "like the others."
                )
        parts = {name: partitions_of(data) for name, data in named.items()}
        n_parts = {name: len(own) for name, own in parts.items()}
        if len(set(n_parts.values())) > 1:
            raise ValueError(
                "X, y and sample_weight must be partitioned alike; got the numbers of "
                f"partitions {n_parts!r}. Take them from one collection, or use "
                "repartition or rechunk."
            )
        chunks = {
            name: data.chunks[0]
            for name, data in named.items()
            if hasattr(data, "chunks") and not np.isnan(data.chunks[0]).any()
        }
        if len(set(chunks.values())) > 1:
            raise ValueError(
                "X, y and sample_weight must be cut into chunks alike; got the rows "
                f"{chunks!r}. Use rechunk."
            )
        weights = parts.get("sample_weight", [None] * n_parts["y"])
        return cls(X, y, list(zip(parts["X"], parts["y"], weights, strict=True)))


def _look_at_labels(
    resampler: DecidesByLabels, columns: _Columns, seed: int
) -> list[Tally]:
    """Read the labels once; their codes stay where they are until all are counted."""
    import dask

    encoded = dask.persist(
        *[
            dask.delayed(_encode)(number, y, weights)
            for number, (_, y, weights) in enumerate(columns.parts)
        ]
    )
    counted = dask.compute(*[dask.delayed(_count)(part) for part in encoded])
    total = reduce(Tally.merge, counted, NOTHING)
    shares, rows = shares_wanted(resampler, total), rows_by_label(total)
    tallied = [
        dask.delayed(_tally)(part, shares, mix_seed(seed), offset, rows)
        for part, offset in zip(encoded, _offsets(counted), strict=True)
    ]
    return list(dask.compute(*tallied))


def _offsets(tallies: Sequence[Tally]) -> list[int]:
    return [0, *accumulate(tally.n_rows for tally in tallies)][:-1]


def _encode(number: int, y: Any, weights: Any) -> EncodedPartition:
    try:
        return Partition(y, weights).encode()
    except (ValueError, TypeError) as error:
        raise ValueError(f"Partition {number}: {error}") from error


def _count(part: EncodedPartition) -> Tally:
    return part.tally(0.0, 0, 0)


def _tally(
    part: EncodedPartition,
    shares: dict[Any, float],
    hash_seed: int,
    offset: int,
    rows: dict[Any, int],
) -> Tally:
    return part.tally(shares, hash_seed, offset, rows)


def _rows_drawn(tally: Tally, plan: Plan) -> int:
    """Count the rows that a plan draws of a partition."""
    drawn = 0
    columns = (plan.classes, plan.rows, plan.rows_seen, plan.threshold)
    for label, rows, seen, threshold in zip(*columns, strict=True):
        own = tally.classes.get(label)
        if own is not None:
            drawn += rows // seen * own.rows + own.count_below(threshold)
    return drawn


@dataclass(frozen=True)
class _Promise:
    """What a partition held when its labels were counted, and what it shall give."""

    number: int
    offset: int
    n_rows: int
    kept: int


def _take(promise: _Promise, plan: Plan, X: Any, y: Any, weights: Any) -> Any:
    n_rows = count_rows(X)
    rows, drawn = Partition(y, weights).draw(plan, promise.offset)
    if (n_rows, len(y), len(rows)) != (promise.n_rows, promise.n_rows, promise.kept):
        raise ValueError(
            f"Partition {promise.number} has {n_rows} rows in X and {len(y)} in y and "
            f"gives {len(rows)}; when the labels were counted it had {promise.n_rows} "
            f"and promised {promise.kept}. X and y must be partitioned alike, and the "
            "data must not change."
        )
    incoming = None if weights is None else np.asarray(weights, dtype=np.float64)[rows]
    if hasattr(y, "index"):
        drawn = _series(drawn, y.index[rows])
        incoming = None if incoming is None else _series(incoming, y.index[rows])
    if not np.array_equal(rows, np.arange(n_rows)):
        X, y = take_rows(X, rows), take_rows(y, rows)
    return X, y, drawn, incoming, rows + promise.offset


def _series(weights: Floats, index: Any) -> Any:
    import pandas

    return pandas.Series(weights, index=index, name="sample_weight")


def _put_off(
    columns: _Columns, plan: Plan, tallies: list[Tally], made_by: str
) -> Resampled:
    import dask

    X, y = columns.X, columns.y
    kept = [_rows_drawn(tally, plan) for tally in tallies]
    # Some learners refuse partitions without rows.
    full = [number for number, rows in enumerate(kept) if rows]
    offsets, shared = _offsets(tallies), dask.delayed(plan)
    taken = []
    for number in full:
        n_rows = tallies[number].n_rows
        promise = _Promise(number, offsets[number], n_rows, kept[number])
        parts = columns.parts[number]
        taken.append(dask.delayed(_take, nout=5)(promise, shared, *parts))
    parts_X, parts_y, weights, incoming, indices = zip(*taken, strict=True)
    made_like = partial(_put_together, sizes=[kept[i] for i in full], full=full)
    no_weights, nowhere = np.empty(0), np.empty(0, dtype=np.int64)
    if hasattr(y, "divisions"):
        no_weights = _series(no_weights, y._meta.index)
    weighted = columns.parts[0][2] is not None
    by_class = np.array(plan.class_weight)
    return Resampled(
        X=made_like(X, X._meta, parts_X, trailing=X.shape[1:]),
        y=made_like(y, y._meta, parts_y, trailing=y.shape[1:]),
        weights=made_like(y, no_weights, weights, trailing=()),
        incoming=made_like(y, no_weights, incoming, trailing=()) if weighted else None,
        class_weight=by_class,
        moves_rows=plan.moves_rows,
        classes=_classes(plan, y),
        rows=concatenated(indices, [(kept[i],) for i in full], nowhere),
        plan=plan,
        at_random=True,
        made_by=made_by,
    )


def _classes(plan: Plan, y: Any) -> Any:
    """Give the labels in the type that they have in a collection."""
    classes = sorted_classes(list(plan.classes))
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return classes.astype(dtype)
    return classes


def _put_together(
    like: Any,
    meta: Any,
    parts: Sequence[Any],
    *,
    sizes: list[int],
    full: list[int],
    trailing: tuple[int, ...],
) -> Any:
    """Make a collection of the kind of another from its partitions."""
    if not hasattr(like, "divisions"):
        return concatenated(parts, [(size, *trailing) for size in sizes], meta)
    import dask.dataframe

    divisions = None
    if like.known_divisions:
        divisions = (*(like.divisions[number] for number in full), like.divisions[-1])
    return dask.dataframe.from_delayed(
        list(parts), meta=meta, divisions=divisions, verify_meta=False
    )
