"""The prior correction: one formula under many names.

The witnesses are the formulas of the literature and exact
rational arithmetic.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB

from skstrat import DownsampleUpweight, ResampledClassifier, correct_prior

quiet = settings(deadline=None, max_examples=300)
probability = st.floats(1e-6, 1 - 1e-6)
kept_fraction = st.floats(1e-4, 1)
total = st.floats(1e-3, 1e6)


def dal_pozzolo(q, beta):
    return beta * q / (beta * q - q + 1)


def forward(p, beta):
    return p / (p + beta * (1 - p))


def he(q, rate):
    return q / (q + (1 - q) / rate)


def elkan(p, old, new):
    return new * (p - p * old) / (old - p * old + new * p - old * new)


def saerens(q, trained, original):
    ratio = (np.asarray(original) / np.sum(original)) / (
        np.asarray(trained) / np.sum(trained)
    )
    weighted = q * ratio
    return weighted / weighted.sum(axis=-1, keepdims=True)


def king_zeng(q, population, sample):
    """Move the intercept of a logistic model that predicts q."""
    move = np.log(float((1 - population) / population * sample / (1 - sample)))
    return 1 / (1 + np.exp(-(np.log(q) - np.log1p(-q) - move)))


def exact(q, trained, original):
    """Give the corrected probability of the second of two classes, in fractions."""
    q, m, n = (
        [Fraction(value) for value in values]
        for values in ([1 - Fraction(q), q], trained, original)
    )
    odds = [q[c] * n[c] / m[c] for c in (0, 1)]
    return float(odds[1] / sum(odds))


def undersampled(classifier, rare_events, seed=0, factor=20, **arguments):
    """Fit on fewer negatives, without weights; give model, data and beta."""
    X, y, _ = rare_events(seed=seed, **arguments)
    resampler = DownsampleUpweight(factor=factor, random_state=seed)
    model = ResampledClassifier(
        classifier, resampler, use_weights=False, calibration_check=False
    ).fit(X, y)
    negatives = (y == 0).sum()
    return model, X, y, round(negatives / factor) / negatives


def several_classes(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(4, p=[0.817, 0.148, 0.031, 0.004], size=20_000)
    return rng.normal(size=(len(y), 3)) + 0.6 * y[:, None], y


# 24: all formulas of the literature are one


@quiet
@given(
    q=probability,
    beta=kept_fraction,
    n_negative=st.integers(1, 10**7),
    n_positive=st.integers(1, 10**5),
)
def test_formulas_of_the_literature_agree(q, beta, n_negative, n_positive):
    trained = [beta * n_negative, n_positive]
    original = [n_negative, n_positive]
    found = correct_prior([q], train_prior=trained, target_prior=original)[0]
    # In floats 1 - share would lose the digits of a share close to 1.
    sample, population = (
        n_positive / sum(map(Fraction, rows)) for rows in (trained, original)
    )
    witnesses = {
        "Dal Pozzolo": dal_pozzolo(q, beta),
        "He": he(q, beta),
        "Elkan": float(elkan(Fraction(q), sample, population)),
        "Saerens": saerens(np.array([1 - q, q]), trained, original)[1],
        "King and Zeng": king_zeng(q, population, sample),
        "logit shift": expit(logit(q) + np.log(beta)),
        "fractions": exact(q, trained, original),
    }
    for name, expected in witnesses.items():
        assert found == pytest.approx(expected, rel=1e-8), name


@pytest.mark.parametrize(
    ("q", "beta", "expected"),
    [
        (0.5, 0.05, 1 / 21),  # 10 negatives per positive are 200
        (1 / 11, 0.05, 1 / 201),
        (0.091, 0.01, 0.001),  # He et al.: from 9.1 % back to .1 %
    ],
)
def test_arithmetic_on_paper(q, beta, expected):
    found = correct_prior([q], train_prior=[beta, 1], target_prior=[1, 1])
    assert found == pytest.approx([expected], rel=2e-3)


@pytest.mark.parametrize("use_weights", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_classifier_uses_the_formula(rare_events, use_weights, seed):
    model, X, y, beta = undersampled(GaussianNB(), rare_events, seed)
    q = model.estimator_.predict_proba(X)[:, 1]
    if use_weights:
        # Restoring weights passed: nothing is left to correct, to the last bit.
        model.set_params(use_weights=True).fit(X, y)
        q = model.estimator_.predict_proba(X)[:, 1]
        np.testing.assert_array_equal(model.predict_proba(X)[:, 1], q)
    else:
        p = model.predict_proba(X)
        np.testing.assert_allclose(p[:, 1], dal_pozzolo(q, beta), rtol=1e-8)
        np.testing.assert_allclose(p[:, 1], he(q, beta), rtol=1e-8)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        np.testing.assert_allclose(
            model.predict_log_proba(X), np.log(p), rtol=1e-8, atol=1e-12
        )
        model.set_params(prior_correction=False)
        np.testing.assert_array_equal(model.predict_proba(X)[:, 1], q)


# 25: ranks stay


@quiet
@given(shift=st.floats(-12, 12), seed=st.integers(0, 100))
def test_correction_is_strictly_monotone(shift, seed):
    low = 10 ** np.random.default_rng(seed).uniform(-9, -1, 500)
    # Moved towards 1, where numbers are coarse, neighbours close to 1 would collapse.
    high = 1 - low if shift <= 0 else low
    q = np.unique(np.concatenate([low, high, np.linspace(0, 1, 1001)]))
    p = correct_prior(q, train_prior=[1, 1], target_prior=[1, np.exp(shift)])
    assert np.all(np.diff(p) > 0)


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(),
        GaussianNB(),
        LinearDiscriminantAnalysis(),
        RandomForestClassifier(n_estimators=20, random_state=0),
        HistGradientBoostingClassifier(max_iter=20),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.parametrize("factor", [4, 90])
def test_ranks_stay_the_same(rare_events, classifier, factor):
    model, X, y, beta = undersampled(classifier, rare_events, factor=factor, signal=2.0)
    q = model.estimator_.predict_proba(X)[:, 1]
    p = model.predict_proba(X)[:, 1]
    assert p.mean() < q.mean() * (1 + beta) / 2
    assert roc_auc_score(y, p) == roc_auc_score(y, q)
    assert average_precision_score(y, p) == average_precision_score(y, q)


# 26: fixed points, identity, composition, inverse


@quiet
@given(trained=st.tuples(total, total), original=st.tuples(total, total))
def test_certainty_stays(trained, original):
    np.testing.assert_array_equal(
        correct_prior([0, 1], train_prior=trained, target_prior=original), [0, 1]
    )
    sure = np.eye(2)
    np.testing.assert_array_equal(
        correct_prior(sure, train_prior=trained, target_prior=original), sure
    )


@quiet
@given(q=probability, first=kept_fraction, second=kept_fraction)
def test_identity_composition_and_inverse(q, first, second):
    def correct(value, beta):
        return correct_prior([value], train_prior=[beta, 1], target_prior=[1, 1])[0]

    assert correct(q, 1) == pytest.approx(q, rel=1e-9)
    both = correct(q, first * second)
    assert correct(correct(q, first), second) == pytest.approx(both, rel=1e-9)
    assert forward(correct(q, first), first) == pytest.approx(q, rel=1e-9)
    p = [correct(q, first)]
    back = correct_prior(p, train_prior=[1, 1], target_prior=[first, 1])
    assert back == pytest.approx([q], rel=1e-9)


# 27: thresholds


@pytest.mark.parametrize("beta", [1e-4, 0.01, 0.05, 0.5, 1])
@pytest.mark.parametrize("threshold", [0.001, 0.02, 0.3, 0.5, 0.9])
def test_a_mapped_threshold_decides_alike(beta, threshold):
    q = np.random.default_rng(0).random(100_000)
    q = np.concatenate([q, q**8, 1 - q**8])
    mapped = forward(threshold, beta)
    decisions = correct_prior(q, train_prior=[beta, 1], target_prior=[1, 1]) > threshold
    np.testing.assert_array_equal(decisions, q > mapped)
    assert 0 < decisions.mean() < 1


@quiet
@given(n_positive=st.integers(1, 10**5), n_negative=st.integers(1, 10**7))
def test_even_odds_become_the_prevalence(n_positive, n_negative):
    prevalence = n_positive / (n_positive + n_negative)
    original = [n_negative, n_positive]
    found = correct_prior([0.5], train_prior=[1, 1], target_prior=original)
    assert found == pytest.approx([prevalence], rel=1e-12)
    assert forward(prevalence, n_positive / n_negative) == pytest.approx(0.5, rel=1e-9)


# 28: several classes


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
    p = correct_prior(q, train_prior=trained, target_prior=original)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(p, saerens(q, trained, original), rtol=1e-8)
    scaled = correct_prior(
        q, train_prior=scale_trained * trained, target_prior=scale_original * original
    )
    np.testing.assert_allclose(scaled, p, rtol=1e-12)
    ratio = original / trained
    for c in range(1, q.shape[1]):
        for d in range(c):
            np.testing.assert_allclose(
                p[:, c] / p[:, d],
                q[:, c] / q[:, d] * (ratio[c] / ratio[d]),
                rtol=1e-9,
            )


@quiet
@given(q=probability, trained=st.tuples(total, total), original=st.tuples(total, total))
def test_two_columns_equal_one(q, trained, original):
    one = correct_prior([q], train_prior=trained, target_prior=original)
    two = correct_prior([[1 - q, q]], train_prior=trained, target_prior=original)
    np.testing.assert_allclose(two[:, 1], one, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("names", [[0, 1, 2, 3], ["d", "c", "b", "a"]], ids=str)
def test_classifier_of_several_classes_predicts_the_corrected_class(seed, names):
    X, codes = several_classes(seed)
    y = np.array(names)[codes]
    resampler = DownsampleUpweight(
        sampling_strategy={names[0]: 300, names[1]: 300}, random_state=seed
    )
    model = ResampledClassifier(GaussianNB(), resampler, use_weights=False).fit(X, y)
    trained = {name: (y == name).sum() for name in names}
    trained.update({names[0]: 300, names[1]: 300})
    classes = np.unique(y)
    q = model.estimator_.predict_proba(X)
    expected = saerens(
        q, [trained[name] for name in classes], [(y == name).sum() for name in classes]
    )
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), classes[expected.argmax(axis=1)])
    assert np.mean(model.predict(X) != model.estimator_.predict(X)) > 0.05


# 29: a logistic model keeps its slopes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [2, 20, 100])
def test_logistic_model_keeps_slopes_and_moves_the_intercept(rare_events, seed, factor):
    model, X, y, beta = undersampled(LogisticRegression(), rare_events, seed, factor)
    resampler = DownsampleUpweight(factor=factor, random_state=seed)
    X_kept, y_kept, _ = resampler.fit_resample(X, y)
    plain = LogisticRegression().fit(X_kept, y_kept)
    log_odds = X @ plain.coef_[0] + plain.intercept_[0] + np.log(beta)
    np.testing.assert_allclose(model.decision_function(X), log_odds, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(log_odds), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), (log_odds > 0).astype(int))


@pytest.mark.parametrize("seed", range(3))
def test_decisions_of_several_classes_are_log_probabilities(seed):
    X, y = several_classes(seed)
    resampler = DownsampleUpweight(sampling_strategy="not minority", random_state=seed)
    # Of 80 rows a class, drawn alone, nothing well calibrated comes.
    model = ResampledClassifier(
        LogisticRegression(max_iter=1000),
        resampler,
        use_weights=False,
        calibration_check=False,
    ).fit(X, y)
    decision = model.decision_function(X)
    moved = decision - model.estimator_.decision_function(X)
    expected = np.log(np.bincount(y)) - np.log(np.bincount(y).min())
    np.testing.assert_allclose(
        moved - moved[:, -1:], np.tile(expected, (len(y), 1)), rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        softmax(decision, axis=1), model.predict_proba(X), rtol=1e-9
    )


# 30: extremes


@pytest.mark.parametrize("beta", [1e-12, 1e-6, 1, 1e12])
@pytest.mark.parametrize("columns", [1, 2])
def test_extremes_stay_finite(beta, columns):
    q = np.array([0, 5e-324, 1e-300, 1e-12, 0.5, 1 - 1e-12, np.nextafter(1, 0), 1])
    proba = q if columns == 1 else np.column_stack([1 - q, q])
    p = correct_prior(proba, train_prior=[beta, 1], target_prior=[1, 1])
    assert np.isfinite(p).all()
    assert np.all((p >= 0) & (p <= 1))
    found = p if columns == 1 else p[:, 1]
    expected = [exact(value, [beta, 1], [1, 1]) for value in q.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("beta", [1e-12, 1e-6, 0.05])
@pytest.mark.parametrize("columns", [1, 2])
def test_float32_gives_double_accuracy(beta, columns):
    q = np.random.default_rng(0).random(200).astype(np.float32)
    q = np.concatenate([q, q**9, np.float32([1e-30, 1 - 6e-8, 0, 1])])
    # Fractions of the float32 numbers: 1 - q is exact in float64, not in float32.
    proba = q
    if columns == 2:
        proba = np.column_stack([1 - q, q])
        assert proba.dtype == np.float32
        q = q[proba.astype(float).sum(axis=1) == 1]
        proba = np.column_stack([1 - q, q])
    assert len(q) > 100
    p = correct_prior(proba, train_prior=[beta, 1], target_prior=[1, 1])
    assert p.dtype == np.float64
    expected = [exact(value, [beta, 1], [1, 1]) for value in q.tolist()]
    found = p if columns == 1 else p[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_rounding_above_one_is_forgiven():
    above = np.nextafter(np.float32(1), np.float32(2))
    np.testing.assert_array_equal(
        correct_prior([above], train_prior=[1, 1], target_prior=[9, 1]), [1]
    )


# Errors


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
    ],
)
def test_errors_say_what_is_wrong(proba, trained, original, message):
    with pytest.raises(ValueError, match=message):
        correct_prior(proba, train_prior=trained, target_prior=original)


def test_a_row_without_any_probability_is_refused():
    with pytest.raises(ValueError, match="p must sum to 1"):
        correct_prior([[0.5, 0.5], [0.0, 0.0]], train_prior=[1, 1], target_prior=[9, 1])
