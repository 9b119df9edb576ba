"""How many rows of each class a batch takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._labels import Labels

Counts = NDArray[np.int64]


def check_shares(labels: Labels, shares: Mapping[Any, float] | None) -> NDArray[Any]:
    """Turn the user's shares into one number a class.

    Parameters
    ----------
    labels : Labels
        The classes.
    shares : mapping of label to float or None
        Share of each class in a batch; None for equal shares.

    Returns
    -------
    ndarray of shape (n_classes,)
        Shares that sum to 1.

    Raises
    ------
    ValueError
        If a class is not named, a name is no class, or a share is not positive.
    """
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
    """Share out the rows of a batch by largest remainder, at least one to a class.

    Parameters
    ----------
    shares : ndarray of shape (n_classes,)
        Positive, summing to 1.
    batch_size : int
        Rows in a batch.

    Returns
    -------
    ndarray of shape (n_classes,)
        Rows by class, int64, summing to ``batch_size``. Of equal remainders the first
        class is served first (the method of Hamilton and Vinton).

    Raises
    ------
    ValueError
        If there are more classes than rows.
    """
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
    """Spread the classes evenly over the places of a batch.

    Parameters
    ----------
    quota : ndarray of shape (n_classes,)
        Rows by class.

    Returns
    -------
    ndarray of shape (quota.sum(),)
        Class code of each place; any stretch of a batch has about its shares.
    """
    codes = np.repeat(np.arange(len(quota)), quota)
    first = np.repeat(np.cumsum(quota) - quota, quota)
    due = (np.arange(len(codes)) - first + 0.5) / quota[codes]
    return codes[np.argsort(due, kind="stable")]


def check_quota(labels: Labels, quota: NDArray[np.int64]) -> None:
    """Refuse a quota that would repeat rows within a batch.

    Parameters
    ----------
    labels : Labels
        Classes and counts.
    quota : ndarray of shape (n_classes,)
        Rows by class.

    Raises
    ------
    ValueError
        If a quota is larger than its class.
    """
    short = np.flatnonzero(quota > labels.counts)
    if len(short):
        code = short[0]
        raise ValueError(
            f"replacement=False needs a quota of no more rows than a class has; class "
            f"{labels.classes.tolist()[code]!r} has {labels.counts[code]} rows and a "
            f"quota of {quota[code]}. Use a smaller batch_size, other shares, or "
            "replacement=True."
        )
