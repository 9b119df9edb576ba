"""Dask collections: labels and weights in memory, rows where they are.

One task a partition sends its labels as codes, the resampler decides by them like by
those of data in memory, and one task a partition takes the rows drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh64_intdigest

from skstrat._core.dask import (
    concatenated,
    into_memory,
    is_dask,
    joined,
    no_rows_of,
    partitions_of,
)
from skstrat._core.factorize import NotClassLabelsError
from skstrat._core.labels import factorize, sorted_classes
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import check_sample_weight, counted_rows
from skstrat.resamplers._resampled import Resampled

Indices = NDArray[np.intp]


def resample_collections(
    learn: Callable[[Any, Any, Any], Resampled], X: Any, y: Any, sample_weight: Any
) -> Resampled:
    """Decide by labels in memory, and give the rows drawn as lazy collections."""
    rows = CollectionRows(X, y, sample_weight)
    resampled = learn(rows, rows.labels, rows.sample_weight)
    classes, dtype = resampled.classes, getattr(y, "dtype", None)
    if resampled.of_labels and isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        # Categories are Python's numbers.
        classes = np.asarray(classes).astype(dtype)
    X, y, weights = rows.drawn(resampled.rows, resampled.weights)
    return replace(resampled, X=X, y=y, weights=weights, classes=classes, samples=None)


class CollectionRows:
    """The rows of Dask collections, for what takes rows by their positions.

    Parameters
    ----------
    X, y : Dask collection
        Rows and labels.
    sample_weight : Dask collection or None
        Weights.

    Attributes
    ----------
    columns : Index or None
        Names of the columns.
    shape : tuple of int
        Shape of X.
    labels : Series or ndarray of shape (n_rows, ...)
        Labels as categories, as they are if they are no classes or have columns; none
        where the weight is zero.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.
    """

    def __init__(self, X: Any, y: Any, sample_weight: Any) -> None:
        import dask

        weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._X, self._y = X, y
        self._parts = list(zip(*_partitions({"X": X, "y": y, **weighted}), strict=True))
        encode = dask.delayed(_encode)
        encoded = dask.compute(
            *[encode(number, *own) for number, (_, *own) in enumerate(self._parts)]
        )
        self._starts = np.cumsum([0, *(len(labels) for labels, _ in encoded)])
        self.labels = _united([labels for labels, _ in encoded])
        self.sample_weight = None
        if weighted:
            self.sample_weight = np.concatenate([weights for _, weights in encoded])
        self.columns = getattr(X, "columns", None)
        self.shape = int(self._starts[-1]), *X.shape[1:]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Compute a column."""
        return into_memory(self._X[key])[0]

    def take_rows(self, rows: Indices) -> Any:
        """Compute some rows, in any order."""
        import dask

        ascending, place = np.unique(rows, return_inverse=True)
        take = dask.delayed(take_rows)
        tasks = [
            take(self._parts[number][0], own)
            for number, _, own, _ in self._by_partition(ascending)
        ]
        taken = joined(dask.compute(*tasks)) if tasks else no_rows_of(self._X)
        return take_rows(taken, place)

    def drawn(
        self, rows: Indices, weights: NDArray[np.float64]
    ) -> tuple[Any, Any, Any]:
        """Make collections of rows, in ascending order, their labels and weights."""
        import dask
        import pandas

        take, taken, sizes, full = dask.delayed(_take, nout=3), [], [], []
        for number, size, own, place in self._by_partition(rows):
            # Weights repeat themselves, and all of this goes over the network.
            coded = pandas.Categorical(weights[place])
            promised = _Promised(
                number, size, _digest(take_rows(self.labels, rows[place]))
            )
            taken.append(take(promised, *self._parts[number][:2], own, coded))
            sizes.append(len(own))
            full.append(number)
        no_weights: Any = np.empty(0)
        if hasattr(self._y, "divisions"):
            no_weights = _series(no_weights, self._y._meta.index)
        like = (self._X, self._X._meta), (self._y, self._y._meta), (self._y, no_weights)
        X, y, drawn = (
            _put_together(*each, parts, sizes, full)
            for each, parts in zip(like, zip(*taken, strict=True), strict=True)
        )
        return X, y, drawn

    def _by_partition(self, rows: Indices) -> Iterator[tuple[int, int, Indices, slice]]:
        """Give number, size and rows of each partition; some learners refuse empty."""
        places = np.searchsorted(rows, self._starts).tolist()
        for number, (low, high) in enumerate(pairwise(places)):
            if low < high:
                start, stop = self._starts[number : number + 2].tolist()
                own = (rows[low:high] - start).astype(np.int32)
                yield number, stop - start, own, slice(low, high)


