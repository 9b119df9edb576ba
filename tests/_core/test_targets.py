"""factor, sampling_strategy and balance: imbalanced-learn's meanings, and clipping."""

import warnings
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy

from skstrat import AbsentClassWarning
from skstrat._core.labels import encode_labels
from skstrat._core.targets import (
    targets_from_balance,
    targets_from_factor,
    targets_from_rows,
    targets_from_sampling_strategy,
)

COUNTS = {
    "binary": [300, 30],
    "three": [30, 300, 100],
    "ties": [50, 10, 50, 10],
    "equal": [20, 20, 20],
}
DOWN_WORDS = ["auto", "majority", "not minority", "not majority", "all"]
OVER_WORDS = ["auto", "minority", "not minority", "not majority", "all"]


def labels_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def rows_wanted(counts, strategy, direction):
    y = labels_of(counts)
    targets = targets_from_sampling_strategy(encode_labels(y), y, strategy, direction)
    assert targets.rows.dtype == np.int64
    assert (targets.factor == np.array(counts) / targets.rows).all()
    return targets.rows.tolist()


def rows_by_imblearn(counts, strategy, direction):
    """Rows of each class after imbalanced-learn would have resampled."""
    y = labels_of(counts)
    kind = "under-sampling" if direction == "down" else "over-sampling"
    asked = check_sampling_strategy(strategy, y, kind)
    if direction == "down":
        return [asked.get(code, count) for code, count in enumerate(counts)]
    return [count + asked.get(code, 0) for code, count in enumerate(counts)]


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize(
    ("direction", "word"),
    [("down", word) for word in DOWN_WORDS] + [("over", word) for word in OVER_WORDS],
)
def test_words_mean_what_they_mean_in_imblearn(counts, word, direction):
    expected = rows_by_imblearn(counts, word, direction)
    assert rows_wanted(counts, word, direction) == expected


@pytest.mark.parametrize(
    ("direction", "word"), [("down", "minority"), ("over", "most")]
)
def test_other_words_are_refused(direction, word):
    with pytest.raises(
        ValueError, match=f"sampling_strategy must be one of .*'{word}'"
    ):
        rows_wanted([30, 3], word, direction)


@given(st.integers(2, 400), st.integers(2, 400), st.floats(0.01, 1))
@settings(max_examples=200, deadline=None)
def test_binary_ratios_are_imblearns_up_to_its_truncation(n_one, n_other, ratio):
    counts = [n_one, n_other]
    for direction in ("down", "over"):
        rows = rows_wanted(counts, ratio, direction)
        try:
            expected = rows_by_imblearn(counts, ratio, direction)
        except ValueError:
            # imbalanced-learn refuses what would move a class the other way; a count
            # that it truncates may be one row off.
            assert abs(np.array(rows) - counts).max() <= 1
        else:
            assert abs(np.array(rows) - expected).max() <= 1


@pytest.mark.parametrize(
    ("counts", "ratio", "direction", "expected"),
    [
        ([300, 30], 0.5, "down", [60, 30]),
        ([300, 30], 0.5, "over", [300, 150]),
        ([300, 30], 1, "down", [30, 30]),
        ([300, 30], 1.0, "over", [300, 300]),
        ([1000, 100], 0.29, "down", [345, 100]),  # 344.8, truncated to 344 by imblearn
        ([30, 300, 100], 0.5, "down", [30, 60, 60]),
        ([30, 300, 100], 0.1, "down", [30, 300, 100]),
        ([30, 300, 100], 0.2, "down", [30, 150, 100]),
        ([30, 300, 100], 0.5, "over", [150, 300, 150]),
        ([30, 300, 100], 0.2, "over", [60, 300, 100]),
        ([30, 300, 30], 0.5, "down", [30, 60, 30]),
        ([300, 300], 0.5, "down", [300, 300]),
    ],
)
def test_ratios_by_hand(counts, ratio, direction, expected):
    assert rows_wanted(counts, ratio, direction) == expected


