"""The data itself, batch by batch."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skstrat._core.rows import gather_rows
from skstrat._core.samples import check_lengths
from skstrat._core.weights import Floats
from skstrat.batches._balanced import BalancedBatches

# Larger files are read row by row, because reading ahead would read unneeded rows.
_LARGE_FILE = 1 << 30


def iter_batches(
    X: Any, y: Any, batches: Any = None, **settings: Any
) -> Iterator[tuple[Any, Any, Floats]]:
    """Serve an epoch of balanced batches; only rows of the current batch are read.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        An ndarray or memmap of any dimension, a sparse matrix, a list, or a pandas,
        polars, pyarrow or xarray container. Also a Hugging Face ``Dataset``, a dict of
        such columns, or an HDF5 or zarr array, which is indexed by ascending row
        numbers.
    y : array-like of shape (n_rows,)
        Labels.
    batches : BalancedBatches, default=None
        Batches of row numbers; its next epoch is served. None creates one.
    **settings : object
        Arguments of the :class:`BalancedBatches` that is created.

    Returns
    -------
    iterator of (X, y, sample_weight)
        Rows of X and their labels in containers of the same kind, and their loss
        weights: an ndarray of shape (batch_size,).

    Raises
    ------
    TypeError
        If a container does not return the rows that are requested.
    ValueError
        If X and y differ in length, batches are for other rows, or both batches and
        settings are given.

    Notes
    -----
    Where it is faster, a batch is read in ascending order and then sorted into its own
    order. For a memory-mapped file of more than 1 GiB, reading ahead is switched
    off (``madvise``). Otherwise the operating system reads hundreds of times the data
    needed.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import iter_batches
    >>> X, y = np.arange(12.0).reshape(6, 2), ["a", "a", "a", "a", "b", "b"]
    >>> for X_batch, y_batch, weight in iter_batches(X, y, batch_size=4, epoch=1):
    ...     print(X_batch.shape, sorted(y_batch), weight.sum().round(6))
    (4, 2) ['a', 'a', 'b', 'b'] 4.0
    """
    if batches is not None and settings:
        raise ValueError(
            "batches and arguments of new ones exclude each other; got batches and "
            f"{list(settings)}. Give one of them."
        )
    if batches is None:
        batches = BalancedBatches(y, **settings)
    check_batches(X, y, batches)
    return _serve(X, y, batches)


def check_batches(X: Any, y: Any, batches: BalancedBatches) -> None:
    """Refuse batches that are not of the rows of X and y."""
    n_rows, n_known = check_lengths(X, y), batches.class_counts_.sum()
    if n_known != n_rows:
        raise ValueError(
            f"batches must be of the rows of X and y, {n_rows}; got batches of "
            f"{n_known} rows. Make them of this y."
        )


def _serve(
    X: Any, y: Any, batches: BalancedBatches
) -> Iterator[tuple[Any, Any, Floats]]:
    with read_at_random(X):
        for rows in batches.arrays():
            yield (
                gather_rows(X, rows),
                gather_rows(y, rows, "y"),
                batches.sample_weight(rows),
            )


@contextmanager
def read_at_random(X: Any) -> Iterator[None]:
    """Switch off reading ahead in a large file."""
    file: Any = X.base if isinstance(X, np.memmap) else None
    is_file = isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_RANDOM")
    if not is_file or X.nbytes <= _LARGE_FILE:
        yield
        return
    file.madvise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        file.madvise(mmap.MADV_NORMAL)
