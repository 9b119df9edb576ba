"""The shares of the classes among unlabelled rows.

The witnesses are the EM of the paper as a plain loop, an optimiser of scipy, and models
that predict one of two values, whose estimate is arithmetic.
"""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtri, softmax
from sklearn.linear_model import LogisticRegression

from skstrat import (
    CalibrationWarning,
    DownsampleUpweight,
    ResampledClassifier,
    correct_prior,
    estimate_prior,
)

TOO_MUCH = "classes overlap too much for p_unlabelled to tell how frequent each is"


def gaussian(n, rate, auc, seed, trained=0.02):
    """Give what a perfect model says of two Gaussians, and the labels."""
    rng = np.random.default_rng([seed, n])
    distance = np.sqrt(2) * ndtri(auc)
    y = rng.random(n) < rate
    x = rng.normal(size=n) + distance * y
    logit = distance * (x - distance / 2) + np.log(trained / (1 - trained))
    return 1 / (1 + np.exp(-logit)), y


def three_classes(n, shares, trained, seed, distance=2.0):
    """Give what a perfect model says of three Gaussians in a triangle."""
    rng = np.random.default_rng([seed, n])
    y = rng.choice(3, p=shares, size=n)
    x = rng.normal(size=(n, 3)) + distance * np.eye(3)[y]
    return softmax(distance * x + np.log(trained), axis=1)


def em(p, trained):
    """Run the EM of Saerens, Latinne and Decaestecker until nothing moves."""
    prior, change = np.array(trained), 1.0
    while change > 1e-13:
        posterior = p * (prior / trained)
        posterior /= posterior.sum(axis=1, keepdims=True)
        change = np.abs(posterior.mean(axis=0) - prior).max()
        prior = posterior.mean(axis=0)
    return prior


def optimised(p, trained):
    """Maximise the likelihood by BFGS, of logits."""
    ratios = p / trained

    def loss(logits):
        prior = softmax(logits)
        gain = (ratios / (ratios @ prior)[:, None]).mean(axis=0)
        return -np.log(ratios @ prior).mean(), prior * (1 - gain)

    found = minimize(loss, np.log(trained), jac=True, options={"gtol": 1e-10})
    return softmax(found.x)


def columns(p):
    return np.column_stack([1 - p, p])


# Two resamples are too few to tell what is uncertain.
@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("witness", [em, optimised])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_maximum_of_the_likelihood(seed, witness):
    two = columns(gaussian(2000, 0.06, 0.85, seed)[0])
    three = three_classes(2000, [0.5, 0.1, 0.4], [0.9, 0.07, 0.03], seed)
    for p, trained in [(two, [0.98, 0.02]), (three, [0.9, 0.07, 0.03])]:
        found = estimate_prior(p, trained, n_bootstraps=2).prior
        assert found.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(found, witness(p, trained), atol=1e-7)


