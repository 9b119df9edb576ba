"""Rows drawn by weight: frequencies, correction weights, processes, resuming."""

import json
from itertools import islice

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skstrat import ImbalancedSampler

SEEDS = range(4)
EXAMPLE = np.repeat(["a", "b", "c"], [70, 20, 10])
# Five rows with the labels X (4 rows), Y (2 rows), Z (1 row).
LABELS = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]])


def drawn(sampler, n_epochs=1):
    return np.array([row for _ in range(n_epochs) for row in sampler])


def assert_frequencies(sampler, rows):
    """Check that rows come as often as they should, within 5 standard errors."""
    p = sampler.probability_
    times = np.bincount(rows, minlength=len(p))
    standard_error = np.sqrt(len(rows) * p * (1 - p))
    assert (times[p == 0] == 0).all()
    assert (np.abs(times - len(rows) * p) <= 5 * standard_error).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_all_classes_are_as_likely(seed):
    y = np.random.default_rng(seed).permutation(EXAMPLE)
    sampler = ImbalancedSampler(y, num_samples=200_000, random_state=seed)
    counts = {"a": 70, "b": 20, "c": 10}
    exact = [1 / 3 / counts[label] for label in y]
    np.testing.assert_allclose(sampler.probability_, exact, rtol=1e-12)
    rows = drawn(sampler)
    assert len(rows) == len(sampler) == 200_000
    assert_frequencies(sampler, rows)
    shares = np.array([(y[rows] == label).mean() for label in "abc"])
    assert np.abs(shares - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 200_000)
    # Consecutive draws know nothing of each other.
    pairs = np.bincount((y[rows[:-1]] == "c") * 2 + (y[rows[1:]] == "c"))
    assert np.abs(pairs / 200_000 - [4 / 9, 2 / 9, 2 / 9, 1 / 9]).max() < 0.006


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weights", [None, "gamma"])
def test_weights_make_the_draws_stand_for_the_rows(seed, weights):
    rng = np.random.default_rng(seed)
    if weights is not None:
        weights = rng.gamma(2, size=100) + 0.05
    sampler = ImbalancedSampler(
        EXAMPLE, weights=weights, num_samples=50_000, random_state=seed
    )
    everything = np.arange(100)
    correction = sampler.sample_weight(everything)
    total = (sampler.probability_ * correction).sum()
    np.testing.assert_allclose(total, 1, rtol=1e-12)
    value = rng.normal(size=100) + (EXAMPLE == "c") * 5
    rows = drawn(sampler)
    terms = sampler.sample_weight(rows) * value[rows]
    standard_error = terms.std() / np.sqrt(len(rows))
    assert abs(terms.mean() - value.mean()) < 5 * standard_error
    if weights is None:
        # The weights that an epoch of balanced batches would have: n_c K / n.
        np.testing.assert_allclose(correction[[0, 70, 90]], [2.1, 0.6, 0.3])


def test_own_weights_are_the_probabilities():
    weights = np.array([3.0, 0.0, 1.0, 0.0, 4.0])
    sampler = ImbalancedSampler(
        [0, 0, 1, 1, 1], weights=weights, num_samples=40_000, random_state=0
    )
    np.testing.assert_allclose(sampler.probability_, weights / 8, rtol=1e-15)
    assert_frequencies(sampler, drawn(sampler))
    with pytest.raises(ValueError, match=r"rows must be such as are drawn; got row 1,"):
        sampler.sample_weight([0, 1])


def test_weights_average_one_where_some_rows_are_never_drawn():
    # Rows 0, 2 and 4 have probability 3/8, 1/8 and 4/8: an even draw has 1/3 of each.
    sampler = ImbalancedSampler([0, 0, 1, 1, 1], weights=[3, 0, 1, 0, 4])
    weights = sampler.sample_weight([0, 2, 4])
    np.testing.assert_allclose(weights, [8 / 9, 8 / 3, 2 / 3], rtol=1e-15)
    assert 3 / 8 * weights[0] + 1 / 8 * weights[1] + 4 / 8 * weights[2] == (
        pytest.approx(1, rel=1e-15)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("some", [False, True], ids=["all", "indices"])
def test_rows_of_zero_weight_are_not_there(seed, some):
    rng = np.random.default_rng(seed)
    weights = rng.gamma(2, size=100) * (rng.random(100) < 0.5)
    indices = rng.permutation(100)[:60] if some else np.arange(100)
    left = indices[weights[indices] > 0]
    words = {"weights": weights, "random_state": seed}
    sampler = ImbalancedSampler(EXAMPLE, indices=indices, **words)
    same = ImbalancedSampler(EXAMPLE, indices=left, **words)
    assert list(sampler) == list(same)
    assert len(sampler) == len(left)
    np.testing.assert_array_equal(sampler.probability_, same.probability_)
    average = sampler.probability_[left] @ sampler.sample_weight(left)
    assert average == pytest.approx(1, rel=1e-12)
    value = rng.normal(size=100)
    rows = drawn(sampler, 400)
    terms = sampler.sample_weight(rows) * value[rows]
    error = terms.std() / np.sqrt(len(rows))
    assert abs(terms.mean() - value[left].mean()) < 5 * error


@pytest.mark.parametrize("order", [1, -1])
def test_rows_to_draw_from_keep_their_numbers(order):
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0, 1])
    indices = np.array([2, 9, 4, 7, 0])[::order]
    sampler = ImbalancedSampler(y, indices=indices, num_samples=30_000, random_state=1)
    exact = np.array([1 / 6, 0, 1 / 6, 0, 1 / 6, 0, 0, 1 / 4, 0, 1 / 4])
    np.testing.assert_allclose(sampler.probability_, exact, rtol=1e-12)
    assert_frequencies(sampler, drawn(sampler))
    weights = sampler.sample_weight(np.array([7, 2, 0, 9]))
    np.testing.assert_allclose(weights, [4 / 5, 6 / 5, 6 / 5, 4 / 5])
    assert len(ImbalancedSampler(y, indices=indices)) == 5


