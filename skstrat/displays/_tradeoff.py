"""What a strategy costs and what it gives: training time against a measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat._core.compat import check_matplotlib_support
from skstrat.displays._axes import choose_scale, open_grid, plain_log_ticks
from skstrat.displays._labels import label_points
from skstrat.displays._style import (
    SMALL,
    Spread,
    Style,
    all_names,
    choose_names,
    comparison_styles,
    fill_styles,
    measure_outcomes,
    wrapped,
)

Floats = NDArray[np.float64]


class TradeOffDisplay:
    """Training time against a measure of quality, one labelled point per strategy.

    Time is on a logarithmic axis, and so is the measure if its values span more than a
    factor of five, so that one bad strategy does not squeeze the others. The true
    distribution, which the others are compared with, has the largest point, a bold
    label and a line at its value.

    Parameters
    ----------
    fit_time : mapping of str to float
        Training time in seconds by name of the strategy.
    value : mapping of str to float
        The measure.
    error : mapping of str to float, default=None
        Half the lengths of the error bars.
    reference : str, default=None
        Name of the strategy that is highlighted; None for the first.
    label : str, default="Log loss"
        What is measured, and what the error bars are.
    styles : mapping of str to (color, linestyle, marker), default=None
        Looks by name; None for colours that colour-blind people can tell apart, in the
        order of ``value``.

    Attributes
    ----------
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes.
    axes_ : ndarray of shape (1,)
        The axes again.
    labels_ : dict of str to Annotation
        The names beside the points.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skstrat.displays import TradeOffDisplay
    >>> seconds = {"true distribution": 2.0, "a tenth": 0.2}
    >>> loss = {"true distribution": 0.030, "a tenth": 0.031}
    >>> display = TradeOffDisplay(seconds, loss).plot()
    >>> display.ax_.get_xlabel()
    'Training time (seconds per fold)'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        fit_time: Mapping[str, float],
        value: Mapping[str, float],
        error: Mapping[str, float] | None = None,
        *,
        reference: str | None = None,
        label: str = "Log loss",
        styles: Mapping[str, Style] | None = None,
    ) -> None:
        self.fit_time = fit_time
        self.value = value
        self.error = error
        self.reference = reference
        self.label = label
        self.styles = styles

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        strategies: Iterable[str] | None = None,
        ax: Any = None,
        measure: str | None = None,
        spread: Spread = "paired",
        **kwargs: Any,
    ) -> Self:
        """Draw times and a measure of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`.
        strategies : iterable of str, default=None
            Names; None for all.
        ax : Axes, default=None
            Where to draw; None for a new figure.
        measure : str, default=None
            A measure of the comparison; None for the one it chose by.
        spread : {"paired", "sd"}, default="paired"
            What the error bars show: the standard error of the paired difference to
            the true distribution, which is what strategies are chosen by, or the
            standard deviation over the folds.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        TradeOffDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy or measure.
        """
        check_matplotlib_support(f"{cls.__name__}.from_comparison")
        names = choose_names(comparison, strategies, all_names(comparison))
        outcomes = [comparison.outcome(name) for name in names]
        true = comparison.outcomes[0]
        found = measure_outcomes(comparison, outcomes, true, measure, spread)
        times = [outcome.mean("fit_time") for outcome in outcomes]
        display = cls(
            dict(zip(names, times, strict=True)),
            dict(zip(names, found.value.tolist(), strict=True)),
            dict(zip(names, found.error.tolist(), strict=True)),
            reference=true.strategy.name,
            label=found.label,
            styles=comparison_styles(comparison),
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, log: bool | None = None) -> Self:
        """Draw the points and put the names beside them.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.
        log : bool, default=None
            Whether the measure is on a logarithmic axis, if it is positive; None if its
            values span more than a factor of five.

        Returns
        -------
        TradeOffDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        caller = f"{type(self).__name__}.plot"
        self.figure_, axes = open_grid(ax, (1, 1), caller=caller, size=(8.0, 5.6))
        self.axes_, self.ax_ = axes[:, 0], axes[0, 0]
        names = list(self.value)
        reference = names[0] if self.reference is None else self.reference
        time = np.array([self.fit_time[name] for name in names])
        value = np.array([self.value[name] for name in names])
        error = np.zeros_like(value)
        if self.error is not None:
            error = np.array([self.error[name] for name in names])
        ax = self.ax_
        choose_scale(ax, "x", time, log=True)
        choose_scale(ax, "y", value, log=log)
        # On a logarithmic axis a bar must not end at or below 0.
        floor = value / 2 if ax.get_yscale() == "log" else -np.inf
        reaches = np.column_stack([np.maximum(value - error, floor), value + error])
        styles = fill_styles(names, self.styles)
        points = np.column_stack([time, value])
        self._plot_points(styles, reference, points, reaches)
        _make_room(ax, time, reaches)
        ax.set(xlabel="Training time (seconds per fold)", ylabel=self.label)
        ax.grid(visible=True, color="0.92")
        ax.set_axisbelow(True)
        levels = np.array([self.value[reference]] if reference in names else [])
        label_points(
            ax,
            list(self.labels_.values()),
            points,
            reaches=reaches,
            levels=levels,
            colors=[styles[name].color for name in names],
        )
        return self

    def _plot_points(
        self,
        styles: dict[str, Style],
        reference: str,
        points: Floats,
        reaches: Floats,
    ) -> None:
        ax = self.ax_
        self.labels_ = {}
        for name, (x, y), (low, high) in zip(styles, points, reaches, strict=True):
            style, special = styles[name], name == reference
            if special:
                ax.axhline(y, color=style.color, linewidth=0.8, linestyle=(0, (5, 2)))
            ax.errorbar(
                x,
                y,
                yerr=[[y - low], [high - y]],
                color=style.color,
                marker=style.marker,
                markersize=10 if special else 7,
                capsize=3,
                elinewidth=1.2,
                linestyle="none",
                label=name,
            )
            text = ax.annotate(
                wrapped(name, 24),
                (x, y),
                (8, 8),
                textcoords="offset points",
                fontsize=SMALL,
                color="0.15",
                fontweight="bold" if special else "normal",
                linespacing=1.0,
                bbox={"boxstyle": "square,pad=0.1", "color": "white", "alpha": 0.7},
            )
            # The layout must not move once the labels have their places.
            text.set_in_layout(False)
            self.labels_[name] = text


def _make_room(ax: Any, time: Floats, reaches: Floats) -> None:
    """Set the limits, with space for labels around the points."""
    for which, values, room in (("x", time, 0.3), ("y", reaches, 0.14)):
        axis = getattr(ax, f"{which}axis")
        forward = axis.get_transform().transform
        back = axis.get_transform().inverted().transform
        low, high = forward(np.array([np.nanmin(values), np.nanmax(values)]))
        span = (high - low) or max(abs(high) * 0.1, 0.1)
        limits = back(np.array([low - room * span, high + room * span]))
        ax.set(**{f"{which}lim": limits})
        if axis.get_scale() == "log":
            plain_log_ticks(axis)
