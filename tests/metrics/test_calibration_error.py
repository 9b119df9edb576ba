"""Calibration in bins: bins, curve, expected error, noise floor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import calibration

from skstrat.metrics import calibration_noise_floor, expected_calibration_error
from skstrat.metrics._calibration_error import assign_bins
from skstrat.metrics._predictions import check_predictions


def rare_rows(seed, n_rows, shift=-5.5, spread=1.2):
    """Make labels that follow their probabilities, and these."""
    rng = np.random.default_rng(seed)
    p = expit(shift + spread * rng.normal(size=n_rows))
    return rng.random(n_rows) < p, p


@st.composite
def judged_rows(draw):
    """Draw labels, probabilities with ties, and small whole weights."""
    n_rows = draw(st.integers(1, 40))
    several = {"min_size": n_rows, "max_size": n_rows}
    y = draw(st.lists(st.integers(0, 1), **several))
    tied = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
    p = draw(st.lists(st.one_of(tied, st.floats(0, 1)), **several))
    w = draw(st.lists(st.integers(1, 5), **several))
    return np.array(y), np.array(p), np.array(w)


# --- bins ---------------------------------------------------------------------------


def bins_of(y, p, w=None, n_bins=None):
    """Return the weights of the bins, and the bin of every row."""
    bin_of = assign_bins(check_predictions(y, p, w), n_bins)
    weight = None if w is None else np.asarray(w)[np.flatnonzero(w)]
    return np.bincount(bin_of, weight), bin_of


@pytest.mark.parametrize("n_bins", [1, 3, 5, 12])
def test_bins_are_those_of_scikit_learn_and_of_equal_mass(n_bins):
    y, p = rare_rows(0, 3000, shift=-1)
    true, predicted = calibration.calibration_curve(
        y, p, n_bins=n_bins, strategy="quantile"
    )
    weight, bin_of = bins_of(y, p, n_bins=n_bins)
    np.testing.assert_allclose(np.bincount(bin_of, y) / weight, true, rtol=1e-12)
    np.testing.assert_allclose(np.bincount(bin_of, p) / weight, predicted, rtol=1e-12)
    w = np.random.default_rng(2).lognormal(size=3000)
    weight, _ = bins_of(y, p, w, n_bins)
    assert np.abs(weight - w.sum() / n_bins).max() <= w.max()


@given(rows=judged_rows(), n_bins=st.integers(1, 20))
@settings(deadline=None)
def test_bins_of_any_rows(rows, n_bins):
    y, p, w = rows
    weight, bin_of = bins_of(y, p, w, n_bins)
    assert 1 <= len(weight) <= n_bins
    assert weight.min() > 0
    order = np.argsort(p)
    steps, moved = np.diff(p[order]), np.diff(bin_of[order])
    assert (moved >= 0).all()
    assert not moved[steps == 0].any()
    repeated = bins_of(np.repeat(y, w), np.repeat(p, w), None, n_bins)[1]
    np.testing.assert_array_equal(np.repeat(bin_of, w), repeated)
    for number in (n_bins, None):
        assert 0 <= expected_calibration_error(y, p, w, n_bins=number) <= 1
        assert expected_calibration_error(y, y.astype(float), w, n_bins=number) == 0
    assert expected_calibration_error(y, 1.0 - y, w, n_bins=20) == 1


@pytest.mark.parametrize(
    ("w", "masses"),
    [
        ([6, 1, 3], [6, 4]),
        ([3, 1, 6], [4, 6]),
        ([1, 8, 1], [9, 1]),
        ([9, 1, 0], [9, 1]),
    ],
)
def test_a_row_goes_where_the_middle_of_its_weight_falls(w, masses):
    # In the third the middle is on the border, which belongs to the lower bin.
    weight, _ = bins_of([0, 1, 1], [0.1, 0.2, 0.3], w, 2)
    assert weight.tolist() == masses


@pytest.mark.parametrize(
    ("n_positives", "n_bins"),
    [(0, 2), (8, 2), (16, 3), (1000, 10), (3375, 15), (9000, 15)],
)
def test_number_of_bins_is_the_cube_root_of_positive_rows(n_positives, n_bins):
    p = np.linspace(0.01, 0.99, 10_000)
    y = np.arange(10_000) < n_positives
    # Weights do not matter: they say nothing about how sure the shares are.
    w = np.where(y, 50.0, 1.0)
    assert len(bins_of(y, p)[0]) == n_bins
    np.testing.assert_array_equal(bins_of(y, p, w)[1], bins_of(y, p, w, n_bins)[1])


# --- expected calibration error -----------------------------------------------------


def test_constant_predictions_make_one_bin():
    y = np.repeat([0, 1], [970, 30])
    w = np.linspace(0.5, 2, 1000)
    p = np.full(1000, 0.1)
    assert not bins_of(y, p, w)[1].any()
    prevalence = np.average(y, weights=w)
    error = expected_calibration_error(y, p, w)
    assert error == pytest.approx(abs(0.1 - prevalence), abs=1e-15)
    relative = expected_calibration_error(y, p, w, relative=True)
    assert relative == pytest.approx(error / prevalence, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "words", "error", "message"),
    [
        (expected_calibration_error, {"n_bins": 0}, ValueError, "n_bins == 0, must be"),
        (
            expected_calibration_error,
            {"n_bins": 2.5},
            TypeError,
            "n_bins must be an in",
        ),
        (expected_calibration_error, {"relative": True}, ValueError, "must have a row"),
        (calibration_noise_floor, {"n_draws": 0}, ValueError, "n_draws == 0, must be"),
    ],
)
def test_impossible_arguments_are_refused(metric, words, error, message):
    with pytest.raises(error, match=message):
        metric([0, 0], [0.1, 0.2], **words)


# --- noise floor --------------------------------------------------------------------


@pytest.mark.parametrize(("n_positives", "n_bins"), [(100, 15), (100, 5), (1000, 10)])
def test_floor_of_bins_with_equal_expected_events(n_positives, n_bins):
    # Probabilities all but equal, so that bins of equal mass expect equal events.
    n_rows = 200 * n_positives
    p = 0.005 * np.linspace(0.999, 1.001, n_rows)
    y = np.arange(n_rows) % 200 == 0
    floor = calibration_noise_floor(y, p, n_bins=n_bins, relative=True)
    assert floor == pytest.approx(0.798 * np.sqrt(n_bins / n_positives), rel=0.15)


def test_floor_is_the_error_expected_of_a_perfect_model():
    _, p = rare_rows(0, 20_000)
    rng = np.random.default_rng(1)
    errors = [
        expected_calibration_error(rng.random(len(p)) < p, p, n_bins=5)
        for _ in range(200)
    ]
    floor = calibration_noise_floor(rng.random(len(p)) < p, p, n_bins=5, n_draws=200)
    error_of_difference = np.std(errors) * np.sqrt(2 / 200)
    assert abs(floor - np.mean(errors)) < 4 * error_of_difference


def test_floor_holds_on_a_downsampled_test_set():
    errors, floors = [], []
    for seed in range(150):
        y, p = rare_rows(seed, 20_000)
        kept = y | (np.random.default_rng(1000 + seed).random(len(y)) < 1 / 20)
        y, p = y[kept], p[kept]
        w = np.where(y, 1.0, 20.0)
        errors.append(expected_calibration_error(y, p, w, n_bins=4))
        if seed < 10:
            floors.append(calibration_noise_floor(y, p, w, n_bins=4, n_draws=50))
    assert np.mean(floors) == pytest.approx(np.mean(errors), rel=0.15)


def test_floor_repeats_with_its_seed_and_draws_its_own_numbers():
    y, p = rare_rows(0, 5000)
    w = np.where(y, 1.0, 20.0)
    floor = calibration_noise_floor(y, p, w, random_state=3)
    generator = np.random.default_rng(3)
    assert calibration_noise_floor(y, p, w, random_state=generator) == floor
    assert calibration_noise_floor(y, p, w, random_state=4) != floor
    relative = calibration_noise_floor(y, p, w, random_state=3, relative=True)
    assert relative == pytest.approx(floor / np.average(y, weights=w), rel=1e-12)
    assert calibration_noise_floor([0, 1, 1], [0.0, 1.0, 1.0]) == 0
    # The labels were drawn with seed 0 too.
    rng = np.random.default_rng(0)
    p = rng.random(2000)
    y = rng.random(2000) < p
    first, *others = (
        calibration_noise_floor(y, p, n_draws=1, random_state=s) for s in range(9)
    )
    assert first < 2 * max(others)
