"""The recommended factor keeps the log loss that it promises, and the limits."""

import dataclasses
import pickle
from dataclasses import FrozenInstanceError
from functools import lru_cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, recommend_factor
from skstrat._core.samples import check_samples
from skstrat.displays import FactorDisplay
from skstrat.resamplers._efficiency import (
    fit_ridge,
    guided_efficiency,
    offset_efficiency,
    weighted_variance,
    weights_efficiency,
)
from skstrat.resamplers._factor import choose_rows, split_majority
from skstrat.resamplers._pilot import MOST_POSITIVES, run_pilot

mpl.use("Agg")
import matplotlib.pyplot as plt

# ROC AUC: true efficiency with the prior corrected and with weights, at 1 % positives
# and a factor of 20 (250 and more simulated fits of five normal features).
TRUE_EFFICIENCY = {0.64: (0.81, 0.80), 0.75: (0.71, 0.66), 0.91: (0.50, 0.34)}


# Independent witnesses: what class sizes and weights alone say.


def relative_efficiency_bound(n1, n0, factor):
    """Bound the efficiency that is left, from the class sizes alone (Ury, 1975)."""
    return (1 / n1 + 1 / n0) / (1 / n1 + factor / n0)


def kish_ess(weights):
    """Give the effective sample size of rows alike but for weights (Kish, 1965)."""
    values = np.asarray(weights, dtype=np.float64)
    values = values / values.max()
    return float(values.sum() ** 2 / (values**2).sum())


@lru_cache
def population(auc, prevalence=0.01):
    """Find intercept and slope of logit P(y = 1 | z), z normal, by quadrature."""
    z = np.linspace(-9, 9, 4001)
    density = np.exp(-(z**2) / 2)
    density /= density.sum()

    def bisect(is_low, low, high):
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if is_low(middle) else (low, middle)
        return low

    def intercept(slope):
        return bisect(
            lambda at: density @ expit(at + slope * z) < prevalence, -40.0, 10.0
        )

    def area(slope):
        p = expit(intercept(slope) + slope * z)
        positive, negative = density * p, density * (1 - p)
        below = np.cumsum(negative) - negative / 2
        return positive @ below / positive.sum() / negative.sum()

    slope = bisect(lambda at: area(at) < auc, 0.01, 8.0)
    return intercept(slope), slope


def rows(auc=0.75, n_positives=500, seed=0, n_features=5, prevalence=0.01):
    intercept, slope = population(auc, prevalence)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(round(n_positives / prevalence), n_features))
    score = X.sum(axis=1) / np.sqrt(n_features)
    y = rng.random(len(X)) < expit(intercept + slope * score)
    return X, y.astype(int)


def pilot_of(X, y, seed=0, weights=None, estimator=None):
    samples = check_samples(X, y, weights)
    return run_pilot(X, split_majority(samples.labels), samples, estimator, seed)


def variance_of(pilot, penalty=None):
    return weighted_variance(
        pilot.design,
        pilot.positive,
        pilot.weights,
        pilot.incoming,
        pilot.penalty if penalty is None else penalty,
    )


def efficiency_at(factor, kind, pilot):
    if kind == "weights":
        variance = variance_of(pilot)
        return weights_efficiency(variance.growth / variance.whole, factor)
    if kind == "guided":
        return guided_efficiency(pilot.p, pilot.positive, factor, pilot.weights)
    positive = pilot.positive
    return offset_efficiency(pilot.p[positive], factor, pilot.weights[positive])


# Predicted efficiencies


@pytest.mark.parametrize("auc", TRUE_EFFICIENCY)
def test_efficiencies_are_near_the_true_ones(auc):
    offset, weights = TRUE_EFFICIENCY[auc]
    for seed in range(3):
        pilot = pilot_of(*rows(auc, seed=seed), seed)
        assert efficiency_at(20, "offset", pilot) == pytest.approx(offset, abs=0.1)
    pilot = pilot_of(*rows(auc, n_positives=2000, seed=9), 9)
    assert efficiency_at(20, "offset", pilot) == pytest.approx(offset, abs=0.07)
    assert efficiency_at(20, "weights", pilot) == pytest.approx(weights, abs=0.06)


