"""The time of ``fit_resample``, beside a hand-written minimum and imbalanced-learn.

    python benchmarks/resample.py [--rounds 7] [--only polars]

Rows are dropped (down, factor 20), repeated (over, 1:1) or both, for several sizes,
kinds of labels and containers of X with 20 columns; 0.5 % of the rows are positive.
All ways run in one process, in alternating order. Every case first checks that skstrat
and the minimum draw the same class counts and weight totals.

The minimum, or floor, is hand-written code for data that is known: one pass over the
labels, one draw a class by numpy's generator, one ascending gather of the rows. It
validates nothing, and gets the labels and the rows wanted. Where several ways were
timed the fastest is here, but rows of a frame are taken by pandas itself (2.0 instead
of 1.6 ms for one block of 1e6 rows).
"""

import gc
from collections import namedtuple
from itertools import product
from statistics import median

import harness
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from data import N_COLUMNS, make_codes
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

FACTOR, QUICK_ROWS = 20, 2_000
PEER_SECONDS = 90  # for imbalanced-learn, a case
GOALS = {"down": 1.6, "over": 1.4, "both": 1.4}  # times the floor
TEXTS = "ok", "fraud"
# The floor's ways to take rows. With mode="clip" numpy needs no buffer. Along the last
# axis of a transposed array in Fortran order it does not copy the whole array.
TAKE = {
    "C": lambda X, rows: X.take(rows, axis=0, mode="clip"),
    "F": lambda X, rows: X.T.take(rows, axis=1, mode="clip").T,
    "pandas": lambda X, rows: X.take(rows),
    "polars": lambda X, rows: X[pl.Series(rows, dtype=pl.UInt32)],
    "pyarrow": lambda X, rows: X.take(pa.array(rows)),
    "CSR": lambda X, rows: X[rows.astype(np.int32)],
}


def _columns(n, rng):
    return {f"x{i}": rng.random(n) for i in range(N_COLUMNS)}


def _mixed(n, rng):
    columns = _columns(n, rng)
    for i in range(4):
        columns[f"x{i}"] = rng.integers(0, 1000, n)
    for i in (4, 5):
        columns[f"x{i}"] = rng.choice(["fuel", "games", "groceries"], n)
    columns["x6"] = np.datetime64("2024-01-01", "s") + rng.integers(0, 10**7, n)
    columns["x7"] = pd.Categorical.from_codes(rng.integers(0, 5, n), list("abcde"))
    return pd.DataFrame(columns)


def _csr(n, rng):
    return sparse.random(n, N_COLUMNS, 0.2, "csr", random_state=rng)


# Kind of X -> how it is made, and how the floor takes rows of it.
CONTAINERS = {
    "float64": (lambda n, rng: rng.random((n, N_COLUMNS)), "C"),
    "Fortran order": (lambda n, rng: rng.random((N_COLUMNS, n)).T, "F"),
    "pandas frame": (lambda n, rng: pd.DataFrame(_columns(n, rng)), "pandas"),
    "mixed pandas frame": (_mixed, "pandas"),
    "polars frame": (lambda n, rng: pl.DataFrame(_columns(n, rng)), "polars"),
    "pyarrow table": (lambda n, rng: pa.table(_columns(n, rng)), "pyarrow"),
    "CSR": (_csr, "CSR"),
}


def _objects(codes):
    return np.array(TEXTS, dtype=object)[codes]


def _category(codes):
    return pd.Series(_objects(codes), dtype="category")


def _strings(codes):
    return pl.Series(_objects(codes), dtype=pl.String)


# Kind of labels -> their values, how they are made of 0 and 1, and how the floor reads
# them in one pass and takes some. Categories are sorted, so "fraud" has the code 0.
LABELS = {
    "int64": ((0, 1), lambda codes: codes, lambda y: y != 0, "C"),
    "bool": ((False, True), lambda codes: codes != 0, lambda y: y, "C"),
    "object": (TEXTS, _objects, lambda y: y == TEXTS[1], "C"),
    "pandas category": (TEXTS, _category, lambda y: y.array.codes == 0, "pandas"),
    "polars string": (TEXTS, _strings, lambda y: (y == TEXTS[1]).to_numpy(), "polars"),
    "1000 classes": (range(1000), lambda codes: codes, lambda y: y, "C"),
}


