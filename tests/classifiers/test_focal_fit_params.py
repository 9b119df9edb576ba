"""The focal classifier hands fit parameters on; early stopping sees the user's loss."""

import pickle
from inspect import signature

import numpy as np
import pytest
import sklearn
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    FocalLossClassifier,
    ResampledClassifier,
    make_pipeline,
)

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

both_libraries = pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
old_argument = pytest.mark.filterwarnings(
    "ignore:The argument 'eval_set' is deprecated"
)
# LightGBM from 4.7 on.
NEW = "eval_X" in signature(lightgbm.LGBMClassifier.fit).parameters
ROUNDS, PATIENCE = 40, 10
WEIGHTS = {"lightgbm": "eval_sample_weight", "xgboost": "sample_weight_eval_set"}


def trees(library, **settings):
    settings = {"n_estimators": ROUNDS, "learning_rate": 0.5, "n_jobs": 1} | settings
    if library == "xgboost":
        return xgboost.XGBClassifier(**{"max_depth": 3} | settings)
    return lightgbm.LGBMClassifier(**{"num_leaves": 7, "verbose": -1} | settings)


def stopping_early(library, **settings):
    settings = {"early_stopping_round": PATIENCE, "verbose": -1} | settings
    if library == "xgboost":
        settings = {"early_stopping_rounds": PATIENCE, "verbosity": 0}
    return trees(library, **settings)


