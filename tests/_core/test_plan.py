"""The plan: exactly the rows asked for, the same for every cutting of the data."""

import json
import pickle
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import Plan
from skstrat._core.labels import encode_labels

BLOCK = 1 << 14  # rows that the library hashes at a time
SEEDS = st.integers(0, 2**64 - 1)


def digests(identities, seed):
    """XXH64 of each identity, seeded with XXH64 of the seed: the published draw."""
    mixed = xxhash.xxh64_intdigest(seed.to_bytes(8, "little"), seed=42)
    return [
        xxhash.xxh64_intdigest(
            key.encode() if isinstance(key, str) else key.to_bytes(8, "little"), mixed
        )
        for key in identities
    ]


def rows_by_definition(codes, rows, seed, key=None):
    """Every row floor(t / n) times, and once more those with the smallest hashes."""
    hashed = digests(range(len(codes)) if key is None else key, seed)
    drawn = []
    for code, wanted in enumerate(rows):
        own = [row for row, its in enumerate(codes) if its == code]
        copies, extra = divmod(wanted, len(own))
        drawn += own * copies + sorted(own, key=hashed.__getitem__)[:extra]
    return sorted(drawn)


def shuffled(counts, seed=0):
    """Give the labels of classes 0, 1, ... in random order."""
    codes = np.repeat(np.arange(len(counts)), counts)
    return encode_labels(np.random.default_rng(seed).permutation(codes))


def weighted_plan(labels, rows, seed):
    plan, indices = Plan.draw(labels, np.array(rows), seed)
    weights = 1.5 + np.arange(len(rows))
    return plan.weighted(labels.counts * 2.0, weights), indices, weights


def select_in_blocks(plan, codes, cuts, key=None):
    """Ask for each block alone and put the answers together."""
    edges = sorted({0, len(codes), *cuts})
    indices, weights = [], []
    for start, stop in pairwise(edges):
        if key is None:
            found, counted = plan.select(codes[start:stop], offset=start)
        else:
            found, counted = plan.select(codes[start:stop], key=key[start:stop])
        indices.append(found + start)
        weights.append(counted)
    return np.concatenate(indices), np.concatenate(weights)


@st.composite
def draws(draw):
    counts = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    rows = [draw(st.integers(1, 3 * count)) for count in counts]
    return shuffled(counts, draw(st.integers(0, 99))), rows, draw(SEEDS)


# The draw --------------------------------------------------------------------------


@given(draws())
@settings(max_examples=100, deadline=None)
def test_the_smallest_hashes_are_drawn(case):
    labels, rows, seed = case
    _, indices = Plan.draw(labels, np.array(rows), seed)
    assert indices.tolist() == rows_by_definition(labels.codes, rows, seed)


