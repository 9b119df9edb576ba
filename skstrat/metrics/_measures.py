"""The table of measures: how each is scored, read, and written for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sklearn.metrics import (
    average_precision_score,
    d2_log_loss_score,
    fbeta_score,
    log_loss,
    roc_auc_score,
)

from skstrat._core.compat import brier_score_loss, d2_brier_score, named_partial
from skstrat.metrics._calibration_error import expected_calibration_error
from skstrat.metrics._calibration_fit import (
    calibration_in_the_large,
    calibration_slope,
    mean_probability_ratio,
)

LOWER, HIGHER = -math.inf, math.inf


class MeasureInfo(NamedTuple):
    """A measure: how it is scored, which values are best, and what it is called.

    Attributes
    ----------
    key : str
        Its name in a comparison; its scorer's has ``neg_`` before it if it is a loss.
    title : str
        Heading of a column.
    best : float or None
        The best value, infinite where lower or higher is better; None if none is.
    explanation : str
        What it says, for a legend.
    score : callable, default=None
        Scores two classes by label, probability and weight; None for what is no score.
    score_all : callable, default=None
        Scores more classes by all probabilities; None for the smallest class against
        the rest by ``score``.
    needs_threshold : bool, default=False
        Whether ``score`` takes predicted labels.
    compared : bool, default=True
        Whether a comparison measures it if it is not asked for.
    axis : str, default=""
        Label of an axis where it is not the title.
    heading : str, default=""
        Heading of a column in the terminal; empty for no column.
    decimals : int, default=4
        Decimals in the terminal.
    """

    key: str
    title: str
    best: float | None
    explanation: str
    score: Callable[..., float] | None = None
    score_all: Callable[..., float] | None = None
    needs_threshold: bool = False
    compared: bool = True
    axis: str = ""
    heading: str = ""
    decimals: int = 4

    @property
    def scorer_name(self) -> str:
        """Name of the scorer, which is better the greater if there is an order."""
        return f"neg_{self.key}" if self.best == LOWER else self.key

    @property
    def label(self) -> str:
        """Label of an axis."""
        return self.axis or self.title

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


_ROWS = (
    MeasureInfo(
        "rows",
        "Rows used",
        None,
        "rows that a model was trained on, mean of folds",
        axis="Rows",
    ),
    MeasureInfo(
        "fit_time",
        "Fit time, s",
        LOWER,
        "seconds for resampling and fitting, in one thread",
        axis="Fit time",
        heading="fit\ntime, s",
        decimals=2,
    ),
    MeasureInfo(
        "roc_auc",
        "ROC AUC",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
        roc_auc_score,
        named_partial(roc_auc_score, multi_class="ovr"),
        heading="ROC\nAUC",
        decimals=3,
    ),
    MeasureInfo(
        "average_precision",
        "Average precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
        average_precision_score,
        average_precision_score,
        heading="average\nprecision",
        decimals=3,
    ),
    MeasureInfo(
        "log_loss",
        "Log loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
        named_partial(log_loss, labels=[False, True]),
        log_loss,
        heading="log\nloss",
    ),
    MeasureInfo(
        "d2_log_loss_score",
        "D² log loss",
        HIGHER,
        "share of the log loss removed, compared with always predicting the class "
        "shares: 1 is perfect, 0 no better",
        named_partial(d2_log_loss_score, labels=[False, True]),
        d2_log_loss_score,
        axis="D² (log loss)",
    ),
    MeasureInfo(
        "brier_score",
        "Brier score",
        LOWER,
        "mean squared error of probabilities",
        brier_score_loss,
        brier_score_loss,
        heading="Brier",
    ),
    MeasureInfo(
        "d2_brier_score",
        "D² Brier",
        HIGHER,
        "as D² log loss, of the Brier score",
        d2_brier_score,
        d2_brier_score,
        axis="D² (Brier score)",
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
        "Mean probability / prevalence",
        1,
        "predicted over observed share of positive rows",
        mean_probability_ratio,
        axis="Mean probability ratio",
        heading="mean p /\nprevalence",
        decimals=2,
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
        "expected calibration error of all out-of-fold predictions; noise: what a "
        "perfectly calibrated model would show by chance",
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
