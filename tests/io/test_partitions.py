"""One plan for labels that come in parts: the rows of the whole, whatever the parts."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import (
    AbsentClassWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    MissingLabelsError,
    RandomOversample,
)
from skstrat._core.hashing import mix_seed
from skstrat.io._partition import Partition
from skstrat.io._partitions import (
    check_decides_by_labels,
    check_unchanged,
    make_plan,
    rows_by_label,
    shares_wanted,
)
from skstrat.io._tally import NOTHING

RESAMPLERS = {
    "factor": DownsampleUpweight(factor=7, random_state=3),
    "factors": DownsampleUpweight(factor={0: 5.5, 1: 2}, random_state=3),
    "nominal": DownsampleUpweight(factor=7, weighting="factor", random_state=3),
    "ratio": DownsampleUpweight(sampling_strategy=0.5, random_state=3),
    "one to one": DownsampleUpweight(sampling_strategy="auto", random_state=3),
    "over": RandomOversample(random_state=3),
    "over by times": RandomOversample(times=2.7, weighting="uniform", random_state=3),
    "both ways": CombinedResample(random_state=3),
    "weights": ClassWeight(),
    "nothing": DownsampleUpweight(factor=1, random_state=3),
}


def cut(y, cuts, key=None, weights=None):
    edges = [0, *sorted(cuts), len(y)]
    return [
        Partition(
            y[start:end],
            None if weights is None else weights[start:end],
            None if key is None else key[start:end],
        )
        for start, end in pairwise(edges)
    ]


def tally_all(parts, shares, seed, rows=None):
    tally = NOTHING
    for part in parts:
        known = rows_by_label(tally) if rows is None else rows
        own = part.encode().tally(shares, mix_seed(seed), tally.n_rows, known)
        tally = tally.merge(own)
    return tally


def plan_partitions(resampler, parts):
    """Plan as for files: in one look at the labels if it is enough, else in two."""
    seed = check_decides_by_labels(resampler)
    shares = resampler._draw_shares()
    if shares is not None:
        return make_plan(resampler, tally_all(parts, shares, seed), seed)
    first = tally_all(parts, 0.0, seed)
    shares = shares_wanted(resampler, first)
    tally = tally_all(parts, shares, seed, rows_by_label(first))
    check_unchanged(first, tally)
    return make_plan(resampler, tally, seed)


def draw_all(plan, parts):
    rows, weights, offset = [], [], 0
    for part in parts:
        own, drawn = part.draw(plan, offset)
        rows.append(own + offset)
        weights.append(drawn)
        offset += len(part.y)
    return np.concatenate(rows), np.concatenate(weights)


def labels(n_rows, shares=(0.9, 0.07, 0.03), seed=0):
    return np.random.default_rng(seed).choice(len(shares), n_rows, p=shares)


@st.composite
def layouts(draw):
    n_rows = draw(st.integers(60, 3000))
    cuts = draw(st.lists(st.integers(0, n_rows), max_size=12))
    seed = draw(st.integers(0, 5))
    return labels(n_rows, seed=seed), cuts


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", RESAMPLERS)
@settings(max_examples=25, deadline=None)
@given(layouts())
def test_the_rows_and_weights_of_the_whole(name, weighted, layout):
    y, cuts = layout
    rng = np.random.default_rng(1)
    weights = rng.choice([0, 0.5, 1, 3], len(y)) if weighted else None
    if len(np.unique(y if weights is None else y[weights > 0])) < 2:
        return
    resampler = RESAMPLERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AbsentClassWarning)
        _, _, wanted = resampler.fit_resample(y, y, sample_weight=weights)
        parts = cut(y, cuts, weights=weights)
        plan = plan_partitions(resampler, parts)
    rows, drawn = draw_all(plan, parts)
    assert rows.tolist() == resampler.sample_indices_.tolist()
    np.testing.assert_allclose(drawn, wanted, rtol=1e-12)
    assert plan.rows == resampler.plan_.rows
    assert plan.threshold == resampler.plan_.threshold


@settings(max_examples=30, deadline=None)
@given(layouts(), st.booleans(), st.data())
def test_keys_go_with_their_rows(layout, text, data):
    y, cuts = layout
    if len(np.unique(y)) < 2:
        return
    key = np.random.default_rng(2).permutation(10 * len(y))[: len(y)]
    key = key.astype(str) if text else key
    order = np.array(data.draw(st.permutations(range(len(y)))))
    resampler = RESAMPLERS["factor"]
    plan = plan_partitions(resampler, cut(y, cuts, key))
    shuffled = plan_partitions(resampler, cut(y[order], cuts, key[order]))
    assert plan == shuffled
    rows, _ = draw_all(plan, cut(y, cuts, key))
    moved, _ = draw_all(plan, cut(y[order], cuts, key[order]))
    assert set(key[rows]) == set(key[order][moved])


@pytest.mark.parametrize("seed", range(5))
def test_a_million_rows_with_exact_counts_in_little_memory(seed):
    y = labels(1_000_000, (0.95, 0.05), seed)
    resampler = DownsampleUpweight(factor=20, random_state=seed)
    parts = cut(y, range(0, 1_000_000, 77_777))
    plan = plan_partitions(resampler, parts)
    n_rows = np.bincount(y)
    assert plan.rows == (round(n_rows[0] / 20), n_rows[1])
    rows, weights = draw_all(plan, parts)
    assert np.bincount(y[rows]).tolist() == list(plan.rows)
    totals = np.bincount(y[rows], weights)
    np.testing.assert_allclose(totals, n_rows, rtol=1e-9)
    merged = NOTHING
    for part in parts:
        part_tally = part.encode().tally(1 / 20, mix_seed(seed), merged.n_rows)
        merged = merged.merge(part_tally)
    # 16 standard deviations of the number below, and 64 rows.
    near = 16 * np.sqrt(n_rows[0] * 0.05 * 0.95) + 64
    assert len(merged.classes[0].hashes) < 1.2 * near


def test_tallies_merge_in_any_order():
    y = labels(20_000)
    parts = cut(y, [11, 5_000, 5_000, 12_345])
    offsets = np.cumsum([0] + [len(part.y) for part in parts])
    tallies = [
        part.encode().tally(0.1, 7, int(offset))
        for part, offset in zip(parts, offsets, strict=False)
    ]
    forth, back = NOTHING, NOTHING
    for tally in tallies:
        forth = forth.merge(tally)
        back = tally.merge(back)
    whole = Partition(y).encode().tally(0.1, 7, 0)
    for label in (0, 1, 2):
        of_whole = whole.classes[label]
        wanted = of_whole.rows // 10
        for merged in (forth, back):
            own = merged.classes[label]
            assert (own.rows, own.total) == (of_whole.rows, of_whole.total)
            assert own.draw(wanted) == of_whole.draw(wanted)


def test_equal_keys_are_refused():
    y = np.repeat([0, 1], [9_000, 1_000])
    key = np.arange(10_000) // 100
    resampler = DownsampleUpweight(factor=20, random_state=0)
    parts = cut(y, [2_550], key)
    # 450 rows, in hundreds.
    with pytest.raises(ValueError, match="key must be different in every row"):
        plan_partitions(resampler, parts)


def test_empty_parts_and_parts_of_one_class():
    y = np.repeat([1, 0, 1], [5, 5_000, 15])
    parts = cut(y, [0, 5, 5, 2_000, 5_005])
    resampler = DownsampleUpweight(factor=10, random_state=1)
    plan = plan_partitions(resampler, parts)
    rows, _ = draw_all(plan, parts)
    resampler.fit(y, y)
    assert rows.tolist() == resampler.sample_indices_.tolist()


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "categories", "str"])
def test_labels_of_every_container(kind):
    y = np.where(labels(3_000) == 0, "ok", "fraud")
    make = {
        "pandas": lambda: pytest.importorskip("pandas").Series(y),
        "polars": lambda: pytest.importorskip("polars").Series(y),
        "pyarrow": lambda: pytest.importorskip("pyarrow").chunked_array([y]),
        "categories": lambda: (
            pytest.importorskip("pandas").Series(y).astype("category")
        ),
        "str": lambda: y,
    }
    values = make[kind]()
    parts = [Partition(values[:1_000]), Partition(values[1_000:])]
    resampler = DownsampleUpweight(factor=10, random_state=1)
    plan = plan_partitions(resampler, parts)
    assert plan.classes == ("fraud", "ok")
    rows, _ = draw_all(plan, parts)
    resampler.fit(y, y)
    assert rows.tolist() == resampler.sample_indices_.tolist()


@pytest.mark.parametrize(
    ("resampler", "error", "text"),
    [
        (object(), TypeError, "resampler must be one of skstrat's"),
        (
            DownsampleUpweight(sampling_strategy=lambda y: {0: 5}),
            TypeError,
            "sampling_strategy must not be a callable",
        ),
        (DownsampleUpweight(factor=0.5), ValueError, "'factor' parameter"),
    ],
)
def test_resamplers_that_labels_are_not_enough_for(resampler, error, text):
    parts = [Partition(labels(100))]
    with pytest.raises(error, match=text):
        plan_partitions(resampler, parts)


@pytest.mark.parametrize(
    ("part", "error", "text"),
    [
        (Partition([0.0, 1.0, np.nan]), MissingLabelsError, "1 of 3 labels"),
        (Partition([1, 1, 1]), ValueError, "at least two classes.*1. in 3 rows"),
        (Partition([]), ValueError, r"at least two classes.*got \[\] in 0 rows"),
        (Partition([0, 1], key=[1]), ValueError, "got 1 for 2 rows"),
        (Partition([0, 1], key=[1.5, 2.5]), TypeError, "key must hold integers"),
        (Partition([0, 1], key=["a", None]), TypeError, "without missing values"),
        (Partition([0, 1], [1, -1]), ValueError, "not negative; got -1.0 in row 1"),
        (Partition([0, 1], [1, np.nan]), ValueError, "must be finite"),
        (Partition([0, 1], [1, 2, 3]), ValueError, r"shape \(2,\)"),
        (Partition([0, 1], [0, 0]), ValueError, r"got \[\] in 2 rows"),
    ],
)
def test_labels_that_cannot_be_used(part, error, text):
    resampler = DownsampleUpweight(factor=2, random_state=0)
    with pytest.raises(error, match=text):
        plan_partitions(resampler, [part])


class Changing:
    """Partitions that change between two looks."""

    def __init__(self, *looks):
        self.looks = list(looks)

    def __iter__(self):
        return iter([Partition(self.looks.pop(0))])


@pytest.mark.parametrize("second", [[0] * 9 + [1] * 3, [0] * 8 + [1] * 2, [0, 2] * 6])
def test_data_that_changes_between_the_looks(second):
    parts = Changing([0] * 10 + [1] * 2, second)
    with pytest.raises(ValueError, match="The data changed while it was read"):
        plan_partitions(RESAMPLERS["ratio"], parts)


def test_a_label_that_the_plan_does_not_know():
    plan = plan_partitions(RESAMPLERS["factor"], [Partition(labels(500))])
    later = Partition([0, 9, 1])
    with pytest.raises(ValueError, match=r"classes \[0, 1, 2\]; got \[9\]"):
        later.draw(plan)