@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("seed", range(20))
def test_a_hard_likelihood_is_maximised(seed):
    # There EM would multiply each share by 1, and what is 0 by less (Lindsay, 1983).
    rng = np.random.default_rng(seed)
    n_classes = 2 + seed % 7
    trained = rng.dirichlet(np.full(n_classes, 0.3)) + 1e-6
    trained /= trained.sum()
    y = rng.choice(n_classes, p=rng.dirichlet(np.full(n_classes, 0.3)), size=500)
    sharpness = 10 ** rng.uniform(-2, 2)
    logits = rng.normal(size=(500, n_classes)) * min(sharpness, 5)
    p = softmax(logits + sharpness * np.eye(n_classes)[y] + np.log(trained), axis=1)
    prior = estimate_prior(p, trained, n_bootstraps=2).prior
    ratios = p / trained
    gain = (ratios / (ratios @ prior)[:, None]).mean(axis=0)
    assert gain.max() <= 1 + 1e-8
    np.testing.assert_allclose(gain[prior > 1e-6], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("n_high", "n_rows"),
    [(1000, 4000), (200, 4000), (40_000, 160_000), pytest.param(3990, 4000, id="all")],
)
def test_of_two_values_it_is_arithmetic(n_high, n_rows):
    low, high, trained = 0.01, 0.8, 0.1
    p = np.repeat([high, low], [n_high, n_rows - n_high])
    # How often either class gets the high value, if the probabilities are calibrated.
    predicted_high = (trained - low) / (high - low)
    of_second = high * predicted_high / trained
    of_first = (1 - high) * predicted_high / (1 - trained)
    observed = n_high / n_rows
    expected = (observed - of_first) / (of_second - of_first)
    found = estimate_prior(p, [1 - trained, trained], random_state=0)
    if expected >= 1:
        np.testing.assert_allclose(found.prior, [0, 1], atol=1e-8)
        np.testing.assert_allclose(found.standard_error, 0, atol=1e-8)
        return
    np.testing.assert_allclose(found.prior, [1 - expected, expected], rtol=1e-8)
    error = np.sqrt(observed * (1 - observed) / n_rows) / (of_second - of_first)
    # Of 200 resamples the standard error is known to 5 %: three of these.
    np.testing.assert_allclose(found.standard_error, error, rtol=0.15)


@pytest.mark.parametrize(("rate", "auc"), [(0.06, 0.9), (0.3, 0.75)])
def test_the_standard_error_is_that_of_repeats(rate, auc):
    found = [
        estimate_prior(
            gaussian(4000, rate, auc, seed)[0],
            [0.98, 0.02],
            n_bootstraps=20,
            random_state=seed,
        )
        for seed in range(100)
    ]
    shares = np.array([each.prior[1] for each in found])
    errors = np.array([each.standard_error[1] for each in found])
    spread = shares.std(ddof=1)
    assert abs(shares.mean() - rate) < 3 * spread / 10
    # The spread of 100 is known to 7 %.
    assert np.sqrt((errors**2).mean()) == pytest.approx(spread, rel=0.22)
    covered = np.abs(shares - rate) < 2 * errors
    # 20 resamples make it Student's t: 94 %, and three times the error of 100 trials.
    assert covered.mean() > 0.94 - 3 * np.sqrt(0.94 * 0.06 / 100)


@pytest.mark.parametrize("seed", range(5))
def test_three_classes_are_found(seed):
    shares = np.array([0.6, 0.1, 0.3])
    p = three_classes(5000, shares, [0.9, 0.07, 0.03], seed)
    found = estimate_prior(p, [0.9, 0.07, 0.03], n_bootstraps=50, random_state=seed)
    assert (np.abs(found.prior - shares) < 4 * found.standard_error).all()


def test_the_same_seed_gives_the_same():
    p, _ = gaussian(3000, 0.06, 0.9, 0)
    first, same, other = (
        estimate_prior(p, [0.98, 0.02], n_bootstraps=10, random_state=seed)
        for seed in (0, np.random.default_rng(0), 1)
    )
    np.testing.assert_array_equal(first.standard_error, same.standard_error)
    np.testing.assert_array_equal(first.prior, other.prior)
    assert (first.standard_error != other.standard_error).all()


def test_one_column_shares_and_totals_are_the_same():
    p, _ = gaussian(3000, 0.06, 0.9, 0)
    expected = estimate_prior(p, [0.98, 0.02], n_bootstraps=2, random_state=0).prior
    for given in (columns(p), columns(p).tolist(), p.astype(np.float32)):
        found = estimate_prior(
            given, np.array([4900, 100]), n_bootstraps=2, random_state=0
        ).prior
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_absent_class_has_no_share():
    p = np.repeat([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], 500, axis=0)
    found = estimate_prior(p, [0.5, 0.4, 0.1], random_state=0)
    assert found.prior[2] == found.standard_error[2] == 0
    sure = estimate_prior(np.zeros(100), [0.9, 0.1])
    np.testing.assert_array_equal([sure.prior, sure.standard_error], [[1, 0], [0, 0]])


