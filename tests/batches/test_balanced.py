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
from itertools import islice

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from skstrat import BalancedBatches, MissingLabelsError
from skstrat.batches._shuffled_class import BatchBounds, ShuffledClass

quick = settings(deadline=None, max_examples=60)
# Each example makes many objects.
few = settings(deadline=None, max_examples=25)
EXAMPLE = ["A", "A", "A", "A", "B", "B", "C"]


def shuffled_labels(counts, seed=0):
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(y)


@st.composite
def problems(draw, *, whole=False):
    """Draw labels and arguments that leave every epoch a batch."""
    counts = draw(st.lists(st.integers(1, 25), min_size=2, max_size=4))
    k = len(counts)
    parts = draw(st.none() | st.lists(st.integers(1, 6), min_size=k, max_size=k))
    arguments = {
        "batch_size": draw(st.integers(k, k + 14)),
        "epoch": draw(st.sampled_from(["largest", "smallest", 1, 2, 5])),
        "drop_last": False if whole else draw(st.booleans()),
        "random_state": draw(st.integers(0, 5)),
    }
    fractions = [Fraction(1, k)] * k
    if parts is not None:
        fractions = [Fraction(part, sum(parts)) for part in parts]
        arguments["shares"] = dict(enumerate(map(float, fractions)))
    quota = largest_remainder(fractions, arguments["batch_size"])
    lead, full, rest = leading(counts, quota, arguments["epoch"])
    assume(full or not arguments["drop_last"])
    return counts, arguments, quota, (lead, full, rest)


def largest_remainder(shares, size):
    """Share out exactly: a row for everybody, the rest by what is due beyond it."""
    due = [max(share * size - 1, Fraction(0)) for share in shares]
    left = size - len(shares)
    if sum(due):
        due = [each * left / sum(due) for each in due]
    quota = [int(each) for each in due]
    by_remainder = sorted(range(len(due)), key=lambda code: quota[code] - due[code])
    for code in by_remainder[: left - sum(quota)]:
        quota[code] += 1
    return [each + 1 for each in quota]


def leading(counts, quota, epoch):
    """Give the class that ends the epoch, its full batches and what is over."""
    needed = [Fraction(count, each) for count, each in zip(counts, quota, strict=True)]
    if isinstance(epoch, int):
        return None, epoch, 0
    lead = needed.index(max(needed) if epoch == "largest" else min(needed))
    return lead, *divmod(counts[lead], quota[lead])


def epochs_of(batches, n_epochs):
    return [list(batches) for _ in range(n_epochs)]


def served_in(batches, n_epochs):
    """Give the batches of some epochs in one list."""
    return [rows for _ in range(n_epochs) for rows in batches]


def lists(batches):
    return list(batches)


def stream(batches, y, label):
    """Give the rows of one class in the order in which they are served."""
    rows = np.concatenate(batches)
    return rows[np.asarray(y)[rows] == label]


@pytest.mark.parametrize("seed", range(5))
def test_the_example_that_can_be_counted_by_hand(seed):
    batches = BalancedBatches(EXAMPLE, batch_size=3, random_state=seed)
    for _ in range(4):
        epoch = list(batches)
        assert len(epoch) == len(batches) == 4
        assert [sorted(EXAMPLE[row] for row in rows) for rows in epoch] == [
            ["A", "B", "C"]
        ] * 4
        served = Counter(np.concatenate(epoch).tolist())
        assert served == {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4}
    assert batches.passes_per_epoch_ == {"A": 1.0, "B": 2.0, "C": 4.0}
    assert batches.class_weight_ == pytest.approx(
        {"A": 12 / 7, "B": 6 / 7, "C": 3 / 7}, rel=1e-14
    )


