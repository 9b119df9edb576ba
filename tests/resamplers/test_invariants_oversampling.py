"""RandomOversample and CombinedResample: repeats, totals and balance."""

import numpy as np
import pytest
from scipy.stats import gmean
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

COUNTS = {0: 2003, 1: 400, 2: 97}
OVER = [
    {},
    {"times": 1.7},
    {"times": 7},
    {"times": {1: 2.5, 2: 11}},
    {"sampling_strategy": 0.33},
    {"sampling_strategy": "minority"},
    {"sampling_strategy": "all"},
    {"sampling_strategy": {2: 150}},
]
COMBINED = [
    {},
    {"balance": 0.2},
    {"balance": 1},
    {"sampling_strategy": {0: 500, 2: 1000}},
]
RESAMPLERS = [
    *[RandomOversample(**words) for words in OVER],
    *[CombinedResample(**words) for words in COMBINED],
]


def make_labels(counts=COUNTS, seed=0):
    y = np.repeat(list(counts), list(counts.values()))
    return np.random.default_rng(seed).permutation(y)


def gaussians(counts, n_features, seed=0):
    """Make classes of equal spread whose means differ by a little."""
    y = make_labels(counts, seed)
    X = np.random.default_rng(seed).normal(size=(len(y), n_features))
    return X + 0.7 * y[:, None], y


def newton():
    return LogisticRegression(solver="newton-cholesky", tol=1e-12)


def coefficients(model):
    return np.column_stack([model.intercept_, model.coef_])


# 9: rows and weights