@pytest.mark.parametrize("seed", range(3))
def test_no_warning_of_an_ordinary_model(seed):
    p, y = gaussian(20_000, 0.02, 0.9, seed)
    found = estimate_prior(p, [0.98, 0.02], n_bootstraps=50, random_state=seed)
    assert abs(found.prior[1] - y.mean()) < 4 * found.standard_error[1]
    # Too few rows of a class, with labels as without, are no overlap.
    known = np.repeat([1.0, 0.0], [2, 98])
    rare = estimate_prior(known, [0.5, 0.5], random_state=seed)
    assert rare.standard_error[1] > rare.prior[1] / 2


@pytest.mark.parametrize("seed", range(3))
def test_it_warns_where_classes_overlap(seed):
    p, _ = gaussian(20_000, 0.02, 0.6, seed)
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior(p, [0.98, 0.02], n_bootstraps=50, random_state=seed)
    assert found.standard_error[1] > found.prior[1] / 4


@pytest.mark.parametrize("p", [[0.02] * 1000, [0.3] * 1000, [0.3]])
def test_a_constant_prediction_says_nothing(p):
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior(p, [0.98, 0.02])
    np.testing.assert_array_equal(found.standard_error, np.inf)


def test_two_classes_that_no_row_tells_apart_are_unknown():
    p, _ = gaussian(5000, 0.3, 0.9, 0)
    p = np.column_stack([1 - p, 0.7 * p, 0.3 * p])
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior(p, [0.98, 0.014, 0.006], random_state=0)
    np.testing.assert_array_equal(found.standard_error[1:], np.inf)
    assert abs(found.prior[0] - 0.7) < 4 * found.standard_error[0] < 0.1


@pytest.mark.parametrize(
    ("p", "trained", "options", "message"),
    [
        ([], [1, 1], {}, "p_unlabelled must hold at least one row"),
        ([0.5], [1, 1, 1], {}, r"p_unlabelled must have shape .* for 3 classes"),
        ([0.5, 1.1], [1, 1], {}, r"p_unlabelled must lie in \[0, 1\]"),
        ([0.5, np.nan], [1, 1], {}, r"p_unlabelled must lie in \[0, 1\]"),
        ([[0.5, 0.1]], [1, 1], {}, "p_unlabelled must sum to 1 in every row"),
        ([0.5], [1, 0], {}, "train_prior must be positive and finite"),
        ([0.5], [1], {}, "train_prior must have shape"),
        ([0.5], [1, 1], {"n_bootstraps": 1}, "n_bootstraps must be .*2 on; got 1"),
        ([0.5], [1, 1], {"n_bootstraps": 2.5}, "n_bootstraps must be .*; got 2.5"),
    ],
)
def test_errors_say_what_is_wrong(p, trained, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_prior(p, trained, **options)


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_drifted_is_found_and_predicted(seed):
    rng = np.random.default_rng([seed, 5])

    def rows(n, rate):
        y = rng.random(n) < rate
        return rng.normal(size=(n, 3)) + 0.9 * y[:, None], y

    X, y = rows(40_000, 0.02)
    X_new, y_new = rows(20_000, 0.06)
    model = ResampledClassifier(
        LogisticRegression(), DownsampleUpweight(factor=10, random_state=seed)
    ).fit(X, y)
    p, known = model.predict_proba(X_new), model.target_prior_
    found = estimate_prior(p, known, n_bootstraps=50, random_state=seed)
    assert p[:, 1].mean() < 0.8 * y_new.mean()
    # The model has its error, too, as large as that of the rows.
    assert abs(found.prior[1] - y_new.mean()) < 4 * found.standard_error[1] < 0.02
    there = correct_prior(p, train_prior=known, target_prior=found.prior)
    assert there[:, 1].mean() == pytest.approx(found.prior[1], rel=1e-6)
    assert 0.8 < there[:, 1].mean() / y_new.mean() < 1.25
