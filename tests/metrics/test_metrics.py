"""Metrics and scorers: one contract for all, and witnesses for each."""

import inspect
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    d2_log_loss_score,
    fbeta_score,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate

from skstrat import DownsampleUpweight, metrics
from skstrat._core.compat import brier_score_loss, d2_brier_score
from skstrat.metrics._measures import MEASURES

# What all of them are called with; bins fixed, as their number goes by rows.
METRICS = {
    "mean_probability_ratio": {},
    "calibration_slope_intercept": {},
    "calibration_slope": {},
    "calibration_in_the_large": {},
    "expected_calibration_error": {"n_bins": 4},
    "calibration_noise_floor": {"n_bins": 4, "n_draws": 5},
}
NEED_BOTH = {
    "calibration_slope_intercept",
    "calibration_slope",
    "calibration_in_the_large",
}
NEED_POSITIVES = NEED_BOTH | {
    "mean_probability_ratio",
}
Y, P = [0, 0, 0, 1, 0, 1], [0.1, 0.1, 0.2, 0.4, 0.6, 0.8]


def score(name, y, p, w=None, **more):
    """Call a metric and give what it returns as one flat array."""
    result = getattr(metrics, name)(y, p, w, **METRICS[name], **more)
    return np.ravel(np.asarray(result, dtype=float))


@pytest.fixture(params=METRICS)
def name(request):
    return request.param


@pytest.fixture
def rows():
    """Give labels, overconfident probabilities with ties, and whole weights."""
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 1.5, size=400)
    y = (rng.random(400) < expit(odds)).astype(int)
    return y, expit(1.4 * odds + 0.3).round(2), rng.integers(1, 5, size=400)


# --- the front door -----------------------------------------------------------------


def test_front_door_lists_what_is_there():
    functions = {
        name
        for name, member in vars(metrics).items()
        if callable(member)
        and member.__module__.startswith("skstrat")
        and not name.startswith("_")
    }
    assert functions == set(metrics.__all__)
    assert sorted(metrics.__all__) == metrics.__all__


@pytest.mark.parametrize("public", metrics.__all__)
def test_docstrings_are_numpydoc(public):
    # A summary may start on the line of the quotes; not all need more paragraphs.
    ignored = {"GL01", "SA01", "ES01", "GL08"}
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = validate(f"skstrat.metrics.{public}")["errors"]
    assert [error for error in errors if error[0] not in ignored] == []


