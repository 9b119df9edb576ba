"""What efficiency is left at every factor, and which factor was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from skstrat.displays._axes import (
    Display,
    add_legend,
    choose_scale,
    draw_reference,
    plain_log_ticks,
)
from skstrat.displays._style import PALETTE, SMALL

_CURVES = (
    ("weights", PALETTE[2], "-", "o"),
    ("prior correction", PALETTE[1], "--", "s"),
)


@dataclass(repr=False, eq=False)
class FactorDisplay(Display):
    """Predicted efficiency against the factor, the target and the choice.

    The factor is on a logarithmic axis. The curve that the choice was made by goes
    through the large point.

    Parameters
    ----------
    factors : sequence of float
        Factors.
    efficiency : mapping of str to sequence of float
        Predicted efficiency at each factor, by ``"weights"`` or
        ``"prior correction"``.
    target_efficiency : float
        The efficiency asked for.
    factor : float
        The factor chosen.
    chosen_efficiency : float
        Predicted efficiency at it.
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
    ...     efficiency={"weights": [1, 0.94, 0.87]},
    ...     target_efficiency=0.9,
    ...     factor=7.5,
    ...     chosen_efficiency=0.9,
    ...     rows=1340,
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'Downsampling factor'
    >>> plt.close(display.figure_)
    """

    factors: Sequence[float]
    efficiency: Mapping[str, Sequence[float]]
    target_efficiency: float
    factor: float
    chosen_efficiency: float
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
        efficiency = {"prior correction": recommendation.efficiency_offset}
        if recommendation.efficiency_weights is not None:
            efficiency["weights"] = recommendation.efficiency_weights
        display = cls(
            recommendation.factors,
            efficiency,
            recommendation.target_efficiency,
            recommendation.factor,
            recommendation.efficiency,
            recommendation.rows,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves, the target and the choice.

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
        for name, color, dash, marker in _CURVES:
            if name in self.efficiency:
                ax.plot(
                    self.factors,
                    self.efficiency[name],
                    color=color,
                    linestyle=dash,
                    marker=marker,
                    markersize=4,
                    linewidth=1.6,
                    label=name,
                )
        reach = (min(self.factors), max(*self.factors, self.factor, 2.0))
        draw_reference(
            ax,
            reach,
            [self.target_efficiency] * 2,
            f"target, {self.target_efficiency:g}",
        )
        ax.plot(
            [self.factor],
            [self.chosen_efficiency],
            color=PALETTE[0],
            marker="D",
            markersize=9,
            linestyle="none",
            zorder=4,
            label=f"chosen, {self.factor:.3g} ({self.rows:,} rows)",
        )
        choose_scale(ax, "x", self.factors, log=True)
        ax.set_xlim(reach[0] / 1.05, reach[1] * 1.05)
        ax.set_ylim(0, 1.03)
        plain_log_ticks(ax.xaxis)
        ax.set_xlabel("Downsampling factor")
        ax.set_ylabel("Predicted efficiency\n(1: as precise as all rows)")
        ax.tick_params(labelsize=SMALL + 0.5)
        add_legend(ax, outside=False)
        return self
