"""Data of the benchmarks: generated tables, and the data sets of a folder."""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

N_COLUMNS = 20
# Intercepts of the log odds that give these shares of positives, by integration.
INTERCEPTS = {0.005: -6.91, 0.01: -6.117, 0.05: -4.125}


def make_codes(n_rows, n_classes, rng):
    """Draw class codes: 0.5 % ones, or many classes of equal size, in random order."""
    if n_classes > 2:
        return rng.permutation(np.arange(n_rows) % n_classes)
    codes = (rng.random(n_rows) < 0.005).astype(np.int64)
    codes[rng.integers(n_rows)] = 1
    return codes


def make_table(n_rows, seed, share=0.005):
    """Draw X, y and the true probabilities of 1.

    The 20 columns are standard normal. The log odds are a sum over the columns, which
    logistic regression finds, with an interaction and a step, which it does not::

        intercept + sum_j 0.7 * 0.8**j * x_j + 0.6 * x_0 * x_1 + 1.2 * (x_2 > 1)
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_COLUMNS))
    log_odds = INTERCEPTS[share] + X @ (0.7 * 0.8 ** np.arange(N_COLUMNS))
    log_odds += 0.6 * X[:, 0] * X[:, 1] + 1.2 * (X[:, 2] > 1)
    p = expit(log_odds)
    return X, (rng.random(n_rows) < p).astype(np.int64), p


def data_sets(folder, only=""):
    """Yield name and path of each data set in a folder, none if the folder is None."""
    paths = sorted(folder.glob("*.csv.gz")) if folder else []
    named = ((path.name.removesuffix(".csv.gz"), path) for path in paths)
    return [(name, path) for name, path in named if only in name]


def read(path, one_hot=False):
    """Read a data set as float64 columns, and its labels as codes.

    Missing numbers become medians, text becomes codes or, for linear models, one-hot
    columns. Of two classes 1 is the smaller; of more, codes follow the order of labels.
    """
    frame = pd.read_csv(path)
    y = frame.pop("target").astype("category").cat.codes.to_numpy(np.int64)
    counts = np.bincount(y)
    if len(counts) == 2:
        y = (y == counts.argmin()).astype(np.int64)
    numbers = frame.select_dtypes("number").astype(float).dropna(axis=1, how="all")
    parts = [numbers.fillna(numbers.median()).to_numpy()]
    text = frame.select_dtypes(exclude="number")
    if text.shape[1]:
        codes = text.apply(lambda column: column.astype("category").cat.codes)
        encoder = OneHotEncoder(sparse_output=False)
        parts.append(encoder.fit_transform(codes) if one_hot else codes.to_numpy(float))
    return np.hstack(parts), y


def sample(X, y, most):
    """Take a stratified sample of the rows, or all where there are no more."""
    if len(y) <= most:
        return X, y
    rows = np.arange(len(y))
    kept, _ = train_test_split(rows, train_size=most, stratify=y, random_state=0)
    kept = np.sort(kept)
    return X[kept], y[kept]


def tables(arguments, most=np.inf, one_hot=False):
    """Yield name, X and y of the data sets, and of a small table in a quick run."""
    if arguments.quick:
        yield "generated", *make_table(1_000, 0, 0.05)[:2]
    for name, path in data_sets(arguments.data, arguments.only):
        yield name, *sample(*read(path, one_hot), most)
