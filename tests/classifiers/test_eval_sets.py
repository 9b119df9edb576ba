"""Eval sets in every form: early stopping sees the loss of corrected predictions."""

import copy

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from resampled_models import (
    LIBRARIES,
    Log,
    averaged,
    down,
    generated,
    guided,
    last_step,
    wrapped,
)
from scipy.special import expit
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    ResampledClassifier,
)
from skstrat import make_pipeline as make_own_pipeline
from skstrat.classifiers._eval_sets import read_eval_sets, with_eval_sets
from skstrat.classifiers._training_rows import training_rows

pytestmark = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
# How well so few trees are calibrated is tested elsewhere.
uncalibrated = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")

A, B = ([[1], [2]], [0, 1]), ([[3]], [1])
HALF = ([[1]], [0])
PAIR, TWO = {"eval_X": A[0], "eval_y": A[1]}, {"eval_X": (A[0], B[0])}
FORMS = [({"eval_set": A}, [A], {"eval_set": [HALF]})]
FORMS += [({"eval_set": [A, list(B)]}, [A, B], {"eval_set": [HALF, B]})]
FORMS += [({"eval_set": (A, B)}, [A, B], {"eval_set": [HALF, B]})]
FORMS += [(PAIR, [A], {"eval_X": HALF[0], "eval_y": HALF[1]})]
FORMS += [({"X_val": A[0], "y_val": A[1]}, [A], {"X_val": [[1]], "y_val": [0]})]
TWO |= {"eval_y": (A[1], B[1])}
FORMS += [(TWO, [A, B], {"eval_X": ([[1]], [[3]]), "eval_y": ([0], [1])})]
FORMS += [(none, [], none) for none in ({}, {"eval_set": None}, {"eval_set": []})]


@pytest.mark.parametrize(("params", "sets", "back"), FORMS, ids=str)
def test_every_form_is_read_and_written_back(params, sets, back):
    assert read_eval_sets(params) == sets
    # The first rows of every set, to see them come back.
    assert with_eval_sets(params, [(X[:1], y[:1]) for X, y in sets]) == back


STRATA = down({0: 4, 1: 2}, strata=lambda X, y: X[:, 1] > 0)
RESAMPLERS = {"down": down(), "guided": guided(), "strata": STRATA}
EXACT = [
    ("lightgbm", "down", "inside", 2, {}),
    ("lightgbm", "guided", "inside", 2, {"scale_pos_weight": 3}),
    ("lightgbm", "down", "outside", 3, {}),
    ("lightgbm", "guided", "outside", 2, {"class_weight": {0: 1, 1: 4}}),
    ("lightgbm", "strata", "inside", 2, {}),
    ("lightgbm", "down", "inside", 2, {"is_unbalance": True}),
    ("lightgbm", "guided", "inside", 3, {}),
    ("xgboost", "down", "inside", 2, {"scale_pos_weight": 3}),
    ("xgboost", "guided", "inside", 2, {"base_score": 0.2}),
    ("xgboost", "down", "outside", 2, {"base_score": 0.2}),
    ("xgboost", "guided", "outside", 2, {"scale_pos_weight": 3}),
    ("xgboost", "strata", "outside", 2, {}),
    ("xgboost", "down", "inside", 3, {}),
    ("xgboost", "guided", "inside", 3, {}),
    ("xgboost", "guided", "outside", 3, {}),
    ("catboost", "guided", "inside", 2, {"scale_pos_weight": 3}),
    ("catboost", "guided", "inside", 3, {"auto_class_weights": "Balanced"}),
    ("catboost", "guided", "inside", 2, {}),
]
EVAL_WEIGHT = {"lightgbm": "eval_sample_weight", "xgboost": "sample_weight_eval_set"}


def first_trees(model, n_trees):
    """Give a copy that predicts by so many trees."""
    short = copy.deepcopy(model)
    booster = last_step(short)
    if hasattr(booster, "booster_"):
        booster.booster_.best_iteration = n_trees
    elif hasattr(booster, "get_booster"):
        booster._Booster = booster.get_booster()[:n_trees]
    else:
        booster.shrink(n_trees)
    return short


