"""Curves of a ranking: precision against recall, or ROC, one per strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from skstrat.displays._axes import Display, add_legend, draw_reference
from skstrat.displays._style import (
    Style,
    curve_arguments,
    fill_styles,
    wrapped,
)

Kind = Literal["precision_recall", "roc"]
# Precision at a lower recall than this rests on a few rows.
FEW_FOUND = 0.05


@dataclass(repr=False, eq=False)
class RankingDisplay(Display):
    """How well each strategy ranks: precision against recall, or the ROC curve.

    The curves are of scikit-learn's functions, with weights; the legend gives the
    average precision (AP) or the area under the ROC curve (AUC) of the curve drawn.

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
    styles : mapping of str to (color, linestyle, marker), default=None
        Looks by name; None for colours that colour-blind people can tell apart, in the
        order of ``y_prob``.

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
    sklearn.metrics.precision_recall_curve : One of the curves.
    sklearn.metrics.roc_curve : The other.

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

    y_true: Any
    y_prob: Mapping[str, Any]
    _: KW_ONLY
    kind: Kind = "precision_recall"
    sample_weight: Any = None
    styles: Mapping[str, Style] | None = None

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        strategies: Iterable[str] | None = None,
        ax: Any = None,
        kind: Kind = "precision_recall",
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
        kind : {"precision_recall", "roc"}, default="precision_recall"
            Which curve.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        RankingDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy, or there is no such curve.
        """
        display = cls(**curve_arguments(comparison, strategies), kind=kind)
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, legend: bool = True) -> Self:
        """Draw the curves and the level of chance.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None for a new figure.
        legend : bool, default=True
            Whether to explain the lines: beside the axes in a new figure, inside of
            axes that were given.

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
        if self.kind not in get_args(Kind):
            raise ValueError(
                f"kind must be one of {list(get_args(Kind))}; got {self.kind!r}."
            )
        self._compute()
        summary = "AUC" if self.kind == "roc" else "AP"
        # Numbers stay beside what they are: these spaces do not break.
        labels = {
            name: wrapped(f"{name} ({summary}\u00a0{score:.3f})", 30)
            for name, score in self.scores_.items()
        }
        self._open(ax, size=(8.0, 5.2), legend=[*labels.values(), ""])
        styles = fill_styles(self.y_prob, self.styles)
        steps = "default" if self.kind == "roc" else "steps-post"
        for name, (x, y) in self.curves_.items():
            line = styles[name].line
            self.ax_.plot(x, y, drawstyle=steps, label=labels[name], **line)
        level = [0, 1] if self.kind == "roc" else [self.chance_] * 2
        label = f"chance ({summary}\u00a0{self.chance_:.2g})"
        draw_reference(self.ax_, [0, 1], level, label)
        self._label_axes()
        if legend:
            add_legend(self.ax_, outside=ax is None)
        return self

    def _label_axes(self) -> None:
        if self.kind == "roc":
            names, top = ("False positive rate", "True positive rate (recall)"), 1.0
        else:
            names, top = ("Recall (share of positive rows found)", "Precision"), 0.0
            for recall, precision in self.curves_.values():
                top = max(top, precision[recall >= FEW_FOUND].max())
            top = 1.0 if top > 0.5 else 1.15 * top
        self.ax_.set(xlabel=names[0], ylabel=names[1])
        self.ax_.set(xlim=(-0.01, 1.01), ylim=(-0.01 * top, 1.01 * top))

    def _compute(self) -> None:
        positive = np.asarray(self.y_true, dtype=bool)
        weighted = {"sample_weight": self.sample_weight}
        self.curves_: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.scores_: dict[str, float] = {}
        for name, y_prob in self.y_prob.items():
            if self.kind == "roc":
                x, y, _ = roc_curve(positive, y_prob, **weighted)
                score = roc_auc_score(positive, y_prob, **weighted)
            else:
                # Without the points between positive rows, which number millions.
                y, x, _ = precision_recall_curve(
                    positive, y_prob, drop_intermediate=True, **weighted
                )
                score = average_precision_score(positive, y_prob, **weighted)
            self.curves_[name] = x, y
            self.scores_[name] = float(score)
        prevalence = float(np.average(positive, weights=self.sample_weight))
        self.chance_ = 0.5 if self.kind == "roc" else prevalence
