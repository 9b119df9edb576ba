"""Boosters of all libraries, written alike."""

from inspect import signature

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

ROUNDS = 8


@pytest.fixture
def trees():
    """Give a function that makes a small model of a library."""

    def make(library, n_trees=ROUNDS, **params):
        if library == "histogram":
            settings = {
                "max_iter": n_trees,
                "max_leaf_nodes": 5,
                "n_iter_no_change": 99,
            }
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

    return make


@pytest.fixture
def evaluated():
    """Give a function that names an eval set as a library does."""

    def name(library, X, y):
        if library == "histogram":
            fit = HistGradientBoostingClassifier.fit
            if "X_val" not in signature(fit).parameters:
                pytest.skip("X_val came with scikit-learn 1.7")
            return {"X_val": X, "y_val": y}
        if library == "xgboost":
            return {"eval_set": [(X, y)], "verbose": False}
        if library == "catboost":
            return {"eval_set": (X, y), "use_best_model": False}
        fit = pytest.importorskip(library).LGBMClassifier.fit
        # They came with release 4.7.
        if "eval_X" in signature(fit).parameters:
            return {"eval_X": X, "eval_y": y}
        return {"eval_set": [(X, y)]}

    return name


@pytest.fixture
def eval_losses():
    """Give a function that reads the log loss of the first eval set, round by round."""

    def read(model):
        while hasattr(model, "steps"):
            model = model.steps[-1][1]
        if hasattr(model, "validation_score_"):
            # Its first value is that of no tree.
            return -np.asarray(model.validation_score_)[1:]
        if hasattr(model, "get_evals_result"):
            results = model.get_evals_result()
            results = {name: results[name] for name in results if name != "learn"}
        else:
            results = getattr(model, "evals_result_", None) or model.evals_result()
        losses = next(iter(results.values()))
        names = ("binary_logloss", "multi_logloss", "logloss", "mlogloss")
        names += ("Logloss", "MultiClass")
        (loss,) = (losses[name] for name in names if name in losses)
        return np.array(loss)

    return read
