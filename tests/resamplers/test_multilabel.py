"""Rows of several labels: drawn by the rarest of them, raked to all their totals."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier

from skstrat import CombinedResample, DownsampleUpweight, Pipeline, RandomOversample
from skstrat._core.labels import Labels
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets
from skstrat.resamplers._multilabel import (
    is_label_matrix,
    rake,
    read_label_sets,
)

COUNTS = [41109, 20669, 9376, 1126, 111]


def draw_sets(sets, targets, seed, key):
    """Give the rows drawn, and one over their chance."""
    drawn = sets.draw(targets, CheckedSamples(None, None, key), seed)
    return drawn.indices, drawn.inverse_chance


def dependent_labels(n_rows=100_000, counts=COUNTS, seed=0):
    """Make labels with given counts that come together: one factor behind all."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n_rows)
    y = np.zeros((n_rows, len(counts)), dtype=int)
    for column, count in enumerate(counts):
        score = 0.7 * common + 0.7 * rng.normal(size=n_rows)
        y[np.argsort(-score)[: count * n_rows // 100_000], column] = 1
    return y


SMALL = dependent_labels(3000, [40_000, 20_000, 9000, 2000])
ROWS = np.arange(len(SMALL), dtype=float).reshape(-1, 1)
WEIGHT = np.random.default_rng(6).lognormal(size=len(SMALL))
NAMES = list("pqrs")


def down(**words):
    return DownsampleUpweight(**{"random_state": 3} | words)


def draw(y=SMALL, sample_weight=None, **words):
    resampler = down(**words)
    X = np.arange(y.shape[0], dtype=float).reshape(-1, 1)
    *_, weights = resampler.fit_resample(X, y, sample_weight=sample_weight)
    return resampler, resampler.sample_indices_, weights


def with_none(y):
    """Add a column for rows without a label."""
    return np.column_stack([y, y.sum(axis=1) == 0]).astype(float)


def chances(y, wanted):
    """Give the inclusion probability promised, from rows wanted of each label."""
    member = with_none(y)
    return (member * (np.asarray(wanted) / member.sum(axis=0))).max(axis=1)


def rows_wanted(y, per_smallest=10):
    """Give the rows wanted of every label by default: ten per row of the smallest."""
    counts = with_none(y).sum(axis=0)
    return np.minimum(counts, per_smallest * counts.min())


def sets_and_targets(y, factor):
    sets = read_label_sets(y)
    rows = np.maximum(1, np.rint(sets.labels.counts / factor)).astype(np.int64)
    return sets, Targets(rows, sets.labels.counts / rows)


# Reading ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_rows=st.integers(1, 60),
    share=st.sampled_from([0.05, 0.3, 0.9]),
    kind=st.sampled_from([np.asarray, sparse.csr_array, sparse.csc_matrix]),
)
def test_label_sets_are_those_of_the_table(seed, n_rows, share, kind):
    y = (np.random.default_rng(seed).random((n_rows, 4)) < share).astype(int)
    assume(y.any())
    sets = read_label_sets(kind(y))
    full = with_none(y)
    found = np.flatnonzero(full.any(axis=0))
    names = [*range(4), None]
    assert sets.labels.classes.tolist() == [names[column] for column in found]
    assert sets.labels.counts.tolist() == full.sum(axis=0)[found].tolist()
    assert (sets.members.toarray() == full[:, found]).all()
    weights = np.random.default_rng(0).lognormal(size=n_rows)
    np.testing.assert_allclose(sets.totals(weights), weights @ full[:, found])
    assert sets.totals(None).tolist() == sets.labels.counts.tolist()
    some = np.arange(0, n_rows, 2)
    taken = sets.take(some)
    assert (taken.members.toarray() == full[some][:, found]).all()
    assert len(taken.labels.codes) == len(some)
    assert taken.labels.counts.tolist() == full[some][:, found].sum(axis=0).tolist()
    for code, column in enumerate(found):
        own = np.flatnonzero(full[some, column])
        assert taken.rows_with(code).tolist() == own.tolist()


@pytest.mark.parametrize(
    ("y", "is_one"),
    [
        (SMALL, True),
        (SMALL.astype(bool), True),
        (SMALL.astype(float), True),
        (SMALL.tolist(), True),
        (sparse.csr_array(SMALL), True),
        (SMALL * 2, False),
        (sparse.csr_array(SMALL * 2), False),
        (np.where(SMALL == 1, np.nan, 0), False),
        (SMALL[:, :1], False),
        (sparse.csr_array(SMALL[:, :1]), False),
        (SMALL[:, 0], False),
    ],
)
def test_tables_of_zeros_and_ones_say_the_labels(y, is_one):
    assert is_label_matrix(y) is is_one


# The draw --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_rows=st.integers(20, 300),
    factor=st.lists(st.floats(1, 30), min_size=4, max_size=4),
)
def test_rows_are_drawn_at_the_highest_rate_of_their_labels(seed, n_rows, factor):
    y = (np.random.default_rng(seed).random((n_rows, 3)) < [0.4, 0.2, 0.1]).astype(int)
    assume(with_none(y).any(axis=0).all())
    sets, targets = sets_and_targets(y, np.array(factor))
    try:
        indices, inverse_chance = draw_sets(sets, targets, seed, None)
    except ValueError as error:
        if "No row that has label" not in str(error):
            raise
        reject()  # by chance none of its few rows is drawn: other labels decide
    member = with_none(y)
    rate = targets.rows / member.sum(axis=0)
    chance = (member * rate).max(axis=1)
    assert (np.diff(indices) > 0).all()
    # Labels of one rate may each decide over some of the rows.
    for value in np.unique(chance):
        own, tied = chance == value, np.sum(rate == value)
        kept = np.isin(indices, np.flatnonzero(own))
        assert abs(kept.sum() - own.sum() * value) <= tied
        assert inverse_chance[kept].sum() == pytest.approx(own.sum(), rel=1e-12)
    assert np.isin(np.flatnonzero(chance == 1), indices).all()
    again = draw_sets(sets, targets, seed, None)
    assert again[0].tolist() == indices.tolist()