@pytest.mark.slow
def test_efficiencies_are_those_of_many_fits():
    n_fits, factor = 250, 20
    _, slope = population(0.75)
    truth = np.full(5, slope / np.sqrt(5))
    squares = {"all": 0.0, "weights": 0.0, "offset": 0.0}
    model = LogisticRegression(C=1e8, solver="newton-cholesky")
    predicted = {"weights": 0.0, "offset": 0.0}
    for seed in range(n_fits):
        X, y = rows(seed=1000 + seed)
        kept, y_kept, w = DownsampleUpweight(
            factor=factor, random_state=seed
        ).fit_resample(X, y)
        fits = {"all": (X, y), "weights": (kept, y_kept, w), "offset": (kept, y_kept)}
        for name, data in fits.items():
            squares[name] += ((model.fit(*data).coef_[0] - truth) ** 2).sum()
        if seed < 20:
            pilot = pilot_of(X, y, seed)
            for name in predicted:
                predicted[name] += efficiency_at(20, name, pilot) / 20
    for name, efficiency in predicted.items():
        measured = squares["all"] / squares[name]
        assert efficiency == pytest.approx(measured, abs=0.1), name


@pytest.mark.parametrize("penalty", [0.0, 50.0])
def test_efficiency_with_weights_is_that_of_the_matrices(penalty):
    X, y = rows(seed=3)
    X = X * [1, 100, 1e-3, 1, 1] + [0, 5, 0, 0, 1e3]
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    pilot = pilot_of(X, y, 1, weights)
    v, incoming = pilot.weights, pilot.incoming
    # An independent fit of the rows as they are; the columns are scaled in it alone.
    scale = pilot.design.std(axis=0)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    x = np.column_stack([np.ones(len(v)), pilot.design])
    lam = np.diag([0.0] + [penalty] * 5)
    found = variance_of(pilot, penalty)
    if penalty:
        unit = v.sum()
        centred = (pilot.design - pilot.design.mean(axis=0)) / scale
        ridge = np.append(0, penalty / unit / scale**2)
        columns = np.column_stack([np.ones(len(v)), centred])
        p = fit_ridge(columns, pilot.positive, v / unit, ridge)
    else:
        centred = (pilot.design - pilot.design.mean(axis=0)) / scale
        model.fit(centred, pilot.positive, sample_weight=v / v.mean())
        p = model.predict_proba(centred)[:, 1]
    A = (x.T * (v * p * (1 - p))) @ x
    inverse = np.linalg.inv(A + lam)
    for factor in (1, 2, 30):
        # Incoming weights count twice, because rows are kept whole.
        B = (x.T * (v * incoming * p * (1 - p) * (1 + (factor - 1) * p))) @ x
        expected = np.trace(inverse @ B @ inverse @ A)
        trace = found.whole + (factor - 1) * found.growth
        assert trace == pytest.approx(expected, rel=1e-5)
    assert v[pilot.positive].sum() == pytest.approx(weights[y == 1].sum())
    assert v[~pilot.positive].sum() == pytest.approx(weights[y == 0].sum())
    # A column that says nothing new, or nothing at all, changes nothing.
    if not penalty:
        more = np.column_stack([pilot.design, pilot.design[:, 0] * 2, np.ones(len(p))])
        again = weighted_variance(more, pilot.positive, v, incoming)
        assert again.growth == pytest.approx(found.growth, rel=1e-6)


def test_the_ridge_fit_is_that_of_scikit_learn():
    X, y = rows(0.91, n_positives=100)
    weights = np.random.default_rng(0).exponential(size=len(y))
    model = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-10)
    expected = model.fit(X, y, sample_weight=weights).predict_proba(X)[:, 1]
    x = np.column_stack([np.ones(len(y)), X])
    p = fit_ridge(x, y == 1, weights, np.array([0.0] + [2.0] * 5))
    np.testing.assert_allclose(p, expected, rtol=1e-4)


@pytest.mark.slow
def test_unequal_weights_lose_by_their_squares():
    """The variance of many fits is the witness: rows are kept whole."""
    factor, fits = 20, {"all": [], "kept": []}
    model = LogisticRegression(C=np.inf, solver="newton-cholesky")
    predicted, unsquared = [], []
    for seed in range(200):
        X, y = rows(n_positives=250, seed=3000 + seed)
        weights = np.exp(0.4 * X.sum(axis=1))
        resampler = DownsampleUpweight(factor=factor, random_state=seed)
        drawn = resampler.fit_resample(X, y, sample_weight=weights)
        for name, data in (("all", (X, y, weights)), ("kept", drawn)):
            fits[name].append(model.fit(*data).coef_[0])
        if seed < 20:
            pilot = pilot_of(X, y, seed, weights)
            predicted.append(efficiency_at(factor, "weights", pilot))
            ones = dataclasses.replace(pilot, incoming=np.ones(len(pilot.p)))
            unsquared.append(efficiency_at(factor, "weights", ones))
    variance = {name: np.var(found, axis=0).sum() for name, found in fits.items()}
    measured = variance["all"] / variance["kept"]
    # The ratio of two variances of 200 fits of five slopes is known to 6 % or so.
    assert np.mean(predicted) == pytest.approx(measured, rel=0.2)
    assert np.mean(unsquared) > 1.2 * measured


