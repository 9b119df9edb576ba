"""What log loss is predicted at every factor, and which factor was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import (
    Display,
    add_legend,
    choose_scale,
    draw_reference,
    plain_log_ticks,
)
from skstrat.displays._style import PALETTE, SMALL


@dataclass(repr=False, eq=False)
class FactorDisplay(Display):
    """Predicted log loss against the factor, the limit and the choice.

    The factor is on a logarithmic axis; the loss is in percent more than that of all
    rows, up to three times the limit. The bar at the choice is its range.

    Parameters
    ----------
    factors : sequence of float
        Factors.
    loss : sequence of float
        Predicted log loss at each over that of all rows, less 1.
    max_loss : float
        The largest that was allowed.
    factor : float
        The factor chosen.
    chosen_loss : float
        Predicted loss at it.
    loss_range : tuple of (float, float)
        Where that is expected.
    rows : int
        Rows kept at it.

    Attributes
    ----------
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes.
    axes_ : ndarray of shape (1,)
        The axes again.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skstrat.displays import FactorDisplay
    >>> display = FactorDisplay(
    ...     factors=[1, 5, 10],
    ...     loss=[0, 0.005, 0.012],
    ...     max_loss=0.01,
    ...     factor=8.6,
    ...     chosen_loss=0.01,
    ...     loss_range=(0.006, 0.016),
    ...     rows=1340,
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'Downsampling factor'
    >>> plt.close(display.figure_)
    """

    factors: Sequence[float]
    loss: Sequence[float]
    max_loss: float
    factor: float
    chosen_loss: float
    loss_range: tuple[float, float]
    rows: int

    @classmethod
    def from_recommendation(cls, recommendation: Any, *, ax: Any = None) -> Self:
        """Draw a recommendation.

        Parameters
        ----------
        recommendation : FactorRecommendation
            Of :func:`skstrat.recommend_factor`.
        ax : Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        FactorDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        display = cls(
            recommendation.factors,
            recommendation.loss_by_factor,
            recommendation.max_loss,
            recommendation.factor,
            recommendation.loss,
            recommendation.loss_range,
            recommendation.rows,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curve, the limit and the choice.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        FactorDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self._open(ax, size=(6.4, 4.4))
        ax = self.ax_
        # The choice is a point of the curve, which would else pass it by.
        x = np.array([*self.factors, self.factor])
        y = 100 * np.array([*self.loss, self.chosen_loss])
        order = np.argsort(x, kind="stable")
        ax.plot(
            x[order],
            y[order],
            color=PALETTE[2],
            marker="o",
            markersize=4,
            linewidth=1.6,
            label="predicted",
        )
        reach = (float(x.min()), float(max(x.max(), 2.0)))
        limit = 100 * self.max_loss
        draw_reference(ax, reach, [limit] * 2, f"limit, {limit:g} %")
        low, high = (100 * bound for bound in self.loss_range)
        chosen = 100 * self.chosen_loss
        ax.errorbar(
            [self.factor],
            [chosen],
            yerr=[[max(0.0, chosen - low)], [max(0.0, high - chosen)]],
            color=PALETTE[0],
            marker="D",
            markersize=9,
            linestyle="none",
            zorder=4,
            label=f"chosen, {self.factor:.3g} ({self.rows:,} rows)",
        )
        choose_scale(ax, "x", x, log=True)
        ax.set_xlim(reach[0] / 1.05, reach[1] * 1.05)
        ax.set_ylim(0, 3 * limit)
        plain_log_ticks(ax.xaxis)
        ax.set_xlabel("Downsampling factor")
        ax.set_ylabel("Predicted log loss\n(% more than all rows)")
        ax.tick_params(labelsize=SMALL + 0.5)
        add_legend(ax, outside=False)
        return self
