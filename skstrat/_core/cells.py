"""Which rows are drawn and weighted alike: classes, strata of them, kinds of groups.

A class is a cell of one stratum. With groups a unit of the draw is a group; its cell is
that of its class drawn at the highest rate, and rows are weighted by cell and class.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels, count_codes
from skstrat._core.plan import Plan
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets
from skstrat._core.weights import multiply_weights

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]
Array = NDArray[Any]


@dataclass(frozen=True)
class Cells:
    """The cell of every row, and the class of every cell.

    Attributes
    ----------
    labels : Labels
        Classes of the rows, or strata in their place: what targets are about.
    cells : Labels
        Cells of the rows; the classes themselves if there is one stratum.
    class_of : ndarray of shape (n_cells,)
        Class code of each cell.
    """

    labels: Labels
    cells: Labels
    class_of: Indices

    @classmethod
    def of_classes(cls, labels: Labels) -> Cells:
        """Take every class for a cell."""
        return cls(labels, labels, np.arange(len(labels.classes)))

    @classmethod
    def of_strata(cls, labels: Labels, strata: Labels) -> Cells:
        """Take every pair of class and stratum that occurs for a cell."""
        if len(strata.classes) == 1:
            return cls.of_classes(labels)
        cells, class_of, _ = cross(labels, strata)
        return cls(labels, cells, class_of)

    def rows_of_class(self, rows: Array) -> Array:
        """Add up rows of cells by class."""
        if self.cells is self.labels:
            return rows
        of_class = np.bincount(self.class_of, rows, minlength=len(self.labels.classes))
        return of_class.astype(np.int64)

    def classes_of(self, codes: Array) -> Array:
        """Give the class codes of codes of cells."""
        return codes if self.cells is self.labels else self.class_of[codes]

    def draw(self, targets: Targets, samples: CheckedSamples, seed: int) -> Draw:
        """Draw the same share of every cell of a class, at least one row of each."""
        labels, own, rows = self.labels, self.cells, targets.rows
        if own is not labels:
            of_class = labels.counts[self.class_of]
            rows = _share_out(own.counts, rows[self.class_of], of_class)
        plan, indices = Plan.draw(own, rows, seed, samples.positions)
        return Draw(
            indices,
            self,
            own.codes[indices],
            rows,
            targets.factor[self.class_of],
            incoming=samples.weights_of(indices),
            moves_rows=plan.moves_rows,
            plan=plan,
            at_random=True,
        )


@dataclass(frozen=True)
class GroupCells:
    """Groups of rows that are drawn whole.

    Attributes
    ----------
    labels : Labels
        Classes of the rows, or strata in their place.
    strata : Labels
        Strata of the rows; all rows of a group are of one.
    groups : Labels
        Groups of the rows; integers or strings, which are their identities.
    """

    labels: Labels
    strata: Labels
    groups: Labels

    def draw(self, targets: Targets, samples: CheckedSamples, seed: int) -> Draw:
        """Draw whole groups, each at the highest rate of the classes in it.

        The cells are then pairs of a row's class and the class that decides over its
        group, with the group's stratum as third if there are several.
        """
        labels, groups = self.labels, self.groups
        kinds, own = _kinds_of_groups(labels, self.strata, groups, targets)
        wanted = _share_out(kinds.counts, targets.rows[own], labels.counts[own])
        keys = _identities(groups.classes)
        units, drawn = Plan.draw(kinds, wanted, seed, keys)
        copies = np.bincount(drawn, minlength=len(groups.classes))[groups.codes]
        indices = np.flatnonzero(copies)
        if len(indices) and copies.max() > 1:
            indices = np.repeat(indices, copies[indices])
        kind_of_row = kinds.codes[groups.codes]
        cells, class_of, kind = cross(labels, replace(kinds, codes=kind_of_row))
        codes = cells.codes[indices]
        rows = count_codes(codes, len(cells.classes))
        _check_every_class_is_kept(labels, rows, class_of)
        whole = wanted // kinds.counts
        threshold = np.array(units.threshold, dtype=np.uint64)[kind]
        # A cell of which every row was drawn once more is drawn whole.
        threshold[rows == (whole[kind] + 1) * cells.counts] = 0
        plan = replace(
            units,
            classes=tuple((own, *deciding) for own, deciding in cells.classes.tolist()),
            rows_seen=tuple(cells.counts.tolist()),
            rows=tuple(rows.tolist()),
            class_total=tuple(cells.counts.astype(float).tolist()),
            class_weight=(1.0,) * len(rows),
            threshold=tuple(threshold.tolist()),
        )
        return Draw(
            indices,
            Cells(labels, cells, class_of),
            codes,
            rows,
            targets.factor[own][kind],
            incoming=samples.weights_of(indices),
            moves_rows=plan.moves_rows,
            plan=plan,
        )


@dataclass(frozen=True)
class Draw:
    """Rows drawn, before they are weighed.

    Attributes
    ----------
    indices : ndarray of shape (n_drawn,)
        Places among the rows that count, ascending; -1 for a row that was made.
    cells : Cells or LabelSets
        What they are weighed by.
    codes : ndarray of shape (n_drawn,)
        Cell of each.
    rows : ndarray of shape (n_cells,)
        Rows drawn of each cell.
    factor : ndarray of shape (n_cells,)
        The nominal number of original rows that one drawn row stands for.
    incoming : ndarray of shape (n_drawn,) or None
        Incoming weight of each; None if all are 1.
    moves_rows : bool
        Whether any row was dropped, repeated or made.
    plan : Plan or None
        The draw with every weight 1, for other blocks of the same data.
    at_random : bool
        Whether the rows drawn are a random sample of each cell.
    inverse_chance : ndarray of shape (n_drawn,) or None
        One over the inclusion probability of each, where these differ in a cell.
    X, y : array-like of shape (n_drawn, ...) or None
        The rows themselves, where they cannot be taken from the data.
    """

    indices: Indices
    cells: Any
    codes: Array
    rows: Array
    factor: Floats
    incoming: Floats | None
    moves_rows: bool
    plan: Plan | None = None
    at_random: bool = False
    inverse_chance: Floats | None = None
    X: Any = field(default=None, repr=False)
    y: Any = field(default=None, repr=False)

    def weights_before_scaling(self) -> Floats | None:
        """Multiply what came in by what each row stands for within its cell."""
        if self.inverse_chance is None or self.incoming is None:
            return self.incoming if self.inverse_chance is None else self.inverse_chance
        return multiply_weights(self.inverse_chance, self.incoming)


def cross(first: Labels, second: Labels) -> tuple[Labels, Indices, Indices]:
    """Pair two codes of every row: the pairs that occur, and codes of their parts."""
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
    return Labels(codes, names, counts), of_first, of_second


def _share_out(counts: Array, wanted: Array, of_class: Array) -> NDArray[np.int64]:
    """Give every cell its class's share, so that a smaller share is nested in it."""
    rows = np.rint(counts * (wanted / of_class)).astype(np.int64)
    return np.maximum(1, rows)


def _kinds_of_groups(
    labels: Labels, strata: Labels, groups: Labels, targets: Targets
) -> tuple[Labels, Indices]:
    """Cross the class that decides over each group with its stratum."""
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
    kinds, own, _ = cross(
        Labels(deciding, labels.classes, count_codes(deciding, n_classes)),
        Labels(stratum, strata.classes, count_codes(stratum, len(strata.classes))),
    )
    if len(strata.classes) == 1:
        kinds.classes[:] = [(name,) for name, _ in kinds.classes]
    return kinds, own


def _identities(groups: Array) -> Array:
    """Give what the groups are hashed by."""
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
    """Refuse to lose a class."""
    kept = np.bincount(class_of, rows, minlength=len(labels.classes))
    if (kept == 0).any():
        lost = labels.classes[kept == 0].tolist()
        raise ValueError(
            f"groups leave no row of class {lost[0]!r}: all groups that hold one were "
            "dropped. Keep more of it with factor or sampling_strategy as a dict, or "
            "use another random_state."
        )
