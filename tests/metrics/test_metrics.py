"""Metrics and scorers: one contract for all, and witnesses for each."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from pairwise import pairs
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
from sklearn.model_selection import StratifiedKFold, cross_validate

from skstrat import DownsampleUpweight, metrics
from skstrat._core.compat import brier_score_loss, d2_brier_score
from skstrat.metrics._measures import MEASURES

# Arguments for all calls; bins fixed, as their number depends on the rows.
METRICS = {
    "mean_probability_ratio": {},
    "calibration_slope_intercept": {},
    "calibration_slope": {},
    "calibration_in_the_large": {},
    "expected_calibration_error": {"n_bins": 4},
    "calibration_noise_floor": {"n_bins": 4, "n_draws": 5},
}
NEED_BOTH = {name for name in METRICS if "slope" in name or "large" in name}
Y, P = [0, 0, 0, 1, 0, 1], [0.1, 0.1, 0.2, 0.4, 0.6, 0.8]
BOTH, RATIO = "of both classes", "a row of the positive class"


def score(name, y, p, w=None, **more):
    """Call a metric and return its result as one flat array."""
    result = getattr(metrics, name)(y, p, w, **METRICS[name], **more)
    return np.ravel(np.asarray(result, dtype=float))


def containers(values):
    yield np.asarray(values)
    yield np.asarray(values, dtype=object)
    yield pd.Series(values, index=range(len(values), 0, -1))
    yield pl.Series(values)


@pytest.mark.parametrize("name", METRICS)
def test_rows_weights_and_containers(name):
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 1.5, size=400)
    y = (rng.random(400) < expit(odds)).astype(int)
    # Overconfident probabilities with ties, and whole weights.
    p, w = expit(1.4 * odds + 0.3).round(2), rng.integers(1, 5, size=400)
    expected = score(name, y, p, w)
    for given in zip(*map(containers, (y, p, w)), strict=True):
        np.testing.assert_array_equal(score(name, *given), expected)
    np.testing.assert_array_equal(score(name, y, p, np.ones(400)), score(name, y, p))
    for scale in (0.1, 1e-9, 1e12):
        np.testing.assert_allclose(score(name, y, p, scale * w), expected, rtol=1e-11)
    # The floor draws row by row: another order or a repeated row gives other labels.
    if name != "calibration_noise_floor":
        repeated = score(name, np.repeat(y, w), np.repeat(p, w))
        np.testing.assert_allclose(repeated, expected, rtol=0, atol=1e-12)
        order = rng.permutation(400)
        moved = score(name, y[order], p[order], w[order])
        np.testing.assert_allclose(moved, expected, rtol=1e-11)
    # Rows with zero weight are ignored, whatever stands in them.
    there = np.arange(400) % 3 > 0
    odd = np.where(there, y, 7), np.where(there, p, np.nan), np.where(there, w, 0)
    found = score(name, y[there], p[there], w[there])
    np.testing.assert_array_equal(score(name, *odd), found)
    # Single precision is computed in double, and rounding over 1 is 1.
    single = p.astype(np.float32)
    exact = score(name, y, single.astype(float), w)
    np.testing.assert_array_equal(score(name, y, single, w.astype(np.float32)), exact)
    p[0] = 1
    over = np.where(p == 1, 1 + 1e-7, p)
    np.testing.assert_array_equal(score(name, y, over), score(name, y, p))
    parameters = list(inspect.signature(getattr(metrics, name)).parameters.values())
    assert [each.name for each in parameters[:3]] == [
        "y_true",
        "y_prob",
        "sample_weight",
    ]
    assert {each.kind for each in parameters[3:]} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("labels", "pos_label"),
    [
        ([-1, 1], None),
        ([False, True], None),
        (["good", "bad"], "bad"),
        (["bad", "good"], np.str_("good")),
        ([1, 0], 0),
        ([True, False], False),
    ],
)
def test_labels_do_not_matter(name, labels, pos_label):
    y = [labels[code] for code in Y]
    found = score(name, y, P, pos_label=pos_label)
    np.testing.assert_array_equal(found, score(name, Y, P))


TWO = [0.2, 0.8]
REFUSED = {
    r"y_prob must have shape \(2,\), .* got shape \(1,\)": ([0, 1], [0.2]),
    "for each row of y_true, and at least one; got shape": ([], []),
    r"y_prob must have shape .* got shape \(2, 2": ([0, 1], [TWO] * 2),
    r"y_prob must lie in \[0, 1\]; got 1\.1 and 1 such": ([0, 1], [0.2, 1.1]),
    "got nan and 1 such": ([0, 1], [0.2, np.nan]),
    r"sample_weight must have shape \(2,\)": ([0, 1], TWO, [1]),
    "sample_weight must be finite and not negative": ([0, 1], TWO, [1, -1]),
    "got only zeros": ([0, 1], TWO, [0, 0]),
    r"two classes at most; got 3: \[0, 1, 2\]": ([0, 1, 2], [0.1] * 3),
    "1 of 2 labels are missing": ([0, None], TWO),
    "continuous": ([0.5, 1], TWO),
    "pos_label is not specified: either": (["no", "yes"], TWO),
    "pos_label is not specified": ([2, 2], TWO),
    "pos_label must be one of the labels": (["0", "1"], TWO, None, 1),
    "pos_label must be one of": (["a", "b"], TWO, None, "c"),
}


@pytest.mark.parametrize(("name", "message"), pairs(METRICS, REFUSED))
def test_impossible_input_is_refused(name, message):
    y, p, w, pos_label = (*REFUSED[message], None, None)[:4]
    with pytest.raises(ValueError, match=message):
        score(name, y, p, w, pos_label=pos_label)


@pytest.mark.parametrize("name", METRICS)
def test_classes_without_rows(name):
    without_positives = [0, 0, 1], [0.1, 0.2, 0.3], [1, 1, 0]
    if name in NEED_BOTH | {"mean_probability_ratio"}:
        rule = f"y_true must have .*{BOTH if name in NEED_BOTH else RATIO} for .*; got "
        with pytest.raises(ValueError, match=rule):
            score(name, *without_positives)
    else:
        assert np.isfinite(score(name, *without_positives)).all()
    if name in NEED_BOTH:
        with pytest.raises(ValueError, match="got 2 of the positive class in 2 rows"):
            score(name, ["a", "a"], [0.1, 0.2], pos_label="a")
    else:
        assert np.isfinite(score(name, [1, 1, 1], [0.1, 0.2, 0.3])).all()


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
    return model.fit(tol=1e-14, maxiter=100).params


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels_gives_the_same_lines(seed):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 1.5, size=2000)
    y = (rng.random(2000) < expit(odds)).astype(float)
    p = expit(rng.uniform(0.3, 3) * odds + rng.normal())
    w = rng.lognormal(size=2000)
    offset, ones = logit(np.clip(p, 1e-9, 1 - 1e-9)), np.ones(2000)
    line = metrics.calibration_slope_intercept(y, p, w)
    expected = statsmodels_fit(y, np.column_stack([ones, offset]), w)
    assert (line.intercept, line.slope) == pytest.approx(tuple(expected), rel=1e-9)
    assert metrics.calibration_slope(y, p, w) == line.slope
    expected = statsmodels_fit(y, ones, w, offset=offset)[0]
    found = metrics.calibration_in_the_large(y, p, w)
    assert found == pytest.approx(expected, rel=1e-9)


SEPARATED = "one threshold separates the classes"


@pytest.mark.parametrize(
    ("p", "reason"),
    [
        ([0.3] * 4, "all probabilities are the same"),
        ([0.1, 0.2, 0.3, 0.4], SEPARATED),
        ([0.4, 0.3, 0.2, 0.1], SEPARATED),
        ([0.0, 0.0, 1.0, 1.0], SEPARATED),
    ],
)
def test_no_line_is_said_to_be_none(p, reason):
    with pytest.warns(UndefinedMetricWarning, match=f"set to NaN: {reason}"):
        line = metrics.calibration_slope_intercept([0, 0, 1, 1], p)
    assert np.isnan(line).all()
    assert np.isfinite(metrics.calibration_in_the_large([0, 0, 1, 1], p))


LINES = {
    # One overlapping pair: the likelihood is almost flat along the slope.
    "barely there": (
        [0] * 50 + [1, 0] + [1] * 50,
        expit(np.r_[np.linspace(-8, -1, 50), 0, 1e-4, np.linspace(1, 8, 50)]),
        np.ones(102),
        1e-10,
    ),
    # One heavy row far from the few light ones that decide.
    "curvature lost in rounding": (
        [0, 0, 0, 1, 1, 1, 1],
        [
            0.58954799,
            0.41491248,
            0.28195108,
            0.01517874,
            0.4379682,
            0.83381297,
            0.92581652,
        ],
        [5.43e-10, 0.999683, 2.06e-11, 2.73e-10, 1.37e-6, 1.5e-8, 3.15e-4],
        1e-6,
    ),
}


@pytest.mark.parametrize(("y", "p", "w", "tolerance"), LINES.values(), ids=LINES)
def test_lines_that_are_hard_to_find(y, p, w, tolerance):
    line = metrics.calibration_slope_intercept(y, p, w)
    # The equations of maximum likelihood.
    rest = w * (y - expit(line.slope * logit(p) + line.intercept))
    for terms in (rest, rest * logit(p)):
        assert abs(terms.sum()) < tolerance * np.abs(terms).sum()
    assert np.isfinite(metrics.calibration_in_the_large(y, p, w))


def test_weights_far_apart():
    y, p = np.array([0, 1, 0, 1, 1]), [0.1, 0.2, 0.3, 0.4, 0.2]
    w = np.array([1e12, 1e-2, 1.0, 1e6, 1e-300])
    line = metrics.calibration_slope_intercept(y, p, w)
    fitted = expit(line.slope * logit(p) + line.intercept)
    assert w @ fitted == pytest.approx(w @ y, rel=1e-6)
    assert np.isfinite(metrics.calibration_in_the_large(y, p, w))
    # Only the last row, which is lost beside the others, prevents a separation.
    y, p, w = [0, 1, 0, 1], [0.1, 0.5, 0.2, 0.05], [1, 1, 1, 1e-30]
    with pytest.warns(UndefinedMetricWarning, match="one threshold separates"):
        assert np.isnan(metrics.calibration_slope(y, p, w))
    with pytest.raises(ValueError, match="both classes for calibration-in-the-large"):
        metrics.calibration_in_the_large([0, 0, 0, 1], p, w)


def test_rows_at_the_clip_are_finite_and_do_not_outweigh_each_other():
    y, p = [0, 1, 0, 1, 1, 0], [0.0, 0.0, 1.0, 1.0, 0.5, 0.5]
    # Half of the rows are positive at each of the three probabilities.
    line = metrics.calibration_slope_intercept(y, p)
    assert line == pytest.approx((0, 0), abs=1e-9)
    assert metrics.calibration_in_the_large(y, p) == pytest.approx(0, abs=1e-6)


# --- degree of imbalance ------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "degree"),
    [
        ([61, 39], "mild"),
        ([80, 20], "mild"),
        ([81, 19], "moderate"),
        ([991, 9], "extreme"),
        ([34, 33, 33], "none"),
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
    expected = {"a": "moderate", "b": "none", "c": "extreme"}
    assert metrics.imbalance_degree(y, y != "d", per_class=True) == expected
    with pytest.raises(ValueError, match="with a positive sample_weight; got one, 'c'"):
        metrics.imbalance_degree(y, y == "c")


# --- a downsampled test set ---------------------------------------------------------


def test_weights_give_the_values_of_the_full_test_set(rare_events):
    _, y, p = rare_events(n_rows=100_000, prevalence=0.0065, signal=1.2)

    def measured(y, p, w=None):
        weight = {"sample_weight": w}
        return [
            log_loss(y, p, **weight),
            brier_score_loss(y, p, **weight),
            metrics.mean_probability_ratio(y, p, w),
            metrics.calibration_in_the_large(y, p, w),
            roc_auc_score(y, p),
        ]

    full, found = np.array(measured(y, p)), []
    for seed in range(25):
        down = DownsampleUpweight(factor=20, random_state=seed)
        kept, y_kept, w = down.fit_resample(p, y)
        found.append(measured(y_kept, kept, w))
        assert log_loss(y_kept, kept) > 2 * full[0]
    spread = np.std(found, axis=0, ddof=1)
    assert (np.abs(found - full) < 4 * spread).all()
    assert (np.abs(np.mean(found, axis=0) - full) < 4 * spread / 5).all()


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
    return rare_events(n_rows=2000, prevalence=0.1, signal=1.5)[:2]


# The positive label is once the first and once the last of the two: predictions are
# cached between scorers, so all must ask for the same column.
@pytest.mark.parametrize("labels", [("good", "bad"), ("genuine", "theft"), (1, 2)])
def test_scorers_give_what_their_functions_give(fold, labels):
    X, y = fold
    model, scorers = LogisticRegression().fit(X, y), metrics.scorers()
    for name, value in by_hand(model, X, y).items():
        assert scorers[name](model, X, y) == value, name
        assert repr(scorers[name]).startswith("make_scorer(")
    folds, named = StratifiedKFold(3), np.array(labels)[y]
    expected = cross_validate(model, X, y, scoring=scorers, cv=folds)
    scorers = metrics.scorers(pos_label=labels[1])
    given = cross_validate(
        model, X, named, scoring=scorers, cv=folds, error_score="raise"
    )
    for name in NAMES:
        key = f"test_{name}"
        np.testing.assert_allclose(given[key], expected[key], rtol=1e-6, err_msg=name)


def test_scorers_take_weights_where_they_are_routed(fold):
    X, y = fold
    w = np.random.default_rng(0).lognormal(size=len(y))
    train, test = np.arange(1000), np.arange(1000, 2000)
    with sklearn.config_context(enable_metadata_routing=True):
        scoring = {
            name: scorer.set_score_request(sample_weight=True)
            for name, scorer in metrics.scorers().items()
        }
        result = cross_validate(
            LogisticRegression().set_fit_request(sample_weight=False),
            X,
            y,
            scoring=scoring,
            cv=[(train, test)],
            params={"sample_weight": w},
            error_score="raise",
        )
    fitted = LogisticRegression().fit(X[train], y[train])
    for name, value in by_hand(fitted, X[test], y[test], w[test]).items():
        assert result[f"test_{name}"][0] == pytest.approx(value, rel=1e-9)


def test_a_model_without_slope_does_not_stop_a_cross_validation(fold):
    prior = DummyClassifier(strategy="prior")
    with pytest.warns(UndefinedMetricWarning, match="all probabilities are the same"):
        result = cross_validate(
            prior, *fold, scoring=metrics.scorers(), error_score="raise"
        )
    assert np.isnan(result.pop("test_calibration_slope")).all()
    assert all(np.isfinite(values).all() for values in result.values())
