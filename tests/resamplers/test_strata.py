"""Strata and groups: which rows are drawn alike, and what each counts."""

import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skstrat import (
    CombinedResample,
    DownsampleUpweight,
    MissingLabelsError,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    SmallStrataWarning,
    TreeWeightsWarning,
    UnusedWeightsError,
    make_pipeline,
)
from skstrat._core.cells import cross
from skstrat._core.labels import Labels

N_ROWS = 600
RNG = np.random.default_rng(5)
Y = RNG.choice(["a", "b", "c"], N_ROWS, p=[0.8, 0.15, 0.05])
REGION = RNG.choice(["east", "north", "west"], N_ROWS, p=[0.6, 0.3, 0.1])
X = np.column_stack([RNG.normal(size=N_ROWS), np.arange(N_ROWS)])
WEIGHT = RNG.lognormal(size=N_ROWS)
SHOP = RNG.integers(0, 150, N_ROWS)
AMOUNT = RNG.lognormal(size=N_ROWS)
BINS = np.digitize(AMOUNT, [1.5, 4.0])
SHARES = {"a": 1.0, "b": 2.0, "c": 5.0}
WEIGHTINGS = ["original", "balanced", SHARES, "uniform", "factor"]

RESAMPLERS = [
    DownsampleUpweight(factor=7.3, random_state=3),
    DownsampleUpweight(factor={"a": 20, "b": 3}, random_state=3),
    DownsampleUpweight(sampling_strategy="auto", random_state=3),
    RandomOversample(weighting="original", random_state=3),
    RandomOversample(times={"c": 3.7}, weighting="original", random_state=3),
    CombinedResample(balance=0.7, weighting="original", random_state=3),
]
small_strata = pytest.mark.filterwarnings("ignore:Some strata hold few")
every_resampler = pytest.mark.parametrize("resampler", RESAMPLERS, ids=str)


def draw(resampler, y=Y, data=X, sample_weight=None, **words):
    resampler = clone(resampler).set_params(**words)
    *_, weights = resampler.fit_resample(data, y, sample_weight=sample_weight)
    return resampler, resampler.sample_indices_, weights


def down(**words):
    return DownsampleUpweight(**{"factor": 7.3, "random_state": 3} | words)


def in_cells(values, *keys):
    """Add up by cell, the independent way."""
    keys = [pd.Series(np.asarray(key)) for key in keys]
    return pd.Series(values).groupby(keys).sum()


def cell_codes(plan, *parts):
    """Find the code of each row's cell in a plan."""
    code_of = {name: code for code, name in enumerate(plan.classes)}
    rows = zip(*(np.asarray(part).tolist() for part in parts), strict=True)
    return np.array([code_of[row] for row in rows])


def assert_same(first, second):
    """Compare two results of ``draw``."""
    assert first[1].tolist() == second[1].tolist()
    assert first[2].tolist() == second[2].tolist()


@st.composite
def tables(draw_value):
    """Make labels, strata or groups and weights of a few hundred rows."""
    rng = np.random.default_rng(draw_value(st.integers(0, 2**32)))
    n_rows = draw_value(st.integers(12, 250))
    shares = rng.dirichlet([0.6, 0.6, 0.6])
    y = rng.choice(["a", "b", "c"], n_rows, p=shares)
    y[2:5] = ["a", "b", "c"]
    parts = rng.integers(0, draw_value(st.integers(1, 40)), n_rows)
    weight = rng.lognormal(size=n_rows) if draw_value(st.booleans()) else None
    return y, parts, weight


# Cells -----------------------------------------------------------------------------


@small_strata
@settings(max_examples=60, deadline=None)
@given(table=tables(), resampler=st.sampled_from(RESAMPLERS))
def test_every_cell_gets_its_share_of_the_rows(table, resampler):
    y, strata, _ = table
    plain, *_ = draw(resampler, y, y)
    stratified, drawn, _ = draw(resampler, y, y, strata=strata)
    sizes = pd.Series(y).value_counts()
    ones = np.ones(len(y), dtype=int)
    found = in_cells(ones[drawn], y[drawn], strata[drawn])
    cells = in_cells(ones, y, strata)
    assert found.index.tolist() == cells.index.tolist()
    for (label, _), rows in cells.items():
        target = plain.sampling_strategy_[label]
        exact = Fraction(int(rows) * target, int(sizes[label]))
        assert abs(found[label, _] - max(1, exact)) <= Fraction(1, 2)
    by_class = pd.Series(y[drawn]).value_counts().to_dict()
    assert stratified.sampling_strategy_ == by_class


def class_totals_wanted(y, old, weighting):
    """Say what the total of every class shall be."""
    if weighting == "balanced":
        return pd.Series(old.sum() / 3, index=list(SHARES))
    if isinstance(weighting, dict):
        return pd.Series(weighting) / 8 * old.sum()
    return in_cells(old, y)


@small_strata
@settings(max_examples=60, deadline=None)
@given(
    table=tables(),
    resampler=st.sampled_from(RESAMPLERS),
    weighting=st.sampled_from(WEIGHTINGS),
)
def test_weights_of_cells_are_what_weighting_says(table, resampler, weighting):
    y, strata, weight = table
    fitted, drawn, weights = draw(
        resampler, y, y, weight, strata=strata, weighting=weighting
    )
    old = np.ones(len(y)) if weight is None else weight
    rows, kept = (
        in_cells(old * 0 + 1, y, strata),
        in_cells(drawn * 0 + 1, y[drawn], strata[drawn]),
    )
    stands_for = (rows / kept)[
        list(zip(y[drawn], strata[drawn], strict=True))
    ].to_numpy()
    if weighting == "uniform":
        assert weights.tolist() == old[drawn].tolist()
    elif weighting == "factor":
        assert weights.tolist() == (stands_for * old[drawn]).tolist()
    else:
        wanted = class_totals_wanted(y, old, weighting)
        np.testing.assert_allclose(in_cells(weights, y[drawn]), wanted, rtol=1e-12)
        if weight is None:
            # A row stands for as many in every stratum, whatever its size.
            scale = (wanted / in_cells(old, y))[y[drawn]].to_numpy()
            np.testing.assert_allclose(weights, stands_for * scale, rtol=1e-12)
    ratio = pd.Series(weights / old[drawn]).groupby([y[drawn], strata[drawn]])
    np.testing.assert_allclose(ratio.max(), ratio.min(), rtol=1e-12)
    per_class = in_cells(weights, y[drawn]) / in_cells(old[drawn], y[drawn])
    assert fitted.class_weight_ == pytest.approx(per_class.to_dict(), rel=1e-12)


