"""ResampledClassifier on every kind of classifier: routed to what works for it."""

from inspect import signature

import numpy as np
import pytest
from resampled_models import down, wrapped
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from skstrat import ClassWeight, ResampledClassifier, UnusedWeightsError, make_pipeline

CLASSIFIERS = dict(all_estimators(type_filter="classifier"))
NEAREST = CLASSIFIERS["KNeighborsClassifier"]()
LINEAR, BALANCED = LogisticRegression(), LogisticRegression(class_weight="balanced")
SEARCH = GridSearchCV(LINEAR, {"class_weight": ["balanced"]}, cv=2)
VOTE = CLASSIFIERS["VotingClassifier"]([("weighted", BALANCED)], voting="soft")
BAGGING = CLASSIFIERS["BaggingClassifier"]
BAGGED = BAGGING(BALANCED, random_state=0)
# Those that cannot be made without arguments, or not of this data without.
SPECIAL = {
    "FixedThresholdClassifier": {"estimator": NEAREST},
    "LabelPropagation": {"max_iter": 5000},
    # The defaults are about to change, which is a warning.
    "LogisticRegressionCV": {"scoring": "neg_log_loss"},
    "MLPClassifier": {"max_iter": 2000, "random_state": 0},
    "OneVsRestClassifier": {"estimator": NEAREST},
    "RadiusNeighborsClassifier": {"radius": 3.0},
    "StackingClassifier": {"estimators": [("nearest", NEAREST)]},
    "TunedThresholdClassifierCV": {"estimator": NEAREST},
    "VotingClassifier": {"estimators": [("nearest", NEAREST)], "voting": "soft"},
}
SPECIAL["StackingClassifier"] |= {"final_estimator": LINEAR}
if "use_legacy_attributes" in CLASSIFIERS["LogisticRegressionCV"]().get_params():
    NEW = {"l1_ratios": (0,), "use_legacy_attributes": False}
    SPECIAL["LogisticRegressionCV"] |= NEW
# Some versions of scikit-learn have weights in the signature of their fit.
WEIGHTS_BY_VERSION = {"MLPClassifier", "StackingClassifier", "VotingClassifier"}
# Several labels a row; a threshold that would be lost; no predict_proba; rows without
# labels.
WITHOUT_CORRECTION = {"ClassifierChain", "FixedThresholdClassifier"}
WITHOUT_CORRECTION |= {"TunedThresholdClassifierCV", "OneVsOneClassifier"}
WITHOUT_CORRECTION |= {"OutputCodeClassifier", "PassiveAggressiveClassifier"}
WITHOUT_CORRECTION |= {"SelfTrainingClassifier"}


def make(name, **arguments):
    return CLASSIFIERS[name](**SPECIAL.get(name, {}), **arguments)


WEIGHTED = {
    n for n in CLASSIFIERS if has_fit_parameter(CLASSIFIERS[n], "sample_weight")
}
CORRECTED = sorted(CLASSIFIERS.keys() - WEIGHTED - WITHOUT_CORRECTION)
CLASS_WEIGHTED = sorted(
    name
    for name in WEIGHTED
    if "class_weight" in signature(CLASSIFIERS[name]).parameters
)


@pytest.fixture
def data(rare_events):
    X, y, _ = rare_events(1500, 0.04, signal=1.5)
    return X, y


def test_the_lists_are_complete():
    assert len(set(CORRECTED) - WEIGHTS_BY_VERSION) == 9
    assert {"RandomForestClassifier", "LogisticRegression", "SVC"} < {*CLASS_WEIGHTED}
    assert not WEIGHTED & WITHOUT_CORRECTION


@pytest.mark.parametrize("name", CORRECTED)
def test_classifiers_without_weights_get_the_prior_corrected(data, name):
    X, y = data
    estimator = make(name)
    model = wrapped(estimator, down(8)).fit(X, y)
    X_kept, y_kept, _ = down(8).fit_resample(X, y)
    q = clone(estimator).fit(X_kept, y_kept).predict_proba(X)[:, 1]
    n_kept, n_original = np.bincount(y_kept), np.bincount(y)
    # Nearest centroids take all classes for equally frequent.
    equal = estimator.get_params().get("priors") == "uniform"
    believed = np.full(2, n_kept.sum() / 2) if equal else n_kept
    np.testing.assert_array_equal(model.train_prior_, believed)
    np.testing.assert_array_equal(model.target_prior_, n_original)
    # Dal Pozzolo et al. (2015).
    odds = believed / n_original
    beta = odds[0] / odds[1]
    found = model.predict_proba(X)[:, 1]
    expected = beta * q / (beta * q - q + 1)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-300)
    assert found.mean() < 0.7 * q.mean()
    np.testing.assert_array_equal(model.predict(X), (found > 0.5).astype(int))
    # Weights are refused.
    weight, forced = np.linspace(1, 2, len(y)), {"use_weights": True}
    message = "cannot take sample_weight in fit, and sample_weight was given to fit"
    for host, given, text in (
        (model, weight, message),
        (clone(model).set_params(**forced), None, "in fit, and use_weights=True"),
        (wrapped(estimator, ClassWeight()), None, "ClassWeight does nothing but weigh"),
        (make_pipeline(down(8), estimator), None, "last step cannot take .* Resampled"),
    ):
        with pytest.raises(UnusedWeightsError, match=text):
            host.fit(X, y, sample_weight=given)


