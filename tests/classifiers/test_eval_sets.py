"""Eval sets in every form: early stopping sees the loss of corrected predictions."""

import copy

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from resampled_models import Log, averaged, down, generated, guided, last_step, wrapped
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import CalibrationWarning, ClassWeight, ResampledClassifier
from skstrat import make_pipeline as make_own_pipeline
from skstrat.classifiers._eval_sets import read_eval_sets, with_eval_sets
from skstrat.classifiers._training_rows import training_rows

pytestmark = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
# How well so few trees are calibrated is tested elsewhere.
uncalibrated = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")

A, B = ([[1], [2]], [0, 1]), ([[3]], [1])
FORMS = [({"eval_set": A}, [A]), ({"eval_set": [A, list(B)]}, [A, B])]
FORMS += [({"eval_X": (A[0], B[0]), "eval_y": (A[1], B[1])}, [A, B])]
FORMS += [({"X_val": A[0], "y_val": A[1]}, [A]), ({"eval_set": []}, [])]


@pytest.mark.parametrize(("params", "sets"), FORMS, ids=str)
def test_every_form_is_read_and_written_back(params, sets):
    assert read_eval_sets(params) == sets
    # The first rows of every set, to see them come back.
    first = [(X[:1], y[:1]) for X, y in sets]
    back = with_eval_sets(params, first)
    assert (read_eval_sets(back), back.keys()) == (first, params.keys())


STRATA = down({0: 4, 1: 2}, strata=lambda X, y: X[:, 1] > 0)
RESAMPLERS = {"down": down(), "guided": guided(), "strata": STRATA}
EXACT = [
    ("lightgbm", "guided", "inside", 2, {"scale_pos_weight": 3}),
    ("lightgbm", "down", "outside", 3, {}),
    ("lightgbm", "guided", "outside", 2, {"class_weight": {"no": 1, "yes": 4}}),
    ("lightgbm", "down", "inside", 2, {"is_unbalance": True}),
    ("xgboost", "guided", "inside", 2, {"base_score": 0.2}),
    ("xgboost", "down", "inside", 3, {}),
    ("xgboost", "guided", "outside", 2, {"scale_pos_weight": 3}),
    ("xgboost", "strata", "outside", 2, {}),
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
    labels = None if library == "xgboost" else ["no", "yes", "more"]
    X, y = generated(2000, n_classes, labels=labels)
    X_val, y_val = generated(1000, n_classes, seed=1, labels=labels)
    # Weights passed and own weights of classes are refused together.
    weighted = not own.keys() - {"base_score"}
    params, own_weight = evaluated(library, X_val, y_val), None
    if weighted and library in EVAL_WEIGHT:
        own_weight = np.random.default_rng(3).uniform(0.5, 2, 1000)
        params[EVAL_WEIGHT[library]] = [own_weight]
    model = wrapped(
        make_pipeline(StandardScaler(), trees(library, **own)),
        RESAMPLERS[name],
        prior_correction=True if where == "inside" else where,
    ).fit(X, y, sample_weight=np.arange(2000) % 3 if weighted else None, **params)
    assert (model.decision_.correction == "inside") == (where == "inside")
    curve = eval_losses(model.estimator_)
    assert len(curve) == 8
    for n_trees in (1, 4, 8):
        p = first_trees(model, n_trees).predict_proba(X_val)
        expected = log_loss(y_val, p, sample_weight=own_weight)
        assert curve[n_trees - 1] == pytest.approx(expected, abs=1e-6)


WEIGHED = [("catboost", {}), ("catboost", {"class_weights": (1, 3)})]
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
@pytest.mark.parametrize(
    ("library", "weighted"), [("lightgbm", False), ("xgboost", True)]
)
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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: GridSearchCV(model, {"max_depth": [2]}, cv=2),
        lambda model: make_own_pipeline(down(2), model),
    ],
    ids=["search", "sampler inside"],
)
def test_it_is_said_where_the_loss_cannot_be_corrected(trees, evaluated, wrap):
    X, y = generated()
    params = evaluated("lightgbm", *generated(1000, seed=1))
    text = r"is trained on other class shares than its eval set has.*alone"
    with pytest.warns(CalibrationWarning, match=text):
        wrapped(wrap(trees("lightgbm"))).fit(X, y, **params)


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
@pytest.mark.parametrize(
    ("name", "check"), [("down", True), ("guided", "cv"), ("strata", "cv")]
)
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
@pytest.mark.parametrize("name", RESAMPLERS)
def test_rows_set_aside_stand_for_all_of_their_class(trees, eval_losses, name):
    X, y = generated(3000)
    weight = np.arange(3000) % 3
    estimator, params = trees("xgboost"), {"eval_set": "dropped"}
    rows = training_rows(estimator, RESAMPLERS[name], X, y, weight, params)
    (aside,) = rows.eval_rows
    totals = np.bincount(aside.y, aside.weights)
    np.testing.assert_allclose(totals, np.bincount(y, weight), rtol=1e-9)
    # Of guided rows those set aside are easier than all; weights make up for it.
    big, share = aside.y == 0, aside.weights / aside.weights.sum()
    mean = np.average(aside.X[big], axis=0, weights=share[big])
    error = np.sqrt((share[big] ** 2).sum()) / share[big].sum()
    difference = mean - np.average(X[y == 0], axis=0, weights=weight[y == 0])
    assert (np.abs(difference) < 3 * error).all()
    model = wrapped(estimator, RESAMPLERS[name])
    model.fit(X, y, sample_weight=weight, verbose=False, **params)
    p = model.predict_proba(aside.X)
    expected = log_loss(aside.y, p, sample_weight=aside.weights)
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_used_is_refused(trees):
    X, _ = generated(1000)
    y = (np.arange(1000) < 100).astype(int)
    model, dropped, rows = trees("lightgbm"), {"eval_set": "dropped"}, {"eval_X": X}
    search = GridSearchCV(model, {"max_depth": [2]})
    weights = {"eval_sample_weight": np.ones(3)}
    short = {"eval_y": y, "eval_init_score": [np.ones(3)]}
    listed = "must be a list with an array for each eval set"
    for estimator, sampler, params, text in [
        (model, down(), {"eval_set": "kept"}, "\"dropped\" or rows with.*got 'kept'"),
        (model, ClassWeight(), dropped, "ClassWeight, which weighs classes"),
        (model, SMOTE(), dropped, "drops rows and says which.*got SMOTE"),
        (RandomForestClassifier(), down(), dropped, "is for LightGBM, .*got RandomFo"),
        (search, down(), dropped, "got GridSearchCV. Put searches and calibrators"),
        (model, down(), dropped | weights, "_weight must not be given beside eval_set"),
        (model, down(), rows | {"eval_y": y} | weights, f"eval_sample_weight {listed}"),
        (model, down(), rows | short, r"each row .* \[1000\] rows; got shape"),
        (model, down(), rows, "given together; got no eval_y"),
        (model, down(), rows | dropped, "once; got eval_set and eval_X/ev"),
    ]:
        host = ResampledClassifier(estimator, sampler)
        with pytest.raises(ValueError, match=text):
            host.fit(X, y, **params)
    y[1:100] = 0
    with pytest.raises(ValueError, match=r"two must be kept; got 1 of class 1\. Give"):
        ResampledClassifier(model, down()).fit(X, y, **dropped)
