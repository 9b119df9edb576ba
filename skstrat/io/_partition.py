"""A part of the data: its labels, its weights, and what tells its rows apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.draw import hash_window
from skstrat._core.labels import count_codes, factorize
from skstrat._core.plan import Plan
from skstrat._core.weights import (
    Floats,
    check_sample_weight,
    counted_rows,
    multiply_weights,
)
from skstrat.io._hash_window import Window, mask_of_rows
from skstrat.io._tally import ClassTally, Shares, Tally, share_of

Array = NDArray[Any]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class EncodedPartition:
    """Codes of the rows of a part whose weight is not zero.

    Attributes
    ----------
    n_rows : int
        All rows of the part.
    codes : ndarray of shape (n_counted,)
        Class codes, positions in ``classes``.
    classes : ndarray of shape (n_classes,)
        Labels; some may not occur.
    weights : ndarray of shape (n_counted,) or None
        Incoming weights.
    counted : ndarray of shape (n_counted,) or None
        Positions of the rows that count, None if all do.
    key : ndarray of shape (n_counted,) or None
        Identities, None for the positions.
    """

    n_rows: int
    codes: Array
    classes: Array
    weights: Floats | None
    counted: Indices | None
    key: Array | None

    def _identities(self, offset: int) -> Array | None:
        """Give a key for each row, None if they are consecutive."""
        if self.key is not None or self.counted is None:
            return self.key
        return self.counted + offset

    def tally(
        self,
        shares: Shares,
        hash_seed: int,
        offset: int,
        rows: Mapping[Any, int] | None = None,
    ) -> Tally:
        """Count the rows of each class and keep the hashes near its threshold."""
        codes, weights = self.codes, self.weights
        if not len(codes):
            return Tally(self.n_rows, {})
        counts = count_codes(codes, len(self.classes))
        names = self.classes.tolist()
        share = np.array([share_of(shares, name) for name in names])
        seen = [0 if rows is None else rows.get(name, 0) for name in names]
        low, high = hash_window(share, np.maximum(np.maximum(counts, seen), 1))
        identities = self._identities(offset)
        window = Window(low, high, hash_seed, offset, identities)
        if weights is None and identities is None:
            below, near_codes, near_hashes = window.count(codes, counts)
            total, below_total, near_weights = counts, below, np.ones(len(near_codes))
        else:
            unit = np.ones(len(codes)) if weights is None else weights
            below, below_total, near = window.find(codes, counts, unit)
            near_codes, near_hashes, near_weights = near
            total = np.bincount(codes, unit, minlength=len(names))
        order = np.argsort(near_codes, kind="stable")
        ends = np.cumsum(np.bincount(near_codes, minlength=len(names)))[:-1]
        columns = zip(
            *(counts.tolist(), np.asarray(total, dtype=float).tolist()),
            *(share.tolist(), below.tolist()),
            np.asarray(below_total, dtype=float).tolist(),
            *(np.split(near_hashes[order], ends), np.split(near_weights[order], ends)),
            strict=True,
        )
        tallies = zip(names, (ClassTally(*own) for own in columns), strict=True)
        return Tally(self.n_rows, {name: own for name, own in tallies if own.rows})

    def mask(self, plan: Plan, offset: int) -> NDArray[np.bool_]:
        """Mark the rows that a plan draws."""
        if len(self.codes) and self.counted is None and self.key is None:
            codes = _codes_of_the_plan(self.codes, self.classes.tolist(), plan)
            return mask_of_rows(codes, plan, offset)
        mask = np.zeros(self.n_rows, dtype=bool)
        mask[self.draw(plan, offset)[0]] = True
        return mask

    def draw(self, plan: Plan, offset: int) -> tuple[Indices, Floats]:
        """Find the rows that a plan draws of this part, and their weights."""
        if not len(self.codes):
            return np.empty(0, dtype=np.intp), np.empty(0)
        codes = _codes_of_the_plan(self.codes, self.classes.tolist(), plan)
        indices, drawn = plan.select(codes, offset=offset, key=self._identities(offset))
        if self.weights is not None:
            drawn = multiply_weights(drawn, self.weights[indices])
        return (indices if self.counted is None else self.counted[indices]), drawn


@dataclass(frozen=True)
class Partition:
    """The labels of a part of the data, and what tells its rows apart.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels, of as few classes as there are here; there may be no rows.
    sample_weight : array-like of shape (n_rows,), default=None
        Incoming weights; a row of zero weight is not there.
    key : array-like of shape (n_rows,), default=None
        Identities of the rows, integers or strings without missing values; None
        for their positions in the whole data.
    """

    y: Any
    sample_weight: Any = None
    key: Any = None

    def encode(self) -> EncodedPartition:
        """Turn labels into codes, and leave out rows of zero weight."""
        codes, classes = factorize(self.y)
        key = None if self.key is None else np.asarray(self.key)
        if key is not None and key.shape != codes.shape:
            raise ValueError(
                "key must have one value per row; got "
                f"{len(key)} for {len(codes)} rows."
            )
        n_rows, weights, counted = len(codes), None, None
        if self.sample_weight is not None and n_rows:
            weights = _weights_of_a_part(self.sample_weight, n_rows)
            counted = counted_rows(weights)
        if weights is not None and counted is not None:
            codes, weights = codes[counted], weights[counted]
            key = None if key is None else key[counted]
        return EncodedPartition(n_rows, codes, classes, weights, counted, key)

    def draw(self, plan: Plan, offset: int = 0) -> tuple[Indices, Floats]:
        """Find the rows that a plan draws of this part, and their weights."""
        return self.encode().draw(plan, offset)


def _codes_of_the_plan(codes: Array, names: list[Any], plan: Plan) -> Array:
    if tuple(names) == plan.classes:
        return codes
    code_of = {label: code for code, label in enumerate(plan.classes)}
    if not code_of.keys() >= set(names):
        counts = dict(zip(names, count_codes(codes, len(names)), strict=True))
        unknown = [name for name in names if counts[name] and name not in code_of]
        if unknown:
            raise ValueError(
                f"y must hold only the plan's classes {list(plan.classes)!r}; got "
                f"{unknown!r}. The plan was made for other data, or the data changed."
            )
    position = [code_of.get(name, 0) for name in names]
    return np.array(position, dtype=np.min_scalar_type(len(code_of)))[codes]


def _weights_of_a_part(sample_weight: Any, n_rows: int) -> Floats:
    weights = np.asarray(sample_weight, dtype=np.float64)
    # All of a part, other than all of the data, may weigh nothing.
    if weights.shape == (n_rows,) and not weights.any() and np.isfinite(weights).all():
        return weights
    checked = check_sample_weight(weights, n_rows)
    return weights if checked is None else checked
