"""What a strategy costs and what it gives: training time against a measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np

from skstrat.displays._axes import Display, add_legend, choose_scale, plain_log_ticks
from skstrat.displays._style import (
    Spread,
    Style,
    all_names,
    choose_names,
    comparison_styles,
    fill_styles,
    measure_outcomes,
    wrapped,
)


@dataclass(repr=False, eq=False)
class TradeOffDisplay(Display):
    """Training time against a measure of quality, one point per strategy.

    Time is on a logarithmic axis, and so is the measure if its values span more than a
    factor of five, so that one bad strategy does not squeeze the others. The true
    distribution, which the others are compared with, has the largest point and a line
    at its value.

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

    fit_time: Mapping[str, float]
    value: Mapping[str, float]
    error: Mapping[str, float] | None = None
    _: KW_ONLY
    reference: str | None = None
    label: str = "Log loss"
    styles: Mapping[str, Style] | None = None

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

    def plot(
        self, ax: Any = None, *, log: bool | None = None, legend: bool = True
    ) -> Self:
        """Draw the points and explain them.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.
        log : bool, default=None
            Whether the measure is on a logarithmic axis, if it is positive; None if its
            values span more than a factor of five.
        legend : bool, default=True
            Whether to name the points: beside the axes in a new figure, inside of axes
            that were given.

        Returns
        -------
        TradeOffDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        names = list(self.value)
        labels = {name: wrapped(name, 32) for name in names}
        self._open(ax, size=(8.0, 5.2), legend=labels.values())
        choose_scale(self.ax_, "x", [self.fit_time[name] for name in names], log=True)
        choose_scale(self.ax_, "y", self.value.values(), log=log)
        # Around a single point matplotlib's own limits may coincide, with a warning.
        self.ax_.autoscale(enable=False)
        reference = names[0] if self.reference is None else self.reference
        reaches = [
            self._plot_point(name, style, labels[name], special=name == reference)
            for name, style in fill_styles(names, self.styles).items()
        ]
        _set_limits(self.ax_, "x", [self.fit_time[name] for name in names])
        _set_limits(self.ax_, "y", reaches)
        self.ax_.set(xlabel="Training time (seconds per fold)", ylabel=self.label)
        if legend:
            add_legend(self.ax_, outside=ax is None)
        return self

    def _plot_point(
        self, name: str, style: Style, label: str, *, special: bool
    ) -> tuple[float, float]:
        """Draw a strategy, and give the ends of its error bar."""
        value = self.value[name]
        error = 0.0 if self.error is None else self.error[name]
        # On a logarithmic axis a bar must not end at or below 0.
        below = min(error, value / 2) if self.ax_.get_yscale() == "log" else error
        line = {"color": style.color, "linewidth": 0.8, "linestyle": (0, (5, 2))}
        if special:
            self.ax_.axhline(value, **line)
        self.ax_.errorbar(
            self.fit_time[name],
            value,
            yerr=[[below], [error]],
            color=style.color,
            marker=style.marker,
            markersize=10 if special else 7,
            capsize=3,
            elinewidth=1.2,
            linestyle="none",
            label=label,
        )
        return value - below, value + error


def _set_limits(ax: Any, which: str, values: Any) -> None:
    """Leave room around the points."""
    axis = getattr(ax, f"{which}axis")
    scale = axis.get_transform()
    low, high = scale.transform(np.array([np.nanmin(values), np.nanmax(values)]))
    room = 0.1 * (high - low) or max(0.1 * abs(high), 0.1)
    limits = scale.inverted().transform(np.array([low - room, high + room]))
    ax.set(**{f"{which}lim": limits})
    if axis.get_scale() == "log":
        plain_log_ticks(axis)