def _partitions(named: dict[str, Any]) -> list[list[Any]]:
    """Take collections apart, and refuse those that are partitioned differently."""
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
    return list(parts.values())


def _encode(number: int, y: Any, sample_weight: Any = None) -> tuple[Any, Any]:
    """Give labels as categories, none where the weight is zero, and weights."""
    import pandas

    weights, n_rows = None, len(y)
    try:
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            # All rows of a part, other than all of the data, may weigh nothing.
            if weights.shape != (n_rows,) or weights.any():
                check_sample_weight(weights, n_rows)
        counted = counted_rows(weights)
        if counted is None:
            return _categories(y), weights
        found = _categories(take_rows(y, counted))
    except (ValueError, TypeError) as error:
        raise ValueError(f"Partition {number}: {error}") from error
    place = np.full(n_rows, -1)
    place[counted] = np.arange(len(counted))
    return pandas.api.extensions.take(found, place, allow_fill=True), weights


def _categories(y: Any) -> Any:
    """Give labels as categories; as numbers if they are no classes or have columns."""
    import pandas

    if getattr(y, "shape", ())[1:] in ((), (1,)):
        with suppress(NotClassLabelsError):
            codes, classes = factorize(y)
            return pandas.Categorical.from_codes(codes, classes.tolist())
    return np.asarray(y, dtype=np.float64)


def _united(parts: Sequence[Any]) -> Any:
    """Put the labels of partitions together, as numbers if they are in any of them."""
    import pandas

    if not all(isinstance(part, pandas.Categorical) for part in parts):
        return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
    found = [label for part in parts for label in part.categories.tolist()]
    classes = pandas.Index(sorted_classes(found).tolist())
    codes = np.concatenate([part.set_categories(classes).codes for part in parts])
    return pandas.Series(pandas.Categorical.from_codes(codes, classes))


def _digest(labels: Any) -> int:
    """Hash labels, whatever their codes are."""
    from pandas.util import hash_array

    values = getattr(labels, "array", labels).ravel()
    return xxh64_intdigest(hash_array(values).tobytes())


class _Promised(NamedTuple):
    """What a partition held when its labels were read."""

    number: int
    n_rows: int
    labels_drawn: int


def _take(promised: _Promised, X: Any, y: Any, rows: Indices, weights: Any) -> Any:
    """Take the rows drawn of a partition, if it is what it was."""
    number, n_promised, labels = promised
    n_rows, advice = count_rows(X), "X and y must be partitioned alike, and the data "
    advice += "must not change."
    if {n_rows, len(y)} != {n_promised}:
        raise ValueError(
            f"Partition {number} has {n_rows} rows in X and {len(y)} in y; when the "
            f"labels were read it had {n_promised}. {advice}"
        )
    if not np.array_equal(rows, np.arange(n_rows)):
        X, y = take_rows(X, rows), take_rows(y, rows)
    if _digest(_categories(y)) != labels:
        raise ValueError(
            f"Partition {number} has other labels in rows drawn than when the labels "
            f"were read. {advice}"
        )
    drawn = np.asarray(weights)
    return X, y, _series(drawn, y.index) if hasattr(y, "index") else drawn


def _series(weights: Any, index: Any) -> Any:
    import pandas

    return pandas.Series(weights, index=index, name="sample_weight")


def _put_together(
    like: Any, meta: Any, parts: Sequence[Any], sizes: list[int], full: list[int]
) -> Any:
    """Make a collection of the kind of another from its partitions."""
    if not hasattr(like, "divisions"):
        shapes = [(size, *meta.shape[1:]) for size in sizes]
        return concatenated(parts, shapes, meta)
    import dask.dataframe

    divisions = None
    if like.known_divisions:
        divisions = (*(like.divisions[number] for number in full), like.divisions[-1])
    # Dask loses tasks that are not verified when it makes an array of them.
    return dask.dataframe.from_delayed(list(parts), meta=meta, divisions=divisions)
