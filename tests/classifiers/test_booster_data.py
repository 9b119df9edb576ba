"""Resampled rows for lgb.train, xgb.train and CatBoost, and the plain booster."""

from itertools import product

import numpy as np
import pytest
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from scipy.special import logit
from sklearn.metrics import log_loss

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    booster_data,
)

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
catboost = pytest.importorskip("catboost")

N_ROUNDS = 12
LIBRARIES = ["lightgbm", "xgboost", "catboost"]
every_library = pytest.mark.parametrize("library", LIBRARIES)
SETTINGS = {
    "lightgbm": {
        "num_leaves": 7,
        "verbose": -1,
        "force_row_wise": True,
        "min_child_samples": 5,
    },
    "xgboost": {"max_depth": 3},
    "catboost": {
        "depth": 3,
        "learning_rate": 0.3,
        "iterations": N_ROUNDS,
        "use_best_model": False,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    },
}
THREADS = {"lightgbm": {"num_threads": 1}, "xgboost": {"nthread": 1}, "catboost": {}}


def generated(n_rows, seed, n_classes=2):
    """Draw rows of a big class and of small ones, labelled by text, with weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    raw = X @ np.array([[0, 0, 0], [1, 1, 0], [0, -1, 1]])[:n_classes].T
    raw[:, 1:] -= 3.5
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1)
    weight = np.where(X[:, 0] > 0, 2.0, 1.0)
    return X, np.array(["none", "rare", "seldom"])[y], weight


def trained(library, data, valid=None, n_rounds=N_ROUNDS, **settings):
    """Train by the library's own function; give the loss on eval rows by round."""
    params = {**data.params(library), **SETTINGS[library], **THREADS[library]}
    params |= settings
    if library == "lightgbm":
        train, history = data.to_lightgbm(), {}
        booster = lightgbm.train(
            params,
            train,
            n_rounds,
            valid_sets=None if valid is None else [valid.to_lightgbm(reference=train)],
            callbacks=[lightgbm.record_evaluation(history)],
        )
    elif library == "xgboost":
        history = {}
        booster = xgboost.train(
            params,
            data.to_xgboost(),
            n_rounds,
            evals=[] if valid is None else [(valid.to_xgboost(), "valid")],
            evals_result=history,
            verbose_eval=False,
        )
    else:
        booster = catboost.train(
            data.to_catboost(),
            params | {"iterations": n_rounds},
            eval_set=None if valid is None else valid.to_catboost(),
        )
        history = dict(booster.get_evals_result() or {})
        history.pop("learn", None)
    return booster, [loss for each in history.values() for loss in each.values()]


def predicted(booster, X, n_rounds=0):
    """Predict a column for each class with the first rounds, or with all."""
    if isinstance(booster, lightgbm.Booster):
        p = booster.predict(X, num_iteration=n_rounds or None)
    elif isinstance(booster, xgboost.Booster):
        p = booster.predict(xgboost.DMatrix(X), iteration_range=(0, n_rounds))
    else:
        p = booster.predict(X, prediction_type="Probability", ntree_end=n_rounds)
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def classifier(library):
    """Make the library's class for scikit-learn with the same parameters."""
    if library == "lightgbm":
        return lightgbm.LGBMClassifier(
            n_estimators=N_ROUNDS, n_jobs=1, **SETTINGS[library]
        )
    if library == "xgboost":
        return xgboost.XGBClassifier(
            n_estimators=N_ROUNDS, n_jobs=1, **SETTINGS[library]
        )
    return catboost.CatBoostClassifier(**SETTINGS[library])


def read_again(booster, path):
    """Save a booster and load it from the file."""
    booster.save_model(path)
    if isinstance(booster, lightgbm.Booster):
        return lightgbm.Booster(model_file=path)
    if isinstance(booster, xgboost.Booster):
        return xgboost.Booster(model_file=path)
    return catboost.CatBoost().load_model(path)


