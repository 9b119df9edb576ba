"""Quality and training time against the number of rows that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import use_log_scale
from skstrat.displays._comparison import ComparisonDisplay
from skstrat.displays._style import HUES, measure_label


@dataclass(repr=False, eq=False)
class LearningCurveByRowsDisplay(ComparisonDisplay):
    """What quality is lost, and what time is saved, by dropping majority rows.

    Above the measure, below the training time, both against the rows of the biggest
    class that are kept, on logarithmic axes; the factors by which it was downsampled
    are on the upper edge. Error bars are the standard error of the paired difference to
    the least factor, corrected for training rows that folds share (Nadeau and Bengio,
    2003); those of the time are the standard deviation over the folds.

    Parameters
    ----------
    comparison : Comparison
        Made by :func:`skstrat.compare_strategies` with ``learning_curve_by_rows=True``.
    measure : str, default=None
        A measure of the comparison; None for the one it chose by.

    Attributes
    ----------
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes of the measure.
    axes_ : ndarray of shape (2,)
        Axes of the measure and of the time.
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
            If the comparison has no learning curve or no such measure, or there are
            fewer than two axes.
        """
        curve = self.comparison.curve
        if not curve:
            raise ValueError(
                "comparison must have a learning curve; got one without. Give "
                "learning_curve_by_rows=True to compare_strategies."
            )
        measure = self.measure or self.comparison.best_by
        table = self.comparison.learning_curve_
        rows, factor = (table[key].to_numpy() for key in ("majority_rows", "factor"))
        least = curve[int(np.argmin(factor))]
        label = measure_label(self.comparison, measure, least)
        self._open(ax, 2, figsize=(7.0, 6.4), height_ratios=(1.7, 1.0))
        top, bottom = self.axes_
        value = np.array([each.mean(measure) for each in curve])
        error = [each.difference(least, measure)[1] for each in curve]
        time, spread = table["fit_time"], table["fit_time_sd"]
        top.errorbar(rows, value, error, color=HUES[1], marker="o", capsize=3)
        bottom.errorbar(rows, time, spread, color=HUES[0], marker="s", capsize=3)
        for axes in self.axes_:
            use_log_scale(axes, "x")
            use_log_scale(axes, "y")
        top.set_yscale("log" if np.nanmin(value) > 0 else "linear")
        top.set_ylabel(label)
        bottom.set_ylabel("Training time\n(seconds per fold)")
        bottom.set_xlabel("Rows kept of the biggest class (per training part)")
        most = np.nanmax(rows * factor)
        convert = (lambda kept: most / kept, lambda factor: most / factor)
        self.factor_axis_ = top.secondary_xaxis("top", functions=convert)
        self.factor_axis_.set_xlabel("Downsampling factor")
        use_log_scale(self.factor_axis_, "x")
        return self
