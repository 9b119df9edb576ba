"""The recommended factor keeps the log loss that it promises, and the limits."""

from copy import deepcopy
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skstrat import DownsampleUpweight, recommend_factor
from skstrat._core.samples import check_samples
from skstrat.displays import FactorDisplay
from skstrat.resamplers._efficiency import (
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


# ROC AUC and prevalence: intercept and slope of logit P(y = 1 | z), z normal.
POPULATION = {
    (0.64, 0.01): (-4.7211, 0.5077),
    (0.75, 0.01): (-5.0416, 0.9602),
    (0.91, 0.01): (-6.4106, 2.0040),
    (0.50, 0.01): (-4.5952, 0.0),
    (0.64, 0.3): (-0.8988, 0.5207),
    (0.75, 0.05): (-3.3563, 0.9810),
}


def bound(n1, n0, factor):
    """Bound the efficiency that is left, from the class sizes alone (Ury, 1975)."""
    return (1 / n1 + 1 / n0) / (1 / n1 + factor / n0)


def rows(auc=0.75, n_positives=500, seed=0, prevalence=0.01):
    intercept, slope = POPULATION[auc, prevalence]
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(round(n_positives / prevalence), 5))
    y = rng.random(len(X)) < expit(intercept + slope * X.sum(axis=1) / np.sqrt(5))
    return X, y.astype(int)


def pilot_of(X, y, seed=0, weights=None, estimator=None):
    samples = check_samples(X, y, weights)
    return run_pilot(X, split_majority(samples.labels), samples, estimator, seed)


def efficiency_at(factor, kind, pilot):
    if kind == "weights":
        data = pilot.design, pilot.positive, pilot.weights, pilot.incoming
        variance = weighted_variance(*data, pilot.penalty)
        return weights_efficiency(variance.growth / variance.whole, factor)
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


def test_efficiency_with_weights_is_that_of_the_matrices():
    X, y = rows(seed=3)
    X = X * [1, 100, 1e-3, 1, 1] + [0, 5, 0, 0, 1e3]
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    pilot = pilot_of(X, y, 1, weights)
    v, incoming, penalty = pilot.weights, pilot.incoming, 50.0
    found = weighted_variance(pilot.design, pilot.positive, v, incoming, penalty)
    line = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10)
    line.fit(pilot.design, pilot.positive, sample_weight=v)
    p = line.predict_proba(pilot.design)[:, 1]
    x = np.column_stack([np.ones(len(v)), pilot.design])
    A = (x.T * (v * p * (1 - p))) @ x
    inverse = np.linalg.inv(A + np.diag([0.0] + [penalty] * 5))
    for factor in (1, 2, 30):
        # Incoming weights count twice, because rows are kept whole.
        B = (x.T * (v * incoming * p * (1 - p) * (1 + (factor - 1) * p))) @ x
        expected = np.trace(inverse @ B @ inverse @ A)
        trace = found.whole + (factor - 1) * found.growth
        assert trace == pytest.approx(expected, rel=1e-5)
    for code, of_class in enumerate((~pilot.positive, pilot.positive)):
        assert v[of_class].sum() == pytest.approx(weights[y == code].sum())


@given(
    st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1, max_size=20),
    st.lists(st.floats(1, 1e6), min_size=2, max_size=6),
)
def test_efficiency_falls_from_one_and_without_signal_is_that_of_class_sizes(
    p, factors
):
    p, v, factors = np.array(p), np.linspace(1, 2, len(p)), sorted(factors)
    mean = np.average(p, weights=v)
    for values in (
        [offset_efficiency(p, factor, v) for factor in (1.0, *factors)],
        [weights_efficiency(mean, factor) for factor in (1.0, *factors)],
    ):
        assert values[0] == 1.0
        assert all(0 < value <= 1 for value in values)
        assert np.all(np.diff(values) <= 1e-15)
    expected = pytest.approx(bound(mean, 1 - mean, factors[0]), rel=1e-9)
    assert offset_efficiency(np.full(3, mean), factors[0]) == expected
    assert weights_efficiency(mean, factors[0]) == expected


