"""XXH64 in numpy: one 64-bit number per row identity and seed.

The hash is the published one (Collet, 2012, xxHash specification 0.1.1), so any
engine that has it (Spark, Polars, DuckDB, a C program) can draw the same rows. For a
fixed seed it is a bijection on 8-byte input: different integers never tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt64Array = NDArray[np.uint64]

BLOCK = 1 << 15  # as many hashes stay in the cache
LOWER_HALF = 0xFFFFFFFF

_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)

# Spark's xxhash64(seed, key) starts from 42; so does the seed of a draw, which lets
# an SQL engine repeat it with its own function.
_SEED_OF_SEEDS = 42


def _rotate_left(values: UInt64Array, bits: int, scratch: UInt64Array) -> None:
    np.right_shift(values, np.uint64(64 - bits), out=scratch)
    np.left_shift(values, np.uint64(bits), out=values)
    np.bitwise_or(values, scratch, out=values)


def _xor_shift(values: UInt64Array, bits: int, scratch: UInt64Array) -> None:
    np.right_shift(values, np.uint64(bits), out=scratch)
    np.bitwise_xor(values, scratch, out=values)


def _round(accumulator: UInt64Array | np.uint64, lane: UInt64Array) -> UInt64Array:
    """One round of the specification; ``lane`` is read only."""
    mixed = lane * _PRIME_2
    mixed += accumulator
    _rotate_left(mixed, 31, np.empty_like(mixed))
    mixed *= _PRIME_1
    return mixed


def _absorb_8_bytes(hashed: UInt64Array, lane: UInt64Array) -> None:
    hashed ^= _round(np.uint64(0), lane)
    _rotate_left(hashed, 27, np.empty_like(hashed))
    hashed *= _PRIME_1
    hashed += _PRIME_4


def _avalanche(hashed: UInt64Array, scratch: UInt64Array) -> None:
    _mix_downwards(hashed, scratch)
    _xor_shift(hashed, 32, scratch)


def _mix_downwards(hashed: UInt64Array, scratch: UInt64Array) -> None:
    """Take all steps of the avalanche but the last, which keeps the upper half."""
    _xor_shift(hashed, 33, scratch)
    hashed *= _PRIME_2
    _xor_shift(hashed, 29, scratch)
    hashed *= _PRIME_3


def _wrapping(value: int) -> np.uint64:
    return np.uint64(value & 0xFFFFFFFFFFFFFFFF)


def _hash_multiplied(lane: UInt64Array, scratch: UInt64Array, seed: int) -> None:
    """Turn integers times the second prime into hashes that lack the last step."""
    _rotate_left(lane, 31, scratch)
    lane *= _PRIME_1
    lane ^= _wrapping(seed + int(_PRIME_5) + 8)
    _rotate_left(lane, 27, scratch)
    lane *= _PRIME_1
    lane += _PRIME_4
    _mix_downwards(lane, scratch)


def hash_integers(identities: NDArray[Any], seed: int) -> UInt64Array:
    """Hash each integer as its eight little-endian bytes (two's complement).

    Parameters
    ----------
    identities : ndarray of shape (n_rows,)
        Integers of any width; they are widened to 64 bits, not reinterpreted.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    ndarray of shape (n_rows,)
        XXH64 of every integer, uint64.
    """
    lane: UInt64Array = identities.astype(np.uint64) * _PRIME_2
    scratch = np.empty_like(lane)
    _hash_multiplied(lane, scratch, seed)
    _xor_shift(lane, 32, scratch)
    return lane


def _hash_positions(
    first: int, n_rows: int, seed: int
) -> Iterator[tuple[int, UInt64Array]]:
    """Hash consecutive integers block by block, in memory that is used again.

    The hashes lack the last step, which leaves their upper half as it is.
    """
    size = min(BLOCK, n_rows)
    multiplied = np.arange(size, dtype=np.uint64) * _PRIME_2
    lane, scratch = np.empty_like(multiplied), np.empty_like(multiplied)
    for start in range(0, n_rows, BLOCK):
        if n_rows - start < size:
            size = n_rows - start
            multiplied, lane, scratch = multiplied[:size], lane[:size], scratch[:size]
        np.add(multiplied, _wrapping((first + start) * int(_PRIME_2)), out=lane)
        _hash_multiplied(lane, scratch, seed)
        yield start, lane


def positions_below(
    first: int, n_rows: int, limit: int, seed: int
) -> tuple[NDArray[np.intp], UInt64Array]:
    """Find which of many consecutive integers have a hash below a limit.

    Only those whose upper half is small enough take the last step of the hash.

    Parameters
    ----------
    first : int
        The first integer.
    n_rows : int
        How many.
    limit : int
        Hashes must be below this.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    positions : ndarray of shape (n_found,)
        ``integer - first`` of those found, ascending.
    hashed : ndarray of shape (n_found,)
        Their XXH64.
    """
    same_upper_half = np.uint64(limit | LOWER_HALF)
    positions: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    hashes: list[UInt64Array] = [np.empty(0, dtype=np.uint64)]
    for start, lane in _hash_positions(first, n_rows, seed):
        found = np.flatnonzero(lane <= same_upper_half)
        hashes.append(lane[found])
        found += start
        positions.append(found)
    hashed = np.concatenate(hashes)
    _xor_shift(hashed, 32, np.empty_like(hashed))
    below = hashed < np.uint64(limit)
    return np.concatenate(positions)[below], hashed[below]


def mask_of_positions_below(
    first: int, n_rows: int, limit: int, seed: int
) -> NDArray[np.bool_]:
    """Tell of consecutive integers whether their hash is below a limit.

    Parameters
    ----------
    first : int
        The first integer.
    n_rows : int
        How many.
    limit : int
        Hashes must be below this.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    ndarray of shape (n_rows,)
        Whether they are.
    """
    mask = np.empty(n_rows, dtype=bool)
    same_upper_half = np.uint64(limit | LOWER_HALF)
    upper_half = np.uint64(limit & ~LOWER_HALF)
    for start, lane in _hash_positions(first, n_rows, seed):
        part = mask[start : start + len(lane)]
        np.less(lane, upper_half, out=part)
        tied = np.flatnonzero((lane >= upper_half) & (lane <= same_upper_half))
        if len(tied):
            hashed = lane[tied]
            _xor_shift(hashed, 32, np.empty_like(hashed))
            part[tied] = hashed < np.uint64(limit)
    return mask


def positions_between(
    first: int, n_rows: int, low: int, high: int, seed: int
) -> tuple[int, NDArray[np.intp], UInt64Array]:
    """Count the consecutive integers with small hashes and find those with middling.

    Parameters
    ----------
    first : int
        The first integer.
    n_rows : int
        How many.
    low, high : int
        Limits of the hashes, the first rounded down and the second up to whole
        upper halves.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    below : int
        How many have a hash below ``low``.
    positions : ndarray of shape (n_found,)
        ``integer - first`` of those with a hash from there to ``high``, ascending.
    hashed : ndarray of shape (n_found,)
        Their XXH64.
    """
    least, largest = np.uint64(low & ~LOWER_HALF), np.uint64(high | LOWER_HALF)
    below = 0
    positions: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    hashes: list[UInt64Array] = [np.empty(0, dtype=np.uint64)]
    for start, lane in _hash_positions(first, n_rows, seed):
        small = np.less(lane, least)
        below += int(np.count_nonzero(small))
        found = np.flatnonzero((lane <= largest) ^ small)
        hashes.append(lane[found])
        found += start
        positions.append(found)
    hashed = np.concatenate(hashes)
    _xor_shift(hashed, 32, np.empty_like(hashed))
    return below, np.concatenate(positions), hashed


def _absorb_stripes(lanes: UInt64Array, seed: int) -> UInt64Array:
    """Fold the 32-byte stripes; ``lanes`` is (n_rows, 4 * n_stripes)."""
    rows = lanes.shape[0]
    starts = (
        seed + int(_PRIME_1) + int(_PRIME_2),
        seed + int(_PRIME_2),
        seed,
        seed - int(_PRIME_1),
    )
    accumulators = [np.full(rows, _wrapping(start), np.uint64) for start in starts]
    for position in range(lanes.shape[1]):
        which = position % 4
        accumulators[which] = _round(accumulators[which], lanes[:, position])
    hashed = np.zeros(rows, np.uint64)
    for accumulator, bits in zip(accumulators, (1, 7, 12, 18), strict=True):
        rotated = accumulator.copy()
        _rotate_left(rotated, bits, np.empty_like(rotated))
        hashed += rotated
    for accumulator in accumulators:
        hashed ^= _round(np.uint64(0), accumulator)
        hashed *= _PRIME_1
        hashed += _PRIME_4
    return hashed


def _hash_equal_lengths(data: NDArray[np.uint8], seed: int) -> UInt64Array:
    """Hash every row of a (n_rows, n_bytes) matrix."""
    rows, length = data.shape
    striped = length // 32 * 32
    in_eights = length // 8 * 8
    lanes = np.ascontiguousarray(data[:, :in_eights]).view("<u8").astype(np.uint64)
    if striped:
        hashed = _absorb_stripes(lanes[:, : striped // 8], seed)
    else:
        hashed = np.full(rows, _wrapping(seed + int(_PRIME_5)), np.uint64)
    hashed += np.uint64(length)
    for position in range(striped // 8, in_eights // 8):
        _absorb_8_bytes(hashed, lanes[:, position])
    scratch = np.empty_like(hashed)
    done = in_eights
    if length - done >= 4:
        four = np.ascontiguousarray(data[:, done : done + 4]).view("<u4")[:, 0]
        hashed ^= four.astype(np.uint64) * _PRIME_1
        _rotate_left(hashed, 23, scratch)
        hashed *= _PRIME_2
        hashed += _PRIME_3
        done += 4
    for position in range(done, length):
        hashed ^= data[:, position].astype(np.uint64) * _PRIME_5
        _rotate_left(hashed, 11, scratch)
        hashed *= _PRIME_1
    _avalanche(hashed, scratch)
    return hashed


def hash_bytes(identities: list[bytes], seed: int) -> UInt64Array:
    """Hash byte strings of any lengths, one group of equal lengths at a time.

    Parameters
    ----------
    identities : list of bytes
        The byte strings.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    ndarray of shape (n_rows,)
        XXH64 of every string, uint64.
    """
    lengths = np.fromiter(map(len, identities), np.intp, count=len(identities))
    hashed = np.empty(len(identities), np.uint64)
    by_length = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(lengths[by_length])) + 1
    for group in np.split(by_length, ends) if len(identities) else ():
        length = int(lengths[group[0]])
        joined = b"".join(identities[row] for row in group)
        data = np.frombuffer(joined, np.uint8).reshape(len(group), length)
        hashed[group] = _hash_equal_lengths(data, seed)
    return hashed


def mix_seed(seed: int) -> int:
    """Spread a user's seed over 64 bits, so that nearby seeds share nothing.

    Parameters
    ----------
    seed : int
        A user's seed.

    Returns
    -------
    int
        XXH64 of the seed, itself seeded with 42.
    """
    return int(hash_integers(np.array([_wrapping(seed)]), _SEED_OF_SEEDS)[0])


def hash_keys(keys: NDArray[Any], seed: int) -> UInt64Array:
    """Hash integer or string identities.

    Parameters
    ----------
    keys : ndarray of shape (n_rows,)
        Integers, or strings (hashed as UTF-8), or bytes.
    seed : int
        The hash's own 64-bit seed.

    Returns
    -------
    ndarray of shape (n_rows,)
        One uint64 per key.

    Raises
    ------
    TypeError
        If the keys are neither integers nor strings.
    """
    if keys.dtype.kind in "iu":
        return hash_integers(keys, seed)
    values = keys.tolist()
    if keys.dtype.kind in "UO" and all(isinstance(value, str) for value in values):
        return hash_bytes([value.encode() for value in values], seed)
    if keys.dtype.kind in "SO" and all(isinstance(value, bytes) for value in values):
        return hash_bytes(values, seed)
    raise TypeError(
        "key must hold integers or strings without missing values, one per row; got "
        f"dtype {keys.dtype}. Convert it, or leave key out to draw by position."
    )
