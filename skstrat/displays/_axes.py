"""Axes of a picture: new ones or given ones, their scales and their legend."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.compat import check_matplotlib_support

REFERENCE = {"color": "0.55", "linewidth": 1.0, "linestyle": (0, (5, 2)), "marker": ""}
SMALL = 8.5


class Display:
    """A picture, with the figure and axes that it was drawn in."""

    figure_: Any
    ax_: Any
    axes_: NDArray[Any]

    def plot(self, ax: Any = None) -> Self:
        """Draw."""
        raise NotImplementedError

    def _open(
        self, ax: Any, n_panels: int = 1, *, n_columns: int = 1, **options: Any
    ) -> None:
        """Make a figure of panels, or take the axes that were given for them."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        given = np.ravel(ax)
        if ax is None:
            options = {"figsize": (8.0, 5.2), "layout": "constrained", **options}
            shape = -(-n_panels // n_columns), n_columns
            given = np.ravel(plt.subplots(*shape, squeeze=False, **options)[1])
            for spare in given[n_panels:]:
                spare.remove()
        if len(given) < n_panels:
            raise ValueError(
                f"ax must be an array of {n_panels} axes, one for each panel; got "
                f"{len(given)}. Leave it out for a new figure."
            )
        self.axes_, self.ax_ = given[:n_panels], given[0]
        self.figure_ = self.ax_.figure
        for each in self.axes_:
            each.grid(color="0.92")
            each.set_axisbelow(True)

    def _explain(self, ax: Any) -> None:
        """Add a legend, beside the axes of a new figure or inside of given ones."""
        look = {"fontsize": SMALL, "handlelength": 3.2, "labelspacing": 0.6}
        inside = self.ax_.legend(**look)
        if ax is None:
            inside.remove()
            legend = self.figure_.legend(loc="outside right upper", **look)
            self.figure_.draw_without_rendering()
            needed = legend.get_window_extent().height / self.figure_.dpi + 0.2
            self.figure_.set_figheight(max(needed, self.figure_.get_figheight()))


def use_log_scale(ax: Any, which: str) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks."""
    from matplotlib.ticker import LogFormatter

    class PlainNumbers(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            # That of matplotlib leaves out what would be crowded.
            return f"{x:,g}" if super().__call__(x, pos) else ""

    ax.set(**{f"{which}scale": "log"})
    axis = getattr(ax, f"{which}axis")
    axis.set_major_formatter(PlainNumbers())
    axis.set_minor_formatter(PlainNumbers(minor_thresholds=(2, 0.4)))