def test_guided_rows_are_chosen_by_the_chance_that_keeps_as_many():
    # One positive and four negatives, by hand: the chances of the negatives are
    # clip(rho p, .2 / 4, 1) = .05, .1, .25, .6 at rho = 1, which is 1/4 in the mean.
    p = np.array([0.5, 0.01, 0.1, 0.25, 0.6])
    positive, ones = np.array([True] + [False] * 4), np.ones(5)
    expected = 1 / (1 + 1 / 0.5) / (1 / (1 + 1))
    assert guided_efficiency(p, positive, 4.0, ones) == pytest.approx(expected)
    assert guided_efficiency(p, positive, 1.0, ones) == 1.0
    pilot = pilot_of(*rows(0.91, n_positives=2000))
    given = pilot.p, pilot.positive
    found = [guided_efficiency(*given, at, pilot.weights) for at in (5, 20, 100)]
    # One over the simulated ratios of variances with the offset: 1.01, 1.11, 1.68.
    np.testing.assert_allclose(found, [0.99, 0.90, 0.60], atol=0.08)


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
    assert kept == n0 or all(keeps(kept) for keeps in limits.values())
    assert not limits[limited_by](kept - 1)


def test_each_limit_can_decide():
    X, y = rows(0.91, n_positives=400)
    losses = (1e-9, 1e-4, 3e-4, 1)
    found = [recommend_factor(X, y, max_loss=at, random_state=0) for at in losses]
    factors = [each.factor for each in found]
    assert factors == sorted(set(factors))
    assert factors[0] < 1.001
    strong, few_rows = found[2:]
    assert (strong.limited_by, few_rows.limited_by) == ("max_loss", "least_rows")
    low, high = strong.loss_range
    assert low < strong.loss < high
    assert strong.loss == pytest.approx(3e-4, rel=1e-3)
    assert strong.loss <= 3e-4
    assert few_rows.rows == 10_000 + y.sum()
    for each in found:
        _, kept, _ = DownsampleUpweight(factor=each.factor).fit_resample(X, y)
        assert len(kept) == each.rows


@pytest.mark.parametrize("estimator", [None, GaussianNB()])
@pytest.mark.parametrize("n_positives", [1, 29])
def test_with_hardly_a_positive_all_rows_are_kept(estimator, n_positives):
    X, _ = rows(n_positives=50)
    y = np.arange(len(X)) < n_positives
    found = recommend_factor(X, y, estimator, random_state=0)
    assert (found.factor, found.limited_by) == (1.0, "least_positives")
    assert (found.rows, found.loss, found.loss_range) == (len(y), 0.0, (0.0, 0.0))


def test_the_share_is_that_of_the_parameters_that_are_counted():
    """Without signal d / (2 n L) is known, with six parameters and L the entropy."""
    X, y = rows(0.5, n_positives=1000)
    found = recommend_factor(X, y, LogisticRegression(), random_state=0)
    p = y.mean()
    expected = 6 / (2 * len(y) * -(p * np.log(p) + (1 - p) * np.log(1 - p)))
    assert found.estimation_share == pytest.approx(expected, rel=0.05)
    # A strong ridge leaves the intercept alone.
    ridge = recommend_factor(X, y, LogisticRegression(C=1e-5), random_state=0)
    assert ridge.estimation_share == pytest.approx(expected / 6, rel=0.1)
    assert ridge.loss < found.loss


def test_the_learner_decides_what_is_corrected():
    X, y = rows(0.91)
    plain = LogisticRegression(C=np.inf)
    # Discriminant analysis takes no weights.
    learners = plain, LinearDiscriminantAnalysis(), GaussianNB()
    line, lda, bayes = (
        recommend_factor(X, y, each, random_state=0) for each in learners
    )
    assert line.correction == "weights"
    assert lda.correction == bayes.correction == "offset"
    assert lda.efficiency_by_factor[4] > line.efficiency_by_factor[4] + 0.02
    assert lda.estimation_share == pytest.approx(line.estimation_share)
    guided = recommend_factor(X, y, plain, guided=True, random_state=0)
    assert guided.correction == "guided"
    assert guided.efficiency > line.efficiency


# The pilot


