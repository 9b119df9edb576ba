"""Time fit_resample against the floor and imbalanced-learn: one process, paired rounds.

Run ``python benchmarks/bench_resample.py``. The exit code is 1 if a ratio is past its
goal, and the whole table goes to ``benchmarks/results/resample.json``. Every case first
checks that skstrat and the floor draw the same class counts and weight totals.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections import namedtuple
from pathlib import Path

import floor
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from machine import machine_facts
from scipy import sparse

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

COLUMNS = 20
PREVALENCE = 0.005
FACTOR = 20
SHORTEST = 0.02  # seconds that a timing lasts at least, by repeating the call
RESULTS = Path(__file__).parent / "results"
TEXTS = (floor.NEGATIVE, floor.POSITIVE)

Labels = namedtuple("Labels", "values make kind container")
Case = namedtuple("Case", "how rows X labels n_classes")
Goals = namedtuple("Goals", "floor peer")


def _blocks(n, rng):
    return rng.random((n, COLUMNS))


def _columns(n, rng):
    return {f"x{i}": rng.random(n) for i in range(COLUMNS)}


def _mixed(n, rng):
    columns = _columns(n, rng)
    for i in range(4):
        columns[f"x{i}"] = rng.integers(0, 1000, n)
    for i in (4, 5):
        columns[f"x{i}"] = rng.choice(["fuel", "games", "groceries"], n)
    columns["x6"] = np.datetime64("2024-01-01", "s") + rng.integers(0, 10**7, n)
    columns["x7"] = pd.Categorical.from_codes(rng.integers(0, 5, n), list("abcde"))
    return pd.DataFrame(columns)


# Kind of X -> how it is made, and how the floor takes rows of it.
X_KINDS = {
    "C": (_blocks, "C"),
    "float32": (lambda n, rng: rng.random((n, COLUMNS), dtype=np.float32), "C"),
    "F": (lambda n, rng: np.asfortranarray(_blocks(n, rng)), "F"),
    # A frame that shares a C-ordered array has its rows in sequence; one made from
    # columns, or copied, its columns.
    "frame": (lambda n, rng: pd.DataFrame(_blocks(n, rng), copy=False), "pandas"),
    "column frame": (lambda n, rng: pd.DataFrame(_columns(n, rng)), "pandas"),
    "mixed frame": (_mixed, "pandas"),
    "polars": (lambda n, rng: pl.DataFrame(_columns(n, rng)), "polars"),
    "pyarrow": (lambda n, rng: pa.table(_columns(n, rng)), "pyarrow"),
    "csr": (
        lambda n, rng: sparse.random_array((n, COLUMNS), density=0.2, rng=rng).tocsr(),
        "csr",
    ),
}


def _objects(codes):
    return np.array(TEXTS, dtype=object)[codes]


def _pandas_text(storage):
    return lambda codes: pd.Series(
        _objects(codes), dtype=pd.StringDtype(storage, na_value=np.nan)
    )


# Kind of labels -> their values, how they are made from 0 and 1, and how the floor
# reads them and takes some.
LABELS = {
    "int64": Labels((0, 1), lambda codes: codes, "number", "C"),
    "int8": Labels((0, 1), lambda codes: codes.astype(np.int8), "byte", "C"),
    "bool": Labels((False, True), lambda codes: codes.astype(bool), "bool", "C"),
    "float": Labels((0.0, 1.0), lambda codes: codes.astype(float), "number", "C"),
    "fixed str": Labels(TEXTS, lambda codes: np.array(TEXTS)[codes], "text", "C"),
    "object": Labels(TEXTS, _objects, "text", "C"),
    "pandas category": Labels(
        TEXTS,
        lambda codes: pd.Series(_objects(codes), dtype="category"),
        "pandas category",
        "pandas",
    ),
    "pandas str": Labels(TEXTS, _pandas_text("python"), "pandas text", "pandas"),
    "pandas Arrow": Labels(TEXTS, _pandas_text("pyarrow"), "pandas arrow", "pandas"),
    "polars str": Labels(
        TEXTS,
        lambda codes: pl.Series(_objects(codes), dtype=pl.String),
        "polars text",
        "polars",
    ),
    "polars int": Labels((0, 1), pl.Series, "polars number", "polars"),
}


def list_cases():
    """List all cases.

    Returns
    -------
    list of Case
        What is done, nominal rows, kinds of X and labels, and number of classes.
    """
    hows = ("down", "over", "combined")
    sizes = (10**3, 10**5, 10**6, 10**7)
    cases = [Case(how, rows, "C", "int64", 2) for rows in sizes for how in hows]
    cases.append(Case("down", 5 * 10**6, "float32", "int64", 2))
    million = 10**6
    others = [kind for kind in LABELS if kind != "int64"]
    cases += [Case(how, million, "C", y, 2) for y in others for how in hows[:2]]
    others = [kind for kind in X_KINDS if kind not in ("C", "float32")]
    cases += [Case(how, million, X, "int64", 2) for X in others for how in hows]
    cases += [Case("down", million, "C", "int64", k) for k in (10, 1000)]
    return cases


def name_of(case):
    """Name a case as the table does.

    Parameters
    ----------
    case : Case
        A case.

    Returns
    -------
    str
        Its name.
    """
    digits = f"{case.rows:.0e}".replace("e+0", "e")
    classes = f", {case.n_classes} classes" if case.n_classes > 2 else ""
    return f"{case.how} {digits}, X {case.X}, y {case.labels}{classes}"


def goals_of(case):
    """Give the ratios that a case must reach.

    Parameters
    ----------
    case : Case
        A case.

    Returns
    -------
    Goals
        Largest skstrat / floor and smallest imbalanced-learn / skstrat; None for none.
    """
    if case.rows == 10**3:
        return Goals(None, 2)
    if case.rows not in (10**6, 10**7) or case.n_classes == 10:
        return Goals(None, None)
    if case.n_classes == 1000:
        return Goals(1.8, None)
    if case.how != "down":
        return Goals(1.4, None)
    if case.X != "C":
        return Goals(1.6, None)
    return Goals(1.8 if case.labels == "int64" else 2, 20)


def make_codes(n, n_classes, rng):
    """Make class codes: 0.5 % ones, or many classes of equal size, in random order.

    Parameters
    ----------
    n : int
        Rows.
    n_classes : int
        Classes.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    ndarray of shape (n,)
        Codes, int64, every class among them.
    """
    if n_classes > 2:
        return rng.permutation(np.arange(n) % n_classes)
    codes = (rng.random(n) < PREVALENCE).astype(np.int64)
    codes[rng.integers(n)] = 1
    return codes


def plan_of(how, counts):
    """Give the rows wanted and the weights, as the resampler of a case has them.

    Parameters
    ----------
    how : {"down", "over", "combined"}
        What is done.
    counts : ndarray of shape (n_classes,)
        Rows of each class.

    Returns
    -------
    wanted : list of int
        Rows of each class after resampling.
    class_weight : tuple of float or None
        Weight of a drawn row of each class; None if all are 1.
    """
    if how == "over":
        return [int(counts[0])] * 2, None
    wanted = np.maximum(1, np.rint(counts / FACTOR)).astype(int)
    if len(counts) == 2:
        wanted[1] = counts[1] * (5 if how == "combined" else 1)
    mass = np.full(2, counts.sum() / 2) if how == "combined" else counts
    return wanted.tolist(), tuple((mass / wanted).tolist())


def contenders(case, X, y, codes):
    """Give the three ways to do a case, as functions without arguments.

    Parameters
    ----------
    case : Case
        A case.
    X, y : containers
        Its data.
    codes : ndarray of shape (n_rows,)
        Class codes of y.

    Returns
    -------
    dict of str to callable
        "floor", "skstrat" and "imblearn"; all give X and y, the first two weights.
    """
    labels = LABELS[case.labels]
    names = labels.values if case.n_classes == 2 else range(case.n_classes)
    wanted, class_weight = plan_of(case.how, np.bincount(codes))
    named = dict(zip(names, wanted, strict=True))
    resampler = {
        "down": DownsampleUpweight(factor=FACTOR, random_state=0),
        "over": RandomOversample(random_state=0),
        "combined": CombinedResample(sampling_strategy=named, random_state=0),
    }[case.how]
    kinds = (X_KINDS[case.X][1], labels.kind, labels.container)
    how = case.how
    if case.n_classes > 2:
        resampler = DownsampleUpweight(sampling_strategy=named, random_state=0)
        kinds, how = (kinds[0], "codes", "C"), "down many"
    return {
        "floor": lambda: floor.resample(X, y, kinds, how, wanted, class_weight),
        "skstrat": lambda: resampler.fit_resample(X, y),
        "imblearn": _peer(how, X, y, named),
    }


def _peer(how, X, y, named):
    # imbalanced-learn cuts and repeats in two steps; a class not named stays.
    negative, positive = list(named)[:2]
    cut = named if how == "down many" else {negative: named[negative]}
    under = RandomUnderSampler(sampling_strategy=cut, random_state=0)
    grown = {positive: named[positive]}
    over = RandomOverSampler(sampling_strategy=grown, random_state=0)
    steps = {"over": [over], "combined": [under, over]}.get(how, [under])

    def run():
        result = X, y
        for step in steps:
            result = step.fit_resample(*result)
        return result

    return run


def check(case, ways):
    """Refuse to time the floor against something else.

    Parameters
    ----------
    case : Case
        A case.
    ways : dict of str to callable
        Its "floor" and "skstrat".

    Raises
    ------
    AssertionError
        If class counts, or weight totals of the classes, differ.
    """
    kind = "codes" if case.n_classes > 2 else LABELS[case.labels].kind
    counts, totals = {}, {}
    for way in ("floor", "skstrat"):
        X, y, weights = ways[way]()
        codes = floor.CODES[kind](y).astype(np.intp)
        assert X.shape == (len(codes), COLUMNS), f"{name_of(case)}: {way} lost rows"
        counts[way] = np.bincount(codes)
        totals[way] = np.bincount(codes, weights)
    np.testing.assert_array_equal(counts["skstrat"], counts["floor"], name_of(case))
    np.testing.assert_allclose(totals["skstrat"], totals["floor"], 1e-9, 0)


def seconds(way, calls=1):
    """Time a call, without garbage collection and without freeing the last result.

    Parameters
    ----------
    way : callable
        What is timed.
    calls : int, default=1
        How often it is called.

    Returns
    -------
    float
        Seconds a call.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            result = way()
        spent = time.perf_counter() - start
    finally:
        gc.enable()
    del result
    return spent / calls


