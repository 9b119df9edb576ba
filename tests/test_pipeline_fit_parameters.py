"""Fit parameters in a Pipeline: eval rows are transformed, values of rows resampled."""

from inspect import signature

import numpy as np
import pytest
import sklearn
from imblearn.base import BaseSampler
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
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

    def fit(self, X, y, sample_weight=None, X_val=None, offset=None):
        self.X_, self.X_val_, self.offset_ = X, X_val, offset
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


def by_hand(steps, X, y, others, weights=None):
    """Fit the steps one after the other; say which rows are left, too."""
    places = np.arange(len(y))
    for step in steps:
        if hasattr(step, "fit_resample"):
            X, y, weights = step.fit_resample(X, y, sample_weight=weights)
            # The pipeline of this test that has no indices is of one sampler and none.
            sampler = step if hasattr(step, "sample_indices_") else step[0]
            places = places[sampler.sample_indices_]
        elif hasattr(step, "transform"):
            given = {"sample_weight": weights} if step.__class__ in WEIGHTED else {}
            X, others = step.fit(X, y, **given).transform(X), step.transform(others)
    return X, y, weights, places, others


WEIGHTED = {StandardScaler}


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
    with sklearn.config_context(enable_metadata_routing=True):
        step = requesting(last(), "X_val", "offset")
        end = Recorder().set_fit_request(X_val=False, offset=False)
        for after in ([], [("end", end)]):
            if not after and last is RecordingSampler:
                pipeline = Pipeline(named(steps, step), transform_input=["X_val"])
                pipeline.fit_resample(X, y, **given)
            else:
                pipeline = Pipeline(
                    named(steps, step) + after, transform_input=["X_val"]
                ).fit(X, y, **given)
            got = pipeline.named_steps["last"]
            np.testing.assert_allclose(got.X_, X_kept, rtol=1e-12)
            np.testing.assert_allclose(got.X_val_, transformed, rtol=1e-12)
            np.testing.assert_array_equal(got.offset_, offset[places])
    # Without metadata routing parameters are addressed, and nothing is transformed.
    if last is Recorder:
        addressed = {f"last__{name}": value for name, value in given.items()}
        got = Pipeline(named(steps, Recorder())).fit(X, y, **addressed)[-1]
        np.testing.assert_array_equal(got.offset_, offset[places])
        assert got.X_val_ is X_val


def test_fit_predict_gives_the_last_step_the_same(data):
    X, y, X_val, _ = data
    steps = [StandardScaler(), down(weighting="uniform")]
    _, _, _, places, transformed = by_hand(steps, X, y, X_val)
    with sklearn.config_context(enable_metadata_routing=True):
        last = requesting(Recorder(), "X_val", "offset")
        pipeline = Pipeline(named(steps, last), transform_input=["X_val"])
        pipeline.fit_predict(X, y, X_val=X_val, offset=y)
    np.testing.assert_allclose(last.X_val_, transformed, rtol=1e-12)
    np.testing.assert_array_equal(last.offset_, y[places])


def lightgbm(X_val, y_val, start):
    library = pytest.importorskip("lightgbm")
    model = library.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
    given = {"eval_X": X_val, "eval_y": y_val, "init_score": start}
    return model, given, lambda fitted: fitted.evals_result_


def xgboost(X_val, y_val, start):
    library = pytest.importorskip("xgboost")
    model = library.XGBClassifier(n_estimators=5, n_jobs=1)
    given = {"eval_set": [(X_val, y_val)], "verbose": False, "base_margin": start}
    return model, given, lambda fitted: fitted.evals_result()


def scikit_learn(X_val, y_val, _):
    model = HistGradientBoostingClassifier(
        max_iter=5, early_stopping=True, random_state=0
    )
    if "X_val" not in signature(model.fit).parameters:
        pytest.skip("scikit-learn takes X_val from 1.7 on")
    given = {"X_val": X_val, "y_val": y_val}
    return model, given, lambda fitted: list(fitted.validation_score_)