probabilities = st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1, max_size=20)


@given(probabilities, st.lists(st.floats(1, 1e6), min_size=2, max_size=6))
def test_efficiency_falls_from_one(p, factors):
    p = np.array(p)
    v = np.linspace(1, 2, len(p))
    for efficiency in (
        lambda factor: offset_efficiency(p, factor, v),
        lambda factor: weights_efficiency(np.average(p, weights=v), factor),
    ):
        assert efficiency(1.0) == 1.0
        values = [efficiency(factor) for factor in sorted(factors)]
        assert all(0 < value <= 1 for value in values)
        assert np.all(np.diff(values) <= 1e-15)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(1, 1e4))
def test_without_signal_all_rules_are_one(n1, n0, factor):
    p = np.full(3, n1 / (n1 + n0))
    bound = pytest.approx(relative_efficiency_bound(n1, n0, factor), rel=1e-9)
    assert offset_efficiency(p, factor) == bound
    assert weights_efficiency(p[0], factor) == bound


def test_noise_is_predicted_to_lose_what_the_class_sizes_say():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50_000, 2)), (np.arange(50_000) % 100 == 0).astype(int)
    bound = relative_efficiency_bound(500, 49_500, 20)
    pilot = pilot_of(X, y)
    for kind in ("offset", "weights", "guided"):
        assert efficiency_at(20, kind, pilot) == pytest.approx(bound, abs=0.02)


def test_guided_rows_are_chosen_by_the_chance_that_keeps_as_many():
    # One positive and four negatives, by hand: the chances of the negatives are
    # clip(rho p, .2 / 4, 1) = .05, .1, .25, .6 at rho = 1, which is 1/4 in the mean.
    p = np.array([0.5, 0.01, 0.1, 0.25, 0.6])
    positive, ones = np.array([True] + [False] * 4), np.ones(5)
    expected = 1 / (1 + 1 / 0.5) / (1 / (1 + 1))
    assert guided_efficiency(p, positive, 4.0, ones) == pytest.approx(expected)
    assert guided_efficiency(p, positive, 1.0, ones) == 1.0
    pilot = pilot_of(*rows(0.91, n_positives=2000))
    found = [efficiency_at(factor, "guided", pilot) for factor in (5, 20, 100)]
    # One over the simulated ratios of variances with the offset: 1.01, 1.11, 1.68.
    np.testing.assert_allclose(found, [0.99, 0.90, 0.60], atol=0.08)


# Effective sample size


def test_bound_is_that_of_the_published_arithmetic():
    factors = [1, 2, 5, 10, 20, 50, 100, 199]
    found = [relative_efficiency_bound(1000, 199_000, factor) for factor in factors]
    expected = [1, 0.995, 0.980, 0.957, 0.913, 0.803, 0.669, 0.503]
    np.testing.assert_allclose(found, expected, atol=6e-4)
    # Ury's rule: 10 of infinitely many controls per case give 10/11.
    assert relative_efficiency_bound(1, 1e9, 1e8) == pytest.approx(10 / 11)


def test_kish_over_all_rows_is_about_the_rows_kept():
    expected = {1: 200_000, 2: 100_251, 5: 40_161, 10: 20_090, 20: 10_048, 50: 4020}
    for factor, size in expected.items():
        n0 = round(199_000 / factor)
        weights = np.repeat([1.0, factor], [1000, n0])
        assert kish_ess(weights) == pytest.approx(size, abs=0.5)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda w: max(w) > 1e-3)
)
def test_kish_is_scale_free_and_at_most_the_rows(weights):
    weights = np.array(weights)
    size = kish_ess(weights)
    assert 1 - 1e-12 <= size <= len(weights) * (1 + 1e-12)
    assert kish_ess(weights * 1e250) == pytest.approx(size)
    assert kish_ess(np.full(len(weights), 0.3)) == pytest.approx(len(weights))
    assert kish_ess([*weights, 0.0]) == pytest.approx(size)


# The choice


