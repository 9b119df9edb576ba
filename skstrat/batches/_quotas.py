"""Numbers of rows of each class in a batch and in an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels
from skstrat._core.weights import Floats
from skstrat.batches._epochs import check_whole

Counts = NDArray[np.int64]


def check_shares(labels: Labels, shares: Mapping[Any, float] | None) -> Floats:
    """Check shares, and return one for each class."""
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
            f"{dict(zip(classes, given.tolist(), strict=True))}. To serve no row of a "
            "class, leave its rows out of y."
        )
    return given / given.sum()


def apportion(shares: Floats, batch_size: int) -> Counts:
    """Distribute the rows of a batch by largest remainder, at least one to a class."""
    n_classes = len(shares)
    if batch_size < n_classes:
        raise ValueError(
            f"batch_size must be at least the number of classes, {n_classes}, so that "
            f"each is in every batch; got {batch_size}. Use a larger batch, or merge "
            "small classes."
        )
    # Every class gets one row; only what exceeds it is apportioned.
    due = np.maximum(shares * batch_size - 1, 0)
    if due.sum():
        due *= (batch_size - n_classes) / due.sum()
    # A whole number may be slightly too small by rounding.
    whole = np.floor(due + 1e-9)
    left = batch_size - n_classes - int(whole.sum())
    by_remainder = np.argsort(np.round(whole - due, 9), kind="stable")
    whole[by_remainder[:left]] += 1
    return whole.astype(np.int64) + 1


def check_quota(labels: Labels, quota: Counts) -> None:
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


def interleave(quota: Counts) -> NDArray[np.intp]:
    """Order the rows of a batch so that classes are spread evenly."""
    first = np.repeat(np.cumsum(quota) - quota, quota)
    position = (np.arange(len(first)) - first + 0.5) / np.repeat(quota, quota)
    return np.argsort(position, kind="stable")


@dataclass(frozen=True)
class EpochPlan:
    """Rows of each class in the batches of an epoch."""

    n_batches: int
    quota: Counts  # Rows of each class in a full batch.
    last: Counts  # Rows of each class in the last batch.
    # Rows of each class from the start of an epoch to the start of the next.
    per_epoch: Counts

    @property
    def served(self) -> Counts:
        """Rows of each class served in an epoch."""
        return self.quota * (self.n_batches - 1) + self.last


def plan_epoch(
    epoch: str | int, quota: Counts, counts: Counts, drop_last: bool
) -> EpochPlan:
    """Compute the number of batches of an epoch, and the rows of the last."""
    if epoch not in ("largest", "smallest"):
        n_batches = check_whole("epoch", epoch, others='"largest", "smallest" or ')
        return EpochPlan(n_batches, quota, quota, quota * n_batches)
    needed = counts / quota
    lead = int(needed.argmax() if epoch == "largest" else needed.argmin())
    n_batches, rest = divmod(int(counts[lead]), int(quota[lead]))
    last = quota
    if rest and not drop_last:
        n_batches += 1
        shrunk = np.floor(quota * (rest / quota[lead]) + 0.5).astype(np.int64)
        last = np.maximum(shrunk, 1)
        last[lead] = rest
    per_epoch = quota * (n_batches - 1) + last
    # The class that ends an epoch starts the next with a new permutation, or the rows
    # that drop_last left out would be the first of it.
    per_epoch[lead] = counts[lead]
    return EpochPlan(n_batches, quota, last, per_epoch)
