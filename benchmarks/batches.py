"""The time to draw the row numbers of an epoch of balanced mini-batches.

    python benchmarks/batches.py [--rounds 3]

Labels have 0.5 % ones, or many classes of about equal size; batches have 256 rows, or
one of each class if these are more. The samplers serve different numbers of rows in an
epoch, so times are per row number served. The floor serves arrays, and so does
``BalancedBatches`` by ``arrays()``. Its lists are those of ``iter()``, like those of
torch's batch sampler. One thread.

The floor is hand-written code for labels that are the codes 0, 1, ...: rows grouped by
one sort, each class permuted again after all its rows were served (of two classes only
the larger), batches cut from blocks of a size that suits the cache. It has no seed by
epoch, cannot be resumed or shared among processes, and a row may be twice in a batch.

imbalanced-learn's generator draws once, when it is made, and serves the same rows in
every epoch. It gathers data, so its data is one column, the row numbers.
``MPerClassSampler`` is that of pytorch-metric-learning. It permutes every class for
each batch, so its epoch is shorter here.
"""

import gc
from collections import deque
from itertools import islice, pairwise
from statistics import median

import harness
import numpy as np
import torch
from imblearn.tensorflow import balanced_batch_generator
from pytorch_metric_learning.samplers import MPerClassSampler
from threadpoolctl import threadpool_limits
from torch.utils.data import BatchSampler, RandomSampler, WeightedRandomSampler

from skstrat import BalancedBatches, ImbalancedSampler

ROWS, QUICK_ROWS, CLASSES = 10**7, 2_000, (2, 10, 100, 1000)
SECONDS = 30  # for a way, a case
OURS, LISTS = "BalancedBatches", "BalancedBatches, lists"
FLOOR, WEIGHTED = "floor", "torch WeightedRandomSampler"
LESS, MOST = 8, 1.5  # goals: times less than the weighted sampler, times the floor


def make_labels(rows, classes):
    """Draw labels: 0.5 % ones, or classes of equal probability."""
    rng = np.random.default_rng(0)
    y = rng.integers(classes, size=rows)
    if classes == 2:
        y = (rng.random(rows) < 0.005).astype(np.int64)
    y[:classes] = np.arange(classes)
    return y


