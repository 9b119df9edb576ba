"""Find the rows with the smallest hashes of their class, without sorting the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.hashing import Keys, as_keys, hash_blocks, hash_keys, mix_seed

LARGEST = 2**64 - 1

Indices = NDArray[np.intp]
Array = NDArray[Any]


def hash_window(share: Array, counts: Array) -> tuple[Array, Array]:
    """Return bounds of the threshold of a draw."""
    # 8 standard deviations. In the rare case of too few rows below, all are compared.
    margin = 8 * np.sqrt(share * (1 - share) / counts) + 32 / counts
    margin[share == 0] = 0
    return as_threshold(share - margin), as_threshold(share + margin)


def as_threshold(share: Array) -> Array:
    """Turn shares into hashes."""
    scaled = [min(max(int(part * 2.0**64), 0), LARGEST) for part in share.tolist()]
    return np.array(scaled, dtype=np.uint64)


def rows_below(
    codes: Array,
    counts: Array,
    limit: Array,
    hash_seed: int,
    offset: int,
    key: Keys | None,
) -> tuple[Indices, Array, Array]:
    """Find the rows whose hash is below their class's limit."""
    key = None if key is None else as_keys(key)
    drawn = limit > 0
    if 2 * counts[drawn].sum() < counts.sum():
        near = rows_of(codes, drawn)
        found = hash_keys(near + offset if key is None else key[near], hash_seed)
    else:
        near, found = hashes_below(len(codes), int(limit.max()), hash_seed, offset, key)
    own_codes = codes[near]
    below = found < limit[own_codes]
    if below.all():
        return near, own_codes, found
    return near[below], own_codes[below], found[below]


def smallest_hashes(
    codes: Array, counts: Array, wanted: Array, seed: int, key: Keys | None
) -> tuple[Array, Indices]:
    """Find each class's threshold and the rows below it, in one pass."""
    _, limit = hash_window(wanted / counts, counts)
    hash_seed = mix_seed(seed)
    rows, own_codes, hashes = rows_below(codes, counts, limit, hash_seed, 0, key)
    found = np.bincount(own_codes, minlength=len(counts))
    short = (found <= wanted) & (wanted > 0) & (limit < LARGEST)
    if short.any():
        limit[short] = LARGEST
        rows, own_codes, hashes = rows_below(codes, counts, limit, hash_seed, 0, key)
    threshold = _thresholds(own_codes, hashes, wanted)
    return threshold, rows[hashes < threshold[own_codes]]


def _thresholds(codes: Array, hashes: Array, wanted: Array) -> Array:
    """Return the (wanted + 1)-th smallest hash of each class among the candidates."""
    by_class = hashes[np.argsort(codes, kind="stable")]
    ends = np.cumsum(np.bincount(codes, minlength=len(wanted)))
    threshold = np.zeros(len(wanted), dtype=np.uint64)
    for drawn in np.flatnonzero(wanted):
        start = ends[drawn - 1] if drawn else 0
        own = by_class[start : ends[drawn]]
        k = int(wanted[drawn])
        # A class has more rows than are wanted. Only a row whose hash is the largest
        # number can be missing here.
        threshold[drawn] = np.partition(own, k)[k] if k < len(own) else LARGEST
    return threshold


def rows_of(codes: Array, wanted: NDArray[np.bool_]) -> Indices:
    """List the rows of some classes."""
    # One comparison is faster than a look-up; a Python integer is compared in the
    # type of the codes, a numpy one in its own.
    n_wanted = np.count_nonzero(wanted)
    if n_wanted == 0:
        return np.empty(0, dtype=np.intp)
    if n_wanted == 1:
        return np.flatnonzero(codes == int(wanted.argmax()))
    if n_wanted == len(wanted) - 1:
        return np.flatnonzero(codes != int(wanted.argmin()))
    return np.flatnonzero(wanted[codes])


def hashes_below(
    n_rows: int, limit: int, hash_seed: int, offset: int, key: Keys | None
) -> tuple[Indices, Array]:
    """Find which of consecutive rows have a hash below a limit."""
    rows = [np.empty(0, dtype=np.intp)]
    hashes = [np.empty(0, dtype=np.uint64)]
    for block, hashed in hash_blocks(n_rows, hash_seed, offset, key):
        found = np.flatnonzero(hashed < np.uint64(limit))
        hashes.append(hashed[found])
        rows.append(found + block.start)
    return np.concatenate(rows), np.concatenate(hashes)
