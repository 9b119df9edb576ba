"""What the focal loss gains or costs where probabilities are wanted.

``python benchmarks/bench_focal.py`` splits each data set 60/20/20, five times. Trees of
LightGBM and XGBoost are grown on the first part with the library's own log loss and
with ``FocalLossClassifier``; the second part chooses the number of trees by log loss,
for each loss by itself, for its probabilities grow at another speed; the third judges.
Every line is a mean and a standard deviation over the same splits. "raw sigmoid" are
the same trees as the line above it, without the way back to probabilities.

Data: log odds of ten columns, not linear, with 1 % of positives, drawn anew for each
split; and files of the folder ``../shared/data``, where that is there. There is no
goal: what the loss does is what is asked.
"""

import argparse
import json
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier
from machine import machine_facts
from scipy.special import expit, log_expit
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from tables import print_table
from xgboost import XGBClassifier

from skstrat import FocalLossClassifier

FILES = Path(__file__).parents[2] / "shared" / "data"
# By file, the label of the rare class and a column that is all missing.
READ = {"mammography": ("1", None), "thyroid_sick": ("sick", "TBG")}
SIZES = (25, 50, 100, 200, 400)
GAMMAS = (0.0, 1.0, 2.0)
LIBRARIES = {
    "LightGBM": partial(
        LGBMClassifier, num_leaves=15, learning_rate=0.05, n_jobs=1, verbose=-1
    ),
    "XGBoost": partial(XGBClassifier, max_depth=4, learning_rate=0.05, n_jobs=1),
}
HEADINGS = {
    "data": "data",
    "library": "library",
    "loss": "loss",
    "trees": "trees",
    "log_loss": "log loss",
    "auc": "AUC",
    "ratio": "mean p / prevalence",
}


def generate(seed, n_rows=30_000):
    """Draw rows of which 1 % are positive.

    Parameters
    ----------
    seed : int
        Seed.
    n_rows : int, default=30_000
        How many.

    Returns
    -------
    X, y : ndarray
        Ten columns, and labels 0 and 1.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 10))
    score = 1.2 * X[:, 0] + 0.8 * np.abs(X[:, 1]) + 0.6 * X[:, 2] * X[:, 3]
    return X, (rng.random(n_rows) < expit(score - 6.45)).astype(np.int64)


def read(name):
    """Read a data file, texts turned into codes.

    Parameters
    ----------
    name : str
        File name without its endings.

    Returns
    -------
    X, y : ndarray
        Columns as float64, and labels, 1 for the rare class.
    """
    import pandas as pd

    rare, empty = READ[name]
    table = pd.read_csv(FILES / f"{name}.csv.gz", dtype={"target": str})
    y = (table.pop("target") == rare).to_numpy(np.int64)
    table = table.drop(columns=[empty] if empty else [])
    coded = [
        values if pd.api.types.is_numeric_dtype(values) else pd.factorize(values)[0]
        for values in (table[column] for column in table)
    ]
    return np.column_stack(coded).astype(np.float64), y


def _keep(rows, _seed):
    return rows


def log_odds_of(model, X):
    """Give log odds of any of the classifiers.

    Parameters
    ----------
    model : classifier
        Fitted.
    X : ndarray
        Data.

    Returns
    -------
    ndarray of shape (n_rows,)
        Log odds.
    """
    if isinstance(model, FocalLossClassifier):
        return model.decision_function(X)
    if isinstance(model, XGBClassifier):
        return np.asarray(model.predict(X, output_margin=True), dtype=np.float64)
    return model.predict(X, raw_score=True)


def raw_of(model, X):
    """Give the raw scores of a focal classifier's trees.

    Parameters
    ----------
    model : FocalLossClassifier
        Fitted.
    X : ndarray
        Data.

    Returns
    -------
    ndarray of shape (n_rows,)
        Raw scores, with the one that training started from.
    """
    raw = log_odds_of(model.estimator_, X)
    return raw if isinstance(model.estimator_, XGBClassifier) else raw + model.raw_init_


def judge(y, log_odds):
    """Measure predictions.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels 0 and 1.
    log_odds : ndarray of shape (n_rows,)
        Predicted log odds.

    Returns
    -------
    dict of str to float
        Log loss, area under the ROC curve, mean probability over prevalence.
    """
    return {
        "log_loss": float(-log_expit((2 * y - 1) * log_odds).mean()),
        "auc": float(roc_auc_score(y, log_odds)),
        "ratio": float(expit(log_odds).mean() / y.mean()),
    }


def measure(X, y, seed, library):
    """Grow and judge all losses on one split.

    Parameters
    ----------
    X, y : ndarray
        Data.
    seed : int
        Seed of the split.
    library : str
        Key of ``LIBRARIES``.

    Returns
    -------
    dict of str to dict
        Measures and number of trees by name of the loss.
    """
    X, X_rest, y, y_rest = train_test_split(
        X, y, test_size=0.4, stratify=y, random_state=seed
    )
    X_choose, X_judge, y_choose, y_judge = train_test_split(
        X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed
    )

    def best(make):
        fitted = [make(LIBRARIES[library](n_estimators=size)) for size in SIZES]
        losses = []
        for model in fitted:
            model.fit(X, y)
            losses.append(judge(y_choose, log_odds_of(model, X_choose))["log_loss"])
        chosen = int(np.argmin(losses))
        return fitted[chosen], {"trees": SIZES[chosen]}

    model, trees = best(lambda estimator: estimator)
    measured = {"own log loss": judge(y_judge, log_odds_of(model, X_judge)) | trees}
    for gamma in GAMMAS:
        model, trees = best(partial(FocalLossClassifier, gamma=gamma))
        name = f"focal, gamma {gamma:g}"
        measured[name] = judge(y_judge, log_odds_of(model, X_judge)) | trees
        if gamma:
            raw = judge(y_judge, raw_of(model, X_judge))
            measured[f"{name}, raw sigmoid"] = raw | trees
    return measured


def summarize(data, library, splits):
    """Turn the measures of all splits into lines of the table.

    Parameters
    ----------
    data, library : str
        Names.
    splits : list of dict
        What ``measure`` gave.

    Returns
    -------
    list of dict
        Lines.
    """
    lines = []
    for loss in splits[0]:
        line = {"data": data, "library": library, "loss": loss}
        line["trees"] = f"{np.median([split[loss]['trees'] for split in splits]):g}"
        for key, digits in (("log_loss", 5), ("auc", 4), ("ratio", 3)):
            values = [split[loss][key] for split in splits]
            line[key] = f"{np.mean(values):.{digits}f} ±{np.std(values):.{digits}f}"
        lines.append(line)
    return lines


def main(argv=None):
    """Measure and print.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process if None.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=30_000, help="of generated data")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    sources = {"generated": partial(generate, n_rows=options.rows)}
    for name in READ:
        if (FILES / f"{name}.csv.gz").exists():
            # Read once: the rows are the same for each split.
            sources[name] = partial(_keep, read(name))
    lines = []
    for (data, source), library in product(sources.items(), LIBRARIES):
        splits = [
            measure(*source(seed), seed, library) for seed in range(options.splits)
        ]
        lines += summarize(data, library, splits)
    print_table(lines, HEADINGS)
    if options.json is not None:
        facts = {"machine": machine_facts(), "splits": options.splits, "cases": lines}
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