class Floor:
    """Balanced batches with the quotas of ``BalancedBatches`` only.

    Rows are shuffled as int64, for which numpy has a faster loop, and written as int32.
    """

    def __init__(self, y, batch_size):
        counts = np.bincount(y)
        classes = len(counts)
        by_class = np.argsort(y.astype(np.min_scalar_type(classes)), kind="stable")
        self.rows = np.split(by_class, np.cumsum(counts)[:-1])
        self.quota = np.full(classes, batch_size // classes)
        self.quota[: batch_size % classes] += 1
        lead = int((counts / self.quota).argmax())
        self.permuted = range(classes) if classes > 2 else [lead]
        self.n_full, rest = divmod(int(counts[lead]), int(self.quota[lead]))
        self.last = np.rint(self.quota * rest / self.quota[lead]).astype(int)
        self.last = np.maximum(self.last, 1) if rest else self.last
        self.rng = np.random.default_rng(0)
        self.order, self.place = list(self.rows), counts.tolist()
        # Batches written at once; the best number was measured for each.
        self.ahead = max(1, (1 << (18 if self.quota.min() > 1 else 20)) // batch_size)

    def take(self, code, count):
        """Take the next rows of a class."""
        parts = []
        while count:
            if self.place[code] == len(self.rows[code]):
                if code in self.permuted:
                    self.order[code] = self.rng.permutation(self.rows[code])
                self.place[code] = 0
            start = self.place[code]
            parts.append(self.order[code][start : start + count])
            self.place[code] += len(parts[-1])
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __iter__(self):
        """Serve an epoch."""
        places = [slice(*ends) for ends in pairwise([0, *np.cumsum(self.quota)])]
        for first in range(0, self.n_full, self.ahead):
            size = min(self.ahead, self.n_full - first)
            block = np.empty((size, places[-1].stop), np.int32)
            for code, place in enumerate(places):
                drawn = self.take(code, size * int(self.quota[code]))
                block[:, place] = drawn.reshape(size, -1)
            yield from block
        if self.last.any():
            last = [self.take(code, int(count)) for code, count in enumerate(self.last)]
            yield np.concatenate(last).astype(np.int32)


def make_ways(y, batch_size):
    """Return functions by name; each returns a function that starts an epoch."""
    classes = int(y.max()) + 1

    def batched(sampler):
        batches = BatchSampler(sampler, batch_size, drop_last=False)
        return lambda: iter(batches)

    def imblearn():
        X = np.arange(len(y), dtype=np.int32).reshape(-1, 1)
        made, n = balanced_batch_generator(X, y, batch_size=batch_size, random_state=0)
        # It counts whole batches, but serves a smaller one if there is no other.
        return lambda: (batch for batch, _ in islice(made, max(1, n)))

    labels = torch.from_numpy(y)
    weights = (1 / torch.bincount(labels).double())[labels]
    ours = BalancedBatches(y, batch_size=batch_size, random_state=0)
    floor = Floor(y, batch_size)
    ways = {
        OURS: ours.arrays,
        LISTS: lambda: iter(ours),
        FLOOR: lambda: iter(floor),
        "ImbalancedSampler": batched(ImbalancedSampler(y, random_state=0)),
        WEIGHTED: batched(WeightedRandomSampler(weights, len(y))),
        "torch RandomSampler, not balanced": batched(RandomSampler(range(len(y)))),
        "imbalanced-learn generator": imblearn(),
    }
    if batch_size % classes == 0:
        n_rows = min(max(4, 10**8 // len(y)) * batch_size, len(y))
        ways["MPerClassSampler"] = batched(
            MPerClassSampler(y, batch_size // classes, length_before_new_iter=n_rows)
        )
    return ways


def measure_case(rows, classes, rounds):
    """Time an epoch of every way, per row number served."""
    batch_size = max(256, classes)
    ways = make_ways(make_labels(rows, classes), batch_size)
    served = {way: sum(map(len, ways[way]())) for way in ways}
    epochs = {
        way: lambda start=start: deque(start(), maxlen=0) for way, start in ways.items()
    }
    spent = harness.alternate(epochs, rounds, SECONDS)
    for way in ways:
        per_row = served[OURS] / served[way]
        yield {
            "classes": classes,
            "way": way,
            "ns": median(spent[way]) / served[way] * 1e9,
            "to_ours": harness.paired(spent[way], spent[OURS]) * per_row,
        }


def measure(arguments):
    """Measure every number of rows and classes."""
    torch.set_num_threads(1)
    gc.freeze()  # else each collection looks through all that was imported
    rows, cases = QUICK_ROWS if arguments.quick else ROWS, []
    with threadpool_limits(1):
        for classes in CLASSES:
            cases += measure_case(rows, classes, arguments.rounds)
    least = {FLOOR: 1 / MOST, WEIGHTED: LESS}
    missed = [
        f"{row['classes']} classes, against {row['way']}"
        for row in cases
        if row["to_ours"] < least.get(row["way"], 0)
    ]
    return {"rows": rows, "cases": cases, "missed": missed}


def report(document):
    """Write the table, with a column for each number of classes."""
    lines = {}
    for row in document["cases"]:
        line = lines.setdefault(row["way"], [row["way"], *["-"] * len(CLASSES)])
        times = harness.rounded(row["to_ours"], 3)
        shown = f"{row['ns']:,.0f} ({times:,g})"
        line[1 + CLASSES.index(row["classes"])] = shown
    headings = ("sampler", *(f"{classes:,} classes" for classes in CLASSES))
    return (
        f"{document['rows']:,} rows. Nanoseconds for each row number served, and in "
        f"brackets times those of `{OURS}`:\n\n"
        f"{harness.table(headings, lines.values())}\n\nThe goals are at most {MOST} "
        f"times the floor, and {LESS} times less than torch's weighted sampler."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=3, uses=("torch", "pytorch-metric-learning"))
