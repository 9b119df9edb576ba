"""A part of the data by row numbers; rows are taken only when used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from skstrat._core.containers import is_lazy
from skstrat._core.labels import Labels, one_label_per_row
from skstrat._core.prior import correct_prior
from skstrat._core.rows import gather_rows
from skstrat._core.samples import check_samples

Rows = NDArray[Any]
Floats = NDArray[np.float64]

# Rows predicted at a time.
_BLOCK = 1 << 14
# Numbers that are read from files in advance: 128 megabytes of floats.
_AHEAD = 1 << 24
# Probabilities are clipped as in scikit-learn's log loss.
_TINY = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Part:
    """Rows of the data by position, their labels and weights."""

    X: Any  # all of the data
    labels: Labels  # of the part's rows, with all classes and the counts in the part
    weights: Floats | None
    positions: Rows | None  # in X; None for all rows in their order

    def part(self, rows: Rows) -> Part:
        labels = self.labels
        codes = labels.codes[rows]
        counts = np.bincount(codes, minlength=len(labels.classes))
        return Part(
            self.X,
            Labels(codes, labels.classes, counts),
            None if self.weights is None else self.weights[rows],
            rows if self.positions is None else self.positions[rows],
        )

    def take(self, rows: Rows) -> tuple[Any, Any]:
        at = rows if self.positions is None else self.positions[rows]
        X = self.X.take_rows(at) if is_lazy(self.X) else gather_rows(self.X, at)
        return X, self.labels.classes[self.labels.codes[rows]]

    def serve(self, batches: Iterable[Rows]) -> Iterator[tuple[Rows, Any, Any]]:
        """Gather the rows of each batch; files are read once for many batches."""
        if not is_lazy(self.X):
            for rows in batches:
                yield rows, *self.take(rows)
            return
        rest = iter(batches)
        for first in rest:
            numbers = max(1, len(first) * self.X.shape[1])
            ahead = [first, *islice(rest, _AHEAD // numbers)]
            wanted = np.unique(np.concatenate(ahead))
            X, y = self.take(wanted)
            for rows in ahead:
                places = np.searchsorted(wanted, rows)
                yield rows, gather_rows(X, places), y[places]

    def predict(self, method: Callable[[Any], Any], rows: Rows) -> Floats:
        blocks = [rows[n : n + _BLOCK] for n in range(0, len(rows), _BLOCK)]
        return np.concatenate([method(self.take(block)[0]) for block in blocks])

    def log_loss(self, priors: dict[str, Floats], estimator: Any) -> float:
        codes = self.labels.codes
        rows = np.arange(len(codes))
        proba = correct_prior(self.predict(estimator.predict_proba, rows), **priors)
        likelihood = np.maximum(proba[rows, codes], _TINY)
        return -float(np.average(np.log(likelihood), weights=self.weights))


def as_part(X: Any, y: Any, sample_weight: Any) -> Part:
    """Check labels and weights; rows of zero weight are left out."""
    y = one_label_per_row(y)
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if hasattr(X, "__array__") and not hasattr(X, "__getitem__"):
        X = np.asarray(X)
    samples = check_samples(X, y, sample_weight)
    return Part(X, samples.labels, samples.sample_weight, samples.positions)