@pytest.mark.parametrize(
    ("library", "sampler", "n_classes", "weighted"),
    [
        ("lightgbm", DownsampleUpweight, 2, True),
        ("lightgbm", GuidedDownsample, 3, False),
        ("xgboost", DownsampleUpweight, 3, False),
        ("xgboost", GuidedDownsample, 2, True),
        ("catboost", DownsampleUpweight, 2, False),
        ("catboost", GuidedDownsample, 3, True),
    ],
)
def test_it_is_the_wrapped_booster_without_the_wrapper(
    library, sampler, n_classes, weighted, tmp_path
):
    X, y, weight = generated(6000, 0, n_classes)
    X_val, y_val, weight_val = generated(1500, 1, n_classes)
    if not weighted:
        weight = weight_val = None
    resampler = sampler(factor=8, random_state=0)
    data = booster_data(X, y, resampler, sample_weight=weight)
    valid = data.eval_set(X_val, y_val, sample_weight=weight_val)
    booster, (losses,) = trained(library, data, valid)
    before = predicted(booster, X_val)
    assert data.correct(booster) is booster
    p = predicted(booster, X_val)
    if library == "xgboost":
        assert (p == before).all()
    # The loss at every round is that of the corrected predictions.
    assert len(losses) == N_ROUNDS
    for n_rounds, loss in enumerate(losses, start=1):
        by_hand = log_loss(
            y_val, predicted(booster, X_val, n_rounds), sample_weight=weight_val
        )
        assert loss == pytest.approx(by_hand, abs=1e-6)
    loaded = read_again(booster, str(tmp_path / "model.json"))
    np.testing.assert_allclose(predicted(loaded, X_val), p, atol=1e-7)
    # The class of CatBoost does not start from the shares of the classes by itself.
    if (library, sampler) != ("catboost", DownsampleUpweight):
        model = ResampledClassifier(
            classifier(library), resampler, calibration_check=False
        ).fit(X, np.searchsorted(data.classes, y), sample_weight=weight)
        assert model.decision_.correction == "inside"
        np.testing.assert_allclose(model.predict_proba(X_val), p, atol=1e-6)


@pytest.mark.parametrize(("library", "seed"), list(product(LIBRARIES, range(3))))
def test_fresh_rows_are_predicted_at_their_rate(library, seed):
    X, y, weight = generated(20_000, seed)
    X_val, y_val, weight_val = generated(10_000, seed + 20)
    X_new, y_new, weight_new = generated(20_000, seed + 10)
    strata = (X[:, 2] > 1).astype(int)
    resampler = DownsampleUpweight(factor=20, strata=strata, random_state=seed)
    data = booster_data(X, y, resampler, sample_weight=weight)
    valid = data.eval_set(X_val, y_val, sample_weight=weight_val)
    booster, (losses,) = trained(library, data, valid, n_rounds=100)
    # As early stopping does.
    best = int(np.argmin(losses)) + 1
    p = predicted(data.correct(booster), X_new, best)[:, 1]
    is_rare = y_new == "rare"
    ratio = np.average(p, weights=weight_new) / np.average(is_rare, weights=weight_new)
    # The number of rare rows is what varies most, those trained on and those here.
    variance = sum(
        (each**2).sum() / each.sum() ** 2
        for each in (weight[y == "rare"], weight_new[is_rare])
    )
    assert abs(ratio - 1) < 4 * np.sqrt(variance)


@pytest.mark.parametrize("stratified", [False, True])
def test_rows_are_those_of_the_resampler(stratified):
    X, y, weight = generated(3000, 0)
    weight[:7] = 0
    strata = np.digitize(X[:, 2], [-1, 0, 1]) if stratified else None
    resampler = DownsampleUpweight(factor=5, strata=strata, random_state=3)
    data = booster_data(X, y, resampler, sample_weight=weight)
    X_res, y_res, w_res = resampler.fit_resample(X, y, sample_weight=weight)
    np.testing.assert_array_equal(data.X, X_res)
    np.testing.assert_array_equal(data.classes[data.y], y_res)
    np.testing.assert_array_equal(data.sample_indices, resampler.sample_indices_)
    # The weights of the rows, without what they are multiplied by for their class.
    incoming = weight[data.sample_indices]
    for code in range(2):
        own = data.y == code
        expected = w_res[own] * incoming[own].sum() / w_res[own].sum()
        np.testing.assert_allclose(data.sample_weight[own], expected)
    assert np.allclose(data.sample_weight, incoming) == (not stratified)
    share = np.average(y_res == "rare", weights=data.sample_weight)
    np.testing.assert_allclose(data.init_score, logit(share))
    prior = np.average(y == "rare", weights=weight)
    assert data.prior_score == pytest.approx(logit(prior))
    assert data.params("xgboost")["base_score"] == pytest.approx(prior)
    assert repr(data) == (
        f"BoosterData({(y_res == 'none').sum():,} rows of 'none', "
        f"{(y_res == 'rare').sum():,} rows of 'rare')"
    )


def test_rows_of_dask_are_those_of_memory():
    array = pytest.importorskip("dask.array")
    X, y, _ = generated(3000, 0)
    y = (y == "rare").astype(int)
    resampler = DownsampleUpweight(factor=5, random_state=3)
    data = booster_data(X, y, resampler)
    lazy = booster_data(
        array.from_array(X, chunks=(700, 3)),
        array.from_array(y, chunks=700),
        resampler,
    )
    np.testing.assert_array_equal(lazy.X, data.X)
    np.testing.assert_array_equal(lazy.init_score, data.init_score)
    assert lazy.prior_score == data.prior_score


