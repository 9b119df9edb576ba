"""Confusion matrices at the tuned thresholds, one small picture per strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.metrics import confusion_matrix

from skstrat.displays._axes import Display
from skstrat.displays._style import SMALL, all_names, choose_names, wrapped

_MOST_COLUMNS = 4
_WIDTH, _HEIGHT = 2.45, 2.5
# Luminance at which black and white letters have the same contrast (WCAG 2.1).
_DARK = 0.179


@dataclass(repr=False, eq=False)
class ConfusionMatricesDisplay(Display):
    """A confusion matrix per strategy: what its tuned threshold finds and costs.

    Each cell has the number of rows (with weights, their sum) and its percentage of the
    row of the matrix, by which it is shaded: of all rows that are positive, how many
    were found, and of all that are not, how many raised a false alarm.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Whether each row is of the positive class.
    y_pred : mapping of str to array-like of shape (n_rows,)
        Whether it was predicted to be, by name of the strategy.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    thresholds : mapping of str to array-like of shape (n_folds,), default=None
        Thresholds of the probability that were used, for the titles.
    display_labels : (str, str), default=("negative", "positive")
        Names of the negative and of the positive class.

    Attributes
    ----------
    matrices_ : dict of str to ndarray of shape (2, 2)
        Rows are the true classes, the negative first, columns the predicted ones.
    figure_ : Figure
        The figure.
    ax_ : Axes
        The first axes.
    axes_ : ndarray of shape (n_strategies,)
        Axes of the matrices.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : One matrix, of any number of classes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skstrat.displays import ConfusionMatricesDisplay
    >>> y, predicted = [0, 0, 0, 1], {"bold": [0, 0, 1, 1], "shy": [0, 0, 0, 0]}
    >>> display = ConfusionMatricesDisplay(y, predicted).plot()
    >>> display.matrices_["bold"]
    array([[2, 1],
           [0, 1]])
    >>> plt.close(display.figure_)
    """

    y_true: Any
    y_pred: Mapping[str, Any]
    _: KW_ONLY
    sample_weight: Any = None
    thresholds: Mapping[str, Any] | None = None
    display_labels: tuple[Any, Any] = ("negative", "positive")

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        strategies: Iterable[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the out-of-fold predictions of a comparison of two classes.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`.
        strategies : iterable of str, default=None
            Names; None for all.
        ax : Axes, default=None
            Where to draw; None for a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ConfusionMatricesDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are more than two classes, so that no threshold was tuned, or the
            comparison has no such strategy.
        """
        if comparison.cross_validation.positive is None:
            raise ValueError(
                "comparison must be of two classes, because only their threshold is "
                f"tuned; got {len(comparison.labels.classes)} classes. Give labels and "
                "predictions to sklearn.metrics.ConfusionMatrixDisplay."
            )
        names = choose_names(comparison, strategies, all_names(comparison))
        classes = comparison.labels.classes
        (negative,) = classes[classes != comparison.positive_]
        display = cls(
            comparison.y_true_,
            {name: comparison.y_pred(name) for name in names},
            sample_weight=comparison.sample_weight_,
            thresholds={
                name: comparison.outcome(name).folds["threshold"] for name in names
            },
            display_labels=(negative, comparison.positive_),
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: Any = "Blues") -> Self:
        """Draw the matrices in rows of up to four.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; its place is divided. None for a new figure.
        cmap : str or Colormap, default="Blues"
            Shades of the percentages, from light to dark.

        Returns
        -------
        ConfusionMatricesDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        names = list(self.y_pred)
        n_columns = min(len(names), _MOST_COLUMNS)
        n_rows = -(-len(names) // n_columns)
        self._open(
            ax,
            (n_rows, n_columns),
            size=(max(_WIDTH * n_columns, 3.2), _HEIGHT * n_rows),
            grid_lines=False,
        )
        for spare in self.axes_[len(names) :]:
            spare.remove()
        self.axes_ = self.axes_[: len(names)]
        positive = np.asarray(self.y_true, dtype=bool)
        self.matrices_ = {
            name: confusion_matrix(
                positive,
                np.asarray(predicted, dtype=bool),
                labels=[False, True],
                sample_weight=self.sample_weight,
            )
            for name, predicted in self.y_pred.items()
        }
        ticks = [wrapped(str(label), 12, 1) for label in self.display_labels]
        for at, (name, axes) in enumerate(zip(names, self.axes_, strict=True)):
            self._plot_matrix(axes, self.matrices_[name], cmap)
            axes.set_title(self._title(name), fontsize=SMALL + 0.5)
            lowest, first = at + n_columns >= len(names), at % n_columns == 0
            axes.set_xticks([0, 1], ticks if lowest else ["", ""])
            axes.set_yticks([0, 1], ticks if first else ["", ""], rotation=90)
            for label in axes.get_yticklabels():
                label.set_verticalalignment("center")
            axes.tick_params(length=0, labelsize=SMALL)
            if lowest:
                axes.set_xlabel("Predicted class", fontsize=SMALL + 0.5)
            if first:
                axes.set_ylabel("True class", fontsize=SMALL + 0.5)
        return self

    def _title(self, name: str) -> str:
        title = wrapped(name, 25)
        if self.thresholds is None:
            return title
        used = np.asarray(self.thresholds[name], dtype=float)
        low, high = (f"{value:.2g}" for value in (used.min(), used.max()))
        # One per fold; the middle one stands for them.
        text = f"threshold {np.median(used):.2g}"
        span = "" if low == high else f" ({low} to {high})"
        return f"{title}\n{text}{span}"

    def _plot_matrix(self, ax: Any, matrix: Any, cmap: Any) -> None:
        total = matrix.sum(axis=1, keepdims=True)
        share = matrix / np.where(total > 0, total, 1)
        image = ax.imshow(share, cmap=cmap, vmin=0, vmax=1.15, aspect="auto")
        shades = image.to_rgba(share)
        for (row, column), value in np.ndenumerate(matrix):
            count = f"{value:,.{0 if self.sample_weight is None else 1}f}"
            dark = _luminance(shades[row, column]) < _DARK
            ax.text(
                column,
                row,
                f"{count}\n{100 * share[row, column]:.1f} %",
                ha="center",
                va="center",
                fontsize=SMALL + 0.5,
                color="white" if dark else "black",
            )


def _luminance(rgba: Any) -> float:
    """Give the relative luminance of a colour of the sRGB space."""
    rgb = np.asarray(rgba[:3], dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
