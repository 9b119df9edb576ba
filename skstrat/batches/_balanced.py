"""Batches of row numbers with a fixed number of rows of every class."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from zlib import crc32

import numpy as np

from skstrat._core.hashing import mix_seed
from skstrat._core.labels import Labels, by_label, encode_labels
from skstrat._core.weights import (
    CellSums,
    Floats,
    Weighting,
    cell_weights,
    check_sample_weight,
    class_totals,
)
from skstrat.batches._epochs import ResumableEpochs, check_whole
from skstrat.batches._quotas import (
    Counts,
    apportion,
    check_quota,
    check_shares,
    interleave,
    plan_epoch,
)
from skstrat.batches._shuffled_class import BatchBounds, Rows, ShuffledClass

# Rows drawn ahead: few enough for the cache. With many classes more, so that the fixed
# cost of a draw is small for each row.
_AHEAD = 1 << 16
_AHEAD_EACH = 1 << 11
_MOST_AHEAD = 1 << 20


class BalancedBatches(ResumableEpochs):
    """Batches of row numbers with a fixed number of rows of every class.

    Only labels are read. The rows of each class are served in random order, and
    shuffled again when all were served. A new order may start within a batch, but no
    row is repeated in it. The next epoch continues where a class stopped. So the
    numbers of times that two rows of a class were served differ by at most one. This
    does not hold for the rows that ``drop_last`` omits, other rows in every epoch.

    Every batch is a pure function of seed, epoch and number. So any batch can be
    computed, a run resumed, and the batches shared among processes.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of two or more classes, in any container.
    batch_size : int
        Rows in a batch, at least one of each class.
    shares : dict of label to float, default=None
        Share of each class in a batch; shares sum to 1. None for equal shares. They are
        rounded to rows by the largest remainder.
    epoch : {"largest", "smallest"} or int, default="largest"
        The end of an epoch. ``"largest"``: every row of the class that needs most
        batches was served exactly once. ``"smallest"``: the same for the class that
        needs fewest. Or a number of batches.
    weighting : {"original", "balanced", "uniform"} or dict, default="original"
        Total loss weight of each class. ``"original"`` makes the rows served an
        unbiased estimate of the data. ``"balanced"`` gives all classes the same total.
        ``"uniform"`` gives all rows served the same weight. A dict of shares is a
        target prior.
    drop_last : bool, default=False
        Whether to leave out a last batch that is smaller than the others. It has the
        same shares up to rounding, and at least one row of each class.
    replacement : bool, default=True
        Whether rows may be repeated within a batch. False refuses classes with fewer
        rows than a batch needs.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; the original total of a class is their sum. They do not
        change how often rows are served: they multiply the loss weight of the class.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the orders. Several processes need the same.
    rank, world_size : int, default=0 and 1
        Number of this process, and number of processes. Leave them out if the trainer
        divides the batches, as Accelerate does. Each process is served every
        ``world_size``-th batch. The rest at the end of an epoch is divided evenly. So
        all have the same number of batches and together serve what one process would.
        The last batch of a process then has the shares only if its rows suffice. A
        small class may be missing from it or repeat a row.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    class_counts_ : ndarray of shape (n_classes,)
        Rows of each class.
    quota_ : ndarray of shape (n_classes,)
        Rows of each class in a full batch.
    class_weight_ : dict of label to float
        Loss weight of a served row of each class. The average over an epoch is that of
        ``sample_weight``, or 1 without it.
    passes_per_epoch_ : dict of label to float
        How often a row of each class is served in an epoch.
    seed_ : int
        The seed.

    Raises
    ------
    ValueError
        If there is one class, or more classes than rows in a batch. If a batch needs
        more rows of a class than there are, without ``replacement``. If an argument is
        out of range. When iterated: if several processes have no common
        ``random_state``, or a trainer divides what ``rank`` has divided.
    TypeError
        If ``drop_last`` is not a bool. If y is a sampler: Lightning gives one unless
        its ``use_distributed_sampler`` is False.

    See Also
    --------
    iter_batches : Batches of the data itself.
    ImbalancedSampler : Rows drawn by weight, with replacement.

    Notes
    -----
    With ``"largest"`` each class is served as many rows as its share requires. With K
    classes and equal shares that is about K times the rows of the largest. With many
    small classes, set ``epoch`` to a number of batches.

    Each ``iter()`` is a new epoch, also after an incomplete one. It works as
    ``batch_sampler`` of a torch ``DataLoader``, so a batch is a list of integers, as
    torch's ``BatchSampler`` gives them. :meth:`arrays` gives arrays.

    Examples
    --------
    >>> from skstrat import BalancedBatches
    >>> y = ["A", "A", "A", "A", "B", "B", "C"]
    >>> batches = BalancedBatches(y, batch_size=3, random_state=0)
    >>> len(batches)
    4
    >>> for rows in batches:
    ...     print(sorted(y[row] for row in rows))
    ['A', 'B', 'C']
    ['A', 'B', 'C']
    ['A', 'B', 'C']
    ['A', 'B', 'C']
    >>> {label: round(weight, 3) for label, weight in batches.class_weight_.items()}
    {'A': 1.714, 'B': 0.857, 'C': 0.429}
    """

    def __init__(
        self,
        y: Any,
        *,
        batch_size: int,
        shares: Mapping[Any, float] | None = None,
        epoch: Literal["largest", "smallest"] | int = "largest",
        weighting: Weighting = "original",
        drop_last: bool = False,
        replacement: bool = True,
        sample_weight: Any = None,
        random_state: Any = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(random_state, rank, world_size)
        _refuse_sampler(y)
        labels = encode_labels(y)
        self.batch_size = check_whole("batch_size", batch_size)
        if not isinstance(drop_last, (bool, np.bool_)):
            raise TypeError(f"drop_last must be True or False; got {drop_last!r}.")
        self.drop_last = bool(drop_last)
        self.classes_, self.class_counts_ = labels.classes, labels.counts
        self.quota_ = apportion(check_shares(labels, shares), self.batch_size)
        if not replacement:
            check_quota(labels, self.quota_)
        self._plan = plan_epoch(epoch, self.quota_, labels.counts, self.drop_last)
        self._share_out_batches()
        self._codes = labels.codes
        self._shuffle_classes()
        self._learn_weights(labels, weighting, sample_weight)

    def _share_out_batches(self) -> None:
        """Compute the batches of each process, and the rest to be divided."""
        plan = self._plan
        is_short = bool((plan.last < plan.quota).any())
        self._n_full = (plan.n_batches - is_short) // self.world_size
        left = plan.n_batches - self._n_full * self.world_size
        self._n_own = self._n_full + (left > 0 and not self.drop_last)
        if not self._n_own:
            raise ValueError(
                "drop_last must leave every process a batch; an epoch has "
                f"{plan.n_batches} full batches for world_size={self.world_size}. Use "
                "drop_last=False or a smaller batch_size."
            )
        self._left = plan.quota * (left - 1) + plan.last
        if self._n_full < self._n_own and self._left.sum() < self.world_size:
            raise ValueError(
                "world_size must not be more than the rows that are left at the end of "
                f"an epoch, {self._left.sum()}; got {self.world_size}. Use "
                "drop_last=True or another batch_size."
            )

    def _shuffle_classes(self) -> None:
        """Set the order of each class, a function of the seed."""
        by_class = np.argsort(self._codes, kind="stable")
        small = len(by_class) <= np.iinfo(np.int32).max
        by_class = by_class.astype(np.int32 if small else np.int64)
        seed, plan = mix_seed(self.seed_), self._plan
        self._shuffled = []
        sizes = np.column_stack([plan.quota, plan.last, plan.per_epoch]).tolist()
        own_rows = np.split(by_class, np.cumsum(self.class_counts_)[:-1])
        for code, rows in enumerate(own_rows):
            bounds = BatchBounds(plan.n_batches, *sizes[code])
            self._shuffled.append(ShuffledClass(rows, (seed, code), bounds))

    def _learn_weights(
        self, labels: Labels, weighting: Weighting, sample_weight: Any
    ) -> None:
        """Compute the loss weight of a row of each class."""
        weights = check_sample_weight(sample_weight, len(labels.codes))
        total = class_totals(labels, weights)
        names = labels.classes.tolist()
        if not total.all():
            raise ValueError(
                "sample_weight must have a positive weight in every class; all of "
                f"class {names[int(total.argmin())]!r} are zero. Leave its rows out of "
                "y."
            )
        if weighting == "factor":
            raise ValueError(
                'weighting must be "original", "balanced", "uniform" or a dict of '
                'class shares; got "factor", which needs a factor.'
            )
        served = self._plan.served
        passes = served / labels.counts
        drawn = passes * total
        sums = CellSums.of_classes(1 / passes, total, drawn)
        each = cell_weights(weighting, labels, sums)
        if weighting != "uniform":
            average = total.sum() / labels.counts.sum()
            each *= served.sum() * average / (each * drawn).sum()
        self._row_weight, self._class_weight = weights, each
        self.class_weight_ = by_label(labels.classes, each)
        self.passes_per_epoch_ = by_label(labels.classes, passes)

    def __len__(self) -> int:
        """Batches of this process in an epoch."""
        return self._n_own

    def __iter__(self) -> Iterator[list[int]]:
        """Serve the next epoch, or the rest of a resumed one, as lists of rows."""
        return (rows.tolist() for rows in self.arrays())

    def arrays(self) -> Iterator[Rows]:
        """Serve the next epoch like ``iter()``, as arrays instead of lists.

        Returns
        -------
        iterator of ndarray of shape (batch_size,)
            Row numbers of each batch.
        """
        return super().__iter__()

    @property
    def sampler(self) -> BalancedBatches:
        """The object itself: trainers set the epoch of a ``batch_sampler.sampler``."""
        return self

    def _items(self, epoch: int, first: int) -> Iterator[Rows]:
        ahead = min(max(_AHEAD, len(self.classes_) * _AHEAD_EACH), _MOST_AHEAD)
        ahead = max(1, ahead // (self.batch_size * self.world_size))
        while first < self._n_full:
            count = min(ahead, self._n_full - first)
            yield from self._draw_full(epoch, first, count)
            first += count
        for number in range(first, self._n_own):
            yield self.batch(number, epoch)

    def _draw_full(self, epoch: int, first: int, count: int) -> Rows:
        """Draw full batches of this process, one in each row of the result."""
        size = self.world_size
        drawn = self._draw(epoch, first * size, count * size, self.quota_)
        return drawn[self.rank :: size]

    def _draw(self, epoch: int, first: int, count: int, quota: Counts) -> Rows:
        """Draw batches of all processes from ``first`` on, one in each row."""
        parts = []
        for rows, each in zip(quota.tolist(), self._shuffled, strict=True):
            start = each.bounds.start(epoch, first)
            parts.append(each.take(start, start + count * rows).reshape(count, rows))
        return np.concatenate(parts, axis=1).take(interleave(quota), axis=1)

    def batch(self, number: int, epoch: int | None = None) -> Rows:
        """Return any batch of this process.

        Parameters
        ----------
        number : int
            Number of the batch, from 0 to ``len(self) - 1``.
        epoch : int, default=None
            Number of the epoch; None for the current one.

        Returns
        -------
        ndarray of shape (batch_size,)
            Row numbers; fewer in a last batch that is smaller.

        Raises
        ------
        IndexError
            If there is no such batch.
        ValueError
            If the epoch is not a whole number from 0 on.
        """
        if not 0 <= number < self._n_own:
            raise IndexError(
                f"number must be from 0 to {self._n_own - 1}, the batches of an "
                f"epoch; got {number}."
            )
        if epoch is None:
            epoch = self._epoch
        else:
            epoch = check_whole("epoch", epoch, least=0)
        if number < self._n_full:
            return self._draw_full(epoch, number, 1)[0]
        left = self._draw(epoch, self._n_full * self.world_size, 1, self._left)[0]
        return np.array_split(left, self.world_size)[self.rank]

    def sample_weight(self, rows: Any) -> Floats:
        """Return the loss weights of rows.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Row numbers, such as a batch.

        Returns
        -------
        ndarray of shape (n_rows,)
            Weight of each row, float64.
        """
        weights = self._class_weight[self._codes[rows]]
        return weights if self._row_weight is None else weights * self._row_weight[rows]

    def _identity(self) -> dict[str, Any]:
        return {
            "seed": self.seed_,
            "quota": self.quota_.tolist(),
            "n_batches": self._plan.n_batches,
            "drop_last": self.drop_last,
            "world_size": self.world_size,
            "labels": crc32(np.ascontiguousarray(self._codes).data),
        }

    def _reseed(self, seed: int) -> None:
        super()._reseed(seed)
        self._shuffle_classes()


def _refuse_sampler(y: Any) -> None:
    """Refuse the sampler with which Lightning rebuilds a batch sampler."""
    data: Any = sys.modules.get("torch.utils.data")
    if data and isinstance(y, data.Sampler):
        raise TypeError(
            f"y must be labels; got {type(y).__name__}. Lightning rebuilds batch "
            "samplers around a sampler of its own. To train in several processes, set "
            "use_distributed_sampler=False, and give BalancedBatches the rank= and "
            "world_size= of the process. To predict, use a loader without it."
        )
