"""RandomOversample and CombinedResample: repeats, totals, balance and noise."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import gmean, kstest, norm
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

COUNTS = {0: 2003, 1: 400, 2: 97}
OVER = [
    {},
    {"factor": 1.7},
    {"factor": 7},
    {"factor": {1: 2.5, 2: 11}},
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
    *[RandomOversample(weighting="original", **words) for words in OVER],
    *[CombinedResample(weighting="original", **words) for words in COMBINED],
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
    rows, _, weights = RandomOversample(**words).fit_resample(np.arange(len(y)), y)
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
def test_combined_gives_every_class_the_same_mass(words):
    y = make_labels()
    incoming = np.random.default_rng(0).lognormal(size=len(y))
    _, y_drawn, weights = CombinedResample(**words).fit_resample(
        y, y, sample_weight=incoming
    )
    mass = np.bincount(y_drawn, weights)
    np.testing.assert_allclose(mass, incoming.sum() / len(COUNTS), rtol=1e-12)


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
    resampler = RandomOversample(factor=repeats, weighting="original")
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
    combined = CombinedResample(
        sampling_strategy=rows_wanted, weighting="original", random_state=seed
    )
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


# 13: the smoothed bootstrap


def bandwidth(n_rows, n_features):
    return (4 / ((n_features + 2) * n_rows)) ** (1 / (n_features + 4))


def smooth(X, y, smoothing=1.0, factor=None, seed=0):
    """Give the originals and the moved copies of each class."""
    resampler = RandomOversample(
        factor={1: 1001} if factor is None else factor,
        smoothing=smoothing,
        random_state=seed,
    )
    X_drawn, y_drawn, _ = resampler.fit_resample(X, y)
    return X_drawn, y_drawn, resampler.sample_indices_


@pytest.mark.parametrize(
    ("n_features", "ratio"), [(2, 1.22), (10, 1.44), (50, 1.77)], ids=str
)
@pytest.mark.parametrize("smoothing", [0.5, 1, 2])
def test_variance_of_moved_copies(n_features, ratio, smoothing):
    # 20 000 rows of another class: a bandwidth from all rows would be far smaller.
    X, y = gaussians({0: 20_000, 1: 100}, n_features)
    X *= np.logspace(-3, 3, n_features)
    X_drawn, y_drawn, rows = smooth(X, y, smoothing)
    moved = X_drawn[rows == -1]
    assert set(y_drawn[rows == -1]) == {1}
    assert len(moved) == 100 * 1000
    width = bandwidth(100, n_features)
    assert 1 + width**2 == pytest.approx(ratio, abs=0.006)  # published to two digits
    own = X[y == 1]
    expected = 1 + (smoothing * width) ** 2
    np.testing.assert_allclose(moved.var(axis=0) / own.var(axis=0), expected, rtol=0.02)


def test_noise_is_standard_normal_and_independent():
    X, y = gaussians({0: 20_000, 1: 100}, 3)
    own = X[y == 1]
    X_drawn, _, rows = smooth(X, y)
    source = np.repeat(own, 1000, axis=0)
    noise = (X_drawn[rows == -1] - source) / own.std(axis=0, ddof=1) / bandwidth(100, 3)
    for column in noise.T:
        assert kstest(column, norm.cdf).pvalue > 1e-4
    n = len(noise)
    assert np.abs(noise.mean(axis=0)).max() < 4 / np.sqrt(n)
    together = np.corrcoef(noise, source, rowvar=False)[:3] - np.eye(3, 6)
    assert np.abs(together).max() < 4 / np.sqrt(n)
    # Nor do the copies of one row, or neighbours, move together.
    for column in noise.T:
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 4 / np.sqrt(n)


def test_each_class_has_its_own_bandwidth_and_smoothing():
    counts, smoothing = {0: 20_000, 1: 100, 2: 1000, 3: 50}, {1: 1.0, 2: 2.0}
    X, y = gaussians(counts, 3)
    X[y == 2] *= 5
    X_drawn, y_drawn, rows = smooth(X, y, smoothing, {1: 501, 2: 51, 3: 3})
    for label, own_smoothing in smoothing.items():
        moved = X_drawn[(rows == -1) & (y_drawn == label)]
        expected = 1 + (own_smoothing * bandwidth(counts[label], 3)) ** 2
        ratio = moved.var(axis=0) / X[y == label].var(axis=0)
        np.testing.assert_allclose(ratio, expected, rtol=0.02)
    # A class that is not named is repeated as it is.
    np.testing.assert_array_equal(
        X_drawn[y_drawn == 3], np.repeat(X[y == 3], 3, axis=0)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_originals_are_untouched_and_copies_moved(dtype, container):
    X, y = gaussians({0: 500, 1: 40}, 3)
    X = X.astype(dtype)
    X[::50, 1] = np.nan
    given = container(X.copy())
    X_drawn, y_drawn, rows = smooth(given, y, factor=4.5)
    assert type(X_drawn) is type(given)
    np.testing.assert_array_equal(given, X)
    values = np.asarray(X_drawn)
    assert values.dtype == dtype
    original = rows >= 0
    np.testing.assert_array_equal(rows[original], np.arange(len(y)))
    np.testing.assert_array_equal(values[original], X)
    assert (~original).sum() == 140
    # A moved copy stands right behind its original; missing values stay missing.
    source = np.maximum.accumulate(rows)
    np.testing.assert_array_equal(y_drawn, y[source])
    moved, before = values[~original], X[source[~original]]
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(before))
    assert np.all((moved != before) | np.isnan(before))


def test_smoothing_keeps_a_frame_a_frame():
    X, y = gaussians({0: 50, 1: 10}, 2)
    frame = pd.DataFrame(
        {"a": X[:, 0].astype(np.float32), "b": X[:, 1]}, index=np.arange(60) + 100
    )
    X_drawn, _, rows = smooth(frame, y, factor=3)
    as_array, _, _ = smooth(X, y, factor=3)
    pd.testing.assert_series_equal(X_drawn.dtypes, frame.dtypes)
    assert (X_drawn.index == np.maximum.accumulate(rows) + 100).all()
    np.testing.assert_array_equal(X_drawn["b"], as_array[:, 1])


def test_smoothing_follows_the_seed():
    X, y = gaussians({0: 50, 1: 10}, 2)
    first, again, other = (smooth(X, y, seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first[50:], other[50:]).all()


def test_smoothed_rows_restore_totals_too():
    X, y = gaussians({0: 500, 1: 40}, 3)
    incoming = np.random.default_rng(0).lognormal(size=len(y))
    resampler = RandomOversample(smoothing=1, weighting="original")
    _, y_drawn, weights = resampler.fit_resample(X, y, sample_weight=incoming)
    np.testing.assert_allclose(
        np.bincount(y_drawn, weights), np.bincount(y, incoming), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones((60, 2), dtype=int), TypeError, r"2-D ndarray .* got ndarray of int"),
        (np.ones(60), TypeError, r"2-D ndarray .* of floats; got ndarray of float64"),
        (sparse.csr_array(np.eye(60)), TypeError, "got csr_array of float64"),
        (np.ones((60, 2)).tolist(), TypeError, "got list of unknown type"),
        (
            pd.DataFrame({"a": np.ones(60), "b": ["x"] * 60, "c": range(60)}),
            TypeError,
            r"floats in every column; these are not: \['b', 'c'\]",
        ),
    ],
    ids=["ints", "one dimension", "sparse", "list", "frame"],
)
def test_smoothing_refuses_what_has_no_floats(X, error, message):
    y = np.repeat([0, 1], [50, 10])
    resampler = RandomOversample(smoothing=1)
    with pytest.raises(error, match=message):
        resampler.fit_resample(X, y)
    resampler.set_params(smoothing=None).fit_resample(X, y)


def test_smoothing_refuses_a_class_without_width():
    X, y = gaussians({0: 50, 1: 1}, 2)
    resampler = RandomOversample(smoothing=1)
    with pytest.raises(ValueError, match=r"at least two rows .* one row of class 1"):
        resampler.fit_resample(X, y)
