"""Of a large class the pilot is asked about a part, and learns from a few rows."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skstrat import GuidedDownsample

N_ROWS = 700_000
SCORED = 250_000


class CountingPilot(ClassifierMixin, BaseEstimator):
    """Says of each of three values what it was told, and counts the rows."""

    def fit(self, X, y):
        self.classes_, self.rows_learned_ = np.unique(y, return_counts=True)
        self.rows_asked_ = 0
        return self

    def predict_proba(self, X):
        self.rows_asked_ += len(X)
        p = np.array([0.02, 0.5, 0.98])[X[:, 0].astype(int)]
        return np.column_stack([1 - p, p])


def three_values(seed, n_rows=N_ROWS):
    rng = np.random.default_rng(seed)
    value = rng.choice(3, n_rows, p=[0.9, 0.09, 0.01])
    y = rng.random(n_rows) < np.array([0.002, 0.02, 0.3])[value]
    return value[:, np.newaxis].astype(float), y.astype(int)


@pytest.mark.parametrize(
    ("n_rows", "factor", "asked"),
    [(N_ROWS, 20, SCORED), (N_ROWS, 10, 4 / 10), (N_ROWS, 3, 1), (100_000, 20, 1)],
)
def test_how_many_rows_the_pilot_is_asked_about(n_rows, factor, asked):
    X, y = three_values(0, n_rows)
    guided = GuidedDownsample(CountingPilot(), factor=factor, random_state=0).fit(X, y)
    n_common = (y == 0).sum()
    expected = asked if asked > 1 else asked * n_common
    # Four rows for each that is kept, which was rounded.
    assert guided.pilots_[0].rows_asked_ == pytest.approx(expected, abs=2)
    assert guided.sampling_strategy_[0] == round(n_common / factor)


@pytest.mark.parametrize(
    ("n_rows", "share", "learned"),
    [
        (100_000, 0.1, [1000, 1000]),
        (70_000, 0.1, [700, 700]),
        (20_000, 0.1, [500, 500]),
        (20_000, 0.005, [500, 100]),
    ],
)
def test_from_how_many_rows_the_pilot_learns(n_rows, share, learned):
    X = np.zeros((n_rows, 1))
    y = (np.arange(n_rows) < share * n_rows).astype(int)
    guided = GuidedDownsample(CountingPilot(), random_state=0).fit(X, y)
    assert guided.pilots_[0].rows_learned_.tolist() == learned


class RecordingPilot(LogisticRegression):
    """Knows how many rows of each class it has seen."""

    def fit(self, X, y):
        self.rows_learned_ = np.bincount(y)
        return super().fit(X, y)


def with_third_class(seed, n_third, n_rows=30_000):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = rng.random(n_rows) < 1 / (1 + np.exp(3 - X[:, 0] - X[:, 1]))
    y = y.astype(int)
    y[rng.choice(np.flatnonzero(y == 0), n_third, replace=False)] = 2
    return X, y


@pytest.mark.parametrize("seed", range(3))
def test_a_few_rows_of_a_third_class_leave_the_pilot_what_it_knows(seed):
    auc = []
    for n_third in (0, 3):
        X, y = with_third_class(seed, n_third)
        guided = GuidedDownsample(factor=10, random_state=seed).fit(X, y)
        fresh, told = with_third_class(seed + 100, 0)
        p = guided.pilots_[0].predict_proba(fresh)
        auc.append(roc_auc_score(told, p[:, 1] / (p[:, 0] + p[:, 1])))
    # Three rows of each class would cost .1.
    assert auc[1] > auc[0] - 0.02


@pytest.mark.parametrize("folds", [None, 2])
def test_the_prior_is_corrected_for_the_rows_learned_of_each_class(folds):
    X, y = with_third_class(0, 40)
    counts = np.bincount(y)
    guided = GuidedDownsample(
        RecordingPilot(),
        factor=10,
        floor=0.01,
        pilot_folds=folds,
        weighting="uniform",
        random_state=0,
    )
    X_kept, y_kept, w = guided.fit_resample(X, y)
    share = 1 if folds is None else 1 / 2
    p = 0
    for pilot in guided.pilots_:
        learned = pilot.rows_learned_
        assert learned.tolist() == [500, 500, share * 40]
        shift = np.log(counts / learned)
        p += softmax(pilot.predict_log_proba(X_kept) + shift, axis=1)
    hardness = 1 - p[:, 0] / len(guided.pilots_)
    # Kept by hardness, but where the chance is at one of its bounds.
    chance = np.exp(-guided.log_odds_offset(X_kept)[:, 0])
    inner = (chance > 1.01 * chance.min()) & (chance < 0.99 * chance.max())
    assert inner.mean() > 0.5
    assert np.ptp(np.log(chance / hardness)[inner]) < 1e-9
    if folds is None:
        common = (y_kept == 0) & inner
        assert np.ptp(np.log(w * hardness)[common]) < 1e-9


@pytest.mark.parametrize("floor", [0.2, 0.9])
def test_chances_are_those_of_both_draws(floor):
    factor, n_seeds = 20, 4
    z = []
    for seed in range(n_seeds):
        X, y = three_values(seed)
        guided = GuidedDownsample(
            CountingPilot(),
            factor=factor,
            floor=floor,
            weighting="uniform",
            random_state=seed,
        )
        X_kept, y_kept, w = guided.fit_resample(X, y)
        kept = guided.sample_indices_
        assert (np.diff(kept) > 0).all()
        common = y_kept == 0
        n_rows, n_kept = (y == 0).sum(), common.sum()
        assert n_kept == round(n_rows / factor)
        assert w.max() <= n_rows / n_kept / floor * (1 + 1e-12)
        assert w.min() >= 1
        offset = guided.log_odds_offset(np.arange(3.0)[:, np.newaxis])[:, 0]
        stood_for = n_rows / w[common].sum()
        for value in range(3):
            own = common & (X_kept[:, 0] == value)
            chance = 1 / w[own][0]
            assert np.ptp(w[own]) <= 1e-9 * w[own][0]
            # No row is kept more often than it is scored.
            assert chance <= SCORED / n_rows * (1 + 1e-12)
            # Models without the weights are moved by the same chance.
            assert np.exp(-offset[value]) == pytest.approx(chance / stood_for, rel=1e-9)
            there = ((X[:, 0] == value) & (y == 0)).sum()
            spread = np.sqrt(there * chance * (1 - chance))
            z.append((own.sum() - there * chance) / spread)
        # Positions are kept evenly, though two draws go by their hashes.
        quarter = np.bincount(kept[common] * 4 // len(y), minlength=4)
        assert np.abs(quarter - n_kept / 4).max() < 4 * np.sqrt(n_kept * 3 / 16)
    assert np.abs(z).max() < 4
    # A fixed number of rows leaves less chance than there is in each alone.
    assert np.mean(np.square(z)) < 1.6


@pytest.mark.parametrize("folds", [None, 3])
def test_zero_weights_folds_and_totals_where_a_part_is_scored(folds):
    X, y = three_values(9)
    rng = np.random.default_rng(0)
    weights = rng.choice([0, 1, 2.0], len(y))
    guided = GuidedDownsample(
        CountingPilot(), factor=30, pilot_folds=folds, random_state=0
    )
    _, y_kept, w = guided.fit_resample(X, y, sample_weight=weights)
    assert (weights[guided.sample_indices_] > 0).all()
    np.testing.assert_allclose(np.bincount(y_kept, w), np.bincount(y, weights))
    asked = sum(pilot.rows_asked_ for pilot in guided.pilots_)
    assert asked == SCORED
    again = GuidedDownsample(
        CountingPilot(), factor=30, pilot_folds=folds, random_state=0
    ).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(again.sample_indices_, guided.sample_indices_)
