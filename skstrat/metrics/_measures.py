"""The table of measures: how each is scored, read, and written for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    d2_log_loss_score,
    fbeta_score,
    log_loss,
    roc_auc_score,
)

from skstrat._core.compat import brier_score_loss, d2_brier_score, named_partial
from skstrat.metrics._calibration_error import (
    calibration_noise_floor,
    expected_calibration_error,
)
from skstrat.metrics._calibration_fit import (
    calibration_in_the_large,
    calibration_slope,
    mean_probability_ratio,
)

LOWER, HIGHER = -math.inf, math.inf
Floats = NDArray[np.float64]


class MeasureInfo(NamedTuple):
    """A measure: how it is scored, which values are best, and what it is called.

    Attributes
    ----------
    key : str
        Its name in a comparison; its scorer's has ``neg_`` before it if it is a loss.
    title : str
        Its name for people.
    best : float or None
        The best value, infinite where lower or higher is better; None if none is.
    explanation : str
        What it says, for a legend.
    score : callable, default=None
        Scores two classes by label, probability and weight; None for what is no score.
    score_all : callable, default=None
        Scores more classes by all probabilities; None for the smallest class against
        the rest by ``score``.
    loss : callable, default=None
        Gives the loss of each row by whether it is positive and its probability, for
        a measure that is the mean of such losses.
    needs_threshold : bool, default=False
        Whether ``score`` takes predicted labels.
    compared : bool, default=True
        Whether a comparison measures it if it is not asked for.
    pooled : bool, default=False
        Whether ``score`` is of all out-of-fold predictions at once, not of a fold.
    in_terminal : bool, default=False
        Whether a terminal shows it, where columns are few.
    digits : int, default=4
        Decimals in the terminal.
    unit : str, default=""
        Of its values.
    """

    key: str
    title: str
    best: float | None
    explanation: str
    score: Callable[..., float] | None = None
    score_all: Callable[..., float] | None = None
    loss: Callable[[Any, Floats], Floats] | None = None
    needs_threshold: bool = False
    compared: bool = True
    pooled: bool = False
    in_terminal: bool = False
    digits: int = 4
    unit: str = ""

    @property
    def scorer_name(self) -> str:
        """Name of the scorer, which is better the greater if there is an order."""
        return f"neg_{self.key}" if self.best == LOWER else self.key

    @property
    def label(self) -> str:
        """Name with its unit, for an axis or a column."""
        said = self.unit in self.title.lower()
        return self.title if said else f"{self.title}, {self.unit}"

    @property
    def heading(self) -> str:
        """Label on short lines, for a column of the terminal."""
        return fill(self.label, 8, break_long_words=False)

    @property
    def is_ordered(self) -> bool:
        """Whether strategies can be chosen by it."""
        return self.best in (LOWER, HIGHER)

    @property
    def better(self) -> str:
        """Which values are good, in words; empty if none are."""
        if self.best is None:
            return ""
        words = {LOWER: "lower is better", HIGHER: "higher is better"}
        return words.get(self.best, f"{self.best:g} is right")


def _row_log_loss(positive: Any, p: Floats) -> Floats:
    given = np.where(positive, p, 1 - p)
    return -np.log(np.maximum(given, np.finfo(given.dtype).eps))


def _row_brier_score(positive: Any, p: Floats) -> Floats:
    return (positive - p) ** 2


_ROWS = (
    MeasureInfo(
        "rows",
        "Rows used",
        None,
        "rows that a model was trained on, mean of folds",
        digits=0,
        unit="rows",
    ),
    MeasureInfo(
        "fit_time",
        "Fit time",
        LOWER,
        "seconds for resampling and fitting, in one thread",
        in_terminal=True,
        digits=2,
        unit="s",
    ),
    MeasureInfo(
        "roc_auc",
        "ROC AUC",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
        roc_auc_score,
        named_partial(roc_auc_score, multi_class="ovr"),
        in_terminal=True,
        digits=3,
    ),
    MeasureInfo(
        "average_precision",
        "Average precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
        average_precision_score,
        average_precision_score,
        in_terminal=True,
        digits=3,
    ),
    MeasureInfo(
        "log_loss",
        "Log loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
        named_partial(log_loss, labels=[False, True]),
        log_loss,
        loss=_row_log_loss,
        in_terminal=True,
    ),
    MeasureInfo(
        "d2_log_loss_score",
        "D² log loss",
        HIGHER,
        "share of the log loss removed, compared with always predicting the class "
        "shares: 1 is perfect, 0 no better",
        named_partial(d2_log_loss_score, labels=[False, True]),
        d2_log_loss_score,
    ),
    MeasureInfo(
        "brier_score",
        "Brier score",
        LOWER,
        "mean squared error of probabilities",
        brier_score_loss,
        brier_score_loss,
        loss=_row_brier_score,
        in_terminal=True,
    ),
    MeasureInfo(
        "d2_brier_score",
        "D² Brier score",
        HIGHER,
        "as D² log loss, of the Brier score",
        d2_brier_score,
        d2_brier_score,
    ),
    MeasureInfo(
        "f2",
        "F2 score",
        HIGHER,
        "balance of precision and recall at the threshold, recall being twice as "
        "important",
        named_partial(fbeta_score, beta=2),
        needs_threshold=True,
    ),
    MeasureInfo(
        "mean_probability_ratio",
        "Mean p / prevalence",
        1,
        "predicted over observed share of positive rows",
        mean_probability_ratio,
        in_terminal=True,
        digits=2,
    ),
    MeasureInfo(
        "calibration_slope",
        "Calibration slope",
        1,
        "of the labels' log odds on the predicted ones; below 1, probabilities are "
        "too extreme",
        calibration_slope,
    ),
    MeasureInfo(
        "calibration_in_the_large",
        "Calibration in the large",
        0,
        "shift of the log odds that would make the mean prediction right",
        calibration_in_the_large,
        compared=False,
    ),
    MeasureInfo(
        "expected_calibration_error",
        "Expected calibration error",
        LOWER,
        "distance of predicted and observed shares, averaged over bins of equal weight",
        expected_calibration_error,
        compared=False,
    ),
    MeasureInfo(
        "threshold",
        "Threshold",
        None,
        "probability from which on a row is called positive",
    ),
    MeasureInfo(
        "relative_calibration_error",
        "Calibration error / prevalence",
        LOWER,
        "expected calibration error of all out-of-fold predictions",
        named_partial(expected_calibration_error, relative=True),
        pooled=True,
    ),
    MeasureInfo(
        "relative_calibration_error_floor",
        "Noise of calibration error",
        None,
        "what a perfectly calibrated model would show by chance",
        named_partial(calibration_noise_floor, relative=True),
        pooled=True,
    ),
)
MEASURES = {each.key: each for each in _ROWS}


def describe_measure(name: str, scoring: Iterable[str] = ()) -> MeasureInfo:
    """Look up a measure, or describe a scorer that was given to a comparison."""
    if name in MEASURES:
        return MEASURES[name]
    title = name.replace("_", " ")
    best = LOWER if f"neg_{name}" in scoring else HIGHER
    return MeasureInfo(
        name, title[:1].upper() + title[1:], best, "a scorer given to the comparison"
    )
