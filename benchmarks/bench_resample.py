"""Time fit_resample against the floor and imbalanced-learn: one process, paired rounds.

Run ``python benchmarks/bench_resample.py``. The exit code is 1 if a ratio is past its
goal, and the whole table goes to ``benchmarks/results/resample.json``. Every case first
checks that skstrat and the floor draw the same class counts and weight totals.
"""

import gc
import statistics
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
from cases import (
    LABELS,
    X_KINDS,
    Case,
    check,
    contenders,
    goals_of,
    list_cases,
    make_codes,
    name_of,
)
from tables import RESULTS, judge, parse, report
from timing import alternate, paired, peer_rounds

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
    ways = contenders(case, X_KINDS["C"][0](n, rng), codes, codes)
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
        Its name; of ``skstrat``, all public names.

    Returns
    -------
    seconds : float
        What the import took.
    modules : int
        How many modules it brought in.
    """
    statement = f"import {module}" if module != "skstrat" else "from skstrat import *"
    code = (
        "import sys, time; before = len(sys.modules); start = time.perf_counter(); "
        f"{statement}; spent = time.perf_counter() - start; "
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