@given(
    mean_p=st.floats(1e-9, 1 - 1e-9),
    max_loss=st.floats(1e-6, 1),
    n0=st.integers(2, 10**7),
    n1=st.integers(2, 10**5),
    ratio=st.floats(1e-3, 1e5),
    n_columns=st.integers(1, 3000),
)
def test_rows_are_the_fewest_within_the_limits(
    mean_p, max_loss, n0, n1, ratio, n_columns
):
    def loss(factor):
        return 0.05 * (factor - 1) * mean_p

    kept, limited_by = choose_rows(loss, max_loss, n0, n1, ratio, n_columns)
    limits = {
        "max_loss": lambda kept: loss(n0 / kept) <= max_loss,
        "negatives_per_positive": lambda kept: kept >= n0 / ratio,
        "least_rows": lambda kept: kept >= max(10_000, 20 * n_columns),
        "least_positives": lambda kept: n1 >= 30 or kept >= n0,
    }
    assert 1 <= kept <= n0
    if kept < n0:
        assert all(keeps(kept) for keeps in limits.values())
    assert not limits[limited_by](kept - 1)


@settings(max_examples=15, deadline=None)
@given(
    n0=st.integers(50, 40_000),
    n1=st.integers(4, 200),
    max_loss=st.sampled_from([1e-4, 0.01, 0.5]),
    n_columns=st.sampled_from([1, 60]),
    seed=st.integers(0, 2**64 - 1),
)
def test_limits_hold_for_any_data(n0, n1, max_loss, n_columns, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n0 + n1, n_columns))
    y = rng.permutation(np.repeat(["no", "yes"], [max(n0, n1), min(n0, n1)]))
    X[y == "yes", 0] += rng.exponential()
    found = recommend_factor(X, y, max_loss=max_loss, random_state=seed)
    big, small = max(n0, n1), min(n0, n1)
    kept = found.rows - small
    assert found.factor >= 1
    assert found.factor == big / kept
    if found.factor > 1:
        assert kept >= max(10_000, 20 * n_columns, small)
        assert small >= 30
        low, high = found.loss_range
        # A share of estimation beyond one half is not told from one half.
        assert low < found.loss < high or found.estimation_share == 0.5
        assert low <= found.loss <= high
        assert found.loss <= max_loss
    X_kept, y_kept, _ = DownsampleUpweight(
        factor=found.factor, random_state=seed
    ).fit_resample(X, y)
    assert len(X_kept) == found.rows
    assert (y_kept == "no").sum() == kept


def test_each_limit_can_decide():
    X, y = rows(0.91, n_positives=400)
    strong = recommend_factor(X, y, max_loss=3e-4, random_state=0)
    assert strong.limited_by == "max_loss"
    assert 1 < strong.factor < 4
    assert strong.loss == pytest.approx(3e-4, rel=1e-3)
    assert strong.loss <= 3e-4
    few_rows = recommend_factor(X, y, max_loss=1, random_state=0)
    assert few_rows.limited_by == "least_rows"
    assert few_rows.rows == 10_000 + y.sum()
    ratio = recommend_factor(*rows(0.64, 12_000, prevalence=0.3), random_state=0)
    assert ratio.limited_by == "negatives_per_positive"
    assert ratio.rows == pytest.approx(2 * ratio.n_rows / (1 + ratio.factor), abs=1)
    few = recommend_factor(X, np.arange(len(X)) % 2000 == 0, random_state=0)
    assert few.limited_by == "least_positives"
    assert (few.factor, few.loss, few.loss_range) == (1.0, 0.0, (0.0, 0.0))
    balanced = recommend_factor(np.zeros((90, 1)), np.arange(90) % 2, random_state=0)
    assert (balanced.factor, balanced.rows, balanced.factors) == (1.0, 90, (1.0,))


def test_a_smaller_loss_keeps_more_rows():
    X, y = rows(0.91)
    factors = [
        recommend_factor(X, y, max_loss=loss, random_state=0).factor
        for loss in (1e-9, 1e-4, 3e-4, 1e-3)
    ]
    assert factors == sorted(set(factors))
    assert factors[0] < 1.001


def test_the_share_is_that_of_the_parameters_that_are_counted():
    """Without signal d / (2 n L) is known, with six parameters and L the entropy."""
    X, y = rows(0.5001, n_positives=1000)
    found = recommend_factor(X, y, LogisticRegression(), random_state=0)
    prevalence = y.mean()
    entropy = -(
        prevalence * np.log(prevalence) + (1 - prevalence) * np.log(1 - prevalence)
    )
    expected = 6 / (2 * len(y) * entropy)
    assert found.estimation_share == pytest.approx(expected, rel=0.05)
    # A strong ridge leaves the intercept alone.
    ridge = recommend_factor(X, y, LogisticRegression(C=1e-5), random_state=0)
    assert ridge.estimation_share == pytest.approx(expected / 6, rel=0.1)
    assert ridge.loss < found.loss


