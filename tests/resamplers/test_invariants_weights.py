"""Weights and draw of DownsampleUpweight: totals, ratios, frequencies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import DownsampleUpweight

COUNTS = {0: 20_003, 1: 400, 2: 97}
FACTORS = [2, 3, 20, 199.5]
# Everything a user can say, for the three classes above.
WORDS = [
    {},
    *[{"factor": factor} for factor in FACTORS],
    {"factor": {0: 20, 1: 3}},
    {"factor": {0: 7.3}},
    {"sampling_strategy": 0.3},
    {"sampling_strategy": "majority"},
    {"sampling_strategy": "not minority"},
    {"sampling_strategy": {0: 1234, 1: 7}},
]
N_SEEDS = 400


def make_labels(counts=COUNTS, seed=0):
    y = np.repeat(list(counts), list(counts.values()))
    return np.random.default_rng(seed).permutation(y)


def lognormal(n_rows, seed=1):
    return np.random.default_rng(seed).lognormal(size=n_rows)


def totals(y, weights):
    return np.bincount(y, weights)


def resample(y, weights=None, **arguments):
    """Resample row numbers: the result says which rows were kept."""
    arguments.setdefault("random_state", 0)
    resampler = DownsampleUpweight(**arguments)
    return resampler.fit_resample(np.arange(len(y)), y, sample_weight=weights)


@pytest.fixture(scope="module")
def kept():
    """Give a function: which of a class's rows are kept, for each of 400 seeds."""

    def draw(n_rows, factor):
        y = np.repeat([0, 1], [n_rows, 1])
        chosen = np.zeros((N_SEEDS, n_rows), dtype=bool)
        for seed in range(N_SEEDS):
            rows, _, _ = resample(y, factor=factor, random_state=seed)
            chosen[seed, rows[:-1]] = True
        return chosen

    return draw


# 1 and 2: totals


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_totals_are_kept(words, seed, weighted):
    y = make_labels(seed=seed)
    incoming = lognormal(len(y), seed) if weighted else None
    _, y_kept, weights = resample(y, incoming, random_state=seed, **words)
    assert len(y_kept) < len(y)
    expected = totals(y, incoming)
    np.testing.assert_allclose(totals(y_kept, weights), expected, rtol=1e-12)


@pytest.mark.parametrize("factor", FACTORS)
def test_class_totals_are_kept_for_heavy_tails(factor):
    y = make_labels()
    incoming = lognormal(len(y)) ** 6
    _, y_kept, weights = resample(y, incoming, factor=factor)
    expected = totals(y, incoming)
    np.testing.assert_allclose(totals(y_kept, weights), expected, rtol=1e-12)


# 3: untouched classes and constant ratios


@pytest.mark.parametrize("words", WORDS, ids=str)
def test_untouched_classes_keep_weights_and_sampled_ones_are_scaled(words):
    y = make_labels()
    incoming = lognormal(len(y))
    rows, y_kept, weights = resample(y, incoming, **words)
    untouched = 0
    for label, count in COUNTS.items():
        own = y_kept == label
        if own.sum() == count:
            untouched += 1
            np.testing.assert_array_equal(weights[own], incoming[y == label])
        else:
            ratio = weights[own] / incoming[rows[own]]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
            assert ratio[0] > 1
    assert 1 <= untouched < len(COUNTS)


# 4: incoming weights are multiplied


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("scale", [1e-9, 0.3, 3.7, 1e9])
@pytest.mark.parametrize("weighting", ["original", "factor"])
def test_weights_scale_with_incoming_weights(words, scale, weighting):
    y = make_labels()
    incoming = lognormal(len(y))
    words = {**words, "weighting": weighting}
    rows, _, weights = resample(y, incoming, **words)
    rows_scaled, _, scaled = resample(y, scale * incoming, **words)
    np.testing.assert_array_equal(rows_scaled, rows)
    np.testing.assert_allclose(scaled, scale * weights, rtol=1e-13)


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("weighting", ["original", "factor"])
def test_no_weights_are_ones(words, weighting):
    y = make_labels()
    words = {**words, "weighting": weighting}
    rows, _, weights = resample(y, **words)
    rows_of_ones, _, weights_of_ones = resample(y, np.ones(len(y)), **words)
    np.testing.assert_array_equal(rows_of_ones, rows)
    np.testing.assert_array_equal(weights_of_ones, weights)


