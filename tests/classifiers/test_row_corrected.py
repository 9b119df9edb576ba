"""to_sklearn of guided rows: the pilots go along, and predictions stay the same."""

import pickle
from functools import partial

import numpy as np
import pytest
from resampled_models import assert_same_predictions as compare_predictions
from resampled_models import averaged, down, generated, guided, wrapped
from scipy.special import softmax
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skstrat import ResampledClassifier, make_pipeline
from skstrat.classifiers._row_corrected import RowCorrectedClassifier

# How well these models are calibrated is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
EXACT = {"rtol": 1e-12, "atol": 1e-15}
LINEAR = LogisticRegression()
FOREST = RandomForestClassifier(5, min_samples_leaf=5, random_state=0)
PIPELINE = make_pipeline(StandardScaler(), down(2), GaussianNB())
PILOTS = {"default": {"pilot": None}, "linear": {"pilot": LINEAR}}
PILOTS["folds"] = {"pilot": LINEAR, "pilot_folds": 2}
PILOTS["search"] = {"pilot": GridSearchCV(LINEAR, {"C": [0.1, 1]}, cv=2)}
CASES = [
    (FOREST, 3, True, "linear"),
    (FOREST, 2, False, "search"),
    (KNeighborsClassifier(), 2, True, "default"),
    (LINEAR, 2, True, "folds"),
    ("lightgbm", 3, False, "default"),
    (PIPELINE, 3, False, "folds"),
]
assert_same_predictions = partial(compare_predictions, **EXACT)


def fitted(estimator, X, y, pilot="linear", target=None):
    sampler = guided(**PILOTS[pilot])
    model = wrapped(estimator, sampler, use_weights=False, target_prior=target)
    return model.set_params(prior_correction="outside").fit(X, y)


@pytest.mark.parametrize(
    ("learner", "n_classes", "turned", "pilot"), CASES, ids=range(len(CASES))
)
def test_predictions_are_those_of_the_resampled_classifier(
    trees, learner, n_classes, turned, pilot
):
    X, y = generated(3000, n_classes)
    estimator = trees(learner, 5) if isinstance(learner, str) else learner
    model = fitted(estimator, X, y, pilot, [3, 2, 1][:n_classes] if turned else None)
    assert model.decision_.correction == "row by row"
    frozen = model.to_sklearn()
    assert type(frozen) is RowCorrectedClassifier
    assert len(frozen.row_offset.pilots) == PILOTS[pilot].get("pilot_folds", 1)
    fresh, _ = generated(500, n_classes, seed=1)
    assert_same_predictions(frozen, model, fresh)
    # By hand, from what the resampler says in public.
    shift = model.resampler_.log_odds_offset(fresh)
    shift = shift + np.log(model.target_prior_ / model.original_prior_)
    with np.errstate(divide="ignore"):
        own = np.log(model.estimator_.predict_proba(fresh))
    by_hand = softmax(own + shift, axis=1)
    np.testing.assert_allclose(frozen.predict_proba(fresh), by_hand, rtol=1e-6)
    assert np.ptp(shift, axis=0).max() > 0.5
    assert_same_predictions(pickle.loads(pickle.dumps(frozen)), model, fresh)


def test_it_is_frozen_but_for_its_target():
    X, y = generated(3000)
    model = fitted(FOREST, X, y)
    frozen = model.to_sklearn()
    twin = clone(frozen)
    assert twin is not frozen
    assert twin.estimator is frozen.estimator is model.estimator_
    assert twin.fit(X, 1 - y) is twin
    assert_same_predictions(twin, model, X)
    with pytest.raises(ValueError, match="RowCorrectedClassifier is fitted already"):
        ResampledClassifier(frozen).fit(X, y)
    assert not hasattr(frozen, "feature_importances_")
    frozen.target_prior = model.target_prior = {1: 1, 0: 4}
    assert_same_predictions(frozen, model, X)
    assert frozen.target_prior_.tolist() == [4, 1]


def test_classes_in_another_order(trees):
    X, codes = generated(3000)
    names = ("spam", "ham")
    model = fitted(trees("catboost", class_names=names), X, np.take(names, codes))
    frozen = model.to_sklearn()
    assert tuple(frozen.classes_) == names
    assert_same_predictions(frozen, model, X)
    # Labels may be given other names.
    renamed = frozen.set_params(classes=["SPAM", "HAM"]).predict(X).tolist()
    assert renamed == [label.upper() for label in model.predict(X).tolist()]


def test_in_an_ensemble():
    X, y = generated(3000, 3)
    model = averaged(FOREST, guided(pilot=LINEAR), calibration_check=False)
    vote = model.fit(X, np.array(["ham", "spam", "eggs"])[y]).to_sklearn()
    assert type(vote) is VotingClassifier
    # In a pipeline of one step each, which skl2onnx converts inside a vote.
    assert {type(each[-1]) for each in vote.estimators_} == {RowCorrectedClassifier}
    np.testing.assert_allclose(vote.predict_proba(X), model.predict_proba(X), **EXACT)
    np.testing.assert_array_equal(vote.predict(X), model.predict(X))
