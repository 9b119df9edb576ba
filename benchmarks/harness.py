"""What the benchmarks share: command line, timings, fresh processes, JSON and tables.

A benchmark is one file that answers one question. It has ``measure(arguments)``, which
gives a document for JSON, and ``report(document)``, which writes it as Markdown, also
if the run was a quick one. :func:`run` is its command line.
"""

import argparse
import gc
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Formatter

from sklearn.metrics import log_loss

HERE = Path(__file__).parent
RESULTS = HERE / "results"
LIBRARIES = ("skstrat", "numpy", "scipy", "scikit-learn", "imbalanced-learn")
SHORTEST = 0.02  # seconds that a timing lasts at least, by repeating the call
REST = 0.2  # seconds in which threads that the imports started come to rest


# Command line and results ---------------------------------------------------------


def parse(argv=None, rounds=5):
    """Read the command line, the one of the process if ``argv`` is None."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of data sets, *.csv.gz")
    parser.add_argument("--rounds", type=int, help=f"{rounds} by default")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--quick", action="store_true", help="some seconds, a test")
    arguments = parser.parse_args(argv)
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else rounds
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {arguments.rounds}")
    return arguments


def run(measure, report, rounds=5, uses=()):
    """Measure, print and store, with the versions of the libraries that are used.

    A run of a part (``--quick``, ``--only``) is printed but not stored. The exit code
    is 1 if the document has a list ``"missed"`` of goals, and it is not empty.
    """
    arguments = parse(rounds=rounds)
    document = {**facts(arguments, uses), **measure(arguments)}
    print(report(document))
    if not (arguments.quick or arguments.only):
        path = RESULTS / f"{Path(sys.argv[0]).stem}.json"
        text = json.dumps(document, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    sys.exit(bool(document.get("missed")))


def facts(arguments, uses=()):
    """Return the command, the date, the machine and the versions."""
    command = f"python benchmarks/{Path(sys.argv[0]).name}"
    if arguments.data:
        command += " --data FOLDER"
    versions = {"Python": platform.python_version()}
    for name in (*LIBRARIES, *uses):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "command": f"{command} --rounds {arguments.rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "cpu": _cpu_model()},
        "versions": versions,
    }


def _cpu_model():
    # platform.processor() is empty or just "x86_64" on Linux.
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


# Tables ---------------------------------------------------------------------------


def table(headings, rows):
    """Write a Markdown table; all columns but the first are aligned to the right.

    A row is its cells, or a dict for headings that are ``{heading: format string}``; a
    dash stands for a field that is absent or None.
    """
    lines = [list(headings), ["---", *["---:"] * (len(headings) - 1)]]
    for row in rows:
        filled = isinstance(row, dict)
        lines.append([_fill(headings[h], row) for h in headings] if filled else row)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _fill(template, row):
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    if any(row.get(name) is None for name in names):
        return "-"
    return template.format_map(row)


def folded(title, text):
    """Write Markdown that is hidden until its title is clicked."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def rounded(value, digits=4):
    """Round to significant digits."""
    return float(f"{value:.{digits}g}")


def span(values, form=".2f"):
    """Write the least and the largest of some values."""
    values = [*values]
    return f"{min(values):{form}} to {max(values):{form}}" if values else "-"


def groups(rows, *keys):
    """Group rows by their values of some keys, in order of appearance."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def medians(runs, *keys):
    """Return the medians of the figures of runs, grouped by some keys."""
    rows = []
    for values, own in groups(runs, *keys).items():
        row = dict(zip(keys, values, strict=True))
        for key in [key for key in own[0] if key not in keys]:
            row[key] = rounded(statistics.median(run[key] for run in own), 5)
        rows.append(row)
    return rows


# Timings in one process -----------------------------------------------------------


def seconds(way, calls=1):
    """Time a call, without garbage collection and without freeing the last result."""
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


def in_turn(ways, turn):
    """Return the names of ways in the order of a round: A B C, C B A and so on."""
    return list(ways)[:: -1 if turn % 2 else 1]


def judge(fit, train, test):
    """Time a fit and score the model on test rows; return it and the figures."""
    wall, cpu = time.perf_counter(), time.process_time()
    model = fit(*train)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    p = model.predict_proba(test[0])[:, 1]
    ratio = float(p.mean(dtype=float) / test[1].mean())
    found = {"wall_s": wall, "cpu_s": cpu, "mean_p": ratio}
    return model, found | {"log_loss": log_loss(test[1], p)}


def alternate(ways, rounds, budget=math.inf):
    """Time several ways in rounds A B C, C B A, A B C and so on.

    Each is called once beforehand, to warm up. ``ways`` are functions by name. A way
    stops, after one round at least, when ``budget`` seconds would be exceeded. The
    result is the list of seconds of each.
    """
    once = {name: seconds(way) for name, way in ways.items()}
    turns = {name: max(1, int(min(rounds, budget / once[name]))) for name in ways}
    calls = {name: 1 + int(SHORTEST / once[name]) for name in ways}
    spent = {name: [] for name in ways}
    for turn in range(rounds):
        for name in in_turn(ways, turn):
            if turn < turns[name]:
                spent[name].append(seconds(ways[name], calls[name]))
    return spent


def paired(above, below):
    """Return the median ratio of figures of the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=False))


# Fresh processes ------------------------------------------------------------------


def fresh(module, function, *arguments):
    """Call a function of a benchmark, on strings, in a process of its own.

    Its result comes back through JSON. It raises RuntimeError if the process fails.
    """
    call = f"{module}.{function}(*sys.argv[1:])"
    code = f"import json, sys, {module}; print(json.dumps({call}))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{call}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def metered(work):
    """Measure a call: CPU seconds of all threads, wall seconds, and the rise in MB.

    Peaks of memory are read from the ``/proc`` of Linux.
    """
    time.sleep(REST)
    with suppress(OSError):  # where Linux does not allow it
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    _, before = usage()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak, _ = usage()
    return {"cpu_s": cpu, "wall_s": wall, "peak_mb": (peak - before) / 1e6}


def usage():
    """Return the bytes of the process at the peak, and now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    sizes = dict(line.split(":", 1) for line in lines)
    return [int(sizes[key].split()[0]) * 1024 for key in ("VmHWM", "VmRSS")]
