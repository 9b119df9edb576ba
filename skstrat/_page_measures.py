"""What the columns of a page are called, what they mean, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from skstrat._display_style import titled

COUNTS = ("rows", "fit_time", "threshold")
_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
LOWER, HIGHER = "lower is better", "higher is better"


class About(NamedTuple):
    """A column in words.

    Attributes
    ----------
    title : str
        Heading.
    better : str
        Which values are good; empty if none are.
    meaning : str
        For the legend.
    """

    title: str
    better: str
    meaning: str


_ABOUT = {
    "rows": About("Rows used", "", "rows that a model was trained on, mean of folds"),
    "fit_time": About(
        "Fit time, s", LOWER, "seconds for resampling and fitting, in one thread"
    ),
    "log_loss": About(
        "Log loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
    ),
    "d2_log_loss_score": About(
        "D² log loss",
        HIGHER,
        "share of the log loss removed, compared with always predicting the class "
        "shares: 1 is perfect, 0 no better",
    ),
    "brier_score": About("Brier score", LOWER, "mean squared error of probabilities"),
    "d2_brier_score": About("D² Brier", HIGHER, "as D² log loss, of the Brier score"),
    "roc_auc": About(
        "ROC AUC",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
    ),
    "average_precision": About(
        "Average precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
    ),
    "f2": About(
        "F2 score",
        HIGHER,
        "balance of precision and recall at the threshold, recall being twice as "
        "important",
    ),
    "mean_probability_ratio": About(
        "Mean probability / prevalence",
        "1 is right",
        "predicted over observed share of positive rows",
    ),
    "calibration_slope": About(
        "Calibration slope",
        "1 is right",
        "of the labels' log odds on the predicted ones; below 1, probabilities are "
        "too extreme",
    ),
    "calibration_in_the_large": About(
        "Calibration in the large",
        "0 is right",
        "shift of the log odds that would make the mean prediction right",
    ),
    "threshold": About(
        "Threshold", "", "probability from which on a row is called positive"
    ),
    "relative_calibration_error": About(
        "Calibration error / prevalence",
        LOWER,
        "expected calibration error of all out-of-fold predictions; noise: what a "
        "perfectly calibrated model would show by chance",
    ),
}


def describe(measure: str, scoring: Iterable[str]) -> About:
    """Describe a measure."""
    if measure in _ABOUT:
        return _ABOUT[measure]
    better = LOWER if f"neg_{measure}" in scoring else HIGHER
    return About(titled(measure), better, "a scorer given to the comparison")


def order_measures(comparison: Any) -> list[str]:
    """Give the measures of a comparison, the one that was chosen by first."""
    measures = [name for name in comparison.outcomes[0].folds if name not in COUNTS]
    return sorted(measures, key=lambda name: name != comparison.best_by)


def choose_decimals(spreads: Iterable[float]) -> int:
    """Choose how many decimals tell apart what is spread so."""
    real = sorted(spread for spread in spreads if spread > 0 and math.isfinite(spread))
    if not real:
        return 3
    return max(0, min(7, 1 - math.floor(math.log10(real[len(real) // 2]))))


def write_number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write a number for people."""
    if math.isnan(value):
        return _DASH
    return f"{value:{'+' if signed else ''},.{decimals}f}".replace("-", _MINUS)


def write_short(value: float) -> str:
    """Write a number in three significant digits."""
    return _DASH if math.isnan(value) else f"{value:.3g}".replace("-", _MINUS)
