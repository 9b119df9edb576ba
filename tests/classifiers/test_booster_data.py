"""Resampled rows for lgb.train, xgb.train and CatBoost, and the plain booster."""

import numpy as np
import pytest
from imblearn.under_sampling import NearMiss
from resampled_models import LIBRARIES, START, down, generated, guided, wrapped
from scipy.special import logit
from sklearn.metrics import log_loss

from skstrat import CalibrationWarning, ClassWeight, RandomOversample, booster_data

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
catboost = pytest.importorskip("catboost")

N_ROUNDS = 12
SETTINGS = {"lightgbm": {"num_leaves": 7, "verbose": -1, "min_child_samples": 5}}
SETTINGS["xgboost"] = {"max_depth": 3}
SETTINGS["catboost"] = {"depth": 3, "learning_rate": 0.3, "use_best_model": False}
SETTINGS["catboost"] |= {"verbose": False, "allow_writing_files": False}
THREADS = {"lightgbm": "num_threads", "xgboost": "nthread", "catboost": "thread_count"}


def rare_and_seldom(n_rows, seed, n_classes=2):
    X, y = generated(n_rows, n_classes, seed, ["none", "rare", "seldom"])
    return X, y, np.where(X[:, 0] > 0, 2.0, 1.0)


def trained(library, data, valid=None, n_rounds=N_ROUNDS, **settings):
    """Train by the library's own function; give the loss on eval rows by round."""
    params = {**data.params(library), **SETTINGS[library], THREADS[library]: 1}
    params, history = params | settings, {}
    if library == "lightgbm":
        train = data.to_lightgbm()
        sets = None if valid is None else [valid.to_lightgbm(reference=train)]
        words = {"callbacks": [lightgbm.record_evaluation(history)]}
        booster = lightgbm.train(params, train, n_rounds, valid_sets=sets, **words)
    elif library == "xgboost":
        sets = [] if valid is None else [(valid.to_xgboost(), "valid")]
        words = {"evals": sets, "evals_result": history, "verbose_eval": False}
        booster = xgboost.train(params, data.to_xgboost(), n_rounds, **words)
    else:
        sets = None if valid is None else valid.to_catboost()
        params |= {"iterations": n_rounds}
        booster = catboost.train(data.to_catboost(), params, eval_set=sets)
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
    kind = {"lightgbm": lightgbm.LGBMClassifier, "xgboost": xgboost.XGBClassifier}
    make = kind.get(library, catboost.CatBoostClassifier)
    return make(n_estimators=N_ROUNDS, **SETTINGS[library], **{THREADS[library]: 1})


