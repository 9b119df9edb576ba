"""Cells: classes or strata of classes, each drawn at one rate and weighted alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels, count_codes
from skstrat._core.plan import Plan
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets
from skstrat._core.weights import join_small, multiply_weights
from skstrat.exceptions import SmallStrataWarning

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]
Array = NDArray[Any]

# Rows drawn may differ from rows asked for by this share without a warning.
_MOST_OFF = 0.25


@dataclass(frozen=True)
class Cells:
    """The cell of every row, and the class of every cell."""

    # Classes of the rows, or strata in their place; targets are for these.
    labels: Labels
    cells: Labels  # The classes themselves if there is one stratum.
    class_of: Indices  # Class code of each cell.

    @classmethod
    def of_classes(cls, labels: Labels) -> Cells:
        """Make every class a cell."""
        return cls(labels, labels, np.arange(len(labels.classes)))

    @classmethod
    def of_strata(cls, labels: Labels, strata: Labels) -> Cells:
        """Make every pair of class and stratum that occurs a cell."""
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
        """Return the class codes of codes of cells."""
        return codes if self.cells is self.labels else self.class_of[codes]

    def draw(self, targets: Targets, samples: CheckedSamples, seed: int) -> Draw:
        """Draw the same share of every cell of a class, at least one row of each."""
        labels, own, rows = self.labels, self.cells, targets.rows
        margin = self.class_of
        if own is not labels:
            rows = share_out(own.counts, rows, labels, self.class_of)
            margin = join_small(rows, self.class_of, rows % own.counts == 0)
        plan, indices = Plan.draw(own, rows, seed, samples.identities)
        return Draw(
            indices,
            self,
            own.codes[indices],
            rows,
            own.counts / rows,
            incoming=samples.weights_of(indices),
            moves_rows=plan.moves_rows,
            margins=(margin,),
            plan=plan,
            at_random=True,
        )


@dataclass(frozen=True)
class Draw:
    """Rows drawn, before their weights are computed."""

    # Positions among the rows of positive weight, ascending; -1 for a row made.
    indices: Indices
    cells: Any  # Cells or LabelSets, which decide the weights.
    codes: Array  # Cell of each row.
    rows: Array  # Rows drawn of each cell.
    expansion: Floats  # Original rows per row drawn, of each cell.
    incoming: Floats | None  # None if all are 1.
    moves_rows: bool
    # Sets of cells whose totals are kept, see CellSums; by default the classes.
    margins: tuple[Indices, ...] = ()
    plan: Plan | None = None  # With every weight 1, for other blocks of the same data.
    at_random: bool = False  # Whether rows are a random sample of each cell.
    # Class of a sampler that may choose rows by their values, else "".
    by_values: str = ""
    # One over the inclusion probability of each row, where these differ in a cell.
    inverse_chance: Floats | None = None
    # The rows themselves, where they cannot be taken from the data.
    X: Any = field(default=None, repr=False)
    y: Any = field(default=None, repr=False)

    def weights_before_scaling(self) -> Floats | None:
        """Multiply incoming weights by inverse inclusion probabilities in the cell."""
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


def cross_columns(columns: Sequence[Labels]) -> Labels:
    """Cross columns: one stays as it is, several give the tuples that occur, sorted."""
    crossed, *others = columns
    if others:
        names = np.empty(len(crossed.classes), dtype=object)
        names[:] = [(name,) for name in crossed.classes.tolist()]
        crossed = replace(crossed, classes=names)
    for other in others:
        crossed, _, _ = cross(crossed, other)
        crossed.classes[:] = [(*names, name) for names, name in crossed.classes]
    return crossed


def share_out(
    counts: Array, wanted: Array, labels: Labels, class_of: Indices
) -> NDArray[np.int64]:
    """Give every cell the share of its class; a smaller share is nested in a larger."""
    exact = counts * (wanted / labels.counts)[class_of]
    units = np.maximum(1, np.rint(exact)).astype(np.int64)
    _warn_of_small_strata(units, exact, class_of)
    return units


def _warn_of_small_strata(units: Array, exact: Floats, class_of: Indices) -> None:
    """Warn where rounding in every stratum changes the size of a class."""
    asked, drawn = np.bincount(class_of, exact), np.bincount(class_of, units)
    cut = np.bincount(class_of) > 1
    # Rounding errors of the rows asked for do not decide.
    most = (_MOST_OFF + 1e-9) * asked
    for off, more in ((drawn - asked, "more"), (asked - drawn, "fewer")):
        if ((off > most) & cut).any():
            warnings.warn(
                "Some strata hold few rows or groups of a class, and their shares are "
                f"rounded to at least one. So over a quarter {more} are drawn than "
                "were asked for. The weights are still right. Use coarser "
                "strata; sampling_strategy_ has the rows drawn.",
                SmallStrataWarning,
                stacklevel=2,
            )