def alternate(ways, rounds):
    """Time several ways in rounds A B C, C B A, A B C and so on.

    Parameters
    ----------
    ways : dict of str to callable
        Each is called once beforehand, outside the timings.
    rounds : dict of str to int
        In how many of the rounds, from the first, each is timed.

    Returns
    -------
    dict of str to list of float
        Seconds a call, of each way by round.
    """
    calls = {way: 1 + int(SHORTEST / seconds(ways[way])) for way in rounds}
    spent = {way: [] for way in rounds}
    for turn in range(max(rounds.values())):
        for way in list(rounds)[:: 1 if turn % 2 == 0 else -1]:
            if turn < rounds[way]:
                spent[way].append(seconds(ways[way], calls[way]))
    return spent


def paired(numerator, denominator):
    """Give the median ratio of timings of the same round.

    Parameters
    ----------
    numerator, denominator : list of float
        Timings by round; the shorter list says how many rounds count.

    Returns
    -------
    float
        Median ratio.
    """
    pairs = zip(numerator, denominator, strict=False)
    return statistics.median(above / below for above, below in pairs)


def peer_rounds(run, rounds, budget):
    """Decide how many rounds imbalanced-learn gets.

    Parameters
    ----------
    run : callable
        Its way; it is called once.
    rounds : int
        Rounds of the others.
    budget : float
        Seconds that it may take in all; at least 3 rounds must fit, if so many are run.

    Returns
    -------
    rounds : int
        0 if it is left out.
    note : str
        Why.
    """
    try:
        once = seconds(run)
    except (TypeError, ValueError, AttributeError) as error:
        return 0, f"imbalanced-learn refuses: {type(error).__name__}"
    affordable = min(rounds, int(budget / once))
    if affordable < min(3, rounds):
        return 0, f"imbalanced-learn left out: one call took {once:.1f} s"
    return affordable, ""


