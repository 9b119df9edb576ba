"""Axes of a picture: its own figure, or the place of axes that were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.compat import check_matplotlib_support
from skstrat.displays._style import REFERENCE, SMALL

WIDE_RANGE = 5.0
# Between entries of a legend, in units of its font size.
_SPACING = 0.6
_FEWEST_TICKS = 4


class Display:
    """A picture, with the figure and axes that it was drawn in."""

    figure_: Any
    ax_: Any
    axes_: NDArray[Any]

    def _open(
        self,
        ax: Any,
        shape: tuple[int, int] = (1, 1),
        *,
        size: tuple[float, float],
        legend: Iterable[str] = (),
        heights: Sequence[float] | None = None,
        grid_lines: bool = True,
    ) -> None:
        """Make axes in rows and columns, in a new figure or in the place of others."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        n_rows, n_columns = shape
        grid: Any = None
        if ax is None:
            share = heights[0] / sum(heights) if heights else 1 / n_rows
            size = (size[0], max(size[1], _legend_height(legend) / share))
            self.figure_ = plt.figure(figsize=size, layout="constrained")
            grid = self.figure_.add_gridspec(n_rows, n_columns, height_ratios=heights)
            self.ax_ = self.figure_.add_subplot(grid[0, 0])
        else:
            self.figure_, self.ax_ = ax.figure, ax
            if n_rows * n_columns > 1:
                grid = _divide(ax, n_rows, n_columns, heights)
        self.axes_ = np.empty(n_rows * n_columns, dtype=object)
        self.axes_[0] = self.ax_
        # Axes of different heights are parts of one picture.
        shared = {"sharex": self.ax_} if heights else {}
        for at in range(1, self.axes_.size):
            self.axes_[at] = self.figure_.add_subplot(
                grid[divmod(at, n_columns)], **shared
            )
        for each in self.axes_ if grid_lines else ():
            each.grid(visible=True, which="major", color="0.92")
            each.set_axisbelow(True)


def _divide(
    ax: Any, n_rows: int, n_columns: int, heights: Sequence[float] | None
) -> Any:
    """Divide the place of axes, and move them into the first part."""
    from matplotlib.gridspec import GridSpec

    spec = ax.get_subplotspec()
    if spec is None:
        # Axes put somewhere by hand: the same rectangle, as a grid.
        box = ax.get_position()
        grid: Any = GridSpec(
            n_rows,
            n_columns,
            figure=ax.figure,
            left=box.x0,
            right=box.x1,
            bottom=box.y0,
            top=box.y1,
            height_ratios=heights,
        )
        ax.set_position(grid[0, 0].get_position(ax.figure))
    else:
        grid = spec.subgridspec(n_rows, n_columns, height_ratios=heights)
        ax.set_subplotspec(grid[0, 0])
    return grid


def _legend_height(labels: Iterable[str]) -> float:
    """Estimate the height of a legend in inches."""
    lines = [label.count("\n") + 1 for label in labels]
    return (1.3 * sum(lines) + _SPACING * (len(lines) + 2) + 3) * SMALL / 72


def add_legend(ax: Any, *, outside: bool) -> None:
    """Explain the lines."""
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)} if outside else {}
    ax.legend(
        fontsize=SMALL,
        handlelength=3.2,
        borderaxespad=0.2 if outside else 0.5,
        labelspacing=_SPACING,
        frameon=not outside,
        **place,
    )


def choose_scale(
    ax: Any, which: str, values: Iterable[float], *, log: bool | None = None
) -> None:
    """Choose the scale of an axis."""
    finite = np.array([value for value in values if np.isfinite(value)])
    positive = finite.size > 0 and finite.min() > 0
    if log is None:
        log = positive and finite.max() > WIDE_RANGE * finite.min()
    if log and positive:
        ax.set(**{f"{which}scale": "log"})


def plain_log_ticks(axis: Any) -> None:
    """Write the ticks of a logarithmic axis as plain numbers, few enough to read."""
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        NullLocator,
    )

    low, high = axis.get_view_interval()
    axis.set_major_locator(MaxNLocator(5))
    axis.set_minor_locator(NullLocator())
    for subs in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)):
        locator = LogLocator(subs=subs, numticks=12)
        # The locator itself would give other ticks where it has few.
        ticks = np.outer(10.0 ** np.arange(-20, 20), subs)
        if ((ticks >= low) & (ticks <= high)).sum() >= _FEWEST_TICKS:
            axis.set_major_locator(locator)
            axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=12))
            break
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_reference(ax: Any, x: Any, y: Any, label: str) -> None:
    """Draw a line to compare with, thin and grey."""
    line = {"color": REFERENCE, "linewidth": 1.0, "linestyle": (0, (5, 2))}
    ax.plot(x, y, label=label, zorder=1, **line)
