"""Balanced batches: quotas, epochs, passes, ranks, resuming, loss weights.

The witness is counting: what the batches serve is compared with exact fractions and
with the rows there are.
"""

import json
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import chain, islice

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from pairwise import pairs

from skstrat import BalancedBatches, MissingLabelsError
from skstrat.batches._shuffled_class import ShuffledClass

EXAMPLE = ["A", "A", "A", "A", "B", "B", "C"]


def shuffled_labels(counts, seed=0):
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(y)


@st.composite
def problems(draw):
    """Draw labels and arguments; give the quota, and what ends an epoch, exactly."""
    counts = draw(st.lists(st.integers(1, 25), min_size=2, max_size=4))
    k = len(counts)
    size = draw(st.integers(k, k + 14))
    parts = draw(st.lists(st.integers(1, 6), min_size=k, max_size=k))
    epoch = draw(st.sampled_from(["largest", "smallest", 1, 2, 5]))
    shares = [Fraction(part, sum(parts)) for part in parts]
    # A row for every class; what is due beyond it is shared out by largest remainder.
    due = [max(share * size - 1, Fraction(0)) for share in shares]
    due = [each * (size - k) / (sum(due) or 1) for each in due]
    quota = [int(each) for each in due]
    by_remainder = sorted(range(k), key=lambda code: quota[code] - due[code])
    for code in by_remainder[: size - k - sum(quota)]:
        quota[code] += 1
    quota = [each + 1 for each in quota]
    lead, full, rest = None, epoch, 0
    if isinstance(epoch, str):
        needed = list(map(Fraction, counts, quota))
        lead = needed.index(max(needed) if epoch == "largest" else min(needed))
        full, rest = divmod(counts[lead], quota[lead])
    arguments = {
        "batch_size": size,
        "epoch": epoch,
        "drop_last": draw(st.booleans()),
        "random_state": draw(st.integers(0, 5)),
        "shares": dict(enumerate(map(float, shares))),
    }
    if len(set(parts)) == 1:
        arguments["shares"] = None
    assume(full or not arguments["drop_last"])
    return counts, arguments, quota, (lead, full, rest)


def epochs_of(batches, n_epochs):
    return [list(batches) for _ in range(n_epochs)]


def served_in(batches, n_epochs):
    """Give the batches of some epochs in one list."""
    return [rows for _ in range(n_epochs) for rows in batches]


def stream(batches, y, label):
    """Give the rows of one class in the order in which they are served."""
    rows = np.concatenate(batches)
    return rows[np.asarray(y)[rows] == label]


def assert_apart(batches, y, counts):
    """Check that no batch has a row twice if its class has as many rows."""
    for rows in batches:
        taken = np.bincount(y[rows], minlength=len(counts))
        times = np.bincount(rows, minlength=len(y))
        for label in np.flatnonzero(taken <= counts):
            assert times[y == label].max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_example_that_can_be_counted_by_hand(seed):
    batches = BalancedBatches(EXAMPLE, batch_size=3, random_state=seed)
    for _ in range(4):
        epoch = list(batches)
        assert len(epoch) == len(batches) == 4
        assert all({EXAMPLE[row] for row in rows} == set("ABC") for rows in epoch)
        served = Counter(np.concatenate(epoch).tolist())
        assert served == {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4}
    assert batches.passes_per_epoch_ == {"A": 1.0, "B": 2.0, "C": 4.0}
    wanted = {"A": 12 / 7, "B": 6 / 7, "C": 3 / 7}
    assert batches.class_weight_ == pytest.approx(wanted, rel=1e-14)