@pytest.mark.parametrize("ratio", [0.29, 0.57, 0.58])
def test_a_ratio_that_truncation_would_miss(ratio):
    # In floating point int(100 * 0.29) is 28, and imbalanced-learn refuses the call.
    hundredths = round(100 * ratio)
    assert int(100 * ratio) == hundredths - 1
    assert rows_wanted([100, 5], ratio, "over") == [100, hundredths]
    assert rows_wanted([100, hundredths], ratio, "over") == [100, hundredths]
    assert rows_wanted([100, hundredths], ratio, "down") == [100, hundredths]


def test_present_ratios_are_accepted_where_imblearn_refuses_them():
    # The ratio of the data itself, or one below it: nothing to do, and no error.
    with pytest.raises(ValueError, match="ratio"):
        rows_by_imblearn([100, 40], 0.3, "over")
    assert rows_wanted([100, 40], 0.3, "over") == [100, 40]
    with pytest.raises(ValueError, match="ratio"):
        rows_by_imblearn([100, 40], 0.3, "down")
    assert rows_wanted([100, 40], 0.3, "down") == [100, 40]


@pytest.mark.parametrize("ratio", [0, 0.0, -0.1, 1.01, np.nan, np.inf, None, [0.5]])
@pytest.mark.parametrize("direction", ["down", "over"])
def test_impossible_ratios(ratio, direction):
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\]"):
        rows_wanted([300, 30], ratio, direction)


@pytest.mark.parametrize(
    ("direction", "strategy"),
    [("down", {1: 40, 2: 7}), ("down", {0: 30}), ("over", {0: 35}), ("over", {2: 300})],
)
def test_mappings_and_callables_mean_what_they_mean_in_imblearn(direction, strategy):
    counts = COUNTS["three"]
    expected = rows_by_imblearn(counts, strategy, direction)
    assert rows_wanted(counts, strategy, direction) == expected
    seen = []

    def by_call(y):
        seen.append(y.tolist())
        return strategy

    assert rows_wanted(counts, by_call, direction) == expected
    assert seen == [labels_of(counts).tolist()]


def test_mappings_are_clipped_where_imblearn_refuses_them():
    with pytest.raises(ValueError, match="less or equal"):
        rows_by_imblearn([30, 300], {0: 31}, "down")
    assert rows_wanted([30, 300], {0: 31, 1: 20}, "down") == [30, 20]
    with pytest.raises(ValueError, match="greater or equal"):
        rows_by_imblearn([30, 300], {0: 29}, "over")
    assert rows_wanted([30, 300], {0: 29, 1: 400}, "over") == [30, 400]


@pytest.mark.parametrize("count", [0, -3, 2.5, "5", None, np.nan])
@pytest.mark.parametrize("direction", ["down", "over"])
def test_impossible_counts(count, direction):
    text = f"whole number of rows >= 1 .*got {count!r} for class 1"
    with pytest.raises(ValueError, match=text):
        rows_wanted([30, 300], {1: count}, direction)


@pytest.mark.parametrize("count", [np.int64(12), np.uint8(12)])
def test_counts_may_be_numpy_integers(count):
    assert rows_wanted([30, 300], {1: count}, "down") == [30, 12]


def test_an_absent_class_is_a_no_op_with_a_warning():
    with pytest.warns(AbsentClassWarning, match=r"sampling_strategy names \['x'\]"):
        assert rows_wanted([30, 300], {"x": 5, 1: 40}, "down") == [30, 40]
    labels = encode_labels(labels_of([30, 300]))
    with pytest.warns(AbsentClassWarning, match=r"factor names \[7\]"):
        targets = targets_from_factor(labels, {7: 10.0}, "down")
    assert targets.rows.tolist() == [30, 300]
    assert targets.factor.tolist() == [1.0, 1.0]


