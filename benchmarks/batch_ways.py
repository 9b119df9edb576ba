"""Ways to draw the row numbers of an epoch of mini-batches: ours, peers' and floors.

imbalanced-learn's generator is the one for TensorFlow, which needs no TensorFlow and
does what its Keras twin does: it draws once, when it is made, and serves the same rows
in every epoch. It gathers data, so its data is one column, the row numbers. torch's
samplers get a batch sampler around them, as in a ``DataLoader``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from batch_floor import Floor
from imblearn.tensorflow import balanced_batch_generator
from pytorch_metric_learning.samplers import MPerClassSampler
from torch.utils.data import BatchSampler, RandomSampler, WeightedRandomSampler

from skstrat import BalancedBatches, ImbalancedSampler

OURS = "BalancedBatches"
WEIGHTED = "torch WeightedRandomSampler"
FLOOR = "floor: leading class permuted"
FLOOR_ALL = "floor: every class permuted"

# torch.multinomial refuses more.
MOST_CATEGORIES = 1 << 24
# For each batch numpy's legacy choice, which MPerClassSampler calls, permutes every
# class, so an epoch of that sampler is shorter: so many rows are permuted in it.
PERMUTED_ROWS = 10**8


@dataclass(frozen=True)
class Way:
    """One way to draw.

    Attributes
    ----------
    set_up : callable
        Makes of nothing the object that draws.
    epoch : callable
        Makes of that object an iterator over the batches of an epoch.
    count : callable
        Rows in an item of that iterator.
    """

    set_up: Callable[[], Any]
    epoch: Callable[[Any], Any] = iter
    count: Callable[[Any], int] = len


def make_ways(y, batch_size):
    """Give every way to draw from labels.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class codes.
    batch_size : int
        Rows in a batch.

    Returns
    -------
    ways : dict of str to Way
        By name; the first is ours.
    left_out : dict of str to str
        Why a way is not among them.
    """
    ways = {
        OURS: Way(lambda: BalancedBatches(y, batch_size=batch_size, random_state=0)),
        "ImbalancedSampler": Way(
            lambda: ImbalancedSampler(y, random_state=0), count=lambda _row: 1
        ),
        "ImbalancedSampler + BatchSampler": Way(
            lambda: _batched(ImbalancedSampler(y, random_state=0), batch_size)
        ),
        WEIGHTED: Way(lambda: _weighted(y, batch_size)),
        "imbalanced-learn generator": _imblearn(y, batch_size),
        "PML MPerClassSampler": Way(lambda: _m_per_class(y, batch_size)),
        "torch RandomSampler (not balanced)": Way(
            lambda: _batched(RandomSampler(range(len(y))), batch_size)
        ),
        FLOOR: Way(lambda: _floor(y, batch_size, False)),
        FLOOR_ALL: Way(lambda: _floor(y, batch_size, True)),
    }
    left_out = {}
    if len(y) > MOST_CATEGORIES:
        left_out[WEIGHTED] = f"refuses more than {MOST_CATEGORIES} rows"
    if batch_size % (y.max() + 1):
        left_out["PML MPerClassSampler"] = "batch size is no multiple of the classes"
    return {name: ways[name] for name in ways if name not in left_out}, left_out


def _batched(sampler, batch_size):
    return BatchSampler(sampler, batch_size, drop_last=False)


def _weighted(y, batch_size):
    # In torch throughout, so that the weights are held once.
    labels = torch.from_numpy(y)
    weights = (1 / torch.bincount(labels).double())[labels]
    return _batched(WeightedRandomSampler(weights, len(y)), batch_size)


def _m_per_class(y, batch_size):
    n_batches = max(4, PERMUTED_ROWS // len(y))
    sampler = MPerClassSampler(
        y,
        m=batch_size // (y.max() + 1),
        length_before_new_iter=min(n_batches * batch_size, len(y)),
    )
    return _batched(sampler, batch_size)


def _imblearn(y, batch_size):
    X = np.arange(len(y), dtype=np.int32).reshape(-1, 1)
    # It counts whole batches, but serves a smaller one if there is no other.
    return Way(
        lambda: balanced_batch_generator(X, y, batch_size=batch_size, random_state=0),
        lambda made: islice(made[0], max(1, made[1])),
        lambda batch: len(batch[0]),
    )


def _floor(y, batch_size, shuffles_all):
    """Give the floor of what BalancedBatches serves, by arithmetic of its own."""
    counts = np.bincount(y)
    quota = np.full(len(counts), batch_size // len(counts))
    quota[: batch_size % len(counts)] += 1
    lead = (counts / quota).argmax()
    n_batches, rest = divmod(int(counts[lead]), int(quota[lead]))
    last = quota
    if rest:
        n_batches += 1
        last = np.maximum(np.rint(quota * rest / quota[lead]).astype(int), 1)
    return Floor(y, quota, last, n_batches, shuffles_all)