def test_all_are_called_alike(name):
    parameters = inspect.signature(getattr(metrics, name)).parameters
    assert list(parameters)[:3] == ["y_true", "y_prob", "sample_weight"]
    kinds = {p.kind for p in list(parameters.values())[3:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["pos_label"].default is None


# --- the contract of every metric ---------------------------------------------------


def containers(values):
    yield np.asarray(values)
    yield np.asarray(values, dtype=object)
    yield pd.Series(values, index=range(len(values), 0, -1))
    yield pl.Series(values)


def test_containers_do_not_matter(name):
    w = [1.0, 2, 1, 1, 2, 1]
    expected = score(name, Y, P, w)
    for y, p, weight in zip(*map(containers, (Y, P, w)), strict=True):
        np.testing.assert_array_equal(score(name, y, p, weight), expected)


@pytest.mark.parametrize(
    ("labels", "pos_label"),
    [
        ([-1, 1], None),
        ([False, True], None),
        ([0.0, 1.0], None),
        (["good", "bad"], "bad"),
        (["bad", "good"], np.str_("good")),
        ([1, 0], 0),
        ([1, 2], 2),
        ([True, False], False),
    ],
)
def test_labels_do_not_matter(name, labels, pos_label):
    y = [labels[code] for code in Y]
    np.testing.assert_array_equal(
        score(name, y, P, pos_label=pos_label), score(name, Y, P)
    )


# A row is one draw whatever its weight, so a repeated row is another floor.
@pytest.mark.parametrize("name", sorted(set(METRICS) - {"calibration_noise_floor"}))
def test_whole_weights_are_repeated_rows(name, rows):
    y, p, w = rows
    repeated = score(name, np.repeat(y, w), np.repeat(p, w))
    np.testing.assert_allclose(score(name, y, p, w), repeated, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1e-9, 1e12])
def test_the_scale_of_weights_does_not_matter(name, scale, rows):
    y, p, w = rows
    np.testing.assert_allclose(
        score(name, y, p, scale * w), score(name, y, p, w), rtol=1e-11
    )


def test_ones_are_no_weights(name, rows):
    y, p, _ = rows
    np.testing.assert_array_equal(score(name, y, p, np.ones(400)), score(name, y, p))


# The floor draws row by row, so in another order its labels are others.
@pytest.mark.parametrize("name", sorted(set(METRICS) - {"calibration_noise_floor"}))
def test_the_order_of_rows_does_not_matter(name, rows):
    order = np.random.default_rng(1).permutation(400)
    moved = score(name, *(values[order] for values in rows))
    np.testing.assert_allclose(moved, score(name, *rows), rtol=1e-11)


def test_rows_without_weight_are_absent(name, rows):
    y, p, w = rows
    w = np.where(np.arange(400) % 3, w, 0)
    there = w > 0
    expected = score(name, y[there], p[there], w[there])
    # Whatever stands in them: a third class, no probability.
    y, p = np.where(there, y, 7), np.where(there, p, np.nan)
    np.testing.assert_array_equal(score(name, y, p, w), expected)


def test_single_precision_is_computed_in_double(name, rows):
    y, p, w = rows
    exact = p.astype(np.float32).astype(np.float64)
    given = score(name, y, p.astype(np.float32), w.astype(np.float32))
    np.testing.assert_array_equal(given, score(name, y, exact, w))


@pytest.mark.parametrize(
    ("y", "p", "w", "message"),
    [
        ([0, 1], [0.2], None, r"y_prob must have shape \(2,\), .* got shape \(1,\)"),
        ([], [], None, "for each row of y_true, and at least one; got shape"),
        ([0, 1], [[0.8, 0.2]] * 2, None, r"y_prob must have shape .* got shape \(2, 2"),
        ([0, 1], [0.2, 1.1], None, r"y_prob must lie in \[0, 1\]; got 1\.1 and 1 such"),
        ([0, 1], [-3.0, 2.0], None, "got -3.0 and 2 such"),
        ([0, 1], [0.2, np.nan], None, "got nan and 1 such"),
        ([0, 1], [0.2, np.inf], None, "got inf and 1 such"),
        ([0, 1], [0.2, 0.8], [1], r"sample_weight must have shape \(2,\)"),
        ([0, 1], [0.2, 0.8], [1, -1], "sample_weight must be finite and not negative"),
        ([0, 1], [0.2, 0.8], [0, 0], "got only zeros"),
        ([0, 1, 2], [0.1] * 3, None, r"two classes at most; got 3: \[0, 1, 2\]"),
        ([0, None], [0.1] * 2, None, "1 of 2 labels are missing"),
        ([0.5, 1], [0.1] * 2, None, "continuous"),
    ],
)
def test_impossible_input_is_refused(name, y, p, w, message):
    with pytest.raises(ValueError, match=message):
        score(name, y, p, w)


@pytest.mark.parametrize("y", [["no", "yes"], [1, 2], [2, 2], [0, -1], ["1", "0"]])
def test_the_positive_class_must_be_known(name, y):
    with pytest.raises(ValueError, match="and pos_label is not specified: either"):
        score(name, y, [0.2, 0.8])


@pytest.mark.parametrize(("y", "pos_label"), [(["0", "1"], 1), (["a", "b"], "c")])
def test_the_positive_class_must_be_there(name, y, pos_label):
    with pytest.raises(ValueError, match="pos_label must be one of the labels"):
        score(name, y, [0.2, 0.8], pos_label=pos_label)


@pytest.mark.parametrize("name", sorted(NEED_POSITIVES))
def test_without_positive_rows_there_is_no_ratio(name):
    rule = "of both classes" if name in NEED_BOTH else "a row of the positive class"
    with pytest.raises(ValueError, match=f"y_true must have .*{rule} for .*; got "):
        score(name, [0, 0, 1], [0.1, 0.2, 0.3], [1, 1, 0])


@pytest.mark.parametrize("name", sorted(NEED_BOTH))
def test_without_negative_rows_there_is_no_regression(name):
    with pytest.raises(ValueError, match="got 2 of the positive class in 2 rows"):
        score(name, ["a", "a"], [0.1, 0.2], pos_label="a")


@pytest.mark.parametrize("name", sorted(set(METRICS) - NEED_POSITIVES))
def test_one_class_is_enough_where_nothing_is_divided_by_it(name):
    for y in ([0, 0, 0], [1, 1, 1]):
        assert np.isfinite(score(name, y, [0.1, 0.2, 0.3])).all()


def test_rounding_over_1_is_1(name):
    p = np.array([0.2, 0.3, 0.1, 1.0, 0.6, 0.4])
    over = np.where(p == 1, 1 + 1e-7, p)
    np.testing.assert_array_equal(score(name, Y, over), score(name, Y, p))


def test_by_hand():
    # Bins {.1 .1 .2} and {.4 .6 .8}.
    assert metrics.mean_probability_ratio(Y, P) == pytest.approx(2.2 / 2)
    error = metrics.expected_calibration_error(Y, P, n_bins=2)
    assert error == pytest.approx((0.4 / 3 + 2 / 3 - 0.6) / 2)
    relative = metrics.expected_calibration_error(Y, P, n_bins=2, relative=True)
    assert relative == pytest.approx(3 * error)


# --- slope, intercept, ratio --------------------------------------------------------


def statsmodels_fit(y, predictors, w, offset=None):
    sm = pytest.importorskip("statsmodels.api")
    model = sm.GLM(
        y, predictors, family=sm.families.Binomial(), freq_weights=w, offset=offset
    )
    return model.fit(tol=1e-14, maxiter=100)


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels_gives_the_same_lines(seed):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 1.5, size=2000)
    y = (rng.random(2000) < expit(odds)).astype(float)
    p = expit(rng.uniform(0.3, 3) * odds + rng.normal())
    w = rng.lognormal(size=2000)
    offset = logit(np.clip(p, 1e-9, 1 - 1e-9))
    slope = statsmodels_fit(y, np.column_stack([np.ones(2000), offset]), w)
    line = metrics.calibration_slope_intercept(y, p, w)
    assert (line.intercept, line.slope) == pytest.approx(tuple(slope.params), rel=1e-9)
    assert metrics.calibration_slope(y, p, w) == line.slope
    in_the_large = statsmodels_fit(y, np.ones(2000), w, offset=offset)
    assert metrics.calibration_in_the_large(y, p, w) == pytest.approx(
        in_the_large.params[0], rel=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_true_probabilities_are_calibrated_within_their_error(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(-5, 1.2, size=50_000)
    p = expit(x)
    y = rng.random(50_000) < p
    variance = p * (1 - p)
    information = np.array(
        [[variance.sum(), variance @ x], [variance @ x, variance @ x**2]]
    )
    error_intercept, error_slope = np.sqrt(np.diag(np.linalg.inv(information)))
    line = metrics.calibration_slope_intercept(y, p)
    assert abs(line.slope - 1) < 4 * error_slope
    assert abs(line.intercept) < 4 * error_intercept
    error_shift = 1 / np.sqrt(variance.sum())
    assert abs(metrics.calibration_in_the_large(y, p)) < 4 * error_shift
    error_ratio = np.sqrt(variance.sum()) / p.sum()
    assert abs(1 / metrics.mean_probability_ratio(y, p) - 1) < 4 * error_ratio
    doubled = expit(x + np.log(2))
    shift = metrics.calibration_in_the_large(y, doubled)
    assert abs(shift + np.log(2)) < 4 * error_shift
    assert shift == pytest.approx(
        metrics.calibration_in_the_large(y, p) - np.log(2), abs=1e-9
    )
    assert metrics.calibration_slope(y, doubled) == pytest.approx(line.slope, rel=1e-9)


@given(
    codes=st.lists(st.integers(0, 1), min_size=3, max_size=30),
    slope=st.floats(0.5, 5),
    shift=st.floats(-3, 3),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None)
def test_a_moved_prediction_moves_its_line(codes, slope, shift, seed):
    x = np.random.default_rng(seed).normal(size=len(codes))
    y = np.array(codes)
    if y.min() == y.max() or x[y == 0].max() <= x[y == 1].min():
        return
    if x[y == 1].max() <= x[y == 0].min():
        return
    line = metrics.calibration_slope_intercept(y, expit(x))
    moved = metrics.calibration_slope_intercept(y, expit((x - shift) / slope))
    np.testing.assert_allclose(moved.slope, slope * line.slope, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        moved.intercept, line.intercept + line.slope * shift, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(
    ("p", "reason"),
    [
        ([0.3] * 4, "all probabilities are the same"),
        ([0.1, 0.1 + 1e-15, 0.1, 0.1], "all probabilities are the same"),
        ([0.1, 0.2, 0.3, 0.4], "one threshold separates the classes"),
        ([0.1, 0.2, 0.2, 0.4], "one threshold separates the classes"),
        ([0.4, 0.3, 0.2, 0.1], "one threshold separates the classes"),
        ([0.0, 0.0, 1.0, 1.0], "one threshold separates the classes"),
    ],
)
def test_no_line_is_said_to_be_none(p, reason):
    with pytest.warns(UndefinedMetricWarning, match=f"set to NaN: {reason}"):
        line = metrics.calibration_slope_intercept([0, 0, 1, 1], p)
    assert np.isnan(line).all()
    assert np.isfinite(metrics.calibration_in_the_large([0, 0, 1, 1], p))


def test_a_line_that_barely_exists_is_found():
    # One overlapping pair: the likelihood is almost flat along the slope.
    y = np.array([0] * 50 + [1, 0] + [1] * 50)
    x = np.concatenate([np.linspace(-8, -1, 50), [0, 1e-4], np.linspace(1, 8, 50)])
    line = metrics.calibration_slope_intercept(y, expit(x))
    fitted = expit(line.slope * x + line.intercept)
    # The equations of maximum likelihood.
    assert abs((y - fitted).sum()) < 1e-10
    assert abs((y - fitted) @ x) < 1e-10
    assert line.slope > 5


def test_weights_far_apart_are_no_obstacle():
    y, p = [0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.2]
    w = np.array([1e12, 1e-2, 1.0, 1e6, 1e-300])
    line = metrics.calibration_slope_intercept(y, p, w)
    fitted = expit(line.slope * logit(p) + line.intercept)
    assert w @ fitted == pytest.approx(w @ y, rel=1e-6)
    assert np.isfinite(metrics.calibration_in_the_large(y, p, w))


def test_a_curvature_lost_in_rounding_is_no_obstacle():
    # One heavy row far from the few light ones that decide.
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    p = np.array([58954799, 41491248, 28195108, 1517874, 43796820, 83381297, 92581652])
    p = p / 1e8
    w = np.array([5.43e-10, 0.999683, 2.06e-11, 2.73e-10, 1.37e-6, 1.5e-8, 3.15e-4])
    line = metrics.calibration_slope_intercept(y, p, w)
    rest = w * (y - expit(line.slope * logit(p) + line.intercept))
    assert abs(rest.sum()) < 1e-6 * np.abs(rest).sum()
    assert abs(rest @ logit(p)) < 1e-6 * np.abs(rest * logit(p)).sum()


def test_a_weight_lost_beside_the_others_counts_for_nothing():
    # Only the last row keeps the classes from being separated.
    y, p, w = [0, 1, 0, 1], [0.1, 0.5, 0.2, 0.05], [1, 1, 1, 1e-30]
    with pytest.warns(UndefinedMetricWarning, match="one threshold separates"):
        assert np.isnan(metrics.calibration_slope(y, p, w))
    with pytest.raises(ValueError, match="both classes for calibration-in-the-large"):
        metrics.calibration_in_the_large([0, 0, 0, 1], p, w)


def test_rows_at_the_clip_are_finite_and_do_not_outweigh_each_other():
    y, p = [0, 1, 0, 1, 1, 0], [0.0, 0.0, 1.0, 1.0, 0.5, 0.5]
    line = metrics.calibration_slope_intercept(y, p)
    # Half of the rows are positive at each of the three probabilities.
    assert line == pytest.approx((0, 0), abs=1e-9)
    assert metrics.calibration_in_the_large(y, p) == pytest.approx(0, abs=1e-6)


# --- degree of imbalance ------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "degree"),
    [
        ([50, 50], "none"),
        ([60, 40], "none"),
        ([61, 39], "mild"),
        ([80, 20], "mild"),
        ([81, 19], "moderate"),
        ([99, 1], "moderate"),
        ([991, 9], "extreme"),
        ([34, 33, 33], "none"),
        ([40, 35, 25], "mild"),
    ],
)
def test_degree_of_imbalance(counts, degree):
    y = np.repeat(np.arange(len(counts)), counts)
    assert metrics.imbalance_degree(y) == degree
    assert metrics.imbalance_degree(range(len(counts)), counts) == degree
    degrees = metrics.imbalance_degree(y, per_class=True)
    assert degrees[int(np.argmin(counts))] == degree
    assert degrees[int(np.argmax(counts))] == "none"


def test_degrees_are_by_label_of_the_classes_that_count():
    y = pd.Series(["b"] * 900 + ["a"] * 95 + ["c"] * 5 + ["d"])
    w = np.ones(1001)
    w[-1] = 0
    expected = {"a": "moderate", "b": "none", "c": "extreme"}
    assert metrics.imbalance_degree(y, w, per_class=True) == expected
    weights = np.where(y == "b", 0.0, 1.0)
    with pytest.raises(ValueError, match="with a positive sample_weight; got one, 'c'"):
        metrics.imbalance_degree(y, weights * (y == "c"))


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6))
@settings(deadline=None)
def test_degrees_follow_the_shares(counts):
    degree = metrics.imbalance_degree(range(len(counts)), counts)
    share = Fraction(min(counts), sum(counts))
    # Borders themselves are left to the examples above: shares are binary fractions.
    if share < Fraction(99, 10_000):
        assert degree == "extreme"
    if share > Fraction(1, 2 * len(counts)) * Fraction(161, 100):
        assert degree == "none"


