"""Boosters take the correction up and are plain boosters of their library."""

import copy
import pickle

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    PriorCorrectedClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)

LIBRARIES = ["lightgbm", "xgboost", "catboost"]
each_library = pytest.mark.parametrize("library", LIBRARIES)
CLASSES = {"lightgbm": "LGBM", "xgboost": "XGB", "catboost": "CatBoost"}
SETTINGS = {
    "own weight": {"scale_pos_weight": 3},
    "own weights": {"class_weight": {"no": 1, "yes": 3}},
    "balanced": {"auto_class_weights": "Balanced"},
    "base score": {"base_score": 0.3},
    "start from average": {"boost_from_average": True},
    "dart": {"boosting_type": "dart"},
}


def generated(n_rows=3000, n_classes=2, seed=0, labels=None):
    """Rows of two columns; classes after the first are rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2))
    if n_classes == 2:
        y = (rng.random(n_rows) < expit(1.5 * X[:, 0] - 3)).astype(int)
    else:
        scores = np.stack([0 * X[:, 0], 1.5 * X[:, 0] - 3, X[:, 1] - 2], axis=1)
        p = softmax(scores, axis=1)
        y = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return X, y if labels is None else np.array(labels)[y]


def down(factor=5, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def guided(factor=5, pilot=None):
    pilot = LogisticRegression() if pilot is None else pilot
    return GuidedDownsample(pilot, factor=factor, random_state=0)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


RESAMPLERS = {
    "down": down(),
    "guided": guided(),
    "strata": down(strata=2),
    "dict": down(factor={"no": 4, "yes": 2}),
}
PLAIN = [
    ("lightgbm", "down", "own weight", 2, "pipeline"),
    ("lightgbm", "guided", "own weights", 2, "alone"),
    ("lightgbm", "guided", "dart", 3, "pipeline"),
    ("lightgbm", "dict", "dart", 2, "weighted"),
    ("lightgbm", "strata", None, 3, "alone"),
    ("xgboost", "down", "base score", 2, "weighted"),
    ("xgboost", "guided", "own weight", 2, "pipeline"),
    ("xgboost", "guided", None, 3, "alone"),
    ("xgboost", "down", None, 3, "pipeline"),
    ("catboost", "down", "balanced", 2, "alone"),
    ("catboost", "guided", None, 2, "weighted"),
    ("catboost", "dict", "start from average", 2, "pipeline"),
    ("catboost", "guided", None, 3, "pipeline"),
]


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize(("library", "name", "own", "n_classes", "host"), PLAIN)
def test_the_result_is_a_plain_booster(trees, library, name, own, n_classes, host):
    labels = None if library == "xgboost" else ["no", "yes", "more"]
    X, y = generated(3000, n_classes, labels=labels)
    fresh, _ = generated(1000, n_classes, seed=1)
    strata = np.arange(3000) % 2
    if name == "strata":
        X, fresh = np.c_[X, strata], np.c_[fresh, strata[:1000]]
    estimator = trees(library, **SETTINGS.get(own, {}))
    if host == "pipeline":
        estimator = make_pipeline(StandardScaler(), estimator)
    weight = np.arange(3000) % 3 if host == "weighted" else None
    resampler = RESAMPLERS[name]
    model = wrapped(estimator, resampler).fit(X, y, sample_weight=weight)
    assert model.decision_.correction == "inside"
    plain = model.to_sklearn()
    assert plain is model.estimator_
    last = plain[-1] if isinstance(plain, Pipeline) else plain
    assert type(last).__name__ == f"{CLASSES[library]}Classifier"
    assert type(last).__module__.split(".")[0] == library
    expected = model.predict_proba(fresh)
    np.testing.assert_allclose(plain.predict_proba(fresh), expected, rtol=0, atol=1e-6)
    # A classifier that corrects outside is the witness; the rows are the same.
    outside = wrapped(estimator, resampler, prior_correction="outside")
    outside.fit(X, y, sample_weight=weight)
    assert outside.decision_.correction in ("prior", "row by row")
    found = outside.predict_proba(fresh)
    if name == "guided":
        # Trees learn what the pilot knew: near it, and not the same.
        assert np.abs(found - expected).max() > 1e-6
        assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.9
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.original_prior_, outside.original_prior_)
    assert model.decision_.train_prior == outside.decision_.train_prior


@each_library
def test_guided_rows_inside_are_calibrated(trees, library):
    ratios, variances = [], []
    fresh, _ = generated(20_000, seed=99)
    prevalence = expit(1.5 * fresh[:, 0] - 3).mean()
    for seed in range(4):
        X, y = generated(12_000, seed=seed)
        settings = {"learning_rate": 0.2}
        model = wrapped(trees(library, n_trees=30, **settings), guided(10)).fit(X, y)
        assert model.decision_.correction == "inside"
        ratios.append(model.predict_proba(fresh)[:, 1].mean() / prevalence)
        variances.append(sum(1 / n for n in model.decision_.rows_trained.values()))
    # The standard error of log odds learned from so many rows of either class.
    error = np.sqrt(np.mean(variances) / len(ratios))
    assert error < 0.025
    assert abs(np.mean(ratios) - 1) < 3 * error


def saved_and_loaded(library, model, path):
    """Go through a file of the library; give what is loaded as a function of rows."""
    if library == "lightgbm":
        model.booster_.save_model(path)
        loaded = pytest.importorskip(library).Booster(model_file=path)
        return loaded.predict
    model.save_model(path)
    fresh = type(model)()
    fresh.load_model(path)
    return lambda X: fresh.predict_proba(X)[:, 1]


def contributions(library, model, X):
    """Give the SHAP values of each row by the library's own means."""
    if library == "lightgbm":
        return model.predict(X, pred_contrib=True)
    if library == "xgboost":
        matrix = pytest.importorskip(library).DMatrix(X)
        return model.get_booster().predict(matrix, pred_contribs=True)
    pool = pytest.importorskip(library).Pool(X)
    return model.get_feature_importance(pool, type="ShapValues")