@small_strata
@settings(max_examples=40, deadline=None)
@given(
    table=tables(),
    resampler=st.sampled_from(RESAMPLERS),
    weighting=st.sampled_from(WEIGHTINGS),
    name=st.sampled_from(["strata", "groups"]),
)
def test_a_weight_is_the_product_of_its_parts(table, resampler, weighting, name):
    y, parts, weight = table
    resampler = clone(resampler).set_params(weighting=weighting, **{name: parts})
    try:
        resampled = resampler._resample(y, y, weight)
    except ValueError:
        reject()
    product = resampled.class_weight[resampled.codes]
    if resampled.within_class is not None:
        product = product * resampled.within_class
    if weight is not None:
        product = product * resampled.incoming
    np.testing.assert_allclose(resampled.weights, product, rtol=1e-12)


def cut_in_turn(sizes, n_rows=12_000):
    """Give labels and strata of so many rows in turn, and log-normal weights."""
    ends = np.cumsum(np.resize(sizes, 1 + n_rows // min(sizes)))
    strata = np.searchsorted(ends, np.arange(n_rows), side="right")
    y = np.append(np.zeros(n_rows, int), np.ones(60, int))
    weight = np.random.default_rng(7).lognormal(size=len(y))
    return y, np.append(strata, np.zeros(60, int)), weight


@small_strata
@pytest.mark.parametrize("sizes", [[3], [10], [15, 24], [150]], ids=str)
def test_incoming_weights_do_not_cancel_in_small_strata(sizes):
    y, strata, weight = cut_in_turn(sizes)
    heavy, shares = weight > 1.5, []
    for seed in range(40):
        _, drawn, weights = draw(
            down(factor=10, random_state=seed), y, y, weight, strata=strata
        )
        own = y[drawn] == 0
        share = (weights * heavy[drawn])[own].sum() / weight[y == 0].sum()
        shares.append(share)
        assert weights[own].sum() == pytest.approx(weight[y == 0].sum(), rel=1e-12)
    truth = (weight * heavy)[y == 0].sum() / weight[y == 0].sum()
    error = np.std(shares, ddof=1) / np.sqrt(40)
    assert error < 0.005
    assert abs(np.mean(shares) - truth) < 4 * error


def test_large_strata_keep_their_totals_and_small_ones_share_one():
    # Of "a" 5, 5, 20, 100 and 60 rows are kept. The 10 of the small strata are too few
    # for a total of their own, so that the next larger stratum shares one with them.
    y = np.repeat(["a", "b"], [1900, 50])
    strata = np.append(np.repeat([0, 1, 2, 3, 4], [50, 50, 200, 1000, 600]), [4] * 50)
    weight = np.random.default_rng(3).lognormal(size=1950)
    _, drawn, weights = draw(down(factor={"a": 10}), y, y, weight, strata=strata)
    own = y[drawn] == "a"
    held = in_cells(weights[own], strata[drawn[own]])
    wanted = in_cells(weight[y == "a"], strata[y == "a"])
    np.testing.assert_allclose(held[[3, 4]], wanted[[3, 4]], rtol=1e-12)
    assert held[:3].sum() == pytest.approx(wanted[:3].sum(), rel=1e-12)
    assert abs(held[0] / wanted[0] - 1) > 0.01
    ratio = weights[own] / weight[drawn[own]]
    assert np.ptp(ratio[strata[drawn[own]] < 3]) < 1e-12 * ratio.max()
    # Nothing is lost of those that are kept whole.
    assert weights[~own].tolist() == weight[y == "b"].tolist()


@pytest.mark.parametrize(("size", "times"), [(3, 20 / 3), (29, 20 / 29)])
def test_many_small_strata_say_that_rows_drawn_are_not_those_asked_for(size, times):
    y, strata, weight = cut_in_turn([size], n_rows=size * 400)
    asked = 400 * size / 20
    for weighting, old in (("original", weight), ("factor", np.ones(len(y)))):
        resampler = down(factor=20, strata=strata, weighting=weighting)
        with pytest.warns(SmallStrataWarning, match="rounded to at least one") as told:
            *_, weights = resampler.fit_resample(y, y, sample_weight=old)
        (text,) = {str(each.message) for each in told}
        assert not any(map(str.isdigit, text))
        assert ("a quarter more" if times > 1 else "a quarter fewer") in text
        drawn = resampler.sample_indices_
        assert resampler.sampling_strategy_[0] == pytest.approx(asked * times)
        np.testing.assert_allclose(
            in_cells(weights, y[drawn]), in_cells(old, y), rtol=1e-12
        )


@pytest.mark.parametrize("sizes", [[30, 50], [20], [60]], ids=str)
def test_strata_that_give_the_rows_asked_for_say_nothing(sizes):
    y, strata, _ = cut_in_turn(sizes)
    fitted, *_ = draw(down(factor=20), y, y, strata=strata)
    assert fitted.sampling_strategy_[0] == pytest.approx(600, rel=0.25)


@every_resampler
def test_classes_that_are_not_touched_keep_their_weights_bitwise(resampler):
    for weighting in ("original", "factor", "uniform"):
        fitted, drawn, weights = draw(
            resampler, sample_weight=WEIGHT, strata=REGION, weighting=weighting
        )
        counts = pd.Series(Y).value_counts()
        kept = [its for its in "abc" if fitted.sampling_strategy_[its] == counts[its]]
        assert len(kept) < 3
        same = np.isin(Y[drawn], kept)
        assert drawn[same].tolist() == np.flatnonzero(np.isin(Y, kept)).tolist()
        assert weights[same].tolist() == WEIGHT[drawn[same]].tolist()


@every_resampler
def test_one_stratum_is_as_none(resampler):
    plain = draw(resampler, sample_weight=WEIGHT)
    one = draw(resampler, sample_weight=WEIGHT, strata=np.full(N_ROWS, "all"))
    assert_same(one, plain)
    assert one[0].plan_ == plain[0].plan_
    assert one[0].class_weight_ == plain[0].class_weight_
    assert one[0].sampling_strategy_ == plain[0].sampling_strategy_


@pytest.mark.parametrize("name", ["strata", "groups"])
def test_rows_that_do_not_move_are_not_copied(name):
    resampler = down(factor=1, **{name: SHOP})
    X_res, y_res, weights = resampler.fit_resample(X, Y, sample_weight=WEIGHT)
    assert X_res is X
    assert y_res is Y
    assert weights.tolist() == WEIGHT.tolist()
    some = np.where(SHOP < 9, 0, WEIGHT)
    X_res, y_res, weights = resampler.fit_resample(X, Y, sample_weight=some)
    assert (X_res == X[some > 0]).all()
    assert weights.tolist() == some[some > 0].tolist()


@every_resampler
def test_the_names_of_strata_do_not_matter(resampler):
    other = {"east": 9, "north": 4, "west": 1}
    renamed = np.array([other[name] for name in REGION])
    assert_same(
        draw(resampler, sample_weight=WEIGHT, strata=renamed),
        draw(resampler, sample_weight=WEIGHT, strata=REGION),
    )


@pytest.mark.parametrize(("label", "stratum"), [("a", "west"), ("b", "east")])
def test_more_rows_of_another_cell_change_nothing(label, stratum):
    # 20 more rows at a factor of 10 leave the share of class "a" at a tenth.
    y, strata = np.repeat(["a", "b"], [500, 50]), np.resize(REGION, 550)
    more_y, more = np.append(y, [label] * 20), np.append(strata, [stratum] * 20)
    words = {"factor": {"a": 10}, "weighting": "original"}
    _, few, few_weights = draw(down(), y, y, strata=strata, **words)
    _, many, many_weights = draw(down(), more_y, more_y, strata=more, **words)
    for other in {("a", "east"), ("a", "north"), ("b", "west")} - {(label, stratum)}:
        old = (y[few] == other[0]) & (strata[few] == other[1])
        new = (more_y[many] == other[0]) & (more[many] == other[1])
        assert few[old].tolist() == many[new].tolist()
        assert few_weights[old].tolist() == many_weights[new].tolist()


@small_strata
@settings(max_examples=25, deadline=None)
@given(table=tables())
def test_larger_factors_keep_subsets(table):
    y, strata, _ = table
    for name in ("strata", "groups"):
        kept = [
            set(draw(down(), y, y, factor=factor, **{name: strata})[1].tolist())
            for factor in (1, 1.7, 3, 9, 60)
        ]
        assert all(more >= fewer for more, fewer in pairwise(kept))


@every_resampler
@pytest.mark.parametrize("weighting", ["original", "balanced"])
def test_the_plan_decides_blocks_of_the_data(resampler, weighting):
    resampler, drawn, weights = draw(resampler, strata=REGION, weighting=weighting)
    plan = pickle.loads(pickle.dumps(resampler.plan_))
    assert plan == resampler.plan_
    assert set(plan.classes) == set(zip(Y.tolist(), REGION.tolist(), strict=True))
    codes = cell_codes(plan, Y, REGION)
    assert plan.rows_seen == tuple(np.bincount(codes).tolist())
    assert plan.rows == tuple(np.bincount(codes[drawn]).tolist())
    edges = [0, 1, 211, 211, 480, N_ROWS]
    parts = [plan.select(codes[i:j], offset=i) for i, j in pairwise(edges)]
    indices = [part[0] + i for part, i in zip(parts, edges[:-1], strict=True)]
    assert np.concatenate(indices).tolist() == drawn.tolist()
    assert np.concatenate([part[1] for part in parts]).tolist() == weights.tolist()


def test_mass_in_the_plan_is_that_of_cells():
    plan = draw(down(), sample_weight=WEIGHT, strata=REGION)[0].plan_
    mass = in_cells(WEIGHT, Y, REGION)
    assert dict(zip(plan.classes, plan.class_total, strict=True)) == pytest.approx(
        mass.to_dict(), rel=1e-12
    )


def test_a_stratum_of_one_row_stays_and_counts_for_itself_alone():
    strata = REGION.copy()
    lonely = int(np.flatnonzero(Y == "a")[7])
    strata[lonely] = "lonely"
    _, drawn, weights = draw(down(factor=8), strata=strata, sample_weight=WEIGHT)
    assert weights[drawn == lonely] == pytest.approx([WEIGHT[lonely]], rel=1e-12)


@pytest.mark.parametrize("name", ["strata", "groups"])
def test_rows_of_zero_weight_are_not_there(name):
    weight = WEIGHT.copy()
    weight[np.random.default_rng(1).permutation(N_ROWS)[:150]] = 0
    weight[REGION == "west"] = 0
    left = np.flatnonzero(weight)
    labels = {"strata": REGION, "groups": SHOP}[name]
    some, drawn, weights = draw(down(), sample_weight=weight, **{name: labels})
    words = {name: labels[left]}
    less, without, expected = draw(down(), Y[left], X[left], weight[left], **words)
    assert np.isin(drawn, left).all()
    assert some.plan_.rows == less.plan_.rows
    assert some.plan_.classes == less.plan_.classes
    np.testing.assert_allclose(
        in_cells(weights, Y[drawn]), in_cells(weight, Y), rtol=1e-12
    )
    if name == "strata":
        # Rows keep the positions that they have among all.
        codes = cell_codes(some.plan_, Y[left], REGION[left])
        assert left[some.plan_.select(codes, key=left)[0]].tolist() == drawn.tolist()
    else:
        # Drawn by value, not by position.
        assert drawn.tolist() == left[without].tolist()
        assert weights.tolist() == expected.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["strata", "groups"])
def test_every_row_of_a_cell_has_the_same_chance(name):
    n_seeds, y = 400, np.where(np.arange(400) % 20 == 0, "b", "a")
    labels = np.arange(400) % 3 if name == "strata" else np.arange(400) // 4
    times = np.zeros(400)
    for seed in range(n_seeds):
        _, drawn, _ = draw(down(), y, y, random_state=seed, **{name: labels})
        times[drawn] += 1
    codes = labels if name == "strata" else (labels % 5 == 0)
    for code in np.unique(codes):
        own = (codes == code) & (y == "a")
        share = times[own].mean() / n_seeds
        if share == 1:
            continue
        z = (times[own] / n_seeds - share) / np.sqrt(share * (1 - share) / n_seeds)
        assert np.abs(z).max() < 5.5
        assert 0.05 < share < 0.3
    assert (times[y == "b"] == n_seeds).all()


# Where strata are, and of what kind ------------------------------------------------

FRAME = {"number": X[:, 0], "region": REGION, "code": np.unique(REGION, False, True)[1]}
RECORDS = np.zeros(N_ROWS, dtype=[("number", "f8"), ("region", "U9")])
RECORDS["region"] = REGION
NUMBERS = np.column_stack([FRAME["number"], FRAME["code"]])
PLACES = {
    "callable": (X, lambda X, y: REGION),
    "list": (X, REGION.tolist()),
    "tuple": (X, tuple(REGION.tolist())),
    "objects": (X, REGION.astype(object)),
    "bytes": (X, REGION.astype("S5")),
    "small integers": (X, FRAME["code"].astype(np.uint8)),
    "whole floats": (X, FRAME["code"].astype(np.float32)),
    "column": (X, REGION.reshape(-1, 1)),
    "pandas": (X, pd.Series(REGION, index=np.arange(N_ROWS)[::-1])),
    "categories": (X, pd.Categorical(REGION, ["x", "west", "z", "north", "east"])),
    "nullable": (X, pd.Series(FRAME["code"], dtype="Int64")),
    "polars": (X, pl.Series(REGION)),
    "polars enum": (
        X,
        pl.Series(REGION, dtype=pl.Enum(["west", "x", "north", "east"])),
    ),
    "arrow": (X, pa.array(REGION)),
    "arrow chunks": (X, pa.chunked_array([REGION[:9], REGION[9:]])),
    "arrow dictionary": (X, pa.array(REGION).dictionary_encode()),
    "frame name": (pd.DataFrame(FRAME), "region"),
    "frame position": (pd.DataFrame(FRAME), 1),
    "frame numpy position": (pd.DataFrame(FRAME), np.int64(-1)),
    "polars name": (pl.DataFrame(FRAME), "region"),
    "polars position": (pl.DataFrame(FRAME), 1),
    "arrow name": (pa.table(FRAME), "region"),
    "arrow position": (pa.table(FRAME), 1),
    "records": (RECORDS, "region"),
    "array position": (NUMBERS, 1),
    "array from the end": (NUMBERS, -1),
    "csr": (sparse.csr_array(NUMBERS), 1),
    "csc": (sparse.csc_matrix(NUMBERS), 1),
    "lil": (sparse.lil_array(NUMBERS), 1),
    "coo": (sparse.coo_matrix(NUMBERS), 1),
    "bsr": (sparse.bsr_array(NUMBERS), 1),
    "name of an attribute": (
        pd.DataFrame({"column_names": REGION, "region": REGION}),
        "region",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_strata_of_every_kind(place):
    data, strata = PLACES[place]
    assert_same(draw(down(), data=data, strata=strata), draw(down(), strata=REGION))


@pytest.mark.parametrize(
    "make", [pl.Series, pa.array, pd.Categorical, np.ndarray.tolist]
)
def test_labels_of_other_containers(make):
    assert_same(draw(down(), make(Y), strata=REGION), draw(down(), strata=REGION))


def test_booleans_are_strata():
    assert draw(down(), strata=REGION == "east")[0].plan_.classes == tuple(
        (label, stratum) for label in "abc" for stratum in (False, True)
    )


@small_strata
@pytest.mark.parametrize("n_strata", [1, 2, 85, 86, 127, 128, 129, 255, 256, 257, 400])
def test_many_strata_of_narrow_codes(n_strata):
    y, strata = np.resize(["a", "a", "b"], 2400), np.arange(2400) // 3 % n_strata
    fitted, drawn, weights = draw(down(), y, y, strata=strata.astype(np.uint16))
    np.testing.assert_allclose(
        in_cells(weights, y[drawn], strata[drawn]),
        in_cells(np.ones(2400), y, strata),
        rtol=1e-12,
    )
    assert len(fitted.plan_.classes) == (2 if n_strata == 1 else 2 * n_strata)


@pytest.mark.slow
def test_70_000_strata():
    y, strata = np.arange(210_000) % 3 == 0, np.arange(210_000) // 3
    _, drawn, weights = draw(down(factor=2), y, y, strata=strata)
    _, kept = np.unique(strata[drawn[~y[drawn]]], return_counts=True)
    assert kept.tolist() == [1] * 70_000
    assert set(weights[~y[drawn]].tolist()) == {2.0}


@pytest.mark.parametrize("n_first", [2, 15, 16, 17, 181, 256, 300, 2**17])
@pytest.mark.parametrize("n_second", [1, 15, 16, 17, 181, 256, 257, 2**17])
def test_pairs_are_those_of_the_rows(n_first, n_second):
    rng = np.random.default_rng(n_first + n_second)
    first, second = (
        np.append(rng.integers(0, size, 700), size - 1).astype(
            np.min_scalar_type(size - 1)
        )
        for size in (n_first, n_second)
    )
    labels, *parts = cross(
        Labels(first, np.arange(n_first), np.bincount(first, minlength=n_first)),
        Labels(second, np.arange(n_second), np.bincount(second, minlength=n_second)),
    )
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    names = labels.classes
    assert names[labels.codes].tolist() == pairs
    assert names.tolist() == sorted(set(pairs))
    assert labels.counts.tolist() == [pairs.count(name) for name in names]
    assert list(zip(*parts, strict=True)) == names.tolist()


# Strata in the place of classes ----------------------------------------------------

INTEGERS = np.rint(AMOUNT * 20).astype(int)
MANY_BINS = {
    "digitize": np.digitize(INTEGERS, [30, 80]),
    "cut": pd.cut(INTEGERS, [-1, 29, 79, 10**6]),
    "cut, a bin empty": pd.cut(INTEGERS, [-9, -1, 29, 79, 10**6]),
    "strings": np.array(["low", "mid", "top"])[np.digitize(INTEGERS, [30, 80])],
    "polars": pl.Series(np.digitize(INTEGERS, [30, 80])),
    "arrow": pa.array(np.digitize(INTEGERS, [30, 80])),
    "callable": lambda X, y: np.digitize(np.asarray(y), [30, 80]),
}
TARGETS = {
    "integers": INTEGERS,
    "whole floats": INTEGERS.astype(float),
    "list": INTEGERS.tolist(),
    "continuous": INTEGERS + 0.5,
    "pandas": pd.Series(INTEGERS + 0.25, index=np.arange(N_ROWS)[::-1]),
    "polars": pl.Series(INTEGERS + 0.25),
    "arrow": pa.array(INTEGERS + 0.25),
}

# They could be classes, so the user says that they are numbers.
WHOLE = ("integers", "whole floats", "list")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bins", MANY_BINS)
def test_bins_of_a_target_are_its_classes(target, bins):
    y, strata = TARGETS[target], MANY_BINS[bins]
    by_bin = draw(down(), MANY_BINS["digitize"], sample_weight=WEIGHT)
    whole = target in WHOLE
    fitted = draw(down(y_numeric=whole), y, sample_weight=WEIGHT, strata=strata)
    assert_same(fitted, by_bin)
    intervals = MANY_BINS["cut"].categories
    labels = {
        "cut": intervals,
        "cut, a bin empty": intervals,
        "strings": ["low", "mid", "top"],
    }
    assert fitted[0].classes_.tolist() == list(labels.get(bins, [0, 1, 2]))
    assert list(fitted[0].class_weight_.values()) == list(
        by_bin[0].class_weight_.values()
    )
    names = fitted[0].classes_.tolist()
    assert list(fitted[0].sampling_strategy_) == names == list(fitted[0].plan_.classes)


@pytest.mark.parametrize(
    "words",
    [
        {"factor": 4},
        {"factor": {0: 4, 1: 2}},
        {"sampling_strategy": 0.5, "factor": None},
        {"sampling_strategy": {0: 40}, "factor": None},
        {"sampling_strategy": "auto", "factor": None, "weighting": {0: 1, 1: 2, 2: 1}},
        {"weighting": "balanced"},
    ],
    ids=str,
)
def test_bins_take_all_the_words_of_classes(words):
    fitted = draw(down(**words), AMOUNT, strata=BINS)
    by_bin = draw(down(**words), BINS)
    assert_same(fitted, by_bin)
    assert fitted[0].plan_ == by_bin[0].plan_


@pytest.mark.parametrize("resampler", RESAMPLERS[3::2], ids=str)
def test_bins_of_other_resamplers(resampler):
    assert_same(draw(resampler, AMOUNT, strata=BINS), draw(resampler, BINS))


OUTPUTS = {
    "array": np.asarray,
    "list": np.ndarray.tolist,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "objects": lambda y: y.astype(object),
    "nullable": lambda y: pd.DataFrame(y).astype("Float64"),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_bins_of_several_outputs(kind):
    y = OUTPUTS[kind](np.column_stack([AMOUNT, -AMOUNT]))
    resampler = down(strata=BINS)
    _, y_res, weights = resampler.fit_resample(X, y)
    assert_same((None, resampler.sample_indices_, weights), draw(down(), BINS))
    assert type(y_res) is type(y)
    np.testing.assert_array_equal(
        np.asarray(y_res), np.asarray(y)[resampler.sample_indices_]
    )


@pytest.mark.parametrize("as_y", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_strata_of_rows_of_several_labels(as_y):
    sets = np.column_stack([BINS > 0, SHOP % 3 == 0]).astype(int)
    key = sets[:, 0] * 2 + sets[:, 1]

    def key_of(X, y):
        dense = y.toarray() if sparse.issparse(y) else y
        return dense[:, 0] * 2 + dense[:, 1]

    assert_same(draw(down(), as_y(sets), strata=key_of), draw(down(), key))


def test_classes_stay_unless_the_user_says_numbers():
    # As many labels as strata, one label in two strata, and labels with names.
    same = np.array([{"a": 1, "b": 0, "c": 2}[label] for label in Y])
    across = np.where(Y == "a", SHOP % 2, 1)
    for strata in (same, across, np.where(Y == "b", 0, np.where(Y == "a", 2, 3))):
        assert draw(down(), strata=strata)[0].classes_.tolist() == ["a", "b", "c"]
    coarser = np.where(Y == "a", "big", "small")
    assert draw(down(), strata=coarser)[0].classes_.tolist() == ["a", "b", "c"]
    town = np.array([f"town {shop % 6}" for shop in SHOP])
    assert len(draw(down(), town, strata=town > "town 2")[0].classes_) == 6
    # So are numbers, however many, until the user says that they are none.
    for n_labels in (4, 5, 30):
        number = SHOP % n_labels
        classes = draw(down(), number, strata=number > 1)[0].classes_.tolist()
        assert classes == list(range(n_labels))
        numbers = down(y_numeric=True)
        classes = draw(numbers, number, strata=number > 1)[0].classes_.tolist()
        assert classes == [False, True]


@pytest.mark.parametrize("resampler", RESAMPLERS[:1] + RESAMPLERS[3::2], ids=str)
def test_numbers_need_strata(resampler):
    resampler = clone(resampler).set_params(y_numeric=True)
    X, y = np.zeros((N_ROWS, 1)), np.arange(N_ROWS)
    with pytest.raises(ValueError, match="strata must be given with y_numeric=True"):
        resampler.fit(X, y)


@pytest.mark.slow
def test_weighted_mean_of_a_continuous_target_is_unbiased():
    for weighting in ("original", "factor"):
        means = []
        for seed in range(300):
            _, drawn, weights = draw(
                down(random_state=seed, weighting=weighting, factor={0: 5.5, 1: 3}),
                AMOUNT,
                strata=BINS,
            )
            means.append((weights * AMOUNT[drawn]).sum() / N_ROWS)
        standard_error = np.std(means, ddof=1) / np.sqrt(300)
        assert abs(np.mean(means) - AMOUNT.mean()) < 4 * standard_error
        assert standard_error < 0.01


def continuous(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2))
    return X, np.exp(0.5 * X[:, 0] - 0.2 * X[:, 1] + 0.5 * rng.normal(size=n_rows))


def tail(X, y):
    """Cut a target into bins of 90, 9 and 1 %."""
    return np.digitize(y, np.quantile(y, [0.9, 0.99]))


def halves(X, y):
    """Cut a target into bins of 80 and 20 %."""
    return np.digitize(y, np.quantile(y, [0.8]))


@pytest.mark.slow
def test_linear_regression_on_bins_is_that_on_all_rows():
    X, y = continuous(4000, 0)
    whole = LinearRegression().fit(X, y).coef_
    model = Pipeline([("down", down(strata=tail)), ("fit", LinearRegression())])
    coefficients = np.array(
        [
            clone(model).set_params(down__random_state=seed).fit(X, y)[-1].coef_
            for seed in range(200)
        ]
    )
    error = coefficients.std(axis=0, ddof=1)
    assert (np.abs(coefficients.mean(axis=0) - whole) < 4 * error / np.sqrt(200)).all()
    assert (error < 0.1).all()
    by_hand = clone(model[0]).set_params(weighting="uniform").fit(X, y).sample_indices_
    unweighted = LinearRegression().fit(X[by_hand], y[by_hand]).coef_
    assert np.abs(unweighted - whole).max() > 0.15


def test_boosted_regression_on_bins_is_warned_of_from_large_weights_on():
    X, y = continuous(4000, 1)
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=0)
    with pytest.warns(TreeWeightsWarning, match="^HistGradientBoostingRegressor is"):
        make_pipeline(down(strata=tail), trees).fit(X, y)
    # Warnings are errors here, so small weights give none.
    model = make_pipeline(down(factor=3, strata=tail), trees)
    assert model.fit(X, y).predict(X).mean() == pytest.approx(y.mean(), rel=0.05)


def test_strata_are_searched_over_as_callables():
    X, y = continuous(600, 2)
    model = Pipeline([("down", down(factor=4)), ("fit", LinearRegression())])
    search = GridSearchCV(model, {"down__strata": [tail, halves]}, cv=3)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["down__strata"] in (tail, halves)


# Groups ----------------------------------------------------------------------------


def deciding_classes(y, groups, rate):
    """Find the class of the highest rate in every group, the first of several."""
    order = sorted(rate, key=lambda label: (-rate[label], label))
    rank = pd.Series(y).map({label: place for place, label in enumerate(order)})
    return rank.groupby(groups).min().map(dict(enumerate(order)))


@settings(max_examples=60, deadline=None)
@given(
    table=tables(),
    resampler=st.sampled_from(RESAMPLERS),
    weighting=st.sampled_from(WEIGHTINGS),
)
def test_groups_are_drawn_whole_and_totals_are_kept(table, resampler, weighting):
    y, groups, weight = table
    plain, *_ = draw(resampler, y, y, weight, weighting=weighting)
    try:
        fitted, drawn, weights = draw(
            resampler, y, y, weight, groups=groups, weighting=weighting
        )
    except ValueError:
        # A class that other classes decide over was lost: see below.
        reject()
    # All rows of a group stand equally often.
    times = pd.Series(np.bincount(drawn, minlength=len(y)))
    per_group = times.groupby(groups)
    assert (per_group.max() == per_group.min()).all()
    counts = pd.Series(y).value_counts()
    rate = {
        label: plain.sampling_strategy_[label] / int(counts[label])
        for label in counts.index
    }
    deciding = deciding_classes(y, groups, rate)
    stands_for = {}
    for label, own in per_group.max().groupby(deciding):
        stands_for[label] = len(own) / own.sum()
        wanted = max(
            1, len(own) * Fraction(plain.sampling_strategy_[label], int(counts[label]))
        )
        assert abs(own.sum() - wanted) <= Fraction(1, 2)
        assert own.max() - own.min() <= 1
    old = np.ones(len(y)) if weight is None else weight
    of_row = deciding.reindex(groups).to_numpy()
    if weighting == "uniform":
        assert weights.tolist() == old[drawn].tolist()
    else:
        start = np.array([stands_for[label] for label in of_row[drawn]]) * old[drawn]
        scale = 1.0
        if weighting != "factor":
            wanted = class_totals_wanted(y, old, weighting)
            np.testing.assert_allclose(in_cells(weights, y[drawn]), wanted, rtol=1e-12)
            scale = (wanted / in_cells(start, y[drawn]))[y[drawn]].to_numpy()
        np.testing.assert_allclose(weights, start * scale, rtol=1e-12)
    by_class = pd.Series(y[drawn]).value_counts().to_dict()
    assert fitted.sampling_strategy_ == by_class
    assert_plan_gives(fitted.plan_, (y, of_row), groups, drawn, weights / old[drawn])


def assert_plan_gives(plan, parts, groups, drawn, multiplier):
    plan = pickle.loads(pickle.dumps(plan))
    indices, weights = plan.select(cell_codes(plan, *parts), key=groups)
    assert indices.tolist() == drawn.tolist()
    np.testing.assert_allclose(weights, multiplier, rtol=1e-12)


def test_groups_by_hand():
    # Groups 0 to 9 are of "a" alone; "b", of which all rows are kept, decides 10 to 12.
    groups = np.repeat(np.arange(13), 2)
    y = np.where((groups > 9) & (np.arange(26) % 2 == 1), "b", "a")
    for seed in range(5):
        fitted, drawn, weights = draw(
            down(factor=5, random_state=seed), y, y, groups=groups
        )
        assert np.isin(np.arange(20, 26), drawn).all()
        assert fitted.sampling_strategy_ == {"a": 4 + 3, "b": 3}
        assert fitted.plan_.classes == (("a", "a"), ("a", "b"), ("b", "b"))
        assert fitted.plan_.rows == (4, 3, 3)
        assert fitted.plan_.class_weight == (5.0, 1.0, 1.0)
        assert weights.tolist() == [5.0] * 4 + [1.0] * 6


def test_the_weight_of_a_lost_cell_goes_to_its_class():
    # "a" decides over the first group, with ten rows of "b"; "b" over the others.
    y = np.repeat(["b", "a", "b"], [10, 990, 200])
    groups = np.append(np.arange(1000) // 20, 100 + np.arange(200) // 4)
    weight = np.random.default_rng(0).lognormal(size=1200)
    lost = []
    for seed in range(8):
        fitted, drawn, weights = draw(
            down(factor={"a": 3, "b": 6}, random_state=seed),
            y,
            sample_weight=weight,
            data=y,
            groups=groups,
        )
        np.testing.assert_allclose(in_cells(weights, y[drawn]), in_cells(weight, y))
        plan = fitted.plan_
        assert plan.classes == (("a", "a"), ("b", "a"), ("b", "b"))
        assert np.isfinite(plan.class_weight).all()
        assert (drawn < 10).sum() == plan.rows[1]
        lost.append(plan.rows[1] == 0)
        if lost[-1]:
            own = y[drawn] == "b"
            ratio = weight[y == "b"].sum() / weight[drawn[own]].sum()
            assert plan.class_weight[2] == pytest.approx(ratio, rel=1e-12)
    assert set(lost) == {True, False}


@small_strata
@settings(max_examples=40, deadline=None)
@given(table=tables(), seed=st.integers(0, 2**32))
def test_the_order_of_rows_does_not_choose_groups(table, seed):
    y, groups, weight = table
    order = np.random.default_rng(seed).permutation(len(y))
    weight = np.ones(len(y)) if weight is None else weight
    _, before, weights = draw(down(), y, y, weight, groups=groups, strata=groups % 3)
    _, after, again = draw(
        down(),
        y[order],
        y,
        weight[order],
        groups=groups[order],
        strata=groups[order] % 3,
    )
    place = np.argsort(order[after])
    assert order[after][place].tolist() == before.tolist()
    np.testing.assert_allclose(again[place], weights, rtol=1e-9)


def test_other_names_of_other_kinds_of_groups_change_nothing():
    mixed = np.isin(SHOP, SHOP[Y != "a"])
    _, before, weights = draw(down(), groups=SHOP)
    _, after, again = draw(down(), groups=np.where(mixed, SHOP + 10_000, SHOP))
    assert before.tolist() == after.tolist()
    assert weights.tolist() == again.tolist()


def test_another_name_of_one_group_moves_at_most_one_other():
    groups = np.arange(N_ROWS) // 2
    y = np.where(np.arange(N_ROWS) < 20, "b", "a")
    before = set(groups[draw(down(), y, groups=groups)[1]].tolist())
    for name in (15, 100, 298):
        renamed = np.where(groups == name, 77_777, groups)
        after = set(renamed[draw(down(), y, groups=renamed)[1]].tolist())
        assert len((before ^ after) - {name, 77_777}) <= 1


INTEGER_GROUPS = {
    "uint8": SHOP.astype(np.uint8),
    "int32": SHOP.astype(np.int32),
    "list": SHOP.tolist(),
    "objects": SHOP.astype(object),
    "categories": pd.Categorical(SHOP),
    "nullable": pd.Series(SHOP, dtype="Int64"),
    "polars": pl.Series(SHOP),
    "arrow": pa.array(SHOP),
    "callable": lambda X, y: SHOP,
}


@pytest.mark.parametrize("kind", INTEGER_GROUPS)
def test_groups_of_integers_of_every_kind(kind):
    fitted = draw(down(), groups=INTEGER_GROUPS[kind])
    assert_same(fitted, draw(down(), groups=SHOP))


NAMES = np.char.add("shop ", SHOP.astype(str))
STRING_GROUPS = {
    "list": NAMES.tolist(),
    "objects": NAMES.astype(object),
    "categories": pd.Categorical(NAMES, [*np.unique(NAMES)[::-1], "none"]),
    "pandas": pd.Series(NAMES, dtype="string[pyarrow]"),
    "polars": pl.Series(NAMES, dtype=pl.Categorical),
    "arrow": pa.array(NAMES).dictionary_encode(),
}


@pytest.mark.parametrize("kind", STRING_GROUPS)
def test_groups_of_strings_of_every_kind(kind):
    fitted = draw(down(), groups=STRING_GROUPS[kind])
    assert_same(fitted, draw(down(), groups=NAMES))
    deciding = deciding_classes(Y, NAMES, {"a": 0.1, "b": 1, "c": 1})
    parts = Y, deciding.reindex(NAMES)
    assert_plan_gives(fitted[0].plan_, parts, NAMES, *fitted[1:])


@pytest.mark.parametrize("resampler", [*RESAMPLERS[:2], RESAMPLERS[3]], ids=str)
def test_groups_within_strata(resampler):
    strata = np.array(["east", "west"])[SHOP % 2]
    plain, *_ = draw(resampler)
    fitted, drawn, weights = draw(
        resampler, sample_weight=WEIGHT, strata=strata, groups=SHOP
    )
    counts = pd.Series(Y).value_counts()
    rate = {label: plain.sampling_strategy_[label] / counts[label] for label in "abc"}
    of_row = deciding_classes(Y, SHOP, rate).reindex(SHOP).to_numpy()
    times = pd.Series(np.bincount(drawn, minlength=N_ROWS)).groupby([SHOP]).max()
    kinds = pd.DataFrame({"d": of_row, "s": strata}).groupby(SHOP).first()
    for (label, _), own in times.groupby([kinds["d"], kinds["s"]]):
        assert own.sum() == max(1, np.rint(len(own) * rate[label]))
    # 20 groups and more are drawn of each stratum.
    for parts, rtol in ((Y, 1e-12), (strata, 1e-9)):
        np.testing.assert_allclose(
            in_cells(weights, parts[drawn]), in_cells(WEIGHT, parts), rtol=rtol
        )
    assert_plan_gives(
        fitted.plan_, (Y, of_row, strata), SHOP, drawn, weights / WEIGHT[drawn]
    )


def mixed_groups(rng):
    """Make 150 strata of ten groups of "a", one with 3 rows of "b", and one of "b"."""
    sizes = rng.integers(1, 9, size=(150, 10))
    group = np.repeat(np.arange(1500), sizes.ravel())
    few, own = np.repeat(np.arange(150) * 10, 3), np.repeat(1500 + np.arange(150), 4)
    groups = np.concatenate([group, few, own])
    strata = np.where(groups < 1500, groups // 10, groups - 1500)
    return np.repeat(["a", "b"], [len(group), 1050]), strata, groups


@small_strata
def test_cells_of_few_groups_count_for_what_they_stand_for():
    y, strata, groups = mixed_groups(np.random.default_rng(1))
    held = []
    for seed in range(60):
        _, drawn, weights = draw(
            down(factor={"a": 5, "b": 10}, random_state=seed),
            y,
            y,
            strata=strata,
            groups=groups,
        )
        np.testing.assert_allclose(
            in_cells(weights, y[drawn]), in_cells(np.ones(len(y)), y), rtol=1e-12
        )
        few = (y == "b") & (groups < 1500)
        held.append(weights[few[drawn]].sum() / 150)
    error = np.std(held, ddof=1) / np.sqrt(60)
    assert error < 0.06
    assert abs(np.mean(held) - 3) < 4 * error


def test_groups_of_bins_of_a_target():
    strata = SHOP % 3
    fitted, drawn, weights = draw(down(), AMOUNT, strata=strata, groups=SHOP)
    assert_same((fitted, drawn, weights), draw(down(), strata, groups=SHOP))
    np.testing.assert_allclose(in_cells(weights, strata[drawn]), np.bincount(strata))


# Classifiers -----------------------------------------------------------------------


def corner(X, y):
    """Cut rows into uneven strata by what predicts the label."""
    return np.digitize(X[:, 0], [-1.0, 1.5])


def shops(X, y):
    """Group rows with others of a like score."""
    return np.argsort(np.argsort(X[:, 0])) // 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [{"strata": corner}, {"groups": shops}], ids=["strata", "groups"]
)
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=30, random_state=0)],
    ids=str,
)
def test_probabilities_are_calibrated(estimator, words, rare_events):
    ratios = []
    for seed in range(10):
        X, y, p = rare_events(n_rows=16_000, prevalence=0.02, seed=seed)
        # What is asked here is more than what the check warns of.
        model = ResampledClassifier(
            estimator,
            down(factor=10, random_state=seed, **words),
            calibration_check=False,
        )
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


def homes(X, y):
    """Group rows that share what predicts their label."""
    return np.unique(X[:, 0], return_inverse=True)[1]


@pytest.mark.slow
def test_rows_dropped_by_strata_judge_fairly():
    judged, real = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = np.column_stack(
            [np.repeat(rng.normal(size=4000), 10), rng.normal(size=40_000)]
        )
        p = 1 / (1 + np.exp(5 - 1.5 * X[:, 0] - X[:, 1]))
        y = (rng.random(40_000) < p).astype(int)
        model = ResampledClassifier(
            LogisticRegression(),
            down(factor=10, random_state=seed, strata=corner),
        ).fit(X, y)
        judged.append(model.calibration_check_)
        real.append(model.predict_proba(X)[:, 1].mean() / y.mean())
    assert np.mean(real) == pytest.approx(1, abs=0.1)
    assert np.mean(judged) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_rows_dropped_by_groups_judge_with_those_kept(seed, rare_events):
    X, y, _ = rare_events(n_rows=4000, prevalence=0.05, seed=seed)
    down_homes = down(groups=homes, random_state=seed)
    model = ResampledClassifier(LogisticRegression(), down_homes).fit(X, y)
    result = model.decision_.check
    real = model.predict_proba(X)[:, 1].mean() / y.mean()
    assert abs(result.ratios[1] - real) < 3 * result.standard_errors[1]
    assert result.standard_errors[1] < 0.1


def kinds(X, y):
    """Give every class its kind, which takes the place of the class."""
    return np.array(["wild", "wild", "tame", "tame", "tame"])[np.asarray(y)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=20, random_state=0)],
    ids=["linear", "trees"],
)
def test_classes_of_strata_in_their_place_are_calibrated(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 2))
    score = X @ rng.normal(size=(2, 5)) + [4, 2.5, 0, 1, -0.5]
    y = (score + rng.gumbel(size=score.shape)).argmax(axis=1)
    down_wild = down(factor={"wild": 10}, strata=kinds, y_numeric=True)
    model = ResampledClassifier(estimator, down_wild).fit(X, y)
    assert model.resampler_.classes_.tolist() == ["tame", "wild"]
    predicted = model.predict_proba(X).mean(axis=0)
    assert predicted / (np.bincount(y) / len(y)) == pytest.approx(np.ones(5), abs=0.1)