PLAIN = "float64", "int64"
Case = namedtuple("Case", "how rows X labels", defaults=PLAIN)


def list_cases():
    """List the cases: by size, labels, container, and of many classes."""
    sizes = (10**3, 10**5, 10**6, 10**7)
    cases = [Case(how, rows) for rows in sizes for how in ROWS]
    some = product(("down", "over"), [*LABELS][1:-1])
    cases += [Case(how, 10**6, labels=labels) for how, labels in some]
    cases += [Case(how, 10**6, X) for X in [*CONTAINERS][1:] for how in ROWS]
    return [*cases, Case("down", 10**6, labels="1000 classes")]


# The floor ------------------------------------------------------------------------


def rows_down(positive, wanted, rng):
    """Keep all positive rows and ``wanted[0]`` of the others; positions ascend."""
    positives = np.flatnonzero(positive)
    n_negative = len(positive) - len(positives)
    kept = np.zeros(len(positive), dtype=bool)
    kept[rng.choice(n_negative, wanted[0], replace=False, shuffle=False)] = True
    # The draw is among the first n_negative rows. A positive row drawn there is
    # replaced by one of as many negative rows after them, so the negatives are never
    # listed.
    displaced = kept[positives[: np.searchsorted(positives, n_negative)]]
    kept[n_negative + np.flatnonzero(~positive[n_negative:])] = displaced
    kept[positives] = True
    return np.flatnonzero(kept)


def rows_over(positive, wanted, rng):
    """Keep all rows and repeat the positive ones evenly, to ``wanted[1]``."""
    positives = np.flatnonzero(positive)
    copies, once_more = divmod(wanted[1], len(positives))
    times = np.ones(len(positive), dtype=np.intp)
    times[positives] = copies
    times[rng.choice(positives, once_more, replace=False, shuffle=False)] += 1
    return np.repeat(np.arange(len(positive)), times)


def rows_both(positive, wanted, rng):
    """Keep ``wanted[0]`` negative rows, and repeat each positive one equally often."""
    rows = rows_down(positive, wanted, rng)
    copies = wanted[1] // (len(rows) - wanted[0])
    return np.repeat(rows, np.where(positive.take(rows), copies, 1))


def rows_of_many(codes, wanted, rng):
    """Keep ``wanted[c]`` rows of every class *c* of many."""
    # For 16 bits numpy uses a radix sort: one pass for any number of classes.
    by_class = np.argsort(codes.astype(np.uint16), kind="stable")
    counts = np.bincount(codes)
    sizes = zip(np.cumsum(counts) - counts, counts.tolist(), wanted, strict=True)
    drawn = [
        start + rng.choice(count, k, replace=False, shuffle=False)
        for start, count, k in sizes
    ]
    return np.sort(by_class[np.concatenate(drawn)])


ROWS = {"down": rows_down, "over": rows_over, "both": rows_both}


def floor(case, X, y, wanted, class_weight):
    """Draw rows of X and y and compute their weights."""
    _, _, read, take = LABELS[case.labels]
    codes, many = read(y), len(wanted) > 2
    rng = np.random.default_rng(0)
    rows = (rows_of_many if many else ROWS[case.how])(codes, wanted, rng)
    if case.how == "over":
        weights = np.ones(len(rows))
    elif many:
        weights = class_weight.take(codes.take(rows))
    else:
        weights = np.where(codes.take(rows), class_weight[1], class_weight[0])
    return TAKE[CONTAINERS[case.X][1]](X, rows), TAKE[take](y, rows), weights


# The three ways -------------------------------------------------------------------


