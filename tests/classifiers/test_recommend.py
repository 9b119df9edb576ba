"""The recommended factor keeps the efficiency that it promises, and the limits."""

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
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, recommend_factor
from skstrat._core.labels import Labels
from skstrat._core.samples import CheckedSamples
from skstrat.displays import FactorDisplay
from skstrat.resamplers._factor import (
    choose_rows,
    mean_leverage_probability,
    offset_efficiency,
    weights_efficiency,
)
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


def at_factor(recommendation, factor, kind):
    place = recommendation.factors.index(factor)
    return getattr(recommendation, f"efficiency_{kind}")[place]


# Predicted efficiencies


@pytest.mark.parametrize("auc", TRUE_EFFICIENCY)
def test_efficiencies_are_near_the_true_ones(auc):
    offset, weights = TRUE_EFFICIENCY[auc]
    for seed in range(3):
        found = recommend_factor(*rows(auc, seed=seed), random_state=seed)
        assert at_factor(found, 20.0, "offset") == pytest.approx(offset, abs=0.1)
    found = recommend_factor(*rows(auc, n_positives=2000, seed=9), random_state=9)
    assert at_factor(found, 20.0, "offset") == pytest.approx(offset, abs=0.07)
    assert at_factor(found, 20.0, "weights") == pytest.approx(weights, abs=0.06)


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
            found = recommend_factor(X, y, random_state=seed)
            for name in predicted:
                predicted[name] += at_factor(found, 20.0, name) / 20
    for name, efficiency in predicted.items():
        measured = squares["all"] / squares[name]
        assert efficiency == pytest.approx(measured, abs=0.1), name


def test_efficiency_with_weights_is_that_of_the_matrices():
    X, y = rows(seed=3)
    X = X * [1, 100, 1e-3, 1, 1] + [0, 5, 0, 0, 1e3]
    split = Labels(y.astype(np.uint8), np.array([False, True]), np.bincount(y))
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    pilot = run_pilot(X, split, CheckedSamples(None, weights, None), None, 1)
    p, v = pilot.p, pilot.weights
    x = np.column_stack([np.ones(len(p)), pilot.design])
    mean_p = mean_leverage_probability(pilot.design, p, v)
    for factor in (1, 2, 30):
        A = (x.T * (v * p * (1 - p))) @ x
        B = (x.T * (v * (p * (1 - p) ** 2 + factor * p**2 * (1 - p)))) @ x
        expected = x.shape[1] / np.trace(np.linalg.solve(A, B))
        assert weights_efficiency(mean_p, factor) == pytest.approx(expected, rel=1e-6)
    assert v[pilot.positive].sum() == pytest.approx(weights[y == 1].sum())
    assert v[~pilot.positive].sum() == pytest.approx(weights[y == 0].sum())
    # A column that says nothing new, or nothing at all, changes nothing.
    more = np.column_stack([pilot.design, pilot.design[:, 0] * 2, np.ones(len(p))])
    assert mean_leverage_probability(more, p, v) == pytest.approx(mean_p, rel=1e-9)


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
    found = recommend_factor(X, y, random_state=0)
    bound = relative_efficiency_bound(500, 49_500, 20)
    assert at_factor(found, 20.0, "offset") == pytest.approx(bound, abs=0.02)
    assert at_factor(found, 20.0, "weights") == pytest.approx(bound, abs=0.02)


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
    target=st.floats(0.01, 1),
    n0=st.integers(2, 10**7),
    ratio=st.floats(1e-3, 1e5),
    n_columns=st.integers(1, 3000),
)
def test_rows_are_the_fewest_within_the_limits(mean_p, target, n0, ratio, n_columns):
    def enough(kept):
        return weights_efficiency(mean_p, n0 / kept) >= target

    kept, limited_by = choose_rows(
        lambda factor: weights_efficiency(mean_p, factor), target, n0, ratio, n_columns
    )
    limits = {
        "target_efficiency": enough,
        "negatives_per_positive": lambda kept: kept >= 5 * n0 / ratio,
        "least_rows": lambda kept: kept >= max(1000, 20 * n_columns),
    }
    assert 1 <= kept <= n0
    assert enough(kept)
    if kept < n0:
        assert all(keeps(kept) for keeps in limits.values())
    assert not limits[limited_by](kept - 1)