class Recorder(ClassifierMixin, BaseEstimator):
    """Naive Bayes that writes down which rows it meets; column 0 names them."""

    calls = []

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(X[:, 1:], y)
        self.classes_ = self.inner_.classes_
        self.calls.append((X[:, 0].astype(int), y))
        return self

    def predict_proba(self, X):
        self.calls.append((X[:, 0].astype(int), None))
        return self.inner_.predict_proba(X[:, 1:])


def test_every_row_of_the_pilot_is_predicted_by_a_model_that_never_saw_it():
    X, y = rows(n_positives=100)
    X = np.column_stack([np.arange(len(X)), X])
    Recorder.calls = []
    pilot_of(X, y, 0, None, Recorder())
    (fitted, codes), (tested, _), (again, _), (other, _) = Recorder.calls
    assert (set(fitted), set(tested)) == (set(other), set(again))
    assert not set(fitted) & set(tested)
    assert len(fitted) + len(tested) == 2 * MOST_POSITIVES
    np.testing.assert_array_equal(y[fitted], codes)
    assert abs(codes.sum() - y.sum() / 2) <= 1
    assert y[[*fitted, *tested]].sum() == y.sum()


def test_the_same_seed_gives_the_same_answer_and_the_estimator_is_left_alone():
    X, y = rows(n_positives=200)
    forest = RandomForestClassifier(n_estimators=5)
    for seed in (np.random.default_rng(3), 3):
        one, two = (
            recommend_factor(X, y, forest, random_state=deepcopy(seed))
            for _ in range(2)
        )
        assert one == two
    assert one != recommend_factor(X, y, forest, random_state=4)
    assert not hasattr(forest, "estimators_")
    assert forest.random_state is None


# Weights


def test_rows_with_zero_weight_are_ignored():
    X, y = rows()
    n = len(y) - 5000
    X[n:], y[n:] = np.nan, 2
    weights = np.random.default_rng(0).exponential(size=len(y)) + 0.1
    weights[n:] = 0
    found = recommend_factor(X, y, sample_weight=weights, random_state=0)
    there = recommend_factor(X[:n], y[:n], sample_weight=weights[:n], random_state=0)
    assert found == there
    assert found.n_rows == n
    # So is the unit of weights.
    small, large = (
        recommend_factor(X, y, sample_weight=unit * weights, random_state=0)
        for unit in (1e-3, 1e3)
    )
    np.testing.assert_allclose(small.loss_by_factor, large.loss_by_factor, rtol=1e-3)


def test_negatives_count_by_their_weights():
    # Of six tenths of the mass more rows are as many negatives per positive.
    X, y = rows(0.64, 12_000, prevalence=0.3)
    weights = np.where(y == 0, 0.6, 1.0)
    bounded = recommend_factor(X, y, sample_weight=weights, random_state=0)
    assert bounded.limited_by == "negatives_per_positive"
    assert bounded.rows - y.sum() == int(np.ceil(y.sum() / 0.6))


# Containers and labels


def test_text_missing_and_infinite_values_go_to_trees():
    X, y = rows(0.91, n_positives=400)
    third = np.digitize(X[:, 2], [-1, 0, 1])
    number = np.where(X[:, 0] > 2, np.nan, X[:, 0] + X[:, 1])
    columns = {
        "number": np.where(number > 3, np.inf, number).tolist(),
        "text": [None if i % 50 == 0 else "dcba"[k] for i, k in enumerate(third)],
        "many": [f"{value:+.3f} km" for value in X[:, 3]],
        "day": (np.datetime64("2020-01-01") + np.arange(len(y)) % 300).tolist(),
        "none": [None] * len(y),
    }
    found = recommend_factor(pl.DataFrame(columns), y, random_state=0)
    assert found.correction == "offset"
    signal = found.efficiency_by_factor[found.factors.index(20.0)]
    # Half of what logistic regression sees in the bare numbers at least.
    assert 0.3 < signal < bound(*np.bincount(y)[::-1], 20) - 0.1


