"""How many rows of each class a batch takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._labels import Labels

Counts = NDArray[np.int64]


def check_shares(labels: Labels, shares: Mapping[Any, float] | None) -> NDArray[Any]:
    """Turn the user's shares into one number a class."""
    n_classes = len(labels.classes)
    if shares is None:
        return np.full(n_classes, 1 / n_classes)
    classes = labels.classes.tolist()
    if set(shares) != set(classes):
        raise ValueError(
            f"shares must name every class of y, {classes}, and no other; got "
            f"{list(shares)}."
        )
    given = np.array([float(shares[label]) for label in classes])
    if not (given > 0).all() or not np.isclose(given.sum(), 1):
        raise ValueError(
            "shares must be positive and sum to 1; got "
            f"{dict(zip(classes, given.tolist(), strict=True))}. A class that shall "
            "not be served is to be left out of y."
        )
    return given / given.sum()


def apportion(shares: NDArray[Any], batch_size: int) -> Counts:
    """Share out the rows of a batch by largest remainder, at least one to a class."""
    n_classes = len(shares)
    if batch_size < n_classes:
        raise ValueError(
            f"batch_size must be at least the number of classes, {n_classes}, so that "
            f"each is in every batch; got {batch_size}. Use a larger batch, or merge "
            "small classes."
        )
    # One row is everybody's; only what is due beyond it is shared out.
    due = np.maximum(shares * batch_size - 1, 0)
    if due.sum():
        due *= (batch_size - n_classes) / due.sum()
    # What rounding leaves just under a whole number is that number.
    whole = np.floor(due + 1e-9)
    left = batch_size - n_classes - int(whole.sum())
    by_remainder = np.argsort(np.round(whole - due, 9), kind="stable")
    whole[by_remainder[:left]] += 1
    return whole.astype(np.int64) + 1


def interleave(quota: Counts) -> NDArray[np.intp]:
    """Spread the classes evenly over the places of a batch."""
    codes = np.repeat(np.arange(len(quota)), quota)
    first = np.repeat(np.cumsum(quota) - quota, quota)
    due = (np.arange(len(codes)) - first + 0.5) / quota[codes]
    return codes[np.argsort(due, kind="stable")]


def check_quota(labels: Labels, quota: NDArray[np.int64]) -> None:
    """Refuse a quota that would repeat rows within a batch."""
    short = np.flatnonzero(quota > labels.counts)
    if len(short):
        code = short[0]
        raise ValueError(
            f"replacement=False needs a quota of no more rows than a class has; class "
            f"{labels.classes.tolist()[code]!r} has {labels.counts[code]} rows and a "
            f"quota of {quota[code]}. Use a smaller batch_size, other shares, or "
            "replacement=True."
        )
