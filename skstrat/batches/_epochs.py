"""An endless series of epochs that can be resumed and shared among processes."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from traceback import walk_stack
from typing import Any

import numpy as np

from skstrat._core.targets import seed_of

# Classes of Accelerate and Lightning that give each process a part of the items.
_DIVIDERS = {"BatchSamplerShard", "DataLoaderDispatcher", "_DatasetSamplerWrapper"}


class ResumableEpochs(ABC):
    """The position in an endless series of epochs: the epoch, and the place in it."""

    def __init__(self, random_state: Any, rank: Any, world_size: Any) -> None:
        self.rank, self.world_size = check_process(rank, world_size)
        self._has_own_seed = self._is_same_everywhere = random_state is not None
        self.seed_ = seed_of(random_state)
        self._epoch = 0
        self._place = 0
        self._is_fresh = True
        self._is_loaded = False

    # A subclass returns the items of an epoch from a place on, as a pure function of
    # seed, epoch and place. It also names all other values that they depend on.
    @abstractmethod
    def __len__(self) -> int:
        """Items of an epoch."""

    @abstractmethod
    def _items(self, epoch: int, first: int) -> Iterator[Any]:
        """Yield the items of an epoch from ``first`` on."""

    @abstractmethod
    def _identity(self) -> dict[str, Any]:
        """Return all that the items depend on besides the epoch, such as the seed."""

    def _reseed(self, seed: int) -> None:
        """Set the seed."""
        self.seed_ = seed

    def __iter__(self) -> Iterator[Any]:
        """Serve the next epoch, or the rest of a resumed one."""
        self._check_division()
        if not self._is_fresh:
            self._epoch, self._place = self._epoch + 1, 0
        self._is_fresh = self._is_loaded = False
        first = self._place
        for place, item in enumerate(self._items(self._epoch, first), first + 1):
            # Set before the item is yielded, so that a state saved during its use
            # resumes with the next.
            self._place = place
            yield item

    def _check_division(self) -> None:
        """Refuse what would not divide one epoch among the processes."""
        n_processes, distributed = self.world_size, sys.modules.get("torch.distributed")
        if distributed and distributed.is_available() and distributed.is_initialized():
            n_processes = max(n_processes, distributed.get_world_size())
        if n_processes > 1 and not self._is_same_everywhere:
            raise ValueError(
                "random_state must be the same number in all processes, so that they "
                "divide one epoch; got None. Give an integer."
            )
        # A trainer that divides the items iterates over them like any other loop.
        callers = (frame.f_code.co_qualname for frame, _ in walk_stack(None))
        if self.world_size > 1 and any(
            name.partition(".")[0] in _DIVIDERS for name in callers
        ):
            raise ValueError(
                "rank and world_size must be left out where the trainer divides the "
                f"rows; got world_size={self.world_size}. Each process would be served "
                "a part of its part. Leave them out. Or give the loader to Lightning "
                "with use_distributed_sampler=False, and not to prepare() of "
                "Accelerate."
            )

    def set_epoch(self, epoch: int, place: int | None = None) -> None:
        """Choose the epoch that the next ``iter()`` serves, and the place in it.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        place : int, default=None
            Number of items to leave out, of this process. None for 0, but a place that
            was loaded for this epoch is kept.

        Raises
        ------
        ValueError
            If a number is negative or not whole, or ``place`` exceeds the items.

        Warns
        -----
        UserWarning
            If a loaded state is of another epoch, and ``place`` is None.
        """
        epoch = check_whole("epoch", epoch, least=0)
        if place is None:
            if self._is_loaded and epoch != self._epoch:
                warnings.warn(
                    "set_epoch chose another epoch than that of the loaded state, so "
                    "the run does not continue where it stopped. Give the training "
                    "loop or loader the epoch of the state, such as by "
                    'loader.set_epoch(state["epoch"]). If another is meant, give '
                    "place= as well.",
                    stacklevel=2,
                )
            keeps = self._is_fresh and epoch == self._epoch
            place = self._place if keeps else 0
        elif check_whole("place", place, least=0) > len(self):
            raise ValueError(
                f"place must be at most {len(self)}, the items of an epoch; got "
                f"{place}. Give the number of items that this process has done."
            )
        self._epoch, self._place = epoch, int(place)
        self._is_fresh, self._is_loaded = True, False

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the iteration, in types that JSON has."""
        epoch, place = self._epoch, self._place
        if place == len(self):
            epoch, place = epoch + 1, 0
        return {"epoch": epoch, "place": place, **self._identity()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state."""
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
        self._is_fresh = self._is_loaded = self._is_same_everywhere = True


def check_process(rank: Any, world_size: Any) -> tuple[int, int]:
    """Check the number of this process and of all."""
    world_size = check_whole("world_size", world_size)
    if not isinstance(rank, (int, np.integer)) or not 0 <= rank < world_size:
        raise ValueError(
            f"rank must be from 0 to world_size - 1 = {world_size - 1}; got {rank!r}."
        )
    return int(rank), world_size


def check_whole(name: str, value: Any, *, least: int = 1, others: str = "") -> int:
    """Check a whole number."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ValueError(
            f"{name} must be {others}a whole number from {least} on; got {value!r}."
        )
    return int(value)