@pytest.mark.parametrize("by_row", [False, True], ids=["uniform", "guided"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_is_the_wrapped_booster_without_the_wrapper(library, by_row):
    n_classes = 2 if (library == "xgboost") == by_row else 3
    X, y, weight = rare_and_seldom(6000, 0, n_classes)
    X_val, y_val, weight_val = rare_and_seldom(1500, 1, n_classes)
    if library == "xgboost":
        weight = weight_val = None
    resampler = guided(8) if by_row else down(8)
    data = booster_data(X, y, resampler, sample_weight=weight)
    valid = data.eval_set(X_val, y_val, sample_weight=weight_val)
    booster, (losses,) = trained(library, data, valid)
    assert data.correct(booster) is booster
    p = predicted(booster, X_val)
    # The loss at every round is that of the corrected predictions.
    assert len(losses) == N_ROUNDS
    for n_rounds, loss in enumerate(losses, start=1):
        early = predicted(booster, X_val, n_rounds)
        by_hand = log_loss(y_val, early, sample_weight=weight_val)
        assert loss == pytest.approx(by_hand, abs=1e-6)
    # The library's class for scikit-learn is corrected alike.
    model = classifier(library)
    start = {START[library]: data.init_score, "sample_weight": data.sample_weight}
    alike = data.correct(model.fit(data.X, data.y, **start)).predict_proba(X_val)
    np.testing.assert_allclose(alike, p, atol=1e-6)
    # The class of CatBoost does not start from the shares of the classes by itself.
    if library != "catboost" or by_row:
        model = wrapped(classifier(library), resampler)
        model.fit(X, np.searchsorted(data.classes, y), sample_weight=weight)
        assert model.decision_.correction == "inside"
        np.testing.assert_allclose(model.predict_proba(X_val), p, atol=1e-6)


@pytest.mark.parametrize(("seed", "library"), list(enumerate(LIBRARIES)))
def test_fresh_rows_are_predicted_at_their_rate(library, seed):
    X, y, weight = rare_and_seldom(20_000, seed)
    X_val, y_val, weight_val = rare_and_seldom(10_000, seed + 20)
    X_new, y_new, weight_new = rare_and_seldom(20_000, seed + 10)
    resampler = down(20, strata=(X[:, 2] > 1).astype(int), random_state=seed)
    data = booster_data(X, y, resampler, sample_weight=weight)
    valid = data.eval_set(X_val, y_val, sample_weight=weight_val)
    booster, (losses,) = trained(library, data, valid, n_rounds=100)
    # As early stopping does.
    best = int(np.argmin(losses)) + 1
    p = predicted(data.correct(booster), X_new, best)[:, 1]
    rare, rare_new = weight[y == "rare"], weight_new[y_new == "rare"]
    ratio = p @ weight_new / rare_new.sum()
    # The number of rare rows is what varies most, those trained on and those here.
    variance = sum((each**2).sum() / each.sum() ** 2 for each in (rare, rare_new))
    assert abs(ratio - 1) < 4 * np.sqrt(variance)


@pytest.mark.parametrize("stratified", [False, True])
def test_rows_are_those_of_the_resampler(stratified):
    X, y, weight = rare_and_seldom(3000, 0)
    weight[:7] = 0
    strata = np.digitize(X[:, 2], [-1, 0, 1]) if stratified else None
    resampler = down(5, strata=strata)
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


def test_what_nothing_corrects_or_knows_is_refused(monkeypatch):
    X, y, _ = rare_and_seldom(2000, 0, 3)
    common = y != "seldom"
    for sampler, text in (
        (NearMiss(), "draw rows at random, .* got NearMiss, .* Use DownsampleUp"),
        (RandomOversample(), "less than 2 times .* times of RandomOversample"),
        (ClassWeight(), "drop, repeat or make rows, .* got ClassWeight"),
    ):
        with pytest.raises(ValueError, match=text):
            booster_data(X[common], y[common], sampler)
    data = booster_data(X, y, down())
    with pytest.raises(ValueError, match=r"of y, .* got \['often'\]"):
        data.eval_set(X[:1], ["often"])
    monkeypatch.setattr(xgboost, "__version__", "3.0.5")
    with pytest.raises(ValueError, match=r"release 3\.1 or later, .* got 3\.0\.5"):
        data.params("xgboost")


@pytest.fixture(scope="module")
def data():
    X, y, _ = rare_and_seldom(3000, 0)
    return booster_data(X, y, down(8))


@pytest.mark.parametrize(
    ("library", "name", "value", "text"),
    [
        ("lightgbm", "linear_tree", True, r"linear_tree.* expit\(raw scores \+"),
        ("lightgbm", "objective", "regression", "log loss .* objective='regression'"),
        ("lightgbm", "sigmoid", 2, "sigmoid=2.* leave sigmoid out"),
        ("xgboost", "scale_pos_weight", 2, "scale_pos_weight='2'"),
        ("catboost", "auto_class_weights", "Balanced", "class_weights="),
    ],
)
def test_boosters_with_other_scores_are_refused(data, library, name, value, text):
    booster, _ = trained(library, data, **{name: value})
    with pytest.raises(ValueError, match=text):
        data.correct(booster)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_second_correction_warns_or_changes_nothing(data, library):
    booster, _ = trained(library, data)
    once = predicted(data.correct(booster), data.X)
    if library == "xgboost":
        for again in (booster, trained(library, data, base_score=0.5)[0]):
            p = predicted(data.correct(again), data.X)
            np.testing.assert_allclose(p, once, atol=1e-6)
    else:
        with pytest.warns(CalibrationWarning, match="It was corrected before"):
            data.correct(booster)
