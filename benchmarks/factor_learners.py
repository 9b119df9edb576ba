"""What recommend_factor predicts for boosting and forests, and what is observed.

    python benchmarks/factor_learners.py [FOLDER] [--json FILE] [--learners NAME ...]

On generated data (linear and crooked truth, log loss against the true probabilities)
and on folds of three sets of a folder: a model of all rows, and models of the uniform
and of the guided rows that ``recommend_factor(max_loss=0.01)`` keeps. Excess is log
loss over that of all rows, less 1; CPU time is that of asking, drawing and fitting
over that of all rows. Writes ``benchmarks/results/factor_learners.json``.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from machine import machine_facts
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OrdinalEncoder
from tables import print_table

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    recommend_factor,
)

RESULTS = Path(__file__).parent / "results" / "factor_learners.json"
LEARNERS = {
    "HistGradientBoosting(l2=1)": HistGradientBoostingClassifier(
        l2_regularization=1, random_state=0
    ),
    "LightGBM": LGBMClassifier(n_jobs=1, verbose=-1, random_state=0),
    "RandomForest(leaf=5)": RandomForestClassifier(min_samples_leaf=5, random_state=0),
}
# A forest takes minutes where boosting takes seconds.
MOST_ROWS = {"RandomForest(leaf=5)": 100_000}
SETS = ("adult", "bank_marketing", "forest_cover")
MAX_LOSS = 0.01
COLUMNS = 20
TEST_ROWS = 50_000
FOLDS = 3
HEADINGS = {
    "data": "data",
    "learner": "learner",
    "kept": "rows by",
    "factor": "factor",
    "rows": "rows",
    "share": "share g",
    "predicted": "predicted",
    "high": "high",
    "observed": "observed",
    "mean_p": "mean p / prev",
    "time": "CPU / full",
}


class Setting(NamedTuple):
    """A data set to generate: rows, prevalence, spread and shape of the log odds."""

    rows: int
    prevalence: float
    signal: float
    crooked: bool

    def __str__(self) -> str:
        truth = "crooked" if self.crooked else "linear"
        return f"{self.rows:,}, {self.prevalence:.1%}, {truth} {self.signal:g}"


class Score(NamedTuple):
    """What predictions are worth: log loss, and mean probability by prevalence."""

    loss: float
    mean_p: float


SETTINGS = tuple(
    Setting(*sizes, crooked=crooked)
    for crooked in (True, False)
    for sizes in (
        (50_000, 0.02, 1.8),
        (50_000, 0.05, 1.8),
        (100_000, 0.01, 1.2),
        (100_000, 0.05, 2.5),
        (300_000, 0.005, 2.5),
        (300_000, 0.02, 1.2),
    )
)


def generate(setting: Setting, seed: int) -> tuple[Any, Any, Any, Any]:
    """Draw X and y to train on, and fresh X with the true probabilities."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(setting.rows + TEST_ROWS, COLUMNS))
    score = X[:, :8] @ np.arange(1, 9) ** -0.5
    if setting.crooked:
        score = X[:, 0] + np.sin(2 * X[:, 4]) + 0.5 * (X[:, 5] > 0) * X[:, 6]
        score += 0.7 * X[:, 1] * X[:, 2] + 0.7 * X[:, 3] ** 2
    score *= setting.signal / score.std()
    level = brentq(lambda at: expit(at + score).mean() - setting.prevalence, -60, 20)
    p = expit(level + score)
    y = (rng.random(len(p)) < p).astype(int)
    at = setting.rows
    return X[:at], y[:at], X[at:], p[at:]


def score_by(truth: Any) -> Callable[[Any], Score]:
    """Score predictions by labels or by true probabilities."""

    def score(proba: Any) -> Score:
        q = np.clip(proba[:, 1], 1e-15, 1 - 1e-15)
        loss = -(truth * np.log(q) + (1 - truth) * np.log(1 - q)).mean()
        return Score(float(loss), float(q.mean() / truth.mean()))

    return score


