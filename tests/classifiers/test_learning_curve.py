"""Where columns are made by a pipeline, or parameters are not counted but measured."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import recommend_factor
from skstrat._core.samples import check_samples
from skstrat.classifiers._auto import recommend_for
from skstrat.classifiers._learning_curve import _draw, measured_share
from skstrat.resamplers._efficiency import guided_efficiency, offset_efficiency
from skstrat.resamplers._factor import split_majority
from skstrat.resamplers._pilot import run_pilot

LINE = LogisticRegression()


def rows(n_rows=50_000, n_features=5, seed=0, slope=1.0):
    """Draw about one positive in a hundred rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    p = expit(-4.6 - slope**2 / 2 + slope * X[:, :5].sum(axis=1) / np.sqrt(5))
    return X, (rng.random(n_rows) < p).astype(int)


def frequent(n_rows=60_000, n_features=10, seed=0, intercept=-3.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    logit = intercept + X[:, 0] + 0.5 * X[:, 1]
    return X, (rng.random(n_rows) < expit(logit)).astype(int)


def asked(model, X, y, **options):
    options = {"guided": True, "seed": 0} | options
    return recommend_for(model, X, check_samples(X, y, None), **options)


def share(estimator, X, y, *, budget=np.inf, weight=None, seed=0):
    samples = check_samples(X, y, weight)
    split = split_majority(samples.labels)
    pilot, given = run_pilot(X, split, samples, None, seed), (X, split, samples)
    return measured_share(
        estimator, *given, pilot, cost=float, budget=budget, seed=seed
    )


class Watched(GaussianNB):
    """Naive Bayes that tells of the rows it is fitted with."""

    fits = []

    def fit(self, X, y, sample_weight=None):
        self.fits.append(len(y))
        return super().fit(X, y, sample_weight)


# Columns


@pytest.mark.parametrize(
    ("n_positives", "n_features", "kind"),
    [(50, 80, np.asarray), (100, 160, sparse.csr_matrix)],
)
def test_with_more_columns_than_positives_all_rows_are_kept(
    n_positives, n_features, kind
):
    X, y = rows(100 * n_positives, n_features)
    found = recommend_factor(kind(X), y, LogisticRegression(C=10), random_state=0)
    assert found.limited_by == "positives_per_column"
    assert (found.factor, found.rows, found.loss) == (1.0, len(y), 0.0)
    # Whole parameters are counted: halving the rows is said to cost far over 1 %.
    entropy = log_loss(y, np.full(len(y), y.mean()))
    assert found.estimation_share >= min(0.5, n_features / (2 * len(y) * entropy))
    assert found.table_["loss"].iloc[-1] > 0.01


def test_words_of_texts_are_columns_too():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 150, size=(20_000, 6))
    y = (rng.random(20_000) < 0.02 * np.exp((words < 15).sum(axis=1))).astype(int)
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    whole = recommend_factor(texts, y, model, random_state=0)
    assert (whole.n_columns, whole.limited_by) == (150, "least_rows")
    assert whole.correction == "weights"
    # A search around the pipeline sees what it makes.
    search = GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=2)
    around = recommend_factor(texts, y, search, random_state=0)
    assert around.loss_by_factor == pytest.approx(whole.loss_by_factor)


def test_categories_that_half_of_the_pilot_lacks_are_no_hindrance():
    X, y = rows(slope=2.5)
    names = np.array([f"c{i}" for i in range(200)])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": X.sum(axis=1), "c": names[rng.zipf(1.5, len(y)) % 200]})
    found = []
    for how in ("error", "ignore"):
        encoder = OneHotEncoder(handle_unknown=how), ["c"]
        head = make_column_transformer(encoder, remainder=StandardScaler())
        found.append(
            recommend_factor(frame, y, make_pipeline(head, LINE), random_state=0)
        )
    assert found[0].correction == "weights"
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("model", "X", "message"),
    [
        (LogisticRegression(C=-1), 0, "The 'C' parameter of"),
        (HistGradientBoostingClassifier(max_iter=-5), 0, "The 'max_iter' parameter of"),
        (
            LINE,
            np.nan,
            r"(?s)estimator must learn from one half .*Input X .*[^.]\. Let",
        ),
    ],
    ids=range(3),
)
def test_what_the_pilot_cannot_fit_is_told(model, X, message):
    rows, y = frequent(40_000)
    rows[::9, 0] += X
    with pytest.raises(ValueError, match=message):
        asked(model, rows, y, guided=False)(1e-6)


