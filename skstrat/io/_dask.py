"""Dask collections: labels and weights are read into memory, rows are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import dask
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xxhash import xxh64_intdigest

from skstrat._core.dask import (
    into_memory,
    is_dask,
    joined,
    made_like,
    no_rows_of,
    partitions_of,
)
from skstrat._core.factorize import NotClassLabelsError
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import check_sample_weight, counted_rows
from skstrat.exceptions import MissingLabelsError
from skstrat.io._categories import as_categories, united_labels
from skstrat.resamplers._resampled import Resampled

Indices = NDArray[np.intp]
Learn = Callable[[Any, Any, Any], Resampled]


def resample_collections(learn: Learn, X: Any, y: Any, sample_weight: Any) -> Resampled:
    """Draw by labels in memory, and return the rows drawn as lazy collections."""
    rows = CollectionRows(X, y, sample_weight)
    resampled = learn(rows, rows.labels, rows.sample_weight)
    classes, dtype = resampled.classes, getattr(y, "dtype", None)
    numeric = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    if numeric and resampled.codes is not None:
        # Categories hold numbers of Python.
        classes = np.asarray(classes).astype(dtype)
    X, y, weights = rows.drawn(resampled.rows, resampled.weights)
    return replace(resampled, X=X, y=y, weights=weights, classes=classes, source=rows)


class CollectionRows:
    """The rows of Dask collections, taken by their positions."""

    def __init__(self, X: Any, y: Any, sample_weight: Any) -> None:
        named = {"X": X, "y": y, "sample_weight": sample_weight}
        if sample_weight is None:
            del named["sample_weight"]
        parts = _partitions(named)
        encode = dask.delayed(_encode)
        tasks = [encode(number, *own[1:]) for number, own in enumerate(parts)]
        labels, weights = zip(*dask.compute(*tasks), strict=True)
        _refuse_missing(labels)
        self._X, self._y, self._parts = X, y, parts
        self._starts = np.cumsum([0, *map(len, labels)])
        self.labels = _united(labels)
        self.sample_weight = None if sample_weight is None else np.concatenate(weights)
        self.columns, self.example = getattr(X, "columns", None), no_rows_of(X)
        self.shape = int(self._starts[-1]), *X.shape[1:]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Compute a column."""
        return into_memory(self._X[key])[0]

    def take_rows(self, rows: Indices) -> Any:
        """Compute some rows, in any order."""
        ascending, place = np.unique(rows, return_inverse=True)
        take = dask.delayed(take_rows)
        tasks = [
            take(self._parts[number][0], own)
            for number, own, _ in self._by_partition(ascending)
        ]
        taken = joined(dask.compute(*tasks)) if tasks else self.example
        return take_rows(taken, place)

    def drawn(self, rows: Indices, weights: NDArray[np.float64]) -> Iterator[Any]:
        """Yield collections of rows in ascending order, their labels and weights."""
        take, taken, sizes, full = dask.delayed(_take, nout=3), [], [], []
        for number, own, place in self._by_partition(rows):
            held = int(self._starts[number + 1] - self._starts[number])
            digest = _digest(take_rows(self.labels, rows[place]))
            # Compact, because it is sent over the network: steps are small numbers, and
            # weights have few values.
            steps, coded = np.diff(own, prepend=0), pd.Categorical(weights[place])
            steps = steps.astype(np.min_scalar_type(steps.max()))
            X, y = self._parts[number][:2]
            taken.append(take((number, held, digest), X, y, steps, coded))
            sizes.append(len(own))
            full.append(number)
        none_of_y = no_rows_of(self._y)
        metas = self.example, none_of_y, _weights_of(none_of_y, np.empty(0))
        likes = self._X, self._y, self._y
        for like, meta, parts in zip(
            likes, metas, zip(*taken, strict=True), strict=True
        ):
            yield made_like(like, meta, parts, sizes, full)

    def _by_partition(self, rows: Indices) -> Iterator[tuple[int, Indices, slice]]:
        """Yield the rows of each partition that has some, as models may refuse none."""
        places = np.searchsorted(rows, self._starts).tolist()
        for number, (low, high) in enumerate(pairwise(places)):
            if low < high:
                yield number, rows[low:high] - self._starts[number], slice(low, high)


