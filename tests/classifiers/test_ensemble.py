"""Many models on other rows each: independent draws, averaged and calibrated."""

import pickle

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)

TREE = DecisionTreeClassifier(min_samples_leaf=20)


def data(n_rows=40_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    p = 1 / (1 + np.exp(5 - X[:, 0] - X[:, 1] * X[:, 2]))
    return X, (rng.random(n_rows) < p).astype(int)


@pytest.fixture(scope="module")
def fitted():
    X, y = data()
    down = DownsampleUpweight(factor=20)
    model = ResampledEnsembleClassifier(TREE, down, n_estimators=8, random_state=0)
    # Small trees of few rows predict 1.4 times too many.
    with pytest.warns(CalibrationWarning, match="DecisionTreeClassifier.*too many"):
        return model.fit(X, y)


def test_the_mean_of_the_models(fitted):
    X, _ = data(500, 1)
    each = [model.predict_proba(X) for model in fitted.estimators_]
    np.testing.assert_allclose(fitted.predict_proba(X), np.mean(each, axis=0))
    most = fitted.predict_proba(X).argmax(axis=1)
    assert fitted.predict(X).tolist() == fitted.classes_[most].tolist()


def test_the_models_have_other_rows_of_the_big_class_and_all_of_the_small(fitted):
    _, y = data()
    drawn = [set(m.resampler_.sample_indices_.tolist()) for m in fitted.estimators_]
    positives = set(np.flatnonzero(y).tolist())
    assert all(positives <= rows for rows in drawn)
    for first in range(8):
        for second in range(first):
            common = len((drawn[first] & drawn[second]) - positives)
            # Independent draws share one row in twenty.
            expected = (len(drawn[first]) - len(positives)) / 20
            assert abs(common - expected) < 5 * np.sqrt(expected)


def test_better_than_any_one_model(fitted):
    X, y = data(100_000, 2)
    p = fitted.predict_proba(X)[:, 1]
    single = [log_loss(y, model.predict_proba(X)) for model in fitted.estimators_]
    assert log_loss(y, p) < min(single)


@pytest.mark.slow
def test_seeds():
    X, y = data(5_000)
    model = ResampledEnsembleClassifier(
        ExtraTreesClassifier(5),
        DownsampleUpweight(factor=5),
        n_estimators=3,
        calibration_check=False,
    )
    proba = [
        clone(model).set_params(random_state=seed, n_jobs=jobs).fit(X, y)
        for seed, jobs in ((0, None), (0, 2), (1, None))
    ]
    first, same, other = (each.predict_proba(X) for each in proba)
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0
    forests = [each.estimator_.random_state for each in proba[0].estimators_]
    draws = [each.resampler_.random_state for each in proba[0].estimators_]
    assert len(set(forests)) == len(set(draws)) == 3


def test_incoming_weights_are_those_of_every_model():
    X, y = data(10_000)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0)
    model = ResampledEnsembleClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=5),
        n_estimators=3,
        random_state=0,
    ).fit(X, y, sample_weight=weights)
    mass = np.bincount(y, weights)
    for each in model.estimators_:
        np.testing.assert_allclose(each.target_prior_, mass)
        np.testing.assert_allclose(each.train_prior_, mass)
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    assert p == pytest.approx(np.average(y, weights=weights), rel=0.1)


def test_labels_and_imbalanced_learn_and_a_search():
    X, y = data(5_000)
    names = np.array(["ok", "fraud"])[y]
    model = ResampledEnsembleClassifier(
        TREE,
        RandomUnderSampler(),
        n_estimators=4,
        calibration_check=False,
        random_state=0,
    )
    search = GridSearchCV(
        model, {"n_estimators": [1, 4]}, scoring="neg_log_loss", cv=3
    ).fit(X, names)
    assert search.best_estimator_.classes_.tolist() == ["fraud", "ok"]
    assert search.best_params_ == {"n_estimators": 4}
    p = search.predict_proba(X)[:, 0]
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X)[:, 0], p)


@pytest.mark.parametrize("resampler", [ClassWeight(), TomekLinks()])
def test_a_resampler_without_chance_is_refused(resampler):
    X, y = data(500)
    model = ResampledEnsembleClassifier(TREE, resampler)
    with pytest.raises(ValueError, match="resampler must have a random_state"):
        model.fit(X, y)


BY_POSITION = "rows of weight 2 have one position in the draw, rows twice have two"


