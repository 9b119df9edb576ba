"""Which weights arrive where in a Pipeline; recording doubles are the proof."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from imblearn.base import BaseSampler
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as StockPipeline
from imblearn.under_sampling import RandomUnderSampler
from joblib import Memory
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    TreeWeightsWarning,
    UnusedWeightsError,
    make_pipeline,
)


class RecordingScaler(TransformerMixin, BaseEstimator):
    """Writes down the weights of its fit."""

    def fit(self, X, y=None, sample_weight=None):
        self.n_features_in_ = X.shape[1]
        self.weights_ = sample_weight
        return self

    def transform(self, X):
        return X


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    """Writes down the rows, labels and weights of its fit."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weights_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def table():
    """Rows that say who they are: the first column is the row number."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [2000, 100]))
    X = np.column_stack([np.arange(len(y)), rng.normal(size=(len(y), 3))])
    X[:, 1] += y
    return X, y, rng.lognormal(size=len(y))


@pytest.fixture
def features(table):
    """The same without the row numbers, for models that really learn."""
    X, y, incoming = table
    return X[:, 1:], y, incoming


def down(factor=20, seed=0, **params):
    return DownsampleUpweight(factor=factor, random_state=seed, **params)


def expected(X, y, weights=None, factor=20):
    return down(factor).fit_resample(X, y, sample_weight=weights)


def test_weights_reach_scaler_and_classifier_in_step_with_the_rows(table):
    X, y, incoming = table
    model = make_pipeline(down(), RecordingScaler(), RecordingClassifier())
    for given in (None, incoming):
        X_kept, y_kept, weights = expected(X, y, given)
        model.fit(X, y, sample_weight=given)
        last = model[-1]
        np.testing.assert_array_equal(last.X_, X_kept)
        np.testing.assert_array_equal(last.y_, y_kept)
        np.testing.assert_array_equal(last.weights_, weights)
        np.testing.assert_array_equal(model[1].weights_, weights)


def test_steps_before_the_resampler_get_the_incoming_weights(table):
    X, y, incoming = table
    model = make_pipeline(RecordingScaler(), down(), RecordingClassifier())
    assert model.fit(X, y)[0].weights_ is None
    model.fit(X, y, sample_weight=incoming)
    np.testing.assert_array_equal(model[0].weights_, incoming)
    np.testing.assert_array_equal(model[-1].weights_, expected(X, y, incoming)[2])


def test_incoming_weights_alone_reach_every_step_that_takes_them(table):
    X, y, incoming = table
    model = make_pipeline(RecordingScaler(), SelectKBest(k=2), RecordingClassifier())
    model.fit(X, y, sample_weight=list(incoming))
    np.testing.assert_array_equal(model[0].weights_, incoming)
    np.testing.assert_array_equal(model[-1].weights_, incoming)


def test_two_resamplers_multiply(table):
    X, y, incoming = table
    model = make_pipeline(
        down(4), down(5, seed=1), ClassWeight({1: 3.0}), RecordingClassifier()
    ).fit(X, y, sample_weight=incoming)
    kept = model[-1].X_[:, 0].astype(int)
    weights = model[-1].weights_
    assert len(kept) == 200
    np.testing.assert_allclose(weights[y[kept] == 1], 3 * incoming[y == 1], rtol=1e-12)
    ratio = weights[y[kept] == 0] / incoming[kept[y[kept] == 0]]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    np.testing.assert_allclose(
        weights[y[kept] == 0].sum(), incoming[y == 0].sum(), rtol=1e-12
    )


def test_sampler_of_two_results_reindexes_the_weights_under_way(table):
    X, y, incoming = table
    model = make_pipeline(
        down(4), RandomUnderSampler(random_state=0), RecordingClassifier()
    )
    with pytest.warns(CalibrationWarning, match=r"RandomUnderSampler before"):
        model.fit(X, y, sample_weight=incoming)
    by_row = dict(
        zip(
            *(
                values
                for values in (
                    expected(X, y, incoming, 4)[0][:, 0],
                    expected(X, y, incoming, 4)[2],
                )
            ),
            strict=True,
        )
    )
    last = model[-1]
    assert len(last.X_) == 200
    assert last.weights_.tolist() == [by_row[row] for row in last.X_[:, 0]]


def test_sampler_of_two_results_before_any_weights_needs_none(table):
    X, y, _ = table
    model = make_pipeline(SMOTE(random_state=0), RecordingClassifier())
    with pytest.warns(CalibrationWarning, match="SMOTE before RecordingClassifier"):
        model.fit(X, y)
    assert model[-1].weights_ is None
    assert len(model[-1].X_) == 4000
    model = make_pipeline(SMOTE(random_state=0), down(2), RecordingClassifier())
    with pytest.warns(CalibrationWarning, match="SMOTE before RecordingClassifier"):
        model.fit(X, y)
    assert model[-1].weights_.sum() == pytest.approx(4000, rel=1e-12)


def test_weights_that_cannot_follow_the_rows_are_an_error(table):
    X, y, _ = table
    model = make_pipeline(down(4), SMOTE(random_state=0), RecordingClassifier())
    with pytest.raises(ValueError, match=r"SMOTE does not say .* Weighted\(SMOTE"):
        model.fit(X, y)
    assert isinstance(model[0], DownsampleUpweight)


def test_last_step_without_weights_is_an_error_that_names_the_way_out(table):
    X, y, incoming = table
    model = make_pipeline(down(), KNeighborsClassifier())
    with pytest.raises(UnusedWeightsError, match=r"KNeighborsClassifier.*Resampled"):
        model.fit(X, y)
    with pytest.raises(UnusedWeightsError, match="cannot take sample_weight"):
        make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(
            X, y, sample_weight=incoming
        )
    unweighted = make_pipeline(down(weighting="uniform"), KNeighborsClassifier())
    assert unweighted.fit(X, y).predict(X[:3]).shape == (3,)


def test_selectors_that_hand_on_their_arguments_get_the_weights(table):
    X, y, _ = table
    model = make_pipeline(
        down(), SelectFromModel(RecordingCoefficients()), RecordingClassifier()
    ).fit(X, y)
    np.testing.assert_array_equal(model[1].estimator_.weights_, expected(X, y)[2])


class RecordingCoefficients(RecordingClassifier):
    """A recording classifier that a selector can read."""

    def fit(self, X, y, sample_weight=None):
        self.coef_ = np.arange(X.shape[1])[np.newaxis, :]
        return super().fit(X, y, sample_weight)


def test_weights_addressed_to_one_step_are_refused(table):
    X, y, incoming = table
    model = make_pipeline(RecordingScaler(), down(), RecordingClassifier())
    for step in ("downsampleupweight", "recordingclassifier"):
        with pytest.raises(ValueError, match=f"{step}__sample_weight cannot be given"):
            model.fit(X, y, **{f"{step}__sample_weight": incoming})
    with pytest.raises(ValueError, match="nor beside sample_weight"):
        model.fit(X, y, sample_weight=incoming, recordingscaler__sample_weight=incoming)
    model.fit(X, y, recordingscaler__sample_weight=incoming)
    np.testing.assert_array_equal(model[0].weights_, incoming)
    np.testing.assert_array_equal(model[-1].weights_, expected(X, y)[2])


def test_passthrough_and_none_steps(table):
    X, y, _ = table
    for nothing in ("passthrough", None):
        model = Pipeline(
            [
                ("a", nothing),
                ("down", down()),
                ("b", nothing),
                ("scale", RecordingScaler()),
                ("last", RecordingClassifier()),
            ]
        ).fit(X, y)
        np.testing.assert_array_equal(model[-1].weights_, expected(X, y)[2])
        model.set_params(down=nothing).fit(X, y)
        assert model[-1].weights_ is None
        assert len(model[-1].X_) == len(X)


def test_pipeline_without_a_model_gives_three_results(table):
    X, y, incoming = table
    X_kept, y_kept, weights = expected(X, y, incoming)
    ends_with_resampler = Pipeline([("scale", RecordingScaler()), ("down", down())])
    ends_with_nothing = Pipeline([("down", down()), ("last", "passthrough")])
    for model in (ends_with_resampler, ends_with_nothing):
        got = model.fit_resample(X, y, sample_weight=incoming)
        assert len(got) == 3
        for one, other in zip(got, (X_kept, y_kept, weights), strict=True):
            np.testing.assert_array_equal(one, other)
    stock_sampler = make_pipeline(RecordingScaler(), RandomUnderSampler())
    assert set(stock_sampler.fit_resample(X, y)[2]) == {1.0}


def test_memory_caches_rows_and_weights_and_tells_weights_apart(table, tmp_path):
    X, y, incoming = table
    calls = tmp_path / "calls"
    memory = Memory(tmp_path / "cache", verbose=0)
    model = make_pipeline(
        CountingScaler(str(calls)), down(), RecordingClassifier(), memory=memory
    )
    for _ in range(2):
        model.fit(X, y)
        np.testing.assert_array_equal(model[-1].weights_, expected(X, y)[2])
        assert model[1].sample_indices_.shape == (200,)
    assert calls.read_text(encoding="utf-8") == "."
    model.fit(X, y, sample_weight=incoming)
    np.testing.assert_array_equal(model[-1].weights_, expected(X, y, incoming)[2])
    assert calls.read_text(encoding="utf-8") == ".."


class CountingScaler(RecordingScaler):
    """Writes a dot into a file at every fit."""

    def __init__(self, path):
        self.path = path

    def fit(self, X, y=None, sample_weight=None):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(".")
        return super().fit(X, y, sample_weight)


def test_it_is_the_stock_pipeline_for_everything_else(features):
    X, y, _ = features
    model = Pipeline(
        [("scale", StandardScaler()), ("down", down()), ("last", LogisticRegression())]
    )
    assert isinstance(model, StockPipeline)
    fitted = clone(model).fit(X, y)
    sliced = fitted[:1]
    assert isinstance(sliced, Pipeline)
    np.testing.assert_allclose(
        fitted[-1].predict_proba(sliced.transform(X)), fitted.predict_proba(X)
    )
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    assert fitted.predict_proba(X).shape == (len(X), 2)
    assert "DownsampleUpweight" in fitted._repr_html_()
    steps_given = model.steps
    assert model.fit(X, y).named_steps["down"] is steps_given[1][1]


def test_set_output(table):
    pandas = pytest.importorskip("pandas")
    X, y, _ = table
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), down(), RecordingClassifier())
    model.set_output(transform="pandas").fit(frame, y)
    assert list(model[-1].X_.columns) == list("abcd")
    assert len(model[-1].weights_) == len(model[-1].X_) == 200


def test_a_stock_pipeline_is_told_what_to_write(features):
    X, y, _ = features
    model = StockPipeline([("down", down()), ("last", LogisticRegression())])
    with pytest.raises(TypeError, match=r"from skstrat import Pipeline.*Resampled"):
        model.fit(X, y)
    as_last_step = StockPipeline(
        [
            ("under", RandomUnderSampler(sampling_strategy=0.1, random_state=0)),
            ("last", ResampledClassifier(LogisticRegression(), down(2))),
        ]
    )
    assert as_last_step.fit(X, y).predict_proba(X).shape == (len(X), 2)


def test_trees_with_large_restoring_weights_warn_and_name_the_classifier(features):
    X, y, _ = features
    trees = HistGradientBoostingClassifier(max_iter=2)
    with pytest.warns(TreeWeightsWarning, match="ResampledClassifier"):
        make_pipeline(down(20), trees).fit(X, y)
    search = GridSearchCV(trees, {"max_iter": [1, 2]}, cv=2)
    with pytest.warns(TreeWeightsWarning, match="for rows dropped or repeated"):
        make_pipeline(down(20), search).fit(X, y)
    # Warnings are errors here, so these say that there is none.
    make_pipeline(down(2), trees).fit(X, y)
    make_pipeline(ClassWeight(), trees).fit(X, y)
    make_pipeline(down(20), LogisticRegression()).fit(X, y)
    ResampledClassifier(trees, down(20)).fit(X, y)


def test_class_weight_that_cancels_the_weights_is_an_error(features):
    X, y, incoming = features
    balanced = LogisticRegression(class_weight="balanced")
    with pytest.raises(ValueError, match=re.escape("class_weight='balanced'")):
        make_pipeline(down(), balanced).fit(X, y)
    with pytest.warns(CalibrationWarning, match="changes the prior"):
        make_pipeline(down(weighting="uniform"), balanced).fit(X, y)
    alone = make_pipeline(StandardScaler(), balanced)
    with pytest.warns(CalibrationWarning, match="Leave class_weight out"):
        alone.fit(X, y, sample_weight=incoming)


def test_grid_search_over_resamplers_and_their_parameters(features):
    X, y, incoming = features
    model = make_pipeline(down(), StandardScaler(), LogisticRegression())
    rebalanced = RandomOversample(weighting="uniform")
    grid = [
        {"downsampleupweight": ["passthrough", down(5), rebalanced]},
        {"downsampleupweight__factor": [2, 10]},
    ]
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3)
    for weights in (None, incoming):
        search.fit(X, y, sample_weight=weights)
        scores = search.cv_results_["mean_test_score"]
        assert len(scores) == 5
        assert np.isfinite(scores).all()
        oversampled = scores[2]
        assert oversampled < min(np.delete(scores, 2)) - 0.1


def test_nested_search_and_cross_validation(features):
    X, y, _ = features
    model = make_pipeline(down(), LogisticRegression())
    search = GridSearchCV(
        model, {"downsampleupweight__factor": [2, 10]}, scoring="neg_log_loss", cv=2
    )
    assert np.isfinite(cross_val_score(search, X, y, cv=2)).all()
    inside = make_pipeline(
        down(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    )
    # The intercept has no penalty, so the weighted mean on the kept rows is the rate.
    X_kept, _, weights = expected(X, y)
    p = inside.fit(X, y).predict_proba(X_kept)[:, 1]
    assert np.average(p, weights=weights) == pytest.approx(y.mean(), rel=1e-3)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: CalibratedClassifierCV(model, cv=3),
        lambda model: TunedThresholdClassifierCV(model, scoring="f1", cv=3),
        lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
    ],
    ids=["calibrated", "tuned threshold", "bagging"],
)
def test_inside_meta_estimators(features, wrap):
    X, y, _ = features
    wrapped = wrap(make_pipeline(down(), StandardScaler(), LogisticRegression()))
    p = wrapped.fit(X, y).predict_proba(X)[:, 1]
    # About 100 negatives are kept, so the mean has a standard error near 10 %; three.
    assert p.mean() == pytest.approx(y.mean(), rel=0.3)


def test_calibrated_classifier_passes_its_weights_on(table):
    X, y, incoming = table
    model = make_pipeline(down(), RecordingClassifierWithProba())
    calibrated = CalibratedClassifierCV(model, cv=2, method="sigmoid")
    calibrated.fit(X, y, sample_weight=incoming)
    for inner in calibrated.calibrated_classifiers_:
        last = inner.estimator[-1]
        rows = last.X_[:, 0].astype(int)
        positive = y[rows] == 1
        np.testing.assert_array_equal(last.weights_[positive], incoming[rows[positive]])


class RecordingClassifierWithProba(RecordingClassifier):
    """A recording classifier that a calibrator can read."""

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X[:, 1]))
        return np.column_stack([1 - p, p])


def test_steps_may_be_a_tuple(features):
    X, y, _ = features
    steps = (("down", down()), ("last", LogisticRegression()))
    model = Pipeline(steps).fit(X, y)
    listed = Pipeline(list(steps)).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), listed.predict_proba(X))


class SamplerOfCosts(BaseSampler):
    """Writes down the costs that it is given."""

    _sampling_type = "bypass"

    def fit_resample(self, X, y, cost_matrix=None):
        return self._fit_resample(X, y, cost_matrix)

    def _fit_resample(self, X, y, cost_matrix=None):
        self.costs_ = cost_matrix
        return X, y


def test_a_step_that_transforms_and_resamples_is_refused(features):
    X, y, _ = features

    class Both(StandardScaler):
        def fit_resample(self, X, y):
            return X, y

    model = make_pipeline(Both(), LogisticRegression())
    with pytest.raises(TypeError, match="implements both"):
        model.fit(X, y)
    assert isinstance(model[0], Both)


class TestMetadataRouting:
    @pytest.fixture(autouse=True)
    def routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def test_other_metadata_reaches_a_sampler(self, features):
        X, y, _ = features
        costs = np.arange(len(y))
        sampler = SamplerOfCosts().set_fit_resample_request(cost_matrix=True)
        model = make_pipeline(sampler, LogisticRegression())
        assert model.fit(X, y, cost_matrix=costs)[0].costs_ is costs
        last = make_pipeline(StandardScaler(), sampler)
        last.fit_resample(X, y, cost_matrix=costs[::-1])
        assert last[-1].costs_[0] == costs[-1]
        inside = make_pipeline(make_pipeline(down(), sampler), LogisticRegression())
        with pytest.raises(TypeError, match=r"\['cost_matrix'\] cannot be routed"):
            inside.fit(X, y, cost_matrix=costs)

    @pytest.mark.parametrize("method", ["fit", "fit_transform"])
    def test_input_that_is_to_be_transformed_is(self, table, method):
        X, y, _ = table

        class Shift(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                self.n_features_in_ = X.shape[1]
                return self

            def transform(self, X):
                return X + 1

        class Validated(RecordingScaler):
            def fit(self, X, y, sample_weight=None, X_val=None):
                self.X_val_ = X_val
                return self

        last = Validated().set_fit_request(X_val=True)
        model = make_pipeline(Shift(), down(), last, transform_input=["X_val"])
        getattr(model, method)(X, y, X_val=X[:3])
        np.testing.assert_array_equal(model[-1].X_val_, X[:3] + 1)

    def test_an_error_names_all_that_was_not_requested(self, table):
        X, y, incoming = table

        class Grouped(RecordingClassifier):
            def fit(self, X, y, sample_weight=None, groups=None):
                return super().fit(X, y, sample_weight)

        given = {"sample_weight": incoming, "groups": incoming}
        for model, names in (
            (make_pipeline(Grouped()), r"^\[sample_weight, groups\] are passed"),
            # A resampler asks for no weights, and is given them all the same.
            (make_pipeline(down(), Grouped()), r"^\[groups\] are passed"),
        ):
            with pytest.raises(UnsetMetadataPassedError, match=names):
                model.fit(X, y, **given)

    def test_a_request_under_another_name_goes_before_the_weights_of_all(self, table):
        X, y, incoming = table
        own = RecordingScaler().set_fit_request(sample_weight="other")
        model = make_pipeline(RecordingScaler(), own, RecordingClassifier())
        model.fit(X, y, sample_weight=incoming, other=2 * incoming)
        np.testing.assert_array_equal(model[0].weights_, incoming)
        np.testing.assert_array_equal(model[1].weights_, 2 * incoming)
        np.testing.assert_array_equal(model[2].weights_, incoming)

    def test_weights_are_carried_without_any_request(self, table):
        X, y, incoming = table
        model = make_pipeline(RecordingScaler(), down(), RecordingClassifier())
        model.fit(X, y)
        np.testing.assert_array_equal(model[-1].weights_, expected(X, y)[2])
        model.fit(X, y, sample_weight=incoming)
        np.testing.assert_array_equal(model[0].weights_, incoming)
        np.testing.assert_array_equal(model[-1].weights_, expected(X, y, incoming)[2])

    def test_a_refusal_is_respected(self, table):
        X, y, _ = table
        scaler = RecordingScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(down(), scaler, RecordingClassifier()).fit(X, y)
        assert model[1].weights_ is None
        refusing = RecordingClassifier().set_fit_request(sample_weight=False)
        with pytest.raises(UnusedWeightsError, match="RecordingClassifier"):
            make_pipeline(down(), refusing).fit(X, y)

    def test_weights_under_another_name_stop_at_a_resampler(self, table):
        X, y, incoming = table
        scaler = RecordingScaler().set_fit_request(sample_weight="scaling_weight")
        model = make_pipeline(scaler, down(), RecordingClassifier())
        model.fit(X, y, scaling_weight=incoming)
        np.testing.assert_array_equal(model[0].weights_, incoming)
        after = make_pipeline(down(), scaler, RecordingClassifier())
        with pytest.raises(ValueError, match="recordingscaler__sample_weight"):
            after.fit(X, y, scaling_weight=incoming)

    def test_a_router_inside_gets_them_if_something_in_it_asks(self, table):
        X, y, _ = table
        asking = RecordingScaler().set_fit_request(sample_weight=True)
        columns = ColumnTransformer([("all", asking, [0, 1, 2, 3])])
        model = make_pipeline(down(), columns, RecordingClassifier()).fit(X, y)
        inner = model[1].named_transformers_["all"]
        np.testing.assert_array_equal(inner.weights_, expected(X, y)[2])

    def test_searches_route_to_the_pipeline(self, features):
        X, y, incoming = features
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        model = make_pipeline(down(), LogisticRegression())
        search = GridSearchCV(
            model, {"downsampleupweight__factor": [2, 10]}, scoring=scorer, cv=2
        ).fit(X, y, sample_weight=incoming)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        total = search.best_estimator_[0].plan_.class_total
        np.testing.assert_allclose(sum(total), incoming.sum(), rtol=1e-12)

    def test_weights_of_fit_alone(self, features):
        X, y, incoming = features
        model = make_pipeline(down(), LogisticRegression())
        result = cross_validate(
            model,
            X,
            y,
            cv=2,
            scoring=get_scorer("neg_log_loss").set_score_request(sample_weight=False),
            params={"sample_weight": incoming},
            return_estimator=True,
        )
        for fitted in result["estimator"]:
            assert sum(fitted[0].plan_.class_total) < incoming.sum()


def test_prediction_never_resamples(features):
    X, y, _ = features
    model = make_pipeline(down(), StandardScaler(), LogisticRegression()).fit(X, y)
    assert len(model.predict(X)) == len(X)
    assert model.score(X, y) == pytest.approx((model.predict(X) == y).mean())
