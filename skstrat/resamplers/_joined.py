"""The joint result of two resamplers, one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.weights import Floats
from skstrat.resamplers._resampled import Resampled

Array = NDArray[Any]


def join(first: Resampled, second: Resampled) -> Resampled:
    """Join the result of a resampler with that of another on its rows."""
    incoming, within_class, class_weight = _join_weights(first, second)
    rows = None
    if first.rows is not None and second.rows is not None:
        rows = _follow(first.rows, second.rows, -1)
    classes, codes = second.classes, second.codes
    if class_weight is not None:
        classes, codes = second.labels.classes, second.labels.codes
    parts = tuple(
        replace(part, X=None)
        for each in (first, second)
        for part in each.parts or (each,)
    )
    return Resampled(
        X=second.X,
        y=second.y,
        weights=second.weights,
        incoming=incoming,
        within_class=within_class,
        class_weight=class_weight,
        by_row=first.by_row or second.by_row,
        moves_rows=first.moves_rows or second.moves_rows,
        samples=first.samples,
        classes=classes,
        codes=codes,
        rows=rows,
        plan=second.plan,
        # The cells of the second are unknown for rows that the first dropped.
        at_random=first.at_random and second.at_random and second.cells is None,
        cells=first.cells,
        made_by=" and ".join(part.made_by for part in parts),
        parts=parts,
    )


def _join_weights(
    first: Resampled, second: Resampled
) -> tuple[Floats | None, Floats | None, Floats | None]:
    """Multiply the parts of the weights: incoming, within the class, of the class."""
    if first.weights is None:
        return second.incoming, second.within_class, second.class_weight
    if _weighs_no_classes(first) or _weighs_no_classes(second):
        return second.weights, None, None
    rows = second.rows
    rows = np.full(len(second.weights), -1) if rows is None else rows
    by_class = None
    # Of rows that were made only the whole weight is known.
    incoming = second.incoming
    if first.class_weight is not None:
        names = first.labels.classes.tolist()
        labels = second.labels
        place = [names.index(label) for label in labels.classes.tolist()]
        by_class = first.class_weight[place]
        incoming = incoming / by_class[labels.codes]
    real = rows >= 0
    if first.incoming is not None:
        incoming = np.where(real, first.incoming[rows], incoming)
    elif real.all():
        incoming = None
    else:
        incoming = np.where(real, 1.0, incoming)
    within = first.within_class
    if within is not None:
        within = _follow(within, rows, 1.0)
    return (
        incoming,
        _multiply(within, second.within_class),
        _multiply(by_class, second.class_weight),
    )


def _weighs_no_classes(resampled: Resampled) -> bool:
    """Return whether weights depend on sets of labels, which are no classes."""
    return resampled.class_weight is not None and resampled.codes is None


def _follow(values: Array, rows: Array, made: float) -> Array:
    """Take the values of rows; rows that were made get the value ``made``."""
    return np.where(rows < 0, made, values[rows]).astype(values.dtype)


def _multiply(first: Floats | None, second: Floats | None) -> Floats | None:
    if first is None or second is None:
        return second if first is None else first
    product: Floats = first * second
    return product
