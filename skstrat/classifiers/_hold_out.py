"""Check a model by the rows that were dropped, on which it was not trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.cells import Cells
from skstrat._core.labels import Labels, by_label, count_codes
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import Floats, join_small, totals_of

# Where rows of a cell were kept at random, the dropped rows are a random sample of the
# cell and represent all its rows. Where a cell dropped none, its kept rows are used. In
# other draws, kept and dropped rows each represent themselves.

# A ratio that is outside by chance alone gives no warning.
_STANDARD_ERRORS = 2.0
_TINY = np.finfo(np.float64).tiny
_BLOCK = 1 << 20

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CheckResult:
    """Result of a check on rows that were not trained on.

    Attributes
    ----------
    ratios : dict of label to float
        Predicted total of each class over its true total; 1 is right.
    standard_errors : dict of label to float
        Standard errors of the ratios, from all rows scored.
    in_training : bool
        Whether the estimator was trained on some of the rows scored. Its predictions
        for these are too certain, so a ratio below 1 may not show.
    """

    ratios: dict[Any, float]
    standard_errors: dict[Any, float]
    in_training: bool

    @property
    def worst(self) -> Any:
        """The class whose ratio is furthest from 1, after two standard errors."""
        return max(self.ratios, key=self._departure)

    def _departure(self, label: Any) -> tuple[float, float]:
        ratio, margin = self.ratios[label], self.margin_of(label)
        beyond = max(
            np.log(max(ratio - margin, _TINY)), -np.log(ratio + margin + _TINY)
        )
        return max(0.0, float(beyond)), abs(ratio - 1)

    @property
    def ratio(self) -> float:
        """The ratio of the worst class."""
        return self.ratios[self.worst]

    @property
    def standard_error(self) -> float:
        """The standard error of that ratio."""
        return self.standard_errors[self.worst]

    def margin_of(self, label: Any) -> float:
        """Return two standard errors, the difference from 1 that chance explains."""
        return _STANDARD_ERRORS * self.standard_errors[label]

    def __str__(self) -> str:
        seen = ", some of the rows scored were trained on" if self.in_training else ""
        error = self.standard_error
        return f"{self.ratio:.3g} ± {error:.2g} of class {self.worst!r}{seen}"


def nearest_to_one(first: CheckResult, second: CheckResult) -> CheckResult:
    """Take the value nearest to 1 between two ratios with opposite biases."""
    ratios, errors = {}, {}
    for label, ratio in first.ratios.items():
        other = second.ratios[label]
        ratios[label] = float(np.clip(1, min(ratio, other), max(ratio, other)))
        source = first if abs(ratio - 1) < abs(other - 1) else second
        errors[label] = source.standard_errors[label]
    return CheckResult(ratios, errors, in_training=True)


@dataclass(frozen=True)
class HoldOut:
    """Rows by which predictions can be checked: dropped or kept rows of each cell."""

    classes: NDArray[Any]
    parts: NDArray[Any]  # the part of each row
    incoming: Floats | None  # the weight of each row
    held: Floats  # total weight of each part
    totals: Floats  # total weight that each part represents
    group_of: Indices  # of each part: twice its class code, plus one if trained on
    groups: NDArray[Any]  # of each row; the number of groups if it represents none
    seed: int

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        n_groups = 2 * len(self.classes)
        return count_codes(self.groups, n_groups + 1)[:-1]

    @property
    def has_rows_trained_on(self) -> bool:
        return bool(self.sizes[1::2].any())

    def without(self, rows: Indices) -> HoldOut:
        """Remove rows; the others then represent all."""
        if not len(rows):
            return self
        left = self.groups.copy()
        left[rows] = 2 * len(self.classes)
        return replace(self, groups=left)

    def sample(self, most: int) -> Sample:
        sizes = self.sizes
        generator = np.random.default_rng(self.seed)
        chosen = [
            np.sort(generator.choice(size, wanted, replace=False))
            for size, wanted in zip(sizes, _share(sizes, most), strict=True)
        ]
        rows = _rows_at(self.groups, chosen)
        parts = self.parts[rows]
        weight = (self.totals[parts] / self.held[parts]) * (
            1 if self.incoming is None else self.incoming[rows]
        )
        return Sample(self, rows, parts, weight, is_all=len(rows) == sizes.sum())


@dataclass(frozen=True)
class Sample:
    """Rows of a hold-out by which predictions are checked."""

    held: HoldOut
    rows: Indices  # ascending
    parts: NDArray[Any]  # the part of each row
    weight: Floats  # that each row represents if all rows of its part are scored
    is_all: bool

    @property
    def trained_on(self) -> Mask:
        return self.held.group_of[self.parts] % 2 == 1

    def take(self, kept: Mask) -> Sample:
        taken = ("rows", "parts", "weight")
        return replace(self, **{name: getattr(self, name)[kept] for name in taken})

    def check(self, proba: Floats, *, in_training: bool) -> CheckResult:
        """Divide the predicted total of each class by its true total."""
        # The variance is that of a sample stratified by parts, with small parts joined.
        totals, group_of = self.held.totals, self.held.group_of
        scored = np.bincount(self.parts, minlength=len(totals))
        whole = np.zeros(len(scored), dtype=bool)
        pool_of = join_small(scored, group_of, whole)
        pool = pool_of[self.parts]
        held = np.bincount(pool, self.weight, minlength=len(scored))
        wanted = np.bincount(pool_of, totals, minlength=len(scored))
        weight = self.weight * (wanted[pool] / held[pool])
        n_rows = np.bincount(pool, minlength=len(scored))
        inflate = (n_rows / np.maximum(n_rows - 1, 1))[pool]
        of_class = np.bincount(group_of // 2, totals)
        classes = self.held.classes
        expected, variance = np.empty((2, len(classes)))
        for code, p in enumerate(np.asarray(proba, dtype=np.float64).T):
            predicted = weight * p
            expected[code] = predicted.sum()
            mean = np.bincount(pool, predicted) / np.bincount(pool, weight).clip(_TINY)
            variance[code] = (inflate * (weight * (p - mean[pool])) ** 2).sum()
        return CheckResult(
            by_label(classes, expected / of_class),
            by_label(classes, np.sqrt(variance) / of_class),
            in_training,
        )


def hold_out(
    samples: CheckedSamples, cells: Cells | None, trained_on: Mask, seed: int
) -> HoldOut | None:
    """Find rows to check by; None if every row was trained on."""
    if trained_on.all():
        return None
    return rows_to_check(samples.labels, samples.sample_weight, cells, trained_on, seed)


def rows_to_check(
    labels: Labels,
    incoming: Floats | None,
    cells: Cells | None,
    trained_on: Mask,
    seed: int,
) -> HoldOut:
    """Find rows to check by, also if all were trained on."""
    own, class_of = labels, np.arange(len(labels.classes))
    if cells is not None:
        own, class_of = cells.cells, cells.class_of
    n_parts = 2 * len(own.classes)
    parts = own.codes.astype(np.min_scalar_type(n_parts)) * 2 + trained_on
    rows_of = count_codes(parts, n_parts)
    held = rows_of.astype(np.float64)
    if incoming is not None:
        held = totals_of(parts, incoming, n_parts)
    totals = held.copy()
    if cells is not None:
        by_cell = totals.reshape(-1, 2)
        dropped = by_cell[:, 0] > 0
        by_cell[dropped, 0] += by_cell[dropped, 1]
        by_cell[dropped, 1] = 0
    group_of = 2 * np.repeat(class_of, 2) + np.tile([0, 1], len(class_of))
    n_groups = 2 * len(labels.classes)
    counted = np.where(totals > 0, group_of, n_groups)
    groups = counted.astype(np.min_scalar_type(n_groups))[parts]
    return HoldOut(
        labels.classes, parts, incoming, held, totals, group_of, groups, seed
    )


def _rows_at(groups: NDArray[Any], places: list[NDArray[np.int64]]) -> Indices:
    """Find rows by their ascending positions within each group."""
    # Lists of all rows of the groups would take many times the memory of the codes.
    done, found = np.zeros(len(places) + 1, dtype=np.int64), []
    for start in range(0, len(groups), _BLOCK):
        block = groups[start : start + _BLOCK]
        order = np.argsort(block, kind="stable")
        counts = np.bincount(block, minlength=len(done))
        by_group = np.split(order, np.cumsum(counts[:-1]))
        for rows, wanted, first in zip(by_group, places, done.tolist(), strict=False):
            low, high = np.searchsorted(wanted, [first, first + len(rows)])
            found.append(start + rows[wanted[low:high] - first])
        done += counts
    return np.sort(np.concatenate(found))


def _share(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Choose all rows of small groups, and equally many of each other group."""
    level, left = most, most
    ascending = np.sort(counts[counts > 0]).tolist()
    for place, count in enumerate(ascending):
        level = left // (len(ascending) - place)
        if count > level:
            break
        left -= count
    else:
        return counts
    return np.minimum(counts, max(1, level))
