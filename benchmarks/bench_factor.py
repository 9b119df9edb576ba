"""What log loss recommend_factor predicts, and what is observed.

    python benchmarks/bench_factor.py [FOLDER] [--json FILE]

On generated data (six settings, replicated, log loss against the true probabilities)
and on each ``*.csv.gz`` of a folder with a column ``target`` (shuffled folds): a model
of all rows, and models of the rows that ``recommend_factor(max_loss=0.01)`` and the
factors 5, 20 and 100 keep. Excess is log loss over that of all rows, less 1, paired,
with the standard error of its mean. Factors that would leave fewer negatives than
positives are left out. Writes ``benchmarks/results/factor.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
from machine import machine_facts
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import print_table

from skstrat import DownsampleUpweight, ResampledClassifier, recommend_factor
from skstrat.exceptions import CalibrationWarning

RESULTS = Path(__file__).parent / "results" / "factor.json"
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
MAX_LOSS = 0.01
FACTORS = (5.0, 20.0, 100.0)
REPLICATES = 8
DRAWS = 3
FOLDS = 5
TEST_ROWS = 20_000
HEADINGS = {
    "data": "data",
    "model": "model",
    "asked": "asked",
    "factor": "factor",
    "rows": "rows",
    "predicted": "predicted, %",
    "low": "low, %",
    "high": "high, %",
    "observed": "observed, %",
    "error": "s.e., %",
}


@dataclass(frozen=True)
class Setting:
    """Normal or heavy-tailed columns, and a logistic truth.

    Attributes
    ----------
    name : str
        What it is called in the results.
    rows, positives, columns : int
        Of the data; positives are expected.
    signal : float
        Standard deviation of the true log odds.
    heavy : bool
        Whether columns are of Student's t with 4 degrees of freedom.
    """

    name: str
    rows: int
    positives: int
    columns: int
    signal: float
    heavy: bool = False


SETTINGS = (
    Setting("weak, 100 a column", 100_000, 1000, 10, 0.7),
    Setting("strong, 50 a column", 100_000, 1000, 20, 2.0),
    Setting("heavy tails, 30 a column", 100_000, 300, 10, 2.0, heavy=True),
    Setting("nearly separable, 40 a column", 100_000, 400, 10, 5.0),
    Setting("nearly separable, 7 a column", 100_000, 200, 30, 4.0),
    Setting("strong, 4 a column", 60_000, 120, 30, 2.0),
)


def generate(setting: Setting, seed: int) -> tuple[Any, Any, Any, Any]:
    """Draw X and y to train on, and fresh X with the true probabilities."""
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=setting.columns)
    slopes *= setting.signal / np.linalg.norm(slopes)

    def columns(n: int) -> Any:
        shape = (n, setting.columns)
        # The variance of Student's t with 4 degrees of freedom is 2.
        heavy = setting.heavy
        return rng.standard_t(4, shape) / 2**0.5 if heavy else rng.normal(size=shape)

    X, fresh = columns(setting.rows), columns(TEST_ROWS)
    odds, share = X @ slopes, setting.positives / setting.rows
    level = brentq(lambda at: expit(at + odds).mean() - share, -60, 20)
    y = (rng.random(setting.rows) < expit(level + odds)).astype(int)
    return X, y, fresh, expit(level + fresh @ slopes)


def true_loss(model: Any, X: Any, p: Any) -> float:
    """Give the expected log loss if ``p`` is the truth."""
    found = np.clip(model.predict_proba(X), 1e-12, 1)
    return float(-((1 - p) * np.log(found[:, 0]) + p * np.log(found[:, 1])).mean())


def compare(
    model: Any, X: Any, y: Any, loss: Any, seed: int
) -> Iterator[dict[str, float | str]]:
    """Give predicted and observed excess for the factor asked for and fixed ones."""
    found = recommend_factor(X, y, model, MAX_LOSS, random_state=seed)
    table = dict(zip(found.factors, found.loss_by_factor, strict=True))
    cases = [("1 %", found.factor, found.loss, *found.loss_range)]
    cases += [
        (f"factor {factor:g}", factor, table[factor], None, None)
        for factor in FACTORS
        if factor in table
    ]
    big = float(np.unique(y, return_counts=True)[1].max())
    whole = loss(clone(model).fit(X, y))
    for asked, factor, predicted, low, high in cases:
        excess = [0.0]
        if factor > 1:
            excess = [
                loss(_fit(model, X, y, factor, seed * DRAWS + draw)) / whole - 1
                for draw in range(DRAWS)
            ]
        yield {
            "asked": asked,
            "factor": float(factor),
            "rows": big / factor + len(y) - big,
            "predicted": predicted,
            "low": low,
            "high": high,
            "observed": mean(excess),
        }


def _fit(model: Any, X: Any, y: Any, factor: float, seed: int) -> Any:
    resampler = DownsampleUpweight(factor=factor, random_state=seed)
    with warnings.catch_warnings():
        # That a logistic regression does not fit a set is not what is measured here.
        warnings.simplefilter("ignore", CalibrationWarning)
        return ResampledClassifier(model, resampler).fit(X, y)


def average(name: str, model: str, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Average what was found by replicates or folds."""
    rows = []
    for asked in dict.fromkeys(run["asked"] for run in runs):
        own = [run for run in runs if run["asked"] == asked]
        row: dict[str, Any] = {"data": name, "model": model, "asked": asked}
        for key in ("factor", "rows", "predicted", "low", "high", "observed"):
            values = [run[key] for run in own]
            row[key] = None if None in values else float(mean(values))
        observed = [run["observed"] for run in own]
        row["error"] = float(np.std(observed, ddof=1) / len(own) ** 0.5)
        rows.append(row)
    return rows