def test_linear_models_are_chosen_for_by_weights_and_others_by_the_offset():
    X, y = rows(0.91)
    linear = recommend_factor(X, y, LogisticRegression(), random_state=0)
    assert linear.correction == "weights"
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    scaled = recommend_factor(X, y, piped, random_state=0)
    assert scaled.correction == "weights"
    assert scaled.loss == pytest.approx(linear.loss, rel=0.05)
    guided = recommend_factor(X, y, LogisticRegression(), guided=True, random_state=0)
    assert guided.correction == "guided"
    assert guided.efficiency > linear.efficiency
    bayes = recommend_factor(X, y, GaussianNB(), random_state=0)
    assert bayes.correction == "offset"


def test_columns_made_by_a_pipeline_are_counted():
    X, y = rows(0.91)
    frame = pd.DataFrame(X).assign(text=np.where(X[:, 0] > 0, "a", "b"))
    frame.columns = frame.columns.astype(str)
    coded = make_column_transformer((OneHotEncoder(), ["text"]))
    model = make_pipeline(coded, LogisticRegression(C=np.inf))
    found = recommend_factor(frame, y, model, random_state=0)
    assert found.correction == "weights"
    alone = recommend_factor((X[:, :1] > 0) * 1.0, y, random_state=0)
    # Two columns of one text are one parameter, as the column of 0 and 1 is.
    assert found.estimation_share == pytest.approx(alone.estimation_share, rel=0.05)


# The pilot


class Recorder(ClassifierMixin, BaseEstimator):
    """Naive Bayes that writes down which rows it meets; column 0 names them."""

    calls = []

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(X[:, 1:], y)
        self.classes_ = self.inner_.classes_
        self.calls.append(("fit", X[:, 0], y))
        return self

    def predict_proba(self, X):
        self.calls.append(("predict", X[:, 0], None))
        return self.inner_.predict_proba(X[:, 1:])


def test_every_row_of_the_pilot_is_predicted_by_a_model_that_never_saw_it():
    X, y = rows(n_positives=100)
    X = np.column_stack([np.arange(len(X)), X])
    Recorder.calls = []
    pilot_of(X, y, estimator=Recorder())
    (_, fitted, codes), (_, tested, _), (_, again, _), (_, other, _) = Recorder.calls
    n1 = y.sum()
    assert set(fitted) == set(other)
    assert set(tested) == set(again)
    assert not set(fitted) & set(tested)
    assert len(fitted) + len(tested) == 2 * MOST_POSITIVES
    np.testing.assert_array_equal(y[fitted.astype(int)], codes)
    assert abs(codes.sum() - n1 / 2) <= 1
    drawn = np.concatenate([fitted, tested]).astype(int)
    assert y[drawn].sum() == n1


class OnDisk:
    """Rows that can be had only by position, counted as they are read."""

    def __init__(self, values):
        self.values, self.shape, self.n_read = values, values.shape, 0

    def __getitem__(self, rows):
        self.n_read += len(rows)
        return self.values[rows]


def test_only_the_rows_of_the_pilot_are_read():
    X, y = rows(n_positives=2500, prevalence=0.05)
    on_disk = OnDisk(X)
    found = recommend_factor(on_disk, y, random_state=0)
    assert on_disk.n_read == 2 * MOST_POSITIVES
    assert found == recommend_factor(X, y, random_state=0)


def test_the_same_seed_gives_the_same_answer():
    X, y = rows()
    found = recommend_factor(X, y, random_state=7)
    assert found == recommend_factor(X, y, random_state=7)
    assert found != recommend_factor(X, y, random_state=8)
    one, two = (
        recommend_factor(X, y, random_state=np.random.default_rng(3)) for _ in range(2)
    )
    assert one == two
    forest = RandomForestClassifier(n_estimators=5)
    one, two = (recommend_factor(X, y, forest, random_state=3) for _ in range(2))
    assert one == two
    assert not hasattr(forest, "estimators_")
    assert forest.random_state is None


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        GaussianNB(),
        LinearDiscriminantAnalysis(),
        HistGradientBoostingClassifier(max_iter=20),
        make_pipeline(StandardScaler(), LogisticRegression()),
        DecisionTreeClassifier(),  # sure of every row
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("routing", [False, True])
def test_any_classifier_with_probabilities(estimator, routing):
    X, y = rows(n_positives=150)
    with config_context(enable_metadata_routing=routing):
        found = recommend_factor(
            X, y, estimator, sample_weight=np.full(len(y), 3.0), random_state=0
        )
    assert 1 <= found.factor <= len(y) / 1000
    assert np.isfinite(found.loss_by_factor).all()