@settings(max_examples=15, deadline=None)
@given(
    n0=st.integers(50, 9000),
    n1=st.integers(4, 200),
    target=st.sampled_from([0.05, 0.5, 0.9, 0.99]),
    n_columns=st.sampled_from([1, 60]),
    seed=st.integers(0, 2**64 - 1),
)
def test_limits_hold_for_any_data(n0, n1, target, n_columns, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n0 + n1, n_columns))
    y = rng.permutation(np.repeat(["no", "yes"], [max(n0, n1), min(n0, n1)]))
    X[y == "yes", 0] += rng.exponential()
    found = recommend_factor(X, y, target_efficiency=target, random_state=seed)
    big, small = max(n0, n1), min(n0, n1)
    kept = found.rows - small
    assert found.factor >= 1
    assert found.factor == big / kept
    if found.factor > 1:
        assert kept >= max(1000, 20 * n_columns, 5 * small)
        assert found.efficiency >= target
    X_kept, y_kept, _ = DownsampleUpweight(
        factor=found.factor, random_state=seed
    ).fit_resample(X, y)
    assert len(X_kept) == found.rows
    assert (y_kept == "no").sum() == kept


def test_each_limit_can_decide():
    strong = recommend_factor(*rows(0.91), random_state=0)
    assert strong.limited_by == "target_efficiency"
    assert 1 < strong.factor < 3
    assert strong.efficiency == pytest.approx(0.9, abs=1e-3)
    ratio = recommend_factor(*rows(0.64), target_efficiency=0.2, random_state=0)
    assert ratio.limited_by == "negatives_per_positive"
    about = np.interp(ratio.factor, ratio.factors, ratio.efficiency_weights)
    assert ratio.efficiency == pytest.approx(about, abs=0.01)
    n1 = rows(0.64)[1].sum()
    assert ratio.rows == 6 * n1
    few = recommend_factor(
        *rows(0.64, n_positives=100), target_efficiency=0.2, random_state=0
    )
    assert few.limited_by == "least_rows"
    assert few.rows == 1000 + rows(0.64, n_positives=100)[1].sum()
    wide = rows(0.64, n_features=200)
    assert recommend_factor(*wide, target_efficiency=0.2, random_state=0).rows == (
        4000 + wide[1].sum()
    )
    balanced = recommend_factor(np.zeros((90, 1)), np.arange(90) % 2, random_state=0)
    assert (balanced.factor, balanced.rows, balanced.factors) == (1.0, 90, (1.0,))


def test_target_near_one_keeps_nearly_all():
    X, y = rows()
    assert recommend_factor(X, y, target_efficiency=1, random_state=0).factor == 1
    near = recommend_factor(X, y, target_efficiency=0.999, random_state=0)
    assert 1 < near.factor < 1.1
    factors = [
        recommend_factor(X, y, target_efficiency=target, random_state=0).factor
        for target in (0.99, 0.95, 0.9, 0.8)
    ]
    assert factors == sorted(factors)


def test_linear_models_are_chosen_for_by_weights_and_others_by_the_offset():
    X, y = rows(0.91)
    linear = recommend_factor(X, y, LogisticRegression(), random_state=0)
    assert linear.correction == "weights"
    assert linear.efficiency_weights[5] < linear.efficiency_offset[5]
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    assert recommend_factor(X, y, piped, random_state=0).correction == "weights"
    bayes = recommend_factor(X, y, GaussianNB(), random_state=0)
    assert (bayes.correction, bayes.efficiency_weights) == ("offset", None)
    assert bayes.factor > 1.3 * linear.factor
    for found in (linear, bayes):
        table = found.table_[f"efficiency_{found.correction}"]
        assert table[table.index > found.factor].max() < 0.9 <= found.efficiency
        assert table[table.index <= found.factor].min() >= 0.9


def test_more_columns_than_positives_leave_the_offset_alone():
    found = recommend_factor(*rows(n_positives=50, n_features=80), random_state=0)
    assert (found.correction, found.efficiency_weights) == ("offset", None)


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
    recommend_factor(X, y, Recorder(), random_state=0)
    (_, fitted, codes), (_, tested, _), (_, again, _), (_, other, _) = Recorder.calls
    n1 = y.sum()
    assert set(fitted) == set(other)
    assert set(tested) == set(again)
    assert not set(fitted) & set(tested)
    assert len(fitted) + len(tested) == 2 * n1
    np.testing.assert_array_equal(y[fitted.astype(int)], codes)
    assert abs(codes.mean() - 0.5) < 0.02
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
    assert np.isfinite(found.efficiency_offset).all()


def test_classes_that_never_mix_have_an_efficiency_too():
    y = (np.arange(20_000) % 50 == 0).astype(int)
    X = np.random.default_rng(0).normal(size=(len(y), 2)) + 50 * y[:, np.newaxis]
    for estimator in (None, DecisionTreeClassifier(), GaussianNB()):
        found = recommend_factor(X, y, estimator, random_state=0)
        assert 1 <= found.factor < 20
        assert 0.9 <= found.efficiency <= 1


# Weights


