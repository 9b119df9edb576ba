"""Dask collections: recognise them without importing Dask, split and join them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skstrat._core.containers import is_lazy, refuse_without_rows


def is_dask(data: Any) -> bool:
    """Return whether something is a Dask collection, without importing Dask."""
    return type(data).__module__.partition(".")[0] == "dask"


def refuse_lazy(X: Any, model: Any, method: str) -> None:
    """Refuse to predict rows that are not in memory."""
    if is_lazy(X):
        raise TypeError(
            f"X must be in memory for {type(model).__name__}.{method}; got rows of "
            "files. Predict some at a time: "
            f"model.{method}(X.take_rows(numpy.arange(start, stop)))."
        )
    if not is_dask(X):
        refuse_without_rows(X, "X")
        return
    if hasattr(X, "divisions"):
        call = f"X.map_partitions(model.{method})"
    else:
        # Dask would infer these from made-up rows, which a model refuses.
        n_classes, dtype, shape = len(model.classes_), "float", "drop_axis=1"
        if method == "predict":
            dtype = "model.classes_.dtype"
        elif method != "decision_function" or n_classes > 2:
            shape = f"chunks=(X.chunks[0], ({n_classes},))"
        call = f"X.map_blocks(model.{method}, dtype={dtype}, {shape})"
    raise TypeError(
        f"X must be in memory for {type(model).__name__}.{method}; got a Dask "
        f"collection. Predict each partition: {call}."
    )


def no_rows_of(X: Any) -> Any:
    """Return data in memory with the columns of a collection and no row."""
    return X._meta if hasattr(X, "divisions") else np.empty((0, *X.shape[1:]), X.dtype)


def into_memory(*collections: Any) -> tuple[Any, ...]:
    """Compute collections in one run."""
    import dask

    if len({hasattr(each, "divisions") for each in collections}) == 1:
        return tuple(dask.compute(*collections))
    # Dask warns if frames and arrays are computed in one run.
    computed = dask.compute(*map(partitions_of, collections))
    return tuple(map(joined, computed))


def joined(parts: Sequence[Any]) -> Any:
    """Concatenate partitions in memory."""
    if not hasattr(parts[0], "iloc"):
        return np.concatenate(parts)
    from dask.dataframe.dispatch import concat

    return concat(list(parts))


def partitions_of(data: Any) -> list[Any]:
    """Return the partitions as tasks."""
    import dask

    if hasattr(data, "rechunk"):
        if data.ndim > 1:
            data = data.rechunk(dict.fromkeys(range(1, data.ndim), -1))
        return data.to_delayed().ravel().tolist()
    # Dask would put small files together when few of their columns are read, and the
    # labels would have other partitions than the rows.
    with dask.config.set({"optimization.tune.active": False}):
        # Not fused, so that X and y share what cannot be read column by column.
        return list(data.optimize(fuse=False).to_delayed(optimize_graph=False))


def made_like(
    like: Any, meta: Any, parts: Sequence[Any], sizes: list[int], places: list[int]
) -> Any:
    """Build a collection like another from one task for each partition kept."""
    if hasattr(like, "divisions"):
        from dask.dataframe import from_delayed

        divisions = None
        if like.known_divisions:
            starts = (like.divisions[place] for place in places)
            divisions = (*starts, like.divisions[-1])
        # Dask loses tasks that are not verified when it makes an array of them.
        return from_delayed(list(parts), meta=meta, divisions=divisions)
    import dask.array

    return dask.array.concatenate(
        [
            dask.array.from_delayed(part, (size, *meta.shape[1:]), meta=meta)
            for part, size in zip(parts, sizes, strict=True)
        ],
        allow_unknown_chunksizes=True,
    )
