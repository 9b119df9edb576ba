"""What the benchmarks share at the edges: command line, verdicts, table and JSON."""

import argparse
import json
import sys
from pathlib import Path

from machine import machine_facts

RESULTS = Path(__file__).parent / "results"


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
