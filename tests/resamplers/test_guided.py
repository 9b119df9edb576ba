"""Guided downsampling: chances that follow a pilot, weights that undo them."""

import numpy as np
import pytest
from pairwise import pairs
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, GuidedDownsample, ResampledClassifier
from skstrat.resamplers._guided import _smallest_ranks, _solve_chance


def logistic_data(n_rows, seed, signal=2.0, intercept=-6.0, n_features=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    slopes = np.full(n_features, signal / np.sqrt(n_features))
    p = 1 / (1 + np.exp(-intercept - X @ slopes))
    return X, (rng.random(n_rows) < p).astype(int), p


def three_classes(n_rows=30_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    p = softmax(
        np.column_stack([np.full(n_rows, 4.0), 2 + X[:, 0], 2 * X[:, 1]]), axis=1
    )
    y = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return X, np.array(["common", "medium", "rare"])[y], p


def linear_pilot(factor, seed=0, **words):
    words = {"factor": factor, "random_state": seed} | words
    return GuidedDownsample(LogisticRegression(), **words)


# The draw ---------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [6667, 501, 1])
@pytest.mark.parametrize("floor", [0.01, 0.2, 1])
@pytest.mark.parametrize("n_sure", [0, 4000, 9999, 10_000])
def test_the_chances_add_up_to_the_rows_wanted(wanted, floor, n_sure):
    hardness = np.random.default_rng(0).beta(0.3, 5, 10_000)
    hardness[:n_sure] = 0
    slope, least = _solve_chance(hardness, wanted, floor)
    chance = np.clip(slope * hardness, least, 1)
    assert chance.sum() == pytest.approx(wanted, rel=1e-9)
    assert chance.min() >= floor * wanted / 10_000 * (1 - 1e-12)


@pytest.mark.parametrize(
    ("others", "sure_chance", "other_chance"),
    # Of the second, all 30 others are kept; the 970 sure rows share what is missing.
    [
        (np.full(100, 0.5), 0.2 * 50 / 1000, 0.41),
        (np.linspace(0.01, 1, 30), 20 / 970, 1),
    ],
)
def test_chances_by_hand(others, sure_chance, other_chance):
    n_sure = 1000 - len(others)
    hardness = np.concatenate([np.zeros(n_sure), others])
    slope, least = _solve_chance(hardness, 50, 0.2)
    chance = np.clip(slope * hardness, least, 1)
    np.testing.assert_allclose(chance[:n_sure], sure_chance, rtol=1e-12)
    np.testing.assert_allclose(chance[n_sure:], other_chance, rtol=1e-9)


def test_rows_are_drawn_with_their_probabilities():
    chance = np.clip(np.random.default_rng(0).beta(0.5, 4, 400), 0.01, 1)
    chance = np.minimum(chance * round(chance.sum()) / chance.sum(), 1)
    rows, wanted, n_seeds = np.arange(400), round(chance.sum()), 2_000
    times = np.zeros(400)
    for seed in range(n_seeds):
        drawn = _smallest_ranks(rows, chance, wanted, seed)
        assert len(set(drawn.tolist())) == wanted
        times[drawn] += 1
    spread = np.sqrt(chance * (1 - chance) / n_seeds)
    # Order sampling has these probabilities only nearly; 400 rows are enough.
    assert (np.abs(times / n_seeds - chance) <= 4.5 * spread + 0.004).all()


@pytest.mark.parametrize("weighting", ["original", "balanced", {0: 3, 1: 1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_totals(weighting, weighted):
    X, y, _ = logistic_data(20_000, 0)
    # Some rows weigh nothing.
    weights = np.random.default_rng(1).choice([0, 1, 2.5], len(y)) if weighted else None
    guided = GuidedDownsample(factor=20, weighting=weighting, random_state=0)
    X_kept, y_kept, w = guided.fit_resample(X, y, sample_weight=weights)
    mass = np.bincount(y, weights)
    shares = {"original": mass / mass.sum(), "balanced": np.array([0.5, 0.5])}
    wanted = shares.get(str(weighting), np.array([0.75, 0.25])) * mass.sum()
    np.testing.assert_allclose(np.bincount(y_kept, w), wanted, rtol=1e-12)
    kept = guided.sample_indices_
    assert X_kept.tolist() == X[kept].tolist()
    assert (np.diff(kept) > 0).all()
    assert weights is None or (weights[kept] > 0).all()
    assert (y_kept == 1).sum() == np.count_nonzero(
        y * (1 if weights is None else weights)
    )


def test_three_classes_and_a_factor_for_each():
    X, y, _ = three_classes()
    guided = linear_pilot({"common": 10, "medium": 3})
    _, y_kept, w = guided.fit_resample(X, y)
    for label, factor in {"common": 10, "medium": 3, "rare": 1}.items():
        n_rows, n_kept = (y == label).sum(), (y_kept == label).sum()
        assert n_kept == round(n_rows / factor) == guided.sampling_strategy_[label]
        assert w[y_kept == label].sum() == pytest.approx(n_rows, rel=1e-12)
    assert (w[y_kept == "rare"] == 1).all()
    X, few = X[:39], np.arange(39) % 3
    for factor, n_kept in ((500, 1), (1.01, 13)):
        factor = dict.fromkeys(range(3), factor)
        tiny = GuidedDownsample(DummyClassifier(), factor=factor).fit(X, few)
        assert tiny.sampling_strategy_ == dict.fromkeys(range(3), n_kept)
    X_same, _, w = tiny.fit_resample(X, few)
    assert X_same is X
    assert w.tolist() == [1.0] * 39


def test_informative_rows_are_kept_more_often():
    X, y, p = logistic_data(50_000, 2)
    guided = GuidedDownsample(factor=20, random_state=0)
    _, y_kept, w = guided.fit_resample(X, y)
    kept = guided.sample_indices_[y_kept == 0]
    assert p[kept].mean() > 4 * p[y == 0].mean()
    assert np.corrcoef(p[kept], 1 / w[y_kept == 0])[0, 1] > 0.7
    again = clone(guided).fit(X, y).sample_indices_
    assert again.tolist() == guided.sample_indices_.tolist()
    other = clone(guided).set_params(random_state=1).fit(X, y).sample_indices_
    assert other.tolist() != again.tolist()


@pytest.mark.parametrize(
    ("pilot", "words", "spread"),
    [
        (DummyClassifier(), {}, 1e-9),
        # The shares of the classes differ a little from fold to fold.
        (DummyClassifier(), {"pilot_folds": 3}, 0.05),
        (None, {"floor": 1.0}, 1e-9),
    ],
    ids=["knows nothing", "in folds", "floor of one"],
)
def test_draws_that_are_uniform(pilot, words, spread):
    X, y, _ = logistic_data(20_000, 3)
    guided = GuidedDownsample(pilot, factor=20, random_state=0, **words)
    _, y_kept, w = guided.fit_resample(X, y)
    assert np.ptp(w[y_kept == 0]) < spread * w.max()
    assert len(guided.pilots_) == words.get("pilot_folds", 1)


def test_with_folds_no_row_is_scored_by_a_pilot_that_was_trained_on_it():
    X, y, _ = logistic_data(2_000, 3, intercept=-3)
    # A nearest neighbour knows the label of every row that it has seen.
    guided = GuidedDownsample(KNeighborsClassifier(1), factor=5, random_state=0)
    seen = guided.fit(X, y)
    apart = clone(guided).set_params(pilot_folds=5).fit(X, y)
    # 500 rows of a class, or as many as it has, less a fold's part.
    n_rare = np.bincount(y).min()
    assert seen.pilots_[0].n_samples_fit_ == 500 + n_rare
    fold = [pilot.n_samples_fit_ for pilot in apart.pilots_]
    assert (len(fold), sum(fold)) == (5, 5 * 500 + 4 * n_rare)
    rare = X[y == 1]
    assert seen.pilots_[0].predict(rare).all()
    assert not all(pilot.predict(rare).all() for pilot in apart.pilots_)


# Two phases: of a large class the pilot scores a part -------------------------------

N_ROWS, SCORED = 700_000, 250_000


class CountingPilot(ClassifierMixin, BaseEstimator):
    """Says of each of three values what it was told, and counts the rows."""

    def fit(self, X, y):
        self.classes_, self.rows_learned_ = np.unique(y, return_counts=True)
        self.rows_asked_ = 0
        return self

    def predict_proba(self, X):
        self.rows_asked_ += len(X)
        p = np.array([0.02, 0.5, 0.98])[X[:, 0].astype(int)]
        return np.column_stack([1 - p, p])


def three_values(seed, n_rows=N_ROWS):
    rng = np.random.default_rng(seed)
    value = rng.choice(3, n_rows, p=[0.9, 0.09, 0.01])
    y = rng.random(n_rows) < np.array([0.002, 0.02, 0.3])[value]
    return value[:, np.newaxis].astype(float), y.astype(int)


@pytest.mark.parametrize(
    ("n_rows", "factor", "asked"),
    [(N_ROWS, 20, SCORED), (N_ROWS, 10, 4 / 10), (100_000, 20, 1)],
)
def test_how_many_rows_the_pilot_scores(n_rows, factor, asked):
    X, y = three_values(0, n_rows)
    guided = GuidedDownsample(CountingPilot(), factor=factor, random_state=0).fit(X, y)
    n_common = (y == 0).sum()
    expected = asked if asked > 1 else asked * n_common
    # Four rows for each that is kept, which was rounded.
    assert guided.pilots_[0].rows_asked_ == pytest.approx(expected, abs=2)
    assert guided.sampling_strategy_[0] == round(n_common / factor)


def with_third_class(seed, n_third, n_rows=30_000):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = (rng.random(n_rows) < 1 / (1 + np.exp(3 - X[:, 0] - X[:, 1]))).astype(int)
    y[rng.choice(np.flatnonzero(y == 0), n_third, replace=False)] = 2
    return X, y


class RecordingPilot(LogisticRegression):
    """Knows how many rows of each class it has seen."""

    def fit(self, X, y):
        self.rows_learned_ = np.bincount(y)
        return super().fit(X, y)


@pytest.mark.parametrize("folds", [None, 2])
def test_the_prior_is_corrected_for_the_rows_learned_of_each_class(folds):
    X, y = with_third_class(0, 40)
    words = {"factor": 10, "floor": 0.01, "pilot_folds": folds, "random_state": 0}
    guided = GuidedDownsample(RecordingPilot(), weighting="uniform", **words)
    X_kept, y_kept, w = guided.fit_resample(X, y)
    p = 0
    for pilot in guided.pilots_:
        assert pilot.rows_learned_.tolist() == [500, 500, 40 / (folds or 1)]
        shift = np.log(np.bincount(y) / pilot.rows_learned_)
        p += softmax(pilot.predict_log_proba(X_kept) + shift, axis=1)
    hardness = 1 - p[:, 0] / len(guided.pilots_)
    # Kept by hardness, but where the chance is at one of its bounds.
    chance = np.exp(-guided.log_odds_offset(X_kept)[:, 0])
    inner = (chance > 1.01 * chance.min()) & (chance < 0.99 * chance.max())
    assert inner.mean() > 0.5
    assert np.ptp(np.log(chance / hardness)[inner]) < 1e-9
    if folds is None:
        common = (y_kept == 0) & inner
        assert np.ptp(np.log(w * hardness)[common]) < 1e-9


@pytest.mark.parametrize("floor", [0.2, 0.9])
def test_chances_are_those_of_both_draws(floor):
    z, words = [], {"factor": 20, "floor": floor, "weighting": "uniform"}
    for seed in range(4):
        X, y = three_values(seed)
        guided = GuidedDownsample(CountingPilot(), random_state=seed, **words)
        X_kept, y_kept, w = guided.fit_resample(X, y)
        kept, common = guided.sample_indices_, y_kept == 0
        n_rows, n_kept = (y == 0).sum(), common.sum()
        assert n_kept == round(n_rows / 20)
        assert w.max() <= n_rows / n_kept / floor * (1 + 1e-12)
        assert w.min() >= 1
        offset = guided.log_odds_offset(np.arange(3.0)[:, np.newaxis])[:, 0]
        stood_for = n_rows / w[common].sum()
        for value in range(3):
            own = common & (X_kept[:, 0] == value)
            chance = 1 / w[own][0]
            assert np.ptp(w[own]) <= 1e-9 * w[own][0]
            # No row is kept more often than it is scored.
            assert chance <= SCORED / n_rows * (1 + 1e-12)
            # Models without the weights are moved by the same chance.
            assert np.exp(-offset[value]) == pytest.approx(chance / stood_for, rel=1e-9)
            there = ((X[:, 0] == value) & (y == 0)).sum()
            spread = np.sqrt(there * chance * (1 - chance))
            z.append((own.sum() - there * chance) / spread)
        # Positions are kept evenly, though two draws go by their hashes.
        quarter = np.bincount(kept[common] * 4 // len(y), minlength=4)
        assert np.abs(quarter - n_kept / 4).max() < 4 * np.sqrt(n_kept * 3 / 16)
    assert np.abs(z).max() < 4
    # A fixed number of rows leaves less chance than there is in each alone.
    assert np.mean(np.square(z)) < 1.6


# Models -----------------------------------------------------------------------------


@pytest.mark.parametrize("use_weights", [True, False])
def test_three_classes_are_calibrated(use_weights):
    X, y, p = three_classes(60_000)
    guided = linear_pilot({"common": 10, "medium": 3})
    model = ResampledClassifier(LogisticRegression(), guided, use_weights=use_weights)
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    shares = [(y == label).mean() for label in model.classes_]
    np.testing.assert_allclose(proba.mean(axis=0), shares, rtol=0.15)
    assert np.abs(proba - p).mean() < 0.02


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


def expected_chances(pilot, prevalence, factor):
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


WEIGHTINGS = ["original", "balanced", "uniform", {0: 3, 1: 1}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pilot", "weighting", "weighted"), pairs(PILOTS, WEIGHTINGS, [False, True])
)
def test_the_rates_of_a_known_population_come_out(pilot, weighting, weighted):
    n_rows, n_seeds, factor = 20_000, 30, 2.5
    values = np.arange(6.0)[:, np.newaxis]
    found, chances, offsets = [], [], []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        value = rng.choice(6, n_rows, p=SHARES)
        y = (rng.random(n_rows) < RATES[value]).astype(int)
        # Rows count by their value alone, so that the rates stay what they are.
        w = np.array([1, 2, 0.5, 1, 3, 1])[value] if weighted else None
        words = {"factor": factor, "weighting": weighting, "random_state": seed}
        guided = GuidedDownsample(KnownPilot(PILOTS[pilot]), **words)
        # A tree of six values counts.
        tree, words = DecisionTreeClassifier(), {"calibration_check": False}
        model = ResampledClassifier(tree, guided, use_weights=False, **words)
        model.fit(values[value], y, sample_weight=w)
        found.append(model.predict_proba(values)[:, 1])
        kept = model.resampler_.sample_indices_
        kept = value[kept[y[kept] == 0]]
        before = np.bincount(value[y == 0], minlength=6)
        chances.append(np.bincount(kept, minlength=6) / before)
        offsets.append(np.diff(model.resampler_.log_odds_offset(values), axis=1)[:, 0])
    expected = expected_chances(PILOTS[pilot], SHARES @ RATES, factor)
    # Rows of every value are kept as often as the formula says ...
    error = np.std(chances, axis=0, ddof=1) / np.sqrt(n_seeds)
    assert (np.abs(np.mean(chances, axis=0) - expected) < 4 * error + 0.005).all()
    # ... predictions move by that, to the noise of the total of a class ...
    assert np.abs(np.mean(offsets, axis=0) - np.log(expected)).max() < 0.02
    # ... and come to the rates in the data, for every weighting the same.
    error = np.std(found, axis=0, ddof=1) / np.sqrt(n_seeds)
    assert (np.abs(np.mean(found, axis=0) - RATES) < 4 * error).all()


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
    truth, errors = np.full(5, signal / np.sqrt(5)), {}
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
        name: np.mean(own) / np.mean(errors["all"]) for name, own in errors.items()
    }
    assert max(ratio["guided"], ratio["offset"]) < 1.3
    assert ratio["uniform"] > 2.5
    assert ratio["no offset"] > 50


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"factor": 0.5}, "'factor' parameter"),
        ({"floor": 0.0}, "'floor' parameter"),
        ({"floor": 1.5}, "'floor' parameter"),
        ({"pilot_folds": 1}, "'pilot_folds' parameter"),
        ({"pilot": object()}, "'pilot' parameter"),
        ({"weighting": "factor"}, "whose rows have no one factor"),
        ({"factor": {"good": 0.2}}, "factor must be a finite number >= 1"),
        (
            {"factor": 5, "pilot_folds": 2},
            r"pilot_folds must be None .*; got 2, and one row of class 'odd'\. Fewer",
        ),
    ],
)
def test_parameters_that_are_refused(parameters, text):
    X, y, _ = logistic_data(500, 0, intercept=-2)
    labels = np.where(y, "bad", "good").astype(object)
    labels[7] = "odd"
    guided = GuidedDownsample(**parameters)
    with pytest.raises(ValueError, match=text):
        guided.fit(X, labels)
