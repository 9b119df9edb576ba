"""Which rows are drawn alike, when classes alone do not say it.

A cell is a class and a stratum. With groups a unit of the draw is a group, its cell is
that of its class drawn at the highest rate, and rows are weighted by cell and class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels, count_codes
from skstrat._core.plan import Plan
from skstrat._core.targets import Targets

Indices = NDArray[np.intp]
Array = NDArray[Any]


@dataclass(frozen=True)
class Crossing:
    """Pairs of a first and a second label that occur.

    Attributes
    ----------
    labels : Labels
        The pairs, as tuples, with their codes and counts.
    first, second : ndarray of shape (n_pairs,)
        Codes of their parts.
    """

    labels: Labels
    first: Indices
    second: Indices


@dataclass(frozen=True)
class CellDraw:
    """What was drawn, by cell.

    Attributes
    ----------
    plan : Plan
        The draw, with every weight 1.
    indices : ndarray of shape (n_drawn,)
        The rows drawn, ascending.
    cells : Labels
        Cell of every row; all rows of a cell have the same chance.
    class_of : ndarray of shape (n_cells,)
        Class code of each cell.
    factor : ndarray of shape (n_cells,)
        The nominal number of original rows that one drawn row stands for.
    """

    plan: Plan
    indices: Indices
    cells: Labels
    class_of: Indices
    factor: NDArray[np.float64]


def cross(first: Labels, second: Labels) -> Crossing:
    """Pair two codes of every row."""
    width = len(second.classes)
    n_pairs = len(first.classes) * width
    dtype = np.int64 if n_pairs > 2**31 else np.min_scalar_type(n_pairs)
    pairs = first.codes.astype(dtype) * width + second.codes.astype(dtype, copy=False)
    if n_pairs <= max(len(pairs), 1024):
        counts = count_codes(pairs, n_pairs)
        found = np.flatnonzero(counts)
        position = np.zeros(n_pairs, dtype=np.min_scalar_type(len(found)))
        position[found] = np.arange(len(found))
        codes, counts = position[pairs], counts[found]
    else:
        found, codes, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    of_first, of_second = np.divmod(found.astype(np.intp), width)
    names = np.empty(len(found), dtype=object)
    names[:] = list(
        zip(
            first.classes[of_first].tolist(),
            second.classes[of_second].tolist(),
            strict=True,
        )
    )
    return Crossing(Labels(codes, names, counts), of_first, of_second)


def draw_rows(
    labels: Labels, strata: Labels, targets: Targets, seed: int, key: Array | None
) -> CellDraw:
    """Draw the same share of every stratum of a class, at least one row of each."""
    cells, class_of = labels, np.arange(len(labels.classes))
    if len(strata.classes) > 1:
        crossing = cross(labels, strata)
        cells, class_of = crossing.labels, crossing.first
    wanted = _share_out(cells.counts, targets.rows[class_of], labels.counts[class_of])
    plan, indices = Plan.draw(cells, wanted, seed, key)
    return CellDraw(plan, indices, cells, class_of, targets.factor[class_of])


def draw_groups(
    labels: Labels, strata: Labels, groups: Labels, targets: Targets, seed: int
) -> CellDraw:
    """Draw whole groups, each at the highest rate of the classes in it."""
    kinds = _kinds_of_groups(labels, strata, groups, targets)
    own = kinds.first
    wanted = _share_out(kinds.labels.counts, targets.rows[own], labels.counts[own])
    units, drawn = Plan.draw(kinds.labels, wanted, seed, _identities(groups.classes))
    copies = np.bincount(drawn, minlength=len(groups.classes))[groups.codes]
    indices = np.flatnonzero(copies)
    if len(indices) and copies.max() > 1:
        indices = np.repeat(indices, copies[indices])
    kind_of_row = kinds.labels.codes[groups.codes]
    crossing = cross(labels, replace(kinds.labels, codes=kind_of_row))
    cells, kind = crossing.labels, crossing.second
    rows = count_codes(cells.codes[indices], len(cells.classes))
    _check_every_class_is_kept(labels, rows, crossing.first)
    whole = wanted // kinds.labels.counts
    threshold = np.array(units.threshold, dtype=np.uint64)[kind]
    # A cell of which every row was drawn once more is drawn whole.
    threshold[rows == (whole[kind] + 1) * cells.counts] = 0
    plan = replace(
        units,
        classes=tuple((own, *deciding) for own, deciding in cells.classes.tolist()),
        rows_seen=tuple(cells.counts.tolist()),
        rows=tuple(rows.tolist()),
        mass=tuple(cells.counts.astype(float).tolist()),
        class_weight=(1.0,) * len(rows),
        threshold=tuple(threshold.tolist()),
    )
    return CellDraw(plan, indices, cells, crossing.first, targets.factor[own][kind])


def _share_out(counts: Array, wanted: Array, of_class: Array) -> NDArray[np.int64]:
    """Give every cell its class's share, so that a smaller share is nested in it."""
    rows = np.rint(counts * (wanted / of_class)).astype(np.int64)
    return np.maximum(1, rows)


def _kinds_of_groups(
    labels: Labels, strata: Labels, groups: Labels, targets: Targets
) -> Crossing:
    """Find the class that decides over each group, and the stratum it lies in."""
    n_groups, n_classes = len(groups.classes), len(labels.classes)
    by_rate = np.argsort(-(targets.rows / labels.counts), kind="stable")
    rank = np.empty(n_classes, dtype=np.intp)
    rank[by_rate] = np.arange(n_classes)
    best = np.full(n_groups, n_classes)
    np.minimum.at(best, groups.codes, rank[labels.codes])
    stratum = np.empty(n_groups, dtype=np.intp)
    stratum[groups.codes] = strata.codes
    stray = stratum[groups.codes] != strata.codes
    if stray.any():
        name = groups.classes.tolist()[groups.codes[stray.argmax()]]
        raise ValueError(
            "groups must lie within one stratum each, to be kept or dropped whole; "
            f"group {name!r} has rows of several. Cross the strata with the groups, "
            "or leave one of the two out."
        )
    deciding = by_rate[best]
    kinds = cross(
        Labels(deciding, labels.classes, count_codes(deciding, n_classes)),
        Labels(stratum, strata.classes, count_codes(stratum, len(strata.classes))),
    )
    if len(strata.classes) == 1:
        kinds.labels.classes[:] = [(own,) for own, _ in kinds.labels.classes]
    return kinds


def _identities(groups: Array) -> Array:
    found = groups
    if groups.dtype.kind == "O":
        values = groups.tolist()
        kinds = {type(value) for value in values}
        if kinds == {int}:
            found = np.array(values)
        elif not all(issubclass(kind, str) for kind in kinds):
            found = np.empty(0)
    too_large = found.dtype.kind == "O" and found is not groups
    if found.dtype.kind not in "iuUO" or too_large:
        kind = type(groups.tolist()[0]).__name__
        raise ValueError(
            "groups must hold integers or strings, 64 bits at most, whose hash decides "
            f"which are kept; got {kind} in dtype {groups.dtype}. Convert them, for "
            "example with astype(int) or astype(str)."
        )
    return found


def _check_every_class_is_kept(labels: Labels, rows: Array, class_of: Indices) -> None:
    kept = np.bincount(class_of, rows, minlength=len(labels.classes))
    if (kept == 0).any():
        lost = labels.classes[kept == 0].tolist()
        raise ValueError(
            f"groups leave no row of class {lost[0]!r}: all groups that hold one were "
            "dropped. Keep more of it with factor or sampling_strategy as a dict, or "
            "use another random_state."
        )
