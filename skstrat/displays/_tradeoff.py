"""What a strategy costs and what it gives: training time against a measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from skstrat.displays._axes import REFERENCE, use_log_scale
from skstrat.displays._comparison import ComparisonDisplay
from skstrat.displays._style import (
    choose_names,
    comparison_styles,
    measure_label,
    wrapped,
)


@dataclass(repr=False, eq=False)
class TradeOffDisplay(ComparisonDisplay):
    """Training time against a measure of quality, one point per strategy.

    Time is on a logarithmic axis, and so is a measure that is positive, so that one bad
    strategy does not squeeze the others. The true distribution has the largest point
    and a line at its value. Error bars are the standard error of the paired difference
    to it, corrected for training rows that folds share (Nadeau and Bengio, 2003).

    Parameters
    ----------
    comparison : Comparison
        Made by :func:`skstrat.compare_strategies`.
    strategies : str or iterable of str, default=None
        Names; None for all that did not fail.
    measure : str, default=None
        A measure of the comparison; None for the one it chose by.

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
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, compare_strategies
    >>> from skstrat.displays import TradeOffDisplay
    >>> X, y = make_classification(500, weights=[0.9], random_state=0)
    >>> strategies = {"a third": DownsampleUpweight(factor=3, random_state=0)}
    >>> comparison = compare_strategies(
    ...     LogisticRegression(), X, y, strategies=strategies, cv=2, random_state=0
    ... )
    >>> display = TradeOffDisplay.from_comparison(comparison)
    >>> display.ax_.get_xlabel()
    'Training time (seconds per fold)'
    >>> plt.close(display.figure_)
    """

    strategies: str | Iterable[str] | None = None
    measure: str | None = None

    def plot(self, ax: Any = None) -> Self:
        """Draw the points and explain them.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.


        Returns
        -------
        TradeOffDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy or measure.
        """
        comparison = self.comparison
        names = choose_names(comparison, self.strategies, comparison.measured_)
        measure, true = self.measure or comparison.best_by, comparison.outcomes[0]
        label = measure_label(comparison, measure, true)
        self._open(ax)
        styles = comparison_styles(comparison)
        found = [comparison.outcome(name) for name in names]
        for name, each in zip(names, found, strict=True):
            self.ax_.errorbar(
                each.mean("fit_time"),
                each.mean(measure),
                each.difference(true, measure)[1],
                color=styles[name]["color"],
                marker=styles[name]["marker"],
                markersize=10 if each is true else 7,
                capsize=3,
                linestyle="none",
                label=wrapped(name, 32),
            )
        self.ax_.axhline(true.mean(measure), **REFERENCE)
        use_log_scale(self.ax_, "x")
        if min(each.mean(measure) for each in found) > 0:
            use_log_scale(self.ax_, "y")
        self.ax_.margins(0.1)
        self.ax_.set(xlabel="Training time (seconds per fold)", ylabel=label)
        self._explain(ax)
        return self
