"""Ensembles over downsamples against imbalanced-learn's, on every data set of a folder.

    python benchmarks/bench_ensemble.py FOLDER [--folds 5] [--largest 60000]

For each ``*.csv.gz`` with a column ``target``, and trees as they are commonly used for
it: skstrat's ``ResampledEnsembleClassifier`` (ten boosted models or ten trees on the
default ten rows of the big class per row of the smallest, prior corrected), one
``ResampledClassifier``, all rows, and imbalanced-learn's BalancedBagging, EasyEnsemble
and BalancedRandomForest with their defaults. The same stratified folds for all; log
loss, ROC AUC, mean p / prevalence and seconds of training and prediction, one thread.
Prints a table and writes ``benchmarks/results/ensemble.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from skstrat import (
    DownsampleUpweight,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)
from skstrat.cli.tabular import plain_columns, read_table

RESULTS = Path(__file__).parent / "results" / "ensemble.json"
COLUMNS = ("log loss", "ROC AUC", "mean p / prevalence", "seconds")


def contestants() -> dict:
    """Make the unfitted models."""
    boosting = HistGradientBoostingClassifier(
        l2_regularization=1, early_stopping=False, random_state=0
    )
    tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    down = DownsampleUpweight(random_state=0)
    return {
        "boosting, all rows": ResampledClassifier(boosting),
        "boosting, one downsample": ResampledClassifier(boosting, down),
        "boosting, ten downsamples": ResampledEnsembleClassifier(
            boosting, down, random_state=0
        ),
        "trees, ten downsamples": ResampledEnsembleClassifier(
            tree, down, random_state=0
        ),
        "BalancedBagging": BalancedBaggingClassifier(random_state=0),
        "EasyEnsemble": EasyEnsembleClassifier(random_state=0),
        "BalancedRandomForest": BalancedRandomForestClassifier(random_state=0),
    }


def measure(model, X, y, folds: int) -> list[float]:
    """Cross-validate one model."""
    splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
    found = []
    for train, test in splitter.split(X, y):
        start = time.perf_counter()
        p = model.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        seconds = time.perf_counter() - start
        loss, auc = log_loss(y[test], p), roc_auc_score(y[test], p)
        found.append((loss, auc, p.mean() / y[test].mean(), seconds))
    return np.mean(found, axis=0).tolist()


def main() -> None:
    """Measure every data set that is small enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=60_000)
    arguments = parser.parse_args()
    results = {}
    print(f"| data set | model | {' | '.join(COLUMNS)} |\n|{'---|' * 6}")
    for path in sorted(arguments.folder.glob("*.csv.gz")):
        table = read_table(path, "target")
        X = plain_columns(table.features).to_numpy(dtype=np.float64)
        y = table.codes()
        if len(y) > arguments.largest or len(set(y.tolist())) > 2:
            continue
        # Not all of imbalanced-learn's take missing values.
        X = X[:, ~np.isnan(X).all(axis=0)]
        X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
        name = path.name.removesuffix(".csv.gz")
        for model_name, model in contestants().items():
            with threadpool_limits(1):
                values = measure(model, X, y, arguments.folds)
            found = dict(zip(COLUMNS, values, strict=True))
            results.setdefault(name, {})[model_name] = found
            cells = (f"{value:.4g}" for value in values)
            print(f"| {name} | {model_name} | {' | '.join(cells)} |", flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