def generated(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = rng.random(n_rows) < expit(X @ [1.5, 0.8, -0.8, 0] - 3.5)
    return X, np.where(y, "yes", "no")


def evaluated(library, X, y, **more):
    """Name an eval set as the library does."""
    if library == "xgboost":
        return {"eval_set": [(X, y)], "verbose": False, **more}
    return {"eval_X": X, "eval_y": y, **more} if NEW else {"eval_set": (X, y), **more}


def log_loss_after(library, model, n_trees, X, y, weight=None):
    """Give the log loss of the first trees of a model by its own ``predict_proba``."""
    short = pickle.loads(pickle.dumps(model))
    if library == "xgboost":
        short.estimator_._Booster = short.estimator_.get_booster()[:n_trees]
    else:
        short.estimator_.booster_.best_iteration = n_trees
    return log_loss(y, short.predict_proba(X), sample_weight=weight)


def recorded(model):
    """Give what was recorded of the first eval set."""
    results = model.estimator_
    results = getattr(results, "evals_result_", None) or results.evals_result()
    (curve,) = next(iter(results.values())).values()
    return np.array(curve)


@both_libraries
@pytest.mark.parametrize("seed", range(3))
def test_early_stopping_finds_the_least_log_loss_of_the_user(library, seed):
    X, y = generated(1500, seed)
    X_eval, y_eval = generated(1500, seed + 100)
    weight = np.random.default_rng(seed).uniform(0, 2, len(y_eval))
    params = evaluated(library, X_eval, y_eval, **{WEIGHTS[library]: [weight]})
    alpha = None if seed else 0.75
    stopped = FocalLossClassifier(stopping_early(library), alpha=alpha)
    stopped.fit(X, y, **params)
    whole = FocalLossClassifier(trees(library), alpha=alpha).fit(X, y)
    curve = [
        log_loss_after(library, whole, n_trees, X_eval, y_eval, weight)
        for n_trees in range(1, ROUNDS + 1)
    ]
    best = np.argmin(curve)
    assert 0 < best < ROUNDS - PATIENCE
    got = recorded(stopped)
    assert len(got) == best + 1 + PATIENCE
    np.testing.assert_allclose(got, curve[: len(got)], atol=1e-6)
    # Predictions are those of the best number of trees.
    short = clone(whole).set_params(estimator__n_estimators=best + 1).fit(X, y)
    np.testing.assert_allclose(
        stopped.decision_function(X), short.decision_function(X), atol=1e-6
    )
    kept = pickle.loads(pickle.dumps(stopped))
    np.testing.assert_array_equal(kept.predict_proba(X), stopped.predict_proba(X))
    again = clone(stopped).fit(X, y, **params)
    np.testing.assert_array_equal(again.predict_proba(X), stopped.predict_proba(X))


@old_argument
@both_libraries
def test_the_training_set_may_be_among_the_eval_sets(library):
    X, y = generated(1500, seed=1)
    X_eval, y_eval = generated(500, seed=2)
    weight = np.random.default_rng(3).integers(0, 3, len(y)).astype(float)
    params = {WEIGHTS[library]: [weight, None]}
    if library == "xgboost":
        params["verbose"] = False
    model = FocalLossClassifier(stopping_early(library))
    sets = [(X, y), (X_eval, y_eval)]
    model.fit(X, y, sample_weight=weight, eval_set=sets, **params)
    best = len(recorded(model)) - PATIENCE
    expected = log_loss(y, model.predict_proba(X), sample_weight=weight)
    assert recorded(model)[best - 1] == pytest.approx(expected, abs=1e-6)
    if library == "lightgbm":
        # By this name it knows what it must not stop by.
        assert list(model.estimator_.evals_result_) == ["training", "valid_1"]
    # The loss of the training set falls on; the other one has ended it.
    assert recorded(model).argmin() == len(recorded(model)) - 1
    alone = clone(model).fit(
        X, y, sample_weight=weight, **evaluated(library, X_eval, y_eval)
    )
    if library == "lightgbm" and NEW:
        # In this form it takes weights of the training set, too: those of all rows.
        tables = {"eval_X": (X, X_eval), "eval_y": (y, y_eval), **params}
        other = clone(model).fit(X, y, sample_weight=weight, **tables)
        np.testing.assert_allclose(recorded(other), recorded(model), atol=1e-9)
    np.testing.assert_array_equal(alone.predict_proba(X), model.predict_proba(X))


@both_libraries
def test_eval_frames_keep_their_categories(library):
    pandas = pytest.importorskip("pandas")

    def frame(n_rows, seed):
        X, y = generated(n_rows, seed)
        place = pandas.cut(X[:, 0], [-9, -1, 0, 1, 9], labels=list("dbca"))
        return pandas.DataFrame({"place": place, "size": X[:, 1]}), pandas.Series(y)

    own = {"enable_categorical": True} if library == "xgboost" else {}
    model = FocalLossClassifier(trees(library, n_estimators=10, **own))
    X, y = frame(1000, seed=4)
    X_eval, y_eval = frame(500, seed=5)
    params = evaluated(library, X_eval, y_eval)
    model.fit(X, y, **params)
    expected = log_loss(y_eval, model.predict_proba(X_eval))
    assert recorded(model)[-1] == pytest.approx(expected, abs=1e-6)
    turned = evaluated(library, X_eval[["size", "place"]], y_eval)
    with pytest.raises(ValueError, match="feature names should match"):
        model.fit(X, y, **turned)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.skipif(not NEW, reason="eval_X came with LightGBM 4.7")
def test_several_eval_tables_and_the_other_parameters_of_lightgbm():
    X, y = generated(1000, seed=6)
    X[:, 3] = np.random.default_rng(6).integers(0, 5, len(X))
    calls = []
    model = FocalLossClassifier(trees("lightgbm", n_estimators=5)).fit(
        X,
        y,
        eval_X=(X[:300].tolist(), X[300:]),
        eval_y=(y[:300].tolist(), y[300:]),
        eval_names=["first", "second"],
        feature_name=list("abcd"),
        categorical_feature=[3],
        callbacks=[lambda env: calls.append(env.iteration)],
    )
    assert calls == list(range(5))
    booster = model.estimator_.booster_
    assert booster.feature_name() == list("abcd")
    # Only of categories it lists the values.
    assert {*booster.dump_model()["feature_infos"]["d"]["values"]} >= {*range(5)}
    losses = model.estimator_.evals_result_
    for name, rows in {"first": slice(300), "second": slice(300, None)}.items():
        expected = log_loss(y[rows], model.predict_proba(X[rows]))
        assert losses[name]["log_loss"][-1] == pytest.approx(expected, abs=1e-6)


def mean_score(y, raw, sample_weight=None):
    return "mean", float(np.mean(raw)), True


def mean_of_raw(y_true, y_score, sample_weight=None):
    return float(np.mean(y_score))


@pytest.mark.parametrize(
    ("library", "settings", "params", "names"),
    [
        ("lightgbm", {}, {"eval_metric": ["auc", mean_score]}, ["auc", "mean"]),
        ("lightgbm", {"metric": "auc"}, {}, ["auc"]),
        ("xgboost", {"eval_metric": ["auc", mean_of_raw]}, {}, ["auc", "mean_of_raw"]),
    ],
    ids=["lightgbm, fit", "lightgbm, constructor", "xgboost"],
)
def test_metrics_of_the_user_get_raw_scores(library, settings, params, names):
    X, y = generated(500, seed=7)
    model = FocalLossClassifier(trees(library, n_estimators=5, **settings))
    model.fit(X, y, **evaluated(library, X, y), **params)
    results = model.estimator_
    results = getattr(results, "evals_result_", None) or results.evals_result()
    (results,) = results.values()
    assert list(results) == names
    if len(names) > 1:
        raw = model.loss_.raw_prediction(model.predict_proba(X)[:, 1])
        assert results[names[1]][-1] == pytest.approx(raw.mean(), abs=1e-5)


@both_libraries
def test_routing_brings_an_eval_set_to_the_library(library):
    X, y = generated(900, seed=8)
    X_eval, y_eval = generated(300, seed=9)
    weight = np.random.default_rng(9).uniform(0.5, 2, len(y))
    params = evaluated(library, X_eval, y_eval)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = trees(library, n_estimators=5).set_fit_request(
            **dict.fromkeys(params, True)
        )
        model = FocalLossClassifier(inner).set_score_request(sample_weight=True)
        unweighted = clone(model).set_fit_request(sample_weight=False)
        routed, routed_unweighted = (
            cross_validate(
                each,
                X,
                y,
                cv=[(np.arange(600), np.arange(600, 900))],
                params={**params, "sample_weight": weight},
                return_estimator=True,
                error_score="raise",
            )["estimator"][0]
            for each in (model, unweighted)
        )
        directly = clone(model).fit(X[:600], y[:600], sample_weight=weight[:600])
        plainly = clone(model).fit(X[:600], y[:600])
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("model", model)],
            transform_input=["eval_X"],
        )
        if "eval_X" in params:
            pipeline.fit(X, y, **params)
        unasked = FocalLossClassifier(trees(library))
        with pytest.raises(UnsetMetadataPassedError, match="not explicitly set"):
            unasked.fit(X, y, **params)
    for got, expected in ((routed, directly), (routed_unweighted, plainly)):
        np.testing.assert_array_equal(got.predict_proba(X), expected.predict_proba(X))
    expected = log_loss(y_eval, routed.predict_proba(X_eval))
    assert recorded(routed)[-1] == pytest.approx(expected, abs=1e-6)
    if "eval_X" in params:
        expected = log_loss(y_eval, pipeline.predict_proba(X_eval))
        assert recorded(pipeline[-1])[-1] == pytest.approx(expected, abs=1e-6)