def test_a_classifier_counts_its_classes_where_strata_take_their_place():
    y = (np.arange(400) % 20 == 0).astype(int)
    X = np.random.default_rng(0).normal(size=(400, 2)) + y[:, None]
    side = np.arange(400) % 3 == 0
    apart = down(factor=2, strata=side, y_numeric=True)
    model = ResampledClassifier(GaussianNB(), apart).fit(X, y)
    assert model.resampler_.classes_.tolist() == [False, True]
    kept = y[model.resampler_.sample_indices_]
    assert model.train_prior_.tolist() == np.bincount(kept).tolist()
    assert model.target_prior_.tolist() == [380, 20]
    assert set(model.decision_.check.ratios) == {0, 1}


def lonely(X, y):
    """Put one row into a stratum of its own."""
    return np.arange(len(y)) == np.flatnonzero(np.asarray(y) == 0)[0]


def test_neighbours_go_by_strata_that_differ_by_rounding(rare_events):
    X, y, _ = rare_events(n_rows=4000, prevalence=0.05, signal=0.5)
    model = ResampledClassifier(
        KNeighborsClassifier(100), down(factor=5, strata=lambda X, y: X[:, 0] > 0)
    ).fit(X, y)
    weights = model.resampler_.plan_.class_weight
    assert len(set(weights[:2])) == 2
    assert model.predict_proba(X)[:, 1].mean() / y.mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "words",
    [{"strata": lonely}, {"groups": shops}, {"groups": shops, "factor": 1.2}],
    ids=["strata", "groups", "groups, nearly equal"],
)
@pytest.mark.parametrize("sample_weight", [None, 1.0, 2.0])
def test_neighbours_refuse_weights_that_matter(words, sample_weight, rare_events):
    X, y, _ = rare_events(n_rows=4000, prevalence=0.05)
    model = ResampledClassifier(KNeighborsClassifier(), down(**{"factor": 20} | words))
    weight = None if sample_weight is None else np.full(len(y), sample_weight)
    with pytest.raises(UnusedWeightsError, match="cannot take sample_weight in fit"):
        model.fit(X, y, sample_weight=weight)


