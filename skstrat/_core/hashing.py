"""XXH64: one 64-bit number per row identity and seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh64_intdigest

# The published hash (Collet, 2012, xxHash specification 0.1.1), so that any engine that
# has it draws the same rows. On 8-byte input it is a bijection for a fixed seed:
# different integers never tie.
UInt64Array = NDArray[np.uint64]

_BLOCK = 1 << 15  # as many hashes stay in the cache

_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)

# Spark's xxhash64(seed, key) starts from 42. So does the seed of a draw, so that an SQL
# engine can repeat it with its own function.
_SEED_OF_SEEDS = 42


def _rotate_left(values: UInt64Array, bits: int) -> None:
    carried = values >> np.uint64(64 - bits)
    values <<= np.uint64(bits)
    values |= carried


def hash_integers(identities: NDArray[Any], seed: int) -> UInt64Array:
    """Hash each integer as its eight little-endian bytes (two's complement)."""
    hashed: UInt64Array = np.multiply(
        identities, _PRIME_2, dtype=np.uint64, casting="unsafe"
    )
    _rotate_left(hashed, 31)
    hashed *= _PRIME_1
    hashed ^= np.uint64((seed + int(_PRIME_5) + 8) % 2**64)
    _rotate_left(hashed, 27)
    hashed *= _PRIME_1
    hashed += _PRIME_4
    hashed ^= hashed >> np.uint64(33)
    hashed *= _PRIME_2
    hashed ^= hashed >> np.uint64(29)
    hashed *= _PRIME_3
    hashed ^= hashed >> np.uint64(32)
    return hashed


def hash_bytes(identities: list[bytes], seed: int) -> UInt64Array:
    """Hash byte strings of any lengths."""
    digests = map(xxh64_intdigest, identities, repeat(seed))
    return np.fromiter(digests, np.uint64, count=len(identities))


def mix_seed(seed: int) -> int:
    """Mix a user's seed over 64 bits, so that near seeds give unrelated draws."""
    return xxh64_intdigest((seed % 2**64).to_bytes(8, "little"), _SEED_OF_SEEDS)


@dataclass(frozen=True)
class HashedKeys:
    """Hashes of keys (uint64) and their seed, without the keys."""

    hashes: UInt64Array
    seed: int

    def __len__(self) -> int:
        return len(self.hashes)

    def __getitem__(self, rows: Any) -> HashedKeys:
        """Take the hashes of some rows."""
        return HashedKeys(self.hashes[rows], self.seed)


Keys = NDArray[Any] | HashedKeys


def as_keys(keys: Any) -> Keys:
    """Return identities as an array, because a pandas Series slices by its index."""
    return keys if isinstance(keys, HashedKeys) else np.asarray(keys)


def hash_keys(keys: Keys, seed: int) -> UInt64Array:
    """Hash integer or string identities."""
    if isinstance(keys, HashedKeys):
        if keys.seed == seed:
            return keys.hashes
        return hash_integers(keys.hashes, seed)
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


def hash_blocks(
    n_rows: int, seed: int, offset: int = 0, key: Keys | None = None
) -> Iterator[tuple[slice, UInt64Array]]:
    """Hash consecutive rows block by block."""
    for start in range(0, n_rows, _BLOCK):
        stop = min(start + _BLOCK, n_rows)
        block = slice(start, stop)
        if key is None:
            rows = np.arange(offset + start, offset + stop, dtype=np.uint64)
            yield block, hash_integers(rows, seed)
        else:
            yield block, hash_keys(key[block], seed)