def test_keys_take_the_place_of_positions():
    sets, targets = sets_and_targets(SMALL, 4)
    by_position, *_ = draw_sets(sets, targets, 5, None)
    same, *_ = draw_sets(sets, targets, 5, np.arange(len(SMALL)))
    other, *_ = draw_sets(sets, targets, 5, np.arange(len(SMALL)) + 7)
    assert by_position.tolist() == same.tolist() != other.tolist()


def test_more_labels_than_a_byte_holds():
    y = (np.random.default_rng(0).random((3000, 300)) < 0.002).astype(int)
    y[np.arange(300), np.arange(300)] = 1
    factor = dict.fromkeys([*range(300), None], 5.0) | {299: 1.0}
    _, drawn, weights = draw(y, factor=factor, weighting="factor")
    whole = np.flatnonzero(y[:, 299])
    assert len(whole) > 2
    assert (weights[np.isin(drawn, whole)] == 1).all()
    assert np.isin(whole, drawn).all()
    # Rows over rows drawn, of those over which a label decides.
    assert weights.sum() == pytest.approx(3000, rel=1e-12)
    assert y[drawn].any(axis=0).sum() > 100


def test_larger_factors_keep_subsets():
    kept = [
        set(draw(factor=dict.fromkeys([0, 1, None], factor))[1].tolist())
        for factor in (1, 2, 5, 40)
    ]
    assert kept[0] > kept[1] > kept[2] > kept[3]


@pytest.mark.slow
def test_every_row_is_included_as_often_as_promised():
    n_seeds, y = 400, SMALL[:600]
    times = np.zeros(len(y))
    for seed in range(n_seeds):
        times[draw(y, random_state=seed, sampling_strategy=0.1)[1]] += 1
    chance = chances(y, rows_wanted(y))
    assert (times[chance == 1] == n_seeds).all()
    free = chance < 1
    assert len(np.unique(chance[free])) > 1
    for value in np.unique(chance[free]):
        # Of the rows of a rate a whole number is drawn.
        own = chance == value
        assert abs(times[own].mean() / n_seeds - value) <= 0.5 / own.sum() + 1e-12
        share = times[own].mean() / n_seeds
        error = np.sqrt(share * (1 - share) / n_seeds)
        assert np.abs(times[own] / n_seeds - share).max() < 5.5 * error


