"""Labels beside the points of a picture, none over another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rings around a point, in points (1/72 inch), and the directions in which to look.
_RADII = (9.0, 14.0, 20.0, 27.0, 36.0, 48.0, 64.0, 86.0, 115.0)
_N_DIRECTIONS = 16
_N_STARTS = 12
_N_SWEEPS = 8
# A line to the label is drawn from this distance on.
FAR = 10.0
_GAP = 2.0
_NEAR = 18.0
# Prices of a point of distance, of a point outside of the frame, and of a square point
# of overlap: labels over labels cannot be read; over a marker or line they can.
_DISTANCE, _OUTSIDE, _OVERLAP, MARKER, LINE = 2.0, 200.0, 20.0, 5.0, 1.0
# Prices of two labels that touch, of a line through a label, of two lines that cross,
# and, times its own price, of a line through an obstacle.
_TOUCHING, _PIERCED, _CROSSED, _STRUCK = 1000.0, 500.0, 60.0, 12.0
# Price of a label at another point.
_DOUBTFUL = 80.0


class Box(NamedTuple):
    """A rectangle.

    Attributes
    ----------
    x0, y0, x1, y1 : float
        Left, lower, right and upper edge.
    """

    x0: float
    y0: float
    x1: float
    y1: float


def place_labels(
    points: Floats, sizes: Floats, obstacles: Sequence[tuple[Box, float]], frame: Box
) -> Floats:
    """Put a label near each point, clear of the other labels and of obstacles."""
    fixed = np.array([box for box, _ in obstacles]).reshape(-1, 4)
    price = np.array([price for _, price in obstacles])
    options = [_Places.around(*each, frame) for each in zip(points, sizes, strict=True)]
    alone = np.array([each.price_alone(fixed, price) for each in options])
    for at, each in enumerate(options):
        alone[at] += each.price_of_doubt(np.delete(points, at, axis=0))
    paired = np.zeros((len(options), *alone.shape, alone.shape[1]))
    for i, j in combinations(range(len(options)), 2):
        paired[i, j] = options[i].price_beside(options[j])
        paired[j, i] = paired[i, j].T
    chosen = _choose(alone, paired)
    return np.array(
        [each.boxes[at, :2] for each, at in zip(options, chosen, strict=True)]
    )


def _choose(alone: Floats, paired: Floats) -> NDArray[np.intp]:
    """Choose a place for every label, so that the sum of all prices is small."""
    rng = np.random.default_rng(0)
    everyone = np.arange(len(alone))
    best, least = everyone, np.inf
    for _ in range(_N_STARTS):
        chosen = np.full(len(alone), -1)
        order = rng.permutation(len(alone))
        for _ in range(_N_SWEEPS):
            before = chosen.copy()
            for i in order:
                others = everyone[(chosen >= 0) & (everyone != i)]
                beside = paired[i, others, :, chosen[others]].sum(axis=0)
                chosen[i] = (alone[i] + beside).argmin()
            if (chosen == before).all():
                break
        pairs = paired[everyone[:, None], everyone, chosen[:, None], chosen]
        total = alone[everyone, chosen].sum() + pairs.sum() / 2
        if total < least:
            best, least = chosen, total
    return best


class _Places(NamedTuple):
    """Where the label of one point can be: boxes, and the lines that lead there."""

    boxes: Floats
    starts: Floats
    ends: Floats
    cost: Floats

    @classmethod
    def around(cls, point: Floats, size: Floats, frame: Box) -> _Places:
        angle = 2 * np.pi * np.arange(_N_DIRECTIONS) / _N_DIRECTIONS
        toward = np.column_stack([np.cos(angle), np.sin(angle)]).round(9)
        radius = np.repeat(_RADII, _N_DIRECTIONS)
        toward = np.tile(toward, (len(_RADII), 1))
        # The nearest edge or corner of the label lies in the direction chosen.
        low = point + radius[:, None] * toward + (np.sign(toward) - 1) / 2 * size
        out = np.maximum(np.array(frame[:2]) - low, 0).sum(axis=1)
        out += np.maximum(low + size - np.array(frame[2:]), 0).sum(axis=1)
        ends = np.clip(point, low, low + size)
        length = np.linalg.norm(ends - point, axis=1, keepdims=True)
        # A label that is near has no line; NaN lies on neither side of anything.
        ends = np.where(length > FAR, ends, np.nan)
        starts = point + (ends - point) * (FAR / np.maximum(length, FAR))
        boxes = np.column_stack([low, low + size])
        return cls(boxes, starts, ends, _DISTANCE * radius + _OUTSIDE * out)

    def price_alone(self, fixed: Floats, price: Floats) -> Floats:
        hidden = _shared(self.boxes, fixed) + _STRUCK * self._pierce(fixed)
        return self.cost + hidden @ price

    def price_of_doubt(self, others: Floats) -> Floats:
        """Price labels so near to another point that they seem to belong to it."""
        low, high = self.boxes[:, None, :2], self.boxes[:, None, 2:]
        gap = np.linalg.norm(np.clip(others, low, high) - others, axis=-1)
        return _DOUBTFUL * np.maximum(1 - gap / _NEAR, 0).sum(axis=1)

    def price_beside(self, other: _Places) -> Floats:
        shared = _shared(self.boxes, other.boxes)
        price = _OVERLAP * shared + _TOUCHING * (shared > 0)
        price += _PIERCED * self._pierce(other.boxes)
        price += _PIERCED * other._pierce(self.boxes).T
        return price + _CROSSED * self._cross(other)

    def _pierce(self, boxes: Floats) -> NDArray[np.bool_]:
        """Tell which lines (rows) run through which boxes (columns)."""
        start, way = self.starts[:, None], (self.ends - self.starts)[:, None]
        way = np.where(way == 0, 1e-12, way)
        one, two = (boxes[:, :2] - start) / way, (boxes[:, 2:] - start) / way
        enter = np.minimum(one, two).max(axis=-1)
        leave = np.maximum(one, two).min(axis=-1)
        return np.maximum(enter, 0) < np.minimum(leave, 1)

    def _cross(self, other: _Places) -> NDArray[np.bool_]:
        """Tell which lines (rows) cross which of the other label's (columns)."""
        a, b = self.starts[:, None], self.ends[:, None]
        c, d = other.starts[None], other.ends[None]
        apart = _side(a, b, c) * _side(a, b, d) < 0
        return apart & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(start: Floats, end: Floats, point: Floats) -> Floats:
    """Tell by the sign on which side of a line a point is."""
    way, to = end - start, point - start
    return way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0]