def measure(case, n, rounds, budget):
    """Make the data of a case, check it and time it.

    Parameters
    ----------
    case : Case
        A case.
    n : int
        Rows, fewer than the case's own for a trial.
    rounds : int
        Rounds.
    budget : float
        Seconds for imbalanced-learn.

    Returns
    -------
    dict
        A row of the table.
    """
    rng = np.random.default_rng(0)
    codes = make_codes(n, case.n_classes, rng)
    y = codes if case.n_classes > 2 else LABELS[case.labels].make(codes)
    ways = contenders(case, X_KINDS[case.X][0](n, rng), y, codes)
    check(case, ways)
    n_peer, note = peer_rounds(ways["imblearn"], rounds, budget)
    turns = {"floor": rounds, "skstrat": rounds, "imblearn": n_peer}
    spent = alternate(ways, {way: turn for way, turn in turns.items() if turn})
    row = {
        "case": name_of(case),
        "rows": n,
        "floor_ms": 1000 * statistics.median(spent["floor"]),
        "ours_ms": 1000 * statistics.median(spent["skstrat"]),
        "to_floor": paired(spent["skstrat"], spent["floor"]),
        "peer_to_us": paired(spent["imblearn"], spent["skstrat"]) if n_peer else None,
        "note": note,
    }
    # Goals are for the full size.
    return judge(row, *(goals_of(case) if n == case.rows else (None, None)))