def test_own_weights_stay_with_their_rows():
    weights = np.arange(10.0)
    sampler = ImbalancedSampler(
        np.arange(10) % 2, indices=[8, 1, 5], weights=weights, random_state=0
    )
    exact = np.zeros(10)
    exact[[1, 5, 8]] = np.array([1, 5, 8]) / 14
    np.testing.assert_allclose(sampler.probability_, exact, rtol=1e-15)
    assert set(drawn(sampler, 40).tolist()) == {1, 5, 8}


INDICATORS = {
    "array": np.asarray,
    "truths": lambda y: y.astype(bool),
    "frame": pd.DataFrame,
    "polars": pl.DataFrame,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
}


@pytest.mark.parametrize("convert", INDICATORS.values(), ids=INDICATORS)
def test_several_labels_count_by_the_rarest(convert):
    # X has 4 rows, Y 2, Z 1: the rows weigh 1/4, 1/2, 1/4, 1/2 and 1, in all 5/2.
    sampler = ImbalancedSampler(convert(LABELS), num_samples=30_000, random_state=0)
    np.testing.assert_allclose(sampler.probability_, [0.1, 0.2, 0.1, 0.2, 0.4])
    assert_frequencies(sampler, drawn(sampler))
    # Without the last row X has 3 rows and Z none: 1/3, 1/2, 1/3, 1/2, in all 5/3.
    part = ImbalancedSampler(convert(LABELS), indices=[3, 0, 2, 1])
    np.testing.assert_allclose(part.probability_, [0.2, 0.3, 0.2, 0.3, 0])


@pytest.mark.parametrize(
    "convert", [np.asarray, sparse.csr_array], ids=["array", "sparse"]
)
def test_a_row_without_labels(convert):
    y = convert(np.array([[1, 0], [0, 0], [1, 1], [0, 0]]))
    text = r"y must have a label in every row; row 1 and 2 rows in all have none"
    with pytest.raises(ValueError, match=text):
        ImbalancedSampler(y)
    sampler = ImbalancedSampler(y, indices=[0, 2])
    np.testing.assert_allclose(sampler.probability_, [1 / 3, 0, 2 / 3, 0])
    with pytest.raises(ValueError, match=r"row 3 and 1 rows in all have none"):
        ImbalancedSampler(y, indices=[0, 2, 3])


