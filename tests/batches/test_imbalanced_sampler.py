"""Rows drawn by weight: frequencies, correction weights, processes, resuming."""

import json
from itertools import islice

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pairwise import pairs
from scipy import sparse

from skstrat import ImbalancedSampler

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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weights", [None, "gamma"])
def test_draws_and_their_weights(seed, weights):
    rng = np.random.default_rng(seed)
    y = rng.permutation(EXAMPLE)
    if weights is not None:
        weights = rng.gamma(2, size=100) + 0.05
    words = {"weights": weights, "num_samples": 100_000, "random_state": seed}
    sampler = ImbalancedSampler(y, **words)
    rows, p = drawn(sampler), sampler.probability_
    assert len(rows) == len(sampler) == 100_000
    assert_frequencies(sampler, rows)
    # Consecutive draws know nothing of each other.
    is_c = y == "c"
    share, both = p[is_c].sum(), np.mean(is_c[rows[:-1]] & is_c[rows[1:]])
    assert abs(both - share**2) < 5 * np.sqrt(share**2 / 100_000)
    # The weighted draws represent the rows.
    correction = sampler.sample_weight(np.arange(100))
    np.testing.assert_allclose(p @ correction, 1, rtol=1e-12)
    value = rng.normal(size=100) + is_c * 5
    terms = correction[rows] * value[rows]
    standard_error = terms.std() / np.sqrt(len(rows))
    assert abs(terms.mean() - value.mean()) < 5 * standard_error
    exact = weights / weights.sum() if weights is not None else None
    if weights is None:
        counts = {"a": 70, "b": 20, "c": 10}
        exact = [1 / 3 / counts[label] for label in y]
        # The weights that an epoch of balanced batches would have: n_c K / n.
        wanted = [0.03 * counts[label] for label in y]
        np.testing.assert_allclose(correction, wanted, rtol=1e-12)
    np.testing.assert_allclose(p, exact, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("some", [False, True], ids=["all", "indices"])
def test_rows_of_zero_weight_are_ignored(seed, some):
    rng = np.random.default_rng(seed)
    weights = rng.gamma(2, size=100) * (rng.random(100) < 0.5)
    indices = rng.permutation(100)[:60] if some else np.arange(100)
    left = indices[weights[indices] > 0]
    words = {"weights": weights, "random_state": seed}
    sampler = ImbalancedSampler(EXAMPLE, indices=indices, **words)
    same = ImbalancedSampler(EXAMPLE, indices=left, **words)
    assert list(sampler) == list(same)
    assert len(sampler) == len(left)
    expected = np.zeros(100)
    expected[left] = weights[left] / weights[left].sum()
    np.testing.assert_allclose(sampler.probability_, expected, rtol=1e-12)
    average = sampler.probability_[left] @ sampler.sample_weight(left)
    assert average == pytest.approx(1, rel=1e-12)
    dropped = np.flatnonzero(expected == 0)[0]
    with pytest.raises(ValueError, match=f"positive probability; got row {dropped},"):
        sampler.sample_weight([left[0], dropped])


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


INDICATORS = {
    "array": np.asarray,
    "truths": lambda y: y.astype(bool),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "csr": sparse.csr_array,
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
    bare = convert(LABELS * [[1], [0], [1], [0], [1]])
    with pytest.raises(ValueError, match="row 1 and 2 rows in all have none"):
        ImbalancedSampler(bare)
    with pytest.raises(ValueError, match="row 3 and 1 rows in all have none"):
        ImbalancedSampler(bare, indices=[0, 2, 3])


@pytest.mark.parametrize(
    ("world_size", "num_samples"), pairs([2, 3, 7], [1, 100, 140_000])[::2]
)
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
        assert dealt.T.ravel().tolist() == list(alone)
    assert {len(sampler) for sampler in ranks} == {rounded // world_size}


@pytest.mark.parametrize("world_size", [1, 3])
def test_epochs_and_resuming(world_size):
    arguments = {
        "num_samples": 70_000 * world_size,
        "world_size": world_size,
        "rank": world_size - 1,
    }
    first, again, other = (
        ImbalancedSampler(EXAMPLE, **arguments, random_state=seed) for seed in (9, 9, 1)
    )
    wanted, same, others = (drawn(each, 2).tolist() for each in (first, again, other))
    assert wanted == same
    epochs = (wanted[:70_000], wanted[70_000:], others[:70_000], others[70_000:])
    assert len({str(epoch[:100]) for epoch in epochs}) == 4
    assert all(type(row) is int for row in wanted)
    for done in (0, 1, 65_535, 65_536, 65_537, 70_000):
        first.set_epoch(0)
        assert list(islice(first, done)) == wanted[:done]
        state = json.loads(json.dumps(first.state_dict()))
        resumed = ImbalancedSampler(EXAMPLE, **arguments)
        resumed.load_state_dict(state)
        assert drawn(resumed, 1 + (done < 70_000)).tolist() == wanted[done:]
    first.set_epoch(0)
    list(islice(first, 3))
    assert list(first) == wanted[70_000:]


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


@pytest.mark.slow
def test_more_rows_than_other_samplers_can_draw_from():
    n = 2**24 + 100
    y = np.zeros(n, dtype=np.int8)
    y[-50:] = 1
    rows = drawn(ImbalancedSampler(y, num_samples=20_000, random_state=0))
    rare, common = rows[rows >= n - 50], rows[rows < n - 50]
    assert set(rare.tolist()) == set(range(n - 50, n))
    assert abs(len(rare) - 10_000) < 5 * np.sqrt(5000)
    quarters = np.bincount(common // (n // 4), minlength=4)[:4]
    assert np.abs(quarters - len(common) / 4).max() < 5 * np.sqrt(len(common) / 4)
    # Odd rows beyond 2**24 are not rounded away.
    assert 0.4 < (common % 2).mean() < 0.6


WHOLE = "a whole number from 1 on; got"
REFUSED = [
    ({"num_samples": 0}, rf"num_samples must be {WHOLE} 0\."),
    ({"num_samples": 0.5}, rf"num_samples must be {WHOLE} 0\.5\."),
    ({"rank": 1}, r"rank must be from 0 to world_size - 1 = 0; got 1\."),
    ({"indices": np.arange(100) > 3}, r"row numbers, .* \(100,\) and dtype bool"),
    ({"indices": []}, "row numbers, one at least; got list of shape"),
    ({"indices": [[1, 2]]}, r"got list of shape \(1, 2\)"),
    ({"indices": [0, 100]}, r"indices must be from 0 to 99, .* got 0 to 100\."),
    ({"indices": [-1, 80]}, "indices must be from 0 to 99, .* got -1 to 80"),
    ({"indices": [0, 80, 80]}, r"must not name a row twice; got 3 of 2 rows\."),
    ({"indices": [0, 1]}, "y must have at least two classes"),
    ({"weights": [1.0]}, r"^weights must have shape \(100,\)"),
    ({"weights": -np.ones(100)}, "must be finite and not negative"),
    ({"weights": np.full(100, np.inf)}, "must be finite"),
    ({"weights": np.zeros(100)}, "positive weight in some row"),
    (
        {"indices": [0, 99], "weights": np.arange(100) % 9 == 1},
        "weights must be positive for some row of indices; got only zeros there",
    ),
]


@pytest.mark.parametrize(("change", "text"), REFUSED)
def test_what_is_refused(change, text):
    with pytest.raises(ValueError, match=text):
        ImbalancedSampler(EXAMPLE, **change)
