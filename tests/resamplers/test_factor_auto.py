"""A factor from the data: asked for by name."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skstrat import DownsampleUpweight, ResampledClassifier, recommend_factor


@pytest.mark.parametrize("weighted", [False, True])
def test_the_factor_is_the_recommended_one(weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 3))
    y = (rng.random(60_000) < 1 / (1 + np.exp(5 - X[:, 0] / 2))).astype(int)
    weights = rng.choice([0, 1, 2.0], len(y)) if weighted else None
    auto = DownsampleUpweight(factor="auto", random_state=3)
    drawn = auto.fit_resample(X, y, sample_weight=weights)
    wanted = recommend_factor(X, y, sample_weight=weights, random_state=3)
    assert auto.recommendation_ == wanted
    assert wanted.factor > 2
    assert (drawn[1] == 0).sum() == wanted.rows - (drawn[1] == 1).sum()
    model = ResampledClassifier(LogisticRegression(), auto).fit(X, y, weights)
    assert model.n_samples_fit_ == wanted.rows < len(y) / 2
    rate = np.average(y, weights=weights)
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    assert p == pytest.approx(rate, rel=0.05)
    # The recommendation goes with the word.
    auto.set_params(factor=wanted.factor)
    again = auto.fit_resample(X, y, sample_weight=weights)
    for first, second in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not hasattr(auto, "recommendation_")


def test_other_words_are_refused():
    down = DownsampleUpweight(factor="most")
    with pytest.raises(ValueError, match="'factor' parameter of DownsampleUpweight"):
        down.fit([[0], [1]], [0, 1])
