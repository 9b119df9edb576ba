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
    """Give labels, probabilities with ties, and small whole weights."""
    n_rows = draw(st.integers(1, 40))
    several = {"min_size": n_rows, "max_size": n_rows}
    y = draw(st.lists(st.integers(0, 1), **several))
    tied = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
    p = draw(st.lists(st.one_of(tied, st.floats(0, 1)), **several))
    w = draw(st.lists(st.integers(1, 5), **several))
    return np.array(y), np.array(p), np.array(w)


BINS = st.integers(1, 20)


# --- bins ---------------------------------------------------------------------------


def bins_of(y, p, w=None, n_bins=None):
    """Give the weights of the bins, and the bin of every row."""
    bin_of = assign_bins(check_predictions(y, p, w), n_bins)
    weight = None if w is None else np.asarray(w)[np.flatnonzero(w)]
    return np.bincount(bin_of, weight), bin_of


@pytest.mark.parametrize("n_bins", [1, 3, 5, 12])
def test_without_ties_and_weights_the_bins_are_those_of_scikit_learn(n_bins):
    y, p = rare_rows(0, 3000, shift=-1)
    true, predicted = calibration.calibration_curve(
        y, p, n_bins=n_bins, strategy="quantile"
    )
    weight, bin_of = bins_of(y, p, n_bins=n_bins)
    np.testing.assert_allclose(np.bincount(bin_of, y) / weight, true, rtol=1e-12)
    np.testing.assert_allclose(np.bincount(bin_of, p) / weight, predicted, rtol=1e-12)


@given(rows=judged_rows(), n_bins=BINS)
@settings(deadline=None)
def test_whole_weights_are_repeated_rows(rows, n_bins):
    y, p, w = rows
    bin_of = bins_of(y, p, w, n_bins)[1]
    repeated = bins_of(np.repeat(y, w), np.repeat(p, w), None, n_bins)[1]
    np.testing.assert_array_equal(np.repeat(bin_of, w), repeated)


@given(rows=judged_rows(), n_bins=BINS)
@settings(deadline=None)
def test_bins_are_in_order_none_empty_and_equal_predictions_together(rows, n_bins):
    y, p, w = rows
    weight, bin_of = bins_of(y, p, w, n_bins)
    assert 1 <= len(weight) <= n_bins
    assert weight.min() > 0
    order = np.argsort(p)
    steps, moved = np.diff(p[order]), np.diff(bin_of[order])
    assert (moved >= 0).all()
    assert not moved[steps == 0].any()


@pytest.mark.parametrize("n_bins", [2, 5, 15])
def test_bins_have_equal_mass_up_to_the_heaviest_row(n_bins):
    y, p = rare_rows(1, 5000)
    w = np.random.default_rng(2).lognormal(size=len(p))
    weight, _ = bins_of(y, p, w, n_bins)
    assert np.abs(weight - w.sum() / n_bins).max() <= w.max()


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
    [(0, 2), (3, 2), (8, 2), (16, 3), (100, 5), (1000, 10), (3375, 15), (9000, 15)],
)
def test_number_of_bins_is_the_cube_root_of_positive_rows(n_positives, n_bins):
    p = np.linspace(0.01, 0.99, 10_000)
    y = np.arange(10_000) < n_positives
    # Weights do not matter: they say nothing about how sure the shares are.
    w = np.where(y, 50.0, 1.0)
    assert len(bins_of(y, p)[0]) == n_bins
    np.testing.assert_array_equal(bins_of(y, p, w)[1], bins_of(y, p, w, n_bins)[1])


@pytest.mark.parametrize(
    ("n_bins", "error", "message"),
    [
        (0, ValueError, "n_bins == 0, must be >= 1"),
        (2.5, TypeError, "n_bins must be an instance of int"),
        ("5", TypeError, "n_bins must be an instance of int"),
    ],
)
def test_impossible_numbers_of_bins_are_refused(n_bins, error, message):
    with pytest.raises(error, match=message):
        expected_calibration_error([0, 1], [0.2, 0.8], n_bins=n_bins)


