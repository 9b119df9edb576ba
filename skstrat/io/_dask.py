"""Dask collections: the labels are counted in one run, the rows stay lazy.

The label partitions are turned into codes, which stay where they are, a byte a row,
until the counts of all are known. Then the hashes near each threshold are sent to the
caller. The results are a plan and, for each partition, its first position and number of
rows drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from skstrat._core.dask import concatenated, is_dask, partitions_of
from skstrat._core.hashing import mix_seed
from skstrat._core.labels import sorted_classes
from skstrat._core.plan import Plan
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats
from skstrat.io._partition import EncodedPartition, Partition
from skstrat.io._partitions import (
    check_decides_by_labels,
    make_plan,
    rows_by_label,
    shares_wanted,
)
from skstrat.io._tally import NOTHING, Tally
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._resampled import Resampled

# Parts of X, of y and of the weights (None without) of one partition, as tasks.
Parts = tuple[Any, Any, Any]


def resample_collections(
    resampler: BaseResampler, X: Any, y: Any, sample_weight: Any
) -> tuple[Plan, Resampled]:
    """Make the plan from the labels, and the rows drawn as lazy collections."""
    seed = check_decides_by_labels(resampler)
    parts = _partitions(X, y, sample_weight)
    tallies = _tally_partitions(resampler, parts, seed)
    plan = make_plan(resampler, reduce(Tally.merge, tallies, NOTHING), seed)
    return plan, _take_lazily(X, y, parts, plan, tallies, type(resampler).__name__)


def _partitions(X: Any, y: Any, sample_weight: Any) -> list[Parts]:
    """Take collections apart, and refuse those that are partitioned differently."""
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
    return list(zip(parts["X"], parts["y"], weights, strict=True))


def _tally_partitions(
    resampler: BaseResampler, parts: list[Parts], seed: int
) -> list[Tally]:
    """Read the labels once; their codes stay where they are until all are counted."""
    import dask

    encoded = dask.persist(
        *[
            dask.delayed(_encode_partition)(number, y, weights)
            for number, (_, y, weights) in enumerate(parts)
        ]
    )
    tally = dask.delayed(EncodedPartition.tally)
    counted = dask.compute(*[tally(part, 0.0, 0, 0) for part in encoded])
    total = reduce(Tally.merge, counted, NOTHING)
    shares, rows = shares_wanted(resampler, total), rows_by_label(total)
    tallied = [
        tally(part, shares, mix_seed(seed), offset, rows)
        for part, offset in zip(encoded, _offsets(counted), strict=True)
    ]
    return list(dask.compute(*tallied))


def _offsets(tallies: Sequence[Tally]) -> list[int]:
    return [0, *accumulate(tally.n_rows for tally in tallies)][:-1]


def _encode_partition(number: int, y: Any, weights: Any) -> EncodedPartition:
    try:
        return Partition(y, weights).encode()
    except (ValueError, TypeError) as error:
        raise ValueError(f"Partition {number}: {error}") from error


def _rows_drawn(tally: Tally, plan: Plan) -> int:
    """Count the rows that a plan draws of a partition."""
    drawn = 0
    columns = (plan.classes, plan.rows, plan.rows_seen, plan.threshold)
    for label, rows, seen, threshold in zip(*columns, strict=True):
        own = tally.classes.get(label)
        if own is not None:
            drawn += rows // seen * own.rows + own.below_threshold(threshold)[0]
    return drawn


class _Counted(NamedTuple):
    """What a partition held when its labels were counted."""

    number: int
    offset: int
    n_rows: int
    n_drawn: int


def _take(counted: _Counted, plan: Plan, X: Any, y: Any, weights: Any) -> Any:
    number, offset, n_counted, n_drawn = counted
    n_rows = count_rows(X)
    rows, drawn = Partition(y, weights).draw(plan, offset)
    if (n_rows, len(y), len(rows)) != (n_counted, n_counted, n_drawn):
        raise ValueError(
            f"Partition {number} has {n_rows} rows in X and {len(y)} in y and "
            f"gives {len(rows)}; when the labels were counted it had {n_counted} "
            f"and promised {n_drawn}. X and y must be partitioned alike, and the "
            "data must not change."
        )
    incoming = None if weights is None else np.asarray(weights, dtype=np.float64)[rows]
    if hasattr(y, "index"):
        drawn = _series(drawn, y.index[rows])
        incoming = None if incoming is None else _series(incoming, y.index[rows])
    if not np.array_equal(rows, np.arange(n_rows)):
        X, y = take_rows(X, rows), take_rows(y, rows)
    return X, y, drawn, incoming, rows + offset


def _series(weights: Floats, index: Any) -> Any:
    import pandas

    return pandas.Series(weights, index=index, name="sample_weight")


def _take_lazily(
    X: Any, y: Any, parts: list[Parts], plan: Plan, tallies: list[Tally], made_by: str
) -> Resampled:
    """Make tasks that take the rows of each partition, and collections of them."""
    import dask

    take, shared = dask.delayed(_take, nout=5), dask.delayed(plan)
    sizes, full, taken = [], [], []
    for number, (tally, offset) in enumerate(
        zip(tallies, _offsets(tallies), strict=True)
    ):
        n_drawn = _rows_drawn(tally, plan)
        # Some learners refuse partitions without rows.
        if n_drawn:
            counted = _Counted(number, offset, tally.n_rows, n_drawn)
            sizes.append(n_drawn)
            full.append(number)
            taken.append(take(counted, shared, *parts[number]))
    parts_X, parts_y, weights, incoming, indices = zip(*taken, strict=True)
    made_like = partial(_put_together, sizes=sizes, full=full)
    no_weights, nowhere = np.empty(0), np.empty(0, dtype=np.int64)
    if hasattr(y, "divisions"):
        no_weights = _series(no_weights, y._meta.index)
    weighted = parts[0][2] is not None
    return Resampled(
        X=made_like(X, X._meta, parts_X, trailing=X.shape[1:]),
        y=made_like(y, y._meta, parts_y, trailing=y.shape[1:]),
        weights=made_like(y, no_weights, weights, trailing=()),
        incoming=made_like(y, no_weights, incoming, trailing=()) if weighted else None,
        class_weight=np.array(plan.class_weight),
        moves_rows=plan.moves_rows,
        classes=_classes(plan, y),
        rows=concatenated(indices, [(size,) for size in sizes], nowhere),
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