def judge(row, floor_goal, peer_goal):
    """Add goals and a verdict to a row of the table.

    Parameters
    ----------
    row : dict
        A row with the ratios ``to_floor`` and ``peer_to_us``, None if not measured.
    floor_goal : float or None
        Largest ``to_floor`` allowed, None for no goal.
    peer_goal : float or None
        Smallest ``peer_to_us`` allowed, None for no goal.

    Returns
    -------
    dict
        The row with goals and "pass", "MISS", "open" (no goal missed, but the one
        against imbalanced-learn not measured) or, without a goal, "-".
    """
    slow = floor_goal is not None and row["to_floor"] > floor_goal
    unmeasured = peer_goal is not None and row["peer_to_us"] is None
    if peer_goal is not None and not unmeasured:
        slow = slow or row["peer_to_us"] < peer_goal
    if slow:
        verdict = "MISS"
    elif floor_goal is None and peer_goal is None:
        verdict = "-"
    else:
        verdict = "open" if unmeasured else "pass"
    return {**row, "floor_goal": floor_goal, "peer_goal": peer_goal, "verdict": verdict}


def peak_bytes(way):
    """Trace the memory of a call.

    Parameters
    ----------
    way : callable
        What is called, a second time.

    Returns
    -------
    peak : int
        Bytes at the peak that were not there before, the result among them.
    result : int
        Bytes of the arrays of the result.
    """
    way()
    gc.collect()
    tracemalloc.start()
    result = way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, sum(part.nbytes for part in result)


def measure_memory(how, n, judged):
    """Compare peak memory with 1.2 x the result + 10 bytes a row.

    Parameters
    ----------
    how : {"down", "over"}
        What is done.
    n : int
        Rows.
    judged : bool
        Whether the goal holds at so many rows.

    Returns
    -------
    dict
        A row of the table; ``to_floor`` is the peak relative to what is allowed.
    """
    rng = np.random.default_rng(0)
    codes = make_codes(n, 2, rng)
    case = Case(how, n, "C", "int64", 2)
    ways = contenders(case, _blocks(n, rng), codes, codes)
    of_floor, _ = peak_bytes(ways["floor"])
    peak, result = peak_bytes(ways["skstrat"])
    allowed = 1.2 * result + 10 * n
    row = {
        "case": f"memory, {how} 1e6: peak / allowed",
        "rows": n,
        "floor_ms": None,
        "ours_ms": None,
        "to_floor": peak / allowed,
        "peer_to_us": None,
        "note": f"MB: floor {of_floor / 1e6:.1f}, skstrat {peak / 1e6:.1f}, "
        f"result {result / 1e6:.1f}, allowed {allowed / 1e6:.1f}",
    }
    return judge(row, 1 if judged else None, None)


def import_cost(module):
    """Import a module in a fresh interpreter.

    Parameters
    ----------
    module : str
        Its name.

    Returns
    -------
    seconds : float
        What the import took.
    modules : int
        How many modules it brought in.
    """
    code = (
        "import sys, time; before = len(sys.modules); start = time.perf_counter(); "
        f"import {module}; spent = time.perf_counter() - start; "
        "print(spent, len(sys.modules) - before)"
    )
    spent, modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(spent), int(modules)