# 5: the literal rule


@pytest.mark.parametrize("factor", FACTORS)
def test_factor_weighting_is_rows_over_rows_kept_exactly(factor):
    y = make_labels()
    incoming = lognormal(len(y))
    rows, y_kept, weights = resample(y, incoming, factor=factor, weighting="factor")
    literal = COUNTS[0] / np.count_nonzero(y_kept == 0)
    assert literal == pytest.approx(factor, rel=0.5 / (y_kept == 0).sum())
    expected = np.where(y_kept == 0, literal, 1) * incoming[rows]
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("n_rows", [30, 31, 149, 150])
def test_factor_weighting_without_weights_has_the_totals_where_rounding_acts(n_rows):
    y = make_labels({0: n_rows, 1: 3})
    _, y_kept, weights = resample(y, factor=20, weighting="factor")
    np.testing.assert_allclose(totals(y_kept, weights), [n_rows, 3], rtol=1e-12)


def test_factor_weighting_keeps_totals_on_average():
    factor, n_rows, n_seeds = 20, 20_000, 600
    y = np.repeat([0, 1], [n_rows, 100])
    incoming = lognormal(len(y))
    negatives = incoming[:n_rows]
    drawn = np.empty(n_seeds)
    for seed in range(n_seeds):
        _, y_kept, weights = resample(
            y, incoming, factor=factor, weighting="factor", random_state=seed
        )
        drawn[seed] = weights[y_kept == 0].sum()
    ratio = drawn / negatives.sum()
    # Horvitz and Thompson, simple random sampling without replacement.
    variation = negatives.std(ddof=1) / negatives.mean()
    expected = variation * np.sqrt((1 - 1 / factor) / (n_rows / factor))
    assert abs(ratio.mean() - 1) < 4 * expected / np.sqrt(n_seeds)
    assert ratio.std(ddof=1) == pytest.approx(expected, rel=0.12)


# 6: sizes and order


@pytest.mark.parametrize("weighting", ["original", "factor"])
@pytest.mark.parametrize("weighted", [False, True])
def test_factor_one_is_the_identity(weighting, weighted):
    y = make_labels()
    incoming = lognormal(len(y)) if weighted else None
    rows, y_kept, weights = resample(y, incoming, factor=1, weighting=weighting)
    np.testing.assert_array_equal(rows, np.arange(len(y)))
    np.testing.assert_array_equal(y_kept, y)
    np.testing.assert_array_equal(weights, incoming if weighted else np.ones(len(y)))


@settings(deadline=None)
@given(
    n_majority=st.integers(2, 3000),
    n_minority=st.integers(1, 60),
    factor=st.floats(1, 5000),
    seed=st.integers(0, 2**64 - 1),
)
def test_rows_kept_are_sorted_unique_and_as_many_as_promised(
    n_majority, n_minority, factor, seed
):
    n_minority = min(n_minority, n_majority - 1)
    y = make_labels({0: n_majority, 1: n_minority}, seed=0)
    rows, y_kept, weights = resample(y, factor=factor, random_state=seed)
    assert np.all(np.diff(rows) > 0)
    assert (y_kept == 0).sum() == max(1, round(n_majority / factor))
    np.testing.assert_array_equal(rows[y_kept == 1], np.flatnonzero(y == 1))
    np.testing.assert_allclose(
        totals(y_kept, weights), [n_majority, n_minority], rtol=1e-12
    )


def test_default_keeps_ten_rows_of_each_big_class_per_row_of_the_smallest():
    counts = {0: 50_000, 1: 9_710, 2: 1_200, 3: 12_001}
    _, y_kept, _ = resample(make_labels(counts))
    assert np.bincount(y_kept).tolist() == [12_000, 9_710, 1_200, 12_000]
    _, y_kept, _ = resample(make_labels({**counts, 2: 97}))
    assert np.bincount(y_kept).tolist() == [10_000, 9_710, 97, 10_000]


