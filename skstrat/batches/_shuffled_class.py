"""The endless order of the rows of a class: one permutation after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
Positions = NDArray[np.int64]

# Rows shuffled at once of a class that has fewer.
_BLOCK = 1 << 12


def random_bits(
    key: tuple[int, int], block: int, epoch: int, n_words: int
) -> NDArray[np.uint64]:
    """Draw 64-bit words, a pure function of the other arguments (Philox)."""
    # As 64-bit integers: numpy would round large ones in a mixed tuple to floats.
    words = np.array(key, dtype=np.uint64)
    return np.random.Philox(key=words, counter=[0, 0, block, epoch]).random_raw(n_words)


@dataclass(frozen=True)
class BatchBounds:
    """Start and end of batches in the order of one class."""

    n_batches: int  # Batches in an epoch.
    quota: int  # Rows of the class in a full batch.
    last: int  # Rows of the class in the last batch of an epoch.
    per_epoch: int  # Rows from the start of an epoch to the start of the next.

    def start(self, epoch: Any, batch: Any) -> Any:
        """Return the position at which a batch starts."""
        return epoch * self.per_epoch + batch * self.quota

    def around(self, positions: Positions) -> tuple[Positions, Positions]:
        """Return the start and end of the batches that hold positions."""
        epoch, offset = np.divmod(positions, self.per_epoch)
        batch = np.minimum(offset // self.quota, self.n_batches - 1)
        start = self.start(epoch, batch)
        is_last = batch == self.n_batches - 1
        return start, start + np.where(is_last, self.last, self.quota)


# A pure function of the seed, so any part can be computed. Random bits (Philox; Salmon
# et al., 2011) with the number of the row as last bits are sorted, and give the order
# of a pass. So it does not depend on the version of numpy, and needs no indexing.
@dataclass
class ShuffledClass:
    """Rows of one class, shuffled again each time that all were served."""

    rows: Rows
    key: tuple[int, int]  # Seed and code of the class.
    # No row is served twice in a batch if the class has as many rows as it needs.
    bounds: BatchBounds
    _kept: dict[int, Rows] = field(default_factory=dict, repr=False)

    def take(self, start: int, stop: int) -> Rows:
        """Take the rows from one position to another."""
        length = self._passes_per_block * len(self.rows)
        first, last = start // length, (stop - 1) // length
        parts = [self._block(number) for number in range(first, last + 1)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole[start - first * length : stop - first * length]

    @property
    def _passes_per_block(self) -> int:
        """Passes computed at once: many of a small class, one of a large one."""
        return max(1, _BLOCK // len(self.rows))

    @property
    def _largest_without_repeats(self) -> int:
        """Largest rows of a batch that the class can fill without repeats."""
        sizes = (self.bounds.quota, self.bounds.last)
        return max((each for each in sizes if each <= len(self.rows)), default=0)

    @property
    def _is_chained(self) -> bool:
        """Whether the end of a pass may depend on the pass before it."""
        return len(self.rows) < 2 * self._largest_without_repeats

    def _block(self, number: int) -> Rows:
        """Return the passes of a block; only the last block is cached."""
        kept = self._kept
        if number in kept:
            return kept[number]
        first = number
        if self._is_chained:
            first = max((each + 1 for each in kept if each < number), default=0)
        before = kept.get(first - 1)
        for each in range(first, number + 1):
            block = self._shuffled(each)
            if self._largest_without_repeats > 1:
                self._keep_apart(each, block, before)
            before = block.ravel()
        # One assignment, so that several threads never read an unfinished block.
        self._kept = {number: block.ravel()}
        return block.ravel()

    def _shuffled(self, number: int) -> Rows:
        """Shuffle every pass of a block by itself."""
        shape = self._passes_per_block, len(self.rows)
        keys = random_bits(self.key, number, 0, shape[0] * shape[1]).reshape(shape)
        low = np.uint64((1 << int(self.rows[-1]).bit_length()) - 1)
        keys &= ~low
        keys |= self.rows.astype(np.uint64)
        keys.sort(axis=1)
        keys &= low
        return keys.astype(self.rows.dtype)

    def _keep_apart(self, number: int, block: Rows, last: Rows | None) -> None:
        """Move rows that a batch already has behind those that it takes next."""
        size = len(self.rows)
        boundaries = (number * len(block) + np.arange(len(block))) * size
        start, stop = self.bounds.around(boundaries)
        is_split = (start < boundaries) & (stop - start <= size)
        for index in np.flatnonzero(is_split).tolist():
            served = int(boundaries[index] - start[index])
            needed = int(stop[index] - boundaries[index])
            if index:
                before = block[index - 1]
            else:
                before = self._shuffled(number - 1)[-1] if last is None else last
            head = block[index, : served + needed]
            again = np.isin(head, before[len(before) - served :])
            if again[:needed].any():
                fresh = np.flatnonzero(~again)[:needed]
                behind = np.delete(head, fresh)
                head[:needed] = head[fresh]
                head[needed:] = behind
