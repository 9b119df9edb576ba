"""Calibrated or it says so: every pair of host, sampler and learner.

    python benchmarks/bench_promise.py [--json FILE]

The cells of ``promise.py`` are fitted on 4,000 rows, 4 % of them positive, and predict
10,000 fresh ones. A cell is inside (mean p / prevalence from 0.8 to 1.25), refused,
warned of, or silent. Prints how many of each kind there are, those whose cause is known
from the parameters apart, and writes ``benchmarks/results/promise.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from promise import is_told, list_cells, try_cell

RESULTS = Path(__file__).parent / "results" / "promise.json"
VERDICTS = ("inside", "refused", "warned", "silent")


def print_counts(outcomes) -> None:
    """Print how many cells of each host came to what."""
    print("| host | cells | " + " | ".join(VERDICTS) + " |")
    print("|---" * (len(VERDICTS) + 2) + "|")
    groups = {host: [] for host in sorted({each.host for each in outcomes})}
    for each in outcomes:
        groups[each.host].append(each)
    groups["all, cause known"] = [each for each in outcomes if each.cause]
    groups["all others"] = [each for each in outcomes if not each.cause]
    for name, own in groups.items():
        counts = Counter(each.verdict for each in own)
        cells = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
        print(f"| {name} | {len(own)} | {cells} |")


def main() -> None:
    """Try all cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    outcomes = [try_cell(*cell) for cell in list_cells()]
    print_counts(outcomes)
    rows = [{**asdict(each), "told": is_told(each)} for each in outcomes]
    text = ",\n".join(json.dumps(row) for row in rows)
    arguments.json.write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
