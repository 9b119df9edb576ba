"""What log loss ``recommend_factor`` predicts, and what is observed.

The excess is log loss over that of the same model on all rows, less 1, paired; its
standard error is that of a mean over replicates or folds. Logistic regression is fitted
with the factor that an excess of 1 % allows and with factors 5, 20 and 100, on six
kinds of generated data (as many replicates as rounds) and on the folds of all data
sets, three draws each. Boosting and forests are fitted with uniform and with guided
rows, as few as 1 % allows, on twelve generated tables and the folds of three data sets;
forests on at most 100,000 rows. Generated data are judged by the true probabilities.

    python benchmarks/factor.py --data FOLDER
"""

import warnings
from functools import partial
from statistics import mean, median

import data
import harness
import numpy as np
from lightgbm import LGBMClassifier
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skstrat

LINEAR, LOGISTIC = "LogisticRegression", LogisticRegression(max_iter=1000)
TREES = {
    "HistGradientBoosting": HistGradientBoostingClassifier(l2_regularization=1),
    "LightGBM": LGBMClassifier(n_jobs=1, verbose=-1),
    "RandomForest": RandomForestClassifier(min_samples_leaf=5),
}
MODELS = {LINEAR: make_pipeline(StandardScaler(), LOGISTIC)}
MODELS |= {name: model.set_params(random_state=0) for name, model in TREES.items()}
SAMPLERS = {"uniform": skstrat.DownsampleUpweight, "guided": skstrat.GuidedDownsample}
MAX_LOSS, FACTORS, FRESH = 0.01, (5.0, 20.0, 100.0), 50_000
FOREST_ROWS, TREE_SETS = 100_000, ("adult", "bank_marketing", "forest_cover")
# Shape of the truth, rows, share of positives, columns, spread of the true log odds.
LINEAR_TABLES = {
    "weak, 100 positives a column": ("linear", 100_000, 0.01, 10, 0.7),
    "strong, 50 a column": ("linear", 100_000, 0.01, 20, 2.0),
    "heavy tails, 30 a column": ("heavy tails", 100_000, 0.003, 10, 2.0),
    "nearly separable, 40 a column": ("linear", 100_000, 0.004, 10, 5.0),
    "nearly separable, 7 a column": ("linear", 100_000, 0.002, 30, 4.0),
    "strong, 4 a column": ("linear", 60_000, 0.002, 30, 2.0),
}
TREE_SIZES = (
    *((50_000, 0.02, 1.8), (50_000, 0.05, 1.8), (100_000, 0.01, 1.2)),
    *((100_000, 0.05, 2.5), (300_000, 0.005, 2.5), (300_000, 0.02, 1.2)),
)
TREE_TABLES = {
    f"{rows:,}, {share:.1%}, {shape} {signal}": (shape, rows, share, 20, signal)
    for shape in ("not linear", "few columns")
    for rows, share, signal in TREE_SIZES
}


def generate(shape, rows, share, columns, signal, seed):
    """Draw rows and labels to train on, and fresh rows with the true probabilities."""
    rng, size = np.random.default_rng(seed), (rows + FRESH, columns)
    X = rng.standard_t(4, size) if shape == "heavy tails" else rng.normal(size=size)
    score = X @ rng.normal(size=columns)
    if shape == "few columns":
        score = X[:, :8] @ np.arange(1, 9) ** -0.5
    if shape == "not linear":
        score = X[:, 0] + np.sin(2 * X[:, 4]) + 0.5 * (X[:, 5] > 0) * X[:, 6]
        score += 0.7 * X[:, 1] * X[:, 2] + 0.7 * X[:, 3] ** 2
    score *= signal / score.std()
    p = expit(score + brentq(lambda at: expit(at + score).mean() - share, -60, 20))
    y = (rng.random(len(p)) < p).astype(int)
    truth = np.column_stack([1 - p, p])
    return X[:rows], y[:rows], X[rows:], truth[rows:]


def folds_of(X, y, folds):
    """Return the same for the folds of a data set, whose labels are the truth."""
    truth = np.eye(y.max() + 1)[y]
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, y):
        yield X[train], y[train], X[test], truth[test]