def test_the_unit_of_weights_does_not_matter():
    X, y = rows()
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    small, large = (
        recommend_factor(X, y, sample_weight=weights * unit, random_state=0)
        for unit in (1e-3, 1e3)
    )
    assert small.factor == pytest.approx(large.factor, rel=1e-2)
    np.testing.assert_allclose(
        small.efficiency_weights, large.efficiency_weights, rtol=1e-3
    )
    ones = recommend_factor(X, y, sample_weight=np.ones(len(y)), random_state=0)
    none = recommend_factor(X, y, random_state=0)
    np.testing.assert_allclose(
        ones.efficiency_offset, none.efficiency_offset, rtol=1e-9
    )


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
        recommend_factor(named, y, Recorder(), sample_weight=incoming, random_state=0)
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
        recommend_factor(X, y, piped, sample_weight=incoming, random_state=0)
        for incoming in (weights, None)
    )
    with config_context(enable_metadata_routing=True):
        routed = recommend_factor(X, y, piped, sample_weight=weights, random_state=0)
    assert routed == plain
    assert at_factor(plain, 20.0, "offset") < at_factor(ignored, 20.0, "offset") - 0.05


def test_weights_count_as_that_many_rows():
    X, y = rows(n_positives=1000)
    repeats = np.where(y == 0, 4, np.where(X.sum(axis=1) > 2, 3, 1))
    found = recommend_factor(X, y, sample_weight=repeats, random_state=0)
    repeated = recommend_factor(
        X.repeat(repeats, axis=0), y.repeat(repeats), random_state=0
    )
    for factor in (5.0, 20.0, 50.0):
        for kind in ("offset", "weights"):
            assert at_factor(found, factor, kind) == pytest.approx(
                at_factor(repeated, factor, kind), abs=0.03
            )
    weights = np.where(y == 0, 4.0, 1.0)
    # Four times the mass is four times the negatives per positive at the same rows.
    bounded = recommend_factor(
        X, y, target_efficiency=0.05, sample_weight=weights, random_state=0
    )
    n0, n1 = np.bincount(y)
    assert bounded.limited_by == "negatives_per_positive"
    assert bounded.rows - n1 == int(np.ceil(5 * n1 / 4))
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
        assert other.efficiency_weights == found.efficiency_weights
        assert other.majority == ("no" if isinstance(other.majority, str) else 0)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_are_not_centred_but_else_the_same(kind):
    X, y = rows()
    X = X * (X > 0)
    dense = recommend_factor(X, y, random_state=0)
    found = recommend_factor(kind(X), y, random_state=0)
    assert found.correction == "weights"
    np.testing.assert_allclose(
        found.efficiency_weights, dense.efficiency_weights, rtol=0.02
    )
    # More columns than positives are never written out.
    wide = sparse.hstack([kind(X), sparse.csr_matrix((len(y), 200_000))])
    assert recommend_factor(wide.tocsr(), y, random_state=0).correction == "offset"
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
    assert (found.correction, found.efficiency_weights) == ("offset", None)
    signal = at_factor(found, 20.0, "offset")
    # Half of what logistic regression sees in the bare numbers at least.
    bound = relative_efficiency_bound(*np.bincount(y)[::-1], 20)
    assert 0.3 < signal < bound - 0.1


def test_infinite_values_count_as_missing():
    X, y = rows(n_positives=100)
    X[::9, 0] = np.inf
    X[::11, 1] = 1e200
    X[:, 2] = np.where(X[:, 2] > 0, np.inf, -np.inf)
    found = recommend_factor(X, y, random_state=0)
    assert found.correction == "offset"
    X[:, :2] = np.where(np.abs(X[:, :2]) < 1e100, X[:, :2], np.nan)
    assert recommend_factor(X, y, random_state=0) == found


def test_columns_with_next_to_no_values():
    X, y = rows(n_positives=100)
    frame = pd.DataFrame(X).astype(object)
    frame[5] = None
    # All positives are in the pilot.
    once = np.arange(len(y)) == y.argmax()
    frame[6] = np.where(once, "only one", None)
    frame[7] = np.where(once, 1.5, np.nan)
    found = recommend_factor(frame, y, random_state=0)
    frame[8] = frame[6]
    assert found == recommend_factor(frame, y, random_state=0)


def test_many_classes_are_set_against_the_biggest():
    X, y = rows(0.64)
    named = np.where(y == 0, "big", np.where(X[:, 0] > 0, "left", "right"))
    found = recommend_factor(X, named, target_efficiency=0.8, random_state=0)
    binary = recommend_factor(X, y, target_efficiency=0.8, random_state=0)
    assert found.majority == "big"
    assert (found.factor, found.rows) == (binary.factor, binary.rows)
    assert found.efficiency_offset == binary.efficiency_offset
    thirds = recommend_factor(X[:3000], np.arange(3000) % 3, random_state=0)
    assert thirds.factor == 1


