"""How many rows of each class a batch takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from skstrat._core.hashing import mix_seed
from skstrat._core.labels import Labels, encode_labels
from skstrat._core.weights import (
    Weighting,
    cell_weights,
    check_sample_weight,
    class_totals,
)
from skstrat.batches._epochs import (
    ClassStream,
    Cuts,
    ResumableEpochs,
    check_epoch,
    check_process,
    positive_integer,
)

Counts = NDArray[np.int64]


def check_shares(labels: Labels, shares: Mapping[Any, float] | None) -> NDArray[Any]:
    """Turn the user's shares into one number a class."""
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
            f"{dict(zip(classes, given.tolist(), strict=True))}. A class that shall "
            "not be served is to be left out of y."
        )
    return given / given.sum()


def apportion(shares: NDArray[Any], batch_size: int) -> Counts:
    """Share out the rows of a batch by largest remainder, at least one to a class."""
    n_classes = len(shares)
    if batch_size < n_classes:
        raise ValueError(
            f"batch_size must be at least the number of classes, {n_classes}, so that "
            f"each is in every batch; got {batch_size}. Use a larger batch, or merge "
            "small classes."
        )
    # One row is everybody's; only what is due beyond it is shared out.
    due = np.maximum(shares * batch_size - 1, 0)
    if due.sum():
        due *= (batch_size - n_classes) / due.sum()
    # What rounding leaves just under a whole number is that number.
    whole = np.floor(due + 1e-9)
    left = batch_size - n_classes - int(whole.sum())
    by_remainder = np.argsort(np.round(whole - due, 9), kind="stable")
    whole[by_remainder[:left]] += 1
    return whole.astype(np.int64) + 1


def interleave(quota: Counts) -> NDArray[np.intp]:
    """Spread the classes evenly over the places of a batch."""
    codes = np.repeat(np.arange(len(quota)), quota)
    first = np.repeat(np.cumsum(quota) - quota, quota)
    due = (np.arange(len(codes)) - first + 0.5) / quota[codes]
    return codes[np.argsort(due, kind="stable")]


def check_quota(labels: Labels, quota: NDArray[np.int64]) -> None:
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


Rows = NDArray[Any]
Floats = NDArray[np.float64]

# Rows drawn ahead: few enough for the cache, but of many classes enough of each to make
# what a draw costs besides its rows small.
_AHEAD = 1 << 16
_AHEAD_EACH = 1 << 11
_MOST_AHEAD = 1 << 20


