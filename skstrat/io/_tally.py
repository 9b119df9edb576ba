"""Counts and hashes of the labels of a part of the data, and how parts add up.

For an exact draw only the hashes near the threshold are kept, some ``sqrt(n)`` of
them, so that the parts of any data can be put together in little memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.draw import LARGEST, hash_window
from skstrat._core.weights import Floats

Shares = Mapping[Any, float] | float


@dataclass(frozen=True)
class ClassTally:
    """Rows and total weight of one class, and its hashes near the threshold.

    Attributes
    ----------
    rows : int
        Rows seen, those of zero weight left out.
    total : float
        Their total weight.
    share : float
        Share of them to draw, beyond whole copies of all.
    below : int
        Rows whose hash is surely below the threshold.
    below_total : float
        Their total weight.
    hashes : ndarray of shape (n_near,)
        Hashes near the threshold.
    weights : ndarray of shape (n_near,)
        Weights of their rows.
    """

    rows: int
    total: float
    share: float
    below: int
    below_total: float
    hashes: NDArray[np.uint64]
    weights: Floats

    def merge(self, other: Self) -> Self:
        """Add the rows of another part."""
        rows = self.rows + other.rows
        hashes = np.concatenate([self.hashes, other.hashes])
        weights = np.concatenate([self.weights, other.weights])
        low, high = hash_window(np.array([self.share]), np.array([rows]))
        below, near = hashes < low, (hashes >= low) & (hashes < high)
        return type(self)(
            rows=rows,
            total=self.total + other.total,
            share=self.share,
            below=self.below + other.below + int(np.count_nonzero(below)),
            below_total=float(
                self.below_total + other.below_total + weights[below].sum()
            ),
            hashes=hashes[near],
            weights=weights[near],
        )

    def below_threshold(self, threshold: int) -> tuple[int, float]:
        """Count the rows whose hash is below a threshold, and add up their weights."""
        if not threshold:
            return 0, 0.0
        near = self.hashes < np.uint64(threshold)
        rows = self.below + int(np.count_nonzero(near))
        return rows, self.below_total + float(self.weights[near].sum())

    def draw(self, wanted: int) -> tuple[int, int, float]:
        """Draw the rows of the smallest hashes."""
        k = wanted - self.below
        if not wanted or not 0 <= k <= len(self.hashes):
            return 0, 0, 0.0
        threshold = LARGEST
        if k < len(self.hashes):
            threshold = int(np.partition(self.hashes, k)[k])
        return threshold, *self.below_threshold(threshold)


@dataclass(frozen=True)
class Tally:
    """Counts and hashes of each class in a part of the data.

    Attributes
    ----------
    n_rows : int
        All its rows, those of zero weight too.
    classes : dict of label to ClassTally
        Counts and hashes of each class.
    """

    n_rows: int
    classes: Mapping[Any, ClassTally]

    def merge(self, other: Self) -> Self:
        """Add another part."""
        classes = dict(self.classes)
        for label, tally in other.classes.items():
            mine = classes.get(label)
            classes[label] = tally if mine is None else mine.merge(tally)
        return type(self)(self.n_rows + other.n_rows, classes)


NOTHING = Tally(0, {})


def share_of(shares: Shares, label: Any) -> float:
    """Look up the share of a class."""
    return shares.get(label, 0.0) if isinstance(shares, Mapping) else shares