def compare(
    learner: Any, X: Any, y: Any, fresh: Any, score: Callable[[Any], Score], seed: int
) -> Iterator[dict[str, Any]]:
    """Give predicted and observed excess of uniform and of guided rows."""
    start = process_time()
    whole = clone(learner).fit(X, y)
    full = process_time() - start
    best = score(whole.predict_proba(fresh))
    for guided, kind in ((False, DownsampleUpweight), (True, GuidedDownsample)):
        start = process_time()
        found = recommend_factor(
            X, y, learner, MAX_LOSS, guided=guided, random_state=seed
        )
        rows = kind(factor=found.factor, random_state=seed)
        model = ResampledClassifier(learner, rows, calibration_check=False).fit(X, y)
        spent = process_time() - start
        reached = score(model.predict_proba(fresh))
        yield {
            "kept": "guided" if guided else "uniform",
            "factor": found.factor,
            "rows": found.rows,
            "share": found.estimation_share,
            "predicted": found.loss,
            "high": found.loss_range[1],
            "observed": reached.loss / best.loss - 1,
            "mean_p": reached.mean_p,
            "mean_p_full": best.mean_p,
            "limited_by": found.limited_by,
            "n_rows": found.n_rows,
            "time": spent / full,
            "full_seconds": full,
            "predicted_seconds": found.full_seconds,
        }


def read(path: Path) -> tuple[Any, Any]:
    """Read a data set: codes for text, -1 for what is missing; the rare class is 1."""
    table = pd.read_csv(path)
    labels = table.pop("target").astype(str)
    text = table.select_dtypes(exclude="number").columns
    table[text] = OrdinalEncoder().fit_transform(table[text].astype(str))
    y = labels == labels.value_counts().idxmin()
    return table.fillna(-1).to_numpy(float), y.to_numpy().astype(int)


def on_set(learner: Any, X: Any, y: Any) -> Iterator[dict[str, Any]]:
    """Compare on folds of a data set, and average."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    runs = [
        list(compare(learner, X[train], y[train], X[test], score_by(y[test]), seed))
        for seed, (train, test) in enumerate(folds.split(X, y))
    ]
    for kept in zip(*runs, strict=True):
        numbers = [key for key, value in kept[0].items() if not isinstance(value, str)]
        means = {key: float(np.mean([run[key] for run in kept])) for key in numbers}
        observed = [run["observed"] for run in kept]
        yield {
            **kept[0],
            **means,
            "error": float(np.std(observed, ddof=1) / FOLDS**0.5),
        }


def summarise(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Count the cells in which rows were dropped and the loss was kept."""
    found = {}
    for kept in ("uniform", "guided"):
        own = [row for row in rows if row["kept"] == kept and row["factor"] > 1]
        large = [row["time"] for row in own if row["n_rows"] >= 50_000]
        within = [row["observed"] <= MAX_LOSS for row in own]
        found[kept] = {
            "cells": len(own),
            "loss at most 1 % more": sum(within),
            "largest observed": max(row["observed"] for row in own),
            "median CPU / full": float(np.median(large)) if large else None,
            "largest CPU / full": max(large, default=None),
        }
    return found


def main(argv: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=[*LEARNERS])
    parser.add_argument("--rows", type=int, default=max(each.rows for each in SETTINGS))
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    for name in arguments.learners:
        learner = LEARNERS[name]
        most = min(arguments.rows, MOST_ROWS.get(name, arguments.rows))
        for setting in [each for each in SETTINGS if each.rows <= most]:
            X, y, fresh, p = generate(setting, seed=0)
            cells = compare(learner, X, y, fresh, score_by(p), seed=0)
            rows += [{"data": str(setting), "learner": name, **cell} for cell in cells]
        for data in SETS if arguments.folder else ():
            X, y = read(arguments.folder / f"{data}.csv.gz")
            if len(y) <= most:
                cells = on_set(learner, X, y)
                rows += [{"data": data, "learner": name, **cell} for cell in cells]
    print_table(rows, HEADINGS)
    summary = summarise(rows)
    print(json.dumps(summary, indent=1))
    facts = {"machine": machine_facts(), "summary": summary, "rows": rows}
    arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
