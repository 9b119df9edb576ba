"""Rows that were dropped, and a few of those kept, tell when to stop."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy.special import expit
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)
from skstrat.classifiers._training_rows import training_rows

LIBRARIES = ["lightgbm", "xgboost", "catboost"]


def generated(n_rows=2000, seed=0):
    """Rows of three columns, some 9 % of them positive."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, (rng.random(n_rows) < expit(1.5 * X[:, 0] - 3)).astype(int)


def down(factor=5, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def guided(factor=5):
    pilot = make_pipeline(StandardScaler(), LogisticRegression())
    return GuidedDownsample(pilot, factor=factor, random_state=0)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


RESAMPLERS = {
    "down": down(),
    "guided": guided(),
    "strata": down(factor={0: 4, 1: 2}, strata=lambda X, y: X[:, 1] > 0),
}


class Log(list):
    """A list that clones of its owner share."""

    def __deepcopy__(self, memo):
        return self


class Recorder(HistGradientBoostingClassifier):
    """Writes down the rows that it meets, which their first column numbers."""

    def __init__(self, log=None):
        super().__init__(max_iter=5, early_stopping=False)
        self.log = log

    def fit(self, X, y, *, X_val=None, y_val=None, sample_weight_val=None):
        self.own_ = {"fitted": set(X[:, 0]), "stopped": set(X_val[:, 0])}
        return super().fit(X, y)

    def predict_proba(self, X):
        self.log.append({**self.own_, "scored": set(X[:, 0])})
        return super().predict_proba(X)


def numbered(n_rows=2000, seed=0):
    """Rows with their number as first column."""
    X, y = generated(n_rows, seed=seed)
    return np.c_[np.arange(n_rows), X], y


@pytest.mark.parametrize("check", [True, "cv"])
@pytest.mark.parametrize("name", RESAMPLERS)
def test_rows_set_aside_are_seen_by_nothing_else(name, check):
    X, y = numbered()
    log = Log()
    model = wrapped(Recorder(log), RESAMPLERS[name], calibration_check=check)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        model.fit(X, y, eval_set="dropped")
    fitted, stopped = model.estimator_.own_.values()
    assert len(fitted) == model.n_samples_fit_
    assert not fitted & stopped
    # All fits stop by the same rows, and the check scores others.
    assert len(log) > 1
    for met in log:
        assert met["stopped"] == stopped
        assert met["fitted"] <= fitted
        assert not met["scored"] & stopped
        if met["fitted"] != fitted:
            assert not met["scored"] & met["fitted"]
    # Of a class that lost nothing a fifth is set aside; of others dropped rows alone.
    set_aside = np.bincount(y[[int(row) for row in stopped]])
    if name != "strata":
        assert set_aside[1] == round(0.2 * (y == 1).sum())
    assert set_aside[0] <= model.decision_.rows_before[0] // 2
    assert set_aside.min() > 30
    again = wrapped(Recorder(Log()), RESAMPLERS[name]).fit(X, y, eval_set="dropped")
    assert again.estimator_.own_ == model.estimator_.own_


def test_no_model_of_an_ensemble_scores_the_rows_it_stopped_by():
    X, y = numbered()
    log = Log()
    ResampledEnsembleClassifier(
        Recorder(log), down(), n_estimators=3, random_state=0
    ).fit(X, y, eval_set="dropped")
    big = set(np.flatnonzero(y == 0))
    assert len({frozenset(met["stopped"]) for met in log}) == 3
    for met in log:
        assert not met["fitted"] & met["stopped"]
        assert not met["scored"] & met["stopped"] & big


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", RESAMPLERS)
def test_rows_set_aside_stand_for_all_of_their_class(
    trees, eval_losses, name, weighted
):
    X, y = generated(3000)
    weight = np.arange(3000) % 3 if weighted else None
    estimator = trees("xgboost")
    rows = training_rows(
        estimator, RESAMPLERS[name], X, y, weight, {"eval_set": "dropped"}
    )
    (aside,) = rows.eval_rows
    np.testing.assert_allclose(
        np.bincount(aside.y, aside.weights), np.bincount(y, weight), rtol=1e-9
    )
    # Of guided rows those set aside are easier than all; weights make up for it.
    big, share = aside.y == 0, aside.weights / aside.weights.sum()
    own = None if weight is None else weight[y == 0]
    mean = np.average(aside.X[big], axis=0, weights=share[big])
    error = np.sqrt((share[big] ** 2).sum()) / share[big].sum()
    difference = mean - np.average(X[y == 0], axis=0, weights=own)
    assert (np.abs(difference) < 3 * error).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        model = wrapped(estimator, RESAMPLERS[name])
        model.fit(X, y, sample_weight=weight, eval_set="dropped", verbose=False)
    p = model.predict_proba(aside.X)
    expected = log_loss(aside.y, p, sample_weight=aside.weights)
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "resampler", "asked", "text"),
    [
        ("lightgbm", down(), "kept", "must be \"dropped\" or rows with.*got 'kept'"),
        (
            "lightgbm",
            ClassWeight(),
            "dropped",
            "ClassWeight, which weighs classes",
        ),
        ("lightgbm", SMOTE(), "dropped", "drops rows and says which.*got SMOTE"),
        ("lightgbm", None, "dropped", "drops rows and says which it kept; got none"),
        ("lightgbm", down(), "dropped", "two must be kept; got 1 of class 1. Give"),
        ("forest", down(), "dropped", "is for LightGBM, .*got RandomForestClassifier"),
        ("search", down(), "dropped", "got GridSearchCV. Put searches and calibrators"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_set_aside_is_refused(trees, make, resampler, asked, text):
    X, _ = generated(1000)
    y = (np.arange(1000) < (1 if "class 1" in text else 100)).astype(int)
    estimator = {
        "lightgbm": lambda: trees("lightgbm"),
        "forest": lambda: RandomForestClassifier(2),
        "search": lambda: GridSearchCV(trees("lightgbm"), {"max_depth": [2]}),
    }[make]()
    model = ResampledClassifier(estimator, resampler)
    with pytest.raises(ValueError, match=text):
        model.fit(X, y, eval_set=asked)


def hard(n_rows, seed):
    """Rows of six columns, 2 to 3 % of them positive, with an interaction."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    turned = np.where(X[:, 1] > 0, X[:, 2], -X[:, 2])
    score = 1.2 * X[:, 0] + turned + 0.8 * np.abs(X[:, 3]) - 5.4
    return X, (rng.random(n_rows) < expit(score)).astype(int)


def losses_by_tree(library, booster, n_trees, X, y):
    """Give the log loss of the first trees by a booster's own raw predictions."""
    if library == "lightgbm":
        steps = [
            booster.predict(X, raw_score=True, start_iteration=at, num_iteration=1)
            for at in range(n_trees)
        ]
        scores = np.cumsum(steps, axis=0)
    elif library == "xgboost":
        inner = booster.get_booster()
        matrix = pytest.importorskip(library).DMatrix(X)
        start = inner.predict(matrix, output_margin=True, iteration_range=(0, 1))
        start = start + inner.predict(
            matrix, output_margin=True, iteration_range=(1, 2)
        )
        start -= inner.predict(matrix, output_margin=True, iteration_range=(0, 2))
        steps = [
            inner.predict(matrix, output_margin=True, iteration_range=(at, at + 1))
            for at in range(n_trees)
        ]
        scores = start + np.cumsum(np.array(steps, dtype=float) - start, axis=0)
    else:
        staged = booster.staged_predict(X, prediction_type="RawFormulaVal")
        scores = np.array(list(staged))
    return np.logaddexp(0, np.where(y == 1, -1, 1) * scores).mean(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["given", "dropped"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_stopping_point_is_near_the_best_on_fresh_rows(
    trees, evaluated, library, form
):
    settings = {"learning_rate": 0.3}
    patience = "early_stopping_rounds"
    if library == "lightgbm":
        patience = "early_stopping_round"
    n_trees = 90 if library == "catboost" else 70
    regrets, best = [], []
    for seed in range(10):
        X, y = hard(40_000, seed)
        X_new, y_new = hard(40_000, seed + 1000)
        params = evaluated(library, *hard(10_000, seed + 500))
        params.pop("use_best_model", None)
        if form == "dropped":
            params = {"eval_set": form}
            params |= {"verbose": False} if library == "xgboost" else {}
        resampler = DownsampleUpweight(factor=20, random_state=seed)
        stopped, whole = (
            wrapped(trees(library, n_trees, **settings, **more), resampler)
            for more in ({patience: 20}, {})
        )
        stopped.fit(X, y, **params)
        if library == "catboost":
            params["use_best_model"] = False
        whole.fit(X, y, **params)
        losses = losses_by_tree(library, whole.estimator_, n_trees, X_new, y_new)
        reached = log_loss(y_new, stopped.predict_proba(X_new))
        # Both have the same trees.
        assert np.abs(losses - reached).min() < 1e-6
        regrets.append(reached / losses.min() - 1)
        best.append(losses.argmin())
    assert 5 < np.median(best) < n_trees - 10
    assert np.median(regrets) < 0.005
