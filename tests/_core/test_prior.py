"""The prior correction against the formulas of the literature and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skstrat import DownsampleUpweight, ResampledClassifier, correct_prior

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


# Classifiers -----------------------------------------------------------------------


def undersampled(classifier, X, y, **words):
    """Fit on fewer rows, without weights; return the model and rows / rows kept."""
    resampler = DownsampleUpweight(random_state=0, **words)
    model = ResampledClassifier(
        classifier, resampler, use_weights=False, calibration_check=False
    ).fit(X, y)
    kept = resampler.fit_resample(X, y)[1]
    return model, np.bincount(y) / np.bincount(kept)


def several_classes(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(4, p=[0.817, 0.148, 0.031, 0.004], size=20_000)
    return rng.normal(size=(len(y), 3)) + 0.6 * y[:, None], y


@pytest.mark.parametrize("words", [{"factor": 20}, {"sampling_strategy": {0: 300}}])
def test_classifiers_use_the_formula(words):
    X, y = several_classes(0)
    model, ratio = undersampled(GaussianNB(), X, y, **words)
    q = model.estimator_.predict_proba(X)
    expected = saerens(q, np.ones(4), ratio)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p, expected, rtol=1e-9)
    log_p = model.predict_log_proba(X)
    np.testing.assert_allclose(log_p, np.log(p), rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))
    assert np.mean(model.predict(X) != model.estimator_.predict(X)) > 0.05
    model.set_params(prior_correction=False)
    np.testing.assert_array_equal(model.predict_proba(X), q)


@pytest.mark.parametrize(("seed", "factor"), [(0, 2), (1, 20), (2, 100)])
def test_logistic_model_keeps_slopes_and_moves_the_intercept(rare_events, seed, factor):
    X, y, _ = rare_events(seed=seed)
    model, ratio = undersampled(LogisticRegression(), X, y, factor=factor)
    kept, y_kept, _ = model.resampler_.fit_resample(X, y)
    plain = LogisticRegression().fit(kept, y_kept)
    log_odds = plain.decision_function(X) - np.log(ratio[0])
    np.testing.assert_allclose(model.decision_function(X), log_odds, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(log_odds), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), (log_odds > 0).astype(int))


@pytest.mark.parametrize("seed", range(3))
def test_decisions_of_several_classes_are_log_probabilities(seed):
    X, y = several_classes(seed)
    model, ratio = undersampled(
        LogisticRegression(max_iter=1000), X, y, sampling_strategy="not minority"
    )
    decision = model.decision_function(X)
    moved = decision - model.estimator_.decision_function(X)
    expected = np.tile(np.log(ratio / ratio[-1]), (len(y), 1))
    np.testing.assert_allclose(moved - moved[:, -1:], expected, rtol=0, atol=1e-9)
    proba = softmax(decision, axis=1)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=1e-9)


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
        ([0.5], [1, 1], [[1, 1]], r"target_prior must have shape .* \(1, 2\)"),
        ([0.5], [0, 1], [1, 1], r"train_prior must be positive .* got \[0, 1\]"),
        ([0.5], [1, 1], [-1, 1], r"target_prior must be positive .* got \[-1, 1\]"),
        ([0.5], [1, np.inf], [1, 1], "train_prior must be positive and finite"),
        ([0.5], [1, 1], [1, np.nan], "target_prior must be positive and finite"),
        ([0.5], [1, 1, 1], [1, 1], "one value per class each; got 3 and 2"),
        ([0.5], [1, 1, 1], [1, 1, 1], r"got shape \(1,\) for 3 classes"),
        ([[0.2, 0.8]], [1, 1, 1], [1, 1, 1], r"got shape \(1, 2\) for 3 classes"),
        ([[[0.2, 0.8]]], [1, 1], [1, 1], r"got shape \(1, 1, 2\) for 2 classes"),
        (0.5, [1, 1], [1, 1], r"got shape \(\) for 2 classes"),
        ([0.5, 1.1], [1, 1], [1, 1], r"lie in \[0, 1\]; got values from 0.5 to 1.1"),
        ([-0.1, 0.5], [1, 1], [1, 1], r"lie in \[0, 1\]; got values from -0.1 to 0.5"),
        ([[-1e-9, 1.0]], [1, 1], [1, 1], r"lie in \[0, 1\]"),
        ([0.5, np.nan], [1, 1], [1, 1], r"lie in \[0, 1\]; got values from nan"),
        ([[0.5, 0.5], [0.0, 0.0]], [1, 1], [9, 1], "p must sum to 1"),
    ],
)
def test_errors_say_what_is_wrong(proba, trained, original, message):
    with pytest.raises(ValueError, match=message):
        correct_prior(proba, train_prior=trained, target_prior=original)
