"""Training time against quality: all the rows, or a weighted fraction of them.

``python benchmarks/bench_end_to_end.py`` trains every model on a table with 0.5 %
positives five ways (:func:`make_arms`) and judges each on an independent test table of
the true distribution. The two tables have 20 standard normal columns, so there is
nothing to scale, and labels drawn with

    log odds = -6.91 + sum_j 0.7 * 0.8**j * x_j + 0.6 * x_0 * x_1 + 1.2 * (x_2 > 1)

of which logistic regression finds the sum, and boosting the interaction and the step
too. The best reachable log loss is that of the true probabilities.

XGBoost has its library's defaults, which do not suit rare positives: on full data its
first leaves take too large steps, so that full data loses to a fraction of it. A log
loss ratio below 1 is that and no gain of resampling: ``hist, l2=10`` has a penalty that
suits rare positives in all arms, and its ratio is the fair one. With
``max_delta_step=1`` factor 20 was 1 % behind full data for XGBoost.

What is lost at which time, on data sets too, is in ``bench_frontier.py``; this one
shows what weights and odds of 1:1 do to the probabilities, two threads, and factor 100.

Rounds alternate the order of the arms and change the seed of the draw; each number is
the median over the rounds, ratios are paired within a round. Training time includes
the resampling. Exit code 1 means that a goal was missed.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from machine import machine_facts
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from skstrat import DownsampleUpweight, ResampledClassifier, make_pipeline

RESULTS = Path(__file__).parent / "results" / "end_to_end.json"
N_COLUMNS = 20
INTERCEPT = -6.91  # 0.5 % positives
WARM_UP_ROWS = 5_000

FULL = "full data"
WEIGHTS_20 = "Pipeline, factor 20, weights"
RESAMPLED_20 = "ResampledClassifier, factor 20"
# Of one thread: at least so many times less training time, at most this log loss
# relative to full data.
GOALS = {
    ("logistic", WEIGHTS_20): (10, 1.002),
    ("logistic", RESAMPLED_20): (10, 1.002),
    ("hist, l2=10", RESAMPLED_20): (10, 1.0),
}

# Without early stopping every arm grows as many trees.
MODELS: dict[str, Callable[[int, int], Any]] = {
    "logistic": lambda _threads, _seed: LogisticRegression(max_iter=1000),
    "hist, l2=10": lambda _threads, seed: HistGradientBoostingClassifier(
        early_stopping=False, l2_regularization=10, random_state=seed
    ),
}
with suppress(ImportError):
    from xgboost import XGBClassifier

    MODELS["xgboost"] = lambda threads, seed: XGBClassifier(
        n_jobs=threads, random_state=seed
    )


def make_table(
    n_rows: int, seed: int, intercept: float = INTERCEPT
) -> tuple[Any, Any, Any]:
    """Draw X, y and the true probabilities; see the top of the file."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_COLUMNS))
    log_odds = intercept + X @ (0.7 * 0.8 ** np.arange(N_COLUMNS))
    log_odds += 0.6 * X[:, 0] * X[:, 1] + 1.2 * (X[:, 2] > 1)
    p = expit(log_odds)
    return X, (rng.random(n_rows) < p).astype(np.int64), p


def make_arms(model: Any, seed: int) -> dict[str, Any]:
    """Give the ways to train a model, by name; full data comes first."""
    down_20 = DownsampleUpweight(factor=20, random_state=seed)
    down_100 = DownsampleUpweight(factor=100, random_state=seed)
    under = RandomUnderSampler(random_state=seed)
    return {
        FULL: model,
        "imbalanced-learn, 1:1": make_imblearn_pipeline(under, model),
        WEIGHTS_20: make_pipeline(down_20, model),
        RESAMPLED_20: ResampledClassifier(model, down_20),
        "ResampledClassifier, factor 100": ResampledClassifier(model, down_100),
    }


def measure(estimator: Any, train: Any, test: Any) -> dict[str, Any]:
    """Train once and judge on the test table; warnings are kept by name."""
    estimator = clone(estimator)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wall, cpu = time.perf_counter(), time.process_time()
        estimator.fit(*train)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    X, y = test
    p = estimator.predict_proba(X)[:, 1]
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "log_loss": log_loss(y, p),
        "roc_auc": roc_auc_score(y, p),
        "mean_p_over_prevalence": float(p.mean(dtype=np.float64) / y.mean()),
        "warned": sorted({warning.category.__name__ for warning in caught}),
    }


