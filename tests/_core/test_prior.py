"""The prior correction against the formulas of the literature and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax

from skstrat import correct_prior

quiet = settings(deadline=None, max_examples=300)
probability = st.floats(1e-6, 1 - 1e-6)
kept_fraction = st.floats(1e-4, 1)
total = st.floats(1e-3, 1e6)


def elkan(p, old, new):
    return new * (p - p * old) / (old - p * old + new * p - old * new)


def saerens(q, trained, original):
    ratio = np.divide(original, np.sum(original)) / np.divide(trained, np.sum(trained))
    weighted = q * ratio
    return weighted / weighted.sum(axis=-1, keepdims=True)


def king_zeng(q, population, sample):
    """Move the intercept of a logistic model that predicts q."""
    move = np.log(float((1 - population) / population * sample / (1 - sample)))
    return 1 / (1 + np.exp(-(np.log(q) - np.log1p(-q) - move)))


def exact(q, trained, original):
    """Compute the corrected probability of the second class in fractions."""
    odds = [
        its * Fraction(n) / Fraction(m)
        for its, m, n in zip(
            [1 - Fraction(q), Fraction(q)], trained, original, strict=True
        )
    ]
    return float(odds[1] / sum(odds))


@quiet
@given(
    q=probability,
    beta=kept_fraction,
    n_negative=st.integers(1, 10**7),
    n_positive=st.integers(1, 10**5),
)
def test_formulas_of_the_literature_agree(q, beta, n_negative, n_positive):
    trained, original = [beta * n_negative, n_positive], [n_negative, n_positive]
    priors = {"train_prior": trained, "target_prior": original}
    found = correct_prior([q], **priors)[0]
    assert correct_prior([[1 - q, q]], **priors)[0, 1] == pytest.approx(found, rel=1e-9)
    # In floats 1 - share would lose the digits of a share close to 1.
    sample, population = (
        n_positive / sum(map(Fraction, rows)) for rows in (trained, original)
    )
    witnesses = {
        "Dal Pozzolo": beta * q / (beta * q - q + 1),
        "He": q / (q + (1 - q) / beta),
        "Elkan": float(elkan(Fraction(q), sample, population)),
        "Saerens": saerens(np.array([1 - q, q]), trained, original)[1],
        "King and Zeng": king_zeng(q, population, sample),
        "logit shift": expit(logit(q) + np.log(beta)),
        "fractions": exact(q, trained, original),
    }
    for name, expected in witnesses.items():
        assert found == pytest.approx(expected, rel=1e-8), name


@quiet
@given(shift=st.floats(-12, 12), seed=st.integers(0, 100))
def test_correction_is_strictly_monotone(shift, seed):
    low = 10 ** np.random.default_rng(seed).uniform(-9, -1, 500)
    # Moved towards 1, where numbers are coarse, neighbours close to 1 would collapse.
    high = 1 - low if shift <= 0 else low
    q = np.unique(np.concatenate([low, high, np.linspace(0, 1, 1001)]))
    p = correct_prior(q, train_prior=[1, 1], target_prior=[1, np.exp(shift)])
    assert np.all(np.diff(p) > 0)


@quiet
@given(q=probability, first=kept_fraction, second=kept_fraction)
def test_identity_composition_and_inverse(q, first, second):
    def correct(value, beta):
        return correct_prior([value], train_prior=[beta, 1], target_prior=[1, 1])[0]

    assert correct(q, 1) == pytest.approx(q, rel=1e-9)
    both = correct(q, first * second)
    assert correct(correct(q, first), second) == pytest.approx(both, rel=1e-9)
    p = [correct(q, first)]
    back = correct_prior(p, train_prior=[1, 1], target_prior=[first, 1])
    assert back == pytest.approx([q], rel=1e-9)


@st.composite
def multiclass(draw):
    n_classes = draw(st.integers(2, 6))
    totals = st.lists(total, min_size=n_classes, max_size=n_classes)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    q = softmax(rng.normal(0, 3, (20, n_classes)), axis=1)
    return q, np.array(draw(totals)), np.array(draw(totals))


@quiet
@given(multiclass(), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_several_classes(case, scale_trained, scale_original):
    q, trained, original = case
    priors = {"train_prior": trained, "target_prior": original}
    p = correct_prior(q, **priors)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(p, saerens(q, trained, original), rtol=1e-8)
    scaled = correct_prior(
        q, train_prior=scale_trained * trained, target_prior=scale_original * original
    )
    np.testing.assert_allclose(scaled, p, rtol=1e-12)
    sure = np.eye(q.shape[1])
    np.testing.assert_array_equal(correct_prior(sure, **priors), sure)


# Extremes and errors ---------------------------------------------------------------


@pytest.mark.parametrize("beta", [1e-12, 1e-6, 0.05, 1, 1e12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_and_float32_give_double_accuracy(beta, dtype):
    q = np.random.default_rng(0).random(200)
    tiny = [0, 1e-30, 1e-12, 0.5, 1 - 6e-8, 1, np.nextafter(dtype(1), dtype(0))]
    extra = [] if dtype is np.float32 else [5e-324, 1e-300, 1 - 1e-12]
    q = np.concatenate([q, q**9, tiny, extra]).astype(dtype)
    two = np.column_stack([1 - q, q])
    assert two.dtype == dtype
    # Fractions of the float32 numbers: 1 - q is exact in float64, not in float32.
    two = two[two.astype(float).sum(axis=1) == 1]
    assert len(two) > 100
    for proba, its in ((q, q), (two, two[:, 1])):
        p = correct_prior(proba, train_prior=[beta, 1], target_prior=[1, 1])
        assert p.dtype == np.float64
        found = p if p.ndim == 1 else p[:, 1]
        assert np.all((p >= 0) & (p <= 1))
        expected = [exact(value, [beta, 1], [1, 1]) for value in its.tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-300)


def test_a_rounding_above_one_is_accepted():
    above = np.nextafter(np.float32(1), np.float32(2))
    found = correct_prior([above, 0], train_prior=[1, 1], target_prior=[9, 1])
    assert found.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("proba", "trained", "original", "message"),
    [
        ([0.5], [1], [1], r"train_prior must have shape \(n_classes,\).*shape \(1,\)"),
        ([0.5], 1.0, [1, 1], r"train_prior must have shape .* got shape \(\)"),
        ([0.5], [0, 1], [1, 1], r"train_prior must be positive .* got \[0, 1\]"),
        ([0.5], [1, np.inf], [1, 1], "train_prior must be positive and finite"),
        ([0.5], [1, 1], [1, np.nan], "target_prior must be positive and finite"),
        ([0.5], [1, 1, 1], [1, 1], "one value per class each; got 3 and 2"),
        ([[0.2, 0.8]], [1, 1, 1], [1, 1, 1], r"got shape \(1, 2\) for 3 classes"),
        ([0.5, 1.1], [1, 1], [1, 1], r"lie in \[0, 1\]; got values from 0.5 to 1.1"),
        ([[-1e-9, 1.0]], [1, 1], [1, 1], r"lie in \[0, 1\]"),
        ([0.5, np.nan], [1, 1], [1, 1], r"lie in \[0, 1\]; got values from nan"),
        ([[0.5, 0.5], [0.0, 0.0]], [1, 1], [9, 1], "p must sum to 1"),
    ],
)
def test_errors_say_what_is_wrong(proba, trained, original, message):
    with pytest.raises(ValueError, match=message):
        correct_prior(proba, train_prior=trained, target_prior=original)
