"""Which strategy ``skstrat compare`` chooses on each data set.

The command runs as a user runs it, with its default models and five folds.

    python benchmarks/compare_data_sets.py --data FOLDER
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import data
import harness
import pandas as pd

TRUE, UNDER = "true distribution", "under-sampling 1:1"


def compare(path, *options):
    """Run the command on one file, and return the row of each model in the table."""
    command = [Path(sys.executable).with_name("skstrat"), "compare", path, "--json"]
    command += ["--target", "target", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if done.stderr:
        raise RuntimeError(f"{path.name}: {done.stderr}")
    document = json.loads(done.stdout)
    facts = {"set": path.name.partition(".")[0], "rows": document["data"]["rows"]}
    facts["share"] = min(each["share"] for each in document["data"]["classes"])
    for model in document["models"]:
        measured = {each["strategy"]: each["measures"] for each in model["strategies"]}
        best, true = measured[model["best"]], measured[TRUE]
        yield facts | {
            "model": model["model"],
            "choice": model["best"],
            "loss": best["log_loss"]["mean"],
            "true_loss": true["log_loss"]["mean"],
            "mean_p": best["mean_probability_ratio"]["mean"],
            "under": measured[UNDER]["mean_probability_ratio"]["mean"],
        }


def measure(arguments):
    """Compare on every data set."""
    rows = []
    for _, path in data.data_sets(arguments.data, arguments.only):
        rows += compare(path)
    if arguments.quick:
        X, y, _ = data.make_table(500, 0, 0.05)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "generated.csv")
            pd.DataFrame(X[:, :3]).assign(target=y).to_csv(path, index=False)
            rows += compare(path, "--model", "logistic", "--cv", "2")
    return {"rows": rows}


HEADINGS = {
    "data set (smallest class), model": "{set} ({share:.2%}), {model}",
    "choice": "{choice}",
    "log loss (true distribution's)": "{loss:.4g} ({true_loss:.4g})",
    "mean p / prevalence": "{mean_p:.2f}",
    "that of 1:1 under-sampling": "{under:.2f}",
}


def report(document):
    """Write the choices, and how often and by how much they reduce the loss."""
    rows = document["rows"]
    others = [row for row in rows if row["choice"] != TRUE]
    gains = "; ".join(
        f"{row['choice']} on {row['set']}, {1 - row['loss'] / row['true_loss']:.1%}"
        for row in others
    )
    return (
        f"{harness.table(HEADINGS, rows)}\n\nThe true distribution is chosen in "
        f"{len(rows) - len(others)} of {len(rows)} comparisons. The others, with how "
        f"much lower the log loss is: {gains or 'none'}."
    )


if __name__ == "__main__":
    harness.run(measure, report, uses=("skrub", "pandas"))
