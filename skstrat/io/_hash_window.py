"""Rows of a part counted and chosen by their hashes, without listing most of them.

Where positions tell the rows apart, the largest class needs no list of its rows: all
rows are hashed and counted, and those of the other classes are taken off again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.draw import rows_below
from skstrat._core.hashing import hash_blocks, hash_integers, mix_seed
from skstrat._core.plan import Plan

_SAMPLE = 257

Array = NDArray[Any]


def mask_of_rows(codes: Array, plan: Plan, offset: int) -> NDArray[np.bool_]:
    """Mark which of consecutive rows are drawn."""
    threshold = np.array(plan.threshold, dtype=np.uint64)
    whole = np.array(plan.rows) >= np.array(plan.rows_seen)
    hash_seed = mix_seed(plan.seed)
    pivot = int(np.bincount(codes[:: 1 + len(codes) // _SAMPLE]).argmax())
    mask = np.ones(len(codes), dtype=bool)
    if not whole[pivot]:
        for block, hashed in hash_blocks(len(codes), hash_seed, offset):
            np.less(hashed, threshold[pivot], out=mask[block])
    others = np.flatnonzero(codes != pivot)
    own = codes[others]
    below = hash_integers(others + offset, hash_seed) < threshold[own]
    mask[others] = whole[own] | below
    return mask


@dataclass(frozen=True)
class Window:
    """Limits around the threshold of each class, and how rows are hashed.

    Attributes
    ----------
    low, high : ndarray of shape (n_classes,)
        Limits of the hashes, uint64.
    hash_seed : int
        Seed of the hash.
    offset : int
        Position of the first row.
    identities : ndarray of shape (n_rows,) or None
        Keys of the rows; None for their positions.
    """

    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    hash_seed: int
    offset: int
    identities: Array | None

    def count(self, codes: Array, counts: Array) -> tuple[Array, Array, Array]:
        """Count consecutive rows below the window and find those in it."""
        pivot = int(counts.argmax())
        others = np.flatnonzero(codes != pivot)
        own = codes[others]
        hashes = hash_integers(others + self.offset, self.hash_seed)
        surely = hashes < self.low[own]
        near = ~surely & (hashes < self.high[own])
        below = np.bincount(own[surely], minlength=len(counts))
        if not self.high[pivot]:
            return below, own[near], hashes[near]
        low, high = self.low[pivot], self.high[pivot]
        below[pivot] = -np.count_nonzero(hashes < low)
        near_codes, near_hashes = [own[near]], [hashes[near]]
        for block, hashed in hash_blocks(len(codes), self.hash_seed, self.offset):
            small = hashed < low
            below[pivot] += np.count_nonzero(small)
            rows = np.flatnonzero((hashed < high) ^ small)
            rows = rows[codes[block][rows] == pivot]
            near_codes.append(codes[block][rows])
            near_hashes.append(hashed[rows])
        return below, np.concatenate(near_codes), np.concatenate(near_hashes)

    def find(
        self, codes: Array, counts: Array, weights: Array
    ) -> tuple[Array, Array, tuple[Array, Array, Array]]:
        """Count rows with keys or weights below the window and find those in it."""
        found, own, hashes = rows_below(
            codes, counts, self.high, self.hash_seed, self.offset, self.identities
        )
        surely = hashes < self.low[own]
        below = np.bincount(own[surely], minlength=len(counts))
        total = np.bincount(own[surely], weights[found[surely]], minlength=len(counts))
        near = ~surely
        return below, total, (own[near], hashes[near], weights[found[near]])