@pytest.mark.slow
def test_totals_of_all_labels_are_unbiased_and_raked_ones_exact():
    y = dependent_labels()
    totals = y.sum(axis=0)
    assert totals.tolist() == COUNTS
    # Labels come together more often than by chance.
    assert (y[:, 0] & y[:, 4]).sum() > 1.5 * COUNTS[0] * COUNTS[4] / len(y)
    sets = read_label_sets(y)
    rows = np.minimum(sets.labels.counts, 10 * sets.labels.counts.min())
    targets = Targets(rows, sets.labels.counts / rows)
    estimates = []
    for seed in range(300):
        indices, inverse_chance = draw_sets(sets, targets, seed, None)
        estimates.append(inverse_chance @ y[indices] / totals)
    error = np.std(estimates, axis=0, ddof=1)
    off = np.abs(np.mean(estimates, axis=0) - 1)
    assert (off <= 4 * error / np.sqrt(300) + 1e-12).all()
    assert (error < 0.05).all()
    # All rows of the rarest label are there, and count for themselves.
    assert error[4] < 1e-12
    for sample_weight in (None, np.random.default_rng(1).lognormal(size=len(y))):
        tenth = {"sampling_strategy": 0.1}
        resampler, drawn, weights = draw(y, sample_weight, **tenth)
        old = np.ones(len(y)) if sample_weight is None else sample_weight
        np.testing.assert_allclose(weights @ y[drawn], old @ y, rtol=1e-9)
        assert weights.sum() == pytest.approx(old.sum(), rel=1e-9)
        assert weights.min() > 0
        _, same, before = draw(y, sample_weight, weighting="factor", **tenth)
        assert same.tolist() == drawn.tolist()
        change = weights / before
        limits = (0.9, 1.1) if sample_weight is None else (0.7, 1.4)
        assert limits[0] < change.min() < change.max() < limits[1]
        assert resampler.sampling_strategy_[4] == 111
        assert len(drawn) < 8000


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    weighted=st.booleans(),
    sampling_strategy=st.sampled_from([0.1, 0.5, "majority"]),
)
def test_raked_totals_are_those_of_all_rows(seed, weighted, sampling_strategy):
    y = dependent_labels(1500, [40_000, 20_000, 9000], seed=seed)
    old = np.random.default_rng(seed).lognormal(size=1500) ** weighted
    resampler, drawn, weights = draw(
        y, old if weighted else None, sampling_strategy=sampling_strategy
    )
    assert weights @ with_none(y)[drawn] == pytest.approx(old @ with_none(y), rel=1e-9)
    assert weights.sum() == pytest.approx(old.sum(), rel=1e-9)
    assert (weights > 0).all()
    # One number for all rows of the same labels.
    ratio = pd.Series(weights / old[drawn]).groupby(y[drawn] @ [1, 2, 4])
    np.testing.assert_allclose(ratio.max(), ratio.min(), rtol=1e-9)
    names = [0, 1, 2, None]
    assert resampler.classes_.tolist() == names
    kept = with_none(y)[drawn]
    assert resampler.sampling_strategy_ == dict(
        zip(names, kept.sum(axis=0).astype(int).tolist(), strict=True)
    )
    assert resampler.class_weight_ == pytest.approx(
        dict(zip(names, (weights @ kept) / (old[drawn] @ kept), strict=True)), rel=1e-9
    )
    assert not hasattr(resampler, "plan_")


# Raking ----------------------------------------------------------------------------


def raked_by_the_dual(weights, members, totals, grand_total):
    """Find the weights of least divergence from those given, by their dual."""
    columns = np.column_stack([members, np.ones(len(weights))])
    wanted = np.append(totals, grand_total) / grand_total
    start = weights / weights.sum()

    def dual(multipliers):
        new = start * np.exp(columns @ multipliers)
        return new.sum() - multipliers @ wanted, columns.T @ new - wanted

    def hessian(multipliers):
        new = start * np.exp(columns @ multipliers)
        return (columns.T * new) @ columns

    found = minimize(
        dual,
        np.zeros(columns.shape[1]),
        jac=True,
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-13, "maxiter": 500},
    )
    return grand_total * start * np.exp(columns @ found.x)


