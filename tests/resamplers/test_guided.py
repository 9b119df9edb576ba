"""Guided downsampling: chances that follow a pilot, weights that undo them."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    make_pipeline,
)
from skstrat.resamplers._guided import _smallest_ranks, _solve_chance


def logistic_data(n_rows, seed, signal=2.0, intercept=-6.0, n_features=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    slopes = np.full(n_features, signal / np.sqrt(n_features))
    p = 1 / (1 + np.exp(-intercept - X @ slopes))
    return X, (rng.random(n_rows) < p).astype(int), p


def strong_signal(n_rows, seed):
    """1 % positives, told by three features of ten."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 10))
    p = 1 / (1 + np.exp(8.21 - X[:, :3].sum(axis=1) * np.sqrt(3)))
    return X, (rng.random(n_rows) < p).astype(int), p


def three_classes(n_rows=30_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    scores = np.column_stack([np.full(n_rows, 4.0), 2 + X[:, 0], 2 * X[:, 1]])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return X, np.array(["common", "medium", "rare"])[y], p


@pytest.mark.parametrize("wanted", [6667, 2000, 501, 100, 1])
@pytest.mark.parametrize("floor", [0.01, 0.2, 0.9, 1])
@pytest.mark.parametrize("n_sure", [0, 4000, 9000, 9999, 10_000])
def test_the_chances_add_up_to_the_rows_wanted(wanted, floor, n_sure):
    hardness = np.random.default_rng(0).beta(0.3, 5, 10_000)
    hardness[:n_sure] = 0
    slope, least = _solve_chance(hardness, wanted, floor)
    chance = np.clip(slope * hardness, least, 1)
    assert chance.sum() == pytest.approx(wanted, rel=1e-9)
    assert chance.min() >= floor * wanted / 10_000 * (1 - 1e-12)


def test_hardness_of_zero_has_the_floor():
    hardness = np.concatenate([np.zeros(900), np.full(100, 0.5)])
    slope, least = _solve_chance(hardness, 50, 0.2)
    chance = np.clip(slope * hardness, least, 1)
    np.testing.assert_allclose(chance[:900], 0.01, rtol=1e-12)
    np.testing.assert_allclose(chance[900:], 0.41, rtol=1e-9)


def test_rows_of_which_a_pilot_is_sure_share_what_is_left():
    # All 30 others are kept; 20 of the 970 are missing to the 50 that are wanted.
    hardness = np.concatenate([np.zeros(970), np.linspace(0.01, 1, 30)])
    slope, least = _solve_chance(hardness, 50, 0.2)
    chance = np.clip(slope * hardness, least, 1)
    np.testing.assert_allclose(chance[:970], 20 / 970, rtol=1e-12)
    np.testing.assert_allclose(chance[970:], 1, rtol=1e-12)


@pytest.mark.parametrize("weighting", ["original", "balanced", {0: 3, 1: 1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_totals(weighting, weighted):
    X, y, _ = logistic_data(20_000, 0)
    weights = np.random.default_rng(1).lognormal(size=len(y)) if weighted else None
    guided = GuidedDownsample(factor=20, weighting=weighting, random_state=0)
    X_kept, y_kept, w = guided.fit_resample(X, y, sample_weight=weights)
    mass = np.bincount(y, weights)
    shares = {"original": mass / mass.sum(), "balanced": np.array([0.5, 0.5])}
    wanted = shares.get(str(weighting), np.array([0.75, 0.25])) * mass.sum()
    np.testing.assert_allclose(np.bincount(y_kept, w), wanted, rtol=1e-12)
    assert X_kept.tolist() == X[guided.sample_indices_].tolist()
    assert (y_kept == 1).sum() == (y == 1).sum()
    assert (np.diff(guided.sample_indices_) > 0).all()


@pytest.mark.slow
def test_the_number_of_rows_and_the_bound_of_the_weights():
    X, y, _ = logistic_data(50_000, 1)
    ratios = []
    for seed in range(8):
        guided = GuidedDownsample(factor=20, weighting="uniform", random_state=seed)
        _, y_kept, w = guided.fit_resample(X, y)
        assert (y_kept == 0).sum() == round((y == 0).sum() / 20)
        mean = (y_kept == 0).sum() / (y == 0).sum()
        assert w[y_kept == 0].max() <= 1 / (0.2 * mean) * (1 + 1e-12)
        assert w.min() >= 1
        ratios.append(w[y_kept == 0].sum() / (y == 0).sum())
    # Horvitz and Thompson: right on average.
    assert abs(np.mean(ratios) - 1) < 4 * np.std(ratios) / np.sqrt(len(ratios))


def test_rows_are_drawn_with_their_probabilities():
    chance = np.clip(np.random.default_rng(0).beta(0.5, 4, 400), 0.01, 1)
    chance *= round(chance.sum()) / chance.sum()
    chance = np.minimum(chance, 1)
    rows, wanted = np.arange(400), round(chance.sum())
    n_seeds = 4_000
    times = np.zeros(400)
    for seed in range(n_seeds):
        drawn = _smallest_ranks(rows, chance, wanted, seed)
        assert len(set(drawn.tolist())) == wanted
        times[drawn] += 1
    spread = np.sqrt(chance * (1 - chance) / n_seeds)
    # Order sampling has these probabilities only nearly; 400 rows are enough.
    error = np.abs(times / n_seeds - chance)
    assert (error <= 4.5 * spread + 0.004).all()


@pytest.mark.parametrize("n_rows", [40, 60, 200])
def test_a_small_class_keeps_a_row(n_rows):
    X, _, _ = logistic_data(n_rows, 0)
    y = np.arange(n_rows) % 3
    guided = GuidedDownsample(DummyClassifier(), factor={0: 500, 1: 500, 2: 500})
    assert guided.fit(X, y).sampling_strategy_ == {0: 1, 1: 1, 2: 1}


def test_informative_rows_are_kept_more_often():
    X, y, p = logistic_data(50_000, 2)
    guided = GuidedDownsample(factor=20, random_state=0)
    _, y_kept, w = guided.fit_resample(X, y)
    kept = guided.sample_indices_[y_kept == 0]
    assert p[kept].mean() > 4 * p[y == 0].mean()
    assert np.corrcoef(p[kept], 1 / w[y_kept == 0])[0, 1] > 0.7


def test_three_classes_and_a_factor_for_each():
    X, y, _ = three_classes()
    guided = GuidedDownsample(
        LogisticRegression(), factor={"common": 10, "medium": 3}, random_state=0
    )
    _, y_kept, w = guided.fit_resample(X, y)
    for label, factor in {"common": 10, "medium": 3, "rare": 1}.items():
        n_rows, n_kept = (y == label).sum(), (y_kept == label).sum()
        assert n_kept == round(n_rows / factor)
        assert w[y_kept == label].sum() == pytest.approx(n_rows, rel=1e-12)
        assert guided.sampling_strategy_[label] == n_kept
    assert (w[y_kept == "rare"] == 1).all()


@pytest.mark.parametrize("use_weights", [True, False])
def test_three_classes_are_calibrated(use_weights):
    X, y, p = three_classes(60_000)
    guided = GuidedDownsample(
        LogisticRegression(), factor={"common": 10, "medium": 3}, random_state=0
    )
    model = ResampledClassifier(LogisticRegression(), guided, use_weights=use_weights)
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    shares = [(y == label).mean() for label in model.classes_]
    np.testing.assert_allclose(proba.mean(axis=0), shares, rtol=0.15)
    assert np.abs(proba - p).mean() < 0.02


@pytest.mark.parametrize(("folds", "spread"), [(None, 1e-9), (3, 0.05)])
def test_a_pilot_without_knowledge_is_uniform_downsampling(folds, spread):
    X, y, _ = logistic_data(20_000, 3)
    guided = GuidedDownsample(
        DummyClassifier(), factor=20, pilot_folds=folds, random_state=0
    )
    _, y_kept, w = guided.fit_resample(X, y)
    # The shares of the classes differ a little from fold to fold.
    assert np.ptp(w[y_kept == 0]) < spread * w.max()
    assert len(guided.pilots_) == (folds or 1)


def test_with_folds_no_row_is_judged_by_a_pilot_that_saw_it():
    X, y, _ = logistic_data(2_000, 3, intercept=-3)
    # A nearest neighbour knows the label of every row that it has seen.
    pilot = KNeighborsClassifier(1)
    guided = GuidedDownsample(pilot, factor=5, random_state=0, weighting="uniform")
    seen = guided.fit(X, y)
    apart = clone(guided).set_params(pilot_folds=5).fit(X, y)
    # 500 rows of a class, or as many as it has, less a fold's part.
    n_rare = np.bincount(y).min()
    assert seen.pilots_[0].n_samples_fit_ == 500 + n_rare
    fold = [pilot.n_samples_fit_ for pilot in apart.pilots_]
    assert len(fold) == 5
    assert sum(fold) == 5 * 500 + 4 * n_rare
    # It is right about all the rare rows that it has seen.
    rare = np.flatnonzero(y)
    assert seen.pilots_[0].predict(X[rare]).all()
    assert not all(pilot.predict(X[rare]).all() for pilot in apart.pilots_)


def test_a_floor_of_one_is_uniform_downsampling():
    X, y, _ = logistic_data(20_000, 3)
    _, y_kept, w = GuidedDownsample(floor=1.0, random_state=0).fit_resample(X, y)
    assert np.ptp(w[y_kept == 0]) < 1e-9 * w.max()


def test_factor_one_keeps_all():
    X, y, _ = logistic_data(2_000, 4, intercept=-3)
    X_kept, y_kept, w = GuidedDownsample(factor=1).fit_resample(X, y)
    assert X_kept is X
    assert y_kept is y
    assert w.tolist() == [1.0] * len(y)


def test_same_seed_same_rows_and_others_for_another():
    X, y, _ = logistic_data(10_000, 5)
    drawn = [
        GuidedDownsample(random_state=seed).fit(X, y).sample_indices_.tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_rows_of_zero_weight_are_not_there():
    X, y, _ = logistic_data(10_000, 6)
    weights = np.random.default_rng(0).choice([0, 1, 2.0], len(y))
    guided = GuidedDownsample(random_state=0)
    _, y_kept, w = guided.fit_resample(X, y, sample_weight=weights)
    assert (weights[guided.sample_indices_] > 0).all()
    np.testing.assert_allclose(np.bincount(y_kept, w), np.bincount(y, weights))


def test_missing_values_and_frames_and_sparse():
    pandas = pytest.importorskip("pandas")
    sparse = pytest.importorskip("scipy.sparse")
    X, y, _ = logistic_data(5_000, 7, intercept=-4)
    X[::7, 0] = np.nan
    frame = pandas.DataFrame(X, columns=list("abcde"))
    guided = GuidedDownsample(factor=5, random_state=0)
    kept, _, w = guided.fit_resample(frame, pandas.Series(y))
    array, _, same = clone(guided).fit_resample(X, y)
    np.testing.assert_array_equal(kept.to_numpy(), array)
    np.testing.assert_allclose(w, same)
    assert guided.feature_names_in_.tolist() == list("abcde")
    matrix = sparse.csr_array(np.nan_to_num(X))
    kept, _, _ = guided.fit_resample(matrix, y)
    assert sparse.issparse(kept)
    assert kept.shape == (len(guided.sample_indices_), 5)


@pytest.mark.slow
def test_weights_go_to_linear_models_alone():
    X, y, _ = logistic_data(20_000, 8, intercept=-4)
    guided = GuidedDownsample(LogisticRegression(), factor=10, random_state=0)
    line = ResampledClassifier(LogisticRegression(), guided).fit(X, y)
    np.testing.assert_allclose(line.train_prior_, np.bincount(y), rtol=1e-12)
    assert line.decision_.weights == "all"
    trees = HistGradientBoostingClassifier(max_iter=20)
    for estimator in (trees, KNeighborsClassifier(200)):
        model = ResampledClassifier(estimator, guided).fit(X, y)
        assert model.train_prior_.sum() == model.n_samples_fit_ < 5_000
        assert model.decision_.correction == "row by row"
        assert 0.8 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.25
    assert 0.8 < line.predict_proba(X)[:, 1].mean() / y.mean() < 1.25


class KnownPilot(ClassifierMixin, BaseEstimator):
    """Says of each of a few values of the first column what it was told."""

    def __init__(self, positive):
        self.positive = positive

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = np.asarray(self.positive)[np.asarray(X)[:, 0].astype(int)]
        return np.column_stack([1 - p, p])


# Of six values: the rate of positives, and what a pilot of balanced rows says. The
# second pilot is sure of 70 % of the rows, which are a quarter of all positives.
RATES = np.array([0.002, 0.002, 0.01, 0.02, 0.1, 0.4])
SHARES = np.array([0.4, 0.3, 0.15, 0.1, 0.04, 0.01])
PILOTS = {
    "never sure": (0.02, 0.1, 0.3, 0.5, 0.9, 0.99),
    "sure": (0.0, 0.0, 0.3, 0.5, 0.9, 0.99),
}


def chances_by_hand(pilot, prevalence, factor):
    """Give each value's chance of a negative, by halving an interval."""
    odds = np.array(pilot) / (1 - np.array(pilot)) * prevalence / (1 - prevalence)
    hardness = odds / (1 + odds)
    share = SHARES * (1 - RATES) / (SHARES @ (1 - RATES))
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        chance = np.clip(middle * hardness, 0.2 / factor, 1)
        low, high = (middle, high) if share @ chance < 1 / factor else (low, middle)
    missing = 1 / factor - share @ chance
    sure = hardness == 0
    return chance + sure * max(0, missing) / max(share @ sure, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("pilot", PILOTS.values(), ids=PILOTS)
@pytest.mark.parametrize("weighting", ["original", "balanced", "uniform", {0: 3, 1: 1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_rates_of_a_known_population_come_out(pilot, weighting, weighted):
    n_rows, n_seeds, factor = 20_000, 30, 2.5
    found, chances, offsets = [], [], []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        value = rng.choice(6, n_rows, p=SHARES)
        y = (rng.random(n_rows) < RATES[value]).astype(int)
        X = value[:, np.newaxis].astype(float)
        # Rows count by their value alone, so that the rates stay what they are.
        w = np.array([1, 2, 0.5, 1, 3, 1])[value] if weighted else None
        guided = GuidedDownsample(
            KnownPilot(pilot), factor=factor, weighting=weighting, random_state=seed
        )
        # A tree of six values counts.
        model = ResampledClassifier(
            DecisionTreeClassifier(), guided, use_weights=False, calibration_check=False
        ).fit(X, y, sample_weight=w)
        found.append(model.predict_proba(np.arange(6.0)[:, np.newaxis])[:, 1])
        kept = value[model.resampler_.sample_indices_]
        kept = kept[y[model.resampler_.sample_indices_] == 0]
        before = np.bincount(value[y == 0], minlength=6)
        chances.append(np.bincount(kept, minlength=6) / before)
        offset = model.resampler_.log_odds_offset(np.arange(6.0)[:, np.newaxis])
        offsets.append(offset[:, 1] - offset[:, 0])
    expected = chances_by_hand(pilot, SHARES @ RATES, factor)
    # Rows of every value are kept as often as the formula says ...
    error = np.std(chances, axis=0, ddof=1) / np.sqrt(n_seeds)
    assert (np.abs(np.mean(chances, axis=0) - expected) < 4 * error + 0.005).all()
    # ... predictions move by that, to the noise of the total of a class ...
    assert np.abs(np.mean(offsets, axis=0) - np.log(expected)).max() < 0.02
    # ... and come to the rates in the data, for every weighting the same.
    error = np.std(found, axis=0, ddof=1) / np.sqrt(n_seeds)
    assert (np.abs(np.mean(found, axis=0) - RATES) < 4 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighting", ["balanced", "uniform", {0: 3, 1: 1}])
def test_withheld_weights_lead_to_the_original_prior(seed, weighting):
    X, y, _ = logistic_data(20_000, seed, signal=3, intercept=-6)
    X_new, _, p = logistic_data(20_000, seed + 100, signal=3, intercept=-6)
    guided = GuidedDownsample(LogisticRegression(), factor=20, random_state=seed)
    for estimator in (KNeighborsClassifier(50), LinearDiscriminantAnalysis()):
        model = ResampledClassifier(estimator, guided).fit(X, y)
        proba = model.predict_proba(X_new)[:, 1]
        model.set_params(resampler__weighting=weighting).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X_new)[:, 1], proba, rtol=1e-9)
        assert 0.8 < proba.mean() / p.mean() < 1.25


@pytest.mark.slow
@pytest.mark.parametrize("use_weights", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_a_pilot_that_is_sure_of_most_rows(seed, use_weights):
    X, y, _ = strong_signal(30_000, seed)
    X_new, _, p = strong_signal(50_000, seed + 100)
    guided = GuidedDownsample(
        DecisionTreeClassifier(random_state=0), factor=3, random_state=seed
    )
    trees = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=15, l2_regularization=10, early_stopping=False
    )
    for estimator in (LogisticRegression(), trees):
        model = ResampledClassifier(estimator, guided, use_weights=use_weights)
        q = model.fit(X, y).predict_proba(X_new)[:, 1]
        whole = clone(estimator).fit(X, y).predict_proba(X_new)[:, 1]
        # Both learn from the same 300 positives, and others of the rest.
        assert 0.9 < q.mean() / whole.mean() < 1.1
        losses = [-(p * np.log(r) + (1 - p) * np.log1p(-r)).mean() for r in (q, whole)]
        assert losses[0] < 1.07 * losses[1]


@pytest.mark.slow
def test_unweighted_fits_are_corrected_row_by_row():
    X, y, p = logistic_data(100_000, 9, intercept=-5)
    guided = GuidedDownsample(LogisticRegression(), factor=20, random_state=0)
    forest = RandomForestClassifier(50, min_samples_leaf=20, random_state=0)
    off = ResampledClassifier(
        forest, guided, use_weights=False, prior_correction=False
    ).fit(X, y)
    corrected = ResampledClassifier(forest, guided, use_weights=False).fit(X, y)
    assert off.predict_proba(X)[:, 1].mean() > 2 * y.mean()
    assert corrected.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.15)
    assert log_loss(y, corrected.predict_proba(X)) < log_loss(y, p) * 1.15


def test_log_probabilities_and_decisions_move_with_the_probabilities():
    X, y, _ = logistic_data(20_000, 10, intercept=-4)
    guided = GuidedDownsample(LogisticRegression(), factor=10, random_state=0)
    model = ResampledClassifier(LogisticRegression(), guided, use_weights=False)
    p = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-9)
    log_odds = np.log(p[:, 1] / p[:, 0])
    np.testing.assert_allclose(model.decision_function(X), log_odds, atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))


def test_incoming_weights_reach_unweighted_fits():
    X, y, _ = logistic_data(20_000, 11, intercept=-4)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0)
    guided = GuidedDownsample(LogisticRegression(), factor=10, random_state=0)
    model = ResampledClassifier(GaussianNB(), guided, use_weights=False)
    model.fit(X, y, sample_weight=weights)
    kept = model.resampler_.sample_indices_
    np.testing.assert_allclose(
        model.train_prior_, np.bincount(y[kept], weights[kept]), rtol=1e-12
    )
    rate = np.average(y, weights=weights)
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    assert 0.7 < p / rate < 1.4


@pytest.mark.slow
def test_in_a_pipeline_and_in_a_search():
    X, y, _ = logistic_data(10_000, 12, intercept=-4)
    guided = GuidedDownsample(random_state=0)
    pipeline = make_pipeline(guided, LogisticRegression()).fit(X, y)
    assert 0.8 < pipeline.predict_proba(X)[:, 1].mean() / y.mean() < 1.2
    search = GridSearchCV(
        ResampledClassifier(LogisticRegression(), guided),
        {"resampler__factor": [2, 10], "resampler__floor": [0.2, 1.0]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"factor": 0.5}, "'factor' parameter"),
        ({"floor": 0.0}, "'floor' parameter"),
        ({"floor": 1.5}, "'floor' parameter"),
        ({"pilot_folds": 1}, "'pilot_folds' parameter"),
        ({"pilot": object()}, "'pilot' parameter"),
        ({"weighting": "factor"}, "whose rows have no one factor"),
        ({"factor": {0: 0.2}}, "factor must be a finite number >= 1"),
    ],
)
def test_parameters_that_are_refused(parameters, text):
    X, y, _ = logistic_data(500, 0, intercept=-2)
    guided = GuidedDownsample(**parameters)
    with pytest.raises(ValueError, match=text):
        guided.fit(X, y)


def test_folds_are_refused_where_a_class_has_one_row():
    X, y, _ = logistic_data(500, 0, intercept=-2)
    labels = np.where(y, "bad", "good").astype(object)
    labels[7] = "odd"
    folds = GuidedDownsample(factor=5, pilot_folds=2, random_state=0)
    message = r"pilot_folds must be None .*; got 2, and one row of class 'odd'\. Fewer"
    with pytest.raises(ValueError, match=message):
        folds.fit(X, labels)
    assert folds.set_params(pilot_folds=None).fit(X, labels).sampling_strategy_["odd"]


def slopes(X, y, w=None):
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=500)
    return model.fit(X, y, sample_weight=w).coef_[0]


def slopes_with_offset(X, y, offset):
    api = pytest.importorskip("statsmodels.api")
    design = np.column_stack([np.ones(len(X)), X])
    model = api.GLM(y, design, family=api.families.Binomial(), offset=offset)
    return model.fit().params[1:]


@pytest.mark.slow
def test_slopes_are_nearly_as_good_as_from_all_rows(population):
    signal, intercept = population(0.91)
    truth = np.full(5, signal / np.sqrt(5))
    errors = {}
    for seed in range(50):
        X, y, _ = logistic_data(50_000, seed, signal, intercept)
        guided = GuidedDownsample(factor=20, random_state=seed)
        uniform = DownsampleUpweight(factor=20, random_state=seed)
        X_kept, y_kept, w = guided.fit_resample(X, y)
        # In the rows kept the log odds are moved by a function of x, whatever y is.
        moved = -np.diff(guided.log_odds_offset(X_kept), axis=1)[:, 0]
        found = {
            "all": slopes(X, y),
            "guided": slopes(X_kept, y_kept, w),
            "uniform": slopes(*uniform.fit_resample(X, y)),
            "offset": slopes_with_offset(X_kept, y_kept, moved),
            "no offset": slopes(X_kept, y_kept),
        }
        for name, slope in found.items():
            errors.setdefault(name, []).append(((slope - truth) ** 2).sum())
    ratio = {
        name: np.mean(each) / np.mean(errors["all"]) for name, each in errors.items()
    }
    assert ratio["guided"] < 1.3
    assert ratio["uniform"] > 2.5
    assert ratio["offset"] < 1.3
    assert ratio["no offset"] > 50


@pytest.mark.slow
def test_boosted_trees_lose_little():
    losses = {"all": [], "guided": [], "uniform": []}
    for seed in range(3):
        X, y, _ = strong_signal(50_000, seed)
        X_test, _, p = strong_signal(200_000, seed + 100)
        best = -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean()
        trees = HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, l2_regularization=10, early_stopping=False
        )
        guided = GuidedDownsample(factor=20, random_state=seed)
        uniform = DownsampleUpweight(factor=20, random_state=seed)
        models = {
            "all": ResampledClassifier(trees),
            "guided": ResampledClassifier(trees, guided),
            "uniform": ResampledClassifier(
                trees, uniform, use_weights=True, calibration_check=False
            ),
        }
        for name, model in models.items():
            q = model.fit(X, y).predict_proba(X_test)[:, 1]
            losses[name].append(-(p * np.log(q) + (1 - p) * np.log1p(-q)).mean() - best)
    excess = {name: np.mean(each) for name, each in losses.items()}
    assert excess["guided"] < 1.15 * excess["all"]
    assert excess["uniform"] > 3 * excess["all"]
