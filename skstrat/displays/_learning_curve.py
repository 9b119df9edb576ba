"""Quality and training time against the number of rows that are kept."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import Display, choose_scale, plain_log_ticks
from skstrat.displays._style import PALETTE, SMALL, Spread, measure_outcomes

# Ticks of the factors closer than this share of the axis would run into each other.
_NEAREST = 0.06


@dataclass(repr=False, eq=False)
class LearningCurveByRowsDisplay(Display):
    r"""What quality is lost, and what time is saved, by dropping majority rows.

    Above the measure, below the training time, both against the rows of the biggest
    class that are kept, on a logarithmic axis; the factors by which it was downsampled
    are on the upper edge.

    Parameters
    ----------
    majority_rows : array-like of shape (n_factors,)
        Rows kept of the biggest class.
    factor : array-like of shape (n_factors,)
        Factors of downsampling.
    value : array-like of shape (n_factors,)
        The measure.
    error : array-like of shape (n_factors,)
        Half the height of the band.
    fit_time : array-like of shape (n_factors,)
        Training time in seconds.
    fit_time_error : array-like of shape (n_factors,), default=None
        Half the height of the band of the time.
    label : str, default="Log loss"
        What is measured, and what the band is.

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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skstrat.displays import LearningCurveByRowsDisplay
    >>> display = LearningCurveByRowsDisplay(
    ...     majority_rows=[9900, 990, 99],
    ...     factor=[1, 10, 100],
    ...     value=[0.030, 0.031, 0.036],
    ...     error=[0, 0.001, 0.002],
    ...     fit_time=[2.0, 0.2, 0.03],
    ... ).plot()
    >>> [axes.get_ylabel() for axes in display.axes_]
    ['Log loss', 'Training time\n(seconds per fold)']
    >>> plt.close(display.figure_)
    """

    majority_rows: Any
    factor: Any
    value: Any
    error: Any
    fit_time: Any
    fit_time_error: Any = None
    _: KW_ONLY
    label: str = "Log loss"

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        ax: Any = None,
        measure: str | None = None,
        spread: Spread = "paired",
        **kwargs: Any,
    ) -> Self:
        """Draw the learning curve of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies` with
            ``learning_curve_by_rows=True``.
        ax : Axes, default=None
            Where to draw; None for a new figure.
        measure : str, default=None
            A measure of the comparison; None for the one it chose by.
        spread : {"paired", "sd"}, default="paired"
            What the band of the measure shows: the standard error of the paired
            difference to the least factor, where it has no height therefore, or the
            standard deviation over the folds. That of the time is always the latter.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LearningCurveByRowsDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed.
        ValueError
            If the comparison has no learning curve or no such measure.
        """
        if not comparison.curve:
            raise ValueError(
                "comparison must have a learning curve; got one without. Give "
                "learning_curve_by_rows=True to compare_strategies."
            )
        table = comparison.learning_curve_
        factor = table["factor"].to_numpy()
        curve = list(comparison.curve)
        least = curve[int(np.argmin(factor))]
        found = measure_outcomes(comparison, curve, least, measure, spread)
        display = cls(
            table["majority_rows"].to_numpy(),
            factor,
            found.value,
            found.error,
            table["fit_time"].to_numpy(),
            table["fit_time_sd"].to_numpy(),
            label=found.label,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, log: bool | None = None) -> Self:
        """Draw the measure and the time.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; its place is divided. None for a new figure.
        log : bool, default=None
            Whether the measure is on a logarithmic axis, if it is positive; None if its
            values span more than a factor of five.

        Returns
        -------
        LearningCurveByRowsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self._open(ax, (2, 1), size=(7.0, 6.4), heights=(1.7, 1.0))
        order = np.argsort(self.majority_rows)
        rows, factor = (
            np.asarray(values, dtype=float)[order]
            for values in (self.majority_rows, self.factor)
        )
        time_error = self.fit_time_error
        if time_error is None:
            time_error = np.zeros(len(rows))
        drawn = (
            (self.axes_[0], self.value, self.error, PALETTE[2], "o", log),
            (self.axes_[1], self.fit_time, time_error, PALETTE[1], "s", None),
        )
        for axes, value, error, color, marker, scale in drawn:
            value, error = (np.asarray(values)[order] for values in (value, error))
            choose_scale(axes, "y", value, log=scale)
            positive = axes.get_yscale() == "log"
            low = np.maximum(value - error, value / 2 if positive else -np.inf)
            axes.fill_between(
                rows, low, value + error, color=color, alpha=0.2, linewidth=0
            )
            axes.plot(rows, value, color=color, marker=marker, linewidth=1.6)
            axes.margins(y=0.1)
            if positive:
                plain_log_ticks(axes.yaxis)
        self.axes_[0].set_ylabel(self.label)
        self.axes_[1].set_ylabel("Training time\n(seconds per fold)")
        self.axes_[1].set_xlabel("Rows kept of the biggest class (per training part)")
        self._mark_rows(rows, factor)
        return self

    def _mark_rows(self, rows: Any, factor: Any) -> None:
        bottom = self.axes_[1]
        bottom.set_xscale("log")
        ends = np.log([rows.min(), rows.max()])
        room = max(0.06 * (ends[1] - ends[0]), 0.05)
        bottom.set_xlim(np.exp(ends[0] - room), np.exp(ends[1] + room))
        plain_log_ticks(bottom.xaxis)
        self.ax_.tick_params(labelbottom=False)
        self.factor_axis_ = self.ax_.secondary_xaxis("top")
        self.factor_axis_.set_xlabel("Downsampling factor")
        kept: list[int] = []
        width = ends[1] - ends[0] + 2 * room
        for at in np.argsort(factor, kind="stable"):
            gap = min((abs(np.log(rows[at] / rows[k])) for k in kept), default=np.inf)
            if gap >= _NEAREST * width:
                kept.append(int(at))
        self.factor_axis_.set_xticks(rows[kept], [f"{factor[at]:g}" for at in kept])
        self.factor_axis_.tick_params(which="minor", top=False, labeltop=False)
        self.factor_axis_.tick_params(labelsize=SMALL + 0.5)