@pytest.mark.parametrize("resampler", RESAMPLERS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_repeated_evenly_and_totals_restored(resampler, seed, weighted):
    y = make_labels(seed=seed)
    incoming = np.random.default_rng(seed).lognormal(size=len(y)) if weighted else None
    resampler = clone(resampler).set_params(random_state=seed)
    rows, y_drawn, weights = resampler.fit_resample(
        np.arange(len(y)), y, sample_weight=incoming
    )
    times = np.bincount(rows, minlength=len(y))
    for label, count in COUNTS.items():
        own = times[y == label]
        assert np.ptp(own) <= 1
        assert own.sum() == resampler.sampling_strategy_[label]
        assert own.min() >= (own.sum() >= count)
    np.testing.assert_array_equal(y_drawn, y[rows])
    np.testing.assert_allclose(
        np.bincount(y_drawn, weights), np.bincount(y, incoming), rtol=1e-12
    )
    if not weighted:
        n_over_m = [
            COUNTS[label] / resampler.sampling_strategy_[label] for label in COUNTS
        ]
        np.testing.assert_array_equal(weights, np.array(n_over_m)[y_drawn])


@pytest.mark.parametrize("words", OVER, ids=str)
def test_every_original_stays(words):
    y = make_labels()
    resampler = RandomOversample(weighting="uniform", **words)
    rows, _, weights = resampler.fit_resample(np.arange(len(y)), y)
    np.testing.assert_array_equal(np.unique(rows), np.arange(len(y)))
    np.testing.assert_array_equal(weights, np.ones(len(rows)))
    assert len(rows) > len(y)


@pytest.mark.parametrize(("n_rows", "effective"), [(150, 90), (200, 100)])
def test_effective_number_of_originals(n_rows, effective):
    y = np.repeat([0, 1], [1000, 100])
    resampler = RandomOversample(sampling_strategy={1: n_rows})
    rows, _, _ = resampler.fit_resample(np.arange(len(y)), y)
    times = np.bincount(rows)[1000:]
    assert times.sum() ** 2 / (times**2).sum() == pytest.approx(effective, rel=1e-12)


@pytest.mark.parametrize("words", [{1: 1234, 2: 97}, {1: 777, 2: 150}])
def test_which_row_is_repeated_once_more_is_chance(words):
    y = make_labels()
    n_seeds = 400
    times = np.zeros(len(y))
    for seed in range(n_seeds):
        resampler = RandomOversample(sampling_strategy=words, random_state=seed)
        times += np.bincount(resampler.fit(y, y).sample_indices_)
    for label, n_drawn in words.items():
        share = n_drawn / COUNTS[label] % 1
        extra = times[y == label] - n_seeds * (n_drawn // COUNTS[label])
        sd = np.sqrt(n_seeds * share * (1 - share))
        assert np.abs(extra - n_seeds * share).max() <= 5.5 * sd


# The dial


@pytest.mark.parametrize("balance", [0, 0.1, 0.5, 0.77, 1])
@pytest.mark.parametrize(
    "counts", [COUNTS, {0: 99_000, 1: 1000}, {0: 1, 1: 5000, 2: 40, 3: 300}], ids=str
)
def test_balance_moves_classes_towards_their_geometric_mean(balance, counts):
    y = make_labels(counts)
    resampler = CombinedResample(balance=balance).fit(y, y)
    middle = gmean(list(counts.values()))
    for label, count in counts.items():
        target = count ** (1 - balance) * middle**balance
        assert abs(resampler.sampling_strategy_[label] - target) <= 0.5 + 1e-9 * target
    if balance == 0:
        assert resampler.sampling_strategy_ == counts
    if balance == 1:
        assert len(set(resampler.sampling_strategy_.values())) == 1


@pytest.mark.parametrize("words", COMBINED, ids=str)
def test_balanced_gives_every_class_the_same_total(words):
    y = make_labels()
    incoming = np.random.default_rng(0).lognormal(size=len(y))
    resampler = CombinedResample(weighting="balanced", **words)
    _, y_drawn, weights = resampler.fit_resample(y, y, sample_weight=incoming)
    totals = np.bincount(y_drawn, weights)
    np.testing.assert_allclose(totals, incoming.sum() / len(COUNTS), rtol=1e-12)


# 10: integer repeats with weights change nothing


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("counts", "repeats"),
    [({0: 2000, 1: 60}, {1: 7}), ({0: 900, 1: 120, 2: 45}, {1: 3, 2: 20})],
    ids=str,
)
def test_repeats_with_weights_reproduce_the_full_fit(counts, repeats, seed):
    X, y = gaussians(counts, 4, seed)
    incoming = np.random.default_rng(seed + 100).lognormal(size=len(y))
    resampler = RandomOversample(times=repeats)
    for weights in (None, incoming):
        X_drawn, y_drawn, w_drawn = resampler.fit_resample(X, y, sample_weight=weights)
        assert len(y_drawn) > len(y)
        full = newton().fit(X, y, sample_weight=weights)
        repeated = newton().fit(X_drawn, y_drawn, sample_weight=w_drawn)
        np.testing.assert_allclose(
            coefficients(repeated), coefficients(full), rtol=0, atol=1e-10
        )
        # GaussianNB takes var_smoothing times the unweighted variance of X.
        full = GaussianNB(var_smoothing=0).fit(X, y, sample_weight=weights)
        repeated = GaussianNB(var_smoothing=0).fit(X_drawn, y_drawn, w_drawn)
        np.testing.assert_allclose(
            repeated.predict_proba(X), full.predict_proba(X), rtol=0, atol=1e-9
        )


# 11: combined equals down-only


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("repeats", "factor"), [(5, 20), (2, 4), (13, 10)])
@pytest.mark.parametrize("weighted", [False, True])
def test_combined_equals_down_only(seed, repeats, factor, weighted):
    counts = {0: 4000, 1: 50}
    X, y = gaussians(counts, 4, seed)
    incoming = np.random.default_rng(seed).lognormal(size=len(y)) if weighted else None
    rows_wanted = {0: counts[0] // factor, 1: counts[1] * repeats}
    combined = CombinedResample(sampling_strategy=rows_wanted, random_state=seed)
    down = DownsampleUpweight(factor=factor, random_state=seed)
    fits = []
    for resampler in (combined, down):
        X_drawn, y_drawn, weights = resampler.fit_resample(X, y, sample_weight=incoming)
        np.testing.assert_allclose(
            np.bincount(y_drawn, weights), np.bincount(y, incoming), rtol=1e-12
        )
        fits.append(coefficients(newton().fit(X_drawn, y_drawn, weights)))
    assert combined.sampling_strategy_ == rows_wanted
    assert down.sampling_strategy_ == {**rows_wanted, 1: counts[1]}
    np.testing.assert_allclose(*fits, rtol=0, atol=1e-6)