def on_generated(setting: Setting, name: str, replicates: int) -> list[dict[str, Any]]:
    """Compare on replicates of a setting."""
    runs: list[dict[str, Any]] = []
    for seed in range(replicates):
        X, y, fresh, p = generate(setting, seed)
        runs += compare(
            MODELS[name], X, y, lambda model, X=fresh, p=p: true_loss(model, X, p), seed
        )
    return average(f"generated: {setting.name}", name, runs)


def read(path: Path) -> tuple[Any, Any]:
    """Read a data set: text one-hot, missing numbers replaced by medians."""
    table = pd.read_csv(path)
    y = table.pop("target").to_numpy()
    table = pd.get_dummies(table, dtype=float)
    return table.fillna(table.median()).fillna(0).to_numpy(), y


def on_set(X: Any, y: Any, data: str, name: str) -> list[dict[str, Any]]:
    """Compare on the folds of a data set."""
    runs: list[dict[str, Any]] = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for seed, (train, test) in enumerate(folds.split(X, y)):

        def loss(model: Any, test: Any = test) -> float:
            proba = model.predict_proba(X[test])
            return float(log_loss(y[test], proba, labels=model.classes_))

        runs += compare(MODELS[name], X[train], y[train], loss, seed)
    return average(data, name, runs)


def in_percent(row: dict[str, Any]) -> dict[str, Any]:
    """Write excess in percent, and rows without a fraction."""
    shown = {**row, "rows": round(row["rows"])}
    for key in ("predicted", "low", "high", "observed", "error"):
        shown[key] = None if row[key] is None else 100 * row[key]
    return shown


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the median error of predictions, and the worst where 1 % was asked."""
    cut = [row for row in rows if row["factor"] > 1]
    errors = [abs(row["observed"] / row["predicted"] - 1) for row in cut]
    asked = [row for row in cut if row["asked"] == "1 %"]
    inside = [row["low"] <= row["observed"] <= row["high"] for row in asked]
    generated = [row["observed"] for row in asked if row["data"].startswith("gen")]
    return {
        "cells": len(cut),
        "median error of the predicted excess, relative to it": float(
            np.median(errors)
        ),
        "largest where 1 % was asked": max(row["observed"] for row in asked),
        "largest of generated data": max(generated),
        "within the range": f"{sum(inside)} of {len(inside)}",
    }


def main(argv: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    folder = arguments.folder
    paths = sorted(folder.glob("*.csv.gz")) if folder else []
    rows: list[dict[str, Any]] = []
    for name in MODELS:
        for setting in SETTINGS:
            rows += on_generated(setting, name, arguments.replicates)
        for path in paths:
            rows += on_set(*read(path), path.name.partition(".")[0], name)
    print_table([in_percent(row) for row in rows], HEADINGS)
    summary = summarise(rows)
    print(json.dumps(summary, indent=1))
    facts = {"machine": machine_facts(), "summary": summary, "rows": rows}
    arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
