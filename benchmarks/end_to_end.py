"""Training time against quality: all the rows, or a weighted fraction of them.

    python benchmarks/end_to_end.py [--rounds 3]

Every model is trained five ways on a generated table with 0.5 % positives
(:func:`data.make_table`), and judged on an independent table of the true distribution.
Rounds alternate the order and change the seed of the draw. A figure is the median over
the rounds, ratios are paired within a round. Training time includes the resampling and
the check by the rows that were dropped.

XGBoost has its defaults, which do not suit rare positives: on all rows its first leaves
take too large steps, so all rows are worse than a fraction of them. That is no gain of
resampling. ``l2=10`` is a penalty that suits rare positives, so compare its ratio.
With ``max_delta_step=1`` factor 20 was 1 % worse than all rows for XGBoost.
"""

import math
import warnings

import harness
from data import make_table
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from skstrat import DownsampleUpweight, ResampledClassifier, make_pipeline

ROWS, QUICK_ROWS = 2_000_000, 5_000
WARM_UP_ROWS = 5_000
FULL, WEIGHTS = "all rows", "`Pipeline`, factor 20, weights"
RESAMPLED = "`ResampledClassifier`, factor 20"
LINEAR, TREES = "LogisticRegression", "HistGradientBoosting, l2=10"
# Without early stopping all ways fit the same number of trees.
MODELS = {
    LINEAR: lambda _seed: LogisticRegression(max_iter=1000),
    TREES: lambda seed: HistGradientBoostingClassifier(
        early_stopping=False, l2_regularization=10, random_state=seed
    ),
    "XGBoost": lambda seed: XGBClassifier(n_jobs=1, random_state=seed),
}
# Goals: ratio of the times, and largest ratio of the log losses.
LESS = 10
GOALS = {(LINEAR, WEIGHTS): 1.002, (LINEAR, RESAMPLED): 1.002, (TREES, RESAMPLED): 1.0}


def make_ways(model, seed):
    """Give the ways to train a model; all rows come first."""
    down, far = (
        DownsampleUpweight(factor=factor, random_state=seed) for factor in (20, 100)
    )
    under = RandomUnderSampler(random_state=seed)
    return {
        FULL: model,
        "imbalanced-learn, 1:1": make_imblearn_pipeline(under, model),
        WEIGHTS: make_pipeline(down, model),
        RESAMPLED: ResampledClassifier(model, down),
        "`ResampledClassifier`, factor 100": ResampledClassifier(model, far),
    }


def measure_model(name, rounds, train, test):
    """Train one model all ways, round after round, and give a row for each way."""
    few, runs = tuple(part[:WARM_UP_ROWS] for part in train), []
    warnings.simplefilter("ignore")  # some ways are wrong on purpose
    # First calls include lazy imports and the start of threads.
    for estimator in make_ways(MODELS[name](0), 0).values():
        harness.judge(clone(estimator).fit, few, few)
    for seed in range(rounds):
        ways = make_ways(MODELS[name](seed), seed)
        found = {
            way: harness.judge(clone(ways[way]).fit, train, test)[1]
            for way in harness.in_turn(ways, seed)
        }
        full = found[FULL]
        for way in ways:
            run = {"model": name, "way": way} | found[way]
            for key in ("wall_s", "cpu_s"):
                run[f"less_{key}"] = full[key] / run[key]
            runs.append(run | {"loss": run["log_loss"] / full["log_loss"]})
    return harness.medians(runs, "model", "way")


@threadpool_limits.wrap(limits=1)
def measure(arguments):
    """Train every model all ways."""
    rows = QUICK_ROWS if arguments.quick else ROWS
    train = make_table(rows, seed=0)[:2]
    *test, p = make_table(rows // 4, seed=1)
    cases, missed = [], []
    for name in (name for name in MODELS if arguments.only in name):
        cases += measure_model(name, arguments.rounds, train, test)
    for row in cases:
        goal = GOALS.get((row["model"], row["way"]), math.inf)
        slow = min(row["less_wall_s"], row["less_cpu_s"]) < LESS
        if row["loss"] > goal or (slow and goal < math.inf):
            missed.append(f"{row['model']}: {row['way']}")
    best = log_loss(test[1], p)
    return {"rows": rows, "true_log_loss": best, "cases": cases, "missed": missed}


def report(document):
    """Write the table."""
    columns = {
        "model and rows": "{model}: {way}",
        "training, s": "{wall_s:.2f}",
        "times less": "{less_wall_s:.1f}",
        "log loss (/ all rows)": "{log_loss:.4f} ({loss:.3f})",
        "mean p / prevalence": "{mean_p:.2f}",
    }
    table = harness.table(columns, document["cases"])
    return (
        f"{document['rows']:,} training rows of 20 columns, 0.5 % positives, one "
        f"thread. The true probabilities have the log loss "
        f"{document['true_log_loss']:.4f}.\n\n{table}\n\nThe goal is {LESS} times less "
        "time at the log loss of all rows, or 1.002 times that with LogisticRegression."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=3, uses=("xgboost",))
