"""Many models on other rows each: independent draws, averaged and calibrated."""

from itertools import combinations

import numpy as np
import pytest
from imblearn.under_sampling import TomekLinks
from resampled_models import averaged, down
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skstrat import CalibrationWarning

TREE = DecisionTreeClassifier(min_samples_leaf=20)
LINEAR = LogisticRegression()


def data(n_rows=40_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    p = 1 / (1 + np.exp(5 - X[:, 0] - X[:, 1] * X[:, 2]))
    return X, (rng.random(n_rows) < p).astype(int)


def test_the_mean_of_independent_models_is_better_than_any():
    X, y = data()
    model = averaged(TREE, down(20), 8)
    # Small trees of few rows predict 1.4 times too many.
    with pytest.warns(CalibrationWarning, match="DecisionTreeClassifier.*too many"):
        model.fit(X, y)
    fresh, y_fresh = data(100_000, 2)
    each = [one.predict_proba(fresh) for one in model.estimators_]
    p = model.predict_proba(fresh)
    np.testing.assert_allclose(p, np.mean(each, axis=0))
    np.testing.assert_array_equal(model.predict(fresh[:500]), p[:500].argmax(axis=1))
    assert log_loss(y_fresh, p) < min(log_loss(y_fresh, one) for one in each)
    drawn = [set(one.resampler_.sample_indices_.tolist()) for one in model.estimators_]
    positives = set(np.flatnonzero(y).tolist())
    assert all(positives <= rows for rows in drawn)
    for first, second in combinations(drawn, 2):
        # Independent draws share one row in twenty.
        expected = len(first - positives) / 20
        common = len((first & second) - positives)
        assert abs(common - expected) < 5 * np.sqrt(expected)


@pytest.mark.slow
def test_seeds_and_one_model():
    X, y = data(5000)
    model = averaged(ExtraTreesClassifier(5), n_estimators=3, calibration_check=False)
    first, same, other = (
        clone(model).set_params(random_state=seed, n_jobs=jobs).fit(X, y)
        for seed, jobs in ((0, None), (0, 2), (1, None))
    )
    p = first.predict_proba(X)
    np.testing.assert_array_equal(same.predict_proba(X), p)
    assert np.abs(other.predict_proba(X) - p).max() > 0
    for place in ("estimator_", "resampler_"):
        seeds = {getattr(each, place).random_state for each in first.estimators_}
        assert len(seeds) == 3
    one = averaged(LINEAR, n_estimators=1).fit(X, y)
    p = clone(one.estimators_[0]).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(one.predict_proba(X), p)
    with pytest.raises(ValueError, match="resampler must have a random_state"):
        averaged(TREE, TomekLinks()).fit(X, y)


def test_incoming_weights_are_those_of_every_model():
    X, y = data(10_000)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0)
    model = averaged(LINEAR, n_estimators=3).fit(X, y, sample_weight=weights)
    for each in model.estimators_:
        np.testing.assert_allclose(each.target_prior_, np.bincount(y, weights))
        np.testing.assert_allclose(each.train_prior_, np.bincount(y, weights))
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    assert p == pytest.approx(np.average(y, weights=weights), rel=0.1)


BY_POSITION = "rows of weight 2 have one position in the draw, rows twice have two"
BOTH = map("check_sample_weight_equivalence_on_{}_data".format, ("dense", "sparse"))
FAILURES = dict.fromkeys(BOTH, BY_POSITION)


@parametrize_with_checks(
    [averaged(LINEAR, down(1.5, random_state=None))],
    expected_failed_checks=lambda _: FAILURES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_dicts_are_by_the_labels_of_the_user():
    (X, _), names = data(4000), ["calm", "mid", "wild"]
    y, shares = np.repeat(names, [1500, 2000, 500]), [0.2, 0.5, 0.3]
    weighting = dict(zip(names, shares, strict=True))
    sampler = down({names[1]: 10}, weighting=weighting)
    model = averaged(LINEAR, sampler, calibration_check=False)
    assert model.fit(X, y).classes_.tolist() == names
    rows = model.decision_.rows_trained
    assert list(rows.values()) == [1500, 200, 500]
    for each in model.estimators_:
        weights = each.resampler_.class_weight_
        totals = np.array([weights[name] * rows[name] for name in names])
        np.testing.assert_allclose(totals / totals.sum(), shares)


def test_each_row_is_checked_by_the_models_that_dropped_it():
    # So few rows are all scored.
    X, y = data(1900)
    model = averaged(GaussianNB(), down(4), 4).fit(X, y)
    drawn = [each.resampler_.sample_indices_ for each in model.estimators_]
    seen = np.array([np.isin(np.arange(len(y)), rows) for rows in drawn])
    p = np.array([each.predict_proba(X)[:, 1] for each in model.estimators_])
    kept = seen.all(axis=0)
    p = np.where(kept, p.mean(axis=0), (p * ~seen).sum(axis=0) / (~seen | kept).sum(0))
    big = (y == 0) & ~kept
    expected = (p[big].mean() * (y == 0).sum() + p[y == 1].sum()) / y.sum()
    assert model.decision_.check.ratios[1] == pytest.approx(expected, rel=1e-9)
    assert model.decision_.rows_trained == model.estimators_[0].decision_.rows_trained