@pytest.mark.parametrize(
    ("container", "majority"),
    [
        (lambda X, y: (pd.DataFrame(X, dtype="Float64"), pd.Series(y)), 0),
        (lambda X, y: (pl.DataFrame(X), np.where(y == 1, "yes", "no")), "no"),
        (lambda X, y: (np.asfortranarray(X)[:, :, None], y[:, None] == 1), 0),
    ],
    ids=["pandas", "polars", "3-d"],
)
def test_every_container_gives_the_same_answer(container, majority):
    X, y = rows(n_positives=100)
    found = recommend_factor(X, y, random_state=0)
    other = recommend_factor(*container(X, y), random_state=0)
    assert other.majority == majority
    assert replace(other, majority=0) == found


def test_sparse_rows_are_not_centred_but_else_the_same():
    X, y = rows()
    X = X * (X > 0)
    dense = recommend_factor(X, y, random_state=0)
    found = recommend_factor(sparse.csc_array(X), y, random_state=0)
    assert found.correction == "weights"
    np.testing.assert_allclose(found.loss_by_factor, dense.loss_by_factor, rtol=0.02)
    # More columns than positives are never written out.
    wide = sparse.hstack([sparse.csc_array(X), sparse.csr_matrix((len(y), 200_000))])
    found = recommend_factor(wide.tocsr(), y, random_state=0)
    assert found.limited_by == "positives_per_column"


def test_many_classes_are_set_against_the_biggest():
    X, y = rows(0.64)
    named = np.where(y == 0, "big", np.where(X[:, 0] > 0, "left", "right"))
    found = recommend_factor(X, named, random_state=0)
    binary = recommend_factor(X, y, random_state=0)
    assert found.majority == "big"
    # Twice the coefficients, of which half lose nothing.
    assert found.estimation_share == pytest.approx(2 * binary.estimation_share)
    np.testing.assert_allclose(found.loss_by_factor, binary.loss_by_factor)


# What comes out


def test_table_and_text():
    X, y = rows(0.91)
    found = recommend_factor(X, y, max_loss=2e-4, random_state=0)
    table, (n0, n1) = found.table_, np.bincount(y)
    assert table.loc[1.0].to_dict() == {"rows": n0 + n1, "loss": 0, "efficiency": 1}
    assert table["rows"].tolist() == [n1 + round(n0 / k) for k in table.index]
    loss = found.estimation_share * (1 / table["efficiency"] - 1)
    np.testing.assert_allclose(table["loss"], loss)
    assert table["loss"].is_monotonic_increasing
    low, high = found.loss_range
    assert f"0.02% more log loss than all rows ({low:.2%} to {high:.2%})" in str(found)


def test_plot_shows_the_curve_the_limit_and_the_choice():
    found = recommend_factor(*rows(0.91), random_state=0)
    ax = FactorDisplay.from_recommendation(found, ax=plt.subplots()[1]).ax_
    lines = {line.get_label().partition(",")[0]: line for line in ax.lines}
    drawn = dict(zip(*lines["predicted"].get_data(), strict=True))
    expected = dict(zip(found.factors, found.loss_by_factor, strict=True))
    expected[found.factor] = found.loss
    assert drawn == pytest.approx({k: 100 * loss for k, loss in expected.items()})
    assert list(lines["limit"].get_ydata()) == [1.0, 1.0]
    chosen = ax.containers[0][0].get_xydata().tolist()
    assert chosen == [[found.factor, 100 * found.loss]]
    plt.close("all")


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_loss": 0}, "max_loss must be a positive number, the la"),
        ({"max_loss": np.nan}, "max_loss must be a positive number, the la"),
        ({"estimator": LinearSVC()}, r"must have predict_proba.*got LinearSVC\(\)"),
        ({"y": np.zeros(5000)}, "at least two classes; got one class, 0"),
        ({"y": [0, 1]}, "5000 in X and 2 in y"),
        ({"sample_weight": np.arange(5000) % 2}, "got one class, 1"),
        ({"X": "dask"}, "must be in memory; got a Dask collection"),
    ],
)
def test_what_cannot_be_recommended_for(change, message):
    X = np.random.default_rng(0).normal(size=(5000, 2))
    data = {"X": X, "y": np.arange(5000) % 2} | change
    if "X" in change:
        data["X"] = pytest.importorskip("dask.array").from_array(X, chunks=1000)
    with pytest.raises((TypeError, ValueError), match=message):
        recommend_factor(**data)
