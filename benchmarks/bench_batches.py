"""What it costs to draw the row numbers of an epoch of balanced mini-batches.

``python benchmarks/bench_batches.py`` (with the ``bench`` extra) times set-up and epoch
apart, on labels with 0.5 % ones or with many classes of about equal size. Ways serve
different numbers of rows in an epoch, so ratios are per row number served; they are
medians over rounds that alternate the order. Ours and the floors serve arrays, torch's
batch sampler lists of integers, which is what a ``DataLoader`` gets from each.

Bytes held are those of an object of 1e6 rows after its set-up, and in the middle of its
second epoch with what that keeps alive; the labels are not counted.

The goals are for an epoch of 1e7 rows: 8 times less than torch's weighted sampler, and
at most 1.5 times the floor. With two classes that floor permutes the larger and writes
the batches. With more it permutes each class whenever it was passed through: the
largest alone would be one row of K. Both ratios are given. The exit code is 1 if a goal
is missed; the table goes to ``benchmarks/results/batches.json``.
"""

import gc
import statistics
import sys
from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from batch_ways import FLOOR, FLOOR_ALL, OURS, WEIGHTED, make_ways
from held_memory import held_bytes
from tables import RESULTS, judge, parse, report
from threadpoolctl import threadpool_limits
from timing import alternate, paired, seconds

SIZES = (10**6, 10**7)
CLASSES = (2, 10, 100, 1000)
PREVALENCE = 0.005
# Tracing every integer of a list takes longer than all the timings.
MOST_ROWS_TRACED = 10**6
FLOOR_GOAL, PEER_GOAL = 1.5, 8
HEADINGS = {
    "case": "case",
    "way": "way",
    "served": "rows served",
    "set_up_s": "set-up s",
    "epoch_s": "epoch s",
    "ns_per_row": "ns / row",
    "to_ours": "/ ours",
    "held_set_up": "B / row held",
    "held_epoch": "in epoch",
    "rounds": "rounds",
    "to_floor": "/ floor",
    "to_lead_floor": "/ lead floor",
    "peer_to_us": "weighted / us",
    "verdict": "verdict",
}


class Case(NamedTuple):
    """What is drawn from.

    Attributes
    ----------
    rows, n_classes, batch_size : int
        Numbers of each.
    """

    rows: int
    n_classes: int
    batch_size: int

    def __str__(self):
        """Name the case as the table does."""
        return f"{self.rows:,} rows, {self.n_classes} classes"


def list_cases(max_rows):
    """List the cases.

    Parameters
    ----------
    max_rows : int
        Larger cases are made as small.

    Returns
    -------
    list of Case
        Each number of classes at each size.
    """
    sizes = sorted({min(size, max_rows) for size in SIZES})
    return [Case(n, k, max(256, k)) for n in sizes for k in CLASSES]


def make_labels(case):
    """Make labels: 0.5 % ones, or classes that are equally likely.

    Parameters
    ----------
    case : Case
        A case.

    Returns
    -------
    ndarray of shape (n_rows,)
        Codes, int64, every class among them.
    """
    rng = np.random.default_rng(0)
    if case.n_classes == 2:
        y = (rng.random(case.rows) < PREVALENCE).astype(np.int64)
    else:
        y = rng.integers(case.n_classes, size=case.rows)
    y[: case.n_classes] = np.arange(case.n_classes)
    return y


def exhaust(way, made):
    """Serve an epoch to nobody.

    Parameters
    ----------
    way : Way
        A way.
    made : object
        What its set-up made.
    """
    deque(way.epoch(made), maxlen=0)


def hold(way):
    """Measure what a way keeps alive, after set-up and in its second epoch.

    Parameters
    ----------
    way : Way
        A way.

    Returns
    -------
    after_set_up, in_epoch : int
        Bytes.
    """
    after_set_up, made = held_bytes(way.set_up)
    del made

    def start():
        made = way.set_up()
        exhaust(way, made)
        epoch = iter(way.epoch(made))
        return made, epoch, next(epoch, None)

    return after_set_up, held_bytes(start)[0]


