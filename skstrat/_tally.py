"""What one look at the labels of a part of the data tells, and how parts add up.

For an exact draw only the hashes near the threshold are kept, some ``sqrt(n)`` of
them, so that the parts of any data can be put together in little memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._columns import factorize
from skstrat._draw import LARGEST, as_threshold, hash_window, rows_below
from skstrat._labels import count_codes
from skstrat._plan import Plan
from skstrat._weights import (
    Floats,
    check_sample_weight,
    counted_rows,
    multiply_weights,
)

Array = NDArray[Any]
Indices = NDArray[np.intp]
Identities = int | Array
Shares = Mapping[Any, float] | float


@dataclass(frozen=True)
class ClassTally:
    """Rows and mass of one class, and those of them that a draw may take.

    Attributes
    ----------
    rows : int
        Rows seen, those of zero weight left out.
    mass : float
        Their total weight.
    share : float
        Share of them to draw, beyond whole copies of all.
    below : int
        Rows whose hash is surely below the threshold.
    below_mass : float
        Their total weight.
    hashes : ndarray of shape (n_near,)
        Hashes near the threshold.
    weights : ndarray of shape (n_near,)
        Weights of their rows.
    """

    rows: int
    mass: float
    share: float
    below: int
    below_mass: float
    hashes: NDArray[np.uint64]
    weights: Floats

    def merge(self, other: Self) -> Self:
        """Add the rows of another part.

        Parameters
        ----------
        other : ClassTally
            The same class elsewhere.

        Returns
        -------
        ClassTally
            Both, as if they had been one part.
        """
        rows = self.rows + other.rows
        hashes = np.concatenate([self.hashes, other.hashes])
        weights = np.concatenate([self.weights, other.weights])
        low, high = hash_window(np.array([self.share]), np.array([rows]))
        below, near = hashes < low, (hashes >= low) & (hashes < high)
        return type(self)(
            rows=rows,
            mass=self.mass + other.mass,
            share=self.share,
            below=self.below + other.below + int(np.count_nonzero(below)),
            below_mass=self.below_mass + other.below_mass + float(weights[below].sum()),
            hashes=hashes[near],
            weights=weights[near],
        )

    def expect(self) -> tuple[int, int, float]:
        """Draw every row whose hash is below the share.

        Returns
        -------
        threshold : int
            The limit of the hashes.
        drawn : int
            Rows below it.
        drawn_mass : float
            Their total weight.
        """
        threshold = int(as_threshold(np.array([self.share]))[0])
        near = self.hashes < np.uint64(threshold)
        drawn = self.below + int(np.count_nonzero(near))
        return threshold, drawn, self.below_mass + float(self.weights[near].sum())

    def draw(self, wanted: int) -> tuple[int, int, float]:
        """Draw the rows of the smallest hashes.

        Parameters
        ----------
        wanted : int
            How many rows.

        Returns
        -------
        threshold : int
            The smallest hash not drawn.
        drawn : int
            Rows below it: as many as wanted, unless hashes tie there.
        drawn_mass : float
            Their total weight.
        """
        if not wanted:
            return 0, 0, 0.0
        k = wanted - self.below
        if not 0 <= k <= len(self.hashes):
            return 0, 0, 0.0
        threshold = LARGEST
        if k < len(self.hashes):
            threshold = int(np.partition(self.hashes, k)[k])
        near = self.hashes < np.uint64(threshold)
        drawn = self.below + int(np.count_nonzero(near))
        return threshold, drawn, self.below_mass + float(self.weights[near].sum())


@dataclass(frozen=True)
class Tally:
    """What is known of the labels of a part of the data.

    Attributes
    ----------
    n_rows : int
        All its rows, those of zero weight too.
    classes : dict of label to ClassTally
        What is known of each class in it.
    """

    n_rows: int
    classes: Mapping[Any, ClassTally]

    def merge(self, other: Self) -> Self:
        """Add another part.

        Parameters
        ----------
        other : Tally
            Another part of the data.

        Returns
        -------
        Tally
            Both.
        """
        classes = dict(self.classes)
        for label, tally in other.classes.items():
            mine = classes.get(label)
            classes[label] = tally if mine is None else mine.merge(tally)
        return type(self)(self.n_rows + other.n_rows, classes)


NOTHING = Tally(0, {})


@dataclass(frozen=True)
class Partition:
    """The labels of a part of the data, and what tells its rows apart.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels, of as few classes as there are here; no rows at all are well, too.
    sample_weight : array-like of shape (n_rows,), default=None
        Incoming weights; a row of zero weight is not there.
    key : array-like of shape (n_rows,), default=None
        Identities of the rows, integers or strings without missing values; None
        for their positions in the whole data.

    See Also
    --------
    plan_partitions : Decide from all partitions.
    """

    y: Any
    sample_weight: Any = None
    key: Any = None

    def encode(self, offset: int) -> tuple[Array, Array, Floats | None, Identities]:
        """Give codes, classes, weights and identities of the rows that count.

        Parameters
        ----------
        offset : int
            Position of the first row in the whole data.

        Returns
        -------
        codes : ndarray of shape (n_counted,)
            Positions in ``classes``.
        classes : ndarray of shape (n_classes,)
            Labels; some may not occur.
        weights : ndarray of shape (n_counted,) or None
            Incoming weights.
        identities : int or ndarray of shape (n_counted,)
            ``offset`` itself if the rows are consecutive, else a key for each.

        Raises
        ------
        ValueError
            If lengths differ, a label is missing or a weight impossible.
        """
        codes, classes = factorize(self.y)
        key = None if self.key is None else np.asarray(self.key)
        if key is not None and key.shape != codes.shape:
            raise ValueError(
                "key must have one value per row; got "
                f"{len(key)} for {len(codes)} rows."
            )
        identities = offset if key is None else key
        weights = None
        if self.sample_weight is not None and len(codes):
            weights = _weights_of_a_part(self.sample_weight, len(codes))
            counted = counted_rows(weights)
            if counted is not None:
                codes, weights = codes[counted], weights[counted]
                identities = counted + offset if key is None else key[counted]
        return codes, classes, weights, identities

    def count(self) -> Tally:
        """Count the rows of each class and add up their weights.

        Returns
        -------
        Tally
            Without hashes.
        """
        return self.tally(0.0, 0, 0)

    def tally(
        self,
        shares: Shares,
        hash_seed: int,
        offset: int,
        rows: Mapping[Any, int] | None = None,
    ) -> Tally:
        """Count the rows of each class and keep the hashes near its threshold.

        Parameters
        ----------
        shares : float or mapping of label to float
            Share to draw of every class, or of those named and 0 of others.
        hash_seed : int
            Seed of the hash.
        offset : int
            Position of the first row in the whole data.
        rows : mapping of label to int, default=None
            Rows that each class is known to have at least, in this part and
            elsewhere: the more, the fewer hashes are kept.

        Returns
        -------
        Tally
            What is known of this part.
        """
        codes, classes, weights, identities = self.encode(offset)
        if not len(codes):
            return Tally(len(self.y), {})
        counts = count_codes(codes, len(classes))
        names = classes.tolist()
        share = np.array([share_of(shares, name) for name in names])
        seen = [0 if rows is None else rows.get(name, 0) for name in names]
        low, high = hash_window(share, np.maximum(np.maximum(counts, seen), 1))
        own = identities if isinstance(identities, np.ndarray) else None
        found, own_codes, hashes = rows_below(
            codes, counts, high, hash_seed, offset, own
        )
        unsure = hashes >= low[own_codes]
        near = np.flatnonzero(unsure)
        near = near[np.argsort(own_codes[near], kind="stable")]
        n_near = np.bincount(own_codes[near], minlength=len(names))
        below = np.bincount(own_codes, minlength=len(names)) - n_near
        if weights is None:
            mass, below_mass, near_weights = counts, below, np.ones(len(near))
        else:
            mass = np.bincount(codes, weights, minlength=len(names))
            surely = np.where(unsure, 0.0, weights[found])
            below_mass = np.bincount(own_codes, surely, minlength=len(names))
            near_weights = weights[found[near]]
        ends = np.cumsum(n_near)[:-1]
        hashes_of = np.split(hashes[near], ends)
        weights_of = np.split(near_weights, ends)
        classes_seen = {
            name: ClassTally(
                int(counts[code]),
                float(mass[code]),
                float(share[code]),
                int(below[code]),
                float(below_mass[code]),
                hashes_of[code],
                weights_of[code],
            )
            for code, name in enumerate(names)
            if counts[code]
        }
        return Tally(len(self.y), classes_seen)

    def draw(self, plan: Plan, offset: int = 0) -> tuple[Indices, Floats]:
        """Find the rows that a plan draws of this part, and what each counts.

        Parameters
        ----------
        plan : Plan
            Made for the data that this is a part of.
        offset : int, default=0
            Position of the first row in the whole data; without meaning if there
            are keys.

        Returns
        -------
        indices : ndarray of shape (n_drawn,)
            Positions in this part, ascending, a row drawn m times standing m times.
        weights : ndarray of shape (n_drawn,)
            Their weights: incoming weight times class weight.

        Raises
        ------
        ValueError
            If a label is missing or is none of the plan's, lengths differ, or a
            weight is impossible.
        """
        codes, classes, weights, identities = self.encode(offset)
        if not len(codes):
            return np.empty(0, dtype=np.intp), np.empty(0)
        codes = _codes_of_the_plan(codes, classes.tolist(), plan)
        own = identities if isinstance(identities, np.ndarray) else None
        indices, drawn = plan.select(codes, offset=offset, key=own)
        if weights is None:
            return indices, drawn
        drawn = multiply_weights(drawn, weights[indices])
        counted = counted_rows(np.asarray(self.sample_weight, dtype=np.float64))
        return (indices if counted is None else counted[indices]), drawn


def _codes_of_the_plan(codes: Array, names: list[Any], plan: Plan) -> Array:
    if tuple(names) == plan.classes:
        return codes
    code_of = {label: code for code, label in enumerate(plan.classes)}
    if not code_of.keys() >= set(names):
        counts = count_codes(codes, len(names))
        seen = [name for name, n in zip(names, counts, strict=True) if n]
        unknown = [name for name in seen if name not in code_of]
        if unknown:
            raise ValueError(
                f"y must hold only the plan's classes {list(plan.classes)!r}; got "
                f"{unknown!r}. The plan was made for other data, or the data changed."
            )
    position = [code_of.get(name, 0) for name in names]
    return np.array(position, dtype=np.min_scalar_type(len(code_of)))[codes]


def share_of(shares: Shares, label: Any) -> float:
    """Look up the share of a class.

    Parameters
    ----------
    shares : float or mapping of label to float
        One for all, or one for each that has one.
    label : object
        The class.

    Returns
    -------
    float
        Its share, 0 if it has none.
    """
    return shares.get(label, 0.0) if isinstance(shares, Mapping) else shares


def _weights_of_a_part(sample_weight: Any, n_rows: int) -> Floats:
    weights = np.asarray(sample_weight, dtype=np.float64)
    # All of a part, other than all of the data, may weigh nothing.
    if weights.shape == (n_rows,) and not weights.any() and np.isfinite(weights).all():
        return weights
    checked = check_sample_weight(weights, n_rows)
    return weights if checked is None else checked