# 7: the draw is a simple random sample


@pytest.mark.parametrize(("n_rows", "factor"), [(3000, 2), (3000, 4), (4000, 20)])
def test_every_row_is_kept_equally_often(kept, n_rows, factor):
    p = 1 / factor
    z = (kept(n_rows, factor).sum(axis=0) - N_SEEDS * p) / np.sqrt(
        N_SEEDS * p * (1 - p)
    )
    assert np.abs(z).max() < 5.5
    # As spread as chance: neither a pattern nor too even. mean(z^2) over n rows
    # has variance 2 / n.
    assert abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / n_rows)


@pytest.mark.parametrize("factor", [2, 3])
def test_every_pair_of_rows_is_kept_equally_often(kept, factor):
    n_rows = 300
    chosen = kept(n_rows, factor).astype(float)
    n_kept = n_rows // factor
    p = n_kept * (n_kept - 1) / (n_rows * (n_rows - 1))
    together = (chosen.T @ chosen)[np.triu_indices(n_rows, k=1)]
    z = (together - N_SEEDS * p) / np.sqrt(N_SEEDS * p * (1 - p))
    assert len(z) == n_rows * (n_rows - 1) // 2
    assert np.abs(z).max() < 5.5


@pytest.mark.parametrize(
    "group",
    [
        lambda row: row // 16,
        lambda row: row // 256,
        lambda row: row % 2,
        lambda row: row % 16,
        lambda row: row % 7,
        lambda row: row % 256,
    ],
    ids=["blocks of 16", "blocks of 256", "even", "mod 16", "mod 7", "mod 256"],
)
def test_blocks_and_strides_are_as_uneven_as_chance(kept, group):
    n_rows, factor = 4096, 8
    chosen = kept(n_rows, factor)
    groups = group(np.arange(n_rows))
    sizes = np.bincount(groups)
    counts = np.array(
        [np.bincount(groups[own], minlength=len(sizes)) for own in chosen]
    )
    p = 1 / factor
    # Hypergeometric counts: each has expectation 1 - size / n_rows here.
    scaled = (counts - p * sizes) ** 2 / (sizes * p * (1 - p) * n_rows / (n_rows - 1))
    statistic = scaled.sum(axis=1)
    freedom = len(sizes) - 1
    error = statistic.std(ddof=1) / np.sqrt(N_SEEDS)
    assert abs(statistic.mean() - freedom) < 4 * error
    # Over all seeds no group is preferred.
    share = counts.sum(axis=0)
    sd = np.sqrt(N_SEEDS * sizes * p * (1 - p) * (n_rows - sizes) / (n_rows - 1))
    assert np.abs((share - N_SEEDS * p * sizes) / sd).max() < 5.5


@pytest.mark.parametrize("apart", [1, 2, 64])
def test_seeds_draw_independently(kept, apart):
    n_rows, factor = 4096, 8
    chosen = kept(n_rows, factor)
    common = (chosen[apart:] & chosen[:-apart]).sum(axis=1)
    n_kept = n_rows // factor
    expected = n_kept**2 / n_rows
    sd = np.sqrt(expected * (1 - 1 / factor) ** 2 * n_rows / (n_rows - 1))
    assert abs(common.mean() - expected) < 4 * sd / np.sqrt(len(common))
    assert np.abs(common - expected).max() < 5.5 * sd


@pytest.mark.parametrize("words", WORDS, ids=str)
def test_the_seed_alone_decides_the_rows(words):
    y = make_labels()
    first, _, _ = resample(y, random_state=5, **words)
    again, _, _ = resample(y, random_state=5, **words)
    other, _, _ = resample(y, random_state=6, **words)
    weighted, _, _ = resample(y, lognormal(len(y)), random_state=5, **words)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(weighted, first)
    assert len(np.setdiff1d(other, first)) > 0