def _partitions(named: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Split collections, and refuse those that are partitioned differently."""
    for name, data in named.items():
        if not is_dask(data):
            raise TypeError(
                f"X, y and sample_weight must all be Dask collections if one is; "
                f"{name} is a {type(data).__name__}. Make it one with "
                "dask.dataframe.from_pandas or dask.array.from_array, partitioned "
                "like the others."
            )
    parts = {name: partitions_of(data) for name, data in named.items()}
    cuts = {
        name: getattr(data, "chunks", (data.npartitions,))[0]
        for name, data in named.items()
    }
    known = {cut for cut in cuts.values() if np.ndim(cut) and not np.isnan(cut).any()}
    if len({len(own) for own in parts.values()}) > 1 or len(known) > 1:
        raise ValueError(
            "X, y and sample_weight must be partitioned alike; got partitions of "
            f"dataframes, and rows of the chunks of arrays: {cuts!r}. Take them from "
            "one collection, or use repartition or rechunk."
        )
    return list(zip(*parts.values(), strict=True))


def _encode(number: int, y: Any, sample_weight: Any = None) -> tuple[Any, Any]:
    """Return labels as categories, missing where the weight is zero, and weights."""
    weights, n_rows = None, len(y)
    try:
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            # All weights of a partition may be zero, but not all weights of the data.
            if weights.shape != (n_rows,) or weights.any():
                check_sample_weight(weights, n_rows)
        counted = counted_rows(weights)
        if counted is None:
            return _categories(y), weights
        place = np.full(n_rows, -1)
        place[counted] = np.arange(len(counted))
        found = _categories(take_rows(y, counted))
        return pd.api.extensions.take(found, place, allow_fill=True), weights
    except MissingLabelsError as error:
        # Their number is known after all partitions were read.
        return error, None
    except (ValueError, TypeError) as error:
        raise ValueError(f"Partition {number}: {error}") from error


def _refuse_missing(labels: tuple[Any, ...]) -> None:
    errors = [each for each in labels if isinstance(each, MissingLabelsError)]
    if errors:
        n_labels = [
            each.n_labels
            if isinstance(each, MissingLabelsError)
            else int(np.count_nonzero(~pd.isna(each)))
            for each in labels
        ]
        raise MissingLabelsError(sum(e.n_missing for e in errors), sum(n_labels))


def _categories(y: Any) -> Any:
    """Return labels as categories, or numbers if no classes or several columns."""
    if getattr(y, "shape", ())[1:] in ((), (1,)):
        with suppress(NotClassLabelsError):
            return as_categories(y)
    return np.asarray(y, dtype=np.float64)


def _united(parts: tuple[Any, ...]) -> Any:
    """Join the labels of partitions, as numbers if they are numbers in any of them."""
    if all(isinstance(part, pd.Categorical) for part in parts):
        return united_labels(list(parts))[0]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def _digest(labels: Any) -> int:
    """Hash labels, not their codes."""
    values = getattr(labels, "array", labels).ravel()
    return xxh64_intdigest(pd.util.hash_array(values).tobytes())


def _take(
    promised: tuple[int, int, int], X: Any, y: Any, steps: Indices, weights: Any
) -> Any:
    """Take the rows drawn of a partition, and check that it is unchanged."""
    number, held, digest = promised
    n_rows, n_labels = count_rows(X), len(y)
    if (n_rows, n_labels) == (held, held):
        rows = np.cumsum(steps, dtype=np.intp)
        if not np.array_equal(rows, np.arange(held)):
            X, y = take_rows(X, rows), take_rows(y, rows)
        if _digest(_categories(y)) == digest:
            return X, y, _weights_of(y, np.asarray(weights))
    raise ValueError(
        f"Partition {number} has {n_rows} rows in X and {n_labels} in y; when its "
        f"labels were read it had {held}, or they were others. X and y must be "
        "partitioned alike, and the data must not change."
    )


def _weights_of(y: Any, weights: NDArray[np.float64]) -> Any:
    if not hasattr(y, "index"):
        return weights
    return pd.Series(weights, index=y.index, name="sample_weight")
