"""Boosters of all libraries, written alike."""

from inspect import signature

import numpy as np
import pytest
from resampled_models import booster
from sklearn.ensemble import HistGradientBoostingClassifier


@pytest.fixture
def trees():
    """Give a function that makes a small model of a library."""
    return booster


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
