"""The endless order in which a class is served: one permutation after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.targets import seed_of

Rows = NDArray[Any]
Positions = NDArray[np.int64]

# Rows shuffled at once of a class that has fewer.
_BLOCK = 1 << 12


@dataclass(frozen=True)
class Cuts:
    """Where batches cut the stream of one class.

    Attributes
    ----------
    quota : int
        Rows of the class in a full batch.
    last : int
        Rows of the class in the last batch of an epoch.
    n_batches : int
        Batches in an epoch.
    per_epoch : int
        Rows from the beginning of an epoch to that of the next.
    """

    quota: int
    last: int
    n_batches: int
    per_epoch: int

    def bounds(self, epoch: int, batch: int) -> tuple[int, int]:
        """Give the stretch of the stream that a batch takes."""
        start = epoch * self.per_epoch + batch * self.quota
        is_last = batch == self.n_batches - 1
        return start, start + (self.last if is_last else self.quota)

    def around(self, positions: Positions) -> tuple[Positions, Positions]:
        """Give the stretches of the batches that hold positions."""
        epoch, offset = np.divmod(positions, self.per_epoch)
        batch = np.minimum(offset // self.quota, self.n_batches - 1)
        start = epoch * self.per_epoch + batch * self.quota
        is_last = batch == self.n_batches - 1
        return start, start + np.where(is_last, self.last, self.quota)


@dataclass
class ClassStream:
    """Rows of one class, shuffled anew each time that all were served.

    A pure function of the seed: any stretch can be asked for. The order of a pass is
    that of random bits (Philox; Salmon et al., 2011) with the row's number below them,
    sorted: nothing in it may change with the version of numpy, and no gather follows.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        The rows of the class.
    key : tuple of (int, int)
        Seed and code of the class.
    cuts : Cuts
        Where batches begin and end. A row is not served twice in a batch if the class
        has as many rows as the batch takes.
    """

    rows: Rows
    key: tuple[int, int]
    cuts: Cuts
    _kept: dict[int, Rows] = field(default_factory=dict, repr=False)

    def take(self, start: int, stop: int) -> Rows:
        """Take a stretch of the stream."""
        length = self._passes_per_block * len(self.rows)
        first, last = start // length, (stop - 1) // length
        parts = [self._block(number) for number in range(first, last + 1)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole[start - first * length : stop - first * length]

    @property
    def _passes_per_block(self) -> int:
        """Passes made at once: many of a small class, one of a large one."""
        return max(1, _BLOCK // len(self.rows))

    @property
    def _largest_without_repeats(self) -> int:
        """Rows of the largest batch that the class has enough rows for."""
        sizes = (self.cuts.quota, self.cuts.last)
        return max((each for each in sizes if each <= len(self.rows)), default=0)

    @property
    def _is_chained(self) -> bool:
        """Whether the end of a pass may depend on the pass before it."""
        return len(self.rows) < 2 * self._largest_without_repeats

    def _block(self, number: int) -> Rows:
        """Give the passes of a block; only the last one made is kept."""
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
        # In one step, for there may be several threads: none sees half a block.
        self._kept = {number: block.ravel()}
        return block.ravel()

    def _shuffled(self, number: int) -> Rows:
        """Shuffle every pass of a block by itself."""
        shape = self._passes_per_block, len(self.rows)
        # As 64-bit integers: numpy would round large ones in a mixed tuple to floats.
        key = np.array(self.key, dtype=np.uint64)
        bits = np.random.Philox(key=key, counter=[0, 0, number, 0])
        keys = bits.random_raw(shape[0] * shape[1]).reshape(shape)
        low = np.uint64((1 << int(self.rows[-1]).bit_length()) - 1)
        keys &= ~low
        keys |= self.rows.astype(np.uint64)
        keys.sort(axis=1)
        keys &= low
        return keys.astype(self.rows.dtype)

    def _keep_apart(self, number: int, block: Rows, last: Rows | None) -> None:
        """Move rows that a batch has from the pass before behind those it takes."""
        size = len(self.rows)
        boundaries = (number * len(block) + np.arange(len(block))) * size
        start, stop = self.cuts.around(boundaries)
        cut = (start < boundaries) & (stop - start <= size)
        for index in np.flatnonzero(cut).tolist():
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


class ResumableEpochs(ABC):
    """Where an endless series of epochs stands: the epoch, and how far into it.

    A subclass gives the items of an epoch from a place on, as a pure function of seed,
    epoch and place, and says what they depend on besides.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        Seed.
    """

    def __init__(self, random_state: Any) -> None:
        self._has_own_seed = random_state is not None
        self.seed_ = seed_of(random_state)
        self._epoch = 0
        self._place = 0
        self._is_fresh = True

    @abstractmethod
    def __len__(self) -> int:
        """Items of an epoch."""

    @abstractmethod
    def _items(self, epoch: int, first: int) -> Iterator[Any]:
        """Give the items of an epoch from one on."""

    @abstractmethod
    def _identity(self) -> dict[str, Any]:
        """Name all that the items depend on besides the epoch, the seed among it."""

    def _reseed(self, seed: int) -> None:
        """Take over a seed."""
        self.seed_ = seed

    def __iter__(self) -> Iterator[Any]:
        """Serve the next epoch, or what is left of a resumed one."""
        if not self._is_fresh:
            self._epoch, self._place = self._epoch + 1, 0
        self._is_fresh = False
        first = self._place
        for place, item in enumerate(self._items(self._epoch, first), first + 1):
            # Told before the item is handed out: who asks while working on it will go
            # on with the one after it.
            self._place = place
            yield item

    def set_epoch(self, epoch: int, place: int | None = None) -> None:
        """Choose the epoch that the next ``iter()`` serves."""
        epoch = check_epoch(epoch)
        if place is None:
            keeps = self._is_fresh and epoch == self._epoch
            place = self._place if keeps else 0
        self._epoch, self._place = epoch, place
        self._is_fresh = True

    def state_dict(self) -> dict[str, Any]:
        """Tell where the iteration stands, in types that JSON knows."""
        epoch, place = self._epoch, self._place
        if place == len(self):
            epoch, place = epoch + 1, 0
        return {"epoch": epoch, "place": place, **self._identity()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a state was taken."""
        own = self._identity()
        missing = [name for name in ("epoch", "place", *own) if name not in state_dict]
        if missing:
            raise ValueError(
                f"state_dict must be what state_dict() gave; got one without {missing}."
            )
        if not self._has_own_seed:
            own["seed"] = state_dict["seed"]
        for name, value in own.items():
            if state_dict[name] != value:
                raise ValueError(
                    "state_dict must be of the same labels and arguments; its "
                    f"{name} is {state_dict[name]!r}, here it is {value!r}."
                )
        if state_dict["seed"] != self.seed_:
            self._reseed(state_dict["seed"])
        self._epoch, self._place = state_dict["epoch"], state_dict["place"]
        self._is_fresh = True


def check_epoch(epoch: Any) -> int:
    """Check the number of an epoch."""
    if not isinstance(epoch, (int, np.integer)) or epoch < 0:
        raise ValueError(f"epoch must be a whole number from 0 on; got {epoch!r}.")
    return int(epoch)


def check_process(rank: Any, world_size: Any) -> tuple[int, int]:
    """Check which of how many processes this is."""
    positive_integer("world_size", world_size)
    if not isinstance(rank, (int, np.integer)) or not 0 <= rank < world_size:
        raise ValueError(
            f"rank must be from 0 to world_size - 1 = {world_size - 1}; got {rank!r}."
        )
    return int(rank), int(world_size)


def positive_integer(name: str, value: Any, others: str = "") -> int:
    """Check a count."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise ValueError(
            f"{name} must be {others}a whole number from 1 on; got {value!r}."
        )
    return int(value)