@pytest.mark.parametrize("name", ["down", "guided"])
@each_library
def test_copies_files_and_shap_values_keep_it(trees, library, name, tmp_path):
    X, y = generated()
    fresh, _ = generated(500, seed=1)
    model = wrapped(trees(library), RESAMPLERS[name]).fit(X, y)
    expected = model.predict_proba(fresh)[:, 1]
    assert abs(expected.mean() / y.mean() - 1) < 0.3
    booster = model.estimator_
    for same in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(booster),
        pickle.loads(pickle.dumps(booster)),
    ):
        np.testing.assert_array_equal(same.predict_proba(fresh)[:, 1], expected)
    path = tmp_path / ("model.json" if library == "xgboost" else "model.txt")
    loaded = saved_and_loaded(library, booster, path)
    np.testing.assert_allclose(loaded(fresh), expected, rtol=0, atol=1e-6)
    values = contributions(library, booster, fresh)
    assert values.shape == (500, 3)
    np.testing.assert_allclose(expit(values.sum(axis=1)), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        model.feature_importances_, booster.feature_importances_
    )


@each_library
@pytest.mark.parametrize("name", ["down", "guided"])
def test_another_prior_is_exported_as_a_plain_booster(trees, library, name):
    X, y = generated()
    fresh, _ = generated(500, seed=1)
    model = wrapped(trees(library), RESAMPLERS[name]).fit(X, y)
    odds = np.divide(*model.predict_proba(fresh).T[::-1].astype(float))
    model.target_prior = [0.7, 0.3]
    odds *= 3 / 7 / (model.original_prior_[1] / model.original_prior_[0])
    np.testing.assert_allclose(
        model.predict_proba(fresh)[:, 1], odds / (1 + odds), rtol=0, atol=1e-6
    )
    plain = model.to_sklearn()
    assert type(plain) is type(model.estimator)
    assert plain is not model.estimator_
    np.testing.assert_allclose(
        plain.predict_proba(fresh), model.predict_proba(fresh), rtol=0, atol=1e-6
    )
    model.target_prior = None
    assert model.to_sklearn() is model.estimator_