# --- a downsampled test set ---------------------------------------------------------


def test_weights_give_the_values_of_the_full_test_set(rare_events):
    _, y, p = rare_events(n_rows=100_000, prevalence=0.0065, signal=1.2)
    found = {"auc": [], "log loss": [], "ratio": [], "shift": [], "brier": []}
    unweighted = []
    for seed in range(25):
        down = DownsampleUpweight(factor=20, random_state=seed)
        kept, y_kept, w = down.fit_resample(p.reshape(-1, 1), y)
        kept = kept[:, 0]
        found["auc"].append(roc_auc_score(y_kept, kept))
        found["log loss"].append(log_loss(y_kept, kept, sample_weight=w))
        found["ratio"].append(metrics.mean_probability_ratio(y_kept, kept, w))
        found["shift"].append(metrics.calibration_in_the_large(y_kept, kept, w))
        found["brier"].append(brier_score_loss(y_kept, kept, sample_weight=w))
        unweighted.append(log_loss(y_kept, kept))
    full = {
        "auc": roc_auc_score(y, p),
        "log loss": log_loss(y, p),
        "ratio": metrics.mean_probability_ratio(y, p),
        "shift": metrics.calibration_in_the_large(y, p),
        "brier": brier_score_loss(y, p),
    }
    for measure, values in found.items():
        spread = max(np.std(values, ddof=1), 1e-12)
        assert np.abs(np.array(values) - full[measure]).max() < 4 * spread, measure
        assert abs(np.mean(values) - full[measure]) < 4 * spread / 5, measure
    assert min(unweighted) > 2 * full["log loss"]


