"""Which rows count: a row of zero weight is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels, encode_labels
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats, check_sample_weight, counted_rows

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Seen:
    """The rows that count: those whose incoming weight is not zero.

    Attributes
    ----------
    labels : Labels
        Their class codes.
    y : array-like of shape (n_counted,)
        Their labels.
    sample_weight : ndarray of shape (n_counted,) or None
        Their weights.
    counted : ndarray of shape (n_counted,) or None
        Their positions, None for all.
    """

    labels: Labels
    y: Any
    sample_weight: Floats | None
    counted: Indices | None


def look_at(X: Any, y: Any, sample_weight: Any) -> Seen:
    """Check data and leave out rows of zero weight."""
    labels = encode_labels(y)
    incoming, counted = weights_of_rows(X, len(labels.codes), sample_weight)
    if incoming is None or counted is None:
        return Seen(labels, y, incoming, None)
    y = take_rows(y, counted)
    return Seen(encode_labels(y), y, incoming[counted], counted)


def weights_of_rows(
    X: Any, n_labels: int, sample_weight: Any
) -> tuple[Floats | None, Indices | None]:
    """Check the incoming weights, and find the rows that have one."""
    n_rows = count_rows(X)
    if n_rows != n_labels:
        raise ValueError(
            "X and y must have one row each per example; found input variables with "
            f"inconsistent numbers of samples: {n_rows} in X and {n_labels} in y."
        )
    incoming = check_sample_weight(sample_weight, n_rows)
    return incoming, counted_rows(incoming)


def drop_zero_weights(
    X: Any, y: Any, sample_weight: Any
) -> tuple[Any, Any, Floats | None]:
    """Leave out rows of zero weight, for what takes no weights and would use them."""
    weights = check_sample_weight(sample_weight, count_rows(X))
    counted = counted_rows(weights)
    if weights is None or counted is None:
        return X, y, weights
    return take_rows(X, counted), take_rows(y, counted), weights[counted]
