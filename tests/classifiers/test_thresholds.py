"""Decision thresholds go around a classifier of resampled rows, never inside."""

import re

import numpy as np
import pytest
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

BAYES, DOWN = GaussianNB(), DownsampleUpweight(factor=5, random_state=0)
FIXED = FixedThresholdClassifier(BAYES, threshold=0.1)
TUNED = TunedThresholdClassifierCV(BAYES, scoring="f1", cv=2)
SCALED = make_stock_pipeline(StandardScaler(), FIXED)
ENSEMBLE = ResampledEnsembleClassifier(BAYES, DOWN, n_estimators=2, random_state=0)


@pytest.fixture
def data(rare_events):
    return rare_events(2000, 0.1)[:2]


@pytest.mark.parametrize(
    ("model", "name", "around"),
    [
        (ResampledClassifier(FIXED), "Fixed", "this"),
        (ResampledClassifier(SCALED, DOWN, prior_correction=False), "Fixed", "this"),
        (
            ResampledClassifier(
                GridSearchCV(TUNED, {"estimator__var_smoothing": [1e-9]}), DOWN
            ),
            "Tuned",
            "this",
        ),
        (
            ResampledEnsembleClassifier(
                GridSearchCV(make_stock_pipeline(BAYES), {"gaussiannb": [TUNED]}), DOWN
            ),
            "Tuned",
            "this",
        ),
        (ResampledClassifier(CalibratedClassifierCV(FIXED), DOWN), "Fixed", "this"),
        (ResampledClassifier(VotingClassifier([("a", TUNED)]), DOWN), "Tuned", "this"),
        (make_pipeline(DOWN, SCALED), "Fixed", "the pipeline"),
        (
            make_pipeline(DOWN, TUNED.__class__(LogisticRegression())),
            "Tuned",
            "the pipeline",
        ),
    ],
    ids=range(8),
)
def test_thresholds_inside_are_refused(data, model, name, around):
    name = {"Fixed": "FixedThresholdClassifier"}.get(name, "TunedThresholdClassifierCV")
    message = rf"{name} holds a .* lost inside.* put {name} around {around}"
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(*data)
    assert "ResampledClassifier" not in str(caught.value)


def test_thresholds_of_fitted_models_and_comparisons(data):
    message = re.escape(type(FIXED).__name__) + " holds a .* around this classifier"
    inside = FixedThresholdClassifier(BAYES, threshold=0.1).fit(*data)
    model = PriorCorrectedClassifier(inside, train_prior=[1, 1], target_prior=[9, 1])
    for use in (model.fit, model.predict, lambda X: compare_strategies(FIXED, *data)):
        with pytest.raises(ValueError, match=message):
            use(data[0])


@pytest.mark.parametrize(
    "inner",
    [ResampledClassifier(BAYES, DOWN), make_pipeline(DOWN, BAYES), ENSEMBLE],
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