def make_ways(case, X, y, codes):
    """Return the ways to do a case; all but imbalanced-learn's return weights, too."""
    counts = np.bincount(codes)
    wanted = np.maximum(1, np.rint(counts / FACTOR)).astype(int)
    if len(counts) == 2:
        wanted[1] = counts[1] * (5 if case.how == "both" else 1)
    if case.how == "over":
        wanted[:] = counts[0]
    weight = (np.full(2, counts.sum() / 2) if case.how == "both" else counts) / wanted
    named = dict(zip(LABELS[case.labels][0], wanted.tolist(), strict=True))
    words = {"factor": FACTOR} if len(counts) == 2 else {"sampling_strategy": named}
    ours = {
        "down": DownsampleUpweight(**words, random_state=0),
        "over": RandomOversample(weighting="uniform", random_state=0),
        "both": CombinedResample(
            sampling_strategy=named, weighting="balanced", random_state=0
        ),
    }[case.how]
    # imbalanced-learn drops and repeats rows in two steps; a class not named stays.
    (negative, few), (positive, many), *others = named.items()
    under = RandomUnderSampler(
        sampling_strategy=named if others else {negative: few}, random_state=0
    )
    over = RandomOverSampler(sampling_strategy={positive: many}, random_state=0)
    steps = {"down": [under], "over": [over], "both": [under, over]}[case.how]

    def imblearn():
        result = X, y
        for step in steps:
            result = step.fit_resample(*result)
        return result

    return {
        "floor": lambda: floor(case, X, y, wanted, weight),
        "skstrat": lambda: ours.fit_resample(X, y),
        "imblearn": imblearn,
    }


def check(case, ways):
    """Refuse to compare ways of other class counts or weight totals."""
    found = []
    for way in ("floor", "skstrat"):
        X, y, weights = ways[way]()
        codes = LABELS[case.labels][2](y).astype(np.intp)
        assert X.shape == (len(codes), N_COLUMNS), f"{case}: {way} lost rows"
        found.append([np.bincount(codes), np.bincount(codes, weights)])
    np.testing.assert_allclose(*found, 1e-9, err_msg=str(case))


def measure_case(case, rounds):
    """Make the data of a case, check it and time it."""
    rng = np.random.default_rng(0)
    codes = make_codes(case.rows, len(LABELS[case.labels][0]), rng)
    X, y = CONTAINERS[case.X][0](case.rows, rng), LABELS[case.labels][1](codes)
    ways, note = make_ways(case, X, y, codes), None
    check(case, ways)
    try:
        ways["imblearn"]()
    except (TypeError, ValueError, AttributeError) as error:
        note = f"refuses: {type(error).__name__}"
        del ways["imblearn"]
    spent = harness.alternate(ways, rounds, PEER_SECONDS)
    return case._asdict() | {
        "ours_ms": 1000 * median(spent["skstrat"]),
        "to_floor": harness.paired(spent["skstrat"], spent["floor"]),
        "peer": None if note else harness.paired(spent["imblearn"], spent["skstrat"]),
        "note": note,
    }


def measure(arguments):
    """Measure the cases, or some with few rows."""
    gc.freeze()  # so that the collection before each timing looks at little
    cases = [case for case in list_cases() if arguments.only in str(case)]
    if arguments.quick:
        cases = [case._replace(rows=QUICK_ROWS) for case in cases[::3]]
    rows = [measure_case(case, arguments.rounds) for case in cases]
    missed = [
        "{how}, {rows:,} rows, {X}, {labels}".format_map(row)
        for row in rows
        if row["rows"] >= 10**6 and row["to_floor"] > GOALS[row["how"]]
    ]
    return {"cases": rows, "missed": missed}


def report(document):
    """Write the table."""
    columns = {
        "case": "{how}, {rows:,} rows",
        "X, labels": "{X}, {labels}",
        "skstrat, ms": "{ours_ms:.3g}",
        "times the floor": "{to_floor:.3g}",
        "imbalanced-learn / skstrat": "{shown}",
    }
    cases = document["cases"]
    rows = [row | {"shown": row["note"] or f"{row['peer']:.3g}"} for row in cases]
    plain = [row for row in rows if (row["X"], row["labels"]) == PLAIN]
    others = [row for row in rows if row not in plain]
    faster = sum((row["peer"] or 1) < 1 for row in cases)
    return (
        f"{harness.table(columns, plain)}\n\n"
        + harness.folded("Other containers and labels", harness.table(columns, others))
        + f"\n\nimbalanced-learn is faster in {faster} of "
        f"{sum(row['peer'] is not None for row in cases)} cases. The goals for "
        f"1,000,000 rows and more are {GOALS['down']} times the floor for down, and "
        f"{GOALS['over']} times for over and both."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=7, uses=("pandas", "polars", "pyarrow"))
