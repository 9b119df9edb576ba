"""Plans from counts alone: the rows and weights of memory, on average, then exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import DownsampleUpweight, MissingLabelsError, Plan

Y = np.repeat(["rare", "some", "ok"], [40, 1_000, 30_001])
COUNTS = {"some": 1_000, "rare": 40, "ok": 30_001}
SHARES = {"rare": 0.2, "some": 0.3, "ok": 0.5}


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"factor": 7.3},
        {"factor": {"ok": 20, "some": 3}, "weighting": "factor"},
        {"sampling_strategy": "majority", "weighting": "balanced"},
        {"sampling_strategy": 0.3, "weighting": SHARES},
        {"sampling_strategy": {"ok": 500, "rare": 99}, "weighting": "uniform"},
    ],
    ids=str,
)
def test_the_words_mean_what_they_mean_in_memory(words):
    drawn = DownsampleUpweight(**words, random_state=5).fit(Y, Y).plan_
    plan = Plan.from_counts(COUNTS, **words, seed=5)
    for field in ("classes", "rows", "rows_seen", "class_total", "seed"):
        assert getattr(plan, field) == getattr(drawn, field)
    assert plan.class_weight == pytest.approx(drawn.class_weight, rel=1e-15)
    assert (drawn.exact, plan.exact) == (True, False)
    assert Plan.from_json(plan.to_json()) == plan


@given(st.integers(2, 2**53), st.integers(1, 2**53), st.integers(0, 2**64 - 1))
@settings(max_examples=200, deadline=None)
def test_thresholds_have_every_bit(seen, wanted, seed):
    plan = Plan.from_counts({0: seen, 1: 5}, sampling_strategy={0: wanted}, seed=seed)
    share = Fraction(min(wanted, seen), seen)
    assert plan.rows == (min(wanted, seen), 5)
    assert 0 <= 2**64 * (share % 1) - plan.threshold[0] < 1
    assert plan.class_weight[0] * share == pytest.approx(1, rel=1e-15)


def test_rows_kept_are_those_expected_and_nested():
    codes = np.zeros(200_000, dtype=int)
    codes[:1_000] = 1
    counts = {0: 199_000, 1: 1_000}
    off = []
    for seed in [*range(20), 2**63, 2**64 - 1]:
        many, few = (
            Plan.from_counts(counts, factor=factor, seed=seed).select(codes)[0]
            for factor in (10, 40)
        )
        assert set(few) <= set(many)
        assert np.count_nonzero(codes[many]) == 1_000
        off.append((len(many) - 1_000 - 19_900) / np.sqrt(0.9 * 19_900))
    # Five standard errors, of each and of their mean.
    assert np.abs(off).max() < 5
    assert abs(np.mean(off)) < 5 / np.sqrt(len(off))


def kept_by(plan, codes):
    rows, _ = plan.select(codes)
    counts = np.bincount(codes[rows], minlength=len(plan.classes))
    return dict(zip(plan.classes, counts.tolist(), strict=True))


@pytest.mark.parametrize(
    "weighting", ["original", "factor", "balanced", SHARES, "uniform"], ids=str
)
@pytest.mark.parametrize("seed", range(3))
def test_realised_totals_are_exact(weighting, seed):
    codes = np.unique(Y, return_inverse=True)[1]
    plan = Plan.from_counts(
        COUNTS, factor={"ok": 30, "some": 2}, weighting=weighting, seed=seed
    )
    exact = plan.realised(kept_by(plan, codes))
    before, after = plan.select(codes), exact.select(codes)
    assert after[0].tolist() == before[0].tolist()
    assert exact.rows == tuple(np.bincount(codes[after[0]]).tolist())
    assert exact.exact
    assert Plan.from_json(exact.to_json()) == exact
    if weighting == "uniform":
        assert exact.class_weight == (1.0, 1.0, 1.0)
        return
    wanted = np.multiply(plan.class_weight, plan.rows)
    totals = np.bincount(codes[after[0]], after[1])
    assert totals == pytest.approx(wanted, rel=1e-12)
    assert totals.sum() == pytest.approx(len(Y), rel=1e-12)


def test_a_class_kept_whole_by_chance_stands_once():
    codes = np.array([0] * 3 + [1] * 9)
    words = {"sampling_strategy": {0: 2}}
    plans = (Plan.from_counts({0: 3, 1: 9}, **words, seed=seed) for seed in range(99))
    whole = next(plan for plan in plans if kept_by(plan, codes)[0] == 3)
    rows, weights = whole.realised({0: 3, 1: 9}).select(codes)
    assert (rows.tolist(), weights.tolist()) == (list(range(12)), [1.0] * 12)
    assert Plan.from_counts({0: 1, 1: 9}, factor=3, seed=0).rows == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "rule"),
    [
        ({"counts": {"a": 9}}, ValueError, r"counts .* two classes; got \['a'\]"),
        ({"counts": {"a": 0, "b": 9}}, ValueError, "1 to 2.*53 .*got 0 for class 'a'"),
        ({"counts": {"a": 2**53 + 1, "b": 9}}, ValueError, "1 to 2.*53 for every"),
        ({"counts": {"a": 7, None: 9}}, MissingLabelsError, "9 of 16 labels"),
        ({"counts": {("a", 1): 9, ("a", 2): 9}}, TypeError, "labels must be str"),
        ({"factor": "auto"}, TypeError, "factor must be a number.*recommend_factor"),
        ({"sampling_strategy": len}, TypeError, "must not be a callable.*give the"),
        ({"seed": 2**64}, ValueError, r"seed must be .* 2\*\*64 - 1; got 18446"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_a_plan_cannot_be_made_of(arguments, error, rule):
    with pytest.raises(error, match=rule):
        Plan.from_counts(**{"counts": {"a": 9, "b": 90}, "seed": 0} | arguments)


EXPECTED = Plan.from_counts({"a": 9, "b": 90}, factor=9, seed=0)


@pytest.mark.parametrize(
    ("plan", "kept", "error", "rule"),
    [
        (EXPECTED, {"a": 9}, ValueError, r"classes of the plan, \['a', 'b'\]; got \['"),
        (EXPECTED, {"a": 9, "b": 0}, ValueError, "got 0 for class 'b'. .* another see"),
        (EXPECTED, {"a": 9, "b": 91}, ValueError, "no more rows .* 'b', 90; got 91"),
        (EXPECTED, {"a": 8, "b": 10}, ValueError, "every row of class 'a', 9; got 8"),
        (EXPECTED.realised({"a": 9, "b": 9}), {"a": 9, "b": 9}, ValueError, "are exac"),
    ],
)
def test_rows_that_the_plan_cannot_have_kept(plan, kept, error, rule):
    with pytest.raises(error, match=rule):
        plan.realised(kept)


# Labels ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [{"strata": "a"}, {"groups": "g"}], ids=str)
def test_plans_of_strata_and_groups_travel(words):
    rows = np.arange(600)
    X = np.rec.fromarrays([rows % 3, rows // 2], names=["a", "g"])
    down = DownsampleUpweight(factor=4, random_state=0, **words)
    plan = down.fit(X, rows % 5 == 0).plan_
    assert isinstance(plan.classes[0], tuple)
    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(TypeError, match=r"labels must be str.* of type tuple"):
        plan.to_sql(label="y", key="k")