@uncalibrated
@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.parametrize(("library", "name", "where", "n_classes", "own"), EXACT)
def test_the_loss_on_the_eval_set_is_that_of_corrected_predictions(
    trees, evaluated, eval_losses, library, name, where, n_classes, own
):
    X, y = generated(2000, n_classes)
    X_val, y_val = generated(1000, n_classes, seed=1)
    # Weights passed and own weights of classes are refused together.
    weighted = not own.keys() - {"base_score"}
    params, own_weight = evaluated(library, X_val, y_val), None
    if weighted and library in EVAL_WEIGHT:
        own_weight = np.random.default_rng(3).uniform(0.5, 2, 1000)
        params[EVAL_WEIGHT[library]] = [own_weight]
    model = wrapped(
        make_pipeline(StandardScaler(), trees(library, **own)),
        RESAMPLERS[name],
        prior_correction="outside" if where == "outside" else True,
    ).fit(X, y, sample_weight=np.arange(2000) % 3 if weighted else None, **params)
    assert (model.decision_.correction == "inside") == (where == "inside")
    curve = eval_losses(model.estimator_)
    assert len(curve) == 8
    for n_trees in (1, 4, 8):
        p = first_trees(model, n_trees).predict_proba(X_val)
        expected = log_loss(y_val, p, sample_weight=own_weight)
        assert curve[n_trees - 1] == pytest.approx(expected, abs=1e-6)


WEIGHED = [("catboost", {}), ("catboost", {"class_weights": (1, 3)})]
WEIGHED += [("catboost", {"scale_pos_weight": 3}), ("histogram", {})]
WEIGHED += [("catboost", {"auto_class_weights": "Balanced"})]
WEIGHED += [("histogram", {"class_weight": {0: 1, 1: 3}})]


@uncalibrated
@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.parametrize(("library", "own"), WEIGHED)
def test_elsewhere_eval_rows_are_weighted_to_the_shares_trained_on(
    trees, evaluated, eval_losses, library, own
):
    X, y = generated()
    X_val, y_val = generated(1000, seed=1)
    model = wrapped(trees(library, **own)).fit(X, y, **evaluated(library, X_val, y_val))
    # What rows of a class are trained with over what there are of it, by arithmetic.
    kept = model.decision_.rows_trained
    balanced = "auto_class_weights" in own
    factor = kept[0] / kept[1] if balanced else 3 if own else 1
    of_class = kept[0] / (y == 0).sum(), factor * kept[1] / (y == 1).sum()
    p = model.estimator_.predict_proba(X_val)
    if model.decision_.correction == "inside":
        p = wrapped(trees(library, **own), prior_correction=False).fit(X, y)
        p = p.predict_proba(X_val)
    expected = log_loss(y_val, p, sample_weight=np.take(of_class, y_val))
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, rel=1e-6)


@uncalibrated
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("weighted", [False, True])
def test_where_nothing_is_corrected_the_eval_set_stays(
    trees, evaluated, eval_losses, library, weighted
):
    X, y = generated()
    params = evaluated(library, *generated(1000, seed=1))
    X_kept, y_kept, weight = down().fit_resample(X, y)
    settings = {"use_weights": True} if weighted else {"prior_correction": False}
    model = wrapped(trees(library), **settings).fit(X, y, **params)
    given = weight if weighted else None
    own = trees(library).fit(X_kept, y_kept, sample_weight=given, **params)
    np.testing.assert_array_equal(eval_losses(model.estimator_), eval_losses(own))
    assert model.decision_.correction == "none"
    # Nor does an eval set ask "auto" for rows that are dropped.
    kept = ResampledClassifier(trees(library), "auto").fit(X, y, **params)
    assert kept.resampler_ is None


