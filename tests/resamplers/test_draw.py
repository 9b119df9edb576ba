"""The draw is a simple random sample; totals and fits are those of all rows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skstrat import DownsampleUpweight, RandomOversample

N_SEEDS = 400


@pytest.fixture(scope="module")
def kept():
    """Give a function: which of a class's rows are kept, for each of 400 seeds."""

    def draw(n_rows, factor):
        y = np.repeat([0, 1], [n_rows, 1])
        chosen = np.zeros((N_SEEDS, n_rows), dtype=bool)
        for seed in range(N_SEEDS):
            down = DownsampleUpweight(factor=factor, random_state=seed).fit(y, y)
            chosen[seed, down.sample_indices_[:-1]] = True
        return chosen

    return draw


@pytest.mark.parametrize(("n_rows", "factor"), [(3000, 2), (4000, 20)])
def test_every_row_is_kept_equally_often(kept, n_rows, factor):
    p = 1 / factor
    times = kept(n_rows, factor).sum(axis=0)
    z = (times - N_SEEDS * p) / np.sqrt(N_SEEDS * p * (1 - p))
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
    assert np.abs(z).max() < 5.5


def test_blocks_strides_and_seeds_are_as_uneven_as_chance(kept):
    n_rows, factor = 4096, 8
    chosen, row, p = kept(n_rows, factor), np.arange(n_rows), 1 / factor
    for groups in (row // 16, row // 256, row % 2, row % 16, row % 7, row % 256):
        sizes = np.bincount(groups)
        counts = np.array(
            [np.bincount(groups[own], minlength=len(sizes)) for own in chosen]
        )
        # Hypergeometric counts: each has expectation 1 - size / n_rows here.
        variance = sizes * p * (1 - p) * n_rows / (n_rows - 1)
        statistic = ((counts - p * sizes) ** 2 / variance).sum(axis=1)
        error = statistic.std(ddof=1) / np.sqrt(N_SEEDS)
        assert abs(statistic.mean() - (len(sizes) - 1)) < 4 * error
        # Over all seeds no group is preferred.
        sd = np.sqrt(N_SEEDS * sizes * p * (1 - p) * (n_rows - sizes) / (n_rows - 1))
        z = (counts.sum(axis=0) - N_SEEDS * p * sizes) / sd
        assert np.abs(z).max() < 5.5
    expected = n_rows / factor**2
    sd = np.sqrt(expected * (1 - p) ** 2 * n_rows / (n_rows - 1))
    for apart in (1, 2, 64):
        common = (chosen[apart:] & chosen[:-apart]).sum(axis=1)
        assert abs(common.mean() - expected) < 4 * sd / np.sqrt(len(common))
        assert np.abs(common - expected).max() < 5.5 * sd


def test_weights_of_any_size_stay_finite():
    y = np.repeat([0, 1], [20_000, 100])
    for exponent in (1, 100):
        rng = np.random.default_rng(0)
        incoming = 10.0 ** rng.uniform(-exponent, exponent, len(y))
        down = DownsampleUpweight(factor=20, random_state=0)
        _, y_kept, weights = down.fit_resample(y, y, sample_weight=incoming)
        assert ((weights > 0) & np.isfinite(weights)).all()
        expected = np.bincount(y, incoming)
        np.testing.assert_allclose(np.bincount(y_kept, weights), expected, rtol=1e-12)
    same = RandomOversample(times=1, weighting={0: 1e-300, 1: 1.0})
    with pytest.raises(ValueError, match="must span a range that float64 can scale"):
        same.fit(y[:3], [0, 0, 1], sample_weight=[1e-300, 1e300, 1])


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((80_000, 180), (10_000, 180)),
        ((80_000, 2_000), (20_000, 2_000)),
        ((60_000, 12_000, 300), (10_000, 10_000, 300)),
    ],
    ids=str,
)
def test_the_default_keeps_ten_to_one_and_ten_thousand(counts, kept):
    y = np.repeat(np.arange(len(counts)), counts)
    _, y_kept, w = DownsampleUpweight(random_state=0).fit_resample(y, y)
    assert tuple(np.bincount(y_kept)) == kept
    np.testing.assert_allclose(np.bincount(y_kept, w), counts)


def gaussians(counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(len(y), 4))
    return X + 0.7 * y[:, None], y


def fitted(X, y, weights):
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12)
    model.fit(X, y, sample_weight=weights)
    return np.column_stack([model.intercept_, model.coef_])


@pytest.mark.parametrize("weighted", [False, True])
def test_repeats_with_weights_reproduce_the_full_fit(weighted):
    for seed in range(3):
        X, y = gaussians((900, 120, 45), seed)
        rng = np.random.default_rng(seed + 100)
        before = rng.lognormal(size=len(y)) if weighted else None
        over = RandomOversample(times={1: 3, 2: 20})
        X_drawn, y_drawn, w = over.fit_resample(X, y, sample_weight=before)
        assert len(y_drawn) > len(y)
        whole = fitted(X, y, before)
        np.testing.assert_allclose(
            fitted(X_drawn, y_drawn, w), whole, rtol=0, atol=1e-10
        )
        # GaussianNB takes var_smoothing times the unweighted variance of X.
        full = GaussianNB(var_smoothing=0).fit(X, y, sample_weight=before)
        repeated = GaussianNB(var_smoothing=0).fit(X_drawn, y_drawn, w)
        p, q = repeated.predict_proba(X), full.predict_proba(X)
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-9)
