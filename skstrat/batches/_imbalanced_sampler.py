"""Rows drawn with replacement in proportion to weights, by default 1 / class count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

import numpy as np
from scipy.sparse import csr_array, issparse

from skstrat._core.hashing import mix_seed
from skstrat._core.labels import encode_labels
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats, check_sample_weight
from skstrat.batches._epochs import ResumableEpochs, check_whole
from skstrat.batches._shuffled_class import Rows, random_bits

# Draws made at once. Another number would change the draws of a seed.
_BLOCK = 1 << 16
# No class has this code, so the draws share no bits with those of balanced batches.
_DRAWS = 2**64 - 1


class ImbalancedSampler(ResumableEpochs):
    """An endless series of epochs of row numbers, drawn with replacement.

    First the class is drawn, then one of its rows. Each step takes the same time for
    any number of rows, and nothing is summed over rows for a draw. By default all
    classes have the same probability. Every draw is a pure function of seed, epoch and
    place.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_labels)
        Labels in any container. Or an indicator matrix (array or sparse) of several
        labels a row, each row with at least one.
    indices : array-like of shape (n_indices,), default=None
        Rows to draw from, in any order; None for all. Row numbers are still those of
        ``y``.
    num_samples : int, default=None
        Draws in an epoch, of all processes together; None for the number of rows to
        draw from.
    weights : array-like of shape (n_rows,), default=None
        Probabilities of rows, up to a factor; rows of weight zero are never drawn. None
        for 1 / rows of the label. For several labels it is that of the rarest.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the draws. Several processes need the same.
    rank, world_size : int, default=0 and 1
        Number of this process, and number of processes. Leave them out if the trainer
        divides the draws, as Accelerate and Lightning do. Each process is served every
        ``world_size``-th draw. All get the same number of draws: ``num_samples`` is
        rounded up if needed.

    Attributes
    ----------
    probability_ : ndarray of shape (n_rows,)
        Probability of each row in a draw.
    seed_ : int
        The seed.

    Raises
    ------
    ValueError
        If a row has no label, or indices are not row numbers of ``y``. If weights are
        negative, not finite or all zero, or a number is out of range. When iterated: if
        several processes have no common ``random_state``, or a trainer divides what
        ``rank`` has divided.

    See Also
    --------
    BalancedBatches : Exact class shares in every batch, and every row served in turn.

    Notes
    -----
    In an epoch of as many draws as rows, a row of probability p is never drawn with
    probability :math:`(1 - p)^n`. At 0.5 % positives and equal classes this is 61 % for
    the other rows. Weights of the rarest label make rare labels more frequent, but not
    all labels equally frequent.

    It works as ``sampler`` of a torch ``DataLoader``.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import ImbalancedSampler
    >>> y = np.repeat(["regular", "fraud"], [990, 10])
    >>> sampler = ImbalancedSampler(y, random_state=0)
    >>> rows = list(sampler)
    >>> len(rows), bool(0.45 < (y[rows] == "fraud").mean() < 0.55)
    (1000, True)
    >>> sampler.sample_weight(np.array([0, 999])).round(2)  # of regular and fraud
    array([1.98, 0.02])
    """

    def __init__(
        self,
        y: Any,
        *,
        indices: Any = None,
        num_samples: int | None = None,
        weights: Any = None,
        random_state: Any = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(random_state, rank, world_size)
        rows = _check_indices(indices, count_rows(y, "y"))
        if weights is None:
            codes, chances = _group_by_label(y, rows)
        else:
            weights = check_sample_weight(weights, count_rows(y, "y"), "weights")
            rows = _rows_with_weight(weights, rows)
            codes, chances = _group_by_chance(
                weights if rows is None else weights[rows]
            )
        self._learn_groups(codes, chances, rows, count_rows(y, "y"))
        wanted = len(codes) if num_samples is None else num_samples
        self._n_draws = -(-check_whole("num_samples", wanted) // world_size)

    def _learn_groups(
        self, codes: Rows, chances: Floats, rows: Rows | None, n_rows: int
    ) -> None:
        """Sort the rows by group, and compute the probability of each group."""
        self._sizes = np.bincount(codes, minlength=len(chances))
        ends = np.cumsum(self._sizes)
        self._starts = ends - self._sizes
        kind = np.int32 if n_rows <= np.iinfo(np.int32).max else np.int64
        by_group = np.argsort(codes, kind="stable")
        self._by_group = (by_group if rows is None else rows[by_group]).astype(kind)
        chance = self._sizes * chances
        self._probability = chances / chance.sum()
        self._limits = np.cumsum(chance) / chance.sum()
        # A sum of floats may be below 1, but draws go up to 1.
        self._limits /= self._limits[-1]
        self._group_of_row = codes
        if rows is not None:
            # One group more, of the rows that are never drawn.
            self._group_of_row = np.full(
                n_rows, len(chances), np.min_scalar_type(len(chances))
            )
            self._group_of_row[rows] = codes
        self._probability = np.append(self._probability, 0.0)

    @property
    def probability_(self) -> Floats:
        """Probability of each row in a draw."""
        return self._probability[self._group_of_row]

    def __len__(self) -> int:
        """Draws of this process in an epoch."""
        return self._n_draws

    def _items(self, epoch: int, first: int) -> Iterator[int]:
        position = first * self.world_size + self.rank
        end = self._n_draws * self.world_size
        while position < end:
            block, offset = divmod(position, _BLOCK)
            own = self._draw(epoch, block)[offset : end - block * _BLOCK]
            own = own[:: self.world_size]
            yield from own.tolist()
            position += len(own) * self.world_size

    def _draw(self, epoch: int, block: int) -> Rows:
        """Draw the rows of one block: for each draw a group, then a row of it."""
        bits = random_bits((mix_seed(self.seed_), _DRAWS), block, epoch, 2 * _BLOCK)
        uniform = (bits >> np.uint64(11)) * 2.0**-53
        groups = np.searchsorted(self._limits, uniform[:_BLOCK], side="right")
        within = (uniform[_BLOCK:] * self._sizes[groups]).astype(np.int64)
        return self._by_group.take(self._starts[groups] + within)

    def sample_weight(self, rows: Any) -> Floats:
        """Return weights with which the draws represent all rows.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Row numbers, such as a batch of draws.

        Returns
        -------
        ndarray of shape (n_rows,)
            Probability of a uniform draw over that of this draw, for each row; their
            average over draws is 1.

        Raises
        ------
        ValueError
            If a row is never drawn.
        """
        rows = np.asarray(rows)
        probability = self._probability[self._group_of_row[rows]]
        if not probability.all():
            raise ValueError(
                "rows must have a positive probability; got row "
                f"{rows[probability == 0][0]}, which is never drawn."
            )
        return 1 / (len(self._by_group) * probability)

    def _identity(self) -> dict[str, Any]:
        return {
            "seed": self.seed_,
            "length": self._n_draws,
            "world_size": self.world_size,
            "labels": crc32(self._by_group.data),
            "probability": crc32(self._probability.data),
        }


def _check_indices(indices: Any, n_rows: int) -> Rows | None:
    """Check the rows to draw from, and sort them."""
    if indices is None:
        return None
    rows = np.asarray(indices)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
        raise ValueError(
            "indices must be a sequence of row numbers, one at least; got "
            f"{type(indices).__name__} of shape {rows.shape} and dtype {rows.dtype}."
        )
    different = np.unique(rows)
    if different[0] < 0 or different[-1] >= n_rows:
        raise ValueError(
            f"indices must be from 0 to {n_rows - 1}, the rows of y; got "
            f"{different[0]} to {different[-1]}."
        )
    if len(different) < len(rows):
        raise ValueError(
            f"indices must not name a row twice; got {len(rows)} of {len(different)} "
            "rows. Use weights to draw rows more often."
        )
    return different.astype(np.intp)


def _rows_with_weight(weights: Floats, rows: Rows | None) -> Rows | None:
    """Leave out the rows that are never drawn."""
    if weights.all():
        return rows
    left = np.flatnonzero(weights) if rows is None else rows[weights[rows] > 0]
    if not len(left):
        raise ValueError(
            "weights must be positive for some row of indices; got only zeros there."
        )
    return left


def _group_by_label(y: Any, rows: Rows | None) -> tuple[Rows, Floats]:
    """Group the rows to draw from, so that all labels have equal probability."""
    y = y if rows is None else take_rows(y, rows, "y")
    if len(getattr(y, "shape", ())) != 2 or y.shape[1] == 1:
        labels = encode_labels(y)
        return labels.codes, 1 / labels.counts
    return _group_by_chance(_chances_of_rarest(y, rows))


def _group_by_chance(chances: Floats) -> tuple[Rows, Floats]:
    """Group rows by probability; return the probability of each group."""
    different, codes = np.unique(chances, return_inverse=True)
    return codes, different


def _chances_of_rarest(y: Any, rows: Rows | None) -> Floats:
    """Return 1 / rows of the rarest of its labels for each row."""
    has = csr_array(y if issparse(y) else np.asarray(y)).astype(bool)
    rarity = 1 / np.maximum(has.sum(axis=0), 1)
    chances: Floats = (has * rarity[None, :]).max(axis=1).toarray().ravel()
    bare = np.flatnonzero(chances == 0)
    if len(bare):
        first = bare[0] if rows is None else rows[bare[0]]
        raise ValueError(
            f"y must have a label in every row; row {first} and {len(bare)} rows in "
            "all have none. Leave them out with indices, or give weights."
        )
    return chances
