"""The result of resampling: rows, labels, weights, and how they were made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.cells import Cells
from skstrat._core.dask import into_memory
from skstrat._core.labels import Labels, count_codes, encode_labels
from skstrat._core.plan import Plan
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import Floats, class_totals

# Rows dropped of a class divided by its rows, or by those of all others if these are
# fewer. Below this share, models of cleaned rows predicted 0.82 to 1.22 times the rate;
# from 0.8 on, up to 1.6 times. At most this share of rows is in Tomek links: two thirds
# of the points on a line are nearest neighbours of each other.
_MANY_DROPPED = 2 / 3


# A weight is a product: the incoming weight of the row, the multiplier of its stratum
# or group, and the multiplier of its class.
@dataclass(frozen=True)
class Resampled:
    """Rows to train on, their weights, and the factors of the weights."""

    X: Any = field(repr=False)  # X and y are None until they are taken.
    y: Any = field(repr=False)
    weights: Any = None  # None if there are no incoming weights and none were made.
    incoming: Any = None  # None if all are 1.
    # The multipliers of strata and groups; None if all are 1.
    within_class: Floats | None = None
    # The multiplier of each class; None if weights only follow their rows.
    class_weight: Floats | None = None
    # Whether rows of a class had different inclusion probabilities.
    by_row: bool = False
    moves_rows: bool = False  # Whether any row was dropped, repeated or made.
    # The rows of positive weight before resampling.
    samples: CheckedSamples | None = None
    classes: NDArray[Any] | None = None  # None where only samples has them.
    # Class codes of the rows drawn; None if they are not encoded yet.
    codes: NDArray[Any] | None = None
    # Where strata take the place of the classes: their codes for the rows drawn, and
    # those of the rows before.
    strata: tuple[NDArray[Any], Labels] | None = None
    # Positions of the rows in X, -1 for one that was made; None if unknown.
    rows: Any = None
    plan: Plan | None = None
    # Whether the rows kept are a random sample of each class or cell.
    at_random: bool = False
    # Class of a sampler that may choose rows by their values, and weighs all rows of a
    # class alike; "" for others.
    by_values: str = ""
    cells: Cells | None = None  # None if they are the classes.
    made_by: str = ""  # Class of the resampler.
    # For a pipeline of resamplers, the result of each, without the rows.
    parts: tuple[Resampled, ...] = ()
    # For Dask collections: all rows, from which some can be taken by position.
    source: Any = field(default=None, repr=False)

    @cached_property
    def labels(self) -> Labels:
        """Class codes of the rows."""
        if self.codes is None or self.classes is None:
            if self.samples is not None and self.y is self.samples.y:
                return self.samples.labels
            return encode_labels(self.y)
        counts = count_codes(self.codes, len(self.classes))
        return Labels(self.codes, self.classes, counts)

    @cached_property
    def original(self) -> tuple[NDArray[Any], NDArray[Any], Floats]:
        """Classes before resampling, their rows and their total weights."""
        samples: Any = self.samples
        totals = class_totals(samples.labels, samples.sample_weight)
        return samples.labels.classes, samples.labels.counts, totals

    @cached_property
    def class_change(self) -> tuple[Floats, Floats] | None:
        """Rows and share of the weight of each class, after over before, or None."""
        try:
            labels, (classes, counts, totals) = self.labels, self.original
        except ValueError:
            return None
        names = classes.tolist()
        place = [names.index(label) for label in labels.classes.tolist()]
        rows, after = np.zeros((2, len(names)))
        rows[place] = labels.counts
        after[place] = class_totals(labels, self.weights)
        return rows / counts, (after / after.sum()) / (totals / totals.sum())

    @property
    def of_label_sets(self) -> bool:
        """Whether rows have several labels, and weights depend on all of them."""
        weighs = self.class_weight is not None
        return weighs and self.codes is None and self.strata is None

    @property
    def chosen_by(self) -> list[str]:
        """Name the samplers that dropped many rows by their values."""
        parts = self.parts or (self,)
        return [part.by_values for part in parts if part._drops_many_by_values()]

    def _drops_many_by_values(self) -> bool:
        if not self.by_values or self.class_change is None:
            return False
        counts = self.original[1]
        kept = self.class_change[0] * counts
        if self.samples is not None and self.rows is not None:
            rows = np.unique(self.rows[self.rows >= 0])
            if self.samples.positions is not None:
                rows = np.searchsorted(self.samples.positions, rows)
            kept = count_codes(self.samples.labels.codes[rows], len(counts))
        fewer = np.minimum(counts, counts.sum() - counts)
        return bool((counts - kept >= _MANY_DROPPED * fewer).any())

    @cached_property
    def adds_rows(self) -> bool:
        """Return whether any row was repeated or made."""
        if self.samples is not None and self.rows is not None:
            apart = np.diff(self.rows)
            # Most samplers return rows in order, which needs no sorting.
            if (apart < 0).any():
                apart = np.diff(np.sort(self.rows))
            return bool((self.rows < 0).any() or (apart == 0).any())
        if self.parts:
            return any(part.adds_rows for part in self.parts)
        if not self.moves_rows or self.class_change is None:
            return False
        return bool((self.class_change[0] > 1).any())

    def in_memory(self) -> Resampled:
        """Return the same with lazy rows and weights computed."""
        X, y, weights = into_memory(self.X, self.y, self.weights)
        return replace(self, X=X, y=y, weights=np.asarray(weights))