@pytest.mark.parametrize("world_size", [2, 3, 7])
@pytest.mark.parametrize("num_samples", [1, 100, 140_000])
def test_processes_share_the_draws_out(world_size, num_samples):
    arguments = {"num_samples": num_samples, "random_state": 5}
    ranks = [
        ImbalancedSampler(EXAMPLE, **arguments, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    rounded = -(-num_samples // world_size) * world_size
    alone = ImbalancedSampler(EXAMPLE, num_samples=rounded, random_state=5)
    for _ in range(2):
        dealt = np.array([list(sampler) for sampler in ranks])
        assert dealt.shape == (world_size, rounded // world_size)
        assert dealt.T.ravel().tolist() == list(alone)
    assert {len(sampler) for sampler in ranks} == {rounded // world_size}


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("done", [0, 1, 65_535, 65_536, 65_537, 70_000])
def test_a_run_resumes_anywhere(world_size, done):
    arguments = {
        "num_samples": 70_000 * world_size,
        "world_size": world_size,
        "rank": world_size - 1,
    }
    sampler = ImbalancedSampler(EXAMPLE, **arguments, random_state=9)
    wanted = drawn(sampler, 2).tolist()
    started = ImbalancedSampler(EXAMPLE, **arguments, random_state=9)
    assert list(islice(started, done)) == wanted[:done]
    state = json.loads(json.dumps(started.state_dict()))
    resumed = ImbalancedSampler(EXAMPLE, **arguments)
    resumed.load_state_dict(state)
    rest = list(resumed)
    if done < 70_000:
        rest += list(resumed)
    assert rest == wanted[done:]


def test_seeds_and_epochs():
    first, again, other = (
        drawn(ImbalancedSampler(EXAMPLE, random_state=seed), 3).reshape(3, 100).tolist()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert len({str(epoch) for epoch in first + other}) == 6
    sampler = ImbalancedSampler(EXAMPLE, random_state=0)
    list(islice(sampler, 3))
    assert list(sampler) == first[1]
    sampler.set_epoch(2)
    assert list(sampler) == first[2]
    assert all(type(row) is int for row in sampler)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("labels", {"y": EXAMPLE[::-1]}),
        ("probability", {"weights": np.repeat([1.0, 2.0, 3.0], [70, 20, 10])}),
        ("seed", {"random_state": 1}),
        ("world_size", {"world_size": 2, "num_samples": 200}),
        ("length", {"num_samples": 7}),
    ],
)
def test_a_state_of_something_else_is_refused(field, change):
    arguments = {"y": EXAMPLE, "random_state": 0}
    state = ImbalancedSampler(**arguments).state_dict()
    sampler = ImbalancedSampler(**(arguments | change))
    with pytest.raises(ValueError, match=rf"its {field} is"):
        sampler.load_state_dict(state)


def test_more_rows_than_other_samplers_can_draw_from():
    n = 2**24 + 100
    y = np.zeros(n, dtype=np.int8)
    y[-50:] = 1
    sampler = ImbalancedSampler(y, num_samples=20_000, random_state=0)
    rows = drawn(sampler)
    rare = rows[rows >= n - 50]
    assert set(rare.tolist()) == set(range(n - 50, n))
    assert abs(len(rare) - 10_000) < 5 * np.sqrt(5000)
    common = rows[rows < n - 50]
    quarters = np.bincount(common // (n // 4), minlength=4)[:4]
    assert np.abs(quarters - len(common) / 4).max() < 5 * np.sqrt(len(common) / 4)
    # Odd rows beyond 2**24 are not rounded away.
    assert 0.4 < (common % 2).mean() < 0.6


@pytest.mark.parametrize(
    "convert",
    [list, tuple, pd.Series, lambda y: pl.Series(list(y))],
    ids=["list", "tuple", "pandas", "polars"],
)
def test_labels_in_any_container(convert):
    wanted = list(ImbalancedSampler(EXAMPLE, random_state=0))
    assert list(ImbalancedSampler(convert(EXAMPLE), random_state=0)) == wanted


WHOLE = "a whole number from 1 on; got"
REFUSED = {
    "no draws": ({"num_samples": 0}, rf"num_samples must be {WHOLE} 0\."),
    "half a draw": ({"num_samples": 0.5}, rf"num_samples must be {WHOLE} 0\.5\."),
    "rank": ({"rank": 1}, r"rank must be from 0 to world_size - 1 = 0; got 1\."),
    "world": ({"world_size": 0}, rf"world_size must be {WHOLE} 0\."),
    "truths": (
        {"indices": np.arange(100) > 3},
        r"indices must be a sequence of row numbers, .* shape \(100,\) and dtype bool",
    ),
    "no indices": ({"indices": []}, r"row numbers, one at least; got list of shape"),
    "a table": ({"indices": [[1, 2]]}, r"got list of shape \(1, 2\)"),
    "far": ({"indices": [0, 100]}, r"indices must be from 0 to 99, .* got 0 to 100\."),
    "below": ({"indices": [-1, 80]}, r"indices must be from 0 to 99, .* got -1 to 80"),
    "twice": (
        {"indices": [0, 80, 80]},
        r"indices must not name a row twice; got 3 of 2 rows\.",
    ),
    "of one class": ({"indices": [0, 1]}, r"y must have at least two classes"),
    "short": ({"weights": [1.0]}, r"^weights must have shape \(100,\)"),
    "negative": ({"weights": -np.ones(100)}, r"must be finite and not negative"),
    "infinite": ({"weights": np.full(100, np.inf)}, r"must be finite"),
    "nothing there": (
        {"indices": [0, 99], "weights": np.arange(100) % 9 == 1},
        r"weights must be positive for some row of indices; got only zeros there\.",
    ),
    "nothing": ({"weights": np.zeros(100)}, r"positive weight in some row"),
}


@pytest.mark.parametrize(("change", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(change, text):
    with pytest.raises(ValueError, match=text):
        ImbalancedSampler(EXAMPLE, **change)
