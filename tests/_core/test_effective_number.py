"""Class weights by the effective number of rows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skstrat import ClassWeight, ResampledClassifier
from skstrat._core.weights import effective_number


@pytest.mark.parametrize(
    ("beta", "n_rows", "number"),
    [
        (0.9, 10, 6.51),
        (0.9, 100, 10.0),
        (0.99, 10, 9.56),
        (0.99, 100, 63.40),
        (0.999, 100, 95.21),
        (0.999, 1_000, 632.30),
        (0.999, 10_000, 999.95),
        (0.9999, 1_000, 951.67),
        (0.9999, 10_000, 6321.39),
        (0, 77, 1),
        (1 - 1e-12, 77, 77),
    ],
)
def test_published_values(beta, n_rows, number):
    found = effective_number(np.array([n_rows]), beta)
    np.testing.assert_allclose(found, number, atol=0.0051)


def test_the_number_is_the_sum_of_powers():
    counts = np.array([1, 2, 7, 40])
    by_hand = [sum(0.93**i for i in range(n)) for n in counts]
    np.testing.assert_allclose(effective_number(counts, 0.93), by_hand, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [0, 0.5, 0.99, None])
def test_weights_are_inverse_numbers_and_keep_the_total(beta, weighted):
    y = np.repeat([0, 1, 2], [900, 90, 10])
    incoming = np.random.default_rng(0).lognormal(size=1_000) if weighted else None
    resampler = ClassWeight("effective", beta=beta)
    _, _, w = resampler.fit_resample(y, y, sample_weight=incoming)
    total = 1_000 if incoming is None else incoming.sum()
    assert w.sum() == pytest.approx(total, rel=1e-12)
    number = effective_number(np.array([900, 90, 10]), beta)
    factor = np.array(list(resampler.class_weight_.values()))
    np.testing.assert_allclose(factor * number, factor[0] * number[0], rtol=1e-12)


def test_the_ends_are_no_weights_and_balanced_classes():
    y = np.repeat([0, 1], [900, 100])
    _, _, none = ClassWeight("effective", beta=0).fit_resample(y, y)
    np.testing.assert_allclose(none, 1, rtol=1e-12)
    _, _, nearly = ClassWeight("effective", beta=1 - 1e-9).fit_resample(y, y)
    _, _, balanced = ClassWeight().fit_resample(y, y)
    np.testing.assert_allclose(nearly, balanced, rtol=1e-5)


def test_the_prior_is_corrected():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2))
    y = (rng.random(20_000) < 1 / (1 + np.exp(4 - X[:, 0]))).astype(int)
    model = ResampledClassifier(LogisticRegression(), ClassWeight("effective"))
    p = model.fit(X, y).predict_proba(X)[:, 1]
    assert p.mean() == pytest.approx(y.mean(), rel=0.1)
    assert model.train_prior_[1] > 3 * y.sum()


@pytest.mark.parametrize("beta", [-0.1, 1.0, 2, "0.5"])
def test_beta_is_a_share(beta):
    y = np.array([0, 0, 1])
    resampler = ClassWeight("effective", beta=beta)
    with pytest.raises(ValueError, match="'beta' parameter of ClassWeight"):
        resampler.fit(y, y)