@quick
@given(problems())
def test_every_full_batch_has_exactly_the_quota(problem):
    counts, arguments, quota, (_, full, rest) = problem
    y = shuffled_labels(counts)
    batches = BalancedBatches(y, **arguments)
    assert batches.quota_.tolist() == quota
    assert sum(quota) == batches.batch_size == arguments["batch_size"]
    assert batches.class_counts_.tolist() == counts
    for epoch in epochs_of(batches, 2):
        assert len(epoch) == len(batches)
        assert len(epoch) == full + (rest > 0 and not arguments["drop_last"])
        for rows in epoch[:full]:
            assert np.bincount(y[rows]).tolist() == quota


@given(st.integers(2, 6), st.data())
@quick
def test_quotas_are_those_of_hamilton_where_every_class_is_due_a_row(k, data):
    size = data.draw(st.integers(k, 40))
    given_rows = data.draw(st.lists(st.integers(1, 9), min_size=k, max_size=k))
    shares = [Fraction(each, sum(given_rows)) for each in given_rows]
    assume(min(shares) * size >= 1)
    exact = [share * size for share in shares]
    quota = [int(each) for each in exact]
    first = sorted(range(k), key=lambda code: quota[code] - exact[code])
    for code in first[: size - sum(quota)]:
        quota[code] += 1
    batches = BalancedBatches(
        np.arange(k),
        batch_size=size,
        shares={code: float(share) for code, share in enumerate(shares)},
        epoch=1,
    )
    assert batches.quota_.tolist() == quota


def test_of_equal_remainders_the_first_class_is_served_first():
    # Due are 5/3, 5/3 and 20/3 rows: two classes are given one more.
    shares = {0: 1 / 6, 1: 1 / 6, 2: 4 / 6}
    batches = BalancedBatches([0, 1, 2], batch_size=10, shares=shares)
    assert batches.quota_.tolist() == [2, 2, 6]


def test_the_last_batch_by_hand():
    # Quota 6, 3, 1; class 0 has 10 rows, so 4 are over: due are 4, 2 and 2/3.
    shares = {0: 0.6, 1: 0.3, 2: 0.1}
    y = shuffled_labels([10, 4, 1])
    for epoch in epochs_of(BalancedBatches(y, batch_size=10, shares=shares), 3):
        assert [np.bincount(y[rows]).tolist() for rows in epoch] == [
            [6, 3, 1],
            [4, 2, 1],
        ]
    # Quota 5, 2, 2; class 0 has 8 rows, so 3 are over: due are 3, 6/5 and 6/5.
    y = shuffled_labels([8, 3, 3])
    shares = {0: 5 / 9, 1: 2 / 9, 2: 2 / 9}
    for rows in list(BalancedBatches(y, batch_size=9, shares=shares))[1:]:
        assert np.bincount(y[rows]).tolist() == [3, 1, 1]
    # Quota 7, 5; class 0 has 10 rows, so 3 are over: due are 3 and 15/7.
    # Quota 8, 7; class 0 has 14 rows, so 6 are over: due are 6 and 21/4.
    # Quota 8, 3; class 0 has 15 rows, so 7 are over: due are 7 and 21/8.
    for counts, quota, last in (
        ([10, 5], [7, 5], [3, 2]),
        ([14, 9], [8, 7], [6, 5]),
        ([15, 5], [8, 3], [7, 3]),
    ):
        y = shuffled_labels(counts)
        size = sum(quota)
        shares = {0: quota[0] / size, 1: quota[1] / size}
        epoch = list(BalancedBatches(y, batch_size=size, shares=shares))
        taken = [np.bincount(y[rows]).tolist() for rows in epoch]
        assert taken == [quota, last]


@quick
@given(problems(whole=True))
def test_the_last_batch_keeps_the_shares(problem):
    counts, arguments, quota, (lead, _, rest) = problem
    y = shuffled_labels(counts)
    for epoch in epochs_of(BalancedBatches(y, **arguments), 2):
        last = np.bincount(y[epoch[-1]], minlength=len(counts)).tolist()
        if not rest:
            assert last == quota
            continue
        assert last[lead] == rest
        for taken, each in zip(last, quota, strict=True):
            due = Fraction(each * rest, quota[lead])
            assert taken >= 1
            assert abs(taken - max(due, 1)) <= Fraction(1, 2)