@pytest.mark.parametrize("seed", range(4))
def test_raked_weights_are_those_of_least_divergence(seed):
    rng = np.random.default_rng(seed)
    y = dependent_labels(2000, [40_000, 20_000, 9000, 3000], seed=seed)
    weights, others = rng.lognormal(size=(2, 2000))
    totals = others @ with_none(y)
    raked = rake(weights, read_label_sets(y), totals, others.sum())
    np.testing.assert_allclose(raked @ with_none(y), totals, rtol=1e-9)
    expected = raked_by_the_dual(weights, with_none(y), totals, others.sum())
    np.testing.assert_allclose(raked, expected, rtol=1e-6)


def test_the_weights_of_a_draw_are_those_of_least_divergence():
    _, drawn, weights = draw(SMALL, WEIGHT)
    _, _, before = draw(SMALL, WEIGHT, weighting="factor")
    member, totals = with_none(SMALL), WEIGHT @ with_none(SMALL)
    expected = raked_by_the_dual(before, member[drawn], totals, WEIGHT.sum())
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


@pytest.mark.parametrize("shares", [(0.4, 0.01), (0.8, 0.01), (0.05, 0.01, 0.002)])
def test_a_big_label_and_small_ones(shares):
    # Rows without a label are nearly those that have not the big one.
    rng = np.random.default_rng(0)
    y = (rng.random((4000, len(shares))) < shares).astype(int)
    weight = rng.lognormal(size=4000)
    _, drawn, weights = draw(y, weight)
    totals = weight @ with_none(y)
    np.testing.assert_allclose(weights @ with_none(y)[drawn], totals, rtol=1e-9)


def test_raking_by_hand():
    # Independent labels of 50 and 25 %, one row of each set: products of the shares.
    y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    raked = rake(np.ones(4), read_label_sets(y), np.array([50, 25, 37.5]), 100.0)
    np.testing.assert_allclose(raked, [37.5, 12.5, 37.5, 12.5], rtol=1e-9)


def test_weights_that_have_the_totals_are_left_alone():
    totals = WEIGHT @ with_none(SMALL)
    raked = rake(WEIGHT, read_label_sets(SMALL), totals, WEIGHT.sum())
    np.testing.assert_allclose(raked, WEIGHT, rtol=1e-12)


def test_a_label_of_every_row_takes_no_part():
    y = np.column_stack([np.ones(len(SMALL), dtype=int), SMALL[:, 1:]])
    for weight in (None, WEIGHT):
        _, drawn, weights = draw(y, weight, factor={0: 4})
        old = np.ones(len(y)) if weight is None else weight
        np.testing.assert_allclose(weights @ y[drawn], old @ y, rtol=1e-9)
        assert len(drawn) < 0.6 * len(y)


def test_two_labels_that_are_one_and_labels_within_labels():
    one, two, three = SMALL[:, 0], SMALL[:, 0] & SMALL[:, 1], SMALL[:, 3]
    y = np.column_stack([one, one, two, three])
    _, drawn, weights = draw(y, WEIGHT, sampling_strategy=0.1)
    np.testing.assert_allclose(weights @ y[drawn], WEIGHT @ y, rtol=1e-9)
    assert len(drawn) < len(y)


@pytest.mark.parametrize("apart", [0.1, 0.01, 0.003, 0.001])
def test_labels_that_nearly_always_come_together(apart):
    rng = np.random.default_rng(0)
    first = rng.random(30_000) < 0.3
    second = np.where(rng.random(30_000) < apart, ~first, first)
    y = np.column_stack([first, second, rng.random(30_000) < 0.02]).astype(int)
    _, drawn, weights = draw(y)
    assert len(drawn) < 0.9 * len(y)
    np.testing.assert_allclose(weights @ y[drawn], y.sum(axis=0), rtol=1e-9)