def _shared(boxes: Floats, others: Floats) -> Floats:
    """Measure the area that boxes (rows) share with others (columns)."""
    one = boxes[:, None]
    low = np.maximum(one[..., :2], others[:, :2])
    high = np.minimum(one[..., 2:], others[:, 2:])
    return np.maximum(high - low, 0).prod(axis=-1)


def label_points(
    ax: Any,
    texts: Sequence[Any],
    points: Floats,
    *,
    reaches: Floats,
    levels: Floats,
    colors: Sequence[str],
) -> None:
    """Move texts to free places beside points, and draw lines to those far away."""
    # Only after the layout is made are sizes on the screen known.
    ax.figure.canvas.figure.draw_without_rendering()
    unit = ax.figure.dpi / 72
    in_points = ax.transData.transform(points) / unit
    window = ax.get_window_extent()
    frame = Box(*(np.array(window.extents) / unit + [3, 3, -3, -3]))
    sizes = np.array(
        [
            [extent.width / unit + 2 * _GAP, extent.height / unit + 2 * _GAP]
            for extent in (text.get_window_extent() for text in texts)
        ]
    )
    obstacles = []
    for (x, y), (low, high) in zip(points, reaches, strict=True):
        (left, middle), (_, below), (_, above) = (
            ax.transData.transform([(x, y), (x, low), (x, high)]) / unit
        )
        marker = Box(left - 6, middle - 6, left + 6, middle + 6)
        obstacles += [(marker, MARKER), (Box(left - 2, below, left + 2, above), LINE)]
    for level in levels:
        height = ax.transData.transform((points[0, 0], level))[1] / unit
        line = Box(frame.x0, height - 0.5, frame.x1, height + 0.5)
        obstacles.append((line, LINE))
    corners = place_labels(in_points, sizes, obstacles, frame)
    for text, point, corner, size, color in zip(
        texts, in_points, corners, sizes, colors, strict=True
    ):
        text.set_position(corner + _GAP - point)
        nearest = np.clip(point, corner, corner + size)
        if np.linalg.norm(nearest - point) > FAR:
            _draw_leader(ax, text, nearest - point, color)


def _draw_leader(ax: Any, text: Any, end: Floats, color: str) -> None:
    line = {"arrowstyle": "-", "color": color, "linewidth": 0.7}
    line |= {"shrinkA": 0, "shrinkB": 4, "alpha": 0.7}
    leader = ax.annotate(
        "", xy=text.xy, xytext=end, textcoords="offset points", arrowprops=line
    )
    leader.set_in_layout(False)