@pytest.mark.parametrize("seed", range(5))
def test_a_larger_factor_keeps_a_subset(seed):
    y = make_labels()
    factors = [1, 1.01, 1.5, 2, 3, 4.7, 10, 20, 199.5, 3000, 1e6]
    drawn = [resample(y, factor=factor, random_state=seed)[0] for factor in factors]
    for fewer, more in zip(drawn[1:], drawn[:-1], strict=True):
        assert len(fewer) < len(more)
        assert np.isin(fewer, more).all()


@pytest.mark.parametrize("seed", range(5))
def test_labels_never_move_another_classes_rows(seed):
    y = make_labels(seed=seed)
    rows, y_kept, weights = resample(y, factor={0: 20}, random_state=seed)
    rng = np.random.default_rng(seed)
    others = np.flatnonzero(y != 0)
    changed = y.copy()
    changed[others] = rng.integers(1, 5, size=len(others))
    names = np.array(["zero", "a", "b", "c", "d"])[changed]
    for labels, label in ((changed, 0), (names, "zero")):
        found, labels_kept, found_weights = resample(
            labels, factor={label: 20}, random_state=seed
        )
        own = labels_kept == label
        np.testing.assert_array_equal(found[own], rows[y_kept == 0])
        np.testing.assert_array_equal(found_weights[own], weights[y_kept == 0])
    # Nor does it matter how many rows of the other classes are kept.
    found, labels_kept, _ = resample(y, factor={0: 20, 1: 9}, random_state=seed)
    np.testing.assert_array_equal(found[labels_kept == 0], rows[y_kept == 0])


# 8: the worked example of Google's Machine Learning Crash Course


@pytest.mark.parametrize(("factor", "per_positive"), [(20, 10), (10, 20)])
@pytest.mark.parametrize("weighting", ["original", "factor"])
@pytest.mark.parametrize("n_positive", [1, 3, 50])
def test_worked_example_of_200_negatives_per_positive(
    factor, per_positive, weighting, n_positive
):
    y = make_labels({0: 200 * n_positive, 1: n_positive})
    _, y_kept, weights = resample(y, factor=factor, weighting=weighting)
    assert (y_kept == 0).sum() == per_positive * n_positive
    assert (y_kept == 1).sum() == n_positive
    assert set(weights[y_kept == 0]) == {factor}
    assert set(weights[y_kept == 1]) == {1}


# 14: what comes out


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("weighting", ["original", "balanced", "uniform", "factor"])
@pytest.mark.parametrize("dtype", [None, np.float32, np.int64])
def test_weights_are_finite_positive_and_in_step(words, weighting, dtype):
    y = make_labels()
    incoming = None
    if dtype is not None:
        incoming = (1 + 9 * lognormal(len(y))).astype(dtype)
    frame = pd.DataFrame({"row": np.arange(len(y))}, index=np.arange(len(y)) + 7)
    resampler = DownsampleUpweight(weighting=weighting, random_state=3, **words)
    X_kept, y_kept, weights = resampler.fit_resample(
        frame, pd.Series(y, index=frame.index), sample_weight=incoming
    )
    rows = X_kept["row"].to_numpy()
    assert weights.dtype == np.float64
    assert weights.shape == rows.shape == y_kept.shape
    assert np.all((weights > 0) & np.isfinite(weights))
    np.testing.assert_array_equal(rows, resampler.sample_indices_)
    np.testing.assert_array_equal(y_kept, y[rows])
    assert (X_kept.index == y_kept.index).all()
    multiplier = np.array([resampler.class_weight_[label] for label in COUNTS])
    expected = multiplier[y[rows]] * (1.0 if incoming is None else incoming[rows])
    np.testing.assert_allclose(weights, expected, rtol=1e-15)


@pytest.mark.parametrize("exponent", [1, 20, 100])
def test_weights_of_any_size_stay_finite(exponent):
    y = make_labels()
    incoming = 10.0 ** np.random.default_rng(0).uniform(-exponent, exponent, len(y))
    _, y_kept, weights = resample(y, incoming, factor=20)
    assert np.all((weights > 0) & np.isfinite(weights))
    expected = totals(y, incoming)
    np.testing.assert_allclose(totals(y_kept, weights), expected, rtol=1e-12)