@both_libraries
def test_weights_of_a_resampler_reach_it_with_routing_on(library):
    X, y = generated(900, seed=12)
    resampler = DownsampleUpweight(factor=3, random_state=0)
    focal = FocalLossClassifier(trees(library, n_estimators=5))
    for host in (
        make_pipeline(resampler, focal),
        make_pipeline(resampler, ResampledClassifier(focal)),
        ResampledClassifier(
            focal, resampler, use_weights=True, calibration_check=False
        ),
    ):
        expected = clone(host).fit(X, y).predict_proba(X)
        with sklearn.config_context(enable_metadata_routing=True):
            got = clone(host).fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("library", "params", "text"),
    [
        ("lightgbm", {"init_score": np.ones(60)}, "init_score .*ndarray.*raw_init_"),
        ("lightgbm", {"eval_init_score": [np.ones(60)]}, "eval_init_score .*raw_init_"),
        ("lightgbm", {"init_model": "a.txt"}, "init_model .*got str.*raw_init_"),
        ("lightgbm", {"eval_class_weight": [5]}, r"alpha weighs classes.*got \[5\]"),
        ("xgboost", {"base_margin": np.ones(60)}, "base_margin .*raw_init_"),
        ("xgboost", {"base_margin_eval_set": [1]}, "base_margin_eval_set .*raw_init_"),
    ],
    ids=str,
)
def test_what_clashes_with_the_loss_is_refused(library, params, text):
    X, y = generated(60, seed=10)
    model = FocalLossClassifier(trees(library))
    with pytest.raises(ValueError, match=text):
        model.fit(X, y, **params)


@both_libraries
def test_eval_sets_are_checked(library):
    X, y = generated(60, seed=11)
    model = FocalLossClassifier(trees(library))
    unknown = evaluated(library, X, np.where(y == "no", "no", "maybe"))
    with pytest.raises(
        ValueError, match=r"eval set must be among .*'no', 'yes'\]; got \['maybe'\]"
    ):
        model.fit(X, y, **unknown)
    narrow = evaluated(library, X[:, :3], y)
    with pytest.raises(ValueError, match="X has 3 features, but FocalLossClassifier"):
        model.fit(X, y, **narrow)
