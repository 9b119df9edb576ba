"""The plan: exactly the rows asked for, the same for every cutting of the data."""

import json
import pickle
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import Plan
from skstrat._core.labels import encode_labels

BLOCK = 1 << 14  # rows that the library hashes at a time


def digests(identities, seed):
    """Compute XXH64 of each identity, seeded with XXH64 of the seed, as published."""
    mixed = xxhash.xxh64_intdigest(seed.to_bytes(8, "little"), seed=42)
    return [
        xxhash.xxh64_intdigest(
            key.encode() if isinstance(key, str) else key.to_bytes(8, "little"), mixed
        )
        for key in identities
    ]


def rows_by_definition(codes, rows, seed, key=None):
    """Draw every row floor(t / n) times, and the smallest hashes once more."""
    hashed = digests(range(len(codes)) if key is None else key, seed)
    drawn = []
    for code, wanted in enumerate(rows):
        own = np.flatnonzero(codes == code).tolist()
        copies, extra = divmod(wanted, len(own))
        drawn += own * copies + sorted(own, key=hashed.__getitem__)[:extra]
    return sorted(drawn)


def shuffled(counts, seed=0):
    """Return the labels of classes 0, 1, ... in random order."""
    codes = np.repeat(np.arange(len(counts)), counts)
    return encode_labels(np.random.default_rng(seed).permutation(codes))


def select_in_blocks(plan, codes, cuts, key=None):
    """Decide each block alone and join the results."""
    indices, weights = [], []
    for start, stop in pairwise(sorted({0, len(codes), *cuts})):
        own = {"offset": start} if key is None else {"key": key[start:stop]}
        found, counted = plan.select(codes[start:stop], **own)
        indices.append(found + start)
        weights.append(counted)
    return np.concatenate(indices), np.concatenate(weights)


def assert_drawn(labels, rows, seed, cuts, key=None, order=None):
    """Compare draw and selection with the definition; rows may change places."""
    identities = None if key is None else np.array(key, dtype=type(key[0]))
    plan, indices = Plan.draw(labels, np.array(rows), seed, key=identities)
    weights = 1.5 + np.arange(len(rows))
    plan = plan.weighted(labels.counts * 2.0, weights)
    expected = rows_by_definition(labels.codes, rows, seed, key)
    assert indices.tolist() == expected
    assert plan.rows == tuple(rows)
    assert plan.class_total == tuple((labels.counts * 2.0).tolist())
    assert plan.moves_rows == (rows != labels.counts.tolist())
    places = np.arange(len(labels.codes))
    found, counted = select_in_blocks(plan, labels.codes, cuts, identities)
    assert found.tolist() == expected
    assert counted.tolist() == weights[labels.codes[expected]].tolist()
    if order is not None:
        identities = places if key is None else identities
        codes = labels.codes[order]
        found, counted = select_in_blocks(plan, codes, cuts, identities[order])
        assert sorted(order[found].tolist()) == expected
        assert counted.tolist() == weights[codes[found]].tolist()


@given(st.data(), st.sampled_from([None, st.text(max_size=9), st.integers(0, 2**62)]))
@settings(max_examples=200, deadline=None)
def test_the_smallest_hashes_are_drawn_for_every_cutting(data, keys):
    counts = data.draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    rows = [data.draw(st.integers(1, 3 * count)) for count in counts]
    labels = shuffled(counts, data.draw(st.integers(0, 99)))
    n_rows = len(labels.codes)
    cuts = data.draw(st.lists(st.integers(0, n_rows), max_size=8))
    order = np.array(data.draw(st.permutations(range(n_rows))))
    if keys is not None:
        keys = data.draw(
            st.lists(keys, min_size=n_rows, max_size=n_rows, unique=True)
            if n_rows < 20
            else st.just([f"row {7 * row}" for row in range(n_rows)])
        )
    seed = data.draw(st.integers(0, 2**64 - 1))
    assert_drawn(labels, rows, seed, cuts, keys, order)


@pytest.mark.parametrize("key", [None, "row {}".format, int], ids=["no", "text", "int"])
def test_cuttings_of_more_rows_than_are_hashed_at_a_time(key):
    labels = shuffled([45_000, 4_990, 10])
    key = None if key is None else [key(5 * row + 1) for row in range(50_000)]
    for cuts in (
        [],
        [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7],
        range(0, 50_000, 999),
    ):
        assert_drawn(labels, [3_000, 4_990, 13], 9, cuts, key)


