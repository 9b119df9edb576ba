"""Fit parameters in a Pipeline: eval rows are transformed, values of rows resampled."""

import numpy as np
import pytest
import sklearn
from imblearn.base import BaseSampler
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.feature_selection import SelectKBest
from sklearn.preprocessing import StandardScaler

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    Pipeline,
    RandomOversample,
    Weighted,
)


class Recorder(TransformerMixin, ClassifierMixin, BaseEstimator):
    """Writes down all that it is fitted with; the tail of a row says which it is."""

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        offset=None,
        eval_set=None,
        group=None,
    ):
        self.X_, self.X_val_, self.offset_, self.eval_set_ = X, X_val, offset, eval_set
        self.classes_ = np.unique(y)
        return self

    def fit_predict(self, X, y, sample_weight=None, **params):
        return self.fit(X, y, **params).predict(X)

    def transform(self, X):
        return X

    def predict(self, X):
        return np.zeros(len(X))


class RecordingSampler(BaseSampler):
    """Keeps all rows, and writes down what it is given with them."""

    _sampling_type = "bypass"

    def fit_resample(self, X, y, X_val=None, offset=None):
        self.X_, self.X_val_, self.offset_ = X, X_val, offset
        self.sample_indices_ = np.arange(len(y))
        return X, y

    def _fit_resample(self, X, y):
        raise NotImplementedError