@settings(deadline=None, max_examples=50)
@given(problems())
def test_what_is_served(problem):
    counts, arguments, quota, (lead, full, rest) = problem
    y, keeps_all = shuffled_labels(counts), not arguments["drop_last"]
    batches = BalancedBatches(y, **arguments)
    assert batches.quota_.tolist() == quota
    assert sum(quota) == batches.batch_size == arguments["batch_size"]
    assert batches.class_counts_.tolist() == counts
    times = np.zeros(len(y), dtype=int)
    for epoch in epochs_of(batches, 4):
        assert len(epoch) == len(batches) == full + (rest > 0 and keeps_all)
        for rows in epoch[:full]:
            assert np.bincount(y[rows]).tolist() == quota
        for rows in epoch[full:]:
            last = np.bincount(y[rows], minlength=len(counts)).tolist()
            assert last[lead] == rest
            for taken, each in zip(last, quota, strict=True):
                due = max(Fraction(each * rest, quota[lead]), 1)
                assert taken >= 1
                assert abs(taken - due) <= Fraction(1, 2)
        assert_apart(epoch, y, counts)
        np.add.at(times, np.concatenate(epoch), 1)
        for label in range(len(counts)):
            # What drop_last leaves out of the class that ends the epoch is chance.
            if keeps_all or label != lead:
                assert np.ptp(times[y == label]) <= 1
        if lead is not None:
            once = stream(epoch, y, lead).tolist()
            n_once = counts[lead] if keeps_all else full * quota[lead]
            assert len(set(once)) == len(once) == n_once


@pytest.mark.parametrize(
    ("counts", "quota", "last"),
    [
        # 4, 2 and 2/3 are due.
        ([10, 4, 1], [6, 3, 1], [4, 2, 1]),
        # 3, 6/5 and 6/5.
        ([8, 3, 3], [5, 2, 2], [3, 1, 1]),
        # 6 and 21/4; 7 and 21/8.
        ([14, 9], [8, 7], [6, 5]),
        ([15, 5], [8, 3], [7, 3]),
    ],
)
def test_the_last_batch_by_hand(counts, quota, last):
    y, size = shuffled_labels(counts), sum(quota)
    shares = {label: rows / size for label, rows in enumerate(quota)}
    for epoch in epochs_of(BalancedBatches(y, batch_size=size, shares=shares), 3):
        assert [np.bincount(y[rows]).tolist() for rows in epoch] == [quota, last]


def test_short_last_batches_keep_rows_apart():
    # They move the other classes out of step with the passes.
    for counts, size in (([22, 5], 10), ([31, 5, 6], 15), ([23, 7, 3], 12)):
        y = shuffled_labels(counts)
        batches = BalancedBatches(y, batch_size=size, random_state=2)
        assert_apart(served_in(batches, 60), y, counts)