@pytest.mark.filterwarnings("ignore:Class PassiveAggressiveClassifier:FutureWarning")
def test_neither_weights_nor_probabilities_is_an_error(data):
    X, y = data
    one_against_one = make("OneVsOneClassifier", estimator=LINEAR)
    for estimator in (make("PassiveAggressiveClassifier"), one_against_one):
        model = wrapped(estimator, down(8))
        with pytest.raises(UnusedWeightsError, match="no predict_proba that could"):
            model.fit(X, y)
        model.set_params(prior_correction=False).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), model.estimator_.predict(X))


@pytest.mark.parametrize(
    ("estimator", "passed"),
    [
        (LINEAR, True),
        (make_stock_pipeline(StandardScaler(), LINEAR), True),
        (BAGGING(LINEAR, random_state=0), True),
        (make_stock_pipeline(StandardScaler(), make("ExtraTreesClassifier")), False),
        (make("GaussianNB"), False),
        (make("LinearSVC"), True),  # nothing else could be corrected
    ],
    ids=str,
)
def test_who_gets_the_weights(data, estimator, passed):
    X, y = data
    weight = np.random.default_rng(0).lognormal(size=len(y))
    model = wrapped(estimator, down(8)).fit(X, y, sample_weight=weight)
    original = np.bincount(y, weight)
    rows = down(8).fit(X, y).sample_indices_
    kept = np.bincount(y[rows], weight[rows])
    np.testing.assert_allclose(model.target_prior_, original, rtol=1e-12)
    expected = original if passed else kept
    np.testing.assert_allclose(model.train_prior_, expected, rtol=1e-12)


def test_a_regressor_is_an_error(data):
    search = GridSearchCV(SGDRegressor(), {"alpha": [1e-4]})
    text = "estimator must be a classifier.*regressor SGDRegressor. .*use Pipeline"
    with pytest.raises(ValueError, match=text):
        ResampledClassifier(search).fit(*data)


@pytest.mark.parametrize("name", CLASS_WEIGHTED)
def test_class_weight_with_weights_is_an_error(data, name):
    effects = [("balanced", "silently cancels the"), ({0: 1, 1: 5}, "multiplies the")]
    for class_weight, effect in effects:
        estimator = make(name, class_weight=class_weight)
        message = rf"{name}\(class_weight=.*{effect} weights passed to it"
        for model in (
            wrapped(estimator, down(8), use_weights=True),
            make_pipeline(down(8), estimator),
            wrapped(estimator, ClassWeight()),
        ):
            with pytest.raises(ValueError, match=message):
                model.fit(*data)
    if name == "LogisticRegression":
        for inside in (VOTE, SEARCH, BAGGED, make_stock_pipeline(BALANCED)):
            with pytest.raises(ValueError, match="silently cancels"):
                wrapped(inside, down(8), use_weights=True).fit(*data)


@pytest.mark.parametrize("class_weight", ["balanced", {1: 0.25}], ids=str)
@pytest.mark.parametrize(
    "name", [name for name in CLASS_WEIGHTED if hasattr(make(name), "predict_proba")]
)
def test_class_weight_without_weights_is_accounted_for(data, name, class_weight):
    X, y = data
    estimator = make(name, class_weight=class_weight)
    model = wrapped(estimator, down(8), use_weights=False).fit(X, y)
    _, y_kept, _ = down(8).fit_resample(X, y)
    trained = np.bincount(y_kept, compute_sample_weight(class_weight, y_kept))
    found = model.train_prior_ / model.train_prior_.sum()
    np.testing.assert_allclose(found, trained / trained.sum(), rtol=1e-12)
    np.testing.assert_array_equal(model.target_prior_, np.bincount(y))


def test_class_weight_does_not_spoil_the_mean_prediction(rare_events):
    X, y, _ = rare_events(20_000, 0.04)
    # Calibrated on rows without class weights: nothing is left to correct.
    calibrated = make("CalibratedClassifierCV", estimator=BALANCED, cv=3)
    for estimator in (BALANCED, BAGGED, VOTE, SEARCH, calibrated):
        model = ResampledClassifier(estimator, down(8), use_weights=False).fit(X, y)
        # Without class weights it is within 2 % here, the uncorrected at 5 to 10.
        ratio = model.predict_proba(X)[:, 1].mean() / y.mean()
        assert ratio == pytest.approx(1, abs=0.25)
