"""Early stopping sees the loss of corrected predictions."""

import copy
import warnings

import numpy as np
import pytest
import sklearn
from scipy.special import expit, softmax
from sklearn.ensemble import (
    BaggingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CalibrationWarning,
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
)
from skstrat import make_pipeline as make_own_pipeline

pytestmark = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")

LIBRARIES = ["lightgbm", "xgboost", "catboost"]


def generated(n_rows=2000, n_classes=2, seed=0):
    """Rows of three columns; classes after the first are rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    if n_classes == 2:
        return X, (rng.random(n_rows) < expit(1.5 * X[:, 0] - 3)).astype(int)
    scores = np.stack([0 * X[:, 0], 1.5 * X[:, 0] - 3, X[:, 1] - 2], axis=1)
    p = softmax(scores, axis=1)
    return X, (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)


def down(factor=5, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def guided(factor=5):
    pilot = make_pipeline(StandardScaler(), LogisticRegression())
    return GuidedDownsample(pilot, factor=factor, random_state=0)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


def first_trees(model, n_trees):
    """Give a copy that predicts by so many trees."""
    short = copy.deepcopy(model)
    booster = short.estimator_
    while hasattr(booster, "steps"):
        booster = booster.steps[-1][1]
    if hasattr(booster, "booster_"):
        booster.booster_.best_iteration = n_trees
    elif hasattr(booster, "get_booster"):
        booster._Booster = booster.get_booster()[:n_trees]
    else:
        booster.shrink(n_trees)
    return short


RESAMPLERS = {
    "down": down(),
    "guided": guided(),
    "strata": down(factor={0: 4, 1: 2}, strata=lambda X, y: X[:, 1] > 0),
}
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
    ("catboost", "guided", "inside", 2, {}),
    ("catboost", "guided", "inside", 2, {"scale_pos_weight": 3}),
    ("catboost", "guided", "inside", 3, {"auto_class_weights": "Balanced"}),
]


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("library", "name", "where", "n_classes", "own"), EXACT)
def test_the_loss_on_the_eval_set_is_that_of_corrected_predictions(
    trees, evaluated, eval_losses, library, name, where, n_classes, own, weighted
):
    # Weights passed and own weights of classes are refused together.
    weights_of_its_own = own.keys() - {"base_score"}
    X, y = generated(2000, n_classes)
    X_val, y_val = generated(1000, n_classes, seed=1)
    weight = np.arange(2000) % 3 if weighted and not weights_of_its_own else None
    places = {"inside": True, "outside": "outside"}
    model = wrapped(
        make_pipeline(StandardScaler(), trees(library, **own)),
        RESAMPLERS[name],
        prior_correction=places[where],
    )
    params = evaluated(library, X_val, y_val)
    if weighted and library != "catboost":
        names = {
            "lightgbm": "eval_sample_weight",
            "xgboost": "sample_weight_eval_set",
        }
        own_weight = np.random.default_rng(3).uniform(0.5, 2, 1000)
        params[names[library]] = [own_weight]
    else:
        own_weight = None
    model.fit(X, y, sample_weight=weight, **params)
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


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
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
    factor = 3 if own else 1
    if "auto_class_weights" in own:
        factor = kept[0] / kept[1]
    weight = np.where(
        y_val == 0, kept[0] / (y == 0).sum(), factor * kept[1] / (y == 1).sum()
    )
    p = model.estimator_.predict_proba(X_val)
    if model.decision_.correction == "inside":
        p = wrapped(trees(library, **own), prior_correction=False).fit(X, y)
        p = p.predict_proba(X_val)
    expected = log_loss(y_val, p, sample_weight=weight)
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_where_nothing_is_corrected_the_eval_set_stays(
    trees, evaluated, eval_losses, library
):
    X, y = generated()
    X_val, y_val = generated(1000, seed=1)
    params = evaluated(library, X_val, y_val)
    X_kept, y_kept, weight = down().fit_resample(X, y)
    cases = {True: {"use_weights": True}, False: {"prior_correction": False}}
    for weighted, settings in cases.items():
        model = wrapped(trees(library), **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CalibrationWarning)
            model.fit(X, y, **params)
        given = {"sample_weight": weight} if weighted else {}
        own = trees(library).fit(X_kept, y_kept, **given, **params)
        np.testing.assert_array_equal(eval_losses(model.estimator_), eval_losses(own))
        assert model.decision_.correction == "none"


UNKNOWN = {
    "search": lambda model: GridSearchCV(model, {"max_depth": [2]}, cv=2),
    "search for pipelines": lambda model: GridSearchCV(
        make_pipeline(StandardScaler(), model), {"lgbmclassifier__max_depth": [2]}, cv=2
    ),
    "bagging": lambda model: BaggingClassifier(model, 2),
    "sampler inside": lambda model: make_own_pipeline(down(2), model),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_it_is_said_where_the_loss_cannot_be_corrected(trees, evaluated, name):
    X, y = generated()
    prefix = "lgbmclassifier__" if "pipelines" in name else ""
    params = evaluated("lightgbm", *generated(1000, seed=1))
    params = {prefix + key: value for key, value in params.items()}
    inner = UNKNOWN[name](trees("lightgbm", importance_type="gain"))
    routing = name == "bagging"
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            inner.estimator.set_fit_request(**dict.fromkeys(params, True))
        text = r"is trained on other class shares than its eval set has.*alone"
        with pytest.warns(CalibrationWarning, match=text):
            wrapped(inner).fit(X, y, **params)
        # Without a resampler there is nothing to correct.
        if name != "sampler inside":
            ResampledClassifier(inner).fit(X, y, **params)