@every_library
def test_classes_for_scikit_learn_are_corrected_alike(library):
    X, y, _ = generated(4000, 0)
    data = booster_data(X, y, GuidedDownsample(factor=8, random_state=0))
    start = {
        "lightgbm": "init_score",
        "xgboost": "base_margin",
        "catboost": "baseline",
    }[library]
    model = classifier(library).fit(data.X, data.y, **{start: data.init_score})
    booster, _ = trained(library, data)
    expected = predicted(data.correct(booster), X)
    np.testing.assert_allclose(
        data.correct(model).predict_proba(X), expected, atol=1e-6
    )


def test_all_rows_start_from_the_original_distribution():
    X, y, _ = generated(3000, 0)
    data = booster_data(X, y, None)
    np.testing.assert_allclose(data.init_score, data.prior_score)
    assert len(data.y) == 3000


class DropsAClass:
    def fit_resample(self, X, y):
        return X[y != "seldom"], y[y != "seldom"]

    def get_params(self, deep=True):
        return {}


@pytest.mark.parametrize(
    ("resampler", "n_classes", "text"),
    [
        (NearMiss(), 2, "draw rows at random, .* got NearMiss, .* Use DownsampleUp"),
        (RandomOversample(), 2, "less than 2 times .* times of RandomOversample"),
        (ClassWeight(), 2, "drop, repeat or make rows, .* got ClassWeight"),
        (DropsAClass(), 3, "rows of every class; it kept .*'none', 'rare'"),
        (Pipeline([("guided", GuidedDownsample())]), 2, "alone, not in a pipeline"),
    ],
    ids=["values", "copies", "weights", "class", "guided"],
)
def test_resamplers_that_nothing_corrects_are_refused(resampler, n_classes, text):
    X, y, _ = generated(2000, 0, n_classes)
    with pytest.raises(ValueError, match=text):
        booster_data(X, y, resampler)


def test_labels_and_libraries_that_nobody_knows_are_refused(monkeypatch):
    X, y, _ = generated(2000, 0, 3)
    down = DownsampleUpweight(factor=5, random_state=0)
    data = booster_data(X, y, down)
    with pytest.raises(ValueError, match=r"One-hot.* y\.argmax"):
        booster_data(X, y[:, None] == data.classes, down)
    with pytest.raises(ValueError, match=r"among those of y, .* got \['often'\]"):
        data.eval_set(X[:1], ["often"])
    with pytest.raises(ValueError, match=r"library must be one of .* got 'sklearn'"):
        data.params("sklearn")
    monkeypatch.setattr(xgboost, "__version__", "3.0.5")
    with pytest.raises(ValueError, match=r"release 3\.1 or later, .* got 3\.0\.5"):
        data.params("xgboost")


def test_samplers_of_others_are_refused_for_dask():
    array = pytest.importorskip("dask.array")
    X, y = array.zeros((20, 1)), array.arange(20) % 2
    with pytest.raises(TypeError, match="skstrat's that picks rows by their labels"):
        booster_data(X, y, RandomUnderSampler())


@pytest.fixture(scope="module")
def data():
    X, y, _ = generated(3000, 0)
    return booster_data(X, y, DownsampleUpweight(factor=8, random_state=0))


@pytest.mark.parametrize(
    ("library", "settings", "text"),
    [
        ("lightgbm", {"linear_tree": True}, r"linear_tree.* expit\(raw scores \+"),
        ("lightgbm", {"is_unbalance": True}, r'is_unbalance=True.*params\("lightgbm"'),
        ("lightgbm", {"objective": "regression"}, "log loss .* objective='regression'"),
        ("lightgbm", {"sigmoid": 2}, "sigmoid=2.* leave sigmoid out"),
        ("xgboost", {"scale_pos_weight": 2}, "scale_pos_weight='2'"),
        ("xgboost", {"objective": "reg:squarederror"}, "objective='reg:squarederror'"),
        ("catboost", {"auto_class_weights": "Balanced"}, "class_weights="),
        ("catboost", {"loss_function": "CrossEntropy"}, "loss_function='CrossEntropy'"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, dict) else None,
)
def test_boosters_with_other_scores_are_refused(data, library, settings, text):
    booster, _ = trained(library, data, **settings)
    with pytest.raises(ValueError, match=text):
        data.correct(booster)


def test_other_models_are_refused(data):
    with pytest.raises(TypeError, match=r"booster must be .* got LogisticRegression"):
        data.correct(type("LogisticRegression", (), {})())


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_a_second_correction_warns(data, library):
    booster, _ = trained(library, data)
    data.correct(booster)
    with pytest.warns(CalibrationWarning, match="It was corrected before"):
        data.correct(booster)


def test_a_second_correction_of_xgboost_changes_nothing(data):
    booster, _ = trained("xgboost", data, base_score=0.5)
    once = predicted(data.correct(booster), data.X)
    np.testing.assert_array_equal(predicted(data.correct(booster), data.X), once)
    plain, _ = trained("xgboost", data)
    np.testing.assert_allclose(predicted(plain, data.X), once, atol=1e-6)
