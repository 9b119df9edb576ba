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
        self.order = list(self.rows)
        self.place = [0 if not shuffles_all else len(rows) for rows in self.rows]
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
        size, parts = len(self.rows[code]), []
        while count:
            if self.place[code] == size:
                self.begin_pass(code)
            start = self.place[code]
            parts.append(self.order[code][start : start + count])
            self.place[code] += len(parts[-1])
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def begin_pass(self, code):
        """Begin a class anew, in another order if it is to be shuffled.

        Parameters
        ----------
        code : int
            The class.
        """
        if self.shuffles_all or code == self.lead:
            self.order[code] = self.rng.permutation(self.rows[code])
        self.place[code] = 0

    def __iter__(self):
        """Serve an epoch.

        Yields
        ------
        ndarray of shape (batch_size,)
            Rows, int32.
        """
        self.begin_pass(self.lead)
        n_full = self.n_batches - 1
        places = [slice(*ends) for ends in pairwise([0, *np.cumsum(self.quota)])]
        for first in range(0, n_full, self.ahead):
            size = min(self.ahead, n_full - first)
            block = np.empty((size, places[-1].stop), np.int32)
            for code, place in enumerate(places):
                drawn = self.take(code, size * int(self.quota[code]))
                block[:, place] = drawn.reshape(size, -1)
            yield from block
        last = [self.take(code, int(count)) for code, count in enumerate(self.last)]
        yield np.concatenate(last).astype(np.int32)
