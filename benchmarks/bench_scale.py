"""What it costs to make big Parquet files small, and how that grows with the rows.

``python benchmarks/bench_scale.py --clusters`` (with the ``bench`` and ``spark``
extras, and Java) makes files of 20 standard normal float32 columns and an int8 label
with 0.5 % ones: snappy, no dictionaries, row groups of 1 Mi rows; smaller files are the
beginning of larger ones. From each file every way (``scale_ways.py``) writes all
positives, a 20th of the negatives and float64 weights as Parquet; two ways only read.
With ``--before FOLDER``, a checkout of an older skstrat, its ways run too.

Every run has a process of its own, which imports its libraries and starts Dask's
processes or Spark's session before anything is measured. Rounds take the ways in
alternating order, A B C then C B A, and the sizes too. Ratios are to the read of all
columns in the same round; figures are medians over the rounds. CPU seconds are those of
all threads and processes. Peak memory is what came on top of the imports, of several
processes the sum. Files are in the page cache before the first round. Only skstrat
waits until its file is on the disk; its wall seconds have that wait.

Each output is checked: its columns, all positives, the number of negatives (exact, or
binomial where hashes decide), the weighted class totals (to 1e-9, or 1 % where weights
are nominal), and that the ways which take skstrat's plan have the very same rows.
skstrat's goals: CPU and wall seconds at most 1.6 times those of the read, at 8 and 20
million rows; memory at most 400 MB, a byte a row and 8 bytes a row kept; R squared of
the line at least 0.99. Exit code 1 means that a goal was missed, or that a run or its
check failed. Figures for 1e9 and 1e10 rows are not measured: they are the line through
the sizes, followed so far.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import scale_ways
from machine import machine_facts
from scale_figures import FAR, judge, tabulate
from scale_files import Data, find_faults, make_file, prepare
from scale_ways import CLUSTER_WAYS, DASK_WAYS, OLD_WAYS, WAYS
from tables import RESULTS

SIZES = (2_000_000, 4_000_000, 8_000_000, 16_000_000, 20_000_000)
FEWEST_ROWS = 10_000
CASES = {
    "way": ("way", ""),
    "rows": ("rows", ",d"),
    "cpu_s": ("CPU s", ".3f"),
    "cpu_to_read": ("CPU / read", ".2f"),
    "wall_s": ("wall s", ".3f"),
    "wall_to_read": ("wall / read", ".2f"),
    "rounds": ("rounds", "d"),
}
LINES = {
    "way": ("way", ""),
    "ns_per_row": ("CPU ns / row", ".1f"),
    "fixed_s": ("fixed CPU s", ".3f"),
    "r_squared": ("R squared", ".4f"),
    "largest_residual_s": ("largest residual s", ".3f"),
    "largest_residual_share": ("of the measured", ".1%"),
    **{f"at_{n}": (f"CPU s of {n} rows, extrapolated", ",.0f") for n in FAR},
}

GOALS = {
    "goal": ("goal", ""),
    "rows": ("rows", ",d"),
    "got": ("got", ".4g"),
    "at_most": ("at most", ".4g"),
    "verdict": ("verdict", ""),
}


# Runs -----------------------------------------------------------------------------


def run(name: str, data: Data, folder: Path, before: Path | None) -> dict[str, Any]:
    """Run a way in a process of its own and check its output, which is then removed."""
    dest = folder / "small.parquet"
    load = os.getloadavg()[0]
    command = [sys.executable, scale_ways.__file__, name, data.path, dest]
    done = subprocess.run(
        [*command, data.plan_path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ({"PYTHONPATH": str(before)} if name in OLD_WAYS else {}),
    )
    try:
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            return {"faults": [f"exit code {done.returncode}: {last}"]}
        measured = json.loads(done.stdout.splitlines()[-1])
        if "left_out" in measured:
            return measured
        faults = find_faults(name, data, dest, measured["read"])
        return {**measured, "load": load, "faults": faults}
    finally:
        if dest.is_dir():
            shutil.rmtree(dest)
        dest.unlink(missing_ok=True)


def run_all(
    names: Iterable[str],
    files: Mapping[int, Data],
    rounds: int,
    folder: Path,
    before: Path | None,
) -> tuple[list[dict[str, Any]], dict[str, str], list[dict[str, Any]]]:
    """Run all ways on all files; give the good runs, the ways left out, the bad runs.

    A way that cannot be taken is tried once.
    """
    runs: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    once = [(n_rows, name) for n_rows in files for name in names]
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        for n_rows, name in once[:: -1 if turn % 2 else 1]:
            if name in left_out:
                continue
            found = run(name, files[n_rows], folder, before)
            if "left_out" in found:
                left_out[name] = found["left_out"]
                continue
            entry = {"way": name, "rows": n_rows, "round": turn, **found}
            (failed if found["faults"] else runs).append(entry)
    return runs, left_out, failed


def facts() -> dict[str, Any]:
    """Give the machine, with the libraries that other benchmarks do without."""
    machine = machine_facts()
    for name in ("duckdb", "dask", "distributed", "pyspark"):
        with suppress(PackageNotFoundError):
            machine["libraries"][name] = version(name)
    return machine


# Edges ----------------------------------------------------------------------------


def markdown(
    rows: Iterable[Mapping[str, Any]], headings: Mapping[str, tuple[str, str]]
) -> str:
    """Write a table; headings and formats are by key, what is absent is a dash."""
    lines = [" | ".join(heading for heading, _ in headings.values())]
    lines.append(" | ".join("---" for _ in headings))
    for row in rows:
        cells = [(row.get(key), how) for key, (_, how) in headings.items()]
        shown = ["-" if value is None else format(value, how) for value, how in cells]
        lines.append(" | ".join(shown))
    return "\n".join(f"| {line} |" for line in lines)


def print_report(result: dict[str, Any]) -> None:
    """Print the tables, what was left out and what failed."""
    sizes = result["sizes"]
    peaks: dict[str, dict[str, Any]] = {}
    for case in result["cases"]:
        own = peaks.setdefault(case["way"], {"way": case["way"]})
        shown = f"{case['peak_mb']:,.0f} ({case['largest_peak_mb']:,.0f})"
        own[str(case["rows"])] = shown
    by_size = {str(n): (f"{n:,} rows", "") for n in sizes}
    print(markdown(result["cases"], CASES))
    print("\nPeak memory in MB above that after the imports (largest of all rounds):\n")
    print(markdown(peaks.values(), {"way": ("way", ""), **by_size}))
    if result["lines"]:
        times = " and ".join(f"{n / max(sizes):,.0f}" for n in FAR.values())
        print(f"\nCPU s = fixed + rows x CPU s / row, fitted to {len(sizes)} sizes and")
        print(f"extrapolated to {times} times the rows of the largest file:\n")
        print(markdown(result["lines"], LINES))
    print("\nGoals of skstrat:\n")
    print(markdown(result["goals"], GOALS))
    for name, reason in result["left_out"].items():
        print(f"\nleft out: {name}: {reason}")
    for each in result["failed"]:
        print(f"\nFAILED: {each['way']}, {each['rows']:,} rows: {each['faults']}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a part of the whole has JSON only where it is told."""
    parser = argparse.ArgumentParser(description="Cost of making Parquet files small.")
    parser.add_argument("--sizes", nargs="+", type=lambda text: int(float(text)))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--folder", type=Path, help="where files are kept, 4 GB in all")
    parser.add_argument("--clusters", action="store_true", help="Dask and Spark too")
    parser.add_argument("--before", type=Path, help="folder of an older skstrat")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    in_part = options.sizes or options.rounds is not None or not options.clusters
    if options.json is None and not in_part:
        options.json = RESULTS / "scale.json"
    options.sizes = sorted(set(options.sizes or SIZES))
    options.rounds = 5 if options.rounds is None else options.rounds
    if options.sizes[0] < FEWEST_ROWS:
        parser.error(f"--sizes must be at least {FEWEST_ROWS}; got {options.sizes[0]}")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}")
    if options.before and not (options.before / "skstrat" / "__init__.py").exists():
        parser.error(f"--before must hold a folder skstrat; got {options.before}")
    return options


