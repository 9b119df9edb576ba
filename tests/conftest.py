"""Fixtures shared by all tests."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

# On busy cores, several threads of boosting take a hundred times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The default of Keras is TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm


def pytest_collection_modifyitems(items):
    """Skip the examples in docstrings of libraries that are not installed."""
    for item in items:
        for example in item.dtest.examples if hasattr(item, "dtest") else ():
            library = re.match(r"(?:from|import) (\w+)", example.source)
            if library and find_spec(library[1]) is None:
                reason = f"{library[1]} is not installed"
                item.add_marker(pytest.mark.skip(reason=reason))


DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def real_data():
    """Return a function that loads a real data set as (X, y) from the data folder."""

    def load(name):
        path = DATA / f"{name}.csv.gz"
        if not path.exists():
            pytest.skip(f"{path.name} is not here: the data sets are not distributed")
        import pandas as pd

        frame = pd.read_csv(path)
        return frame.drop(columns="target"), frame["target"]

    return load


@pytest.fixture
def rare_events():
    """Return a function that draws rows with a known logistic P(y = 1 | x)."""

    def make(n_rows=20_000, prevalence=0.01, signal=1.0, n_features=3, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_rows, n_features))
        score = signal * X[:, 0] - 0.5 * signal * X[:, 1]
        low, high = -50.0, 50.0
        for _ in range(60):
            middle = (low + high) / 2
            if (1 / (1 + np.exp(-(middle + score)))).mean() < prevalence:
                low = middle
            else:
                high = middle
        p = 1 / (1 + np.exp(-(low + score)))
        return X, (rng.random(n_rows) < p).astype(int), p

    return make


@pytest.fixture
def population():
    """Return a function that finds signal and intercept of a normal score by AUC."""
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)

    def intercept_of(signal):
        return brentq(lambda a: expit(a + signal * z).mean() - 0.01, -30, 5)

    def auc_of(signal):
        p = expit(intercept_of(signal) + signal * z)
        below = np.concatenate([[0], np.cumsum(1 - p)[:-1]]) + (1 - p) / 2
        return (p * below).sum() / (p.sum() * (1 - p).sum())

    def find(auc):
        """Return them for 1 % positives."""
        signal = brentq(lambda s: auc_of(s) - auc, 0.2, 5)
        return signal, intercept_of(signal)

    return find
