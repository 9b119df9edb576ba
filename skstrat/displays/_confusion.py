"""Confusion matrices at the tuned thresholds, one per strategy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from skstrat.displays._axes import SMALL, ComparisonDisplay
from skstrat.displays._style import choose_strategies, wrapped


@dataclass(repr=False, eq=False)
class ConfusionMatricesDisplay(ComparisonDisplay):
    """A confusion matrix per strategy, at its tuned threshold.

    Each cell has the number of rows (with weights, their sum) and its percentage of the
    row of the matrix, which gives its shade. Predictions are out of fold. Each matrix
    is drawn by scikit-learn's display.

    Parameters
    ----------
    comparison : Comparison
        Of two classes, made by :func:`skstrat.compare_strategies`.
    strategies : str or iterable of str, default=None
        Names; None for all that did not fail.

    Attributes
    ----------
    matrices_ : dict of str to ndarray of shape (2, 2)
        Rows are the true classes, the negative first, columns the predicted ones.
    figure_, ax_, axes_ : Figure, Axes, ndarray of shape (n_strategies,)
        The figure, its first axes, and all of them.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : One matrix, of any number of classes.
    """

    strategies: str | Iterable[str] | None = None

    def plot(self, ax: Any = None) -> Self:
        """Draw the matrices in rows of up to four.

        Parameters
        ----------
        ax : array of Axes of shape (n_strategies,), default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ConfusionMatricesDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are more than two classes, fewer axes than strategies, or no such
            strategy.
        """
        comparison = self.comparison
        classes = comparison.labels.classes
        if comparison.cross_validation.positive is None:
            raise ValueError(
                "comparison must be of two classes, because only their threshold is "
                f"tuned; got {len(classes)} classes. Give labels and predictions to "
                "sklearn.metrics.ConfusionMatrixDisplay."
            )
        names = list(choose_strategies(comparison, self.strategies, few=False))
        n_columns = min(len(names), 4)
        size = (2.0 * n_columns, 2.3 * -(-len(names) // n_columns))
        self._open(ax, len(names), n_columns=n_columns, figsize=size)
        (negative,) = classes[classes != comparison.positive_]
        order = negative, comparison.positive_
        labels = [wrapped(str(each), 12, 1) for each in order]
        self.matrices_ = {}
        for axes, name in zip(self.axes_, names, strict=True):
            labelled = comparison.y_true_, comparison.y_pred(name)
            matrix = confusion_matrix(
                *labelled, sample_weight=comparison.sample_weight_
            )
            self.matrices_[name] = matrix
            shares = matrix / matrix.sum(axis=1, keepdims=True)
            drawn = ConfusionMatrixDisplay(shares, display_labels=labels).plot(
                ax=axes, cmap="Blues", colorbar=False, values_format=".1%"
            )
            drawn.im_.set_clim(0, 1)
            for text, value in zip(drawn.text_.flat, matrix.flat, strict=True):
                text.set(text=f"{round(value, 1):,}\n{text.get_text()}", size=SMALL)
            # One threshold per fold; the median represents them.
            threshold = np.median(comparison.outcome(name).folds["threshold"])
            words = f"{wrapped(name, 22)}\nthreshold {threshold:.2g}"
            axes.set_title(words, size=SMALL)
            axes.tick_params(length=0, labelsize=SMALL)
            axes.set_yticks([0, 1], labels, rotation=90, va="center")
            axes.grid(visible=False)
        return self