STEP = "lgbmclassifier__"
UNKNOWN = {
    "search": lambda model: GridSearchCV(model, {"max_depth": [2]}, cv=2),
    "search for pipelines": lambda model: GridSearchCV(
        make_pipeline(StandardScaler(), model), {STEP + "max_depth": [2]}, cv=2
    ),
    "bagging": lambda model: BaggingClassifier(model, 2),
    "sampler inside": lambda model: make_own_pipeline(down(2), model),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_it_is_said_where_the_loss_cannot_be_corrected(trees, evaluated, name):
    X, y = generated()
    params = evaluated("lightgbm", *generated(1000, seed=1))
    if "pipelines" in name:
        params = {STEP + key: value for key, value in params.items()}
    inner = UNKNOWN[name](trees("lightgbm", importance_type="gain"))
    with sklearn.config_context(enable_metadata_routing=name == "bagging"):
        if name == "bagging":
            inner.estimator.set_fit_request(**dict.fromkeys(params, True))
        text = r"is trained on other class shares than its eval set has.*alone"
        with pytest.warns(CalibrationWarning, match=text):
            wrapped(inner).fit(X, y, **params)
        # Without a resampler there is nothing to correct.
        if name != "sampler inside":
            ResampledClassifier(inner).fit(X, y, **params)


class Recorder(HistGradientBoostingClassifier):
    """Writes down the rows that it meets, which their last column numbers."""

    def __init__(self, log=None):
        super().__init__(max_iter=5, early_stopping=False)
        self.log = log

    def fit(self, X, y, *, X_val=None, y_val=None, sample_weight_val=None):
        self.own_ = {"fitted": set(X[:, -1]), "stopped": set(X_val[:, -1])}
        return super().fit(X, y)

    def predict_proba(self, X):
        self.log.append({**self.own_, "scored": set(X[:, -1])})
        return super().predict_proba(X)


@uncalibrated
@pytest.mark.parametrize("check", [True, "cv"])
@pytest.mark.parametrize("name", RESAMPLERS)
def test_rows_set_aside_are_seen_by_nothing_else(name, check):
    X, y = generated(numbered=True)
    log = Log()
    model = wrapped(Recorder(log), RESAMPLERS[name], calibration_check=check)
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
        assert met["fitted"] == fitted or not met["scored"] & met["fitted"]
    # Of a class that lost nothing a fifth is set aside; of others dropped rows alone.
    set_aside = np.bincount(y[[int(row) for row in stopped]])
    if name != "strata":
        assert set_aside[1] == round(0.2 * (y == 1).sum())
    assert set_aside[0] <= model.decision_.rows_before[0] // 2
    assert set_aside.min() > 30
    again = wrapped(Recorder(Log()), RESAMPLERS[name]).fit(X, y, eval_set="dropped")
    assert again.estimator_.own_ == model.estimator_.own_


def test_no_model_of_an_ensemble_scores_the_rows_it_stopped_by():
    X, y = generated(numbered=True)
    log = Log()
    averaged(Recorder(log), n_estimators=3).fit(X, y, eval_set="dropped")
    big = set(np.flatnonzero(y == 0))
    assert len({frozenset(met["stopped"]) for met in log}) == 3
    for met in log:
        assert not met["fitted"] & met["stopped"]
        assert not met["scored"] & met["stopped"] & big


@uncalibrated
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", RESAMPLERS)
def test_rows_set_aside_stand_for_all_of_their_class(
    trees, eval_losses, name, weighted
):
    X, y = generated(3000)
    weight = np.arange(3000) % 3 if weighted else None
    estimator, params = trees("xgboost"), {"eval_set": "dropped"}
    rows = training_rows(estimator, RESAMPLERS[name], X, y, weight, params)
    (aside,) = rows.eval_rows
    totals = np.bincount(aside.y, aside.weights)
    np.testing.assert_allclose(totals, np.bincount(y, weight), rtol=1e-9)
    # Of guided rows those set aside are easier than all; weights make up for it.
    big, share = aside.y == 0, aside.weights / aside.weights.sum()
    own = None if weight is None else weight[y == 0]
    mean = np.average(aside.X[big], axis=0, weights=share[big])
    error = np.sqrt((share[big] ** 2).sum()) / share[big].sum()
    difference = mean - np.average(X[y == 0], axis=0, weights=own)
    assert (np.abs(difference) < 3 * error).all()
    model = wrapped(estimator, RESAMPLERS[name])
    model.fit(X, y, sample_weight=weight, verbose=False, **params)
    p = model.predict_proba(aside.X)
    expected = log_loss(aside.y, p, sample_weight=aside.weights)
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)


def test_rows_set_aside_are_weighted_to_the_shares_trained_on(trees, eval_losses):
    X, y = generated(3000)
    weight, estimator = np.arange(3000) % 3, trees("catboost")
    params = {"eval_set": "dropped", "use_best_model": False}
    (aside,) = training_rows(estimator, down(), X, y, weight, params).eval_rows
    model = wrapped(estimator, prior_correction="outside")
    model.fit(X, y, sample_weight=weight, **params)
    factor = model.train_prior_ / np.bincount(y, weight)
    p = model.estimator_.predict_proba(aside.X)
    expected = log_loss(aside.y, p, sample_weight=aside.weights * factor[aside.y])
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, rel=1e-6)


