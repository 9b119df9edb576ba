"""Compare strategies on every data set of a folder, as the command line does.

    python benchmarks/compare_data_sets.py FOLDER

Runs ``skstrat compare --json`` on each ``*.csv.gz`` with a column ``target``, writes
the documents to ``benchmarks/results/compare/`` and prints a table for people.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "compare"
HEAD = (
    "| data set | smallest class | model | choice | log loss | true distribution's | "
    "its mean p / prevalence | 1:1 under-sampling's |",
    "|---|---|---|---|---|---|---|---|",
)


def compare(path: Path) -> dict:
    """Run the command on one file."""
    start = time.perf_counter()
    command = [Path(sys.executable).with_name("skstrat"), "compare", path.name]
    done = subprocess.run(
        [*command, "--target", "target", "--json"],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    if done.stderr:
        raise RuntimeError(f"{path.name}: {done.stderr}")
    seconds = round(time.perf_counter() - start, 1)
    return {**json.loads(done.stdout), "seconds": seconds}


def rows(name: str, document: dict) -> list[str]:
    """Give one table line a model."""
    data = document["data"]
    share = min(entry["share"] for entry in data["classes"])
    lines = []
    for entry in document["models"]:
        measured = {each["strategy"]: each["measures"] for each in entry["strategies"]}
        true, best = measured["true distribution"], measured[entry["best"]]
        plain = measured["under-sampling 1:1"]
        cells = (
            name,
            f"{share:.2%} of {data['rows']:,}",
            entry["model"],
            entry["best"],
            f"{best['log_loss']['mean']:.4g}",
            f"{true['log_loss']['mean']:.4g}",
            f"{best['mean_probability_ratio']['mean']:.2f}",
            f"{plain['mean_probability_ratio']['mean']:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main(folder: str) -> None:
    """Compare on all data sets, write the documents, print the table."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    lines = list(HEAD)
    for path in sorted(Path(folder).glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        document = compare(path)
        text = json.dumps(document, indent=1, allow_nan=False)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        lines += rows(name, document)
        print(f"{name}: {document['seconds']} s", file=sys.stderr)
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