# What starts from scores of the user's predicts without them, and warns.
@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("booster", [lightgbm, xgboost, scikit_learn])
def test_boosters_see_the_loss_on_the_eval_rows(data, booster):
    X, y, X_val, y_val = data
    start = np.linspace(-3, -1, len(y))
    steps = [StandardScaler(), down()]
    X_kept, y_kept, weights, places, transformed = by_hand(steps, X, y, X_val)
    alone, given, history = booster(transformed, y_val, start[places])
    alone.fit(X_kept, y_kept, sample_weight=weights, **given)
    model, given, _ = booster(X_val, y_val, start)
    with sklearn.config_context(enable_metadata_routing=True):
        requesting(model, "sample_weight", *given)
        rows = [name for name in ("eval_X", "X_val", "eval_set") if name in given]
        pipeline = Pipeline(named(steps, model), transform_input=rows)
        pipeline.fit(X, y, **given)
    assert history(pipeline[-1]) == history(alone)
    np.testing.assert_array_equal(
        pipeline[-1].predict_proba(transformed), alone.predict_proba(transformed)
    )


def test_of_an_eval_set_the_rows_are_transformed_and_the_labels_stay(data):
    X, y, X_val, y_val = data

    class Booster(Recorder):
        def fit(self, X, y, sample_weight=None, eval_set=None):
            self.eval_set_ = eval_set
            return self

    steps = [StandardScaler(), down()]
    transformed = by_hand(steps, X, y, X_val)[-1]
    with sklearn.config_context(enable_metadata_routing=True):
        last = requesting(Booster(), "eval_set", "sample_weight")
        pipeline = Pipeline(named(steps, last), transform_input=["eval_set"])
        for pair in ((X_val, y_val), (X_val, y_val, y)):
            pipeline.fit(X, y, eval_set=pair)
            np.testing.assert_allclose(last.eval_set_[0], transformed, rtol=1e-12)
            assert all(
                a is b for a, b in zip(last.eval_set_[1:], pair[1:], strict=True)
            )
            pipeline.fit(X, y, eval_set=[pair, pair])
            for got in last.eval_set_:
                np.testing.assert_allclose(got[0], transformed, rtol=1e-12)
                assert got[1] is y_val


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
def test_catboost_starts_from_the_baseline_of_its_rows(data):
    catboost = pytest.importorskip("catboost")
    X, y, X_val, _ = data
    start = np.linspace(-3, -1, len(y))
    steps = [StandardScaler(), down()]
    X_kept, y_kept, weights, places, _ = by_hand(steps, X, y, X_val)
    model, alone = (
        catboost.CatBoostClassifier(
            n_estimators=5, thread_count=1, allow_writing_files=False, verbose=False
        )
        for _ in range(2)
    )
    alone.fit(X_kept, y_kept, sample_weight=weights, baseline=start[places])
    pipeline = Pipeline(named(steps, model)).fit(X, y, last__baseline=start)
    np.testing.assert_array_equal(
        pipeline[-1].predict_proba(X_kept), alone.predict_proba(X_kept)
    )


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    ("samplers", "given", "message"),
    [
        (
            [SMOTE(random_state=0), down()],
            {"offset": np.zeros(400)},
            r"offset must be .* got 400 values, but SMOTE and DownsampleUpweight does",
        ),
        (
            [down(), Weighted(SMOTE(random_state=0))],
            {"offset": np.zeros(400)},
            r"offset must be .* DownsampleUpweight and Weighted made 170 rows that",
        ),
        (
            [down()],
            {"group": [200, 200]},
            r"group must not be given beside a resampler",
        ),
    ],
    ids=["unknown", "made", "numbers of rows"],
)
def test_values_that_cannot_follow_are_refused(data, samplers, given, message, routing):
    X, y, _, _ = data

    class Grouped(Recorder):
        def fit(self, X, y, sample_weight=None, offset=None, group=None):
            return super().fit(X, y, offset=offset)

    last, prefix = Grouped(), "last__"
    if routing:
        with sklearn.config_context(enable_metadata_routing=True):
            last.set_fit_request(offset=True, group=True, sample_weight=True)
        prefix = ""
    model = Pipeline(named(samplers, last))
    given = {prefix + name: value for name, value in given.items()}
    with (
        sklearn.config_context(enable_metadata_routing=routing),
        pytest.raises(ValueError, match=f"^{prefix}{message}"),
    ):
        model.fit(X, y, **given)
    assert model[0] is samplers[0]


def test_what_would_not_be_transformed_under_its_name_is_refused(data):
    X, y, X_val, _ = data
    with sklearn.config_context(enable_metadata_routing=True):
        last = Recorder().set_fit_request(X_val="mine")
        model = Pipeline(named([down()], last), transform_input=["mine"])
        with pytest.raises(
            ValueError, match=r"transform_input must name .* got 'mine'"
        ):
            model.fit(X, y, mine=X_val)
        model.set_params(transform_input=["X_val"]).fit(X, y, mine=X_val)
    assert last.X_val_ is X_val
