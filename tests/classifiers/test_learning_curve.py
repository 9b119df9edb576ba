"""What a learning curve says of the share of the loss that more rows would remove."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import recommend_factor
from skstrat._core.samples import check_samples
from skstrat.classifiers._auto import recommend_for
from skstrat.classifiers._learning_curve import _draw, measured_share
from skstrat.resamplers._efficiency import guided_efficiency, offset_efficiency
from skstrat.resamplers._factor import split_majority
from skstrat.resamplers._pilot import run_pilot


def rows(n_rows=60_000, n_features=10, seed=0, intercept=-3.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    logit = intercept + X[:, 0] + 0.5 * X[:, 1]
    return X, (rng.random(n_rows) < expit(logit)).astype(int)


def share(estimator, X, y, *, budget=np.inf, cost=float, weight=None, seed=0):
    samples = check_samples(X, y, weight)
    split = split_majority(samples.labels)
    pilot = run_pilot(X, split, samples, None, seed)
    return measured_share(
        estimator, X, split, samples, pilot, cost=cost, budget=budget, seed=seed
    )


class Watched(GaussianNB):
    """Naive Bayes that tells of the rows it is fitted with."""

    fits = []

    def fit(self, X, y, sample_weight=None):
        self.fits.append(len(y))
        return super().fit(X, y, sample_weight)


class WatchedTrees(HistGradientBoostingClassifier):
    """Boosting that tells whether it stops early."""

    stops = []

    def fit(self, X, y, sample_weight=None):
        self.stops.append(self.early_stopping)
        return super().fit(X, y, sample_weight)


@pytest.mark.slow
def test_where_parameters_can_be_counted_the_range_holds_their_share():
    # d / (2 n L), the independent witness; two standard errors, so one of 8 may miss.
    held, values, counted = 0, [], []
    for seed in range(8):
        X, y = rows(seed=seed)
        p = LogisticRegression().fit(X, y).predict_proba(X)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        counted.append(11 / (2 * len(y) * loss))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6))
        value, low, high = share(model, X, y, seed=seed)
        held += low <= counted[-1] <= high
        values.append(value)
    assert held >= 7
    assert 0.5 < np.mean(values) / np.mean(counted) < 2


def test_a_learner_that_learns_nothing_has_no_share():
    X, y = rows()
    value, low, high = share(DummyClassifier(strategy="prior"), X, y)
    assert (value, low, high) == pytest.approx((0, 0, 0), abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_more_parameters_have_a_larger_share(seed):
    X, y = rows(30_000, n_features=40, seed=seed)
    few, _, _ = share(LogisticRegression(), X[:, :5], y, seed=seed)
    many, low, high = share(LogisticRegression(), X, y, seed=seed)
    # 41 coefficients against 6.
    assert 0 <= few < many / 2
    assert 0 <= low < many < high <= 1


def test_parts_are_nested_and_disjoint_from_the_rows_to_test_with():
    X, y = rows(20_000)
    samples = check_samples(X, y, None)
    drawn = _draw(split_majority(samples.labels), samples, float, np.inf, seed=0)
    small, middle, large = (drawn.rows_of(0, part) for part in (1, 2, 4))
    test = drawn.rows_of(4, 8)
    assert set(small) < set(middle) < set(large)
    assert not set(large) & set(test)
    positives = [y[part].sum() for part in (small, middle, large, test)]
    np.testing.assert_array_equal(positives, drawn.positives * np.array([1, 2, 4, 4]))
    for part in (small, middle, large, test):
        assert len(part) == pytest.approx(11 * y[part].sum(), abs=1)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_more_rows_are_fitted_than_the_budget_has(seed):
    X, y = rows(80_000, seed=seed)
    Watched.fits.clear()
    found = share(Watched(), X, y, budget=len(y) / 10, seed=seed)
    assert found is not None
    small, middle, large = Watched.fits
    # Rows to test with, as many as the largest part, are in the budget, too.
    assert len(y) / 11 < small + middle + 2 * large <= len(y) / 10
    assert (middle, large) == pytest.approx((2 * small, 4 * small), abs=4)


def test_too_few_positives_are_not_measured():
    X, y = rows(20_000)
    assert share(GaussianNB(), X, y, budget=4_000) is None
    assert share(GaussianNB(), X[:5000], y[:5000], seed=1) is None


@pytest.mark.parametrize(
    ("library", "name", "params"),
    [
        ("xgboost", "XGBClassifier", {"early_stopping_rounds": 5}),
        ("lightgbm", "LGBMClassifier", {"early_stopping_round": 5, "verbose": -1}),
    ],
)
def test_boosters_that_need_an_eval_set_are_not_measured(library, name, params):
    booster = getattr(pytest.importorskip(library), name)
    X, y = rows(20_000)
    model = booster(n_estimators=2, n_jobs=1, **params)
    assert share(make_pipeline(StandardScaler(), model), X, y) is None
    samples = check_samples(X, y, None)
    asked = recommend_for(model, X, samples, guided=True, seed=0)(1e-3)
    assert asked.limited_by == "max_loss"
    assert asked.loss_range[1] > asked.loss_range[0] > 0


def test_what_needs_fit_parameters_or_all_categories_is_not_measured():
    X, y = rows(80_000, 4)
    samples = check_samples(X, y, None)
    Watched.fits.clear()
    model = Watched()
    counts = []
    for measures in (False, True):
        recommend_for(model, X, samples, guided=True, seed=0, measures=measures)(1e-3)
        counts.append(len(Watched.fits))
    assert counts == [0, 3]
    # A thousand names of thirty rows each.
    names = np.arange(len(y)) // 30
    coded = make_pipeline(OneHotEncoder(), BernoulliNB())
    assert share(coded, names[:, np.newaxis], y) is None


def test_invalid_parameters_are_told():
    X, y = rows(20_000)
    with pytest.raises(ValueError, match="The 'max_iter' parameter of HistGrad"):
        share(HistGradientBoostingClassifier(max_iter=-5), X, y)


def test_the_same_seed_gives_the_same_share():
    X, y = rows(20_000)
    tree = DecisionTreeClassifier(min_samples_leaf=5, max_features=2)
    assert share(tree, X, y, seed=3) == share(tree, X, y, seed=3)
    assert share(tree, X, y, seed=3) != share(tree, X, y, seed=4)


def test_the_unit_of_weights_does_not_matter_and_zero_weight_is_no_row():
    X, y = rows(20_000)
    weight = np.random.default_rng(5).exponential(size=len(y)) * (
        np.arange(len(y)) > 99
    )
    found = share(GaussianNB(), X, y, weight=weight)
    np.testing.assert_allclose(share(GaussianNB(), X, y, weight=8 * weight), found)


def test_boosting_stops_early_in_the_parts_as_it_would_on_all_rows():
    X, y = rows(10_500, intercept=-2)
    trees = WatchedTrees(max_iter=2, max_leaf_nodes=4)
    WatchedTrees.stops.clear()
    share(trees, X, y, budget=10_000)
    share(trees, X[:10_000], y[:10_000], budget=9_000)
    assert WatchedTrees.stops == [True] * 3 + [False] * 3


def test_columns_of_text_are_no_hindrance():
    pandas = pytest.importorskip("pandas")
    X, y = rows(60_000, 2)
    level = np.array(["low", "middle", "high"])[np.digitize(X[:, 0], [-1, 1])]
    table = pandas.DataFrame({"level": level, "size": X[:, 1]})
    model = make_pipeline(OrdinalEncoder(), DecisionTreeClassifier(max_leaf_nodes=9))
    found = recommend_factor(table, y, model, random_state=0)
    assert found.correction == "offset"
    assert found.factor > 1
    assert found.seconds is None


def test_where_no_curve_is_paid_for_seven_hundred_parameters_are_assumed():
    X, y = rows(60_000)
    trees = HistGradientBoostingClassifier()
    found = recommend_factor(X, y, trees, random_state=0)
    samples = check_samples(X, y, None)
    pilot = run_pilot(X, split_majority(samples.labels), samples, None, 0, linear=False)
    assert found.estimation_share == pytest.approx(700 / (2 * len(y) * pilot.loss))
    low, high = found.loss_range
    assert (low, high) == pytest.approx((found.loss / 7, found.loss * 16 / 7))


def test_guided_rows_of_trees_lose_a_quarter_of_what_random_ones_do_beside():
    X, y = rows(60_000)
    trees = HistGradientBoostingClassifier()
    samples = check_samples(X, y, None)
    pilot = run_pilot(X, split_majority(samples.labels), samples, None, 0, linear=False)
    guided = recommend_factor(X, y, trees, guided=True, random_state=0)
    odds, weights = pilot.p[pilot.positive], pilot.weights[pilot.positive]
    uniform = offset_efficiency(odds, guided.factor, weights)
    right = guided_efficiency(pilot.p, pilot.positive, guided.factor, pilot.weights)
    lost = (1 / right - 1) + (1 / uniform - 1) / 4
    assert 1 / guided.efficiency - 1 == pytest.approx(lost)
    assert uniform < guided.efficiency < right