def test_present_classes_do_not_warn():
    y = ["ok"] * 30 + ["fraud"] * 4
    labels = encode_labels(y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        named = labels.by_class({np.str_("fraud"): 3, "ok": 10}, "sampling_strategy")
    assert named == {0: 3, 1: 10}


# factor ----------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 5000), min_size=2, max_size=4),
    st.floats(1, 300),
)
@settings(max_examples=150, deadline=None)
def test_a_factor_is_for_the_most_or_least_frequent_class(counts, factor):
    labels = encode_labels(labels_of(counts))
    largest, smallest = counts.index(max(counts)), counts.index(min(counts))
    down = targets_from_factor(labels, factor, "down")
    expected = [*counts]
    expected[largest] = max(1, round(counts[largest] / factor))
    assert down.rows.tolist() == expected
    assert down.factor[largest] == factor
    over = targets_from_factor(labels, factor, "over")
    expected = [*counts]
    expected[smallest] = round(counts[smallest] * factor)
    assert over.rows.tolist() == expected
    assert over.factor[smallest] == 1 / factor
    untouched = np.delete(down.factor, largest), np.delete(over.factor, smallest)
    assert (np.concatenate(untouched) == 1).all()


def test_factors_by_class():
    labels = encode_labels(labels_of([300, 40, 7]))
    down = targets_from_factor(labels, {0: 10, 1: 3.0}, "down")
    assert down.rows.tolist() == [30, 13, 7]
    assert down.factor.tolist() == [10.0, 3.0, 1.0]
    over = targets_from_factor(labels, {1: 2.5, 2: 4}, "over")
    assert over.rows.tolist() == [300, 100, 28]
    assert over.factor.tolist() == [1.0, 0.4, 0.25]


def test_a_huge_factor_leaves_one_row():
    labels = encode_labels(labels_of([300, 40]))
    assert targets_from_factor(labels, 1e9, "down").rows.tolist() == [1, 40]


@pytest.mark.parametrize("factor", [0.99, 0, -2, np.nan, np.inf, "2", None])
@pytest.mark.parametrize(
    ("direction", "argument"), [("down", "factor"), ("over", "times")]
)
def test_impossible_factors(factor, direction, argument):
    labels = encode_labels(["a"] * 5 + ["b"] * 3)
    text = f"{argument} must be a finite number >= 1 .*got {factor!r} for class 'b'"
    with pytest.raises(ValueError, match=text):
        targets_from_factor(labels, {"b": factor}, direction)


def test_a_label_that_is_absent_is_reported_by_the_name_of_the_argument():
    labels = encode_labels(["a"] * 5 + ["b"] * 3)
    with pytest.warns(AbsentClassWarning, match="factor names"):
        targets_from_factor(labels, {"c": 2}, "down")
    with pytest.warns(AbsentClassWarning, match="times names"):
        targets_from_factor(labels, {"c": 2}, "over")


# balance ---------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=5), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_balance_moves_classes_towards_the_geometric_mean(counts, balance):
    labels = encode_labels(np.arange(len(counts)))
    labels = type(labels)(labels.codes, labels.classes, np.array(counts))
    rows = targets_from_balance(labels, balance).rows
    mean = prod(counts) ** (1 / len(counts))
    exact = np.array([n ** (1 - balance) * mean**balance for n in counts])
    assert abs(rows - exact).max() <= 0.5 + 1e-6
    assert targets_from_balance(labels, 0).rows.tolist() == counts
    assert len(set(targets_from_balance(labels, 1).rows.tolist())) == 1


def test_balance_by_hand():
    labels = encode_labels(labels_of([400, 4]))
    assert targets_from_balance(labels, 0.5).rows.tolist() == [126, 13]
    assert targets_from_balance(labels, 1.0).rows.tolist() == [40, 40]


def test_rows_as_they_are():
    targets = targets_from_rows(encode_labels(labels_of([40, 4])), [10, 8])
    assert targets.factor.tolist() == [4.0, 0.5]
