"""Axes of a plot: new ones or given ones, their scales and their legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skstrat._core.compat import check_matplotlib_support

REFERENCE = {"color": "0.55", "linewidth": 1.0, "linestyle": (0, (5, 2)), "marker": ""}
SMALL = 8.5


class Display:
    """A plot, with the figure and axes that it was drawn in."""

    def plot(self, ax: Any = None) -> Self:
        raise NotImplementedError

    def _open(self, ax: Any, n: int = 1, n_columns: int = 1, **options: Any) -> None:
        """Make a figure of panels, or use the given axes."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        given = np.ravel(ax)
        if ax is None:
            options = {"figsize": (8.0, 5.2), "layout": "constrained", **options}
            shape = -(-n // n_columns), n_columns
            given = np.ravel(plt.subplots(*shape, squeeze=False, **options)[1])
            for spare in given[n:]:
                spare.remove()
        if len(given) < n:
            raise ValueError(
                f"ax must be an array of {n} axes, one a panel; got {len(given)}. "
                "Leave it out for a new figure."
            )
        self.axes_, self.ax_, self.figure_ = given[:n], given[0], given[0].figure
        for each in self.axes_:
            each.grid(color="0.92")

    def _explain(self, ax: Any) -> None:
        """Add a legend, beside the axes of a new figure or inside given ones."""
        look = {"fontsize": SMALL, "handlelength": 3.2, "frameon": ax is not None}
        inside = self.ax_.legend(**look)
        if ax is None:
            inside.remove()
            legend = self.figure_.legend(loc="outside right upper", **look)
            self.figure_.draw_without_rendering()
            needed = legend.get_window_extent().height / self.figure_.dpi + 0.2
            self.figure_.set_figheight(max(needed, self.figure_.get_figheight()))


@dataclass(repr=False, eq=False)
class ComparisonDisplay(Display):
    """A plot of the measures of a comparison."""

    comparison: Any

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: Any = None, **fields: Any) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`.
        ax : Axes or array of Axes, default=None
            Where to draw; None for a new figure.
        **fields : dict
            Keyword arguments of the class.

        Returns
        -------
        Display
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If an argument does not fit the comparison.
        """
        return cls(comparison, **fields).plot(ax)


def use_log_scale(ax: Any, y: Any) -> None:
    """Make axes logarithmic where values are positive, with plain numbers at ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    ax.set(xscale="log", yscale="log" if np.nanmin(y) > 0 else "linear")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_tick_params(which="both", labelsize=SMALL, length=3)
        if axis.get_scale() == "log":
            low, high = np.sort(axis.get_view_interval())
            if high >= 10 * low:
                axis.set_minor_locator(LogLocator(subs=(2, 5)))
            else:
                # The ticks above need a decade to show two.
                axis.set_major_locator(MaxNLocator(4))
                axis.set_minor_locator(NullLocator())
            axis.set_major_formatter("{x:,g}")
            axis.set_minor_formatter("{x:,g}")
