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


class Scaler(TransformerMixin, BaseEstimator):
    """Writes down the weights of its fit, and a dot into a file."""

    def __init__(self, path=None):
        self.path = path

    def fit(self, X, y=None, sample_weight=None):
        self.n_features_in_, self.weights_ = X.shape[1], sample_weight
        if self.path:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(".")
        return self

    def transform(self, X):
        return X


class Classifier(ClassifierMixin, BaseEstimator):
    """Writes down the rows, labels and weights of its fit."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weights_ = X, y, sample_weight
        self.classes_, self.coef_ = np.unique(y), np.arange(X.shape[1])[np.newaxis, :]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X[:, 1]))
        return np.column_stack([1 - p, p])


# Rows that say who they are: the first column is the row number.
N_ROWS = 2100
rng = np.random.default_rng(0)
y = rng.permutation(np.repeat([0, 1], [2000, 100]))
X = np.column_stack([np.arange(N_ROWS), rng.normal(size=(N_ROWS, 3))])
X[:, 1] += y
FEATURES = X[:, 1:]
INCOMING = rng.lognormal(size=N_ROWS)


def down(factor=20, seed=0, **params):
    return DownsampleUpweight(factor=factor, random_state=seed, **params)


def expected(weights=None, factor=20):
    return down(factor).fit_resample(X, y, sample_weight=weights)


def same(found, wanted):
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("given", [None, INCOMING], ids=["none", "incoming"])
def test_weights_reach_every_step_with_the_rows(given, routing):
    X_kept, y_kept, weights = expected(given)
    with sklearn.config_context(enable_metadata_routing=routing):
        steps = [Scaler(), down(), Scaler(), Classifier()]
        model = make_pipeline(*steps).fit(X, y, sample_weight=given)
        plain = make_pipeline(Scaler(), SelectKBest(k=2), Classifier())
        if not routing:
            listed = None if given is None else list(given)
            plain.fit(X, y, sample_weight=listed)
            same(plain[0].weights_, given)
            same(plain[-1].weights_, given)
    assert model[0].weights_ is given or (model[0].weights_ == given).all()
    same(model[2].weights_, weights)
    for found, wanted in (("X_", X_kept), ("y_", y_kept), ("weights_", weights)):
        same(getattr(model[-1], found), wanted)


def test_two_resamplers_multiply():
    model = make_pipeline(down(4), down(5, seed=1), ClassWeight({1: 3.0}), Classifier())
    last = model.fit(X, y, sample_weight=INCOMING)[-1]
    assert len(last.X_) == 200
    kept = last.X_[:, 0].astype(int)
    is_1 = y[kept] == 1
    np.testing.assert_allclose(last.weights_[is_1], 3 * INCOMING[y == 1], rtol=1e-12)
    ratio = last.weights_[~is_1] / INCOMING[kept[~is_1]]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    total = INCOMING[y == 0].sum()
    assert last.weights_[~is_1].sum() == pytest.approx(total, rel=1e-12)


def test_samplers_of_two_results():
    under, smote = RandomUnderSampler(random_state=0), SMOTE(random_state=0)
    model = make_pipeline(down(4), under, Classifier())
    with pytest.warns(CalibrationWarning, match=r"RandomUnderSampler before"):
        last = model.fit(X, y, sample_weight=INCOMING)[-1]
    X_kept, _, weights = expected(INCOMING, 4)
    by_row = dict(zip(X_kept[:, 0], weights, strict=True))
    assert len(last.X_) == 200
    assert last.weights_.tolist() == [by_row[row] for row in last.X_[:, 0]]
    # Before any weights there are none to follow.
    for steps, total in (([smote], None), ([smote, down(2)], 4000)):
        model = make_pipeline(*steps, Classifier())
        with pytest.warns(CalibrationWarning, match="SMOTE before Classifier"):
            weights = model.fit(X, y)[-1].weights_
        assert (weights if weights is None else round(weights.sum(), 8)) == total


class Both(StandardScaler):
    """Transforms and resamples."""

    def fit_resample(self, X, y):
        return X, y


BALANCED = LogisticRegression(class_weight="balanced")
NEIGHBOURS = KNeighborsClassifier()
WEIGHTED = {"sample_weight": INCOMING}
CLASSES = [("down", down()), ("last", LogisticRegression())]
ADDRESSED = {"scaler__sample_weight": INCOMING}
TO_SAMPLER = {"downsampleupweight__sample_weight": INCOMING}
REFUSED = {
    ValueError: [
        ([down(), SMOTE(), Classifier()], {}, r"SMOTE does not say .* Weighted\(SMOTE"),
        ([Scaler(), down(), Classifier()], WEIGHTED | ADDRESSED, "nor beside sample_w"),
        ([Scaler(), down(), Classifier()], TO_SAMPLER, "ht__sample_weight cannot be"),
        ([down(), Scaler(), Classifier()], ADDRESSED, "scaler__sample_weight cannot"),
        ([down(), BALANCED], {}, re.escape("class_weight='balanced'")),
    ],
    UnusedWeightsError: [
        ([down(), NEIGHBOURS], {}, "KNeighborsClassifier.*Resampled"),
        ([StandardScaler(), NEIGHBOURS], WEIGHTED, "cannot take sample_weight"),
    ],
    TypeError: [([Both(), BALANCED], {}, "implements both")],
}


@pytest.mark.parametrize(
    ("error", "steps", "given", "text"),
    [(error, *case) for error, cases in REFUSED.items() for case in cases],
)
def test_what_is_refused(error, steps, given, text):
    model = make_pipeline(*steps)
    with pytest.raises(error, match=text):
        model.fit(X, y, **given)
    assert [step for _, step in model.steps] == steps


def test_a_stock_pipeline_names_what_to_write():
    model = StockPipeline(CLASSES)
    with pytest.raises(TypeError, match=r"from skstrat import Pipeline.*Resampled"):
        model.fit(X, y)


TREES = HistGradientBoostingClassifier(max_iter=2)
SEARCH = GridSearchCV(TREES, {"max_iter": [1, 2]}, cv=2)


@pytest.mark.parametrize(
    ("steps", "given", "kind", "text"),
    [
        ([down(), TREES], {}, TreeWeightsWarning, "ResampledClassifier"),
        (
            [down(), SEARCH],
            {},
            TreeWeightsWarning,
            "that represent rows dropped or repeated",
        ),
        ([down(weighting="uniform"), BALANCED], {}, CalibrationWarning, "the prior"),
        ([BALANCED], WEIGHTED, CalibrationWarning, "Leave class_weight out"),
    ],
    ids=["trees", "search of trees", "prior", "class_weight"],
)
def test_what_warns(steps, given, kind, text):
    model = make_pipeline(*steps)
    with pytest.warns(kind, match=text):
        model.fit(FEATURES, y, **given)


def test_what_does_not_warn():
    under = RandomUnderSampler(sampling_strategy=0.1, random_state=0)
    for model in (
        make_pipeline(down(2), TREES),
        make_pipeline(ClassWeight(), TREES),
        make_pipeline(down(), LogisticRegression()),
        make_pipeline(down(weighting="uniform"), NEIGHBOURS),
        ResampledClassifier(TREES, down()),
        StockPipeline(
            [("u", under), ("last", ResampledClassifier(LogisticRegression(), down(2)))]
        ),
    ):
        assert model.fit(FEATURES, y).predict(FEATURES).shape == (N_ROWS,)


def test_weights_addressed_to_a_step_before_the_resampler():
    model = make_pipeline(Scaler(), down(), Classifier()).fit(X, y, **ADDRESSED)
    same(model[0].weights_, INCOMING)
    same(model[-1].weights_, expected()[2])


def test_selectors_that_hand_on_their_arguments_get_the_weights():
    model = make_pipeline(down(), SelectFromModel(Classifier()), Classifier())
    same(model.fit(X, y)[1].estimator_.weights_, expected()[2])


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_steps_that_do_nothing(nothing):
    steps = ("a", nothing), ("down", down()), ("b", nothing), ("last", Classifier())
    model = Pipeline(steps).fit(X, y)
    same(model[-1].weights_, expected()[2])
    model.set_params(down=nothing).fit(X, y)
    assert model[-1].weights_ is None
    assert len(model[-1].X_) == N_ROWS


def test_pipeline_without_a_model_gives_three_results():
    ends_with_nothing = Pipeline([("down", down()), ("last", "passthrough")])
    for model in (make_pipeline(Scaler(), down()), ends_with_nothing):
        found = model.fit_resample(X, y, sample_weight=INCOMING)
        for one, other in zip(found, expected(INCOMING), strict=True):
            same(one, other)
    stock_sampler = make_pipeline(Scaler(), RandomUnderSampler())
    assert set(stock_sampler.fit_resample(X, y)[2]) == {1.0}


def test_memory_keeps_rows_and_weights_by_weights(tmp_path):
    calls, memory = tmp_path / "calls", Memory(tmp_path / "cache", verbose=0)
    model = make_pipeline(Scaler(str(calls)), down(), Classifier(), memory=memory)
    for given, fits in ((None, "."), (None, "."), (INCOMING, "..")):
        model.fit(X, y, sample_weight=given)
        same(model[-1].weights_, expected(given)[2])
        assert model[1].sample_indices_.shape == (200,)
        assert calls.read_text(encoding="utf-8") == fits


def test_it_is_the_stock_pipeline_for_everything_else():
    steps = ("scale", StandardScaler()), *CLASSES
    model = Pipeline(list(steps))
    assert isinstance(model, StockPipeline)
    fitted = clone(model).fit(FEATURES, y)
    p = fitted.predict_proba(FEATURES)
    assert p.shape == (N_ROWS, 2)
    assert fitted.score(FEATURES, y) == (p.argmax(axis=1) == y).mean()
    sliced = fitted[:1]
    assert isinstance(sliced, Pipeline)
    same(fitted[-1].predict_proba(sliced.transform(FEATURES)), p)
    same(pickle.loads(pickle.dumps(fitted)).predict_proba(FEATURES), p)
    same(clone(Pipeline(steps)).fit(FEATURES, y).predict_proba(FEATURES), p)
    assert "DownsampleUpweight" in fitted._repr_html_()
    steps_given = model.steps
    assert model.fit(FEATURES, y).named_steps["down"] is steps_given[1][1]


def test_set_output():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), down(), Classifier())
    last = model.set_output(transform="pandas").fit(frame, y)[-1]
    assert list(last.X_.columns) == list("abcd")
    assert len(last.weights_) == len(last.X_) == 200


def test_searches():
    model = make_pipeline(down(), StandardScaler(), LogisticRegression())
    rebalanced = RandomOversample(weighting="uniform")
    grid = [
        {"downsampleupweight": ["passthrough", down(5), rebalanced]},
        {"downsampleupweight__factor": [2, 10]},
    ]
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=2)
    for weights in (None, INCOMING):
        search.fit(FEATURES, y, sample_weight=weights)
        scores = search.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all()
        assert scores[2] < min(np.delete(scores, 2)) - 0.1
    assert np.isfinite(cross_val_score(search, FEATURES, y, cv=2)).all()
    inside = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    # The intercept has no penalty, so the weighted mean on the kept rows is the rate.
    X_kept, _, weights = expected()
    fitted = make_pipeline(down(), inside).fit(FEATURES, y)
    p = fitted.predict_proba(X_kept[:, 1:])[:, 1]
    assert np.average(p, weights=weights) == pytest.approx(y.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (CalibratedClassifierCV, {"cv": 3}),
        (TunedThresholdClassifierCV, {"scoring": "f1", "cv": 2, "thresholds": 5}),
        (BaggingClassifier, {"n_estimators": 3, "random_state": 0}),
    ],
    ids=["calibrated", "tuned threshold", "bagging"],
)
def test_inside_meta_estimators(wrap, words):
    model = make_pipeline(down(), StandardScaler(), LogisticRegression())
    p = wrap(model, **words).fit(FEATURES, y).predict_proba(FEATURES)[:, 1]
    # About 100 negatives are kept, so the mean has a standard error near 10 %; three.
    assert p.mean() == pytest.approx(y.mean(), rel=0.3)


def test_calibrated_classifier_passes_its_weights_on():
    calibrated = CalibratedClassifierCV(make_pipeline(down(), Classifier()), cv=2)
    calibrated.fit(X, y, sample_weight=INCOMING)
    for inner in calibrated.calibrated_classifiers_:
        last = inner.estimator[-1]
        rows = last.X_[:, 0].astype(int)
        positive = y[rows] == 1
        same(last.weights_[positive], INCOMING[rows[positive]])


class SamplerOfCosts(BaseSampler):
    """Writes down the costs that it is given."""

    _sampling_type = "bypass"

    def fit_resample(self, X, y, cost_matrix=None):
        return self._fit_resample(X, y, cost_matrix)

    def _fit_resample(self, X, y, cost_matrix=None):
        self.costs_ = cost_matrix
        return X, y


class TestMetadataRouting:
    @pytest.fixture(autouse=True)
    def routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def test_other_metadata_reaches_a_sampler(self):
        costs = np.arange(N_ROWS)
        sampler = SamplerOfCosts().set_fit_resample_request(cost_matrix=True)
        model = make_pipeline(sampler, LogisticRegression())
        assert model.fit(X, y, cost_matrix=costs)[0].costs_ is costs
        last = make_pipeline(StandardScaler(), sampler)
        last.fit_resample(X, y, cost_matrix=costs[::-1])
        assert last[-1].costs_[0] == costs[-1]
        inside = make_pipeline(make_pipeline(down(), sampler), LogisticRegression())
        with pytest.raises(TypeError, match=r"\['cost_matrix'\] cannot be routed"):
            inside.fit(X, y, cost_matrix=costs)

    def test_an_error_names_all_that_was_not_requested(self):
        class Grouped(Classifier):
            def fit(self, X, y, sample_weight=None, groups=None):
                return super().fit(X, y, sample_weight)

        # A resampler asks for no weights, and is given them all the same.
        for steps, names in (([], "sample_weight, groups"), ([down()], "groups")):
            model = make_pipeline(*steps, Grouped())
            text = rf"^\[{names}\] are passed"
            with pytest.raises(UnsetMetadataPassedError, match=text):
                model.fit(X, y, sample_weight=INCOMING, groups=INCOMING)

    def test_a_request_under_another_name(self):
        own = Scaler().set_fit_request(sample_weight="other")
        model = make_pipeline(Scaler(), own, Classifier())
        model.fit(X, y, sample_weight=INCOMING, other=2 * INCOMING)
        for step, factor in zip(model, (1, 2, 1), strict=True):
            same(step.weights_, factor * INCOMING)
        model = make_pipeline(own, down(), Classifier())
        same(model.fit(X, y, other=INCOMING)[0].weights_, INCOMING)
        after = make_pipeline(down(), own, Classifier())
        with pytest.raises(ValueError, match="scaler__sample_weight"):
            after.fit(X, y, other=INCOMING)

    def test_a_refusal_is_respected(self):
        scaler, last = (
            each.set_fit_request(sample_weight=False)
            for each in (Scaler(), Classifier())
        )
        model = make_pipeline(down(), scaler, Classifier()).fit(X, y)
        assert model[1].weights_ is None
        model = make_pipeline(down(), last)
        with pytest.raises(UnusedWeightsError, match="Classifier"):
            model.fit(X, y)

    def test_a_router_inside_gets_them_if_something_in_it_asks(self):
        asking = Scaler().set_fit_request(sample_weight=True)
        columns = ColumnTransformer([("all", asking, [0, 1, 2, 3])])
        model = make_pipeline(down(), columns, Classifier()).fit(X, y)
        same(model[1].named_transformers_["all"].weights_, expected()[2])

    def test_searches_route_to_the_pipeline(self):
        model = make_pipeline(down(), LogisticRegression())
        scorer = get_scorer("neg_log_loss")
        asking = scorer.set_score_request(sample_weight=True)
        grid = {"downsampleupweight__factor": [2, 10]}
        search = GridSearchCV(model, grid, scoring=asking, cv=2)
        search.fit(FEATURES, y, sample_weight=INCOMING)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        total = sum(search.best_estimator_[0].plan_.class_total)
        assert total == pytest.approx(INCOMING.sum(), rel=1e-12)
        refusing = scorer.set_score_request(sample_weight=False)
        result = cross_validate(
            model,
            FEATURES,
            y,
            cv=2,
            scoring=refusing,
            params={"sample_weight": INCOMING},
            return_estimator=True,
        )
        for fitted in result["estimator"]:
            assert sum(fitted[0].plan_.class_total) < INCOMING.sum()