@quick
@given(problems())
def test_the_class_that_ends_the_epoch_is_served_exactly_once(problem):
    counts, arguments, quota, (lead, full, _) = problem
    assume(lead is not None)
    y = shuffled_labels(counts)
    for epoch in epochs_of(BalancedBatches(y, **arguments), 3):
        served = stream(epoch, y, lead)
        assert len(set(served.tolist())) == len(served)
        if arguments["drop_last"]:
            assert len(served) == full * quota[lead]
        else:
            assert sorted(served) == np.flatnonzero(y == lead).tolist()


@quick
@given(problems())
def test_no_row_is_served_twice_more_than_another(problem):
    counts, arguments, _, (lead, _, _) = problem
    y = shuffled_labels(counts)
    times = np.zeros(len(y), dtype=int)
    for rows in served_in(BalancedBatches(y, **arguments), 3):
        np.add.at(times, rows, 1)
        for label in range(len(counts)):
            # What drop_last leaves out of the class that ends the epoch is chance.
            if not arguments["drop_last"] or label != lead:
                assert np.ptp(times[y == label]) <= 1


@quick
@given(problems())
def test_no_row_is_twice_in_a_batch_if_its_class_has_enough(problem):
    counts, arguments, _, _ = problem
    y = shuffled_labels(counts)
    for rows in served_in(BalancedBatches(y, **arguments), 4):
        taken = np.bincount(y[rows], minlength=len(counts))
        times = np.bincount(rows, minlength=len(y))
        for label in np.flatnonzero(taken <= counts):
            assert times[y == label].max() == 1


@pytest.mark.parametrize(
    ("counts", "size"), [([22, 5], 10), ([31, 5, 6], 15), ([23, 7, 3], 12)]
)
def test_no_row_is_twice_in_a_batch_as_large_as_its_class(counts, size):
    # Short last batches move the others out of step with the passes.
    y = shuffled_labels(counts)
    batches = BalancedBatches(y, batch_size=size, random_state=2)
    for rows in served_in(batches, 60):
        taken = np.bincount(y[rows], minlength=len(counts))
        times = np.bincount(rows, minlength=len(y))
        for label in np.flatnonzero(taken <= counts):
            assert times[y == label].max() == 1