# What comes out


def test_table_shows_rows_and_efficiencies():
    X, y = rows()
    found = recommend_factor(X, y, random_state=0)
    table = found.table_
    n0, n1 = np.bincount(y)
    assert table.index.name == "factor"
    assert list(table.columns) == [
        "rows",
        "time_fraction",
        "efficiency_weights",
        "efficiency_offset",
    ]
    assert table.loc[1.0].tolist() == [n0 + n1, 0, 1, 1]
    assert table["rows"].tolist() == [n1 + round(n0 / k) for k in table.index]
    assert table.index[-1] <= n0 / n1 < 1.5 * table.index[-1]
    np.testing.assert_allclose(
        table["time_fraction"], 1 - table["rows"] / len(y), rtol=1e-12
    )
    assert found.time_fraction == 1 - found.rows / len(y)
    trees = recommend_factor(X, y, GaussianNB(), random_state=0)
    assert trees.table_["efficiency_weights"].isna().all()


def test_one_sentence_says_it_all():
    X, y = rows(0.91)
    found = recommend_factor(X, np.where(y == 1, "bad", "ok"), random_state=0)
    text = str(found)
    assert text == (
        f"Downsample class 'ok' by a factor of {found.factor:.3g}: {found.rows:,} of "
        f"{len(y):,} rows with weights keep about 90% of the statistical efficiency "
        f"and save about {100 * found.time_fraction:.0f}% of the training time if that "
        "is proportional to rows; a larger factor would leave less than 0.9 efficiency."
    )
    bayes = recommend_factor(X, y, GaussianNB(), 0.05, random_state=0)
    assert "with the prior corrected keep" in str(bayes)
    assert str(bayes).endswith("would leave less than 5 negatives a positive.")
    few = recommend_factor(X[:500], np.arange(500) % 100 == 0, random_state=0)
    assert str(few) == (
        "Keep all 500 rows: any downsampling of class False would leave too few rows "
        "of class False."
    )


def test_it_is_a_frozen_value():
    found = recommend_factor(*rows(n_positives=50), random_state=0)
    assert pickle.loads(pickle.dumps(found)) == found
    assert len({found, pickle.loads(pickle.dumps(found))}) == 1
    with pytest.raises(FrozenInstanceError):
        found.factor = 2.0


def test_plot_shows_the_curves_the_target_and_the_choice():
    found = recommend_factor(*rows(0.91), random_state=0)
    display = FactorDisplay.from_recommendation(found)
    lines = {line.get_label().partition(",")[0]: line for line in display.ax_.lines}
    assert set(lines) == {"weights", "prior correction", "target", "chosen"}
    for name, kind in (("weights", "weights"), ("prior correction", "offset")):
        np.testing.assert_array_equal(lines[name].get_xdata(), found.factors)
        np.testing.assert_array_equal(
            lines[name].get_ydata(), getattr(found, f"efficiency_{kind}")
        )
    assert list(lines["target"].get_ydata()) == [0.9, 0.9]
    assert list(lines["chosen"].get_xdata()) == [found.factor]
    assert list(lines["chosen"].get_ydata()) == [found.efficiency]
    assert display.ax_.get_xscale() == "log"
    plt.close(display.figure_)
    figure, axes = plt.subplots(1, 2)
    bayes = recommend_factor(*rows(0.91), GaussianNB(), random_state=0)
    display = FactorDisplay.from_recommendation(bayes, ax=axes[1])
    assert display.ax_ is axes[1]
    assert "weights" not in [line.get_label() for line in axes[1].lines]
    assert not axes[0].lines
    # One factor alone can be drawn, too.
    one = recommend_factor(np.zeros((90, 1)), np.arange(90) % 2, random_state=0)
    FactorDisplay.from_recommendation(one, ax=axes[0])
    figure.canvas.draw()
    plt.close(figure)


# Errors


@pytest.mark.parametrize("target", [0, -0.1, 1.01, np.nan, "0.9", None])
def test_targets_outside_the_range(target):
    X, y = rows(n_positives=50)
    with pytest.raises(ValueError, match=r"target_efficiency must be a number in \(0,"):
        recommend_factor(X, y, target_efficiency=target)


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
    lonely = (np.arange(len(y)) == 3).astype(int)
    three = np.array([0, 1, 2])
    with pytest.raises(ValueError, match="at least two classes; got one class, 0"):
        recommend_factor(X, y * 0)
    with pytest.raises(ValueError, match=r"one for each half.*got 4999 and 1\."):
        recommend_factor(X, lonely)
    with pytest.raises(ValueError, match=r"one for each half.*got 1 and 2\."):
        recommend_factor(X[:3], three)
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
