"""The correction of each prediction of a model trained on rows that a pilot chose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.prior import correct_prior
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats

_ROWS_SCORED_AT_A_TIME = 1 << 16


@dataclass(frozen=True)
class RowOffset:
    """Offset of the log probabilities of a model trained on rows that a pilot chose.

    It holds the fitted pilots and no row of the data. Called with rows it returns an
    array of shape (n_rows, n_classes).

    Attributes
    ----------
    pilots : list of classifier
        The fitted pilots; their mean is used.
    learned : list of ndarray of shape (n_classes,)
        Rows of each class that each pilot was fitted on, in the order of its classes.
        They are the prior from which it is corrected.
    counts : ndarray of shape (n_classes,)
        Rows of each class in the data, in the order of the pilots' classes. They are
        the prior to which pilots are corrected.
    slopes, floors : ndarray of shape (n_classes,)
        The inclusion probability is the slope times one minus the probability of the
        class, within floor and 1. Slope 0 and floor 1 keep every row.
    log_scale : ndarray of shape (n_classes,)
        The part of the offset that is the same for all rows.
    order : ndarray of shape (n_classes,)
        For each class of the offset, its position among the pilots' classes.
    """

    pilots: list[Any]
    learned: list[NDArray[np.int64]]
    counts: NDArray[np.int64]
    slopes: Floats
    floors: Floats
    log_scale: Floats
    order: NDArray[np.intp]

    def __call__(self, X: Any) -> Floats:
        offset = np.empty((count_rows(X), len(self.order)))
        for block in row_blocks(np.arange(len(offset))):
            part = take_rows(X, block)
            proba = np.mean(
                [
                    pilot_proba(pilot, part, learned, self.counts)
                    for pilot, learned in zip(self.pilots, self.learned, strict=True)
                ],
                axis=0,
            )
            hardness = 1 - proba[:, self.order]
            chance = inclusion_probability(hardness, self.slopes, self.floors)
            offset[block] = self.log_scale - np.log(chance)
        return offset

    def in_order(self, order: NDArray[np.intp]) -> RowOffset:
        """Return the same with the classes in another order."""
        return replace(
            self,
            slopes=self.slopes[order],
            floors=self.floors[order],
            log_scale=self.log_scale[order],
            order=self.order[order],
        )


def inclusion_probability(hardness: Floats, slope: Any, floor: Any) -> Floats:
    """Return the inclusion probability of rows by how hard they are to classify."""
    chance: Floats = np.clip(slope * hardness, floor, 1)
    return chance


def pilot_proba(
    pilot: Any, X: Any, learned: NDArray[np.int64], counts: NDArray[np.int64]
) -> Floats:
    """Predict under the true prior by a model trained on a few rows of each class."""
    return correct_prior(
        pilot.predict_proba(X),
        train_prior=learned / learned.min(),
        target_prior=counts,
    )


def row_blocks(rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut rows into blocks that are scored at a time."""
    for start in range(0, len(rows), _ROWS_SCORED_AT_A_TIME):
        yield rows[start : start + _ROWS_SCORED_AT_A_TIME]
