"""Reliability curves for rare events: on logarithmic axes, with the scores below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skstrat.displays._axes import Display, add_legend, draw_reference
from skstrat.displays._style import (
    REFERENCE,
    Style,
    curve_arguments,
    fill_styles,
    wrapped,
)
from skstrat.metrics._calibration_curve import CalibrationBins, bin_calibration

Floats = NDArray[np.float64]

# Hanley and Lippman-Hand (1983): with no event in n trials, the rate is below 3 / n
# with 95 % confidence.
RULE_OF_THREE = 3.0
Z_95 = 1.959964
HISTOGRAM_BINS = 40
_WITHOUT = "no positive row:\n95 % upper limit"


@dataclass(repr=False, eq=False)
class ReliabilityDisplay(Display):
    """Observed shares against predicted probabilities, and how often each is predicted.

    Bins have about equal weight (:func:`skstrat.metrics.calibration_curve`), and both
    axes are logarithmic, because with rare events most of what matters is far below
    1 %. A bin without any positive row has no place there: an open triangle pointing
    down marks the 95 % upper limit of its rate by the rule of three, 3 / n for n rows
    (with weights, three positive rows of average weight over the weight of the bin),
    and no line leads to it. Probabilities so low that they expect less than a tenth of
    a positive row in all the data are drawn at the left edge; the first bar of the
    histogram holds all scores at or below that edge.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Whether each row is of the positive class.
    y_prob : mapping of str to array-like of shape (n_rows,)
        Probabilities of the positive class by name of the strategy.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    n_bins : int, default=None
        Number of bins; None for the cube root of the number of positive rows, at least
        2 and at most 15.
    styles : mapping of str to (color, linestyle, marker), default=None
        Looks by name; None for colours that colour-blind people can tell apart, in the
        order of ``y_prob``.

    Attributes
    ----------
    bins_ : dict of str to CalibrationBins
        What the curves show: ``prob_true``, ``prob_pred``, ``weight``, ``n_rows`` and
        ``n_positives`` of each bin.
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes of the curves.
    axes_ : ndarray of shape (1,) or (2,)
        Axes of the curves and of the histogram.

    See Also
    --------
    skstrat.metrics.expected_calibration_error : The distance to the diagonal.

    Notes
    -----
    Intervals are Wilson's (1927) for the share of positive rows; with weights, their
    odds are multiplied by what the weights do to the odds of the bin, which is exact
    if weights differ between the classes only.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skstrat.displays import ReliabilityDisplay
    >>> rng = np.random.default_rng(0)
    >>> p = rng.beta(1, 30, size=5000)
    >>> y = rng.random(5000) < p
    >>> display = ReliabilityDisplay(y, {"true": p, "too high": p**0.5}).plot()
    >>> len(display.bins_["true"].prob_true)
    6
    >>> plt.close(display.figure_)
    """

    y_true: Any
    y_prob: Mapping[str, Any]
    _: KW_ONLY
    sample_weight: Any = None
    n_bins: int | None = None
    styles: Mapping[str, Style] | None = None

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        strategies: Iterable[str] | None = None,
        ax: Any = None,
        n_bins: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the out-of-fold probabilities of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`. With more than two classes, the
            smallest against the rest.
        strategies : iterable of str, default=None
            Names. None for the first eight; if the best is not among them, it takes
            the place of the last.
        ax : Axes, default=None
            Where to draw; None for a new figure.
        n_bins : int, default=None
            Number of bins, see the class.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy.
        """
        display = cls(**curve_arguments(comparison, strategies), n_bins=n_bins)
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        histogram: bool = True,
        intervals: bool | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw the curves, and below them the histograms.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; its place is divided if there is a histogram. None for a new
            figure.
        histogram : bool, default=True
            Whether to show how often each probability is predicted.
        intervals : bool, default=None
            Whether to draw 95 % intervals of the observed shares; None if there is only
            one strategy.
        legend : bool, default=True
            Whether to explain the lines: beside the axes in a new figure, inside of
            axes that were given.

        Returns
        -------
        ReliabilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        labels = {name: wrapped(name, 28) for name in self.y_prob}
        heights = (2.6, 1.0) if histogram else (1.0,)
        self._open(
            ax,
            (len(heights), 1),
            size=(8.0, 7.0 if histogram else 5.2),
            legend=[*labels.values(), _WITHOUT, "calibrated"],
            heights=heights,
        )
        positive = np.asarray(self.y_true, dtype=bool)
        self.bins_ = {
            name: bin_calibration(
                positive, y_prob, self.sample_weight, pos_label=True, n_bins=self.n_bins
            )
            for name, y_prob in self.y_prob.items()
        }
        weights = np.ones(len(positive))
        if self.sample_weight is not None:
            weights = np.asarray(self.sample_weight, dtype=float)
        unit = float(np.average(weights, weights=positive)) if positive.any() else 1.0
        lowest = min(bins.prob_pred.min() for bins in self.bins_.values())
        left = max(unit / weights.sum() / 10, lowest / 4)
        styles = fill_styles(self.y_prob, self.styles)
        if intervals is None:
            intervals = len(self.y_prob) == 1
        self._plot_curves(styles, labels, unit=unit, left=left, intervals=intervals)
        if histogram:
            self._plot_histogram(self.axes_[1], styles, weights, left)
            self.ax_.tick_params(labelbottom=False)
        self.axes_[-1].set_xlabel("Predicted probability")
        if legend:
            add_legend(self.ax_, outside=ax is None)
        return self

    def _plot_curves(
        self,
        styles: dict[str, Style],
        labels: dict[str, str],
        *,
        unit: float,
        left: float,
        intervals: bool,
    ) -> None:
        ax = self.ax_
        ax.set(
            xscale="log", yscale="log", ylabel="Observed share of the positive class"
        )
        seen: list[float] = []
        n_limits = 0
        for name, bins in self.bins_.items():
            style = styles[name]
            x = np.maximum(bins.prob_pred, left)
            some = bins.n_positives > 0
            y = np.where(some, bins.prob_true, np.nan)
            ax.plot(x, y, **style.line, label=labels[name], marker=style.marker, ms=5.5)
            limit = np.minimum(RULE_OF_THREE * unit / bins.weight[~some], 1.0)
            _plot_limits(ax, x[~some], limit, style.color)
            n_limits += limit.size
            seen += [*y[some], *limit]
            if intervals:
                low, high = (bound[some] for bound in wilson_interval(bins))
                reach = (y[some] - low, high - y[some])
                bars = {"ecolor": style.color, "elinewidth": 1, "capsize": 3}
                ax.errorbar(x[some], y[some], yerr=reach, fmt="none", **bars)
                seen += [*low, *high]
        if n_limits:
            _plot_limits(ax, [], [], REFERENCE, label=_WITHOUT)
        draw_reference(ax, [left / 10, 1.0], [left / 10, 1.0], "calibrated")
        ax.set_ylim(min(seen) / 1.8, min(max(seen) * 1.8, 1.3))
        ax.set_xlim(left / 1.3, 1.3)

    def _plot_histogram(
        self, ax: Any, styles: dict[str, Style], weights: Floats, left: float
    ) -> None:
        edges = np.geomspace(left, 1.0, HISTOGRAM_BINS + 1)
        # Rounding must not put the corners inside of what is counted.
        edges[0], edges[-1] = left, 1.0
        for name, y_prob in self.y_prob.items():
            scores = np.clip(np.asarray(y_prob, dtype=float), left, 1.0)
            mass, _ = np.histogram(scores, edges, weights=weights)
            drawn = np.where(mass > 0, mass, np.nan)
            ax.stairs(drawn, edges, baseline=None, **styles[name].line)
        weighted = self.sample_weight is not None
        ax.set(yscale="log", ylabel="Weight in bin" if weighted else "Rows in bin")


