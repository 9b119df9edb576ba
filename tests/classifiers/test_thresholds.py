"""Decision thresholds go around a classifier of resampled rows, never inside."""

import re

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    PriorCorrectedClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    compare_strategies,
    make_pipeline,
)

THRESHOLDS = {
    "FixedThresholdClassifier": lambda inner: FixedThresholdClassifier(
        inner, threshold=0.1
    ),
    "TunedThresholdClassifierCV": lambda inner: TunedThresholdClassifierCV(
        inner, scoring="f1", cv=2
    ),
}
PLACES = {
    "alone": lambda inner: inner,
    "pipeline": lambda inner: make_stock_pipeline(StandardScaler(), inner),
    "nested pipeline": lambda inner: make_stock_pipeline(
        StandardScaler(), make_pipeline(StandardScaler(), inner)
    ),
    "search": lambda inner: GridSearchCV(inner, {"estimator__var_smoothing": [1e-9]}),
    "searched": lambda inner: GridSearchCV(
        make_stock_pipeline(GaussianNB()), {"gaussiannb": [inner]}, cv=2
    ),
    "calibrated": lambda inner: CalibratedClassifierCV(inner, cv=2),
    "voter": lambda inner: VotingClassifier([("inner", inner)], voting="soft"),
}


def down():
    return DownsampleUpweight(factor=5, random_state=0)


HOSTS = {
    "corrected": lambda inner: ResampledClassifier(inner, down()),
    "no correction due": lambda inner: ResampledClassifier(inner),
    "correction off": lambda inner: ResampledClassifier(
        inner, down(), prior_correction=False
    ),
    "imbalanced-learn": lambda inner: ResampledClassifier(
        inner, RandomUnderSampler(random_state=0)
    ),
    "ensemble": lambda inner: ResampledEnsembleClassifier(
        inner, down(), n_estimators=2, random_state=0
    ),
}


@pytest.fixture
def data(rare_events):
    X, y, _ = rare_events(2000, 0.1)
    return X, y


def refused(name, around):
    return re.escape(name) + rf" holds a .* lost inside.* put {name} around {around}"


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("host", HOSTS)
def test_thresholds_inside_are_refused(data, name, place, host):
    model = HOSTS[host](PLACES[place](THRESHOLDS[name](GaussianNB())))
    with pytest.raises(ValueError, match=refused(name, "this classifier")):
        model.fit(*data)


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("place", ["alone", "pipeline"])
@pytest.mark.parametrize("inner", [GaussianNB(), LogisticRegression()], ids=str)
def test_as_last_step_of_a_pipeline(data, name, place, inner):
    model = make_pipeline(down(), PLACES[place](THRESHOLDS[name](inner)))
    with pytest.raises(ValueError, match=refused(name, "the pipeline")) as caught:
        model.fit(*data)
    assert "ResampledClassifier" not in str(caught.value)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_around_a_fitted_model(data, name):
    inside = THRESHOLDS[name](GaussianNB()).fit(*data)
    model = PriorCorrectedClassifier(inside, train_prior=[1, 1], target_prior=[9, 1])
    for method in (model.fit, model.predict):
        with pytest.raises(ValueError, match=refused(name, "this classifier")):
            method(data[0])


@pytest.mark.parametrize("name", THRESHOLDS)
def test_comparisons_tune_their_own(data, name):
    with pytest.raises(ValueError, match=refused(name, "this classifier")):
        compare_strategies(THRESHOLDS[name](GaussianNB()), *data, cv=2)


@pytest.mark.parametrize(
    "inner",
    [
        ResampledClassifier(GaussianNB(), down()),
        make_pipeline(down(), LogisticRegression()),
        ResampledEnsembleClassifier(
            GaussianNB(), down(), n_estimators=2, random_state=0
        ),
    ],
    ids=lambda inner: type(inner).__name__,
)
def test_a_threshold_around_is_obeyed(data, inner):
    X, y = data
    model = FixedThresholdClassifier(inner, threshold=0.1).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X), (p >= 0.1).astype(int))
    plain = make_stock_pipeline(StandardScaler(), model).fit(X, y)
    again = make_pipeline(StandardScaler(), model).fit(X, y).to_sklearn()
    np.testing.assert_array_equal(again.predict(X), plain.predict(X))
    assert plain.predict(X).sum() > inner.fit(X, y).predict(X).sum()


def test_true_prior_and_threshold_on_real_data(real_data):
    """The true prior finds few of them; a threshold around finds as many as before."""
    X, y = real_data("mammography")
    X, y = X.to_numpy(), (y == y.value_counts().idxmin()).to_numpy().astype(int)
    half = np.random.default_rng(0).random(len(y)) < 0.5
    inner = make_stock_pipeline(StandardScaler(), LogisticRegression())
    sampler = RandomUnderSampler(random_state=0)
    model = ResampledClassifier(inner, sampler, calibration_check=False)
    model.fit(X[half], y[half])
    found = {}
    found["true prior"] = model.predict(X[~half])[y[~half] == 1].mean()
    found["plain"] = model.estimator_.predict(X[~half])[y[~half] == 1].mean()
    tuned = TunedThresholdClassifierCV(model, scoring="balanced_accuracy")
    found["tuned"] = tuned.fit(X[half], y[half]).predict(X[~half])[y[~half] == 1].mean()
    assert found["true prior"] < 0.6 < 0.8 < min(found["plain"], found["tuned"])