def test_what_cannot_be_used_is_refused(trees):
    X, _ = generated(1000)
    y = (np.arange(1000) < 100).astype(int)
    model, forest = trees("lightgbm"), RandomForestClassifier(2)
    search = GridSearchCV(model, {"max_depth": [2]})
    dropped = {"eval_set": "dropped"}
    unknown = {"eval_set": "kept"}
    rows = {"eval_X": X, "eval_y": y}
    weighed, two = {"eval_sample_weight": np.ones(3)}, {"eval_X": (X, X)}
    two |= {"eval_y": (y, y), "eval_init_score": [y]}
    listed = "must be a list with an array for each eval set"
    for estimator, sampler, params, text in [
        (model, down(), unknown, "must be \"dropped\" or rows with.*got 'kept'"),
        (model, ClassWeight(), dropped, "ClassWeight, which weighs classes"),
        (model, SMOTE(), dropped, "drops rows and says which.*got SMOTE"),
        (model, None, dropped, "drops rows and says which it kept; got none"),
        (forest, down(), dropped, "is for LightGBM, .*got RandomForestClassifier"),
        (search, down(), dropped, "got GridSearchCV. Put searches and calibrators"),
        (model, down(), dropped | weighed, "_weight must not be given beside eval_set"),
        (model, down(), rows | weighed, f"eval_sample_weight {listed}.* got ndarray"),
        (model, down(), two, f"eval_init_score {listed}"),
        (
            model,
            down(),
            rows | {"eval_init_score": [np.ones(3)]},
            r"hold a value for each row .* \[1000\] rows; got shape \(3,\)",
        ),
        (model, down(), {"eval_set": 3}, "eval_set must be a pair .* got int for a"),
        (model, down(), {"eval_set": [*A, 3]}, "pair .* got int for a pair"),
        (model, down(), {"eval_set": (A[0],)}, "pair .* got tuple of 1 for a pair"),
        (model, down(), {"eval_X": X}, "given together; got no eval_y"),
        (model, down(), {"eval_X": X, **dropped}, "once; got eval_set and eval_X/ev"),
        (model, down(), {"eval_X": [1], "eval_y": (y,)}, "both be .* list of 1 and tu"),
    ]:
        host = ResampledClassifier(estimator, sampler)
        with pytest.raises(ValueError, match=text):
            host.fit(X, y, **params)
    y[1:100] = 0
    host = ResampledClassifier(model, down())
    with pytest.raises(ValueError, match=r"two must be kept; got 1 of class 1\. Give"):
        host.fit(X, y, **dropped)
    da = pytest.importorskip("dask.array")
    with pytest.raises(ValueError, match="needs data in memory: of Dask"):
        host.fit(da.from_array(X), da.from_array(y), **dropped)


def hard(n_rows, seed):
    """Rows of six columns, 2 to 3 % of them positive, with an interaction."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    turned = np.where(X[:, 1] > 0, X[:, 2], -X[:, 2])
    score = 1.2 * X[:, 0] + turned + 0.8 * np.abs(X[:, 3]) - 5.4
    return X, (rng.random(n_rows) < expit(score)).astype(int)


def losses_by_tree(booster, n_trees, X, y):
    """Give the log loss of the first trees by a booster's own raw predictions."""
    if hasattr(booster, "booster_"):
        steps = [
            booster.predict(X, raw_score=True, start_iteration=at, num_iteration=1)
            for at in range(n_trees)
        ]
        scores = np.cumsum(steps, axis=0)
    elif hasattr(booster, "get_booster"):
        first = [(0, number + 1) for number in range(n_trees)]
        scores = [
            booster.predict(X, output_margin=True, iteration_range=i) for i in first
        ]
    else:
        scores = list(booster.staged_predict(X, prediction_type="RawFormulaVal"))
    return np.logaddexp(0, np.where(y == 1, -1, 1) * np.array(scores)).mean(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_stopping_point_by_dropped_rows_is_near_the_best(trees, library):
    patience = {"early_stopping_rounds": 20}
    if library == "lightgbm":
        patience = {"early_stopping_round": 20}
    n_trees = 90 if library == "catboost" else 70
    whole_params = {"catboost": {"use_best_model": False}}.get(library, {})
    params = {"verbose": False} if library == "xgboost" else {}
    regrets, best = [], []
    for seed in range(10):
        X, y = hard(40_000, seed)
        X_new, y_new = hard(40_000, seed + 1000)
        stopped, whole = (
            wrapped(
                trees(library, n_trees, learning_rate=0.3, **more),
                down(20, random_state=seed),
            ).fit(X, y, eval_set="dropped", **params, **own)
            for more, own in ((patience, {}), ({}, whole_params))
        )
        losses = losses_by_tree(whole.estimator_, n_trees, X_new, y_new)
        reached = log_loss(y_new, stopped.predict_proba(X_new))
        # Both have the same trees.
        assert np.abs(losses - reached).min() < 1e-6
        regrets.append(reached / losses.min() - 1)
        best.append(losses.argmin())
    assert 5 < np.median(best) < n_trees - 10
    assert np.median(regrets) < 0.005