@pytest.fixture
def data():
    """Rows with their number as first column, and as many eval rows."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [380, 20]))
    X = rng.normal(size=(len(y), 4)) + y[:, np.newaxis]
    X[:, 0] = np.arange(len(y))
    return X, y, rng.normal(size=X.shape), rng.permutation(y)


def down(factor=2, seed=0, **params):
    return DownsampleUpweight(factor=factor, random_state=seed, **params)


STEPS = {
    "scale, down": [StandardScaler(), down()],
    "scale, down, down": [StandardScaler(), down(), down(seed=1)],
    "scale, over, down": [StandardScaler(), RandomOversample(random_state=0), down()],
    "down, scale": [down(), StandardScaler()],
    "scale, down, select": [StandardScaler(), down(), SelectKBest(k=3)],
    "scale, down, nothing": [StandardScaler(), down(), "passthrough"],
    "nothing, pipeline": [None, Pipeline([("a", down()), ("b", ClassWeight())])],
    "down": [down()],
    "scale": [StandardScaler()],
}


def by_hand(steps, X, y, others):
    """Fit the steps one after the other; say which rows are left, too."""
    places, weights = np.arange(len(y)), None
    for step in steps:
        if hasattr(step, "fit_resample"):
            X, y, weights = step.fit_resample(X, y, sample_weight=weights)
            # The pipeline of this test that has no indices is of one sampler and none.
            sampler = step if hasattr(step, "sample_indices_") else step[0]
            places = places[sampler.sample_indices_]
        elif hasattr(step, "transform"):
            given = {}
            if isinstance(step, StandardScaler):
                given = {"sample_weight": weights}
            X, others = step.fit(X, y, **given).transform(X), step.transform(others)
    return X, y, weights, places, others


def named(steps, last):
    """Give steps names; the last two are called so by the tests."""
    return [*((f"step{i}", step) for i, step in enumerate(steps)), ("last", last)]


def requesting(step, *names):
    method = "fit_resample" if hasattr(step, "fit_resample") else "fit"
    return getattr(step, f"set_{method}_request")(**dict.fromkeys(names, True))


@pytest.mark.parametrize("last", [Recorder, RecordingSampler])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_eval_rows_are_transformed_and_values_of_rows_resampled(data, steps, last):
    X, y, X_val, _ = data
    offset = 10 * np.arange(len(y))
    given = {"X_val": X_val, "offset": offset}
    X_kept, _, _, places, transformed = by_hand(steps, X, y, X_val)
    is_sampler = last is RecordingSampler
    with sklearn.config_context(enable_metadata_routing=True):
        step = requesting(last(), "X_val", "offset")
        end = Recorder().set_fit_request(X_val=False, offset=False)
        methods = ["fit_resample"] if is_sampler else ["fit", "fit_transform"]
        cases = [*((method, []) for method in methods), ("fit", [("end", end)])]
        for method, after in cases:
            made = Pipeline(named(steps, step) + after, transform_input=["X_val"])
            getattr(made, method)(X, y, **given)
            got = made.named_steps["last"]
            np.testing.assert_allclose(got.X_, X_kept, rtol=1e-12)
            np.testing.assert_allclose(got.X_val_, transformed, rtol=1e-12)
            np.testing.assert_array_equal(got.offset_, offset[places])
    # Without metadata routing parameters are addressed, and nothing is transformed.
    if not is_sampler:
        addressed = {f"last__{name}": value for name, value in given.items()}
        for method in ("fit", "fit_predict"):
            made = Pipeline(named(steps, Recorder()))
            getattr(made, method)(X, y, **addressed)
            np.testing.assert_array_equal(made[-1].offset_, offset[places])
            assert made[-1].X_val_ is X_val


# What starts from scores of the user's predicts without them, and warns.
@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
def test_a_booster_sees_the_loss_on_the_eval_rows(data):
    lightgbm = pytest.importorskip("lightgbm")
    X, y, X_val, y_val = data
    start = np.linspace(-3, -1, len(y))
    steps = [StandardScaler(), down()]
    X_kept, y_kept, weights, places, transformed = by_hand(steps, X, y, X_val)
    alone, model = (
        lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1) for _ in range(2)
    )
    given = {"eval_X": transformed, "eval_y": y_val, "init_score": start[places]}
    alone.fit(X_kept, y_kept, sample_weight=weights, **given)
    with sklearn.config_context(enable_metadata_routing=True):
        requesting(model, "sample_weight", *given)
        pipeline = Pipeline(named(steps, model), transform_input=["eval_X"])
        pipeline.fit(X, y, eval_X=X_val, eval_y=y_val, init_score=start)
    assert model.evals_result_ == alone.evals_result_
    np.testing.assert_array_equal(
        model.predict_proba(transformed), alone.predict_proba(transformed)
    )


@pytest.mark.parametrize("is_list", [False, True])
@pytest.mark.parametrize("length", [2, 3])
def test_rows_of_an_eval_set_are_transformed_and_labels_stay(data, is_list, length):
    X, y, X_val, y_val = data
    steps, pair = [StandardScaler(), down()], (X_val, y_val, y)[:length]
    transformed = by_hand(steps, X, y, X_val)[-1]
    with sklearn.config_context(enable_metadata_routing=True):
        last = requesting(Recorder(), "eval_set", "sample_weight")
        pipeline = Pipeline(named(steps, last), transform_input=["eval_set"])
        pipeline.fit(X, y, eval_set=[pair, pair] if is_list else pair)
    for got in last.eval_set_ if is_list else [last.eval_set_]:
        np.testing.assert_allclose(got[0], transformed, rtol=1e-12)
        labels = zip(got[1:], pair[1:], strict=True)
        assert all(one is other for one, other in labels)


OVER = SMOTE(random_state=0)
OFFSET = {"offset": np.zeros(400)}
UNKNOWN = r"offset must be .* got 400 values, but SMOTE and DownsampleUpweight does"
MADE = r"offset must be .* DownsampleUpweight and Weighted made 170 rows that"
GROUP = r"group must not be given beside a resampler"


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    ("samplers", "given", "message"),
    [
        ([OVER, down()], OFFSET, UNKNOWN),
        ([down(), Weighted(OVER)], OFFSET, MADE),
        ([down()], {"group": [200, 200]}, GROUP),
    ],
    ids=["unknown", "made", "numbers of rows"],
)
def test_values_that_cannot_follow_are_refused(data, samplers, given, message, routing):
    last, prefix = Recorder(), "" if routing else "last__"
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            requesting(last, "offset", "group", "sample_weight")
        model = Pipeline(named(samplers, last))
        given = {prefix + name: value for name, value in given.items()}
        with pytest.raises(ValueError, match=f"^{prefix}{message}"):
            model.fit(*data[:2], **given)
    assert model[0] is samplers[0]


def test_what_would_not_be_transformed_under_its_name_is_refused(data):
    X, y, X_val, _ = data
    with sklearn.config_context(enable_metadata_routing=True):
        last = Recorder().set_fit_request(X_val="mine")
        model = Pipeline(named([down()], last), transform_input=["mine"])
        text = r"transform_input must name .* got 'mine'"
        with pytest.raises(ValueError, match=text):
            model.fit(X, y, mine=X_val)
        model.set_params(transform_input=["X_val"]).fit(X, y, mine=X_val)
    assert last.X_val_ is X_val