def test_totals_that_contradict_each_other():
    y = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    sets, totals = read_label_sets(y), np.array([10.0, 20.0, 15.0, 12.0])
    with pytest.warns(ConvergenceWarning, match=r"and those of \[0, 1\] are off\. The"):
        raked = rake(np.ones(4), sets, totals, 40.0)
    assert (raked > 0).all()
    assert raked.sum() == pytest.approx(40, rel=1e-12)


def raked_with_give(weights, members, totals, grand_total, give=0.01):
    """Find the weights of least divergence and penalty themselves, not by a dual."""

    def loss(new):
        off = new @ members - totals
        divergence = new @ np.log(new / weights) - new.sum()
        slope = np.log(new / weights) + members @ (off / (give * totals))
        return divergence + off @ (off / totals) / (2 * give), slope

    # An older scipy says that its method tried values outside the bounds.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Values in x were outside bounds")
        found = minimize(
            loss,
            weights * grand_total / weights.sum(),
            jac=True,
            method="SLSQP",
            bounds=[(1e-9, None)] * len(weights),
            constraints={"type": "eq", "fun": lambda new: new.sum() - grand_total},
            options={"ftol": 1e-14, "maxiter": 2000},
        )
    return found.x


@pytest.mark.parametrize(
    "totals", [[10, 20, 15, 12], [30, 30, 35, 20], [12, 12, 12, 12]]
)
@pytest.mark.parametrize("seed", range(3))
def test_totals_that_contradict_each_other_give_way_a_little(totals, seed):
    y = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])
    weights = np.random.default_rng(seed).lognormal(size=5)
    sets, totals = read_label_sets(y), np.array(totals, dtype=float)
    with pytest.warns(
        ConvergenceWarning, match=r"No weights of the rows kept have the"
    ):
        raked = rake(weights, sets, totals, 40.0)
    expected = raked_with_give(weights * 40 / weights.sum(), with_none(y), totals, 40)
    # The other method stops where it gains less than 1e-14.
    np.testing.assert_allclose(raked, expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_the_grand_total_is_kept_where_label_totals_are_not(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((400, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(int)
    weight = rng.lognormal(sigma=2, size=400)
    factor = dict.fromkeys([0, 1, 2, 3, None], 60)
    with pytest.warns(ConvergenceWarning) as caught:
        _, drawn, weights = draw(y, weight, factor=factor, random_state=seed)
    assert len(drawn) < 20
    assert weights.sum() == pytest.approx(weight.sum(), rel=1e-12)
    # No row is as good as dropped.
    assert weights.min() > 1e-6 * weights.max()
    off = np.abs(weights @ with_none(y)[drawn] / (weight @ with_none(y)) - 1)
    assert repr([0, 1, 2, 3, None][off.argmax()]) in str(caught[0].message)


def test_a_draw_that_cannot_be_raked():
    # The third label decides over all rows of the first two, which differ in three.
    y = np.zeros((3000, 3), dtype=int)
    y[:1003, 0], y[:1000, 1], y[:2000, 2] = 1, 1, 1
    seen = []
    for seed in range(12):
        words = {"factor": {0: 20, 1: 20, 2: 10, None: 5}, "random_state": seed}
        _, kept, _ = draw(y, **words, weighting="uniform")
        told_apart = bool(np.isin([1000, 1001, 1002], kept).any())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, drawn, weights = draw(y, **words)
        assert drawn.tolist() == kept.tolist()
        assert (weights > 0).all()
        expected = [] if told_apart else [ConvergenceWarning]
        assert [each.category for each in caught] == expected
        off = np.abs(weights @ y[drawn] / y.sum(axis=0) - 1).max()
        assert off < (1e-9 if told_apart else 0.01)
        seen.append(told_apart)
    assert set(seen) == {True, False}


# Words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        {"factor": {0: 10, None: 4}},
        {"sampling_strategy": {0: 130, None: 99}},
        {"sampling_strategy": 0.5},
        {"sampling_strategy": "auto"},
        {"factor": 6},
    ],
    ids=str,
)
def test_words_give_the_rate_of_every_label(words):
    counts = with_none(SMALL).sum(axis=0)
    by_label = dict(zip([0, 1, 2, 3, None], counts.tolist(), strict=True))
    labels = Labels(np.zeros(1), np.array(list(by_label), object), counts.astype(int))
    rate = down(**words)._targets(labels, SMALL).rows / counts
    chance = (with_none(SMALL) * rate).max(axis=1)
    _, drawn, weights = draw(**words, weighting="factor")
    assert len(drawn) == pytest.approx(chance.sum(), abs=2.5)
    assert np.isin(np.flatnonzero(chance == 1), drawn).all()
    np.testing.assert_allclose(weights, 1 / chance[drawn], rtol=0.02)


def test_a_callable_is_asked_with_the_table():
    asked = []

    def ask(y):
        asked.append(y)
        return {0: 100}

    resampler, _, _ = draw(sampling_strategy=ask)
    assert asked[0] is SMALL
    assert resampler.sampling_strategy_ == (
        draw(sampling_strategy={0: 100})[0].sampling_strategy_
    )


def test_weightings_that_leave_totals_alone():
    _, drawn, weights = draw(SMALL, WEIGHT, weighting="uniform")
    assert weights.tolist() == WEIGHT[drawn].tolist()
    words = {"factor": {0: 8, 1: 4, None: 2.5}, "weighting": "factor"}
    _, drawn, weights = draw(SMALL, WEIGHT, **words)
    nominal = np.where(SMALL @ [0, 0, 1, 1], 1, np.where(SMALL[:, 1], 4, 8))
    nominal = np.where(SMALL.any(axis=1), nominal, 2.5)
    for factor in (1, 2.5, 4, 8):
        n_rows, own = (nominal == factor).sum(), nominal[drawn] == factor
        stands_for = weights[own] / WEIGHT[drawn[own]]
        np.testing.assert_allclose(stands_for, n_rows / own.sum(), rtol=1e-12)
        assert n_rows / own.sum() == pytest.approx(factor, rel=0.02)


def test_nothing_to_drop_changes_nothing():
    resampler = down(factor=1)
    X_res, y_res, weights = resampler.fit_resample(ROWS, SMALL, sample_weight=WEIGHT)
    assert X_res is ROWS
    assert y_res is SMALL
    np.testing.assert_allclose(weights, WEIGHT, rtol=1e-12)
    some = np.where(ROWS[:, 0] < 9, 0, WEIGHT)
    X_res, y_res, weights = resampler.fit_resample(ROWS, SMALL, sample_weight=some)
    assert X_res.ravel().tolist() == ROWS[9:, 0].tolist()
    np.testing.assert_allclose(weights, WEIGHT[9:], rtol=1e-12)


def test_rows_of_zero_weight_are_not_there():
    weight = WEIGHT.copy()
    weight[np.random.default_rng(2).permutation(len(weight))[:900]] = 0
    resampler, drawn, weights = draw(SMALL, weight, sampling_strategy=0.1)
    assert (weight[drawn] > 0).all()
    np.testing.assert_allclose(weights @ SMALL[drawn], weight @ SMALL, rtol=1e-9)
    left = np.flatnonzero(weight)
    sets = read_label_sets(SMALL[left])
    wanted = rows_wanted(SMALL[left]).astype(int)
    targets = Targets(wanted, sets.labels.counts / wanted)
    # Rows keep the positions that they have among all.
    indices, *_ = draw_sets(sets, targets, 3, left)
    assert left[indices].tolist() == drawn.tolist()
    less, _, _ = draw(SMALL[left], weight[left], sampling_strategy=0.1)
    deciding = resampler.sampling_strategy_[3], less.sampling_strategy_[3]
    assert deciding == (SMALL[left, 3].sum(),) * 2
    total = sum(resampler.sampling_strategy_.values())
    assert total == pytest.approx(sum(less.sampling_strategy_.values()), rel=0.1)


# Containers ------------------------------------------------------------------------

CONTAINERS = {
    "list": np.ndarray.tolist,
    "booleans": lambda y: y.astype(bool),
    "floats": lambda y: y.astype(float),
    "objects": lambda y: y.astype(object),
    "Fortran": np.asfortranarray,
    "pandas": lambda y: pd.DataFrame(y, columns=NAMES, index=-np.arange(len(y))),
    "nullable": lambda y: pd.DataFrame(y, columns=NAMES).astype("Int64"),
    "polars": lambda y: pl.DataFrame(y, schema=NAMES),
    "arrow": lambda y: pa.table(dict(zip(NAMES, y.T, strict=True))),
    "csr": sparse.csr_array,
    "csr matrix": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "csc matrix": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "stored zeros": lambda y: sparse.csr_array(
        (y.ravel(), np.tile(range(4), len(y)), np.arange(len(y) + 1) * 4)
    ),
    "sparse booleans": lambda y: sparse.csr_array(y.astype(bool)),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_label_sets_of_every_container(kind):
    y = CONTAINERS[kind](SMALL)
    reference, drawn, expected = draw(SMALL, WEIGHT)
    resampler = down()
    X_res, y_res, weights = resampler.fit_resample(ROWS, y, sample_weight=WEIGHT)
    assert X_res.ravel().tolist() == drawn.tolist()
    assert resampler.sample_indices_.tolist() == drawn.tolist()
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert type(y_res) is type(y)
    dense = y_res.toarray() if sparse.issparse(y_res) else np.asarray(y_res)
    assert (dense.astype(int) == SMALL[drawn]).all()
    names = NAMES if kind in ("pandas", "nullable", "polars", "arrow") else range(4)
    assert resampler.classes_.tolist() == [*names, None]
    assert list(resampler.class_weight_) == [*names, None]
    by_label = [list(its.sampling_strategy_.values()) for its in (resampler, reference)]
    assert by_label[0] == by_label[1]


def test_names_of_columns_are_names_of_labels():
    y = pd.DataFrame(SMALL, columns=NAMES)
    _, drawn, _ = draw(factor={0: 9, None: 3})
    _, by_name, _ = draw(y, factor={"p": 9, None: 3})
    assert by_name.tolist() == drawn.tolist()


def test_labels_that_no_row_has_are_left_out():
    y = np.column_stack([SMALL, np.zeros(len(SMALL), dtype=int)])[:, [0, 4, 1, 2, 3]]
    resampler, drawn, _ = draw(y)
    assert resampler.classes_.tolist() == [0, 2, 3, 4, None]
    assert drawn.tolist() == draw()[1].tolist()


def test_every_row_may_have_a_label():
    y = SMALL[SMALL.any(axis=1)]
    resampler, drawn, weights = draw(y)
    assert resampler.classes_.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(weights @ y[drawn], y.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["array", "csr"])
def test_one_label_in_every_row_makes_classes(make):
    codes = np.random.default_rng(3).choice(3, 900, p=[0.9, 0.08, 0.02])
    resampler, drawn, weights = draw(make(np.eye(3, dtype=int)[codes]))
    expected = draw(codes)
    assert resampler.plan_.classes == (0, 1, 2)
    assert drawn.tolist() == expected[1].tolist()
    assert weights.tolist() == expected[2].tolist()


def test_another_fit_forgets_the_plan():
    resampler = down().fit(ROWS, SMALL[:, 0])
    assert hasattr(resampler, "plan_")
    resampler.fit(ROWS, SMALL)
    assert not hasattr(resampler, "plan_")
    resampler.fit(ROWS, SMALL[:, 0])
    assert resampler.plan_.classes == (0, 1)


# Models ----------------------------------------------------------------------------


def correlated_heads():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3))
    common = rng.normal(size=20_000)
    score = X @ rng.normal(size=(3, 4)) + common[:, None]
    y = (score + rng.normal(size=(20_000, 4)) > [1.5, 3, 4.5, 5.5]).astype(int)
    assert y.mean(axis=0).min() < 0.02
    return X, y


def ratios(head, weighting, seed):
    """Divide what each head predicts on average by what there is."""
    X, y = correlated_heads()
    resampler = down(sampling_strategy=0.1, weighting=weighting, random_state=seed)
    model = Pipeline([("down", resampler), ("fit", head)]).fit(X, y)
    p = model.predict_proba(X)
    if isinstance(p, list):
        p = np.column_stack([each[:, 1] for each in p])
    return p.mean(axis=0) / y.mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MultiOutputClassifier, OneVsRestClassifier])