# --- expected calibration error -----------------------------------------------------


@given(rows=judged_rows(), n_bins=st.one_of(st.none(), BINS))
@settings(deadline=None)
def test_the_error_lies_between_0_and_1(rows, n_bins):
    y, p, w = rows
    assert 0 <= expected_calibration_error(y, p, w, n_bins=n_bins) <= 1
    assert expected_calibration_error(y, y.astype(float), w, n_bins=n_bins) == 0
    assert expected_calibration_error(y, 1.0 - y, w, n_bins=20) == 1


@given(rows=judged_rows(), n_bins=BINS, scale=st.floats(1e-6, 1e6), seed=st.integers(0))
@settings(deadline=None)
def test_neither_row_order_nor_the_scale_of_weights_matters(rows, n_bins, scale, seed):
    y, p, w = rows
    error = expected_calibration_error(y, p, w, n_bins=n_bins)
    order = np.random.default_rng(seed).permutation(len(y))
    moved = expected_calibration_error(
        y[order], p[order], scale * w[order], n_bins=n_bins
    )
    assert moved == pytest.approx(error, abs=1e-12)


def test_constant_predictions_make_one_bin():
    y = np.repeat([0, 1], [970, 30])
    w = np.linspace(0.5, 2, 1000)
    p = np.full(1000, 0.1)
    assert not bins_of(y, p, w)[1].any()
    expected = abs(0.1 - np.average(y, weights=w))
    error = expected_calibration_error(y, p, w)
    assert error == pytest.approx(expected, abs=1e-15)
    relative = expected_calibration_error(y, p, w, relative=True)
    assert relative == pytest.approx(error / np.average(y, weights=w), rel=1e-12)


def test_an_error_relative_to_nothing_is_refused():
    with pytest.raises(
        ValueError, match="must have a row of the positive class for a ratio"
    ):
        expected_calibration_error([0, 0], [0.1, 0.2], relative=True)
    assert expected_calibration_error([0, 0], [0.1, 0.2]) == pytest.approx(0.15)


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
    # Another way to the same: the mean of |normal| with the variance of each bin.
    spread = [np.sqrt((part * (1 - part)).sum()) for part in np.split(np.sort(p), 5)]
    expected = np.sqrt(2 / np.pi) * np.sum(spread) / len(p)
    assert floor == pytest.approx(expected, rel=0.1)


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


def test_floor_does_not_depend_on_the_scale_of_weights_and_repeats_with_its_seed():
    y, p = rare_rows(0, 5000)
    w = np.where(y, 1.0, 20.0)
    floor = calibration_noise_floor(y, p, w, random_state=3)
    assert calibration_noise_floor(y, p, w, random_state=3) == floor
    assert calibration_noise_floor(y, p, w, random_state=4) != floor
    scaled = calibration_noise_floor(y, p, 0.1 * w, random_state=3)
    assert scaled == pytest.approx(floor, rel=1e-12)
    generator = np.random.default_rng(3)
    assert calibration_noise_floor(y, p, w, random_state=generator) == floor
    relative = calibration_noise_floor(y, p, w, random_state=3, relative=True)
    prevalence = np.average(y, weights=w)
    assert relative == pytest.approx(floor / prevalence, rel=1e-12)


def test_floor_does_not_draw_the_numbers_that_drew_the_data():
    rng = np.random.default_rng(0)
    p = rng.random(2000)
    y = rng.random(2000) < p
    floors = [
        calibration_noise_floor(y, p, n_draws=1, random_state=s) for s in range(9)
    ]
    assert floors[0] < 2 * np.max(floors[1:])


def test_certain_predictions_have_no_noise():
    assert calibration_noise_floor([0, 1, 1], [0.0, 1.0, 1.0]) == 0


def test_impossible_numbers_of_draws_are_refused():
    with pytest.raises(ValueError, match="n_draws == 0, must be >= 1"):
        calibration_noise_floor([0, 1], [0.2, 0.8], n_draws=0)
