"""Strata and groups: what they keep, bins of a target, classifiers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skstrat import (
    DownsampleUpweight,
    ResampledClassifier,
    SmallStrataWarning,
    TreeWeightsWarning,
    UnusedWeightsError,
    make_pipeline,
)

N_ROWS = 600
RNG = np.random.default_rng(5)
Y = RNG.choice(["a", "b", "c"], N_ROWS, p=[0.8, 0.15, 0.05])
REGION = RNG.choice(["east", "north", "west"], N_ROWS, p=[0.6, 0.3, 0.1])
X = np.column_stack([RNG.normal(size=N_ROWS), np.arange(N_ROWS)])
WEIGHT = RNG.lognormal(size=N_ROWS)
SHOP = RNG.integers(0, 150, N_ROWS)
AMOUNT = RNG.lognormal(size=N_ROWS)
BINS = np.digitize(AMOUNT, [1.5, 4.0])
small_strata = pytest.mark.filterwarnings("ignore:Some strata hold few")


def down(**words):
    return DownsampleUpweight(**{"factor": 7.3, "random_state": 3} | words)


def draw(resampler, y=Y, data=X, sample_weight=None):
    *_, weights = resampler.fit_resample(data, y, sample_weight=sample_weight)
    return resampler.sample_indices_, weights


def in_cells(values, *keys):
    """Add up by cell, the independent way."""
    keys = [pd.Series(np.asarray(key)) for key in keys]
    return pd.Series(values).groupby(keys).sum()


def assert_same(first, second):
    """Compare two results of ``draw``."""
    assert [part.tolist() for part in first] == [part.tolist() for part in second]


# Totals -----------------------------------------------------------------------------


def cut_in_turn(sizes, n_rows=12_000):
    """Give labels and strata of so many rows in turn, and log-normal weights."""
    ends = np.cumsum(np.resize(sizes, 1 + n_rows // min(sizes)))
    strata = np.searchsorted(ends, np.arange(n_rows), side="right")
    y = np.append(np.zeros(n_rows, int), np.ones(60, int))
    weight = np.random.default_rng(7).lognormal(size=len(y))
    return y, np.append(strata, np.zeros(60, int)), weight


@small_strata
@pytest.mark.parametrize("sizes", [[3], [15, 24]], ids=str)
def test_incoming_weights_do_not_cancel_in_small_strata(sizes):
    y, strata, weight = cut_in_turn(sizes)
    heavy, shares = weight > 1.5, []
    for seed in range(40):
        resampler = down(factor=10, random_state=seed, strata=strata)
        drawn, weights = draw(resampler, y, y, weight)
        own = y[drawn] == 0
        total = weight[y == 0].sum()
        shares.append((weights * heavy[drawn])[own].sum() / total)
        assert weights[own].sum() == pytest.approx(total, rel=1e-12)
    truth = (weight * heavy)[y == 0].sum() / total
    error = np.std(shares, ddof=1) / np.sqrt(40)
    assert error < 0.005
    assert abs(np.mean(shares) - truth) < 4 * error


@pytest.mark.parametrize(
    ("size", "times", "text"), [(3, 20 / 3, "more"), (29, 20 / 29, "fewer")]
)
def test_small_strata_say_that_rows_drawn_are_not_those_asked_for(size, times, text):
    y, strata, weight = cut_in_turn([size], n_rows=size * 400)
    resampler = down(factor=20, strata=strata)
    with pytest.warns(SmallStrataWarning, match=f"So over a quarter {text}") as told:
        drawn, weights = draw(resampler, y, y, weight)
    assert not any(map(str.isdigit, str(told[0].message)))
    assert resampler.sampling_strategy_[0] == pytest.approx(20 * size * times)
    np.testing.assert_allclose(in_cells(weights, y[drawn]), in_cells(weight, y))


@small_strata
@pytest.mark.parametrize("n_strata", [1, 85, 86, 128, 129, 256, 257, 1300])
def test_many_strata_of_narrow_codes(n_strata):
    y, strata = np.resize(["a", "a", "b"], 3900), np.arange(3900) // 3 % n_strata
    resampler = down(strata=strata.astype(np.uint16))
    drawn, weights = draw(resampler, y, y)
    held = in_cells(weights, y[drawn], strata[drawn])
    np.testing.assert_allclose(held, in_cells(np.ones(3900), y, strata), rtol=1e-12)
    assert len(resampler.plan_.classes) == (2 if n_strata == 1 else 2 * n_strata)


def test_groups_that_leave_no_row_of_a_class():
    # The ten rows of "b" are in the first group, over which "a" decides.
    y, groups, kept = np.repeat(["b", "a"], [10, 990]), np.arange(1000) // 20, []
    for seed in range(12):
        alone = down(factor={"a": 3, "b": 60}, groups=groups, random_state=seed)
        try:
            kept.append(str(alone.fit(y, y).sampling_strategy_["b"]))
        except ValueError as error:
            kept.append(str(error)[:36])
    assert set(kept) == {"10", "groups leave no row of class 'b': al"}


# Strata in the place of classes -----------------------------------------------------

INTEGERS = np.rint(AMOUNT * 20).astype(int)
EDGES = [-1, 29, 79, 10**6]
MANY_BINS = {
    "digitize": np.digitize(INTEGERS, [30, 80]),
    "cut": pd.cut(INTEGERS, EDGES),
    "cut, a bin empty": pd.cut(INTEGERS, [-9, *EDGES]),
    "strings": np.array(["low", "mid", "top"])[np.digitize(INTEGERS, [30, 80])],
    "callable": lambda X, y: np.digitize(np.asarray(y), [30, 80]),
}
INTERVALS = MANY_BINS["cut"].categories
BIN_NAMES = {"cut": INTERVALS, "cut, a bin empty": INTERVALS}
BIN_NAMES["strings"] = ["low", "mid", "top"]


@pytest.mark.parametrize("bins", MANY_BINS)
@pytest.mark.parametrize("target", ["integers", "polars"])
def test_bins_of_a_target_are_its_classes(target, bins):
    by_bin = down()
    expected = draw(by_bin, MANY_BINS["digitize"], sample_weight=WEIGHT)
    y = INTEGERS if target == "integers" else pl.Series(INTEGERS + 0.25)
    # Whole numbers could be classes, so the user says that they are none.
    fitted = down(y_numeric=target == "integers", strata=MANY_BINS[bins])
    assert_same(draw(fitted, y, sample_weight=WEIGHT), expected)
    names = list(BIN_NAMES.get(bins, [0, 1, 2]))
    assert fitted.classes_.tolist() == names == list(fitted.plan_.classes)
    assert list(fitted.sampling_strategy_) == names
    assert [*fitted.class_weight_.values()] == [*by_bin.class_weight_.values()]


@pytest.mark.parametrize(
    "words",
    [
        {"factor": {0: 4, 1: 2}},
        {"sampling_strategy": 0.5, "factor": None},
        {"sampling_strategy": "auto", "factor": None, "weighting": {0: 1, 1: 2, 2: 1}},
    ],
    ids=str,
)
def test_bins_take_all_the_words_of_classes(words):
    fitted, by_bin = down(**words, strata=BINS), down(**words)
    assert_same(draw(fitted, AMOUNT), draw(by_bin, BINS))
    assert fitted.plan_ == by_bin.plan_
    groups = {"groups": np.arange(N_ROWS) // 3, **words}
    bins = np.repeat(BINS[::3], 3)
    both = down(strata=bins, **groups)
    assert_same(draw(both, AMOUNT), draw(down(**groups), bins))


OUTPUTS = {
    "list": np.ndarray.tolist,
    "polars": pl.DataFrame,
    "objects": lambda y: y.astype(object),
    "nullable": lambda y: pd.DataFrame(y).astype("Float64"),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_bins_of_several_outputs(kind):
    values = np.column_stack([AMOUNT, -AMOUNT])
    y, resampler = OUTPUTS[kind](values), down(strata=BINS)
    _, y_res, weights = resampler.fit_resample(X, y)
    drawn = resampler.sample_indices_
    assert_same((drawn, weights), draw(down(), BINS))
    assert type(y_res) is type(y)
    np.testing.assert_array_equal(np.asarray(y_res), np.asarray(y)[drawn])
    values[7, 1] = np.nan
    y = OUTPUTS[kind](values)
    with pytest.raises(ValueError, match="y must have a value everywhere; 1 are NaN"):
        resampler.fit(X, y)


@pytest.mark.parametrize("as_y", [np.asarray, sparse.csr_array])
def test_strata_of_rows_of_several_labels(as_y):
    sets = np.column_stack([BINS > 0, SHOP % 3 == 0]).astype(int)

    def key_of(X, y):
        return y @ np.array([2, 1])

    assert_same(draw(down(strata=key_of), as_y(sets)), draw(down(), key_of(X, sets)))


def test_classes_stay_unless_the_user_says_numbers():
    # As many labels as strata, one label in two strata, and labels with names.
    same = np.array([{"a": 1, "b": 0, "c": 2}[label] for label in Y])
    across = np.where(Y == "a", SHOP % 2, 1)
    for strata in (same, across, np.where(Y == "a", "big", "small")):
        assert down(strata=strata).fit(X, Y).classes_.tolist() == ["a", "b", "c"]
    number = SHOP % 30
    resampler = down(strata=number > 1)
    assert resampler.fit(X, number).classes_.tolist() == list(range(30))
    resampler.set_params(y_numeric=True)
    assert resampler.fit(X, number).classes_.tolist() == [False, True]


@pytest.mark.parametrize("n_rows", [600, 6000], ids=["few", "many"])
def test_continuous_targets_need_two_strata_and_no_holes(n_rows):
    y, bins = np.resize(AMOUNT, n_rows), np.resize(BINS, n_rows)
    weight = np.ones(n_rows)
    one, none, two = down(strata=bins * 0), down(), down(strata=bins)
    with pytest.raises(ValueError, match=r"strata must be at least two.*got one, 0"):
        one.fit(y, y)
    with pytest.raises(ValueError, match=r"continuous.*bins, and use these.*strata"):
        none.fit(y, y)
    named = down(y_numeric=True)
    with pytest.raises(ValueError, match="strata must be given with y_numeric=True"):
        named.fit(y, y)
    y[4] = np.nan
    with pytest.raises(ValueError, match=r"1 (are NaN|of \d+ labels are missing)"):
        two.fit(y, y)
    weight[4] = 0
    assert 4 not in draw(two, y, y, weight)[0]


def continuous(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2))
    return X, np.exp(0.5 * X[:, 0] - 0.2 * X[:, 1] + 0.5 * rng.normal(size=n_rows))


def tail(X, y):
    """Cut a target into bins of 90, 9 and 1 %."""
    return np.digitize(y, np.quantile(y, [0.9, 0.99]))


@pytest.mark.slow
def test_linear_regression_on_bins_is_that_on_all_rows():
    X, y = continuous(4000, 0)
    whole, found, means = LinearRegression().fit(X, y).coef_, [], []
    for seed in range(200):
        resampler = down(strata=tail, random_state=seed)
        X_res, y_res, weights = resampler.fit_resample(X, y)
        found.append(LinearRegression().fit(X_res, y_res, weights).coef_)
        means.append(np.average(y_res, weights=weights))
    for values, truth in ((found, whole), (means, y.mean())):
        error = np.std(values, axis=0, ddof=1)
        assert (
            np.abs(np.mean(values, axis=0) - truth) < 4 * error / np.sqrt(200)
        ).all()
        assert (error < 0.1).all()
    unweighted = LinearRegression().fit(X_res, y_res).coef_
    assert np.abs(unweighted - whole).max() > 0.15


def test_boosted_regression_on_bins_is_warned_of_from_large_weights_on():
    X, y = continuous(4000, 1)
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=0)
    with pytest.warns(TreeWeightsWarning, match="^HistGradientBoostingRegressor is"):
        make_pipeline(down(strata=tail), trees).fit(X, y)
    # Warnings are errors here, so small weights give none.
    model = make_pipeline(down(factor=3, strata=tail), trees)
    assert model.fit(X, y).predict(X).mean() == pytest.approx(y.mean(), rel=0.05)


# Classifiers ------------------------------------------------------------------------


def corner(X, y):
    """Cut rows into uneven strata by what predicts the label."""
    return np.digitize(X[:, 0], [-1.0, 1.5])


def shops(X, y):
    """Group rows with others of a like score."""
    return np.argsort(np.argsort(X[:, 0])) // 4


def homes(X, y):
    """Group rows that share what predicts their label."""
    return np.unique(X[:, 0], return_inverse=True)[1]


TREES = HistGradientBoostingClassifier(max_iter=30, random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize("words", [{"strata": corner}, {"groups": shops}], ids=list)
@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), TREES], ids=["LR", "trees"]
)
def test_probabilities_are_calibrated(estimator, words, rare_events):
    ratios = []
    for seed in range(10):
        X, y, p = rare_events(n_rows=16_000, prevalence=0.02, seed=seed)
        # What is asked here is more than what the check warns of.
        resampler = down(factor=10, random_state=seed, **words)
        model = ResampledClassifier(estimator, resampler, calibration_check=False)
        model.fit(X[::2], y[::2])
        mass = np.bincount(y[::2])
        assert model.target_prior_ == pytest.approx(mass)
        # Weights in full, or only what makes rows of a class differ.
        weighted = isinstance(estimator, LogisticRegression)
        assert (model.train_prior_[0] == pytest.approx(mass[0])) == weighted
        ratios.append(model.predict_proba(X[1::2])[:, 1].mean() / p[1::2].mean())
    deviation = np.std(ratios, ddof=1)
    assert deviation < 0.2
    # Trees see rows of one class that weigh differently, and follow them too far.
    margin = deviation / np.sqrt(len(ratios)) if weighted else deviation
    assert abs(np.mean(ratios) - 1) < 5 * margin
    assert abs(np.mean(ratios) - 1) < 0.4


@pytest.mark.parametrize("seed", range(3))
def test_rows_dropped_by_groups_judge_with_those_kept(seed, rare_events):
    X, y, _ = rare_events(n_rows=4000, prevalence=0.05, seed=seed)
    down_homes = down(groups=homes, random_state=seed)
    model = ResampledClassifier(LogisticRegression(), down_homes).fit(X, y)
    check = model.decision_.check
    real = model.predict_proba(X)[:, 1].mean() / y.mean()
    assert abs(check.ratios[1] - real) < 3 * check.standard_errors[1]
    assert check.standard_errors[1] < 0.1


def test_a_classifier_counts_its_classes_where_strata_take_their_place():
    y = (np.arange(400) % 20 == 0).astype(int)
    X = np.random.default_rng(0).normal(size=(400, 2)) + y[:, None]
    apart = down(factor=2, strata=np.arange(400) % 3 == 0, y_numeric=True)
    model = ResampledClassifier(GaussianNB(), apart).fit(X, y)
    assert model.resampler_.classes_.tolist() == [False, True]
    kept = y[model.resampler_.sample_indices_]
    assert model.train_prior_.tolist() == np.bincount(kept).tolist()
    assert model.target_prior_.tolist() == [380, 20]
    assert set(model.decision_.check.ratios) == {0, 1}


def lonely(X, y):
    """Put one row into a stratum of its own."""
    return np.arange(len(y)) == np.flatnonzero(np.asarray(y) == 0)[0]


@pytest.mark.parametrize(
    "words",
    [{"strata": lonely}, {"groups": shops}, {"groups": shops, "factor": 1.2}],
    ids=list,
)
@pytest.mark.parametrize("sample_weight", [None, 2.0])
def test_neighbours_refuse_weights_that_matter(words, sample_weight, rare_events):
    X, y, _ = rare_events(n_rows=4000, prevalence=0.05)
    model = ResampledClassifier(KNeighborsClassifier(), down(**{"factor": 20} | words))
    weight = None if sample_weight is None else np.full(len(y), sample_weight)
    with pytest.raises(UnusedWeightsError, match="cannot take sample_weight in fit"):
        model.fit(X, y, sample_weight=weight)
