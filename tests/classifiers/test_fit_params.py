"""Fit parameters reach the estimator, those with a value per row with its rows."""

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
)
from skstrat import make_pipeline as make_own_pipeline

# How well so few trees are calibrated is not the matter here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]

N_ROWS = 1200


class Log(list):
    """A list that clones of its owner share."""

    def __deepcopy__(self, memo):
        return self


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down all that it is fitted with, and predicts the shares of classes."""

    def __init__(self, log=None):
        self.log = log

    def fit(self, X, y, sample_weight=None, **params):
        if self.log is not None:
            self.log.append({"X": X, "y": y, "sample_weight": sample_weight, **params})
        self.params_ = {"X": X, "y": y, **params}
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def generated(n_rows=N_ROWS, seed=0, labels=(0, 1)):
    """Rows with their number as first column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = (rng.random(n_rows) < expit(X @ [0, 1.5, 0.8, -0.8] - 2)).astype(int)
    X[:, 0] = np.arange(n_rows)
    return X, np.array(labels)[y]


def down(**params):
    return DownsampleUpweight(**{"factor": 3, "random_state": 0, **params})


def guided():
    pilot = make_stock_pipeline(StandardScaler(), LogisticRegression())
    return GuidedDownsample(pilot, factor=3, random_state=0)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


RESAMPLERS = {
    "down": down(),
    "guided": guided(),
    "over": RandomOversample(random_state=0),
    "stock": RandomUnderSampler(random_state=0),
    "wrapped": Weighted(RandomUnderSampler(random_state=0)),
    "pipeline": make_own_pipeline(down(), down(factor=2, random_state=1)),
    "weights": ClassWeight(),
}


@pytest.mark.parametrize("some_are_left_out", [False, True])
@pytest.mark.parametrize("name", RESAMPLERS)
def test_values_of_rows_follow_them(name, some_are_left_out):
    X, y = generated()
    weight = np.arange(N_ROWS) % 3 if some_are_left_out else None
    X_val, y_val = generated(N_ROWS, seed=1)
    log = Log()
    model = wrapped(Recorder(log), RESAMPLERS[name], calibration_check="cv")
    model.fit(
        X,
        y,
        sample_weight=weight,
        offset=10 * X[:, 0],
        table=X.tolist(),
        X_val=X_val,
        y_val=y_val,
        cat_features=list(range(N_ROWS)),
        word="as it is",
    )
    # Three models more predict the rows kept, if any were dropped.
    assert len(log) == (1 if name in ("over", "weights") else 4)
    for fit in log:
        np.testing.assert_array_equal(fit["offset"], 10 * fit["X"][:, 0])
        np.testing.assert_array_equal(fit["table"], fit["X"])
        np.testing.assert_array_equal(fit["y"], y[fit["X"][:, 0].astype(int)])
        assert fit["X_val"] is X_val
        assert fit["word"] == "as it is"
        assert len(fit["cat_features"]) == N_ROWS
        if some_are_left_out:
            assert (fit["X"][:, 0] % 3).all()
    assert len(log[0]["X"]) == model.n_samples_fit_ >= max(len(fit["X"]) for fit in log)


def test_values_of_rows_follow_them_in_every_model_of_an_ensemble():
    X, y = generated()
    log = Log()
    ResampledEnsembleClassifier(
        Recorder(log), down(), n_estimators=2, random_state=0
    ).fit(X, y, sample_weight=np.arange(N_ROWS) % 3, offset=10 * X[:, 0])
    assert len(log) >= 2
    rows = [set(fit["X"][:, 0]) for fit in log]
    assert rows[0] != rows[1]
    for fit in log:
        np.testing.assert_array_equal(fit["offset"], 10 * fit["X"][:, 0])
        assert (fit["X"][:, 0] % 3).all()


@pytest.mark.parametrize(
    ("resampler", "params", "text"),
    [
        (
            Weighted(SMOTE(random_state=0)),
            {"init_score": np.zeros(N_ROWS)},
            r"init_score must be a value of each row.*Weighted made \d+ rows that have",
        ),
        (
            SMOTE(random_state=0),
            {"base_margin": np.zeros(N_ROWS)},
            "base_margin must be .*SMOTE does not say which rows it kept.*Leave base_m",
        ),
        (down(), {"a__sample_weight": [1]}, r"a__sample_weight cannot .* Give fit\(X"),
        (down(), {"eval_set": "file.csv"}, 'must be "dropped" or rows .*got \'file'),
        (down(), {"eval_set": 3}, "eval_set must be a pair .* got int for a pair"),
        (down(), {"eval_X": [[1]]}, "given together; got no eval_y"),
        (down(), {"eval_X": [[1]], "eval_set": "dropped"}, "Eval sets must be given"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_handed_on_is_refused(resampler, params, text):
    X, y = generated()
    for model in (
        wrapped(Recorder(), resampler),
        ResampledEnsembleClassifier(Recorder(), resampler, n_estimators=1),
    ):
        with pytest.raises(ValueError, match=text):
            model.fit(X, y, **params)


def nested():
    inner = make_stock_pipeline(SelectKBest(k=2), Recorder())
    return make_stock_pipeline(StandardScaler(), inner)


PIPELINES = {
    "unprefixed": (make_stock_pipeline(StandardScaler(), Recorder()), ""),
    "prefixed": (make_stock_pipeline(StandardScaler(), Recorder()), "recorder__"),
    "of this package": (make_own_pipeline(StandardScaler(), Recorder()), "recorder__"),
    "nested": (nested(), ""),
    "nested, prefixed": (nested(), "pipeline__recorder__"),
}


@pytest.mark.parametrize(
    ("name", "routing"),
    [*((name, False) for name in PIPELINES), ("unprefixed", True), ("nested", True)],
)
def test_eval_rows_pass_the_steps_before_the_model(name, routing):
    pipeline, prefix = PIPELINES[name]
    X, y = generated()
    X_val, y_val = generated(seed=1)
    given = {"X_val": X_val, "y_val": y_val, "offset": 10 * X[:, 0]}
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            requested = Requesting().set_fit_request(
                X_val=True, y_val=True, offset=True
            )
            key = "pipeline__recorder" if "nested" in name else "recorder"
            pipeline = sklearn.base.clone(pipeline).set_params(**{key: requested})
        model = wrapped(pipeline)
        model.fit(X, y, **{prefix + name: value for name, value in given.items()})
    rows, labels, _ = down().fit_resample(X, y)
    scaler = StandardScaler().fit(rows)
    places, X, X_val = rows[:, 0], scaler.transform(rows), scaler.transform(X_val)
    if "nested" in name:
        best = SelectKBest(k=2).fit(X, labels)
        X, X_val = best.transform(X), best.transform(X_val)
    got = last(model).params_
    np.testing.assert_array_equal(got["X_val"], X_val)
    np.testing.assert_array_equal(got["y_val"], y_val)
    np.testing.assert_array_equal(got["X"], X)
    np.testing.assert_array_equal(got["offset"], 10 * places)


class Requesting(Recorder):
    """Names what it takes, so that it can request it."""

    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, offset=None):
        return super().fit(X, y, X_val=X_val, y_val=y_val, offset=offset)


def last(model):
    """Find the fitted model itself."""
    model = model.estimator_
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    return model