@each_library
def test_an_ensemble_of_guided_boosters_is_exported(trees, library):
    X, y = generated()
    fresh, _ = generated(500, seed=1)
    ensemble = ResampledEnsembleClassifier(
        trees(library), guided(), n_estimators=2, random_state=0
    ).fit(X, y)
    plain = ensemble.to_sklearn()
    assert {type(each) for each in plain.estimators_} == {type(ensemble.estimator)}
    np.testing.assert_allclose(
        plain.predict_proba(fresh), ensemble.predict_proba(fresh), rtol=0, atol=1e-6
    )


def own_objective(y, score):
    p = expit(score)
    return p - y, p * (1 - p)


# What correction uniform rows and guided ones get where a library cannot do all.
LIMITS = {
    "forest": ("lightgbm", {"boosting_type": "rf"}, "prior", "row by row"),
    "linear trees": ("lightgbm", {"linear_tree": True}, "prior", "inside"),
    "sigmoid": ("lightgbm", {"sigmoid": 2.0}, "inside", "row by row"),
    "cross entropy": (
        "lightgbm",
        {"objective": "cross_entropy"},
        "prior",
        "row by row",
    ),
    "several outputs": (
        "xgboost",
        {"multi_strategy": "multi_output_tree"},
        "inside",
        "row by row",
    ),
    "own objective": (
        "xgboost",
        {"objective": own_objective},
        "inside",
        "row by row",
    ),
    "average": ("catboost", {"boost_from_average": True}, "inside", "row by row"),
    "subclass": ("lightgbm", {}, "prior", "row by row"),
}


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("case", LIMITS)
def test_where_it_cannot_be_inside_it_is_outside_and_right(trees, case):
    library, settings, *corrections = LIMITS[case]
    if case == "forest":
        settings = {**settings, "subsample": 0.7, "subsample_freq": 1}
    X, y = generated()
    fresh, _ = generated(5000, seed=99)
    true = expit(1.5 * fresh[:, 0] - 3)
    estimator = trees(library, n_trees=30, **settings)
    if case == "subclass":
        parent = type(estimator)
        estimator = type("Heir", (parent,), {})(**estimator.get_params())
    for name, correction in zip(["down", "guided"], corrections, strict=True):
        model = wrapped(estimator, RESAMPLERS[name]).fit(X, y)
        assert model.decision_.correction == correction
        p = model.predict_proba(fresh)[:, 1]
        outside = wrapped(estimator, RESAMPLERS[name], prior_correction="outside")
        witness = outside.fit(X, y).predict_proba(fresh)[:, 1]
        if correction == "inside" and name == "guided":
            # What is trained from is inside, but the leaves are no single numbers.
            assert isinstance(model.to_sklearn(), PriorCorrectedClassifier)
            assert abs(p.mean() / true.mean() - 1) < 0.15
        else:
            np.testing.assert_allclose(p, witness, rtol=0, atol=1e-6)
        # Without a correction the ratio is 3 and more.
        assert 0.7 < p.mean() / true.mean() < 1.4
        if correction == "row by row":
            assert not hasattr(model, "feature_importances_")
        plain = model.to_sklearn().predict_proba(fresh)[:, 1]
        np.testing.assert_allclose(plain, p, rtol=0, atol=1e-6)


@each_library
def test_switched_off_the_estimators_own_predictions_stay(trees, library):
    X, y = generated()
    X_kept, y_kept, _ = down().fit_resample(X, y)
    own = trees(library).fit(X_kept, y_kept)
    model = wrapped(trees(library), prior_correction=False).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), own.predict_proba(X), rtol=0, atol=1e-9
    )
    # By hand: the classical correction of what it predicts.
    share_kept = (y_kept == 0).sum() / (y == 0).sum()
    odds = np.divide(*own.predict_proba(X).T[::-1].astype(float)) * share_kept
    inside = wrapped(trees(library)).fit(X, y)
    np.testing.assert_allclose(
        inside.predict_proba(X)[:, 1], odds / (1 + odds), rtol=0, atol=1e-6
    )