class BalancedBatches(ResumableEpochs):
    """Batches of row numbers in which every class has its quota.

    The data stays where it is; only labels are read. Each class is served from a
    permutation of its rows; when all were served it is shuffled anew and goes on, in
    the same batch if need be, without repeating a row in it. The next epoch goes on
    where a class stopped, so no row of a class is ever served twice more than another
    (but for the rows that ``drop_last`` leaves out, others in every epoch).
    Every batch is a pure function of seed, epoch and number, so any batch can be asked
    for, a run resumed, and the batches shared among processes.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of two or more classes, in any container.
    batch_size : int
        Rows in a batch, at least one of each class.
    shares : dict of label to float, default=None
        Share of each class in a batch, summing to 1; None for equal shares. Rows are
        apportioned by largest remainder.
    epoch : {"largest", "smallest"} or int, default="largest"
        What ends an epoch: ``"largest"``, every row of the class that needs most
        batches was served exactly once; ``"smallest"``, that of the class that needs
        fewest; or a number of batches.
    weighting : {"original", "balanced", "uniform"} or dict, default="original"
        Mass that the loss weights give each class: ``"original"`` makes the stream an
        unbiased estimate of the data, ``"balanced"`` gives every class the same,
        ``"uniform"`` weights every row served alike, a dict of shares is a target
        prior.
    drop_last : bool, default=False
        Whether to leave out a last batch that is smaller than the others. It has the
        same shares, as far as whole rows can, and at least one row of each class.
    replacement : bool, default=True
        Whether a class may be repeated within a batch. False refuses a quota that is
        larger than its class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; the original total of a class is their sum. Rows are served
        alike; the weight of a row multiplies that of its class.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    rank, world_size : int, default=0 and 1
        Which of how many processes this is. Each is served every ``world_size``-th
        batch. What is left over at the end of an epoch is split evenly, so all have the
        same number of batches and together serve what one process would; such a last
        part has the shares only as far as its rows go, and a small class may be
        missing from it or repeat a row.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    class_counts_ : ndarray of shape (n_classes,)
        Rows of each class.
    quota_ : ndarray of shape (n_classes,)
        Rows of each class in a full batch.
    class_weight_ : dict of label to float
        Loss weight of a served row of each class; their average over an epoch is that
        of ``sample_weight``, so 1 without it.
    passes_per_epoch_ : dict of label to float
        How often a row of each class is served in an epoch.
    seed_ : int
        The seed.

    Raises
    ------
    ValueError
        If there is one class, more classes than rows in a batch, a quota without
        ``replacement`` larger than its class, or an argument out of its range.
    TypeError
        If ``drop_last`` is not a bool.

    See Also
    --------
    iter_batches : Batches of the data itself.
    ImbalancedSampler : Rows drawn by weight, with replacement.

    Notes
    -----
    ``"largest"`` serves each class as many rows as its share asks for: with K classes
    and equal shares about K times the rows of the largest. With many small classes an
    epoch of a number of batches is the better choice.

    Each ``iter()`` is a new epoch, also after one that was left early. It works as
    ``batch_sampler`` of a torch ``DataLoader``.

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
        super().__init__(random_state)
        labels = encode_labels(y)
        self.rank, self.world_size = check_process(rank, world_size)
        self.batch_size = positive_integer("batch_size", batch_size)
        if not isinstance(drop_last, (bool, np.bool_)):
            raise TypeError(f"drop_last must be True or False; got {drop_last!r}.")
        self.drop_last = bool(drop_last)
        self.classes_, self.class_counts_ = labels.classes, labels.counts
        self.quota_ = apportion(check_shares(labels, shares), self.batch_size)
        if not replacement:
            check_quota(labels, self.quota_)
        self._plan_epoch(epoch)
        self._codes = labels.codes
        self._make_streams()
        self._learn_weights(labels, weighting, sample_weight)

    def _plan_epoch(self, epoch: str | int) -> None:
        """Find how many batches an epoch has, and what is in the last."""
        quota, counts = self.quota_, self.class_counts_
        self._last = quota.copy()
        if epoch in ("largest", "smallest"):
            needed = counts / quota
            lead = int(needed.argmax() if epoch == "largest" else needed.argmin())
            full, rest = divmod(int(counts[lead]), int(quota[lead]))
            n_batches = full if self.drop_last else full + (rest > 0)
            if rest and not self.drop_last:
                shrunk = np.floor(quota * (rest / quota[lead]) + 0.5).astype(np.int64)
                self._last = np.maximum(shrunk, 1)
                self._last[lead] = rest
        else:
            lead = None
            n_batches = positive_integer("epoch", epoch, '"largest", "smallest" or ')
        self._stride = quota * (n_batches - 1) + self._last
        if lead is not None:
            # Rows dropped at the end of an epoch are not the first of the next: the
            # class that ends it begins anew.
            self._stride[lead] = counts[lead]
        self._n_batches = n_batches
        self._plan_rounds()

    def _plan_rounds(self) -> None:
        """Find how many batches each process has, and what is left to be split."""
        is_short = bool((self._last < self.quota_).any())
        self._n_whole = (self._n_batches - is_short) // self.world_size
        left = self._n_batches - self._n_whole * self.world_size
        self._n_rounds = self._n_whole + (left > 0 and not self.drop_last)
        if not self._n_rounds:
            raise ValueError(
                "drop_last must leave every process a batch; an epoch has "
                f"{self._n_batches} full batches for world_size={self.world_size}. Use "
                "drop_last=False or a smaller batch_size."
            )
        self._split = self.quota_ * (left - 1) + self._last
        if self._n_whole < self._n_rounds and self._split.sum() < self.world_size:
            raise ValueError(
                "world_size must not be more than the rows that are left at the end of "
                f"an epoch, {self._split.sum()}; got {self.world_size}. Use "
                "drop_last=True or another batch_size."
            )

    def _make_streams(self) -> None:
        counts = self.class_counts_
        by_class = np.argsort(self._codes, kind="stable")
        small = len(by_class) <= np.iinfo(np.int32).max
        by_class = by_class.astype(np.int32 if small else np.int64)
        ends = np.cumsum(counts)
        seed = mix_seed(self.seed_)
        self._streams = [
            ClassStream(
                by_class[end - count : end],
                (seed, code),
                Cuts(int(quota), int(last), self._n_batches, int(stride)),
            )
            for code, (end, count, quota, last, stride) in enumerate(
                zip(ends, counts, self.quota_, self._last, self._stride, strict=True)
            )
        ]
        self._places = [
            np.flatnonzero(interleave(self.quota_) == code)
            for code in range(len(counts))
        ]

    def _learn_weights(
        self, labels: Labels, weighting: Weighting, sample_weight: Any
    ) -> None:
        weights = check_sample_weight(sample_weight, len(labels.codes))
        total = class_totals(labels, weights)
        if not total.all():
            empty = labels.classes.tolist()[int(total.argmin())]
            raise ValueError(
                "sample_weight must have a positive weight in every class; all of "
                f"class {empty!r} are zero. Leave its rows out of y."
            )
        served = self.quota_ * (self._n_batches - 1) + self._last
        drawn = served * total / labels.counts
        if weighting == "factor":
            raise ValueError(
                'weighting must be "original", "balanced", "uniform" or a dict of '
                'class shares; got "factor", which needs a factor.'
            )
        classes = np.arange(len(total))
        ones = np.ones(len(total))
        each = cell_weights(weighting, labels, classes, ones, total, drawn)
        if weighting != "uniform":
            each *= (
                served.sum() * total.sum() / labels.counts.sum() / (each * drawn).sum()
            )
        self._row_weight = weights
        self._class_weight = each
        names = labels.classes.tolist()
        self.class_weight_ = dict(zip(names, each.tolist(), strict=True))
        passes = served / labels.counts
        self.passes_per_epoch_ = dict(zip(names, passes.tolist(), strict=True))

    def __len__(self) -> int:
        """Batches of this process in an epoch."""
        return self._n_rounds

    def _items(self, epoch: int, first: int) -> Iterator[Rows]:
        ahead = min(max(_AHEAD, len(self.classes_) * _AHEAD_EACH), _MOST_AHEAD)
        ahead = max(1, ahead // (self.batch_size * self.world_size))
        while first < self._n_whole:
            count = min(ahead, self._n_whole - first)
            yield from self._draw(epoch, first, count)
            first += count
        for number in range(first, self._n_rounds):
            yield self.batch(number, epoch)

    def _draw(self, epoch: int, first: int, count: int) -> Rows:
        """Draw full batches of this process, one a line."""
        drawn = np.empty((count, self.batch_size), self._streams[0].rows.dtype)
        size, own = self.world_size, slice(self.rank, None, self.world_size)
        for stream, places in zip(self._streams, self._places, strict=True):
            cuts = stream.cuts
            start, _ = cuts.bounds(epoch, first * size)
            stop = start + count * size * cuts.quota
            served = stream.take(start, stop)
            drawn[:, places] = served.reshape(-1, cuts.quota)[own]
        return drawn

    def batch(self, number: int, epoch: int | None = None) -> Rows:
        """Give any batch of this process.

        Parameters
        ----------
        number : int
            Which batch, from 0 to ``len(self) - 1``.
        epoch : int, default=None
            Of which epoch; None for the current one.

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
        if not 0 <= number < self._n_rounds:
            raise IndexError(
                f"number must be from 0 to {self._n_rounds - 1}, the batches of an "
                f"epoch; got {number}."
            )
        epoch = self._epoch if epoch is None else check_epoch(epoch)
        if number < self._n_whole:
            return self._draw(epoch, number, 1)[0]
        return self._draw_split(epoch)

    def _draw_split(self, epoch: int) -> Rows:
        """Draw this process's part of what is left at the end of an epoch."""
        parts = np.array_split(interleave(self._split), self.world_size)
        own = parts[self.rank]
        before = np.bincount(
            np.concatenate(parts[: self.rank + 1])[: -len(own)],
            minlength=len(self._split),
        )
        drawn = np.empty(len(own), self._streams[0].rows.dtype)
        first = self._n_whole * self.world_size
        for code, stream in enumerate(self._streams):
            places = np.flatnonzero(own == code)
            if len(places):
                start = stream.cuts.bounds(epoch, first)[0] + int(before[code])
                drawn[places] = stream.take(start, start + len(places))
        return drawn

    def sample_weight(self, rows: Rows) -> Floats:
        """Give the loss weights of rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Row numbers, such as a batch.

        Returns
        -------
        ndarray of shape (n_rows,)
            Weight of each, float64.
        """
        weights = self._class_weight[self._codes[rows]]
        return weights if self._row_weight is None else weights * self._row_weight[rows]

    def _identity(self) -> dict[str, Any]:
        return {
            "seed": self.seed_,
            "quota": self.quota_.tolist(),
            "n_batches": self._n_batches,
            "drop_last": self.drop_last,
            "world_size": self.world_size,
            "labels": crc32(np.ascontiguousarray(self._codes).data),
        }

    def _reseed(self, seed: int) -> None:
        super()._reseed(seed)
        self._make_streams()
