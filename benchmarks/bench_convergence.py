"""How many row visits ``partial_fit`` needs to a log loss, by how batches are made.

``python benchmarks/bench_convergence.py`` trains on 300 000 rows of 20 columns with
0.5 % positives, in batches of 256, and evaluates on 100 000 rows of the same prior
after 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17 ... batches. A target is ``best + f (null -
best)``: null predicts the prevalence, best is the unregularised logistic regression
or, for the network, the true probabilities. It is reached at the first of two
evaluations in a row at or below it.

Every arm gets the same grid of learning rates and the same rule: of each schedule and
target the rate with the smallest median of visits over the seeds; not reached counts as
infinite. ``at_edge`` tells that the chosen rate is the smallest or largest of the grid.
Seeds draw data, batches and starting weights anew. There is no goal: which arm wins is
what is asked. Results go to ``benchmarks/results/convergence.json``.

A linear model can be wrong about the "nonlinear" truth at no cost, and about "hinge",
which was made for that, not: trained without weights it does not come near the best.
``limits_without_weights`` has for each truth what it cannot get below, by logistic
regression.

``SGDClassifier`` steps row by row, so it gets the batches between two evaluations in
one call, unshuffled, which is the same as one by one.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from convergence_arms import ARMS, PLAIN
from convergence_data import TRUTHS, limit_without_weights, make_data
from convergence_runs import FRACTIONS, make_model, visits_to_targets
from machine import machine_facts
from tables import RESULTS, print_table
from threadpoolctl import threadpool_limits

ROWS, TEST_ROWS = 300_000, 100_000
HEADINGS = {
    "experiment": "experiment",
    "schedule": "schedule",
    "arm": "arm",
    "f": "f",
    "rate": "rate",
    "at_edge": "edge",
    "visits": "visits",
    "fewest": "fewest",
    "most": "most",
    "plain_to_arm": "plain / arm",
}


class Experiment(NamedTuple):
    """One estimator on one kind of data.

    Attributes
    ----------
    truth, target : str
        See :func:`convergence_data.make_data`.
    model : str
        "sgd" or "mlp".
    schedules : dict of str to tuple of float
        Learning rates by schedule, the same for every arm.
    seeds : int
        Repetitions.
    max_batches : int
        Where training stops.
    """

    truth: str
    target: str
    model: str
    schedules: dict
    seeds: int
    max_batches: int


def doubling(first, last):
    """Give powers of two.

    Parameters
    ----------
    first, last : int
        Exponents.

    Returns
    -------
    tuple of float
        From 2**first to 2**last.
    """
    return tuple(2.0**power for power in range(first, last + 1))


SGD_RATES = {
    "constant": doubling(-9, -1),
    "invscaling 0.25": doubling(-7, 1),
    "invscaling 0.5": doubling(-5, 3),
}
EXPERIMENTS = {
    "SGD, linear truth": Experiment("linear", "fit", "sgd", SGD_RATES, 5, 4096),
    "SGD, nonlinear truth": Experiment("nonlinear", "fit", "sgd", SGD_RATES, 3, 4096),
    "SGD, hinge truth": Experiment("hinge", "fit", "sgd", SGD_RATES, 3, 4096),
    "MLP, nonlinear truth": Experiment(
        "nonlinear", "truth", "mlp", {"adam": doubling(-8, -4)}, 3, 2048
    ),
}


def run(experiment, rows, test_rows):
    """Train every arm with every schedule and rate on the data of every seed.

    Parameters
    ----------
    experiment : Experiment
        What to do.
    rows, test_rows : int
        Sizes of the data.

    Returns
    -------
    dict of (schedule, arm) to dict of float to list
        By rate the visits to each target, one list a seed.
    """
    tried = [(name, r) for name, rates in experiment.schedules.items() for r in rates]
    runs = {}
    for seed in range(experiment.seeds):
        data = make_data(experiment.truth, experiment.target, seed, rows, test_rows)
        for name, (schedule, rate) in product(ARMS, tried):
            model = make_model(experiment.model, schedule, rate, seed)
            arm = ARMS[name](data.y, seed)
            visits = visits_to_targets(model, arm, data, experiment.max_batches)
            by_rate = runs.setdefault((schedule, name), {})
            by_rate.setdefault(rate, []).append(visits)
    return runs


def find_limits(seeds, rows, test_rows):
    """Find what training without weights, prior corrected, cannot get below.

    Parameters
    ----------
    seeds : int
        Data sets of each truth.
    rows, test_rows : int
        Sizes of the data.

    Returns
    -------
    list of dict
        Truth, share of positives and by seed the fraction of the way from best to null
        that a linear model keeps.
    """
    limits = []
    for truth in TRUTHS:
        data = [make_data(truth, "fit", seed, rows, test_rows) for seed in range(seeds)]
        limits += [
            {
                "truth": truth,
                "share": share,
                "f": [limit_without_weights(each, share) for each in data],
            }
            for share in (0.5, 0.1)
        ]
    return limits


def choose(by_rate, index):
    """Choose the learning rate for a target.

    Parameters
    ----------
    by_rate : dict of float to list
        Visits to each target, one list a seed.
    index : int
        Which target.

    Returns
    -------
    dict
        The rate, whether it is at the edge of the grid, and the visits: median,
        fewest, most and how many seeds reached the target. None for infinite.
    """
    visits = {rate: [run[index] for run in runs] for rate, runs in by_rate.items()}
    rate = min(visits, key=lambda each: statistics.median(visits[each]))
    best = visits[rate]
    values = statistics.median(best), min(best), max(best)
    median, fewest, most = (v if np.isfinite(v) else None for v in values)
    has_choice = median is not None
    return {
        "rate": rate if has_choice else None,
        "at_edge": has_choice and rate in (min(visits), max(visits)),
        "visits": median,
        "fewest": fewest,
        "most": most,
        "seeds_reached": sum(v < np.inf for v in best) if has_choice else 0,
    }


def summarise(name, runs):
    """Give the visits of each arm, by schedule and with its best schedule.

    Parameters
    ----------
    name : str
        The experiment.
    runs : dict
        What :func:`run` gives.

    Returns
    -------
    list of dict
        One row a schedule, arm and target; schedule "best" repeats the one that needs
        fewest visits.
    """
    rows = [
        {"experiment": name, "schedule": schedule, "arm": arm, "f": f}
        | choose(by_rate, index)
        for (schedule, arm), by_rate in runs.items()
        for index, f in enumerate(FRACTIONS)
    ]
    for arm in ARMS:
        for f in FRACTIONS:
            own = [row for row in rows if (row["arm"], row["f"]) == (arm, f)]
            best = min(own, key=lambda row: row["visits"] or np.inf)
            rows.append({**best, "schedule": "best", "of_schedule": best["schedule"]})
    plain = {
        (row["schedule"], row["f"]): row["visits"]
        for row in rows
        if row["arm"] == PLAIN
    }
    for row in rows:
        base = plain[row["schedule"], row["f"]]
        both = base and row["visits"]
        row["plain_to_arm"] = base / row["visits"] if both else None
    return rows


def parse(arguments=None):
    """Read the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        Those of the process if None.

    Returns
    -------
    argparse.Namespace
        rows, test_rows, seeds, max_batches, experiment and json.
    """
    parser = argparse.ArgumentParser(description="Row visits to a log loss.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--test-rows", type=int, default=TEST_ROWS)
    parser.add_argument("--seeds", type=int, help="at most")
    parser.add_argument("--max-batches", type=int, help="at most")
    parser.add_argument("--experiment", default="", help="those whose name has this")
    parser.add_argument("--json", type=Path, default=RESULTS / "convergence.json")
    return parser.parse_args(arguments)


def main():
    """Run the experiments asked for, print and write the visits.

    Returns
    -------
    int
        Exit code 0.
    """
    options = parse()
    warnings.filterwarnings("ignore", "overflow encountered")
    start, rows, grids = time.process_time(), [], {}
    for name, experiment in EXPERIMENTS.items():
        if options.experiment not in name:
            continue
        limits = {
            key: min(getattr(experiment, key), getattr(options, key) or sys.maxsize)
            for key in ("seeds", "max_batches")
        }
        experiment = experiment._replace(**limits)
        with threadpool_limits(1):
            runs = run(experiment, options.rows, options.test_rows)
        rows += summarise(name, runs)
        grids[name] = experiment._asdict()
    limits = find_limits(min(3, options.seeds or 3), options.rows, options.test_rows)
    print_table(rows, HEADINGS)
    result = {
        "machine": machine_facts(),
        "rows": options.rows,
        "test_rows": options.test_rows,
        "cpu_seconds": round(time.process_time() - start),
        "experiments": grids,
        "limits_without_weights": limits,
        "cases": rows,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