def compare(name, X, y, fresh, truth, seed):
    """Return predicted and observed excess of the factors."""
    model, linear, big = MODELS[name], name == LINEAR, np.bincount(y).max()

    def loss(estimator):
        q = np.clip(estimator.fit(X, y).predict_proba(fresh), 1e-15, 1)
        return -(truth * np.log(q)).sum(axis=1).mean()

    def observe(rows, factor):
        draws = [3 * seed + draw for draw in range(3 if linear else 1)]
        samplers = [SAMPLERS[rows](factor=factor, random_state=each) for each in draws]
        resampled = partial(skstrat.ResampledClassifier, model, calibration_check=False)
        return mean(loss(resampled(each)) for each in samplers) / whole - 1

    whole = loss(clone(model))
    ask = partial(skstrat.recommend_factor, X, y, model, MAX_LOSS, random_state=seed)
    for rows in ("uniform",) if linear else SAMPLERS:
        found = ask(guided=rows == "guided")
        asked = [("1 %", found.factor, found.loss)]
        table = zip(found.factors, found.loss_by_factor, strict=True)
        asked += [(f"{each:g}", each, loss) for each, loss in table if each in FACTORS]
        for word, factor, predicted in asked if linear else asked[:1]:
            observed = observe(rows, factor) if factor > 1 else 0.0
            facts = {"kept": big / factor + len(y) - big, "observed": observed}
            facts |= {"factor": factor, "predicted": predicted}
            yield {"asked": word, "rows": rows, **facts}


def average(name, source, splits):
    """Average results over replicates or folds."""
    runs = []
    for seed, split in enumerate(splits):
        runs += compare(name, *split, seed)
    for (asked, rows), own in harness.groups(runs, "asked", "rows").items():
        found = {"model": name, "data": source, "asked": asked, "rows": rows}
        for key in ("factor", "kept", "predicted", "observed"):
            found[key] = float(mean(run[key] for run in own))
        spread = np.std([run["observed"] for run in own], ddof=len(own) > 1)
        yield found | {"error": float(spread / len(own) ** 0.5)}


def measure(arguments):
    """Measure every model on generated tables and on data sets."""
    warnings.simplefilter("ignore")
    cells = []
    for name in [LINEAR] if arguments.quick else MODELS:
        linear, most = name == LINEAR, FOREST_ROWS if "Forest" in name else np.inf
        tables = LINEAR_TABLES if linear else TREE_TABLES
        if arguments.quick:
            tables = {"generated": ("linear", 12_000, 0.02, 5, 1.0)}
        for source, table in tables.items():
            if table[1] <= most:
                seeds = range(arguments.rounds if linear else 1)
                splits = (generate(*table, seed) for seed in seeds)
                cells += average(name, source, splits)
        for source, path in data.data_sets(arguments.data, arguments.only):
            X, y = data.read(path, one_hot=linear)
            if linear or (source in TREE_SETS and len(y) <= most):
                cells += average(name, source, folds_of(X, y, 5 if linear else 3))
    return {"cells": cells}


HEADINGS = {
    "data: asked": "{data}: {asked}",
    "factor": "{factor:.1f}",
    "rows kept": "{kept:,.0f}",
    "predicted": "{predicted:.2%}",
    "observed": "{observed:.2%} ± {error:.2%}",
}


def report(document):
    """Write how well the excess is predicted, and the cells of logistic regression."""
    cells = [cell for cell in document["cells"] if cell["factor"] > 1]
    lines = []
    for rows, linear in (("uniform", True), ("uniform", False), ("guided", False)):
        own = [c for c in cells if (c["model"] == LINEAR, c["rows"]) == (linear, rows)]
        asked = [cell["observed"] for cell in own if cell["asked"] == "1 %"]
        if not asked:
            continue
        errors = [abs(cell["observed"] / cell["predicted"] - 1) for cell in own]
        kept = f"{sum(each <= MAX_LOSS for each in asked)} of {len(asked)}"
        name = LINEAR if linear else "boosting and forests"
        largest, error = f"{max(asked):.2%}", f"{median(errors):.2f}"
        lines.append((f"{name}, {rows} rows", kept, largest, error, len(own)))
    heads = "model", "at most 1 %", "largest excess", "median error", "cells"
    shown = [cell for cell in cells if cell["model"] == LINEAR]
    return (
        "Pairs of model and data where an excess of at most 1 % was asked for and rows "
        "were dropped. The median error is divided by the predicted excess, and counts "
        "all factors.\n\n"
        f"{harness.table(heads, lines)}\n\n"
        + harness.folded(
            "Logistic regression, excess predicted and observed, with standard errors",
            harness.table(HEADINGS, shown),
        )
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=8, uses=("lightgbm",))