def test_classes_that_never_mix_have_an_efficiency_too():
    y = (np.arange(20_000) % 50 == 0).astype(int)
    X = np.random.default_rng(0).normal(size=(len(y), 2)) + 50 * y[:, np.newaxis]
    for estimator in (None, DecisionTreeClassifier(), GaussianNB()):
        found = recommend_factor(X, y, estimator, random_state=0)
        assert 1 <= found.factor < 20
        assert 0 <= found.loss <= 0.01


# Weights


def test_the_unit_of_weights_does_not_matter():
    X, y = rows()
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    small, large = (
        recommend_factor(X, y, sample_weight=weights * unit, random_state=0)
        for unit in (1e-3, 1e3)
    )
    assert small.factor == pytest.approx(large.factor, rel=1e-2)
    np.testing.assert_allclose(small.loss_by_factor, large.loss_by_factor, rtol=1e-3)
    ones = recommend_factor(X, y, sample_weight=np.ones(len(y)), random_state=0)
    none = recommend_factor(X, y, random_state=0)
    np.testing.assert_allclose(ones.loss_by_factor, none.loss_by_factor, rtol=1e-9)


def test_a_row_of_zero_weight_is_not_there():
    X, y = rows()
    n = len(y) - 5000
    weights = np.where(np.arange(len(y)) < n, 1.0, 0.0)
    X_odd = X.copy()
    X_odd[n:] = np.nan
    y_odd = y.copy()
    y_odd[n:] = 2
    found = recommend_factor(X_odd, y_odd, sample_weight=weights, random_state=0)
    there = recommend_factor(X[:n], y[:n], sample_weight=np.ones(n), random_state=0)
    assert found == there
    assert found.n_rows == n


def test_rows_of_zero_weight_are_not_drawn_and_change_no_other_draw():
    X, y = rows(n_positives=100)
    named = np.column_stack([np.arange(len(X)), X])
    weights = np.ones(len(y))
    weights[np.flatnonzero(y == 0)[::100]] = 0
    drawn = []
    for incoming in (None, weights):
        Recorder.calls = []
        pilot_of(named, y, 0, incoming, Recorder())
        drawn.append(
            {int(row) for call, at, _ in Recorder.calls if call == "fit" for row in at}
        )
    assert not drawn[1] & set(np.flatnonzero(weights == 0))
    assert len(drawn[0] & drawn[1]) > 0.95 * len(drawn[0])


def test_a_pipeline_is_given_the_weights_with_and_without_routing():
    X, y = rows()
    weights = np.where(y == 1, np.exp(X[:, 0]), 1.0)
    weights[y == 1] /= weights[y == 1].mean()
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    plain, ignored = (
        efficiency_at(20, "offset", pilot_of(X, y, 0, incoming, piped))
        for incoming in (weights, None)
    )
    with config_context(enable_metadata_routing=True):
        routed = efficiency_at(20, "offset", pilot_of(X, y, 0, weights, piped))
    assert routed == plain
    assert plain < ignored - 0.05


def test_weights_count_as_that_many_rows():
    X, y = rows(n_positives=1000)
    repeats = np.where(y == 0, 4, np.where(X.sum(axis=1) > 2, 3, 1))
    found = pilot_of(X, y, 0, repeats)
    repeated = pilot_of(X.repeat(repeats, axis=0), y.repeat(repeats))
    for factor in (5.0, 20.0, 50.0):
        expected = efficiency_at(factor, "offset", repeated)
        assert efficiency_at(factor, "offset", found) == pytest.approx(
            expected, abs=0.03
        )
    # Of six tenths of the mass more rows are as many negatives per positive.
    X, y = rows(0.64, 12_000, prevalence=0.3)
    weights = np.where(y == 0, 0.6, 1.0)
    bounded = recommend_factor(X, y, sample_weight=weights, random_state=0)
    n0, n1 = np.bincount(y)
    assert bounded.limited_by == "negatives_per_positive"
    assert bounded.rows - n1 == int(np.ceil(n1 / 0.6))
    assert bounded.n_rows == n0 + n1


# Containers and labels


def frames(X, y):
    names = [f"c{i}" for i in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names, index=np.arange(len(X))[::-1] * 2)
    yield frame, pd.Series(y, index=frame.index)
    yield frame, np.where(y == 1, "yes", "no")
    yield frame.astype("Float64"), pd.Series(y, dtype="category")
    yield pl.DataFrame(X, schema=names), pl.Series(y)
    yield pa.table(dict(zip(names, X.T, strict=True))), pa.array(y)
    yield X.tolist(), y.tolist()
    yield np.asfortranarray(X), y == 1
    yield X.reshape(len(X), -1, 1), y.reshape(-1, 1)


