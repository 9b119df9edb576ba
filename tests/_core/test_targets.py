"""factor, sampling_strategy and balance: imbalanced-learn's meanings, and clipping."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy
from pairwise import pairs

from skstrat import AbsentClassWarning
from skstrat._core.labels import encode_labels
from skstrat._core.targets import (
    targets_from_balance,
    targets_from_factor,
    targets_from_sampling_strategy,
)

DOWN, OVER = "down", "over"
THREE = (30, 300, 100)


def labels_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def rows_wanted(counts, strategy, direction):
    y = labels_of(counts)
    targets = targets_from_sampling_strategy(encode_labels(y), y, strategy, direction)
    assert targets.rows.dtype == np.int64
    assert (targets.factor == np.array(counts) / targets.rows).all()
    return targets.rows.tolist()


def rows_by_imblearn(counts, strategy, direction):
    """Count the rows of each class after imbalanced-learn would have resampled."""
    y = labels_of(counts)
    kind = "under-sampling" if direction == DOWN else "over-sampling"
    asked = check_sampling_strategy(strategy, y, kind)
    if direction == DOWN:
        return [asked.get(code, count) for code, count in enumerate(counts)]
    return [count + asked.get(code, 0) for code, count in enumerate(counts)]


BOTH_WORDS = ["auto", "not minority", "not majority", "all"]
COUNTS = [(300, 30), THREE, (50, 10, 50, 10), (20, 20, 20)]


@pytest.mark.parametrize(
    ("counts", "word", "direction"),
    [
        *pairs(COUNTS, BOTH_WORDS, [DOWN, OVER]),
        *pairs(COUNTS, ["majority"], [DOWN]),
        *pairs(COUNTS, ["minority"], [OVER]),
        *pairs([THREE], [{1: 40, 2: 7}, {0: 30}], [DOWN]),
        *pairs([THREE], [{0: 35}, {2: 300}], [OVER]),
    ],
    ids=str,
)
def test_words_and_mappings_mean_what_they_mean_in_imblearn(counts, word, direction):
    expected = rows_by_imblearn(counts, word, direction)
    assert rows_wanted(counts, word, direction) == expected
    seen = []

    def by_call(y):
        seen.append(y.tolist())
        return word if isinstance(word, dict) else {0: counts[0]}

    rows = rows_wanted(counts, by_call, direction)
    assert rows == (expected if isinstance(word, dict) else list(counts))
    assert seen == [labels_of(counts).tolist()]


@given(st.integers(2, 400), st.integers(2, 400), st.floats(0.01, 1))
@settings(max_examples=200, deadline=None)
def test_binary_ratios_are_imblearns_up_to_its_truncation(n_one, n_other, ratio):
    counts = [n_one, n_other]
    for direction in (DOWN, OVER):
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
    ("counts", "strategy", "direction", "expected"),
    [
        ([300, 30], 0.5, DOWN, [60, 30]),
        ([300, 30], 0.5, OVER, [300, 150]),
        ([1000, 100], 0.29, DOWN, [345, 100]),  # 344.8, truncated to 344 by imblearn
        (THREE, 0.5, DOWN, [30, 60, 60]),
        (THREE, 0.1, DOWN, [30, 300, 100]),
        (THREE, 0.5, OVER, [150, 300, 150]),
        # In floating point int(100 * 0.29) is 28.
        ([100, 5], 0.29, OVER, [100, 29]),
        ([100, 57], 0.57, OVER, [100, 57]),
        # What imbalanced-learn refuses is clipped.
        ([100, 40], 0.3, OVER, [100, 40]),
        ([100, 40], 0.3, DOWN, [100, 40]),
        ([30, 300], {0: 31, 1: 20}, DOWN, [30, 20]),
        ([30, 300], {0: 29, 1: 400}, OVER, [30, 400]),
        ([30, 300], {1: np.uint8(12)}, DOWN, [30, 12]),
    ],
)
def test_rows_by_hand(counts, strategy, direction, expected):
    assert rows_wanted(counts, strategy, direction) == expected


def test_an_absent_class_is_a_no_op_with_a_warning():
    with pytest.warns(AbsentClassWarning, match=r"sampling_strategy names \['x'\]"):
        assert rows_wanted([30, 300], {"x": 5, 1: 40}, DOWN) == [30, 40]
    labels = encode_labels(labels_of([30, 300]))
    for direction, argument in ((DOWN, "factor"), (OVER, "times")):
        with pytest.warns(AbsentClassWarning, match=rf"{argument} names \[7\]"):
            targets = targets_from_factor(labels, {7: 10.0}, direction)
        assert targets.rows.tolist() == [30, 300]
        assert targets.factor.tolist() == [1.0, 1.0]


# factor ----------------------------------------------------------------------------


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
