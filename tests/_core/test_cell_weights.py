"""What cells of rows are multiplied by, and which of them share a total."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat._core.labels import Labels
from skstrat._core.weights import (
    CellSums,
    cell_weights,
    check_sample_weight,
    join_small,
)

LEAST = 20


@st.composite
def drawn_cells(draw_value):
    """Make cells of up to four classes: their classes, units, and which are whole."""
    rng = np.random.default_rng(draw_value(st.integers(0, 2**32)))
    n_cells = draw_value(st.integers(1, 60))
    class_of = np.sort(rng.integers(0, draw_value(st.integers(1, 4)), n_cells))
    class_of = np.unique(class_of, return_inverse=True)[1]
    units = 1 + rng.geometric(1 / draw_value(st.sampled_from([2, 8, 40])), n_cells)
    whole = rng.random(n_cells) < draw_value(st.sampled_from([0, 0.3, 1]))
    return class_of, units, whole


def sets_of(margin):
    return [np.flatnonzero(margin == name) for name in np.unique(margin)]


@settings(max_examples=200, deadline=None)
@given(drawn_cells())
def test_cells_that_share_a_total_have_enough_units(cells):
    class_of, units, whole = cells
    margin = join_small(units, class_of, whole)
    assert margin.shape == class_of.shape
    for cell_set in sets_of(margin):
        (its,) = np.unique(class_of[cell_set])
        everything = np.count_nonzero(class_of == its) == len(cell_set)
        alone_and_whole = len(cell_set) == 1 and whole[cell_set].all()
        enough = units[cell_set].sum() >= LEAST
        assert enough or everything or alone_and_whole
        if len(cell_set) > 1:
            # Nothing is put with others that could stand alone, but for their sake.
            small = (units[cell_set] < LEAST) & ~whole[cell_set]
            others = np.sort(units[cell_set][~small])
            assert units[cell_set].sum() - others[-1:].sum() < LEAST or small.all()


@settings(max_examples=50, deadline=None)
@given(drawn_cells(), st.integers(0, 2**32))
def test_the_order_of_cells_within_a_class_does_not_matter(cells, seed):
    class_of, units, whole = cells
    # Cells of equal size may stand in for each other.
    units = units * 100 + np.arange(len(units))
    order = np.random.default_rng(seed).permutation(len(units))
    order = order[np.argsort(class_of[order], kind="stable")]
    before = join_small(units, class_of, whole)
    after = join_small(units[order], class_of[order], whole[order])
    expected = {frozenset(each.tolist()) for each in sets_of(before)}
    assert {frozenset(order[each].tolist()) for each in sets_of(after)} == expected


def labels_of(class_of):
    names = np.arange(class_of.max() + 1)
    return Labels(np.empty(0, np.intp), names, np.ones(len(names), np.int64))


@settings(max_examples=100, deadline=None)
@given(
    drawn_cells(),
    st.integers(0, 2**32),
    st.sampled_from(["original", "balanced", "factor", "uniform"]),
)
def test_class_totals_are_those_of_weighting(cells, seed, weighting):
    class_of, units, whole = cells
    rng = np.random.default_rng(seed)
    totals, expansion = rng.lognormal(size=(2, len(units)))
    expansion += 1
    drawn = totals / expansion * rng.uniform(0.5, 2, len(units))
    margin = join_small(units, class_of, whole)
    sums = CellSums(class_of, expansion, totals, drawn, (margin,))
    by_cell = cell_weights(weighting, labels_of(class_of), sums)
    if weighting == "factor":
        assert by_cell.tolist() == expansion.tolist()
    elif weighting == "uniform":
        assert set(by_cell.tolist()) == {1.0}
    else:
        of_class = np.bincount(class_of, totals)
        wanted = of_class
        if weighting == "balanced":
            wanted = np.full(len(of_class), of_class.mean())
        held = np.bincount(class_of, by_cell * drawn)
        np.testing.assert_allclose(held, wanted, rtol=1e-12)
        for cell_set in sets_of(margin):
            ratio = (by_cell / expansion)[cell_set]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_two_ways_to_put_cells_together_are_met_both(seed):
    rng = np.random.default_rng(seed)
    class_of, stratum = np.divmod(np.arange(24), 8)
    totals = rng.lognormal(size=24)
    expansion = np.full(24, 5.0)
    drawn = totals / 5 * rng.uniform(0.3, 3, 24)
    sums = CellSums(class_of, expansion, totals, drawn, (stratum, class_of))
    by_cell = cell_weights("original", labels_of(class_of), sums)
    for margin, rtol in ((class_of, 1e-12), (stratum, 1e-9)):
        held = np.bincount(margin, by_cell * drawn)
        np.testing.assert_allclose(held, np.bincount(margin, totals), rtol=rtol)
    # Raked weights are a product of one number of each class and one of each stratum.
    log = np.log(by_cell).reshape(3, 8)
    log -= log.mean(axis=0) + log.mean(axis=1, keepdims=True) - log.mean()
    np.testing.assert_allclose(log, 0, atol=1e-12)


def test_totals_that_contradict_each_other_leave_those_of_the_classes():
    # Of the second class nothing was drawn in the second stratum, and the first
    # stratum has no other class.
    class_of, stratum = np.array([0, 1, 1]), np.array([1, 0, 1])
    totals, drawn = np.array([90.0, 50.0, 10.0]), np.array([18.0, 10.0, 0.0])
    sums = CellSums(class_of, np.full(3, 5.0), totals, drawn, (stratum, class_of))
    by_cell = cell_weights("original", labels_of(class_of), sums)
    assert by_cell == pytest.approx([5, 6, 6], rel=1e-12)


@pytest.mark.parametrize("kind", ["datetime64[s]", "timedelta64[s]", "complex", "str"])
def test_values_that_are_no_numbers_are_no_weights(kind):
    values = np.arange(5).astype(kind)
    for given_as in (values, list(values)):
        with pytest.raises(TypeError, match=r"^sample_weight must be numbers; got .*"):
            check_sample_weight(given_as, 5)
