"""The hand-written minimum of an epoch of balanced batches.

What a person writes who knows that labels are the codes 0, 1, ...: rows grouped by one
sort, permutations by ``Generator.permutation``, batches cut from blocks of a size that
suits the cache. There is no seed by epoch, nothing to resume, no processes to share
with, and a row may come twice in a batch. Rows are shuffled as int64, for which numpy
has a faster loop, and written as int32.
"""

from itertools import pairwise

import numpy as np


class Floor:
    """Balanced batches without anything but their quotas.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class codes.
    quota, last : ndarray of shape (n_classes,)
        Rows of each class in a full batch and in the last one.
    n_batches : int
        Batches in an epoch.
    shuffles_all : bool
        Whether every class is permuted each time that it was passed through, or only,
        once an epoch, the one that needs most batches; the others then come in the
        order in which they are stored.
    """

    def __init__(self, y, quota, last, n_batches, shuffles_all):
        n_classes = len(quota)
        counts = np.bincount(y, minlength=n_classes)
        by_class = np.argsort(y.astype(np.min_scalar_type(n_classes)), kind="stable")
        self.rows = np.split(by_class, np.cumsum(counts)[:-1])
        self.quota, self.last, self.n_batches = quota, last, n_batches
        self.lead = int((counts / quota).argmax())
        self.shuffles_all = shuffles_all
        self.rng = np.random.default_rng(0)
        self.left = [rows[:0] for rows in self.rows]
        # So many batches are written at once; measured for each.
        rows_ahead = 1 << (18 if quota.min() > 1 else 20)
        self.ahead = max(1, rows_ahead // int(quota.sum()))

    def take(self, code, count):
        """Take the next rows of a class.

        Parameters
        ----------
        code : int
            The class.
        count : int
            Rows.

        Returns
        -------
        ndarray of shape (count,)
            Rows, int64.
        """
        rows = self.rows[code]
        if code == self.lead:
            return self.rng.permutation(rows)
        if not self.shuffles_all:
            return np.resize(rows, count)
        passes = -(-(count - len(self.left[code])) // len(rows))
        drawn = [self.rng.permutation(rows) for _ in range(passes)]
        drawn = np.concatenate([self.left[code], *drawn])
        self.left[code] = drawn[count:]
        return drawn[:count]

    def __iter__(self):
        """Serve an epoch.

        Yields
        ------
        ndarray of shape (batch_size,)
            Rows, int32.
        """
        n_full = self.n_batches - 1
        served = self.quota * n_full + self.last
        streams = [self.take(code, count) for code, count in enumerate(served)]
        cuts = [n_full * quota for quota in self.quota]
        full = [
            stream[:cut].reshape(n_full, -1)
            for stream, cut in zip(streams, cuts, strict=True)
        ]
        places = [slice(*ends) for ends in pairwise([0, *np.cumsum(self.quota)])]
        for first in range(0, n_full, self.ahead):
            size = min(self.ahead, n_full - first)
            block = np.empty((size, places[-1].stop), np.int32)
            for place, rows in zip(places, full, strict=True):
                block[:, place] = rows[first : first + size]
            yield from block
        ends = zip(streams, cuts, strict=True)
        yield np.concatenate([stream[cut:] for stream, cut in ends]).astype(np.int32)