# Errors ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["strata", "groups"])
@pytest.mark.parametrize(
    ("data", "value", "text"),
    [
        (X, REGION[:-1], "got 599 for 600 rows. In cross-validation"),
        (X, lambda X, y: REGION[:-1], "one value per row of X; got 599 for 600 rows"),
        (pd.DataFrame(FRAME), "town", "must name a column of X.* got 'town'.*'region'"),
        (X, "region", "'region'. X is ndarray of shape .* without names"),
        (RECORDS, "town", "'town'. X is ndarray .* with columns .'number'"),
        (X, 2, "must name a column of X.* got 2"),
        (X, True, "must name a column of X.* got True"),
        (pd.DataFrame(FRAME), 3, "must name a column of X.* got 3"),
        (pl.DataFrame(FRAME), 3, "must name a column of X.* got 3"),
        (sparse.csr_array(NUMBERS), 2, "must name a column of X.* got 2"),
        (X, np.where(SHOP < 9, None, REGION), "value in every row; .* are missing"),
        (X, np.where(SHOP < 9, np.nan, SHOP), "value in every row; .* are missing"),
        (X, pd.cut(AMOUNT, [1, 2, 3]), "value in every row; .* are missing"),
        (X, 0, "must hold one label per row.* numpy.digitize"),
        (X, AMOUNT, "must hold one label per row.* got ndarray of shape .600,"),
        (X, NUMBERS, "must hold one label per row"),
        (X, 3.5, "'(strata|groups)' parameter"),
    ],
)  # fmt: skip
def test_strata_and_groups_that_are_none(name, data, value, text):
    resampler = down(**{name: value})
    with pytest.raises(ValueError, match=f"{text}") as caught:
        resampler.fit(data, Y)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "groups",
    [
        SHOP.astype(float),
        SHOP.astype(float).astype(object),
        SHOP > 70,
        pd.Series(SHOP > 70, dtype="boolean"),
        (SHOP > 70).astype(object),
        np.array([2**70 + shop for shop in SHOP.tolist()]),
    ],
    ids=[
        "floats",
        "float objects",
        "booleans",
        "nullable",
        "boolean objects",
        "more than 64 bits",
    ],
)
def test_groups_that_no_hash_is_of(groups):
    resampler = down(factor=300, groups=groups)
    with pytest.raises(ValueError, match="groups must hold integers of 64 bits"):
        resampler.fit(X, Y)


