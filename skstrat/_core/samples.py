"""Check the input of a resampler or a classifier, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.containers import is_lazy, read_column
from skstrat._core.hashing import HashedKeys, Keys
from skstrat._core.labels import Labels, encode_labels, require_labels
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats, check_sample_weight, counted_rows

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class CheckedSamples:
    """The rows whose incoming weight is not zero."""

    y: Any
    sample_weight: Floats | None
    positions: Indices | None  # In X, ascending; None if they are all rows.
    keys: HashedKeys | None = None  # None for their positions in X.

    @property
    def identities(self) -> Keys | None:
        """Values that are hashed; None for the positions of all rows."""
        return self.positions if self.keys is None else self.keys

    @cached_property
    def labels(self) -> Labels:
        """Class codes of the rows, encoded at first use."""
        return encode_labels(self.y)

    def position_of(self, indices: Indices) -> Indices:
        """Turn positions among these rows into positions in X; -1 stays."""
        if self.positions is None:
            return indices
        return np.where(indices < 0, -1, self.positions[indices])

    def weights_of(self, indices: Indices) -> Floats | None:
        """Take the incoming weights of some rows."""
        return None if self.sample_weight is None else self.sample_weight[indices]

    def take(self, X: Any) -> Any:
        """Take these rows; X itself if they are all."""
        if self.positions is None:
            return X
        return X.only(self.positions) if is_lazy(X) else take_rows(X, self.positions)


def check_samples(X: Any, y: Any, sample_weight: Any) -> CheckedSamples:
    """Check lengths and weights, and leave out rows of zero weight."""
    n_rows = check_lengths(X, y)
    weights = check_sample_weight(read_column(sample_weight), n_rows)
    counted = counted_rows(weights)
    # Rows that are not in memory may have keys.
    keys = getattr(X, "identities", None)
    keys = keys if isinstance(keys, HashedKeys) else None
    if weights is None or counted is None:
        return CheckedSamples(y, weights, None, keys)
    keys = None if keys is None else keys[counted]
    return CheckedSamples(take_rows(y, counted, "y"), weights[counted], counted, keys)


def check_lengths(X: Any, y: Any) -> int:
    """Refuse X and y of different lengths, and return their number of rows."""
    require_labels(y)
    n_rows, n_labels = count_rows(X), count_rows(y, "y")
    if n_rows != n_labels:
        raise ValueError(
            "X and y must have one row each per example; found input variables with "
            f"inconsistent numbers of samples: {n_rows} in X and {n_labels} in y."
        )
    return n_rows
