"""Class weights by effective numbers, and the weights of cells that share a total."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import ClassWeight
from skstrat._core.labels import Labels
from skstrat._core.weights import CellSums, cell_weights, effective_number, join_small

LEAST = 20


# Effective number of rows ----------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "n_rows", "number"),
    [
        (0.99, 100, 63.40),
        (0.999, 1_000, 632.30),
        (0.9999, 10_000, 6321.39),
        (0, 77, 1),
        (1 - 1e-12, 77, 77),
        (0.93, 40, sum(0.93**i for i in range(40))),
    ],
)
def test_published_numbers(beta, n_rows, number):
    found = effective_number(np.array([n_rows]), beta)
    np.testing.assert_allclose(found, number, atol=0.0051)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [0, 0.5, 0.99, None])
def test_weights_are_inverse_numbers_and_keep_the_total(beta, weighted):
    y = np.repeat([0, 1, 2], [900, 90, 10])
    incoming = np.random.default_rng(0).lognormal(size=1_000) if weighted else None
    resampler = ClassWeight("effective", beta=beta)
    _, _, w = resampler.fit_resample(y, y, sample_weight=incoming)
    total = 1_000 if incoming is None else incoming.sum()
    assert w.sum() == pytest.approx(total, rel=1e-12)
    number = effective_number(np.array([900, 90, 10]), beta)
    factor = np.array(list(resampler.class_weight_.values()))
    np.testing.assert_allclose(factor * number, factor[0] * number[0], rtol=1e-12)


@pytest.mark.parametrize("beta", [-0.1, 1.0, 2, "0.5"])
def test_beta_is_a_share(beta):
    y = np.array([0, 0, 1])
    resampler = ClassWeight("effective", beta=beta)
    with pytest.raises(ValueError, match="'beta' parameter of ClassWeight"):
        resampler.fit(y, y)


# Cells -----------------------------------------------------------------------------


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
@given(drawn_cells(), st.integers(0, 2**32))
def test_cells_that_share_a_total_have_enough_units(cells, seed):
    class_of, units, whole = cells
    # Cells of equal size may stand in for each other.
    for its_units in (units, units * 100 + np.arange(len(units))):
        margin = join_small(its_units, class_of, whole)
        for cell_set in sets_of(margin):
            (its,) = np.unique(class_of[cell_set])
            everything = np.count_nonzero(class_of == its) == len(cell_set)
            alone_and_whole = len(cell_set) == 1 and whole[cell_set].all()
            enough = its_units[cell_set].sum() >= LEAST
            assert enough or everything or alone_and_whole
            if len(cell_set) > 1:
                # Cells that could stand alone join others only for their sake.
                small = (its_units[cell_set] < LEAST) & ~whole[cell_set]
                others = np.sort(its_units[cell_set][~small])
                rest = its_units[cell_set].sum() - others[-1:].sum()
                assert rest < LEAST or small.all()
    order = np.random.default_rng(seed).permutation(len(units))
    order = order[np.argsort(class_of[order], kind="stable")]
    after = join_small(its_units[order], class_of[order], whole[order])
    expected = {frozenset(each.tolist()) for each in sets_of(margin)}
    assert {frozenset(order[each].tolist()) for each in sets_of(after)} == expected


def labels_of(class_of):
    names = np.arange(class_of.max() + 1)
    return Labels(np.empty(0, np.intp), names, np.ones(len(names), np.int64))


def test_totals_that_contradict_each_other_leave_those_of_the_classes():
    # Of the second class nothing was drawn in the second stratum, and the first
    # stratum has no other class.
    class_of, stratum = np.array([0, 1, 1]), np.array([1, 0, 1])
    totals, drawn = np.array([90.0, 50.0, 10.0]), np.array([18.0, 10.0, 0.0])
    sums = CellSums(class_of, np.full(3, 5.0), totals, drawn, (stratum, class_of))
    by_cell = cell_weights("original", labels_of(class_of), sums)
    assert by_cell == pytest.approx([5, 6, 6], rel=1e-12)
