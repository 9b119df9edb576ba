"""A factor from the data: asked for by name."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skstrat import (
    DownsampleUpweight,
    ResampledClassifier,
    recommend_factor,
)


def data(n_rows=60_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    y = (rng.random(n_rows) < 1 / (1 + np.exp(5 - X[:, 0] / 2))).astype(int)
    return X, y


@pytest.mark.parametrize("weighted", [False, True])
def test_the_factor_is_the_recommended_one(weighted):
    X, y = data()
    weights = np.random.default_rng(1).choice([0, 1, 2.0], len(y)) if weighted else None
    auto = DownsampleUpweight(factor="auto", random_state=3)
    kept, y_kept, w = auto.fit_resample(X, y, sample_weight=weights)
    wanted = recommend_factor(X, y, sample_weight=weights, random_state=3)
    assert auto.recommendation_ == wanted
    assert wanted.factor > 2
    assert (y_kept == 0).sum() == wanted.rows - (y_kept == 1).sum()
    by_hand = clone(auto).set_params(factor=wanted.factor)
    same, _, same_w = by_hand.fit_resample(X, y, sample_weight=weights)
    np.testing.assert_array_equal(kept, same)
    np.testing.assert_array_equal(w, same_w)


def test_what_was_recommended_goes_with_the_word():
    X, y = data(20_000)
    down = DownsampleUpweight(factor="auto", random_state=0)
    down.fit_resample(X, y)
    assert down.recommendation_.factor > 1
    down.set_params(factor=5).fit_resample(X, y)
    assert not hasattr(down, "recommendation_")


def test_in_a_classifier():
    X, y = data()
    auto = DownsampleUpweight(factor="auto", random_state=0)
    model = ResampledClassifier(LogisticRegression(), auto).fit(X, y)
    assert model.n_samples_fit_ == model.resampler_.recommendation_.rows < len(y) / 2
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.05)


def test_other_words_are_refused():
    X, y = data(100)
    with pytest.raises(ValueError, match="'factor' parameter of DownsampleUpweight"):
        DownsampleUpweight(factor="most").fit(X, y)


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((80_000, 180), (10_000, 180)),
        ((80_000, 2_000), (20_000, 2_000)),
        ((9_000, 40), (9_000, 40)),
        ((60_000, 12_000, 300), (10_000, 10_000, 300)),
    ],
    ids=str,
)
def test_the_default_keeps_ten_to_one_and_ten_thousand(counts, kept):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.arange(len(y)).reshape(-1, 1)
    _, y_kept, w = DownsampleUpweight(random_state=0).fit_resample(X, y)
    assert tuple(np.bincount(y_kept)) == kept
    np.testing.assert_allclose(np.bincount(y_kept, w), counts)
    # Only the bare default: a ratio that is named is the ratio.
    named = DownsampleUpweight(sampling_strategy=0.1, random_state=0)
    few = np.bincount(named.fit_resample(X, y)[1])
    assert few.max() == min(max(counts), 10 * min(counts))
