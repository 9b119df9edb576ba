"""Curves of a ranking: precision against recall, or ROC, one per strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from skstrat.displays._axes import REFERENCE
from skstrat.displays._comparison import CurvesDisplay
from skstrat.displays._style import make_styles, wrapped

KINDS = {
    "precision_recall": (PrecisionRecallDisplay, "average_precision", "AP"),
    "roc": (RocCurveDisplay, "roc_auc", "AUC"),
}
# Precision at a lower recall than this rests on a few rows.
FEW_FOUND = 0.05


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
        display, attribute, short = KINDS[self.kind]
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
                plot_chance_level=name == list(self.y_prob)[-1],
                chance_level_kw=chance,
            )
            score = float(np.squeeze(getattr(drawn, attribute)))
            # Numbers stay beside what they are: these spaces do not break.
            label = wrapped(f"{name} ({short}\u00a0{score:.3f})", 30)
            drawn.line_.set(**{**styles[name], "marker": "", "label": label})
            self.curves_[name], self.scores_[name] = drawn.line_.get_data(), score
        words = ("False positive rate", "True positive rate")
        if self.kind == "precision_recall":
            words = ("Recall", "Precision")
            top = max(y[x >= FEW_FOUND].max() for x, y in self.curves_.values())
            self.ax_.set_ylim(0, 1.01 if top > 0.5 else 1.15 * top)
        self.ax_.set(xlabel=words[0], ylabel=words[1], aspect="auto")
        self._explain(ax)
        return self