def measure_model(
    name: str, threads: int, rounds: int, train: Any, test: Any
) -> list[dict[str, Any]]:
    """Train one model all ways, round after round; one row of results per arm."""
    few = tuple(part[:WARM_UP_ROWS] for part in train)
    runs: dict[str, list[dict[str, Any]]] = {}
    with threadpool_limits(threads):
        # First calls pay for lazy imports and thread pools.
        for arm, estimator in make_arms(MODELS[name](threads, 0), 0).items():
            measure(estimator, few, few)
            runs[arm] = []
        for seed in range(rounds):
            arms = make_arms(MODELS[name](threads, seed), seed)
            for arm in list(arms)[:: -1 if seed % 2 else 1]:
                runs[arm].append(measure(arms[arm], train, test))
    return [
        {"threads": threads, "model": name, "arm": arm, **summarise(own, runs[FULL])}
        for arm, own in runs.items()
    ]


def summarise(runs: list[dict[str, Any]], full: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the medians of an arm's runs, and of their ratios to full data's."""
    row = {key: median(run[key] for run in runs) for key in runs[0] if key != "warned"}
    pairs = list(zip(full, runs, strict=True))
    for key in ("wall", "cpu"):
        ratios = [whole[f"{key}_s"] / run[f"{key}_s"] for whole, run in pairs]
        row[f"{key}_times_less"] = median(ratios)
    row["log_loss_ratio"] = median(
        run["log_loss"] / whole["log_loss"] for whole, run in pairs
    )
    row["warned"] = sorted({name for run in runs for name in run["warned"]})
    return row


def judge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare the rows that have a goal with it."""
    verdicts = []
    for row in rows:
        goal = GOALS.get((row["model"], row["arm"]))
        if goal is None or row["threads"] != 1:
            continue
        times_less = min(row["wall_times_less"], row["cpu_times_less"])
        verdicts.append(
            {
                "model": row["model"],
                "arm": row["arm"],
                "times_less": times_less,
                "log_loss_ratio": row["log_loss_ratio"],
                "goal": goal,
                "met": times_less >= goal[0] and row["log_loss_ratio"] <= goal[1],
            }
        )
    return verdicts


def print_report(result: dict[str, Any]) -> None:
    """Print the table and what became of the goals."""
    print(
        f"{result['rows']:,} training rows, {result['test_rows']:,} test rows, "
        f"{result['prevalence']:.2%} positives, {result['rounds']} rounds; "
        f"log loss of the true probabilities {result['true_log_loss']:.5f}"
    )
    print(
        f"{'threads':>7}  {'model':<9} {'arm':<31} {'wall s':>8} {'cpu s':>8} "
        f"{'full / wall':>11} {'full / cpu':>10} {'log loss':>8} {'/ full':>7} "
        f"{'ROC AUC':>7} {'mean p / rate':>13}  warned"
    )
    for row in result["arms"]:
        print(
            f"{row['threads']:>7}  {row['model']:<9} {row['arm']:<31} "
            f"{row['wall_s']:>8.3f} {row['cpu_s']:>8.3f} "
            f"{row['wall_times_less']:>11.1f} {row['cpu_times_less']:>10.1f} "
            f"{row['log_loss']:>8.5f} {row['log_loss_ratio']:>7.4f} "
            f"{row['roc_auc']:>7.4f} {row['mean_p_over_prevalence']:>13.2f}  "
            f"{', '.join(row['warned'])}".rstrip()
        )
    for verdict in result["goals"]:
        less, ratio = verdict["goal"]
        print(
            f"{'met' if verdict['met'] else 'MISSED'}: {verdict['model']}, "
            f"{verdict['arm']}, one thread: {verdict['times_less']:.1f} x less time "
            f"(goal {less}), log loss ratio {verdict['log_loss_ratio']:.4f} "
            f"(goal {ratio})"
        )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Training time against quality.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, action="append")
    parser.add_argument("--model", choices=list(MODELS), action="append")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    # A default list would be appended to.
    options.threads = options.threads or [1, 2]
    options.model = options.model or list(MODELS)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write the results, print them; 1 if a goal was missed."""
    options = parse(arguments)
    train = make_table(options.rows, seed=0)[:2]
    *test, true_p = make_table(options.rows // 4, seed=1)
    rows = [
        row
        for threads in options.threads
        for name in options.model
        for row in measure_model(name, threads, options.rounds, train, test)
    ]
    result = {
        "machine": machine_facts(),
        "rows": options.rows,
        "test_rows": len(true_p),
        "prevalence": float(train[1].mean()),
        "rounds": options.rounds,
        "true_log_loss": log_loss(test[1], true_p),
        "arms": rows,
        "goals": judge(rows),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print_report(result)
    return 0 if all(verdict["met"] for verdict in result["goals"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