def measure_imports(rounds):
    """Compare the import of skstrat with those of what it builds on.

    Parameters
    ----------
    rounds : int
        Fresh interpreters for each.

    Returns
    -------
    list of dict
        Rows of the table, without goals; ``to_floor`` is relative to the other import.
    """
    names = ("sklearn", "imblearn.pipeline", "skstrat")
    costs = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[:: 1 if turn % 2 == 0 else -1]:
            costs[name].append(import_cost(name))
    spent = {name: [cost[0] for cost in costs[name]] for name in names}
    modules = {name: costs[name][0][1] for name in names}
    rows = []
    for name in names[:2]:
        row = {
            "case": f"import skstrat / {name}",
            "rows": None,
            "floor_ms": 1000 * statistics.median(spent[name]),
            "ours_ms": 1000 * statistics.median(spent["skstrat"]),
            "to_floor": paired(spent["skstrat"], spent[name]),
            "peer_to_us": None,
            "note": f"modules: {name} {modules[name]}, skstrat {modules['skstrat']}",
        }
        rows.append(judge(row, None, None))
    return rows


HEADINGS = {
    "case": "case",
    "rows": "rows",
    "floor_ms": "floor ms",
    "ours_ms": "skstrat ms",
    "to_floor": "/ floor",
    "floor_goal": "goal <=",
    "peer_to_us": "imblearn / skstrat",
    "peer_goal": "goal >=",
    "verdict": "verdict",
    "note": "note",
}


def _cell(value):
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def print_table(rows, headings):
    """Print rows in aligned columns.

    Parameters
    ----------
    rows : list of dict
        What was measured.
    headings : dict of str to str
        Headings by key of a row.
    """
    lines = [list(headings.values())]
    lines += [[_cell(row[key]) for key in headings] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())


def report(rows, headings, path, **settings):
    """Print the table, write it as JSON and say whether a goal was missed.

    Parameters
    ----------
    rows : list of dict
        What was measured.
    headings : dict of str to str
        Headings of the printed table.
    path : Path or None
        Where the JSON goes, None for nowhere.
    **settings : object
        What else to write down.

    Returns
    -------
    int
        Exit code: 1 if a row misses its goal, else 0.
    """
    print_table(rows, headings)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"machine": machine_facts(), **settings, "cases": rows}
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return int(any(row["verdict"] == "MISS" for row in rows))


def parse(default_path, argv=None):
    """Read the command line that the benchmarks share.

    Parameters
    ----------
    default_path : Path
        Where the JSON of a whole run goes; that of a part goes only where it is told.
    argv : list of str, default=None
        Arguments, those of the process if None.

    Returns
    -------
    argparse.Namespace
        quick, case, rounds, max_rows, peer_seconds and json.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds, 1e6 rows")
    parser.add_argument("--case", default="", help="only cases whose name has this")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--max-rows", type=int, default=sys.maxsize)
    parser.add_argument("--peer-seconds", type=float, help="budget a case")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    if options.rounds is None:
        options.rounds = 3 if options.quick else 7
    if options.peer_seconds is None:
        options.peer_seconds = 5 if options.quick else 90
    in_part = options.quick or options.case or options.max_rows < sys.maxsize
    if options.json is None and not in_part:
        options.json = default_path
    return options


def main():
    """Run the cases asked for.

    Returns
    -------
    int
        Exit code.
    """
    options = parse(RESULTS / "resample.json")
    warnings.simplefilter("ignore")
    gc.freeze()  # so that the collection before each timing looks at little
    rows = []
    for case in list_cases():
        name = name_of(case)
        if options.case not in name or (options.quick and case.rows > 10**6):
            continue
        print(name, file=sys.stderr, flush=True)
        n = min(case.rows, options.max_rows)
        rows.append(measure(case, n, options.rounds, options.peer_seconds))
    for how in ("down", "over"):
        if options.case in f"memory, {how}":
            n = min(10**6, options.max_rows)
            rows.append(measure_memory(how, n, n == 10**6))
    if options.case in "import skstrat":
        rows += measure_imports(options.rounds)
    return report(rows, HEADINGS, options.json, rounds=options.rounds)


if __name__ == "__main__":
    sys.exit(main())