def ways_of(options: argparse.Namespace) -> list[str]:
    """Name the ways to take, the old ones after the new."""
    left_out = set() if options.clusters else set(CLUSTER_WAYS)
    if not options.clusters:
        left_out |= {f"{name}, before" for name in DASK_WAYS}
    if options.before is None:
        left_out |= set(OLD_WAYS)
    return [name for name in WAYS if name not in left_out]


def commit_of(folder: Path | None) -> str | None:
    """Give the commit that is checked out in a folder, if it is known."""
    if folder is None or not (folder / ".git").exists():
        return None
    command = ["git", "-C", folder, "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files, run, print and write the results; 1 if a run failed."""
    options = parse(arguments)
    names = ways_of(options)
    with ExitStack() as stack:
        folder = options.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        # Outputs go to the disk that the files are on.
        out = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        files = {n: prepare(make_file(folder, n)) for n in options.sizes}
        runs, left_out, failed = run_all(
            names, files, options.rounds, out, options.before
        )
        file_bytes = {n: data.path.stat().st_size for n, data in files.items()}
    cases, lines = tabulate(names, options.sizes, runs)
    goals = judge(cases, lines, {n: sum(files[n].plan.rows) for n in files})
    result = {
        "machine": facts(),
        "before": commit_of(options.before),
        "sizes": options.sizes,
        "file_bytes": file_bytes,
        "rounds": options.rounds,
        "cases": cases,
        "lines": lines,
        "goals": goals,
        "left_out": left_out,
        "failed": failed,
        "runs": runs,
    }
    print_report(result)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    missed = any(goal["verdict"] == "MISS" for goal in goals)
    return int(bool(failed) or missed)


if __name__ == "__main__":
    sys.exit(main())