@pytest.mark.parametrize("sizes", [(4, 5, 6, 7, 8, 9), (37, 40), (5000, 5100)])
def test_every_pass_is_a_permutation(sizes):
    y, quota = shuffled_labels(sizes), min(sizes)
    arguments = {"batch_size": quota * len(sizes), "epoch": 20_000 // quota}
    epoch = list(BalancedBatches(y, **arguments, random_state=3).arrays())
    served = np.sort(np.array(epoch), axis=1)
    assert (np.diff(served, axis=1) > 0).all()
    for label, size in enumerate(sizes):
        passes = stream(epoch, y, label)
        passes = passes[: len(passes) // size * size].reshape(-1, size)
        assert len(passes) == len(epoch) * quota // size
        assert (np.sort(passes, axis=1) == np.flatnonzero(y == label)).all()
        if quota > 9:
            assert len(np.unique(passes, axis=0)) == len(passes)


def test_all_rows_are_as_likely_at_every_place():
    y = shuffled_labels([10, 40])
    batches = BalancedBatches(y, batch_size=4, epoch=8000, random_state=7)
    served = stream(list(batches.arrays()), y, 0)
    position = np.searchsorted(np.flatnonzero(y == 0), served).reshape(-1, 10)
    times = np.array([np.bincount(place, minlength=10) for place in position.T])
    n_passes = len(position)
    # A pass begins inside no batch (10 rows, 2 a batch), so nothing moves rows.
    standard_error = np.sqrt(n_passes * 0.1 * 0.9)
    assert np.abs(times - n_passes / 10).max() < 5 * standard_error
    couples = np.zeros((10, 10))
    np.add.at(couples, (position[:-1, -1], position[1:, 0]), 1)
    expected = (n_passes - 1) / 100
    assert np.abs(couples - expected).max() < 5 * np.sqrt(expected)


def test_seeds_and_epochs():
    y = shuffled_labels([40, 13, 5])
    make = lambda seed: BalancedBatches(y, batch_size=9, random_state=seed)  # noqa: E731
    first, again, other = (epochs_of(make(seed), 3) for seed in (0, 0, 1))
    assert first == again
    assert len({str(epoch) for epoch in first + other}) == 6
    unseeded = make(None)
    assert list(unseeded) == list(make(unseeded.seed_))
    seeds = {make(np.random.default_rng(5)).seed_ for _ in range(2)}
    assert len(seeds) == 1
    legacy = np.random.RandomState(5)
    assert len({make(legacy).seed_ for _ in range(3)}) == 3


def test_a_batch_of_two_passes_is_the_same_when_asked_for_alone():
    y = shuffled_labels([4500, 9000])
    arguments = {"batch_size": 4000, "random_state": 0}
    wanted = served_in(BalancedBatches(y, **arguments), 2)
    for place, rows in enumerate(wanted):
        batch = BalancedBatches(y, **arguments).batch(place % 5, place // 5)
        assert batch.tolist() == rows


def test_threads_may_ask_for_batches(monkeypatch):
    shuffle = ShuffledClass._shuffled

    def slow(self, number):
        block = shuffle(self, number)
        time.sleep(1e-4)
        return block

    monkeypatch.setattr(ShuffledClass, "_shuffled", slow)
    # The orders of these passes depend on each other, and each is a block.
    y = shuffled_labels([4500, 4200])
    arguments = {"batch_size": 8000, "epoch": 4, "random_state": 0}
    wanted = served_in(BalancedBatches(y, **arguments), 2)
    batches = BalancedBatches(y, **arguments)
    places = np.random.default_rng(0).integers(len(wanted), size=40).tolist()
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda place: batches.batch(place % 4, place // 4), places)
        assert [rows.tolist() for rows in found] == [wanted[place] for place in places]


@settings(deadline=None, max_examples=25)
@given(problems(), st.integers(2, 4))
def test_processes_serve_together_what_one_would(problem, world_size):
    counts, arguments, quota, (_, full, rest) = problem
    drop_last = arguments["drop_last"]
    left = sum(quota) * (full % world_size) if not rest else world_size
    assume(full >= world_size or (not drop_last and left >= world_size))
    y = shuffled_labels(counts)
    alone = BalancedBatches(y, **arguments)
    arguments["world_size"] = world_size
    try:
        ranks = [BalancedBatches(y, **arguments, rank=r) for r in range(world_size)]
    except ValueError as error:
        # Fewer rows left than processes.
        assert "world_size must not be more" in str(error)  # noqa: PT017
        reject()
    assert len({len(batches) for batches in ranks}) == 1
    assert all(each.class_weight_ == alone.class_weight_ for each in ranks)
    for _ in range(2):
        single = list(alone)
        rounds = list(zip(*map(list, ranks), strict=True))
        n_full = full if rest and not drop_last else len(single)
        whole = n_full // world_size * world_size
        flat = [rows for each in rounds for rows in each]
        assert flat[:whole] == single[:whole]
        for each in rounds:
            sizes = [len(rows) for rows in each]
            assert max(sizes) - min(sizes) <= 1
        if drop_last:
            assert len(flat) == whole
        else:
            assert Counter(chain(*flat)) == Counter(chain(*single))


@settings(deadline=None, max_examples=10)
@given(problems(), st.integers(1, 2), st.booleans(), st.data())
def test_a_run_resumes_and_jumps_anywhere(problem, world_size, seeded, data):
    counts, arguments, _, (_, full, _) = problem
    assume(full >= world_size)
    arguments |= {"world_size": world_size, "rank": world_size - 1}
    y = shuffled_labels(counts)
    whole = BalancedBatches(y, **arguments)
    wanted, n = served_in(whole, 4), len(whole)
    own = arguments if seeded else arguments | {"random_state": None}
    for done in data.draw(st.permutations(range(2 * n + 1)))[:4]:
        started = BalancedBatches(y, **arguments)
        assert started.batch(done % n, done // n).tolist() == wanted[done]
        assert whole.batch(done % n, done // n).tolist() == wanted[done]
        started.set_epoch(max(done - 1, 0) // n)
        list(islice(started, done - started.state_dict()["epoch"] * n))
        state = json.loads(json.dumps(started.state_dict()))
        resumed = BalancedBatches(y, **own)
        resumed.load_state_dict(state)
        assert state == resumed.state_dict()
        assert served_in(resumed, 2) == wanted[done : (done // n + 2) * n]
    assert whole.batch(0).tolist() == wanted[3 * n]


def test_the_epoch_can_be_chosen():
    y = shuffled_labels([30, 7])
    batches, resumed, other = (
        BalancedBatches(y, batch_size=6, random_state=0) for _ in range(3)
    )
    wanted = epochs_of(other, 4)
    # An epoch that was left early is over.
    assert list(islice(batches, 3)) == wanted[0][:3]
    assert epochs_of(batches, 2) == wanted[1:3]
    for _ in range(2):
        batches.set_epoch(2)
        assert epochs_of(batches, 2) == wanted[2:]
    batches.set_epoch(1, place=4)
    assert epochs_of(batches, 2) == [wanted[1][4:], wanted[2]]
    list(islice(batches, 2))
    state = batches.state_dict()
    assert (state["epoch"], state["place"]) == (3, 2)
    for arguments, rest in (((3,), wanted[3][2:]), ((3, 0), wanted[3])):
        resumed.load_state_dict(state)
        resumed.set_epoch(*arguments)
        assert list(resumed) == rest
    resumed.load_state_dict(state)
    with pytest.warns(UserWarning, match="set_epoch chose another epoch than that of"):
        resumed.set_epoch(1)
    assert list(resumed) == wanted[1]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("labels", {"y": EXAMPLE[::-1]}),
        ("quota", {"batch_size": 4}),
        ("seed", {"random_state": 1}),
        ("world_size", {"world_size": 2}),
        ("n_batches", {"epoch": 7}),
        ("drop_last", {"drop_last": True}),
    ],
)
def test_a_state_of_something_else_is_refused(field, change):
    arguments = {"y": EXAMPLE, "batch_size": 3, "random_state": 0}
    state = BalancedBatches(**arguments).state_dict()
    batches = BalancedBatches(**(arguments | change))
    text = rf"state_dict must be of the same labels and arguments; its {field} is"
    with pytest.raises(ValueError, match=text):
        batches.load_state_dict(state)
    del state["place"]
    with pytest.raises(ValueError, match=r"got one without \['place'\]"):
        batches.load_state_dict(state)


def test_a_state_is_json_whatever_the_arguments_were():
    y = shuffled_labels([30, 7])
    plain = {"batch_size": 6, "random_state": 3, "rank": 0, "world_size": 2}
    numbers = {name: np.int64(value) for name, value in plain.items()}
    state = BalancedBatches(y, drop_last=np.False_, **numbers).state_dict()
    wanted = BalancedBatches(y, **plain).state_dict()
    assert json.loads(json.dumps(state)) == wanted


PRIOR = {0: 0.7, 1: 0.2, 2: 0.1}
MASSES = [("original", [40, 13, 6]), ("balanced", [1, 1, 1]), (PRIOR, [7, 2, 1])]


@pytest.mark.parametrize(
    ("target", "epoch", "drop_last"),
    pairs(MASSES, ["largest", "smallest", 5], [False, True]),
)
def test_an_epoch_gives_each_class_its_mass(target, epoch, drop_last):
    y, (weighting, mass) = shuffled_labels([40, 13, 6]), target
    arguments = {"epoch": epoch, "drop_last": drop_last, "weighting": weighting}
    shares = {0: 0.5, 1: 0.3, 2: 0.2}
    batches = BalancedBatches(y, batch_size=9, shares=shares, **arguments)
    for _ in range(2):
        rows = np.concatenate(list(batches))
        weights = batches.sample_weight(rows)
        assert weights.dtype == np.float64
        totals = np.bincount(y[rows], weights) / len(rows)
        np.testing.assert_allclose(totals, np.array(mass) / sum(mass), rtol=1e-12)


def test_uniform_weights():
    y, incoming = shuffled_labels([40, 13, 6]), np.arange(1, 60) / 7
    for given_weights, wanted in ((None, np.ones(59)), (incoming, incoming)):
        arguments = {"weighting": "uniform", "sample_weight": given_weights}
        found = BalancedBatches(y, batch_size=9, **arguments).sample_weight(range(59))
        np.testing.assert_array_equal(found, wanted)


def test_full_batches_weigh_what_they_count():
    y, shares = shuffled_labels([60, 8]), {0: 5 / 6, 1: 1 / 6}
    for weighting in ("original", "balanced", {0: 9, 1: 1}):
        arguments = {"shares": shares, "weighting": weighting}
        batches = BalancedBatches(y, batch_size=12, **arguments)
        totals = [batches.sample_weight(rows).sum() for rows in batches]
        np.testing.assert_allclose(totals, [12] * 6, rtol=1e-12)


@pytest.mark.parametrize(
    ("counts", "arguments"),
    [
        # Two rows of each class a batch: 1, 3 and 6 whole passes an epoch.
        ([12, 4, 2], {"batch_size": 6}),
        # Whole passes of both classes, many of them cut by a batch.
        ([50, 7], {"batch_size": 10, "epoch": 7 * 50, "random_state": 0}),
    ],
)
def test_incoming_weights_are_estimated_without_bias(counts, arguments):
    y = shuffled_labels(counts)
    incoming = np.random.default_rng(0).gamma(1, size=len(y))
    batches = BalancedBatches(y, sample_weight=incoming, **arguments)
    rows = np.concatenate(list(batches))
    weights = batches.sample_weight(rows)
    expected = incoming * len(rows) / len(y)
    np.testing.assert_allclose(np.bincount(rows, weights), expected, rtol=1e-12)
    arguments = arguments | {"weighting": "balanced"}
    balanced = BalancedBatches(y, sample_weight=incoming, **arguments)
    totals = np.bincount(y[rows], balanced.sample_weight(rows))
    np.testing.assert_allclose(totals, totals.mean(), rtol=1e-12)


def test_rows_are_small_integers():
    y = shuffled_labels([30, 7])
    batches = BalancedBatches(y, batch_size=8, world_size=2, epoch=3, random_state=0)
    arrays = [*batches.arrays(), batches.batch(0)]
    assert {rows.dtype for rows in arrays} == {np.dtype(np.int32)}
    batches.set_epoch(0)
    assert list(batches) == [rows.tolist() for rows in arrays[:-1]]


def test_memory_a_row():
    n = 300_000
    y = np.zeros(n, dtype=np.int64)
    y[::200] = 1
    tracemalloc.start()
    try:
        batches = BalancedBatches(y, batch_size=256, random_state=0)
        assert tracemalloc.get_traced_memory()[1] < 40 * n
        for _ in batches:
            pass
        assert tracemalloc.get_traced_memory()[0] < 12 * n
    finally:
        tracemalloc.stop()


def test_labels_in_any_container():
    wanted = list(BalancedBatches(EXAMPLE, batch_size=4, random_state=0))
    for y in (
        pd.Series(EXAMPLE, index=range(100, 107)),
        pl.Series(EXAMPLE, dtype=pl.Categorical),
        pa.chunked_array([EXAMPLE[:3], EXAMPLE[3:]]),
        (np.array(EXAMPLE)[:, None] == ["A", "B", "C"]).astype(int),
    ):
        assert list(BalancedBatches(y, batch_size=4, random_state=0)) == wanted


WHOLE = "a whole number from 1 on; got"
OTHERS = r"shares must name every class of y, \['A', 'B', 'C'\], .* got"
REFUSED = [
    ({"batch_size": 0}, rf"batch_size must be {WHOLE} 0\."),
    ({"batch_size": 3.0}, rf"batch_size must be {WHOLE} 3\.0\."),
    ({"batch_size": True}, rf"batch_size must be {WHOLE} True\."),
    ({"batch_size": 2}, "at least the number of classes, 3, .* got 2"),
    ({"epoch": "longest"}, rf'must be "largest", "smallest" or {WHOLE} \'longest\''),
    ({"epoch": 0}, rf'"smallest" or {WHOLE} 0\.'),
    ({"batch_size": 6, "replacement": False}, "'C' has 1 rows and a quota of 2"),
    ({"shares": {"A": 0.5, "B": 0.5}}, rf"{OTHERS} \['A', 'B'\]"),
    ({"shares": dict.fromkeys("ABCD", 0.25)}, rf"{OTHERS} \['A', 'B', 'C', 'D'\]"),
    ({"shares": dict.fromkeys("ABC", 0.5)}, "must be positive and sum to 1; got"),
    ({"shares": {"A": 0.5, "B": 0.5, "C": 0.0}}, "sum to 1; .* its rows out of y"),
    ({"shares": {"A": 0.5, "B": 0.5, "C": np.nan}}, "sum to 1; got .*nan"),
    ({"weighting": "factor"}, r'weighting must be .* got "factor"'),
    ({"weighting": {"A": 1, "B": 1}}, r"for every class .* none for \['C'\]"),
    ({"rank": 2, "world_size": 2}, r"rank must be from 0 to .* = 1; got 2\."),
    ({"rank": -1}, r"rank must be from 0 to .* = 0; got -1\."),
    ({"rank": 0.5}, r"rank must be from 0 to .* got 0\.5\."),
    ({"world_size": 0}, rf"world_size must be {WHOLE} 0\."),
    ({"batch_size": 6, "world_size": 13}, r"the end of an epoch, 12; got 13\."),
    ({"batch_size": 15, "drop_last": True}, "drop_last .* epoch has 0 full batches"),
    ({"drop_last": True, "world_size": 5}, "has 4 full batches for world_size=5"),
    ({"sample_weight": [1.0]}, r"sample_weight must have shape \(7,\)"),
    ({"sample_weight": [1] * 6 + [-1]}, r"not negative; got -1\.0 in row 6"),
    ({"sample_weight": [1] * 6 + [0]}, "in every class; all of class 'C'"),
    ({"y": ["A", "A"]}, "y must have at least two classes; got one"),
    ({"y": []}, "Found array with 0 sample"),
    ({"y": None}, "y"),
]
REFUSED = [(ValueError, *each) for each in REFUSED] + [
    (MissingLabelsError, {"y": ["A", None, "B"]}, "missing"),
    (TypeError, {"drop_last": None}, "drop_last must be True or False; got None"),
    (TypeError, {"weighting": 3}, r'weighting must be "original", .* got 3\.'),
]


@pytest.mark.parametrize(("error", "change", "text"), REFUSED)
def test_what_is_refused(error, change, text):
    arguments = {"y": EXAMPLE, "batch_size": 3} | change
    with pytest.raises(error, match=text):
        BalancedBatches(**arguments)


@pytest.mark.parametrize("wrong", [-1, 4, 0.5])
def test_numbers_of_batches_and_epochs(wrong):
    batches = BalancedBatches(EXAMPLE, batch_size=3)
    if wrong != 0.5:
        text = rf"number must be from 0 to 3, the batches of an epoch; got {wrong}\."
        with pytest.raises(IndexError, match=text):
            batches.batch(wrong)
    if wrong != 4:
        text = rf"epoch must be a whole number from 0 on; got {wrong}\."
        with pytest.raises(ValueError, match=text):
            batches.set_epoch(wrong)
        with pytest.raises(ValueError, match=text):
            batches.batch(0, wrong)


def test_without_replacement_the_same_rows_are_served():
    arguments = {"y": shuffled_labels([30, 7]), "batch_size": 14, "random_state": 0}
    strict = BalancedBatches(replacement=False, **arguments)
    assert list(strict) == list(BalancedBatches(**arguments))
