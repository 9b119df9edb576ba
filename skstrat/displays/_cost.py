"""Training time against quality: of strategies, and of fewer and fewer rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import REFERENCE, ComparisonDisplay, use_log_scale
from skstrat.displays._style import HUES, choose_strategies, measure_label, wrapped


@dataclass(repr=False, eq=False)
class TradeOffDisplay(ComparisonDisplay):
    """Training time against a measure of quality, one point per strategy.

    Both axes are logarithmic where values are positive. The true distribution has the
    largest point and a line at its value. Error bars are the standard error of the
    paired difference to it, corrected for training rows that folds share (Nadeau and
    Bengio, 2003).

    Parameters
    ----------
    comparison : Comparison
        Made by :func:`skstrat.compare_strategies`.
    strategies : str or iterable of str, default=None
        Names; None for all that did not fail.
    measure : str, default=None
        A measure of the comparison; None for the one that was used to choose.

    Attributes
    ----------
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (1,)
        The figure, its axes, and an array of them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import ClassWeight, compare_strategies
    >>> from skstrat.displays import TradeOffDisplay
    >>> X, y = make_classification(500, weights=[0.9], random_state=0)
    >>> comparison = compare_strategies(
    ...     LogisticRegression(), X, y, strategies=ClassWeight(), cv=2, random_state=0
    ... )
    >>> display = TradeOffDisplay.from_comparison(comparison)
    >>> display.ax_.get_xlabel()
    'Training time (seconds per fold)'
    >>> plt.close(display.figure_)
    """

    strategies: str | Iterable[str] | None = None
    measure: str | None = None

    def plot(self, ax: Any = None) -> Self:
        """Draw one point for each strategy.

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
        styles = choose_strategies(comparison, self.strategies, few=False)
        measure, true = self.measure or comparison.best_by, comparison.outcomes[0]
        label = measure_label(comparison, measure, true)
        self._open(ax)
        values = []
        for name, style in styles.items():
            each = comparison.outcome(name)
            values.append(each.mean(measure))
            self.ax_.errorbar(
                each.mean("fit_time"),
                values[-1],
                each.difference(true, measure)[1],
                label=wrapped(name, 32),
                capsize=3,
                **{**style, "linestyle": "", "markersize": 10 if each is true else 7},
            )
        self.ax_.axhline(true.mean(measure), **REFERENCE)
        use_log_scale(self.ax_, values)
        self.ax_.margins(0.1)
        self.ax_.set(xlabel="Training time (seconds per fold)", ylabel=label)
        self._explain(ax)
        return self


@dataclass(repr=False, eq=False)
class LearningCurveByRowsDisplay(ComparisonDisplay):
    """Quality lost and time saved by dropping majority rows.

    The upper panel shows the measure, the lower the training time, both against the
    rows kept of the biggest class, on logarithmic axes. The upper edge has the
    downsampling factors. Error bars of the measure are the standard error of the paired
    difference to the smallest factor. They are corrected for training rows that folds
    share (Nadeau and Bengio, 2003). Those of the time are the standard deviation over
    the folds.

    Parameters
    ----------
    comparison : Comparison
        Made by :func:`skstrat.compare_strategies` with ``learning_curve_by_rows=True``.
    measure : str, default=None
        A measure of the comparison; None for the one that was used to choose.

    Attributes
    ----------
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (2,)
        The figure, the axes of the measure, and those of measure and time.
    factor_axis_ : Axes
        The upper edge, with the factors.
    """

    measure: str | None = None

    def plot(self, ax: Any = None) -> Self:
        """Draw the measure and the time.

        Parameters
        ----------
        ax : array of Axes of shape (2,), default=None
            Where to draw; None for a new figure.

        Returns
        -------
        LearningCurveByRowsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no learning curve or measure, or there are fewer than two axes.
        """
        curve = self.comparison.curve
        if not curve:
            raise ValueError(
                "comparison must have a learning curve; got one without. Give "
                "learning_curve_by_rows=True to compare_strategies."
            )
        measure = self.measure or self.comparison.best_by
        table = self.comparison.learning_curve_
        rows, factor = table["majority_rows"], table["factor"]
        least = int(np.argmin(factor))
        label = measure_label(self.comparison, measure, curve[least])
        self._open(ax, 2, figsize=(8.0, 6.4), height_ratios=(1.7, 1.0))
        top, bottom = self.axes_
        value, time, spread = table[measure], table["fit_time"], table["fit_time_sd"]
        error = [each.difference(curve[least], measure)[1] for each in curve]
        top.errorbar(rows, value, error, color=HUES[1], marker="o", capsize=3)
        bottom.errorbar(rows, time, spread, color=HUES[0], marker="s", capsize=3)
        use_log_scale(top, value)
        use_log_scale(bottom, time)
        top.set_ylabel(label)
        bottom.set_ylabel("Training time\n(seconds per fold)")
        bottom.set_xlabel("Rows kept of the biggest class (per training part)")
        self.factor_axis_ = top.twiny()
        at_ends = (rows * factor)[least] / np.array(top.get_xlim())
        self.factor_axis_.set(xlim=at_ends, xlabel="Downsampling factor")
        use_log_scale(self.factor_axis_, value)
        return self