@pytest.mark.parametrize("sizes", [(4, 5, 6, 7, 8, 9), (37, 40)])
def test_no_row_is_twice_in_a_batch_after_thousands_of_passes(sizes):
    y = shuffled_labels(sizes)
    quota = min(sizes)
    n_batches = 80_000 // quota
    batches = BalancedBatches(
        y, batch_size=quota * len(sizes), epoch=n_batches, random_state=3
    )
    epoch = list(batches)
    served = np.sort(np.array(epoch), axis=1)
    assert served.shape == (n_batches, quota * len(sizes))
    assert (np.diff(served, axis=1) > 0).all()
    for label, size in enumerate(sizes):
        passes = stream(epoch, y, label)
        passes = passes[: len(passes) // size * size].reshape(-1, size)
        assert len(passes) > 1900
        assert (np.sort(passes, axis=1) == np.flatnonzero(y == label)).all()


@pytest.mark.parametrize("size", [9, 50, 5000])
def test_every_pass_is_another_permutation(size):
    y = shuffled_labels([size, 10 * size])
    batches = BalancedBatches(y, batch_size=6, random_state=1)
    served = stream(list(batches), y, 0).reshape(-1, size)
    assert len(served) == 10
    assert (np.sort(served, axis=1) == np.flatnonzero(y == 0)).all()
    assert len({tuple(each) for each in served.tolist()}) == 10


def test_all_rows_are_as_likely_at_every_place():
    y = shuffled_labels([10, 40])
    batches = BalancedBatches(y, batch_size=4, epoch=8000, random_state=7)
    served = stream(list(batches), y, 0)
    position = np.searchsorted(np.flatnonzero(y == 0), served).reshape(-1, 10)
    times = np.array([np.bincount(place, minlength=10) for place in position.T])
    n_passes = len(position)
    # A pass begins inside no batch (10 rows, 2 a batch), so nothing moves rows.
    standard_error = np.sqrt(n_passes * 0.1 * 0.9)
    assert np.abs(times - n_passes / 10).max() < 5 * standard_error
    pairs = np.zeros((10, 10))
    np.add.at(pairs, (position[:-1, -1], position[1:, 0]), 1)
    expected = (n_passes - 1) / 100
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(expected)


def test_seeds_and_epochs():
    y = shuffled_labels([40, 13, 5])
    first, again, other = (
        lists(served_in(BalancedBatches(y, batch_size=9, random_state=seed), 3))
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    n = len(first) // 3
    assert len({str(first[i : i + n]) for i in (0, n, 2 * n)}) == 3
    unseeded = BalancedBatches(y, batch_size=9)
    repeated = BalancedBatches(y, batch_size=9, random_state=unseeded.seed_)
    assert lists(unseeded) == lists(repeated)


def test_generators_give_the_seed():
    made = [
        BalancedBatches(EXAMPLE, batch_size=3, random_state=kind(5)).seed_
        for kind in (np.random.default_rng, np.random.default_rng)
    ]
    assert made[0] == made[1]
    legacy = np.random.RandomState(5)
    seeds = {
        BalancedBatches(EXAMPLE, batch_size=3, random_state=legacy).seed_
        for _ in range(3)
    }
    assert len(seeds) == 3


@few
@given(problems(), st.randoms(use_true_random=False))
def test_any_batch_can_be_asked_for_in_any_order(problem, random):
    counts, arguments, _, _ = problem
    y = shuffled_labels(counts)
    batches = BalancedBatches(y, **arguments)
    wanted = {
        (number, epoch): rows
        for epoch, all_rows in enumerate(epochs_of(batches, 3))
        for number, rows in enumerate(all_rows)
    }
    fresh = BalancedBatches(y, **arguments)
    places = random.sample(sorted(wanted), len(wanted))
    for number, epoch in places[:10]:
        assert fresh.batch(number, epoch).tolist() == wanted[number, epoch]
        alone = BalancedBatches(y, **arguments)
        assert alone.batch(number, epoch).tolist() == wanted[number, epoch]
    assert batches.batch(0).tolist() == wanted[0, 2]


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
    wanted = lists(served_in(BalancedBatches(y, **arguments), 2))
    batches = BalancedBatches(y, **arguments)
    places = np.random.default_rng(0).integers(len(wanted), size=60).tolist()
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda place: batches.batch(place % 4, place // 4), places)
        assert [rows.tolist() for rows in found] == [wanted[place] for place in places]


@pytest.mark.parametrize("seed", [5, 2**63 + 5, 2**64 - 3])
def test_every_bit_of_a_key_counts(seed):
    bounds = BatchBounds(quota=1, last=1, n_batches=1, per_epoch=1)
    orders = {
        tuple(
            ShuffledClass(np.arange(50), (seed + move, 3), bounds).take(0, 50).tolist()
        )
        for move in (0, 1, 2)
    }
    assert len(orders) == 3


@pytest.mark.parametrize("number", [-1, 4])
def test_there_is_no_batch_beyond_the_epoch(number):
    batches = BalancedBatches(EXAMPLE, batch_size=3)
    text = rf"number must be from 0 to 3, the batches of an epoch; got {number}\."
    with pytest.raises(IndexError, match=text):
        batches.batch(number)


@quick
@given(problems(), st.integers(2, 4))
def test_processes_serve_together_what_one_would(problem, world_size):
    counts, arguments, quota, (_, full, rest) = problem
    drop_last = arguments["drop_last"]
    left = sum(quota) * (full % world_size) if not rest else world_size
    assume(full >= world_size or (not drop_last and left >= world_size))
    y = shuffled_labels(counts)
    alone = BalancedBatches(y, **arguments)
    try:
        ranks = [
            BalancedBatches(y, **arguments, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
    except ValueError as error:
        # Fewer rows left than processes.
        assert "world_size must not be more" in str(error)  # noqa: PT017
        reject()
    assert len({len(batches) for batches in ranks}) == 1
    for _ in range(2):
        single = list(alone)
        rounds = list(zip(*map(list, ranks), strict=True))
        whole = len(single) // world_size * world_size
        if rest and not drop_last:
            whole = full // world_size * world_size
        flat = [rows for each in rounds for rows in each]
        assert flat[:whole] == lists(single[:whole])
        for each in rounds:
            sizes = [len(rows) for rows in each]
            assert max(sizes) - min(sizes) <= 1
        if drop_last:
            assert len(flat) == whole
        else:
            assert sorted(row for rows in flat for row in rows) == sorted(
                np.concatenate(single).tolist()
            )


def test_processes_have_the_same_weights():
    y = shuffled_labels([31, 8])
    ranks = [BalancedBatches(y, batch_size=6, rank=r, world_size=2) for r in (0, 1)]
    weights = BalancedBatches(y, batch_size=6).class_weight_
    assert ranks[0].class_weight_ == ranks[1].class_weight_ == weights


@few
@given(problems(), st.integers(1, 2), st.data())
def test_a_run_resumes_at_every_batch(problem, world_size, data):
    counts, arguments, _, (_, full, _) = problem
    assume(full >= world_size)
    arguments |= {"world_size": world_size, "rank": world_size - 1}
    y = shuffled_labels(counts)
    whole = BalancedBatches(y, **arguments)
    wanted = lists(served_in(whole, 4))
    n = len(whole)
    arguments |= {"random_state": data.draw(st.sampled_from([None, whole.seed_]))}
    for done in data.draw(st.permutations(range(2 * n + 1)))[:8]:
        started = BalancedBatches(y, **(arguments | {"random_state": whole.seed_}))
        list(islice(started, min(done, n)))
        if done > n:
            list(islice(started, done - n))
        state = json.loads(json.dumps(started.state_dict()))
        resumed = BalancedBatches(y, **arguments)
        resumed.load_state_dict(state)
        assert state == resumed.state_dict()
        rest = lists(served_in(resumed, 2))
        end = (done // n + 2) * n
        assert rest == wanted[done:end]


def test_an_epoch_that_was_left_early_is_over():
    y = shuffled_labels([30, 7])
    wanted = [
        lists(e) for e in epochs_of(BalancedBatches(y, batch_size=6, random_state=0), 3)
    ]
    batches = BalancedBatches(y, batch_size=6, random_state=0)
    assert lists(islice(batches, 3)) == wanted[0][:3]
    assert lists(batches) == wanted[1]
    assert lists(batches) == wanted[2]


def test_the_epoch_can_be_chosen():
    y = shuffled_labels([30, 7])
    make = lambda: BalancedBatches(y, batch_size=6, random_state=0)  # noqa: E731
    wanted = [lists(epoch) for epoch in epochs_of(make(), 4)]
    batches = make()
    batches.set_epoch(2)
    assert lists(batches) == wanted[2]
    assert lists(batches) == wanted[3]
    for _ in range(2):
        batches.set_epoch(2)
        assert lists(batches) == wanted[2]
    batches.set_epoch(1, place=4)
    assert lists(batches) == wanted[1][4:]
    assert lists(batches) == wanted[2]
    list(islice(batches, 2))
    state = batches.state_dict()
    assert (state["epoch"], state["place"]) == (3, 2)
    resumed = make()
    resumed.load_state_dict(state)
    resumed.set_epoch(3)
    assert lists(resumed) == wanted[3][2:]
    resumed.load_state_dict(state)
    with pytest.warns(UserWarning, match="set_epoch chose another epoch than that of"):
        resumed.set_epoch(1)
    assert lists(resumed) == wanted[1]
    resumed.load_state_dict(state)
    resumed.set_epoch(3, place=0)
    assert lists(resumed) == wanted[3]


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


def test_a_state_is_json_whatever_the_arguments_were():
    y = shuffled_labels([30, 7])
    plain = BalancedBatches(y, batch_size=6, random_state=3, world_size=2)
    state = BalancedBatches(
        y,
        batch_size=np.int64(6),
        drop_last=np.False_,
        random_state=np.uint64(3),
        rank=np.int32(0),
        world_size=np.int8(2),
    ).state_dict()
    assert json.loads(json.dumps(state)) == plain.state_dict()


def test_what_is_no_state_is_refused():
    batches = BalancedBatches(EXAMPLE, batch_size=3)
    state = batches.state_dict()
    del state["place"]
    with pytest.raises(ValueError, match=r"got one without \['place'\]"):
        batches.load_state_dict(state)


TARGETS = {
    "original": [40, 13, 6],
    "balanced": [1, 1, 1],
    "prior": [0.7, 0.2, 0.1],
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("epoch", ["largest", "smallest", 5])
@pytest.mark.parametrize("drop_last", [False, True])
def test_an_epoch_gives_each_class_its_mass(name, epoch, drop_last):
    y = shuffled_labels([40, 13, 6])
    batches = BalancedBatches(
        y,
        batch_size=9,
        shares={0: 0.5, 1: 0.3, 2: 0.2},
        epoch=epoch,
        drop_last=drop_last,
        weighting=dict(enumerate(TARGETS[name])) if name == "prior" else name,
    )
    for _ in range(2):
        rows = np.concatenate(list(batches))
        weights = batches.sample_weight(rows)
        assert weights.dtype == np.float64
        totals = np.bincount(y[rows], weights)
        wanted = np.array(TARGETS[name]) / np.sum(TARGETS[name])
        np.testing.assert_allclose(totals / totals.sum(), wanted, rtol=1e-12)
        np.testing.assert_allclose(weights.mean(), 1, rtol=1e-12)


def test_uniform_weights():
    y = shuffled_labels([40, 13, 6])
    batches = BalancedBatches(y, batch_size=9, weighting="uniform")
    assert batches.sample_weight(np.arange(59)).tolist() == [1.0] * 59
    incoming = np.arange(59) / 7
    batches = BalancedBatches(
        y, batch_size=9, weighting="uniform", sample_weight=incoming
    )
    assert batches.sample_weight(np.arange(59)).tolist() == incoming.tolist()


@pytest.mark.parametrize("weighting", ["original", "balanced", {0: 9, 1: 1}])
def test_full_batches_weigh_what_they_count(weighting):
    y = shuffled_labels([60, 8])
    batches = BalancedBatches(
        y, batch_size=12, shares={0: 5 / 6, 1: 1 / 6}, weighting=weighting
    )
    epoch = list(batches)
    assert [len(rows) for rows in epoch] == [12] * 6
    for rows in epoch:
        np.testing.assert_allclose(batches.sample_weight(rows).sum(), 12, rtol=1e-12)


def test_incoming_weights_are_estimated_without_bias():
    y = shuffled_labels([12, 4, 2])
    incoming = np.random.default_rng(0).gamma(1, size=18)
    # Two rows of each class a batch: 1, 3 and 6 passes an epoch, all of them whole.
    batches = BalancedBatches(y, batch_size=6, sample_weight=incoming)
    rows = np.concatenate(list(batches))
    served = np.bincount(rows, batches.sample_weight(rows))
    np.testing.assert_allclose(served, incoming * 2, rtol=1e-12)
    balanced = BalancedBatches(
        y, batch_size=6, sample_weight=incoming, weighting="balanced"
    )
    totals = np.bincount(y[rows], balanced.sample_weight(rows))
    np.testing.assert_allclose(totals, totals.mean(), rtol=1e-12)


def test_incoming_weights_hold_on_average_over_parts_of_passes():
    y = shuffled_labels([50, 7])
    incoming = np.random.default_rng(0).gamma(1, size=57)
    batches = BalancedBatches(
        y, batch_size=10, epoch=7 * 50, sample_weight=incoming, random_state=0
    )
    # 7 x 50 batches of five are whole passes of both classes, many of them cut.
    rows = np.concatenate(list(batches))
    served = np.bincount(rows, batches.sample_weight(rows))
    np.testing.assert_allclose(served / served.sum(), incoming / incoming.sum())


def test_rows_are_small_integers():
    y = shuffled_labels([30, 7])
    batches = BalancedBatches(y, batch_size=8, world_size=2, epoch=3, random_state=0)
    arrays = list(batches.arrays())
    assert {rows.dtype for rows in arrays} == {np.dtype(np.int32)}
    assert batches.batch(0).dtype == np.int32
    batches.set_epoch(0)
    assert list(batches) == [rows.tolist() for rows in arrays]


def test_memory_a_row():
    n = 1_000_000
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


CONTAINERS = {
    "tuple": tuple,
    "strings": np.array,
    "objects": lambda y: np.array(y, dtype=object),
    "column": lambda y: np.array(y)[:, None],
    "series": lambda y: pd.Series(y, index=range(100, 107)),
    "categories": lambda y: pd.Series(
        pd.Categorical(y, categories=["unused", "C", "A", "B"])
    ),
    "polars": pl.Series,
    "polars categories": lambda y: pl.Series(y, dtype=pl.Categorical),
    "arrow": pa.array,
    "arrow chunks": lambda y: pa.chunked_array([y[:3], y[3:]]),
    "integers": lambda y: ["ABC".index(label) for label in y],
    "one-hot": lambda y: (np.array(y)[:, None] == ["A", "B", "C"]).astype(int),
}


@pytest.mark.parametrize("convert", CONTAINERS.values(), ids=CONTAINERS)
def test_labels_in_any_container(convert):
    wanted = lists(BalancedBatches(EXAMPLE, batch_size=4, random_state=0))
    found = lists(BalancedBatches(convert(EXAMPLE), batch_size=4, random_state=0))
    assert found == wanted


TRUTHS = {
    "numpy": np.array,
    "pandas": pd.Series,
    "polars": pl.Series,
    "arrow": pa.array,
    "list": list,
}


@pytest.mark.parametrize("convert", TRUTHS.values(), ids=TRUTHS)
def test_labels_that_are_true_or_false(convert):
    y = np.arange(30) % 5 == 0
    batches = BalancedBatches(
        convert(y.tolist()), batch_size=6, shares={False: 2 / 3, True: 1 / 3}
    )
    assert batches.quota_.tolist() == [4, 2]
    assert {int(y[rows].sum()) for rows in batches} == {2}
    assert list(batches.class_weight_) == [False, True]


WHOLE = "a whole number from 1 on; got"
REFUSED = {
    "no size": ({"batch_size": 0}, rf"batch_size must be {WHOLE} 0\."),
    "a float size": ({"batch_size": 3.0}, rf"batch_size must be {WHOLE} 3\.0\."),
    "a truth as size": ({"batch_size": True}, rf"batch_size must be {WHOLE} True\."),
    "a small size": (
        {"batch_size": 2},
        r"batch_size must be at least the number of classes, 3, .* got 2\.",
    ),
    "epoch": (
        {"epoch": "longest"},
        rf'epoch must be "largest", "smallest" or {WHOLE} \'longest\'\.',
    ),
    "no epoch": ({"epoch": 0}, rf'"smallest" or {WHOLE} 0\.'),
    "a truth as epoch": ({"epoch": True}, rf'"smallest" or {WHOLE} True\.'),
    "repeats": (
        {"batch_size": 6, "replacement": False},
        r"replacement=False needs .* class 'C' has 1 rows and a quota of 2\.",
    ),
    "a class without share": (
        {"shares": {"A": 0.5, "B": 0.5}},
        r"shares must name every class of y, \['A', 'B', 'C'\], .* got \['A', 'B'\]",
    ),
    "a share without class": (
        {"shares": {"A": 0.3, "B": 0.3, "C": 0.2, "D": 0.2}},
        r"and no other; got \['A', 'B', 'C', 'D'\]",
    ),
    "shares over one": (
        {"shares": {"A": 0.5, "B": 0.5, "C": 0.5}},
        r"shares must be positive and sum to 1; got \{'A': 0\.5",
    ),
    "a share of zero": (
        {"shares": {"A": 0.5, "B": 0.5, "C": 0.0}},
        r"shares must be positive and sum to 1; got .* leave its rows out of y",
    ),
    "no share": (
        {"shares": {"A": 0.5, "B": 0.5, "C": np.nan}},
        r"shares must be positive and sum to 1; got .*nan",
    ),
    "factor": ({"weighting": "factor"}, r'weighting must be .* got "factor"'),
    "part of a prior": (
        {"weighting": {"A": 1, "B": 1}},
        r"weighting must give a share for every class .* none for \['C'\]",
    ),
    "rank": ({"rank": 2, "world_size": 2}, r"rank must be from 0 to .* = 1; got 2\."),
    "a rank below": ({"rank": -1}, r"rank must be from 0 to .* = 0; got -1\."),
    "half a rank": ({"rank": 0.5}, r"rank must be from 0 to .* got 0\.5\."),
    "world": ({"world_size": 0}, rf"world_size must be {WHOLE} 0\."),
    "many processes": (
        {"batch_size": 6, "world_size": 13},
        r"world_size must not be more than the rows .* epoch, 12; got 13\.",
    ),
    "nothing": (
        {"batch_size": 15, "drop_last": True},
        r"drop_last must leave every process a batch; an epoch has 0 full batches",
    ),
    "nothing for one": (
        {"drop_last": True, "world_size": 5},
        r"an epoch has 4 full batches for world_size=5\.",
    ),
    "weights": ({"sample_weight": [1.0]}, r"sample_weight must have shape \(7,\)"),
    "negative": (
        {"sample_weight": [1.0] * 6 + [-1.0]},
        r"sample_weight must be finite and not negative; got -1\.0 in row 6",
    ),
    "a class of no weight": (
        {"sample_weight": [1.0] * 6 + [0.0]},
        r"sample_weight must have a positive weight in every class; all of class 'C'",
    ),
    "one class": ({"y": ["A", "A"]}, r"y must have at least two classes; got one"),
    "no rows": ({"y": []}, r"Found array with 0 sample"),
    "no labels": ({"y": None}, r"y"),
}


@pytest.mark.parametrize(("change", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(change, text):
    arguments = {"y": EXAMPLE, "batch_size": 3} | change
    with pytest.raises(ValueError, match=text):
        BalancedBatches(**arguments)


def test_missing_labels_are_refused():
    with pytest.raises(MissingLabelsError, match=r"missing"):
        BalancedBatches(["A", None, "B"], batch_size=2)


def test_drop_last_is_true_or_false():
    with pytest.raises(TypeError, match=r"drop_last must be True or False; got None"):
        BalancedBatches(EXAMPLE, batch_size=3, drop_last=None)


@pytest.mark.parametrize("epoch", [-1, 0.5])
def test_epochs_are_counted_from_zero(epoch):
    batches = BalancedBatches(EXAMPLE, batch_size=3)
    text = rf"epoch must be a whole number from 0 on; got {epoch}\."
    with pytest.raises(ValueError, match=text):
        batches.set_epoch(epoch)
    with pytest.raises(ValueError, match=text):
        batches.batch(0, epoch)


def test_a_weighting_that_is_no_name_is_refused():
    with pytest.raises(TypeError, match=r'weighting must be "original", .* got 3\.'):
        BalancedBatches(EXAMPLE, batch_size=3, weighting=3)


def test_without_replacement_the_same_rows_are_served():
    y = shuffled_labels([30, 7])
    wanted = lists(BalancedBatches(y, batch_size=14, random_state=0))
    strict = BalancedBatches(y, batch_size=14, replacement=False, random_state=0)
    assert lists(strict) == wanted
