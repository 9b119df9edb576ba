"""Curves of labels and probabilities: ranking and reliability of strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay
from sklearn.utils import check_scalar

from skstrat.displays._axes import REFERENCE, Display
from skstrat.displays._style import Styles, choose_strategies, make_styles, wrapped
from skstrat.metrics._predictions import Predictions, check_predictions

PRECISION_RECALL = (PrecisionRecallDisplay, "average_precision", "AP")
ROC = (RocCurveDisplay, "roc_auc", "AUC")
KINDS = {
    "precision_recall": (*PRECISION_RECALL, "Recall", "Precision"),
    "roc": (*ROC, "False positive rate", "True positive rate"),
}
# Precision at a lower recall than this depends on a few rows.
FEW_FOUND = 0.05
# Hanley and Lippman-Hand (1983): with no event in n trials, the rate is below 3 / n
# with 95 % confidence. With fewer than 30 rows the limit is above 10 %.
RULE_OF_THREE, HIGHEST_LIMIT = 3.0, 0.1
Z_95 = 1.959964


@dataclass(repr=False, eq=False)
class CurvesDisplay(Display):
    """A curve of labels and probabilities for each strategy."""

    y_true: Any
    y_prob: Mapping[str, Any]
    _: KW_ONLY
    sample_weight: Any = None
    pos_label: Any = None
    styles: Styles | None = None

    @classmethod
    def from_comparison(
        cls, comparison: Any, *, strategies: Any = None, ax: Any = None, **fields: Any
    ) -> Self:
        """Draw the out-of-fold probabilities of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`. With more than two classes,
            curves are for the smallest against the rest.
        strategies : str or iterable of str, default=None
            Names; None for the true distribution, the best and the worst.
        ax : Axes or array of Axes, default=None
            Where to draw; None for a new figure.
        **fields : dict
            Keyword arguments of the class.

        Returns
        -------
        Display
            The display, drawn.

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

    def _check(self) -> dict[str, Predictions]:
        if not hasattr(self.y_prob, "items") or not len(self.y_prob):
            raise ValueError(
                "y_prob must be a mapping of at least one name to probabilities; got "
                f"{self.y_prob!r:.80}. Give {{name: y_prob}} for a single curve."
            )
        checked = {}
        for name, y_prob in self.y_prob.items():
            try:
                checked[name] = check_predictions(
                    self.y_true, y_prob, self.sample_weight, self.pos_label
                )
            except (TypeError, ValueError) as error:
                error.add_note(f"It is about y_prob[{name!r}].")
                raise
        return checked

    def _looks(self) -> Styles:
        given = self.styles or {}
        looks = make_styles(self.y_prob)
        return {name: {**look, **given.get(name, {})} for name, look in looks.items()}


@dataclass(repr=False, eq=False)
class RankingDisplay(CurvesDisplay):
    """Ranking by each strategy: precision against recall, or the ROC curve.

    The curves are drawn by scikit-learn's displays, with weights. The legend has the
    average precision (AP) or the area under the ROC curve (AUC).

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most.
    y_prob : mapping of str to array-like of shape (n_rows,)
        Probabilities of the positive class by name of the strategy.
    kind : {"precision_recall", "roc"}, default="precision_recall"
        Which curve. With rare events a ROC curve hides false alarms.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.
    styles : mapping of str to dict, default=None
        Arguments of ``Axes.plot`` by name. None for styles that colour-blind people can
        distinguish, in the order of ``y_prob``.

    Attributes
    ----------
    curves_ : dict of str to (ndarray, ndarray)
        Recall and precision, or false and true positive rate.
    scores_ : dict of str to float
        Average precision or area under the ROC curve.
    chance_ : float
        Precision of guessing, which is the prevalence; 0.5 for the ROC curve.
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (1,)
        The figure, its axes, and an array of them.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay, sklearn.metrics.RocCurveDisplay

    Notes
    -----
    Out-of-fold predictions of all folds are ranked together. The table of a comparison
    ranks within each fold and averages, so its values differ a little. If precision
    stays below 50 % from a recall of 5 % on, the axis ends a little above it. The
    precision of the first few rows, which is random, is then not shown.

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
            If there is no curve or row, shapes do not fit, or there are not exactly two
            classes. If the positive class is not known, or a probability, a weight or
            the kind is impossible.
        TypeError
            If weights are no numbers.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}; got {self.kind!r}.")
        display, score, short, xlabel, ylabel = KINDS[self.kind]
        curves = self._check()
        first = next(iter(curves.values()))
        first.require("a ranking")
        share = first.prevalence
        self._open(ax)
        self.chance_ = 0.5 if self.kind == "roc" else share
        chance = {"label": f"chance ({short}\u00a0{self.chance_:.2g})", **REFERENCE}
        styles = self._looks()
        self.curves_, self.scores_ = {}, {}
        for name, each in curves.items():
            drawn = display.from_predictions(
                each.positive,
                each.p,
                # Counts are exact, so that more points are on a line and are dropped.
                sample_weight=None if self.sample_weight is None else each.share,
                # Without the points between positive rows, which may be millions.
                drop_intermediate=True,
                ax=self.ax_,
            )
            self.curves_[name] = drawn.line_.get_data()
            self.scores_[name] = float(np.squeeze(getattr(drawn, score)))
            # A space that does not break, so that names and numbers stay together.
            label = wrapped(f"{name} ({short}\u00a0{self.scores_[name]:.3f})", 30)
            drawn.line_.set(**{**styles[name], "marker": "", "label": label})
        # scikit-learn's own level of chance ignores weights.
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
    """Observed shares against predicted probabilities, with a histogram.

    Both axes are logarithmic and bins are equally wide on them, because with rare
    events most probabilities are far below 1 %. The curves are drawn by scikit-learn's
    display, with weights. Bars are 95 % intervals.

    A bin without positive rows has no point, and no line leads to it. An open triangle
    pointing down marks the 95 % upper limit of its rate, if that is at most 10 %. The
    limit is 3 / n for n rows (rule of three). With weights it is three positive rows of
    average weight over the weight of the bin. The first bin also has all lower scores,
    if these expect less than a tenth of a positive row in all the data.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels, of two classes at most.
    y_prob : mapping of str to array-like of shape (n_rows,)
        Probabilities of the positive class by name of the strategy.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows. Rows with zero weight are ignored.
    pos_label : int, float, bool or str, default=None
        Label of the positive class. None means 1 or True, beside 0, -1 or False.
    n_bins : int, default=20
        Number of bins from the lowest score to 1; all have the same ratio of upper to
        lower edge.
    styles : mapping of str to dict, default=None
        Arguments of ``Axes.plot`` by name. None for styles that colour-blind people can
        distinguish, in the order of ``y_prob``.

    Attributes
    ----------
    curves_ : dict of str to (ndarray, ndarray)
        Mean probability and share of positive rows of each bin; NaN if no row is in it.
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (1,) or (2,)
        The figure, the axes of the curves, and those of curves and histogram.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Without weights, on linear axes.
    skstrat.metrics.expected_calibration_error : The distance, in bins of equal weight.

    Notes
    -----
    Intervals are Wilson's (1927) for the share of positive rows. With weights, their
    odds are multiplied by the change of the odds of the bin by the weights. This is
    exact if weights differ only between the classes.

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
            Where to draw: only the curves, or also the histograms. None for a new
            figure of both.

        Returns
        -------
        ReliabilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no curve or row, shapes do not fit, or there are more than two
            classes. If the positive class is not known, or a probability, a weight or
            the number of bins is impossible.
        TypeError
            If weights are no numbers, or ``n_bins`` is no whole number.
        """
        curves = self._check()
        n_bins = check_scalar(self.n_bins, "n_bins", Integral, min_val=1)
        n_panels = 2 if ax is None else min(np.size(ax), 2)
        self._open(ax, n_panels, figsize=(8.0, 7.0), height_ratios=(2.6, 1.0))
        positive, _, share = next(iter(curves.values()))
        # Less than a tenth of a positive row in all the data counts as none.
        unit = np.mean(share[positive]) if positive.any() else share.mean()
        lowest = min(each.p.min() for each in curves.values())
        edges = np.geomspace(np.clip(lowest, unit / 10, 0.5), 1.0, n_bins + 1)
        weighted, styles = self.sample_weight is not None, self._looks()
        total = np.sum(self.sample_weight) if weighted else len(share)
        self.curves_: dict[str, tuple[Any, Any]] = {}
        limits = [
            self._plot_strategy(name, each, unit, edges, total, styles[name])
            for name, each in curves.items()
        ]
        if any(limits):
            look = {"c": "0.4", "mfc": "white", "label": "95 % limit if no event"}
            self.ax_.plot([], [], "v", **look)
        self.ax_.set_ylabel("Observed share of the positive class")
        for axes in self.axes_:
            axes.set(xscale="log", yscale="log", xlim=(edges[0] / 1.3, 1.3), xlabel="")
        axes.set_xlabel("Predicted probability")
        if n_panels > 1:
            axes.set_ylabel("Weight in bin" if weighted else "Rows in bin")
            axes.yaxis.set_minor_formatter("")
        self._explain(ax)
        return self

    def _plot_strategy(
        self, name: str, rows: Any, unit: Any, edges: Any, total: Any, style: Any
    ) -> bool:
        """Draw a curve and its histogram; return whether it has limits."""
        positive, p, share = rows
        bin_of = np.digitize(p, edges[1:-1])
        mass, predicted, observed, n, k = (
            np.bincount(bin_of, counted, minlength=len(edges) - 1)
            for counted in (share, share * p, share * positive, None, positive)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = np.maximum(predicted / mass, edges[0]), observed / mass
            limit = RULE_OF_THREE * unit / mass
            # Wilson (1927); weights change the odds of the ends by the same factor.
            middle, z = k / n + Z_95**2 / n / 2, Z_95 / np.sqrt(n)
            reach = z * np.sqrt(k / n * (1 - k / n) + z**2 / 4)
            ends = (middle + [[-1], [1]] * reach) / (1 + z**2)
            ratio = np.where(k < n, y / (1 - y) * (n - k) / k, 1.0)
            ends = ends * ratio / (ends * ratio + 1 - ends)
        self.curves_[name] = x, y
        y, empty = np.where(k > 0, y, np.nan), (k == 0) & (limit <= HIGHEST_LIMIT)
        color, label = style["color"], wrapped(name, 28)
        CalibrationDisplay(y, x, p).plot(ax=self.ax_, name=label, **style)
        self.ax_.plot(x[empty], limit[empty], "v", color=color, markerfacecolor="white")
        self.ax_.vlines(x, *ends, color=color, linewidth=0.8)
        for axes in self.axes_[1:]:
            look = {"color": color, "linestyle": style["linestyle"]}
            drawn = np.where(mass > 0, mass * total, np.nan)
            axes.stairs(drawn, edges, baseline=None, **look)
        return bool(empty.any())