def test_every_head_is_calibrated(kind):
    with config_context(enable_metadata_routing=True):
        head = kind(LogisticRegression().set_fit_request(sample_weight=True))
        weighted = [ratios(head, "original", seed) for seed in range(10)]
        unweighted = ratios(head, "uniform", 0)
    error = np.std(weighted, axis=0, ddof=1) / np.sqrt(10)
    assert (np.abs(np.mean(weighted, axis=0) - 1) < 5 * error).all()
    assert np.abs(np.mean(weighted, axis=0) - 1).max() < 0.06
    assert np.abs(unweighted - 1).max() > 0.5


def test_heads_of_several_outputs_are_given_the_weights_without_routing():
    head = MultiOutputClassifier(LogisticRegression())
    assert ratios(head, "original", 0) == pytest.approx(np.ones(4), abs=0.3)


# Errors ----------------------------------------------------------------------------


@pytest.mark.parametrize("weighting", ["balanced", {0: 1.0, 1: 1.0, 2: 1.0, 3: 2.0}])
def test_totals_of_labels_overlap(weighting):
    resampler = down(weighting=weighting)
    with pytest.raises(
        ValueError, match=r"weighting must be .original., .factor. or .uniform. where"
    ):
        resampler.fit(ROWS, SMALL)


@pytest.mark.parametrize("weighting", ["original", "factor", "uniform"])
def test_a_label_that_is_lost(weighting):
    # All rows of the second label have the first, of which a fifth is kept.
    y = np.zeros((2000, 3), dtype=int)
    y[:1000, 0], y[:10, 1], y[1500:, 2] = 1, 1, 1
    words = {"factor": {0: 5, 1: 10}, "weighting": weighting}
    lost = 0
    for seed in range(12):
        resampler = down(**words, random_state=seed)
        try:
            kept = resampler.fit(ROWS[:2000], y).sampling_strategy_
        except ValueError as error:
            lost += 1
            assert "No row that has label 1 is kept" in str(error)  # noqa: PT017
        else:
            assert kept[1] > 0
    assert lost > 0


