"""Rare classes, and models of resampled rows, for tests of classifiers."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)

LIBRARIES = ["lightgbm", "xgboost", "catboost"]
START = {"lightgbm": "init_score", "xgboost": "base_margin", "catboost": "baseline"}


def generated(n_rows=2000, n_classes=2, seed=0, labels=None, *, numbered=False):
    """Draw rows of three columns, and if asked for a last one that numbers them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    scores = np.column_stack([0 * X[:, 0], 1.5 * X[:, 0] - 3, X[:, 1] - 2])
    p = softmax(scores[:, :n_classes], axis=1)
    codes = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    X = np.column_stack([X, np.arange(n_rows)]) if numbered else X
    return X, codes if labels is None else np.array(labels)[codes]


def down(factor=5, **params):
    return DownsampleUpweight(**{"factor": factor, "random_state": 0, **params})


def guided(factor=5, **params):
    pilot = make_pipeline(StandardScaler(), LogisticRegression())
    params = {"pilot": pilot, "random_state": 0, **params}
    return GuidedDownsample(factor=factor, **params)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


def averaged(estimator, resampler=None, n_estimators=2, **params):
    params = {"n_estimators": n_estimators, "random_state": 0, **params}
    return ResampledEnsembleClassifier(estimator, resampler or down(), **params)


def booster(library, n_trees=8, **params):
    """Make a small model of a library."""
    if library == "histogram":
        settings = {"max_iter": n_trees, "max_leaf_nodes": 5, "n_iter_no_change": 99}
        settings |= {"early_stopping": True}
        return HistGradientBoostingClassifier(**settings | params)
    module = pytest.importorskip(library)
    if library == "lightgbm":
        settings = {"n_estimators": n_trees, "num_leaves": 5, "verbose": -1}
        return module.LGBMClassifier(**settings | {"n_jobs": 1} | params)
    if library == "xgboost":
        settings = {"n_estimators": n_trees, "max_depth": 3, "n_jobs": 1}
        return module.XGBClassifier(**settings | params)
    settings = {"iterations": n_trees, "depth": 3, "thread_count": 1}
    settings |= {"verbose": False, "allow_writing_files": False}
    return module.CatBoostClassifier(**settings | params)


def last_step(model):
    """Find the fitted model inside a classifier and its pipelines."""
    model = getattr(model, "estimator_", model)
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    return model


class Log(list):
    """A list that clones of its owner share."""

    def __deepcopy__(self, memo):
        return self


def assert_same_predictions(plain, model, X, **close):
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    np.testing.assert_array_equal(plain.classes_, model.classes_)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert hasattr(plain, method) == hasattr(model, method), method
        if hasattr(model, method):
            with np.errstate(divide="ignore"):  # trees and neighbors give zeros
                given, expected = (getattr(each, method)(X) for each in (plain, model))
            assert given.shape == expected.shape
            np.testing.assert_allclose(given, expected, **close, err_msg=method)