def test_every_container_gives_the_same_answer():
    X, y = rows(n_positives=100)
    found = recommend_factor(X, y, random_state=0)
    for data, labels in frames(X, y):
        other = recommend_factor(data, labels, random_state=0)
        assert other.factor == found.factor
        assert other.loss_by_factor == found.loss_by_factor
        assert other.majority == ("no" if isinstance(other.majority, str) else 0)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_are_not_centred_but_else_the_same(kind):
    X, y = rows()
    X = X * (X > 0)
    dense = recommend_factor(X, y, random_state=0)
    found = recommend_factor(kind(X), y, random_state=0)
    assert found.correction == "weights"
    np.testing.assert_allclose(found.loss_by_factor, dense.loss_by_factor, rtol=0.02)
    # More columns than positives are never written out.
    wide = sparse.hstack([kind(X), sparse.csr_matrix((len(y), 200_000))])
    found = recommend_factor(wide.tocsr(), y, random_state=0)
    assert found.limited_by == "positives_per_column"
    X[::7, 0] = np.nan
    assert recommend_factor(kind(X), y, random_state=0).correction == "offset"


@pytest.mark.parametrize("library", [pd, pl], ids=lambda each: each.__name__)
def test_text_and_missing_values_go_to_trees(library):
    X, y = rows(0.91, n_positives=400)
    third = np.digitize(X[:, 2], [-1, 0, 1])
    columns = {
        "number": np.where(X[:, 0] > 2, np.nan, X[:, 0] + X[:, 1]).tolist(),
        "text": [None if i % 50 == 0 else "dcba"[k] for i, k in enumerate(third)],
        "many": [f"{value:+.3f} km" for value in X[:, 3]],
        "flag": (X[:, 4] > 0).tolist(),
        "day": (np.datetime64("2020-01-01") + np.arange(len(y)) % 300).tolist(),
    }
    frame = library.DataFrame(columns)
    found = recommend_factor(frame, y, random_state=0)
    assert found.correction == "offset"
    signal = found.efficiency_by_factor[found.factors.index(20.0)]
    # Half of what logistic regression sees in the bare numbers at least.
    bound = relative_efficiency_bound(*np.bincount(y)[::-1], 20)
    assert 0.3 < signal < bound - 0.1


def test_infinite_values_count_as_large_ones():
    X, y = rows(n_positives=100)
    X[::9, 0] = np.inf
    X[::11, 1] = 1e200
    X[:, 2] = np.where(X[:, 2] > 0, np.inf, -np.inf)
    found = recommend_factor(X, y, random_state=0)
    assert found.correction == "offset"
    assert recommend_factor(X.clip(-1e18, 1e18), y, random_state=0) == found


@pytest.mark.parametrize("seed", range(3))
def test_columns_with_next_to_no_values(seed):
    X, y = rows(n_positives=100, seed=seed)
    frame = pd.DataFrame(X).astype(object)
    frame[5] = None
    # All positives are in the pilot.
    once = np.arange(len(y)) == y.argmax()
    frame[6] = np.where(once, "only one", None)
    frame[7] = np.where(once, 1.5, np.nan)
    found = recommend_factor(frame, y, random_state=0)
    assert found.correction == "offset"
    plain = recommend_factor(X, y, GaussianNB(), random_state=0)
    # The pilot's trees look at other columns then: at most .017 in 12 draws.
    np.testing.assert_allclose(
        found.efficiency_by_factor, plain.efficiency_by_factor, atol=0.03
    )


def test_many_classes_are_set_against_the_biggest():
    X, y = rows(0.64)
    named = np.where(y == 0, "big", np.where(X[:, 0] > 0, "left", "right"))
    found = recommend_factor(X, named, random_state=0)
    binary = recommend_factor(X, y, random_state=0)
    assert found.majority == "big"
    # Twice the coefficients, of which half lose nothing.
    assert found.estimation_share == pytest.approx(2 * binary.estimation_share)
    np.testing.assert_allclose(found.loss_by_factor, binary.loss_by_factor)
    thirds = recommend_factor(X[:3000], np.arange(3000) % 3, random_state=0)
    assert thirds.factor == 1


# What comes out


def test_table_shows_rows_and_losses():
    X, y = rows()
    found = recommend_factor(X, y, random_state=0)
    table = found.table_
    n0, n1 = np.bincount(y)
    assert table.index.name == "factor"
    assert {"rows", "loss", "efficiency"} <= set(table.columns)
    assert table.loc[1.0, "rows"] == n0 + n1
    assert table.loc[1.0, ["loss", "efficiency"]].tolist() == [0, 1]
    assert table["rows"].tolist() == [n1 + round(n0 / k) for k in table.index]
    assert table.index[-1] <= n0 / n1 < 1.5 * table.index[-1]
    np.testing.assert_allclose(
        table["loss"], found.estimation_share * (1 / table["efficiency"] - 1)
    )
    assert table["loss"].is_monotonic_increasing


