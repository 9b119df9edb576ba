r"""The rows that were dropped are a hold-out that costs nothing.

The estimator has not seen them. Where a cell's rows were kept at random those dropped
are a random sample of it and stand for all; where it dropped none, those kept do. Of
other draws, kept and dropped rows stand for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.cells import Cells
from skstrat._core.labels import by_label
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import Floats, join_small

MOST_SCORED = 20_000
# A ratio outside by chance alone is no reason to warn.
_STANDARD_ERRORS = 2.0
_TINY = np.finfo(np.float64).tiny

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CheckResult:
    """What rows that were not trained on say of a model.

    Attributes
    ----------
    ratios : dict of label to float
        Predicted total of each class over what there is; 1 is right.
    standard_errors : dict of label to float
        Of the ratios, by all rows scored.
    in_training : bool
        Whether the estimator was trained on some of the rows scored. It is surer of
        these, so a ratio of less than 1 may be hidden.
    """

    ratios: dict[Any, float]
    standard_errors: dict[Any, float]
    in_training: bool

    @property
    def worst(self) -> Any:
        """The class whose ratio is furthest from 1, two standard errors set aside."""
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
        """Give the two standard errors that a ratio may be off by chance."""
        return _STANDARD_ERRORS * self.standard_errors[label]

    def __str__(self) -> str:
        seen = ", rows trained on among those scored" if self.in_training else ""
        error = self.standard_error
        return f"{self.ratio:.3g} ± {error:.2g} of class {self.worst!r}{seen}"


def nearest_to_one(first: CheckResult, second: CheckResult) -> CheckResult:
    """Take what is nearest to 1 of the ratios between two that are one-sided."""
    ratios, errors = {}, {}
    for label, ratio in first.ratios.items():
        other = second.ratios[label]
        ratios[label] = float(np.clip(1, min(ratio, other), max(ratio, other)))
        source = first if abs(ratio - 1) < abs(other - 1) else second
        errors[label] = source.standard_errors[label]
    return CheckResult(ratios, errors, in_training=True)


@dataclass(frozen=True)
class HoldOut:
    """Rows by which predictions are checked.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    totals : ndarray of shape (n_parts,)
        What the rows of each part stand for. A part is one cell's kept rows or its
        dropped ones.
    group_of : ndarray of shape (n_parts,)
        Twice the class code of each part, and one more if it was trained on.
    rows : ndarray of shape (n_rows,)
        Positions, ascending.
    parts : ndarray of shape (n_rows,)
        The part of each.
    weight : ndarray of shape (n_rows,)
        What each stands for, if all rows of its part are scored.
    rank : ndarray of shape (n_rows,)
        A random order within the group.
    """

    classes: NDArray[Any]
    totals: Floats
    group_of: Indices
    rows: Indices
    parts: Indices
    weight: Floats
    rank: Indices

    @property
    def trained_on(self) -> Mask:
        """Whether the estimator was trained on a row."""
        return self.group_of[self.parts] % 2 == 1

    def is_among_first(self, most: int) -> Mask:
        """Tell which rows are looked at if these are at most so many."""
        group = self.group_of[self.parts]
        counts = np.bincount(group)
        order = np.lexsort((self.rank, group))
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order)) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        among: Mask = place < _share(counts, most)[group]
        return among

    def take(self, kept: Mask) -> HoldOut:
        """Let some rows stand for all."""
        taken = ("rows", "parts", "weight", "rank")
        return replace(self, **{name: getattr(self, name)[kept] for name in taken})

    def check(self, proba: Floats, *, in_training: bool) -> CheckResult:
        """Divide what is predicted of each class by what there is of it.

        ``proba`` has a column for each class; the variance is that of a sample that is
        stratified by parts, small ones put together.
        """
        scored = np.bincount(self.parts, minlength=len(self.totals))
        whole = np.zeros(len(scored), dtype=bool)
        pool_of = join_small(scored, self.group_of, whole)
        pool = pool_of[self.parts]
        held = np.bincount(pool, self.weight, minlength=len(scored))
        wanted = np.bincount(pool_of, self.totals, minlength=len(scored))
        weight = self.weight * (wanted[pool] / held[pool])
        n_rows = np.bincount(pool, minlength=len(scored))
        inflate = (n_rows / np.maximum(n_rows - 1, 1))[pool]
        of_class = np.bincount(self.group_of // 2, self.totals)
        expected, variance = np.empty((2, len(self.classes)))
        for code, p in enumerate(np.asarray(proba, dtype=np.float64).T):
            predicted = weight * p
            expected[code] = predicted.sum()
            mean = np.bincount(pool, predicted) / np.bincount(pool, weight).clip(_TINY)
            variance[code] = (inflate * (weight * (p - mean[pool])) ** 2).sum()
        return CheckResult(
            by_label(self.classes, expected / of_class),
            by_label(self.classes, np.sqrt(variance) / of_class),
            in_training,
        )


def hold_out(
    samples: CheckedSamples, cells: Cells | None, trained_on: Mask, seed: int
) -> HoldOut | None:
    """Find rows to check by; None if every row was trained on.

    ``cells`` are those of which rows were kept at random; None for another draw.
    """
    if trained_on.all():
        return None
    labels, incoming = samples.labels, samples.sample_weight
    own, class_of = labels, np.arange(len(labels.classes))
    if cells is not None:
        own, class_of = cells.cells, cells.class_of
    n_parts = 2 * len(own.classes)
    parts = 2 * own.codes.astype(np.intp) + trained_on
    held = np.bincount(parts, incoming, minlength=n_parts)
    totals = held.astype(np.float64)
    usable = held > 0
    if cells is not None:
        by_cell = totals.reshape(-1, 2)
        dropped = by_cell[:, 0] > 0
        by_cell[dropped, 0] += by_cell[dropped, 1]
        by_cell[dropped, 1] = 0
        usable = totals > 0
    rows, rank = _choose(
        np.where(usable[parts], 2 * labels.codes.astype(np.intp) + trained_on, -1), seed
    )
    weight = np.ones(len(rows)) if incoming is None else incoming[rows]
    parts = parts[rows]
    return HoldOut(
        classes=labels.classes,
        totals=totals,
        group_of=2 * np.repeat(class_of, 2) + np.tile([0, 1], len(class_of)),
        rows=rows,
        parts=parts,
        weight=weight * (totals[parts] / held[parts]),
        rank=rank,
    )


def _choose(group: Indices, seed: int) -> tuple[Indices, Indices]:
    """Choose rows of every group at random, -1 for none, and order those of each."""
    # One more, so that -1 is a count, too.
    n_skipped, *counts = np.bincount(group + 1).tolist()
    small = np.min_scalar_type(len(counts))
    order = np.argsort((group + 1).astype(small), kind="stable")[n_skipped:]
    start = np.cumsum([0, *counts])
    quota = _share(np.array(counts), MOST_SCORED).tolist()
    generator = np.random.default_rng(seed)
    chosen, rank = [], []
    for first, count, wanted in zip(start.tolist(), counts, quota, strict=False):
        # Of few rows each stands somewhere, and of many the first are a sample.
        places = generator.choice(count, wanted, replace=False)
        chosen.append(order[first + places])
        rank.append(np.arange(wanted))
    rows = np.concatenate(chosen)
    ascending = np.argsort(rows)
    return rows[ascending], np.concatenate(rank)[ascending]


def _share(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Take small groups whole and equally many rows of each other one."""
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
