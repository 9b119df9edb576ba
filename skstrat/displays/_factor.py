"""Predicted log loss at every factor, and the chosen factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import REFERENCE, Display, use_log_scale
from skstrat.displays._style import HUES


@dataclass(repr=False, eq=False)
class FactorDisplay(Display):
    """Predicted log loss against the factor, the limit and the choice.

    The factor is on a logarithmic axis. The loss is in percent above that of all rows,
    up to three times the limit. The bar at the choice is its range.

    Parameters
    ----------
    recommendation : FactorRecommendation
        Made by :func:`skstrat.recommend_factor`.

    Attributes
    ----------
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (1,)
        The figure, its axes, and an array of them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import make_classification
    >>> from skstrat import recommend_factor
    >>> from skstrat.displays import FactorDisplay
    >>> X, y = make_classification(2000, weights=[0.95], random_state=0)
    >>> found = recommend_factor(X, y, random_state=0)
    >>> display = FactorDisplay.from_recommendation(found)
    >>> display.ax_.get_xlabel()
    'Downsampling factor'
    >>> plt.close(display.figure_)
    """

    recommendation: Any

    @classmethod
    def from_recommendation(cls, recommendation: Any, *, ax: Any = None) -> Self:
        """Draw a recommendation.

        Parameters
        ----------
        recommendation : FactorRecommendation
            Made by :func:`skstrat.recommend_factor`.
        ax : Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        FactorDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(recommendation).plot(ax)

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
        self._open(ax, figsize=(6.4, 4.4))
        ax, found = self.ax_, self.recommendation
        # So that the curve passes through the choice.
        x = np.array([*found.factors, found.factor])
        y = 100 * np.array([*found.loss_by_factor, found.loss])
        order = np.argsort(x, kind="stable")
        ax.plot(x[order], y[order], color=HUES[1], marker="o", label="predicted")
        limit = 100 * found.max_loss
        ax.axhline(limit, label=f"limit, {limit:g} %", **REFERENCE)
        low, high = np.abs(100 * np.array(found.loss_range) - y[-1])
        label = f"chosen, {found.factor:.3g} ({found.rows:,} rows)"
        look = {"color": "black", "marker": "D", "markersize": 9, "linestyle": "none"}
        ax.errorbar(x[-1:], y[-1:], [[low], [high]], label=label, **look)
        ax.set_xlim(x.min() / 1.05, 1.05 * max(x.max(), 2.0))
        use_log_scale(ax, y)
        ax.set_ylim(0, 3 * limit)
        ax.set_xlabel("Downsampling factor")
        ax.set_ylabel("Predicted log loss\n(% more than all rows)")
        ax.legend()
        return self
