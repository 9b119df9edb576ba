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
    """Offset of the log probabilities of a model trained on rows that a pilot chose."""

    pilots: list[Any]  # The fitted pilots; their mean is used.
    # Rows of each class that each pilot was fitted on, in the order of its classes.
    # They are the prior from which it is corrected.
    learned: list[NDArray[np.int64]]
    # Rows of each class in the data, in the order of the pilots' classes. They are the
    # prior to which pilots are corrected.
    counts: NDArray[np.int64]
    # The inclusion probability is the slope times one minus the probability of the
    # class, within floor and 1. Slope 0 and floor 1 keep every row.
    slopes: Floats
    floors: Floats
    log_scale: Floats  # The part of the offset that is the same for all rows.
    # For each class of the offset, its position among the pilots' classes.
    order: NDArray[np.intp]

    def __call__(self, X: Any) -> Floats:
        """Return the offsets of rows, of shape (n_rows, n_classes)."""
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
    """Yield blocks of rows that are scored together."""
    for start in range(0, len(rows), _ROWS_SCORED_AT_A_TIME):
        yield rows[start : start + _ROWS_SCORED_AT_A_TIME]
