"""Fit parameters reach the estimator, those with a value per row with its rows."""

from functools import partial

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import (
    START,
    Log,
    averaged,
    down,
    generated,
    guided,
    last_step,
    wrapped,
)
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skstrat import ClassWeight, RandomOversample, Weighted, make_pipeline

# How well so few trees are calibrated is tested elsewhere.
pytestmark = [
    pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down all that it is fitted with, and predicts the shares of classes."""

    def __init__(self, log=None):
        self.log = log

    def fit(
        self, X, y, sample_weight=None, X_val=None, y_val=None, offset=None, **more
    ):
        self.got_ = {"X": X, "y": y, "X_val": X_val, "y_val": y_val, "offset": offset}
        if self.log is not None:
            self.log.append(self.got_ | more)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))


UNDER = RandomUnderSampler(random_state=0)
RESAMPLERS = {"down": down(), "guided": guided(), "stock": UNDER}
RESAMPLERS |= {"over": RandomOversample(random_state=0), "wrapped": Weighted(UNDER)}
RESAMPLERS |= {"pipeline": make_pipeline(down(), down(2)), "weights": ClassWeight()}


@pytest.mark.parametrize("name", [*RESAMPLERS, "ensemble"])
def test_values_of_rows_follow_them(name):
    X, y = generated(1200, numbered=True)
    X_val, y_val = generated(1200, seed=1, numbered=True)
    log = Log()
    model = wrapped(Recorder(log), RESAMPLERS.get(name), calibration_check="cv")
    if name == "ensemble":
        model = averaged(Recorder(log))
    of_rows = {"offset": 10 * X[:, -1], "table": X.tolist()}
    others = {"cat_features": list(range(1200)), "word": "as it is"}
    weight = np.arange(1200) % 3
    model.fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val, **of_rows, **others)
    # Three models more predict the rows kept, if any were dropped.
    assert len(log) == {"over": 1, "weights": 1, "ensemble": 5}.get(name, 4)
    for fit in log:
        numbers = fit["X"][:, -1]
        np.testing.assert_array_equal(fit["offset"], 10 * numbers)
        np.testing.assert_array_equal(fit["table"], fit["X"])
        np.testing.assert_array_equal(fit["y"], y[numbers.astype(int)])
        assert fit["X_val"] is X_val
        assert {name: fit[name] for name in others} == others
        assert (numbers % 3).all()
    if name == "ensemble":
        assert set(log[0]["X"][:, -1]) != set(log[1]["X"][:, -1])
    else:
        assert len(log[0]["X"]) == model.n_samples_fit_ >= len(log[-1]["X"])


def test_what_cannot_be_handed_on_is_refused():
    X, y = generated(1200)
    made, zeros = Weighted(SMOTE(random_state=0)), np.zeros(1200)
    unmade = r"init_score must be a value of each row.*Weighted made \d+ rows that have"
    unknown = "base_margin must be .*SMOTE does not say which rows it .*Leave base_m"
    for sampler, params, text in (
        (made, {"init_score": zeros}, unmade),
        (SMOTE(random_state=0), {"base_margin": zeros}, unknown),
        (down(), {"a__sample_weight": [1]}, r"a__sample_weight cannot .* Give fit\(X"),
    ):
        for model in (wrapped(Recorder(), sampler), averaged(Recorder(), sampler, 1)):
            with pytest.raises(ValueError, match=text):
                model.fit(X, y, **params)


ABSOLUTE = FunctionTransformer(np.abs)
STOCK = make_stock_pipeline(StandardScaler(), ABSOLUTE, Recorder())
OWN = make_pipeline(StandardScaler(), ABSOLUTE, Recorder())
INNER = make_stock_pipeline(ABSOLUTE, Recorder())
NESTED = make_stock_pipeline(StandardScaler(), INNER)


@pytest.mark.parametrize(
    ("pipeline", "prefix", "routing"),
    [
        (STOCK, "", False),
        (OWN, "recorder__", False),
        (NESTED, "pipeline__recorder__", False),
        (NESTED, "pipeline__recorder", True),
    ],
    ids=["stock", "own, prefixed", "nested, prefixed", "nested, routed"],
)
def test_eval_rows_pass_the_steps_before_the_model(pipeline, prefix, routing):
    X, y = generated(1200, numbered=True)
    X_val, y_val = generated(1200, seed=1, numbered=True)
    given = {"X_val": X_val, "y_val": y_val, "offset": 10 * X[:, -1]}
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            asking = Recorder().set_fit_request(**dict.fromkeys(given, True))
            pipeline, prefix = clone(pipeline).set_params(**{prefix: asking}), ""
        model = wrapped(pipeline)
        model.fit(X, y, **{prefix + name: value for name, value in given.items()})
    rows, _, _ = down().fit_resample(X, y)
    scaler, got = StandardScaler().fit(rows), last_step(model).got_
    np.testing.assert_array_equal(got["X_val"], np.abs(scaler.transform(X_val)))
    np.testing.assert_array_equal(got["y_val"], y_val)
    np.testing.assert_array_equal(got["X"], np.abs(scaler.transform(rows)))
    np.testing.assert_array_equal(got["offset"], 10 * rows[:, -1])


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_scores_of_the_user_and_the_correction_add_up(trees, eval_losses, library):
    X, y = generated(1200)
    X_val, y_val = generated(1200, seed=1)
    start, of_eval = {START[library]: 0.5 * X[:, 1]}, 0.5 * X_val[:, 1]
    params = {"eval_set": [(X_val, y_val)], "eval_init_score": [of_eval]}
    plain = wrapped(trees(library), prior_correction=False).fit(X, y, **start)
    booster = plain.estimator_
    if library == "xgboost":
        params["base_margin_eval_set"] = params.pop("eval_init_score")
        scores = booster.predict(X_val, output_margin=True, base_margin=of_eval)
    else:
        scores = booster.predict(X_val, raw_score=True) + of_eval
    model = wrapped(trees(library)).fit(X, y, **start, **params)
    odds = model.decision_.rows_trained[0] / (y == 0).sum() * np.exp(scores)
    expected = log_loss(y_val, odds / (1 + odds))
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)
    # Rows start from one score, so that of guided rows stays outside.
    taken = wrapped(trees(library), guided()).fit(X, y, **start)
    assert taken.decision_.correction == "row by row"


def test_a_pool_of_catboost_is_an_eval_set_and_stays_as_it_is(trees, eval_losses):
    pool_of = pytest.importorskip("catboost").Pool
    (X, y), (X_val, y_val) = generated(1200), generated(1200, seed=1)
    weight = np.random.default_rng(2).uniform(1, 2, 1200)
    pool = pool_of(X_val, y_val, weight=weight)
    model = wrapped(trees("catboost"), guided())
    model.fit(X, y, eval_set=[pool], use_best_model=False)
    expected = log_loss(y_val, model.predict_proba(X_val), sample_weight=weight)
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(pool.get_weight(), np.float32(weight))
    assert pool.get_baseline().size == 0


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_callbacks_and_columns_reach_lightgbm(trees, evaluated):
    X, y = generated(1200)
    X[:, 2] = np.arange(1200) % 5
    rounds = []
    params = {"callbacks": [partial(list.append, rounds)]}
    params |= {"feature_name": list("abc"), "categorical_feature": [2]}
    params |= evaluated("lightgbm", *generated(300, seed=1))
    model = wrapped(trees("lightgbm"), calibration_check=True)
    booster = model.fit(X, y, **params).estimator_.booster_
    # No fit that the check makes is recorded here.
    assert len(rounds) == 8
    dump = booster.dump_model()
    assert dump["feature_names"] == list("abc")
    # Only of categories it lists the values.
    assert len(dump["feature_infos"]["c"]["values"]) > 1


def test_routing_brings_an_eval_set_to_the_library(trees, evaluated, eval_losses):
    X, y = generated(1200)
    X_val, y_val = generated(300, seed=1)
    params = evaluated("lightgbm", X_val, y_val)
    weight = np.arange(1200) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        inner = trees("lightgbm").set_fit_request(**dict.fromkeys(params, True))
        scale = StandardScaler().set_fit_request(sample_weight=True)
        inner = make_stock_pipeline(scale, inner)
        model = wrapped(inner, guided()).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"resampler__factor": [2]}, cv=2)
        search.fit(X, y, sample_weight=weight, **params)
        # What is asked of the classifier itself needs no request.
        wrapped(trees("lightgbm")).fit(X, y, eval_set="dropped")
        for host in (wrapped(trees("lightgbm")), averaged(trees("lightgbm"))):
            with pytest.raises(UnsetMetadataPassedError, match="not explicitly set"):
                host.fit(X, y, **params)
    expected = log_loss(y_val, search.predict_proba(X_val))
    classifier = search.best_estimator_
    curve = eval_losses(classifier.estimator_)
    assert curve[-1] == pytest.approx(expected, abs=1e-6)
    assert classifier.original_prior_.sum() == weight.sum()


@pytest.mark.parametrize(
    "make", [make_stock_pipeline, make_pipeline], ids=["stock", "own"]
)
@pytest.mark.parametrize("by_row", [False, True])
def test_every_pipeline_gives_its_model_the_weights(trees, make, by_row):
    X, y = generated(6000)
    weights = np.where(X[:, 2] > 0, 3.0, 1.0)
    steps = make(StandardScaler(), trees("lightgbm", boost_from_average=True))
    steps = make(StandardScaler(), steps) if by_row else steps
    model = wrapped(steps, guided(10) if by_row else down(10), use_weights=False)
    dump = last_step(model.fit(X, y, sample_weight=weights)).booster_.dump_model()
    found = dump["tree_info"][0]["tree_structure"]["internal_weight"]
    # By hand, the sum of second derivatives: weights times p (1 - p) of the score that
    # training starts from.
    drawn = model.resampler_.sample_indices_
    p = np.average(y[drawn], weights=weights[drawn])
    if by_row:
        shift = model.resampler_.log_odds_offset(X[drawn])
        prior = np.average(y, weights=weights)
        p = expit(np.log(prior / (1 - prior)) - shift[:, 1] + shift[:, 0])
    by_hand = (weights[drawn] * p * (1 - p)).sum()
    assert found == pytest.approx(by_hand, rel=1e-5)


def test_classes_in_another_order_and_models_trained_further(trees):
    X, y = generated(8000)
    fresh, y_fresh = generated(20_000, seed=9)
    turned = trees("catboost", 60, class_names=(1, 0), learning_rate=0.1)
    models = [wrapped(turned, sampler).fit(X, y) for sampler in (down(10), guided(10))]
    assert [model.classes_.tolist() for model in models] == [[1, 0], [1, 0]]
    for library in ("lightgbm", "catboost"):
        first = trees(library, 30).fit(X, y)
        further = wrapped(trees(library, 30), guided(10)).fit(X, y, init_model=first)
        assert further.decision_.correction == "row by row"
        models.append(further)
    for model in models:
        p = model.predict_proba(fresh)[:, model.classes_.tolist().index(1)]
        # Of some 740 positives here and 1,900 there 3.5 standard errors.
        assert p.mean() / y_fresh.mean() == pytest.approx(1, abs=0.15)