# --- scorers ------------------------------------------------------------------------

NAMES = [each.scorer_name for each in MEASURES.values() if each.score]


def by_hand(model, X, y, w=None):
    p, predicted = model.predict_proba(X)[:, 1], model.predict(X)
    weight = {"sample_weight": w}
    return {
        "roc_auc": roc_auc_score(y, p, **weight),
        "average_precision": average_precision_score(y, p, **weight),
        "neg_log_loss": -log_loss(y, p, **weight),
        "d2_log_loss_score": d2_log_loss_score(y, p, **weight),
        "neg_brier_score": -brier_score_loss(y, p, **weight),
        "d2_brier_score": d2_brier_score(y, p, **weight),
        "f2": fbeta_score(y, predicted, beta=2, **weight),
        "mean_probability_ratio": metrics.mean_probability_ratio(y, p, w),
        "calibration_slope": metrics.calibration_slope(y, p, w),
        "calibration_in_the_large": metrics.calibration_in_the_large(y, p, w),
        "neg_expected_calibration_error": -metrics.expected_calibration_error(y, p, w),
    }


@pytest.fixture
def fold(rare_events):
    X, y, _ = rare_events(n_rows=2000, prevalence=0.1, signal=1.5)
    return X, y


def test_scorers_give_what_their_functions_give(fold):
    X, y = fold
    model = LogisticRegression().fit(X, y)
    scorers, expected = metrics.scorers(), by_hand(model, X, y)
    for name, value in expected.items():
        assert scorers[name](model, X, y) == value, name