def test_one_sentence_says_it_all():
    X, y = rows(0.91)
    named = np.where(y == 1, "bad", "ok")
    found = recommend_factor(X, named, max_loss=2e-4, random_state=0)
    low, high = found.loss_range
    assert str(found).startswith(
        f"Downsample class 'ok' by a factor of {found.factor:.3g}. {found.rows:,} of "
        f"{len(y):,} rows with weights are predicted to have 0.02% more log loss than "
        f"all rows ({low:.2%} to {high:.2%})"
    )
    assert str(found).endswith(" A larger factor would lose more than 0.0002.")
    few = recommend_factor(X[:5000], np.arange(5000) % 100 == 0, random_state=0)
    assert str(few) == (
        "Keep all 5,000 rows: any downsampling of class False would leave too few rows "
        "of class False."
    )


def test_it_is_a_frozen_value():
    found = recommend_factor(*rows(n_positives=50), random_state=0)
    assert pickle.loads(pickle.dumps(found)) == found
    assert len({found, pickle.loads(pickle.dumps(found))}) == 1
    with pytest.raises(FrozenInstanceError):
        found.factor = 2.0


def test_plot_shows_the_curve_the_limit_and_the_choice():
    found = recommend_factor(*rows(0.91), random_state=0)
    display = FactorDisplay.from_recommendation(found)
    lines = {line.get_label().partition(",")[0]: line for line in display.ax_.lines}
    drawn = dict(zip(*lines["predicted"].get_data(), strict=True))
    expected = dict(zip(found.factors, found.loss_by_factor, strict=True))
    expected[found.factor] = found.loss
    assert drawn == pytest.approx({k: 100 * loss for k, loss in expected.items()})
    assert list(lines["limit"].get_ydata()) == [1.0, 1.0]
    (chosen,) = display.ax_.containers
    assert chosen.get_label().startswith(f"chosen, {found.factor:.3g}")
    assert chosen[0].get_xydata().tolist() == [[found.factor, 100 * found.loss]]
    assert display.ax_.get_xscale() == "log"
    plt.close(display.figure_)
    figure, axes = plt.subplots(1, 2)
    # One factor alone can be drawn, too.
    one = recommend_factor(np.zeros((90, 1)), np.arange(90) % 2, random_state=0)
    display = FactorDisplay.from_recommendation(one, ax=axes[0])
    assert display.ax_ is axes[0]
    assert not axes[1].lines
    figure.canvas.draw()
    plt.close(figure)


# Errors


@pytest.mark.parametrize("max_loss", [0, -0.1, np.inf, np.nan, "0.01", None])
def test_losses_outside_the_range(max_loss):
    X, y = rows(n_positives=50)
    with pytest.raises(ValueError, match="max_loss must be a positive number, the la"):
        recommend_factor(X, y, max_loss=max_loss)


def test_estimators_that_cannot_be_piloted():
    X, y = rows(n_positives=50)
    svm, balanced = LinearSVC(), LogisticRegression(class_weight="balanced")
    with pytest.raises(TypeError, match=r"must have predict_proba.*got LinearSVC\(\)"):
        recommend_factor(X, y, svm)
    message = r"estimator must learn the prior .*\(class_weight='balanced'\)"
    with pytest.raises(ValueError, match=message):
        recommend_factor(X, y, balanced)


def test_labels_and_weights_that_cannot_be_used():
    X, y = rows(n_positives=50)
    three = np.array([0, 1, 2])
    with pytest.raises(ValueError, match="at least two classes; got one class, 0"):
        recommend_factor(X, y * 0)
    assert recommend_factor(X[:3], three).factor == 1
    with pytest.raises(ValueError, match="5000 in X and 4999 in y"):
        recommend_factor(X, y[1:])
    with pytest.raises(ValueError, match="sample_weight must be finite and not neg"):
        recommend_factor(X, y, sample_weight=-y)
    with pytest.raises(ValueError, match="got one class, 1"):
        recommend_factor(X, y, sample_weight=y)
    assert recommend_factor(X[:4], [0, 0, 1, 1], random_state=0).factor == 1


def test_dask_collections_are_refused():
    dask_array = pytest.importorskip("dask.array")
    X, y = rows(n_positives=50)
    lazy = dask_array.from_array(X, chunks=1000)
    with pytest.raises(TypeError, match="must be in memory; got a Dask collection"):
        recommend_factor(lazy, y)