# Learning curves


@pytest.mark.slow
def test_where_parameters_can_be_counted_the_range_holds_their_share():
    # d / (2 n L), the independent witness; two standard errors, so one of 8 may miss.
    held, values, counted = 0, [], []
    for seed in range(8):
        X, y = frequent(seed=seed)
        loss = log_loss(y, LogisticRegression().fit(X, y).predict_proba(X))
        counted.append(11 / (2 * len(y) * loss))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6))
        value, low, high = share(model, X, y, seed=seed)
        held += low <= counted[-1] <= high
        values.append(value)
    assert held >= 7
    assert 0.5 < np.mean(values) / np.mean(counted) < 2


def test_parts_are_nested_and_disjoint_from_the_rows_to_test_with():
    X, y = frequent(20_000)
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
    X, y = frequent(80_000, seed=seed)
    Watched.fits.clear()
    found = share(Watched(), X, y, budget=len(y) / 10, seed=seed)
    assert found is not None
    small, middle, large = Watched.fits
    # Rows to test with, as many as the largest part, are in the budget, too.
    assert len(y) / 11 < small + middle + 2 * large <= len(y) / 10
    assert (middle, large) == pytest.approx((2 * small, 4 * small), abs=4)
    assert share(GaussianNB(), X, y, budget=4_000) is None
    assert share(GaussianNB(), X[:5000], y[:5000], seed=1) is None


@pytest.mark.parametrize(
    ("library", "name"),
    [("xgboost", "early_stopping_rounds"), ("lightgbm", "early_stopping_round")],
)
def test_boosters_that_need_an_eval_set_are_not_measured(library, name, trees):
    X, y = frequent(20_000)
    model = trees(library, 2, **{name: 5})
    assert share(make_pipeline(StandardScaler(), model), X, y) is None
    found = asked(model, X, y)(1e-3)
    assert found.loss_range[1] > found.loss_range[0] > 0


def test_seeds_units_of_weights_and_rows_of_zero_weight():
    X, y = frequent(20_000)
    tree = DecisionTreeClassifier(min_samples_leaf=5, max_features=2)
    assert share(tree, X, y, seed=3) == share(tree, X, y, seed=3)
    assert share(tree, X, y, seed=3) != share(tree, X, y, seed=4)
    weight = np.random.default_rng(5).exponential(size=len(y))
    weight[:100] = 0
    found = share(GaussianNB(), X, y, weight=weight)
    np.testing.assert_allclose(share(GaussianNB(), X, y, weight=8 * weight), found)


def test_where_no_curve_is_paid_for_seven_hundred_parameters_are_assumed():
    X, y = frequent(60_000)
    trees = HistGradientBoostingClassifier()
    found = recommend_factor(X, y, trees, random_state=0)
    samples = check_samples(X, y, None)
    pilot = run_pilot(X, split_majority(samples.labels), samples, None, 0, linear=False)
    assert found.estimation_share == pytest.approx(700 / (2 * len(y) * pilot.loss))
    assert found.loss_range == pytest.approx((found.loss / 7, found.loss * 16 / 7))
    # Guided rows lose a quarter of what random ones do, too.
    guided = recommend_factor(X, y, trees, guided=True, random_state=0)
    odds, weights = pilot.p[pilot.positive], pilot.weights[pilot.positive]
    uniform = offset_efficiency(odds, guided.factor, weights)
    right = guided_efficiency(pilot.p, pilot.positive, guided.factor, pilot.weights)
    lost = (1 / right - 1) + (1 / uniform - 1) / 4
    assert 1 / guided.efficiency - 1 == pytest.approx(lost)


def test_one_pilot_serves_any_loss():
    X, y = rows()
    recommend = asked(LINE, X, y, guided=False, seed=3)
    found = [recommend(loss) for loss in (1e-4, 0.01)]
    assert found == [
        recommend_factor(X, y, LINE, loss, random_state=3) for loss in (1e-4, 0.01)
    ]
    assert found[0].rows > found[1].rows