def affordable(calls, rounds, budget):
    """Give each way the rounds that it has time for, at least one.

    Parameters
    ----------
    calls : dict of str to callable
        What is timed.
    rounds : int
        Most rounds.
    budget : float
        Seconds for the rounds of one way.

    Returns
    -------
    dict of str to int
        Rounds.
    """
    once = {name: seconds(call) for name, call in calls.items()}
    return {name: max(1, min(rounds, int(budget / once[name]))) for name in once}


def measure(case, rounds, budget):
    """Measure every way of a case.

    Parameters
    ----------
    case : Case
        A case.
    rounds : int
        Most rounds of a way.
    budget : float
        Seconds for a way.

    Returns
    -------
    rows : list of dict
        One a way; ours has goals.
    left_out : dict of str to str
        Ways that are missing, and why.
    """
    ways, left_out = make_ways(make_labels(case), case.batch_size)
    set_ups = {name: way.set_up for name, way in ways.items()}
    set_up_s = alternate(set_ups, affordable(set_ups, rounds, budget))
    made = {name: way.set_up() for name, way in ways.items()}
    served = {
        name: sum(map(way.count, way.epoch(made[name]))) for name, way in ways.items()
    }
    epochs = {
        name: lambda way=way, name=name: exhaust(way, made[name])
        for name, way in ways.items()
    }
    epoch_s = alternate(epochs, affordable(epochs, rounds, budget))

    def ratio(above, below):
        per_row = served[below] / served[above]
        return paired(epoch_s[above], epoch_s[below]) * per_row

    rows = []
    for name, way in ways.items():
        traced = case.rows <= MOST_ROWS_TRACED
        held = [each / case.rows for each in hold(way)] if traced else [None, None]
        epoch = statistics.median(epoch_s[name])
        row = {
            "case": str(case),
            **case._asdict(),
            "way": name,
            "served": served[name],
            "set_up_s": statistics.median(set_up_s[name]),
            "set_up_to_ours": paired(set_up_s[name], set_up_s[OURS]),
            "epoch_s": epoch,
            "epoch_fastest_s": min(epoch_s[name]),
            "ns_per_row": epoch / served[name] * 1e9,
            "to_ours": ratio(name, OURS),
            "held_set_up": held[0],
            "held_epoch": held[1],
            "rounds": len(epoch_s[name]),
        }
        rows.append(add_goals(row, case, ratio, WEIGHTED in ways))
    return rows, left_out


def add_goals(row, case, ratio, has_peer):
    """Add ratios to floor and peer, and the verdict, to our row.

    Parameters
    ----------
    row : dict
        What was measured of a way.
    case : Case
        Its case.
    ratio : callable
        Time per row of one way over that of another.
    has_peer : bool
        Whether torch's weighted sampler was measured.

    Returns
    -------
    dict
        The row; of other ways the ratios are None and there is no goal.
    """
    ratios = dict.fromkeys(("to_floor", "to_lead_floor", "peer_to_us"))
    goals = None, None
    if row["way"] == OURS:
        floor = FLOOR if case.n_classes == 2 else FLOOR_ALL
        ratios["to_floor"] = ratio(OURS, floor)
        ratios["to_lead_floor"] = ratio(OURS, FLOOR)
        if has_peer:
            ratios["peer_to_us"] = ratio(WEIGHTED, OURS)
        if case.rows == SIZES[-1]:
            goals = FLOOR_GOAL, PEER_GOAL
    return judge({**row, **ratios}, *goals)


def main():
    """Run the cases asked for.

    Returns
    -------
    int
        Exit code.
    """
    options = parse(RESULTS / "batches.json")
    torch.set_num_threads(1)
    gc.freeze()  # else each collection looks through all that was imported
    rows, left_out = [], {}
    for case in list_cases(options.max_rows):
        if options.case not in str(case):
            continue
        with threadpool_limits(1):
            measured, missing = measure(case, options.rounds, options.peer_seconds / 3)
        rows += measured
        left_out[str(case)] = missing
    settings = {"rounds": options.rounds, "left_out": left_out}
    return report(rows, HEADINGS, options.json, **settings)


if __name__ == "__main__":
    sys.exit(main())
