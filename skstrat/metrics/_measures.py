"""The table of measures: how each is scored, read, and written for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics

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
_BETTER = {None: "", LOWER: "lower is better", HIGHER: "higher is better"}
# As scikit-learn does, lest one row with a probability of 0 decide.
_LEAST = np.finfo(np.float64).eps


class MeasureInfo(NamedTuple):
    """A measure: how it is scored, which values are best, and what it is called.

    Attributes
    ----------
    key : str
        Its name in a comparison; its scorer's has ``neg_`` before it if it is a loss.
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
    pooled : callable, default=None
        As ``score``, for all out-of-fold predictions at once and not for folds.
    in_terminal : bool, default=False
        Whether a terminal shows it, where columns are few.
    digits : int, default=4
        Decimals in the terminal.
    unit : str, default=""
        Of its values.
    name : str, default=""
        Its title where that does not follow from the key.
    """

    key: str
    best: float | None
    explanation: str
    score: Callable[..., float] | None = None
    score_all: Callable[..., float] | None = None
    loss: Callable[[Any, Any], Any] | None = None
    needs_threshold: bool = False
    compared: bool = True
    pooled: Callable[..., float] | None = None
    in_terminal: bool = False
    digits: int = 4
    unit: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        """Name for people."""
        return self.name or self.key.replace("_", " ").capitalize()

    @property
    def scorer_name(self) -> str:
        """Name of the scorer, which is better the greater if there is an order."""
        return f"neg_{self.key}" if self.best == LOWER else self.key

    @property
    def label(self) -> str:
        """Title with its unit, for an axis or a column."""
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
        return _BETTER.get(self.best, f"{self.best} is right")


_ROWS = (
    MeasureInfo(
        "rows",
        None,
        "rows that a model was trained on, mean of folds",
        digits=0,
        unit="rows",
        name="Rows used",
    ),
    MeasureInfo(
        "fit_time",
        LOWER,
        "time for resampling and fitting, in one thread",
        in_terminal=True,
        digits=2,
        unit="s",
    ),
    MeasureInfo(
        "roc_auc",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
        metrics.roc_auc_score,
        named_partial(metrics.roc_auc_score, multi_class="ovr"),
        in_terminal=True,
        digits=3,
        name="ROC AUC",
    ),
    MeasureInfo(
        "average_precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
        metrics.average_precision_score,
        metrics.average_precision_score,
        in_terminal=True,
        digits=3,
    ),
    MeasureInfo(
        "log_loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
        named_partial(metrics.log_loss, labels=[False, True]),
        metrics.log_loss,
        lambda positive, p: -np.log(np.maximum(abs(1 - positive - p), _LEAST)),
        in_terminal=True,
    ),
    MeasureInfo(
        "d2_log_loss_score",
        HIGHER,
        "share of the log loss of the class shares that is removed: 1 is perfect",
        named_partial(metrics.d2_log_loss_score, labels=[False, True]),
        metrics.d2_log_loss_score,
        name="D² log loss",
    ),
    MeasureInfo(
        "brier_score",
        LOWER,
        "mean squared error of probabilities",
        brier_score_loss,
        brier_score_loss,
        lambda positive, p: (positive - p) ** 2,
        in_terminal=True,
    ),
    MeasureInfo(
        "d2_brier_score",
        HIGHER,
        "as D² log loss, of the Brier score",
        d2_brier_score,
        d2_brier_score,
        name="D² Brier score",
    ),
    MeasureInfo(
        "f2",
        HIGHER,
        "balance of precision and recall at the threshold; recall counts twice",
        named_partial(metrics.fbeta_score, beta=2),
        needs_threshold=True,
        name="F2 score",
    ),
    MeasureInfo(
        "mean_probability_ratio",
        1,
        "predicted over observed share of positive rows",
        mean_probability_ratio,
        in_terminal=True,
        digits=2,
        name="Mean p / prevalence",
    ),
    MeasureInfo(
        "calibration_slope",
        1,
        "of the labels' log odds on the predicted ones; below 1 is too extreme",
        calibration_slope,
    ),
    MeasureInfo(
        "calibration_in_the_large",
        0,
        "shift of the log odds that would make the mean prediction right",
        calibration_in_the_large,
        compared=False,
    ),
    MeasureInfo(
        "expected_calibration_error",
        LOWER,
        "distance of predicted and observed shares, averaged over bins of equal weight",
        expected_calibration_error,
        compared=False,
    ),
    MeasureInfo(
        "threshold", None, "probability from which on a row is called positive"
    ),
    MeasureInfo(
        "relative_calibration_error",
        LOWER,
        "expected calibration error of all out-of-fold predictions",
        pooled=named_partial(expected_calibration_error, relative=True),
        name="Calibration error / prevalence",
    ),
    MeasureInfo(
        "relative_calibration_error_floor",
        None,
        "what a perfectly calibrated model would show by chance",
        pooled=named_partial(calibration_noise_floor, relative=True),
        name="Noise of calibration error",
    ),
)
MEASURES = {each.key: each for each in _ROWS}


def describe_measure(name: str, scoring: Iterable[str] = ()) -> MeasureInfo:
    """Look up a measure, or describe a scorer that was given to a comparison."""
    best = LOWER if f"neg_{name}" in scoring else HIGHER
    own = MeasureInfo(name, best, "a scorer given to the comparison")
    return MEASURES.get(name, own)
