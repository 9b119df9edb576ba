"""Boosters take the correction up and are plain boosters of their library."""

import copy
import pickle

import numpy as np
import pytest
from resampled_models import LIBRARIES, down, generated, guided, last_step, wrapped
from scipy.special import expit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import PriorCorrectedClassifier

each_library = pytest.mark.parametrize("library", LIBRARIES)
RESAMPLERS = {"down": down(), "guided": guided(), "strata": down(strata=2)}
RESAMPLERS["dict"] = down(factor={"no": 4, "yes": 2})
DART, AVERAGE = {"boosting_type": "dart"}, {"boost_from_average": True}


PLAIN = [
    ("lightgbm", "guided", 2, "alone", {"class_weight": {"no": 1, "yes": 3}}),
    ("lightgbm", "guided", 3, "pipeline", DART),
    ("lightgbm", "dict", 2, "weighted", DART),
    ("lightgbm", "strata", 3, "alone", {}),
    ("xgboost", "down", 2, "weighted", {"base_score": 0.3}),
    ("xgboost", "guided", 2, "pipeline", {"scale_pos_weight": 3}),
    ("xgboost", "down", 3, "alone", {}),
    ("catboost", "down", 2, "alone", {"auto_class_weights": "Balanced"}),
    ("catboost", "guided", 2, "weighted", {}),
    ("catboost", "guided", 3, "pipeline", {}),
]


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize(("library", "name", "n_classes", "host", "own"), PLAIN)
def test_the_result_is_a_plain_booster(trees, library, name, n_classes, host, own):
    labels = None if library == "xgboost" else ["no", "yes", "more"]
    X, y = generated(3000, n_classes, labels=labels)
    fresh, _ = generated(1000, n_classes, seed=1)
    if name == "strata":
        X[:, 2], fresh[:, 2] = np.arange(3000) % 2, np.arange(1000) % 2
    estimator = trees(library, **own)
    if host == "pipeline":
        estimator = make_pipeline(StandardScaler(), estimator)
    weight = np.arange(3000) % 3 if host == "weighted" else None
    model = wrapped(estimator, RESAMPLERS[name]).fit(X, y, sample_weight=weight)
    assert model.decision_.correction == "inside"
    plain = model.to_sklearn()
    assert plain is model.estimator_
    assert type(last_step(model)) is type(trees(library))
    expected = model.predict_proba(fresh)
    np.testing.assert_allclose(plain.predict_proba(fresh), expected, rtol=0, atol=1e-6)
    # A classifier that corrects outside is the witness; the rows are the same.
    outside = wrapped(estimator, RESAMPLERS[name], prior_correction="outside")
    outside.fit(X, y, sample_weight=weight)
    assert outside.decision_.correction in ("prior", "row by row")
    found = outside.predict_proba(fresh)
    if name == "guided":
        # Trees learn what the pilot knew: near it, and not the same.
        assert np.abs(found - expected).max() > 1e-6
        assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.9
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert model.decision_.train_prior == outside.decision_.train_prior


@each_library
def test_guided_rows_inside_are_calibrated(trees, library):
    ratios, variances = [], []
    fresh, _ = generated(20_000, seed=99)
    prevalence = expit(1.5 * fresh[:, 0] - 3).mean()
    for seed in range(4):
        X, y = generated(12_000, seed=seed)
        model = wrapped(trees(library, 30, learning_rate=0.2), guided(10)).fit(X, y)
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
        return pytest.importorskip(library).Booster(model_file=path).predict
    model.save_model(path)
    fresh = type(model)()
    fresh.load_model(path)
    return lambda X: fresh.predict_proba(X)[:, 1]


@each_library
@pytest.mark.parametrize("name", ["down", "guided"])
def test_copies_files_and_other_priors_keep_it(trees, library, name, tmp_path):
    X, y = generated(3000)
    fresh, _ = generated(500, seed=1)
    close = {"rtol": 0, "atol": 1e-6}
    model = wrapped(trees(library), RESAMPLERS[name]).fit(X, y)
    expected = model.predict_proba(fresh)[:, 1]
    assert abs(expected.mean() / y.mean() - 1) < 0.3
    booster = model.estimator_
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(booster))):
        np.testing.assert_array_equal(same.predict_proba(fresh)[:, 1], expected)
    loaded = saved_and_loaded(library, booster, tmp_path / "model.json")
    np.testing.assert_allclose(loaded(fresh), expected, **close)
    model.target_prior = [0.7, 0.3]
    odds = expected / (1 - expected) * 3 / 7 * (y == 0).sum() / (y == 1).sum()
    plain = model.to_sklearn()
    assert type(plain) is type(booster)
    for each in (model, plain):
        p = each.predict_proba(fresh)[:, 1]
        np.testing.assert_allclose(p, odds / (1 + odds), **close)
    model.target_prior = None
    assert model.to_sklearn() is booster


def own_objective(y, score):
    p = expit(score)
    return p - y, p * (1 - p)


RF = {"boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1}
LIMITS = {
    "forest": ("lightgbm", RF, "prior", "row by row"),
    "linear trees": ("lightgbm", {"linear_tree": True}, "prior", "inside"),
    "sigmoid": ("lightgbm", {"sigmoid": 2.0}, "inside", "row by row"),
    "own objective": ("xgboost", {"objective": own_objective}, "inside", "row by row"),
    "average": ("catboost", AVERAGE, "inside", "row by row"),
    "subclass": ("lightgbm", {}, "prior", "row by row"),
}


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("case", LIMITS)
def test_where_it_cannot_be_inside_it_is_outside_and_right(trees, case):
    library, settings, *corrections = LIMITS[case]
    X, y = generated(3000)
    fresh, _ = generated(5000, seed=99)
    true = expit(1.5 * fresh[:, 0] - 3)
    estimator = trees(library, 30, **settings)
    if case == "subclass":
        heir = type("Heir", (type(estimator),), {})
        estimator = heir(**estimator.get_params())
    for name, correction in zip(["down", "guided"], corrections, strict=True):
        model = wrapped(estimator, RESAMPLERS[name]).fit(X, y)
        assert model.decision_.correction == correction
        p = model.predict_proba(fresh)[:, 1]
        plain = model.to_sklearn()
        outside = wrapped(estimator, RESAMPLERS[name], prior_correction="outside")
        witness = outside.fit(X, y).predict_proba(fresh)[:, 1]
        if correction == "inside" and name == "guided":
            # What is trained from is inside, but the leaves are no single numbers.
            assert isinstance(plain, PriorCorrectedClassifier)
            assert abs(p.mean() / true.mean() - 1) < 0.15
        else:
            np.testing.assert_allclose(p, witness, rtol=0, atol=1e-6)
        # Without a correction the ratio is 3 and more.
        assert 0.7 < p.mean() / true.mean() < 1.4
        found = plain.predict_proba(fresh)[:, 1]
        np.testing.assert_allclose(found, p, rtol=0, atol=1e-6)