def test_a_group_lies_in_one_stratum():
    resampler = down(strata=REGION, groups=SHOP)
    with pytest.raises(ValueError, match=r"one stratum each.* group \d+ has rows of"):
        resampler.fit(X, Y)


def test_groups_that_leave_no_row_of_a_class():
    # The ten rows of "b" are in the first group, over which "a" decides.
    y, groups = np.repeat(["b", "a"], [10, 990]), np.arange(1000) // 20
    outcomes = []
    for seed in range(12):
        alone = down(factor={"a": 3, "b": 60}, groups=groups, random_state=seed)
        try:
            outcomes.append(alone.fit(y, y).sampling_strategy_["b"])
        except ValueError as error:
            outcomes.append(str(error))
    texts = {each for each in outcomes if each != 10}
    assert 10 in outcomes
    (text,) = texts
    assert text.startswith("groups leave no row of class 'b'")
    assert "factor or sampling_strategy as a dict" in text


@pytest.mark.parametrize("big", [False, True], ids=["few", "many"])
def test_continuous_targets_need_two_strata_and_no_holes(big):
    y = np.resize(AMOUNT, 6000 if big else 600)
    rows, bins = np.zeros(len(y)), np.resize(BINS, len(y))
    one, none, two = down(strata=bins * 0), down(), down(strata=bins)
    with pytest.raises(ValueError, match=r"strata must be at least two.*got one, 0"):
        one.fit(rows, y)
    with pytest.raises(ValueError, match=r"continuous.*bins, and use these.*strata"):
        none.fit(rows, y)
    y[4] = np.nan
    with pytest.raises(ValueError, match=r"1 (are NaN|of \d+ labels are missing)"):
        two.fit(rows, y)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_several_outputs_need_values_everywhere(kind):
    y = np.column_stack([AMOUNT, AMOUNT])
    y[7, 1] = np.nan
    y, resampler = OUTPUTS[kind](y), down(strata=BINS)
    with pytest.raises(ValueError, match="y must have a value everywhere; 1 are NaN"):
        resampler.fit(X, y)


def test_a_missing_target_in_a_row_that_is_not_there_does_no_harm():
    y, weight = AMOUNT.copy(), np.ones(N_ROWS)
    y[5], weight[5] = np.nan, 0
    assert 5 not in draw(down(), y, sample_weight=weight, strata=BINS)[1]


def test_missing_labels_stay_errors():
    y, resampler = np.where(SHOP < 9, None, Y), down(strata=REGION)
    with pytest.raises(MissingLabelsError, match="of 600 labels are missing"):
        resampler.fit(X, y)


@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_a_callable_of_other_arguments_is_refused_with_the_right_ones(argument):
    resampler = DownsampleUpweight(**{argument: lambda X: X[:, 0]})
    message = rf"{argument} must be a callable of two arguments.*lambda X, y: .*\(X\)"
    with pytest.raises(TypeError, match=message):
        resampler.fit(X, Y)


def test_an_error_inside_a_callable_is_not_hidden():
    resampler = DownsampleUpweight(strata=lambda X, y: len())
    with pytest.raises(TypeError, match=r"^len\(\) takes exactly one argument"):
        resampler.fit(X, Y)
