"""Reliability curves for rare events: on logarithmic axes, with the scores below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import CalibrationDisplay

from skstrat.displays._comparison import CurvesDisplay
from skstrat.displays._style import make_styles, wrapped
from skstrat.metrics._calibration_curve import CalibrationBins, bin_calibration

# Hanley and Lippman-Hand (1983): with no event in n trials, the rate is below 3 / n
# with 95 % confidence.
RULE_OF_THREE = 3.0
HISTOGRAM_BINS = 40


@dataclass(repr=False, eq=False)
class ReliabilityDisplay(CurvesDisplay):
    """Observed shares against predicted probabilities, and how often each is predicted.

    Curves are drawn by scikit-learn's display. Bins have about equal weight, as those
    of :func:`skstrat.metrics.expected_calibration_error`. Both axes are logarithmic,
    because with rare events most of what matters is far below
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
    styles : mapping of str to dict, default=None
        Arguments of ``Axes.plot`` by name; None for looks that colour-blind people can
        tell apart, in the order of ``y_prob``.

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
    sklearn.calibration.CalibrationDisplay : Without weights, on linear axes.
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

    n_bins: int | None = None

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves, and below them the histograms.

        Parameters
        ----------
        ax : Axes or array of Axes of shape (2,), default=None
            Where to draw: the curves alone, or the histograms, too. None for a new
            figure of both.


        Returns
        -------
        ReliabilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_panels = 2 if ax is None else min(np.size(ax), 2)
        self._open(ax, n_panels, figsize=(8.0, 7.0), height_ratios=(2.6, 1.0))
        positive = np.asarray(self.y_true, dtype=bool)
        weight = np.ones(len(positive))
        if self.sample_weight is not None:
            weight = np.asarray(self.sample_weight, dtype=float)
        self.bins_ = {
            name: bin_calibration(
                positive, y_prob, weight, pos_label=True, n_bins=self.n_bins
            )
            for name, y_prob in self.y_prob.items()
        }
        # The weight of a positive row, and the lowest probability of a bin.
        unit = np.average(weight, weights=positive) if positive.any() else 1.0
        lowest = min(bins.prob_pred.min() for bins in self.bins_.values())
        left = max(unit / weight.sum() / 10, lowest / 4)
        styles = self.styles or make_styles(self.y_prob)
        for name, bins in self.bins_.items():
            x, some = np.maximum(bins.prob_pred, left), bins.n_positives > 0
            y, color = np.where(some, bins.prob_true, np.nan), styles[name]["color"]
            label = wrapped(name, 28)
            curve = CalibrationDisplay(y, x, self.y_prob[name])
            curve.plot(ax=self.ax_, name=label, markersize=5.5, **styles[name])
            limit = np.minimum(RULE_OF_THREE * unit / bins.weight, 1.0)[~some]
            hollow = {"color": color, "markerfacecolor": "white"}
            self.ax_.plot(x[~some], limit, "v", **hollow)
            if len(self.bins_) == 1:
                self.ax_.vlines(x[some], *wilson_interval(bins)[:, some], color=color)
        self.ax_.set_ylabel("Observed share of the positive class")
        for axes in self.axes_[1:]:
            edges = np.geomspace(left, 1.0, HISTOGRAM_BINS + 1)
            # Rounding must not put the corners inside of what is counted.
            edges[0], edges[-1] = left, 1.0
            for name, y_prob in self.y_prob.items():
                mass, _ = np.histogram(
                    np.clip(y_prob, left, 1.0), edges, weights=weight
                )
                look = {key: styles[name][key] for key in ("color", "linestyle")}
                axes.stairs(np.where(mass, mass, np.nan), edges, baseline=None, **look)
            axes.set_ylabel(
                "Rows in bin" if self.sample_weight is None else "Weight in bin"
            )
        for axes in self.axes_:
            axes.set(xscale="log", yscale="log", xlim=(left / 1.3, 1.3), xlabel="")
        axes.set_xlabel("Predicted probability")
        self._explain(ax)
        return self


def wilson_interval(bins: CalibrationBins) -> NDArray[np.float64]:
    """Give 95 % intervals of the observed shares (Wilson, 1927)."""
    k, n = bins.n_positives, bins.n_rows
    tests = [binomtest(*each) for each in zip(k, n, strict=True)]
    ends = np.transpose([each.proportion_ci(method="wilson") for each in tests])
    mixed = (k > 0) & (k < n) & (bins.prob_true > 0) & (bins.prob_true < 1)
    # What weights do to the odds of the bin, they do to the ends.
    shift = logit(np.where(mixed, bins.prob_true, 0.5))
    shift -= logit(np.where(mixed, k / n, 0.5))
    return np.asarray(expit(logit(ends) + shift))