@parametrize_with_checks(
    [
        ResampledEnsembleClassifier(
            LogisticRegression(),
            DownsampleUpweight(factor=1.5),
            n_estimators=2,
            random_state=0,
        )
    ],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": BY_POSITION,
        "check_sample_weight_equivalence_on_sparse_data": BY_POSITION,
    },
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_one_model_is_a_resampled_classifier():
    X, y = data(5_000)
    one = ResampledEnsembleClassifier(
        LogisticRegression(), DownsampleUpweight(factor=5), n_estimators=1
    ).fit(X, y)
    alone = clone(one.estimators_[0]).fit(X, y)
    assert isinstance(alone, ResampledClassifier)
    np.testing.assert_array_equal(one.predict_proba(X), alone.predict_proba(X))


LABELS = [np.array([1, 2, 3]), np.array(["calm", "mid", "wild"])]


@pytest.mark.parametrize("names", LABELS, ids=["numbers", "texts"])
@pytest.mark.parametrize(
    "words",
    [
        {"factor": {1: 10}},
        {"sampling_strategy": {1: 200}},
        {"factor": {1: 10}, "weighting": {0: 0.2, 1: 0.5, 2: 0.3}},
    ],
    ids=["factor", "sampling_strategy", "weighting"],
)
def test_dicts_are_by_the_labels_of_the_user(names, words):
    X, _ = data(4_000)
    codes = np.repeat([0, 1, 2], [1500, 2000, 500])
    y = names[codes]
    named = {
        word: {names[code]: value for code, value in each.items()}
        for word, each in words.items()
    }
    model = ResampledEnsembleClassifier(
        LogisticRegression(),
        DownsampleUpweight(**named),
        n_estimators=2,
        calibration_check=False,
        random_state=0,
    ).fit(X, y)
    assert model.classes_.tolist() == names.tolist()
    rows = model.decision_.rows_trained
    assert list(rows.values()) == [1500, 200, 500]
    assert set(model.predict(X)) <= set(names.tolist())
    plain = model.to_sklearn()
    assert type(plain) is VotingClassifier
    assert plain.predict(X).tolist() == model.predict(X).tolist()
    np.testing.assert_allclose(plain.predict_proba(X), model.predict_proba(X))
    if "weighting" in words:
        wanted = np.array([0.2, 0.5, 0.3])
        for each in model.estimators_:
            weights = each.resampler_.class_weight_
            totals = [weights[name] * rows[name] for name in names.tolist()]
            np.testing.assert_allclose(totals / np.sum(totals), wanted)


@pytest.mark.slow
def test_the_mean_of_a_hundred_trees_is_checked():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 10))
    y = (rng.random(20_000) < 1 / (1 + np.exp(5.5 - X[:, 0]))).astype(int)
    model = ResampledEnsembleClassifier(
        DecisionTreeClassifier(),
        DownsampleUpweight(factor=20),
        n_estimators=100,
        random_state=0,
    )
    with pytest.warns(
        CalibrationWarning, match="^DecisionTreeClassifier memorises.*many"
    ):
        model.fit(X, y)
    check = model.decision_.check
    assert model.calibration_check_ == check.ratio
    assert not check.in_training
    fresh = rng.normal(size=(50_000, 10))
    rate = (1 / (1 + np.exp(5.5 - fresh[:, 0]))).mean()
    truth = model.predict_proba(fresh)[:, 1].mean() / rate
    assert truth > 3
    # What prevalence the 160 positives stand for is known to 8 %.
    assert abs(check.ratio / truth - 1) < 3 * 0.08


def test_each_row_is_checked_by_the_models_that_dropped_it():
    # So few rows are all scored.
    X, y = data(1_900)
    asked = ResampledEnsembleClassifier(
        GaussianNB(), DownsampleUpweight(factor=4), n_estimators=4, random_state=0
    ).fit(X, y)
    drawn = [model.resampler_.sample_indices_ for model in asked.estimators_]
    seen = np.array([np.isin(np.arange(len(y)), rows) for rows in drawn])
    each = np.array([model.predict_proba(X)[:, 1] for model in asked.estimators_])
    trained_on = seen.all(axis=0)
    p = np.where(
        trained_on,
        each.mean(axis=0),
        (each * ~seen).sum(axis=0) / np.maximum((~seen).sum(axis=0), 1),
    )
    negative, dropped = y == 0, ~trained_on
    mean = p[negative & dropped].mean(), p[~negative].mean()
    expected = (mean[0] * negative.sum() + mean[1] * y.sum()) / y.sum()
    assert asked.decision_.check.ratios[1] == pytest.approx(expected, rel=1e-9)
    assert asked.decision_.rows_trained == asked.estimators_[0].decision_.rows_trained


def test_no_check_where_it_is_switched_off():
    X, y = data(2_000)
    model = ResampledEnsembleClassifier(
        TREE,
        DownsampleUpweight(factor=5),
        n_estimators=2,
        calibration_check=False,
        random_state=0,
    ).fit(X, y)
    assert model.calibration_check_ is None
    assert model.decision_.check is None