@given(draws(), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_the_smallest_hashes_of_keys_are_drawn(case, text, data):
    labels, rows, seed = case
    numbers = st.integers(0, 2**63 - 1)
    key = data.draw(
        st.lists(
            st.text(max_size=9) if text else numbers,
            min_size=len(labels.codes),
            max_size=len(labels.codes),
            unique=True,
        )
    )
    identities = np.array(key, dtype=object if text else np.int64)
    plan, indices = Plan.draw(labels, np.array(rows), seed, key=identities)
    assert indices.tolist() == rows_by_definition(labels.codes, rows, seed, key)
    assert plan.select(labels.codes, key=identities)[0].tolist() == indices.tolist()


@given(draws())
@settings(max_examples=100, deadline=None)
def test_exactly_the_rows_asked_for_as_evenly_as_possible(case):
    labels, rows, seed = case
    plan, indices = Plan.draw(labels, np.array(rows), seed)
    assert np.bincount(labels.codes[indices], minlength=len(rows)).tolist() == rows
    assert plan.rows == tuple(rows)
    assert plan.moves_rows == (rows != labels.counts.tolist())
    times = np.bincount(indices, minlength=len(labels.codes))
    for code, wanted in enumerate(rows):
        own = times[labels.codes == code]
        assert own.max() - own.min() <= 1
        assert (own.min() >= 1) == (wanted >= len(own))


@given(draws(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_smaller_draw_is_part_of_a_larger_one(case, data):
    labels, rows, seed = case
    fewer = [data.draw(st.integers(1, wanted)) for wanted in rows]
    _, small = Plan.draw(labels, np.array(fewer), seed)
    _, large = Plan.draw(labels, np.array(rows), seed)
    times = [
        np.bincount(drawn, minlength=len(labels.codes)) for drawn in (small, large)
    ]
    assert (times[0] <= times[1]).all()


@given(draws(), st.data())
@settings(max_examples=100, deadline=None)
def test_labels_of_other_classes_do_not_matter(case, data):
    labels, rows, seed = case
    others = labels.codes != 0
    relabelled = labels.codes.astype(int)
    relabelled[others] = data.draw(st.permutations(relabelled[others].tolist()))
    moved = encode_labels(relabelled)
    changed = [rows[0], *(1 + wanted // 2 for wanted in rows[1:])]
    _, before = Plan.draw(labels, np.array(rows), seed)
    _, after = Plan.draw(moved, np.array(changed), seed)
    first_class = [drawn[labels.codes[drawn] == 0] for drawn in (before, after)]
    assert first_class[0].tolist() == first_class[1].tolist()


def test_seeds_give_different_rows():
    labels = shuffled([200, 200])
    drawn = {
        tuple(Plan.draw(labels, np.array([20, 20]), seed)[1].tolist())
        for seed in [*range(30), 2**63, 2**64 - 1]
    }
    assert len(drawn) == 32


@pytest.fixture(scope="module")
def million_digests():
    return np.array(digests(range(1_000_000), 5), dtype=np.uint64)


@pytest.mark.parametrize("wanted", [1, 2, 40, 500_000, 999_996, 999_997])
def test_extreme_shares_of_a_million_rows(million_digests, wanted):
    codes = np.zeros(1_000_000, dtype=np.uint8)
    codes[[3, 77_777]] = 1
    plan, indices = Plan.draw(encode_labels(codes), np.array([wanted, 1]), 5)
    for code, rows in enumerate([wanted, 1]):
        own = np.flatnonzero(codes == code)
        smallest = own[np.argsort(million_digests[own])[:rows]]
        assert indices[codes[indices] == code].tolist() == sorted(smallest.tolist())
    assert plan.select(codes)[0].tolist() == indices.tolist()


@pytest.mark.parametrize("n_rows", [2, 3, 5, 33, 1000, 20_000])
def test_one_row_and_all_but_one(n_rows):
    labels = shuffled([n_rows, n_rows])
    rows = [1, n_rows - 1]
    _, indices = Plan.draw(labels, np.array(rows), 1)
    assert indices.tolist() == rows_by_definition(labels.codes, rows, 1)


# Blocks ----------------------------------------------------------------------------


@given(draws(), st.lists(st.integers(0, 160), max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_cutting_selects_what_was_drawn(case, cuts):
    labels, rows, seed = case
    plan, indices, weights = weighted_plan(labels, rows, seed)
    cuts = [cut for cut in cuts if cut < len(labels.codes)]
    found, counted = select_in_blocks(plan, labels.codes, cuts)
    assert found.tolist() == indices.tolist()
    assert counted.tolist() == weights[labels.codes[indices]].tolist()


@pytest.mark.parametrize(
    "cuts",
    [[], [1], [BLOCK - 1, BLOCK, BLOCK + 1], [2 * BLOCK + 7], range(0, 50_000, 999)],
    ids=["whole", "first row", "around a block", "two blocks and a bit", "many"],
)
def test_cuttings_of_more_rows_than_are_hashed_at_a_time(cuts):
    labels = shuffled([45_000, 4_990, 10])
    rows = [3_000, 4_990, 13]
    plan, indices, weights = weighted_plan(labels, rows, 9)
    found, counted = select_in_blocks(plan, labels.codes, cuts)
    assert indices.tolist() == rows_by_definition(labels.codes.tolist(), rows, 9)
    assert found.tolist() == indices.tolist()
    assert counted.tolist() == weights[labels.codes[indices]].tolist()


@given(draws(), st.lists(st.integers(0, 160), max_size=8), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_keys_are_kept_wherever_their_rows_stand(case, cuts, text, data):
    labels, rows, seed = case
    plan, _, weights = weighted_plan(labels, rows, seed)
    n_rows = len(labels.codes)
    key = np.array([f"row {7 * row}" if text else 7 * row for row in range(n_rows)])
    order = np.array(data.draw(st.permutations(range(n_rows))))
    cuts = [cut for cut in cuts if cut < n_rows]
    whole, _ = plan.select(labels.codes, key=key)
    found, counted = select_in_blocks(plan, labels.codes[order], cuts, key[order])
    assert sorted(key[order][found].tolist()) == sorted(key[whole].tolist())
    assert counted.tolist() == weights[labels.codes[order][found]].tolist()


@pytest.mark.parametrize("make", ["row {}".format, int], ids=["text", "int"])
def test_keys_are_kept_by_their_published_hash(make):
    labels = shuffled([40_000, 400])
    plan, _ = Plan.draw(labels, np.array([8_000, 400]), 3)
    key = [make(5 * row + 1) for row in range(len(labels.codes))]
    below = np.array(digests(key, 3), dtype=np.uint64) < np.uint64(plan.threshold[0])
    indices, _ = plan.select(labels.codes, key=key)
    assert indices.tolist() == np.flatnonzero(below | (labels.codes == 1)).tolist()
    assert 7_000 < len(indices) < 9_400


def test_positions_as_keys_are_positions():
    labels = shuffled([300, 60])
    plan, indices = Plan.draw(labels, np.array([30, 90]), 3)
    order = np.random.default_rng(0).permutation(360)
    found, _ = plan.select(labels.codes[order], key=order)
    assert sorted(order[found].tolist()) == indices.tolist()


@pytest.mark.parametrize("kind", ["text", "int"])
def test_keys_of_every_container_are_the_same_keys(kind):
    labels = shuffled([300, 60])
    plan, _ = Plan.draw(labels, np.array([100, 90]), 3)
    key = [f"id-{row}" if kind == "text" else row * row for row in range(360)]
    expected, _ = plan.select(labels.codes, key=np.array(key))
    index = np.arange(360, 0, -1) + 0.5
    containers = [
        key,
        np.array(key, dtype=object) if kind == "text" else np.array(key, dtype="i4"),
        pd.Series(key, index=index),
        pd.Series(key, index=index, dtype="string" if kind == "text" else "Int64"),
        pl.Series(key),
        pa.array(key),
    ]
    for container in containers:
        assert plan.select(labels.codes, key=container)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("codes", [np.empty(0, dtype=np.int8), []], ids=["array", "[]"])
@pytest.mark.parametrize("rows", [[3, 9], [10, 10], [40, 10]])
def test_an_empty_block_has_no_rows(codes, rows):
    plan, _, _ = weighted_plan(shuffled([10, 10]), rows, 0)
    indices, weights = plan.select(codes, offset=4)
    assert indices.shape == weights.shape == (0,)


@pytest.mark.parametrize(
    ("block", "error", "text"),
    [
        ({"codes": [0, 2, 1]}, ValueError, "codes must lie in 0 to 1, .*got 0 to 2"),
        ({"codes": [0, -1, 1]}, ValueError, "codes must lie in 0 to 1, .*got -1 to 1"),
        ({"codes": [0, 1], "offset": -1}, ValueError, "offset must not be negative"),
        ({"codes": [0, 1], "key": [1, 2, 3]}, ValueError, "key .*got 3 for 2 rows"),
        ({"codes": [0, 1], "key": [1.5, 2.5]}, TypeError, "integers or strings"),
        ({"codes": [0, 1], "key": ["a", None]}, TypeError, "without missing values"),
    ],
)
def test_blocks_that_cannot_be_decided(block, error, text):
    plan, _ = Plan.draw(shuffled([10, 10]), np.array([3, 9]), 0)
    with pytest.raises(error, match=text):
        plan.select(**block)


# A small value ---------------------------------------------------------------------

LABELS = {
    "str": ["ok", "fraud é", "ok", "ok", "?"],
    "int": [5, -3, 5, 5, 2**62],
    "float": [1.0, -2.0, 1.0, 1.0, 8.0],
    "bool": [False, True, False, False, True],
}


def plan_of(y, seed=2**64 - 1):
    labels = encode_labels(y)
    rows = np.maximum(1, labels.counts - 1)
    plan, _ = Plan.draw(labels, rows, seed)
    return plan.weighted(labels.counts / 3, 1 / (3.0 + np.arange(len(rows))))


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(
    "copied",
    [
        lambda plan: Plan.from_json(plan.to_json()),
        lambda plan: pickle.loads(pickle.dumps(plan)),
        lambda plan: Plan.from_json(Plan.from_json(plan.to_json()).to_json()),
        lambda plan: Plan.from_dict(plan.to_dict()),
    ],
    ids=["json", "pickle", "json twice", "dict"],
)
def test_there_and_back(copied, y):
    plan = plan_of(y)
    codes = encode_labels(y).codes
    before = plan.select(codes)
    again = copied(plan)
    assert again == plan
    assert hash(again) == hash(plan)
    assert [type(label) for label in again.classes] == [type(sorted(y)[0])] * len(
        plan.classes
    )
    for found, expected in zip(again.select(codes), before, strict=True):
        assert found.tolist() == expected.tolist()


def test_json_is_plain_and_names_its_hash():
    fields = json.loads(plan_of(LABELS["str"]).to_json())
    assert fields["hash"] == "xxh64"
    assert fields["classes"] == ["?", "fraud é", "ok"]
    assert fields["seed"] == 2**64 - 1


@st.composite
def plans(draw):
    """Any plan that could be made, with labels of one type."""
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
@settings(max_examples=300, deadline=None)
def test_a_dict_survives_json_and_is_left_alone(plan):
    fields = plan.to_dict()
    travelled = json.loads(json.dumps(fields))
    assert travelled == fields
    again = Plan.from_dict(travelled)
    assert again == plan
    assert [type(label) for label in again.classes] == [
        type(label) for label in plan.classes
    ]
    assert travelled == fields == again.to_dict() == json.loads(plan.to_json())


@pytest.mark.parametrize("write", [Plan.to_json, Plan.to_dict])
@pytest.mark.parametrize("label", [b"a", None, np.int64(1)], ids=repr)
def test_labels_that_json_cannot_hold(write, label):
    plan = replace(plan_of(LABELS["int"]), classes=(0, label, 2))
    rule = f"labels must be str, int, float or bool.*of type {type(label).__name__}"
    with pytest.raises(TypeError, match=rule):
        write(plan)


@pytest.mark.parametrize("change", [{"format": 1}, {"hash": "md5"}, {"format": None}])
def test_other_formats_are_refused(change):
    fields = plan_of(LABELS["int"]).to_dict() | change
    text = json.dumps(fields)
    rule = "must hold a plan of format 2 with hash 'xxh.*from the same seed"
    with pytest.raises(ValueError, match=rule):
        Plan.from_json(text)
    with pytest.raises(ValueError, match=rule):
        Plan.from_dict(fields)
    assert json.dumps(fields) == text


@pytest.mark.parametrize(
    "text", ["not json", "{}", "[1]", "3", '{"format": 2, "hash": "xxh64"}']
)
def test_text_that_is_no_plan_is_refused(text):
    with pytest.raises(ValueError, match=r"plan|Expecting value"):
        Plan.from_json(text)


def test_frozen():
    plan = plan_of(LABELS["int"])
    with pytest.raises(FrozenInstanceError):
        plan.seed = 1


def test_equal_when_every_field_is():
    y = LABELS["int"]
    others = {plan_of(y), plan_of(y), plan_of(y, seed=1), plan_of([5, -3, 5, 5, 5])}
    assert len(others) == 3


def test_weighted_leaves_the_draw_alone():
    plan = plan_of(LABELS["int"])
    other = plan.weighted(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert other.class_total == (1.0, 2.0, 3.0)
    assert other.class_weight == (4.0, 5.0, 6.0)
    draws = {
        (its.rows, its.rows_seen, its.threshold, its.seed) for its in (plan, other)
    }
    assert len(draws) == 1
