"""Check a block of rows, and list the rows drawn of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.draw import rows_of

_FAR_LONGER = 64

Indices = NDArray[np.intp]
Array = NDArray[Any]


def check_block(codes: Array, n_classes: int, offset: int, key: Array | None) -> None:
    """Refuse a block whose codes, offset or key are not usable."""
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


def whole_copies(codes: Array, copies: Array) -> Indices:
    """List the rows of the classes that are kept whole, repeated as often as asked."""
    if copies.min() == copies.max() == 1:
        return np.arange(len(codes))
    rows = rows_of(codes, copies > 0)
    if copies.max() <= 1:
        return rows
    return np.repeat(rows, copies[codes[rows]])


def merge_rows(whole: Indices, extra: Indices) -> Indices:
    """Merge two ascending lists in linear time."""
    longer, shorter = (whole, extra) if len(whole) > len(extra) else (extra, whole)
    if not len(shorter):
        return longer
    if len(longer) > _FAR_LONGER * len(shorter):
        return np.insert(longer, np.searchsorted(longer, shorter), shorter)
    # A stable sort of two ascending runs is one merge.
    return np.sort(np.concatenate([longer, shorter]), kind="stable")
