"""Ways to feed mini-batches to ``partial_fit``, as endless streams."""

from itertools import count

import numpy as np

from skstrat import BalancedBatches, correct_prior

BATCH = 256
TENTH = {0: 0.9, 1: 0.1}
PLAIN = "plain shuffling"


class Plain:
    """Batches from one permutation of all rows after the other.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels.
    seed : int
        Seed.
    """

    def __init__(self, y, seed):
        self.n_rows, self.rng = len(y), np.random.default_rng(seed)

    def batches(self):
        """Serve batches of equal size, across the ends of permutations.

        Yields
        ------
        rows : ndarray of shape (BATCH,)
            Row numbers.
        weight : None
            There is none.
        """
        left = np.empty(0, dtype=np.int64)
        while True:
            left = np.concatenate([left, self.rng.permutation(self.n_rows)])
            n_full = len(left) // BATCH
            for rows in left[: n_full * BATCH].reshape(n_full, BATCH):
                yield rows, None
            left = left[n_full * BATCH :]

    def correct(self, p):
        """Give probabilities of the original prior.

        Parameters
        ----------
        p : ndarray of shape (n_rows,)
            Predicted probabilities of 1.

        Returns
        -------
        ndarray of shape (n_rows,)
            The same.
        """
        return p


class Balanced:
    """Batches of fixed shares.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels.
    seed : int
        Seed.
    shares : dict, default=None
        Shares of the classes, equal if None.
    weighted : bool, default=True
        Whether rows have correction weights; else the predictions' prior is corrected.
    """

    def __init__(self, y, seed, shares=None, weighted=True):
        self.drawn = BalancedBatches(
            y,
            batch_size=BATCH,
            shares=shares,
            weighting="original",
            drop_last=True,
            random_state=seed,
        )
        self.weighted = weighted

    def batches(self):
        """Serve the batches of one epoch after the other.

        Yields
        ------
        rows : ndarray of shape (BATCH,)
            Row numbers.
        weight : ndarray of shape (BATCH,) or None
            Correction weights.
        """
        for _ in count():
            for rows in self.drawn:
                yield rows, self.drawn.sample_weight(rows) if self.weighted else None

    def correct(self, p):
        """Give probabilities of the original prior.

        Parameters
        ----------
        p : ndarray of shape (n_rows,)
            Predicted probabilities of 1.

        Returns
        -------
        ndarray of shape (n_rows,)
            The same, if the rows had weights.
        """
        if self.weighted:
            return p
        return correct_prior(
            p,
            train_prior=self.drawn.quota_,
            target_prior=self.drawn.class_counts_,
        )


ARMS = {
    PLAIN: Plain,
    "equal quota, weights": Balanced,
    "10 % positives, weights": lambda y, seed: Balanced(y, seed, TENTH),
    "equal quota, prior corrected": lambda y, seed: Balanced(y, seed, weighted=False),
}
