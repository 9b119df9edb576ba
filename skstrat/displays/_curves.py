"""Curves of labels and probabilities: how strategies rank, how far to believe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from skstrat.displays._axes import REFERENCE, Display
from skstrat.displays._style import Styles, choose_strategies, make_styles, wrapped

PRECISION_RECALL = (PrecisionRecallDisplay, "average_precision", "AP")
ROC = (RocCurveDisplay, "roc_auc", "AUC")
KINDS = {
    "precision_recall": (*PRECISION_RECALL, "Recall", "Precision"),
    "roc": (*ROC, "False positive rate", "True positive rate"),
}
# Precision at a lower recall than this rests on a few rows.
FEW_FOUND = 0.05
# Hanley and Lippman-Hand (1983): with no event in n trials, the rate is below 3 / n
# with 95 % confidence. From fewer than 30 rows that says little.
RULE_OF_THREE, HIGHEST_LIMIT = 3.0, 0.1
Z_95 = 1.959964


@dataclass(repr=False, eq=False)
class CurvesDisplay(Display):
    """A curve of labels and probabilities for each strategy."""

    y_true: Any
    y_prob: Mapping[str, Any]
    _: KW_ONLY
    sample_weight: Any = None
    styles: Styles | None = None

    @classmethod
    def from_comparison(
        cls, comparison: Any, *, strategies: Any = None, ax: Any = None, **fields: Any
    ) -> Self:
        """Draw the out-of-fold probabilities of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`. With more than two classes, the
            smallest against the rest.
        strategies : str or iterable of str, default=None
            Names; None for the true distribution, the best and the worst.
        ax : Axes or array of Axes, default=None
            Where to draw; None for a new figure.
        **fields : dict
            Keyword arguments of the class.

        Returns
        -------
        Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy.
        """
        styles = choose_strategies(comparison, strategies, few=True)
        display = cls(
            comparison.y_true_,
            {name: comparison.y_prob(name) for name in styles},
            sample_weight=comparison.sample_weight_,
            styles=styles,
            **fields,
        )
        return display.plot(ax)


@dataclass(repr=False, eq=False)
class RankingDisplay(CurvesDisplay):
    """How well each strategy ranks: precision against recall, or the ROC curve.

    The curves are drawn by scikit-learn's displays, with weights; the legend gives the
    average precision (AP) or the area under the ROC curve (AUC).

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Whether each row is of the positive class.
    y_prob : mapping of str to array-like of shape (n_rows,)
        Scores, the higher the likelier positive, by name of the strategy.
    kind : {"precision_recall", "roc"}, default="precision_recall"
        Which curve. With rare events the ROC curve of a useless model can look good;
        precision does not flatter.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    styles : mapping of str to dict, default=None
        Arguments of ``Axes.plot`` by name; None for looks that colour-blind people can
        tell apart, in the order of ``y_prob``.

    Attributes
    ----------
    curves_ : dict of str to (ndarray, ndarray)
        Recall and precision, or false and true positive rate.
    scores_ : dict of str to float
        Average precision or area under the ROC curve.
    chance_ : float
        Precision of guessing, which is the prevalence; 0.5 for the ROC curve.
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes.
    axes_ : ndarray of shape (1,)
        The axes again.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : One curve.
    sklearn.metrics.RocCurveDisplay : One curve of the other kind.

    Notes
    -----
    Out-of-fold predictions of all folds are ranked together here; the table of a
    comparison ranks within each fold and averages, so its values differ a little.

    If precision stays below 50 % from a recall of 5 % on, the axis ends a little above
    it: what the first few rows happen to be is then outside the picture.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skstrat.displays import RankingDisplay
    >>> y = [0, 0, 0, 1]
    >>> scores = {"good": [0.1, 0.2, 0.3, 0.9], "fair": [0.1, 0.2, 0.9, 0.3]}
    >>> display = RankingDisplay(y, scores, kind="roc").plot()
    >>> print(*display.scores_.items())
    ('good', 1.0) ('fair', 0.6666666666666667)
    >>> plt.close(display.figure_)
    """

    kind: str = "precision_recall"

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves and the level of chance.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        RankingDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such curve.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}; got {self.kind!r}.")
        display, score, short, xlabel, ylabel = KINDS[self.kind]
        self._open(ax)
        positive = np.asarray(self.y_true, dtype=bool)
        share = float(np.average(positive, weights=self.sample_weight))
        self.chance_ = 0.5 if self.kind == "roc" else share
        chance = {"label": f"chance ({short}\u00a0{self.chance_:.2g})", **REFERENCE}
        styles = self.styles or make_styles(self.y_prob)
        self.curves_, self.scores_ = {}, {}
        for name, y_prob in self.y_prob.items():
            drawn = display.from_predictions(
                positive,
                y_prob,
                sample_weight=self.sample_weight,
                # Without the points between positive rows, which number millions.
                drop_intermediate=True,
                ax=self.ax_,
            )
            self.curves_[name] = drawn.line_.get_data()
            self.scores_[name] = float(np.squeeze(getattr(drawn, score)))
            # Numbers stay beside what they are: these spaces do not break.
            label = wrapped(f"{name} ({short}\u00a0{self.scores_[name]:.3f})", 30)
            drawn.line_.set(**{**styles[name], "marker": "", "label": label})
        # scikit-learn's own level of chance leaves weights out.
        level = [0.0, 1.0] if self.kind == "roc" else [share, share]
        self.ax_.plot([0.0, 1.0], level, **chance)
        if self.kind == "precision_recall":
            top = max(y[x >= FEW_FOUND].max() for x, y in self.curves_.values())
            self.ax_.set_ylim(0, 1.01 if top > 0.5 else 1.15 * top)
        self.ax_.set(xlabel=xlabel, ylabel=ylabel, aspect="auto")
        self._explain(ax)
        return self


@dataclass(repr=False, eq=False)
class ReliabilityDisplay(CurvesDisplay):
    """Observed shares against predicted probabilities, and how often each is predicted.

    Both axes are logarithmic, because with rare events most of what matters is far
    below 1 %, and bins are equally wide on them. The curves are drawn by
    scikit-learn's display, with weights; bars are 95 % intervals.

    A bin without any positive row has no place there, and no line leads to it. An open
    triangle pointing down marks the 95 % upper limit of its rate, if that is at most
    10 %. It is by the rule of three, 3 / n for n rows (with weights, three positive
    rows of average weight over the weight of the bin). The first bin also holds all
    scores so low that they expect less than a tenth of a positive row in all the data.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Whether each row is of the positive class.
    y_prob : mapping of str to array-like of shape (n_rows,)
        Probabilities of the positive class by name of the strategy.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    n_bins : int, default=20
        Number of bins from the lowest score to 1, of the same ratio each.
    styles : mapping of str to dict, default=None
        Arguments of ``Axes.plot`` by name; None for looks that colour-blind people can
        tell apart, in the order of ``y_prob``.

    Attributes
    ----------
    curves_ : dict of str to (ndarray, ndarray)
        Mean probability and share of positive rows of each bin; NaN if no row is in it.
    figure_ : Figure
        The figure.
    ax_ : Axes
        The axes of the curves.
    axes_ : ndarray of shape (1,) or (2,)
        Axes of the curves and of the histogram.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Without weights, on linear axes.
    skstrat.metrics.expected_calibration_error : The distance, in bins of equal weight.

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
    >>> predicted, observed = display.curves_["true"]
    >>> print(predicted[-4].round(3), observed[-4].round(3))
    0.139 0.117
    >>> plt.close(display.figure_)
    """

    n_bins: int = 20

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
        given = 1.0 if self.sample_weight is None else self.sample_weight
        weight = np.broadcast_to(np.asarray(given, dtype=float), positive.shape)
        # Less than a tenth of a positive row in all the data is as good as none.
        unit = np.mean(weight[positive]) if positive.any() else weight.mean()
        lowest = min(np.min(y_prob) for y_prob in self.y_prob.values())
        left = np.clip(lowest, unit / weight.sum() / 10, 0.5)
        edges = np.geomspace(left, 1.0, self.n_bins + 1)
        styles = self.styles or make_styles(self.y_prob)
        self.curves_: dict[str, tuple[Any, Any]] = {}
        for name in self.y_prob:
            self._plot_strategy(name, positive, weight, unit, edges, styles[name])
        self.ax_.plot([], [], "v", c="0.4", mfc="white", label="95 % limit if no event")
        self.ax_.set_ylabel("Observed share of the positive class")
        for axes in self.axes_:
            axes.set(xscale="log", yscale="log", xlim=(edges[0] / 1.3, 1.3), xlabel="")
        axes.set_xlabel("Predicted probability")
        if n_panels > 1:
            axes.set_ylabel("Weight in bin" if np.ndim(given) else "Rows in bin")
            axes.yaxis.set_minor_formatter("")
        self._explain(ax)
        return self

    def _plot_strategy(
        self, name: str, positive: Any, weight: Any, unit: Any, edges: Any, style: Any
    ) -> None:
        y_prob = np.asarray(self.y_prob[name], dtype=float)
        bin_of = np.digitize(y_prob, edges[1:-1])
        mass, predicted, observed, n, k = (
            np.bincount(bin_of, counted, minlength=self.n_bins)
            for counted in (weight, weight * y_prob, weight * positive, None, positive)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = np.maximum(predicted / mass, edges[0]), observed / mass
            limit = RULE_OF_THREE * unit / mass
            # Wilson (1927); what weights do to the odds, they do to the ends.
            middle, z = k / n + Z_95**2 / n / 2, Z_95 / np.sqrt(n)
            reach = z * np.sqrt(k / n * (1 - k / n) + z**2 / 4)
            ends = (middle + [[-1], [1]] * reach) / (1 + z**2)
            ratio = np.where(k < n, y / (1 - y) * (n - k) / k, 1.0)
            ends = ends * ratio / (ends * ratio + 1 - ends)
        self.curves_[name] = x, y
        y, empty = np.where(k > 0, y, np.nan), (k == 0) & (limit <= HIGHEST_LIMIT)
        color, label = style["color"], wrapped(name, 28)
        CalibrationDisplay(y, x, y_prob).plot(ax=self.ax_, name=label, **style)
        self.ax_.plot(x[empty], limit[empty], "v", color=color, markerfacecolor="white")
        self.ax_.vlines(x, *ends, color=color, linewidth=0.8)
        for axes in self.axes_[1:]:
            look = {"color": color, "linestyle": style["linestyle"]}
            axes.stairs(np.where(mass > 0, mass, np.nan), edges, baseline=None, **look)