def wilson_interval(bins: CalibrationBins) -> tuple[Floats, Floats]:
    """Give 95 % intervals of the observed shares (Wilson, 1927)."""
    n, k = bins.n_rows.astype(float), bins.n_positives.astype(float)
    middle = (k + Z_95**2 / 2) / (n + Z_95**2)
    half = Z_95 / (n + Z_95**2) * np.sqrt(k * (n - k) / n + Z_95**2 / 4)
    mixed = (k > 0) & (k < n) & (bins.prob_true > 0) & (bins.prob_true < 1)
    share = np.where(mixed, bins.prob_true, 0.5)
    ratio = share / (1 - share) * np.where(mixed, (n - k) / np.maximum(k, 1), 1.0)

    def moved(bound: Floats) -> Floats:
        bound = np.clip(bound, 0.0, 1.0)
        return bound * ratio / (bound * ratio + 1 - bound)

    low, high = moved(middle - half), moved(middle + half)
    return np.minimum(low, bins.prob_true), np.maximum(high, bins.prob_true)


def _plot_limits(ax: Any, x: Any, y: Any, color: str, label: str | None = None) -> None:
    hollow = {"markerfacecolor": "white", "markeredgewidth": 1.3, "markersize": 7}
    line = {"color": color, "linestyle": "none", "marker": "v", "zorder": 3}
    ax.plot(x, y, label=label, **line, **hollow)