@pytest.mark.parametrize("cls", [RandomOversample, CombinedResample])
def test_other_resamplers_refuse_rows_of_several_labels(cls):
    resampler = cls(random_state=0)
    with pytest.raises(ValueError, match=r"[Mm]ultilabel .*not supported"):
        resampler.fit(ROWS, SMALL)


def test_groups_of_rows_of_several_labels_are_refused():
    resampler = down(groups=np.arange(len(SMALL)) // 3)
    with pytest.raises(ValueError, match=r"[Mm]ultilabel .*not supported"):
        resampler.fit(ROWS, SMALL)


@pytest.mark.parametrize(
    "y",
    [SMALL * 2, np.where(SMALL == 1, np.nan, 0), SMALL + 0.5, SMALL.astype(str)],
    ids=["twos", "NaN", "halves", "strings"],
)
def test_other_tables_are_no_labels(y):
    resampler = down()
    with pytest.raises(ValueError, match=r"[Mm]ultilabel .*not supported"):
        resampler.fit(ROWS, y)


def test_lengths_differ():
    resampler = clone(down())
    with pytest.raises(ValueError, match="2999 in X and 3000 in y"):
        resampler.fit(ROWS[1:], SMALL)


def test_a_table_without_any_label_is_refused():
    y = np.zeros((20, 3), dtype=int)
    with pytest.raises(ValueError, match="y must have a label in some row; got only z"):
        DownsampleUpweight(random_state=0).fit(np.zeros((20, 1)), y)


def test_a_sparse_table_of_one_label_a_row_holds_class_labels():
    codes = np.random.default_rng(0).integers(0, 3, 200)
    y = np.eye(3, dtype=int)[codes]
    # All values are stored, zeros too.
    stored = sparse.csr_array((y.ravel(), np.tile([0, 1, 2], 200), np.arange(201) * 3))
    down, X = DownsampleUpweight(factor=3, random_state=0), np.zeros((200, 1))
    dense = down.fit(X, y).sample_indices_.tolist()
    assert down.fit(X, stored).sample_indices_.tolist() == dense
    assert stored.nnz == 600
    with pytest.raises(ValueError, match="Multilabel and multioutput targets are not"):
        down.fit(X, sparse.csr_array(2 * y))