def test_extreme_shares():
    for n_rows in (2, 3, 5, 33, 1000, 20_000):
        assert_drawn(shuffled([n_rows, n_rows]), [1, n_rows - 1], 1, [])
    hashes = np.array(digests(range(300_000), 5), dtype=np.uint64)
    codes = np.zeros(300_000, dtype=np.uint8)
    codes[[3, 77_777]] = 1
    for wanted in (1, 2, 40, 150_000, 299_996, 299_997):
        plan, indices = Plan.draw(encode_labels(codes), np.array([wanted, 1]), 5)
        for code, rows in enumerate([wanted, 1]):
            own = np.flatnonzero(codes == code)
            smallest = own[np.argsort(hashes[own])[:rows]]
            assert set(indices[codes[indices] == code]) == set(smallest)
        assert plan.select(codes)[0].tolist() == indices.tolist()


@pytest.mark.parametrize("rows", [[3, 9], [10, 10], [40, 10]])
def test_an_empty_block_has_no_rows(rows):
    plan, _ = Plan.draw(shuffled([10, 10]), np.array(rows), 0)
    for codes in (np.empty(0, dtype=np.int8), []):
        indices, weights = plan.select(codes, offset=4)
        assert indices.shape == weights.shape == (0,)


@pytest.mark.parametrize(
    ("block", "error", "text"),
    [
        ({"codes": [0, 2, 1]}, ValueError, "codes must lie in 0 to 1, .*got 0 to 2"),
        ({"codes": [0, 1], "offset": -1}, ValueError, "offset must not be negative"),
        ({"codes": [0, 1], "key": [1, 2, 3]}, ValueError, "key .*got 3 for 2 rows"),
        ({"codes": [0, 1], "key": ["a", None]}, TypeError, "without missing values"),
    ],
)
def test_blocks_that_cannot_be_decided(block, error, text):
    plan, _ = Plan.draw(shuffled([10, 10]), np.array([3, 9]), 0)
    with pytest.raises(error, match=text):
        plan.select(**block)


# A small value ---------------------------------------------------------------------


@st.composite
def plans(draw):
    """Draw any plan that could be made, with labels of one type."""
    n_classes = draw(st.integers(2, 5))
    kinds = [st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False)]
    label = draw(st.sampled_from(kinds))
    unsigned = st.integers(0, 2**64 - 1)
    count = st.integers(1, 2**62)
    weight = st.floats(0, exclude_min=True, allow_infinity=False)
    values = [label, count, count, weight, weight, unsigned]
    fields = [
        tuple(draw(st.lists(value, min_size=n_classes, max_size=n_classes)))
        for value in values
    ]
    return Plan(*fields, seed=draw(unsigned))


@given(plans())
@settings(max_examples=200, deadline=None)
def test_there_and_back(plan):
    fields = plan.to_dict()
    travelled = json.loads(json.dumps(fields))
    copies = [
        Plan.from_dict(travelled),
        Plan.from_json(plan.to_json()),
        pickle.loads(pickle.dumps(plan)),
    ]
    for again in copies:
        assert (again, hash(again)) == (plan, hash(plan))
        assert [*map(type, again.classes)] == [*map(type, plan.classes)]
    assert travelled == fields == copies[0].to_dict() == json.loads(plan.to_json())
    assert (fields["hash"], fields["seed"]) == ("xxh64", plan.seed)
    assert len({plan, *copies, replace(plan, seed=plan.seed ^ 1)}) == 2
    with pytest.raises(FrozenInstanceError):
        plan.seed = 1


@pytest.fixture
def plan():
    return Plan.draw(encode_labels([5, -3, 5, 5, 2**62]), np.array([1, 3, 1]), 7)[0]


@pytest.mark.parametrize("write", [Plan.to_json, Plan.to_dict])
@pytest.mark.parametrize("label", [b"a", None, np.int64(1)], ids=repr)
def test_labels_that_json_cannot_hold(plan, write, label):
    odd = replace(plan, classes=(0, label, 2))
    rule = f"labels must be str, int, float or bool.*of type {type(label).__name__}"
    with pytest.raises(TypeError, match=rule):
        write(odd)


@pytest.mark.parametrize("change", [{"format": 1}, {"hash": "md5"}, {"format": None}])
def test_other_formats_are_refused(plan, change):
    fields = plan.to_dict() | change
    text = json.dumps(fields)
    rule = "must hold a plan of format 2 with hash 'xxh.*from the same seed"
    for read, written in ((Plan.from_json, text), (Plan.from_dict, fields)):
        with pytest.raises(ValueError, match=rule):
            read(written)
    assert json.dumps(fields) == text


@pytest.mark.parametrize(
    "text", ["not json", "{}", "[1]", "3", '{"format": 2, "hash": "xxh64"}']
)
def test_text_that_is_no_plan_is_refused(text):
    with pytest.raises(ValueError, match=r"plan|Expecting value"):
        Plan.from_json(text)