# The positive label is once the first and once the last of the two: predictions are
# cached between scorers, so all must ask for the same column.
@pytest.mark.parametrize("labels", [("good", "bad"), ("genuine", "theft"), (1, 2)])
def test_scorers_of_other_labels(fold, labels):
    X, y = fold
    folds = StratifiedKFold(3)
    expected = cross_validate(
        LogisticRegression(), X, y, scoring=metrics.scorers(), cv=folds
    )
    given = cross_validate(
        LogisticRegression(),
        X,
        np.array(labels)[y],
        scoring=metrics.scorers(pos_label=labels[1]),
        cv=folds,
        error_score="raise",
    )
    for name in NAMES:
        key = f"test_{name}"
        np.testing.assert_allclose(given[key], expected[key], rtol=1e-6, err_msg=name)


def test_scorers_in_a_search(fold):
    X, y = fold
    search = GridSearchCV(
        LogisticRegression(),
        {"C": [1e-6, 1.0]},
        scoring=metrics.scorers(),
        refit="neg_log_loss",
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert search.best_score_ == search.cv_results_["mean_test_neg_log_loss"].max() < 0
    slopes = search.cv_results_["mean_test_calibration_slope"]
    assert slopes[0] > 100  # squeezed together
    assert slopes[1] == pytest.approx(1, abs=0.2)


def test_scorers_take_weights_where_they_are_routed(fold):
    X, y = fold
    w = np.random.default_rng(0).lognormal(size=len(y))
    train, test = np.arange(1000), np.arange(1000, 2000)
    with sklearn.config_context(enable_metadata_routing=True):
        scoring = {
            name: scorer.set_score_request(sample_weight=True)
            for name, scorer in metrics.scorers().items()
        }
        model = LogisticRegression().set_fit_request(sample_weight=False)
        result = cross_validate(
            model,
            X,
            y,
            scoring=scoring,
            cv=[(train, test)],
            params={"sample_weight": w},
            error_score="raise",
        )
    fitted = LogisticRegression().fit(X[train], y[train])
    expected = by_hand(fitted, X[test], y[test], w[test])
    for name, value in expected.items():
        assert result[f"test_{name}"][0] == pytest.approx(value, rel=1e-9)


def test_the_prior_prediction_scores_zero(fold):
    X, y = fold
    prior = DummyClassifier(strategy="prior").fit(X, y)
    scorers = metrics.scorers()
    for name in ("d2_log_loss_score", "d2_brier_score", "f2"):
        assert scorers[name](prior, X, y) == pytest.approx(0, abs=1e-12)
    assert scorers["mean_probability_ratio"](prior, X, y) == pytest.approx(1)
    # One minus the normalized entropy of He et al. (2014).
    model = LogisticRegression().fit(X, y)
    share = y.mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    normalized = log_loss(y, model.predict_proba(X)) / entropy
    assert scorers["d2_log_loss_score"](model, X, y) == pytest.approx(1 - normalized)


def test_a_model_without_slope_does_not_stop_a_cross_validation(fold):
    X, y = fold
    prior = DummyClassifier(strategy="prior")
    with pytest.warns(UndefinedMetricWarning, match="all probabilities are the same"):
        result = cross_validate(
            prior, X, y, scoring=metrics.scorers(), error_score="raise"
        )
    assert np.isnan(result["test_calibration_slope"]).all()
    for name in set(NAMES) - {"calibration_slope"}:
        assert np.isfinite(result[f"test_{name}"]).all(), name
