"""The pictures of a page: what each shows, in a figure and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from skstrat.displays import (
    ConfusionMatricesDisplay,
    LearningCurveByRowsDisplay,
    RankingDisplay,
    ReliabilityDisplay,
    TradeOffDisplay,
)

_BARS = (
    "Error bars are Nadeau and Bengio's corrected standard error of the paired "
    "difference to "
)
_FEW = "Drawn are the true distribution, the best of the others and the worst."


class Picture(NamedTuple):
    """A figure with its words.

    Attributes
    ----------
    title : str
        What it is.
    caption : str
        How to read it.
    alt : str
        What it shows, for those who do not see it.
    figure : Figure
        Drawn by a display.
    """

    title: str
    caption: str
    alt: str
    figure: Any


def draw_pictures(comparison: Any) -> Iterator[Picture]:
    """Draw what there is to see of a comparison, one picture at a time."""
    best_by = comparison.best_by.replace("_", " ")
    classes = comparison.class_names_
    positive = f"class {classes[int(comparison.labels.counts.argmin())]}"
    yield Picture(
        "Cost and quality",
        f"Training time against {best_by}. {_BARS}the true distribution.",
        f"Training time and {best_by} of every strategy, as in the table.",
        TradeOffDisplay.from_comparison(comparison).figure_,
    )
    yield Picture(
        "Reliability",
        f"Observed share of {positive} against predicted probability, out of fold. On "
        "the dotted line, predictions are right. An open triangle is a bin without a "
        "positive row: the true share is likely below it. The lower part shows how "
        f"often each probability is predicted. {_FEW}",
        f"Observed share of {positive} against predicted probability.",
        # By equal mass, with few bins, nearly all positives would share the last.
        ReliabilityDisplay.from_comparison(comparison, n_bins=20).figure_,
    )
    yield Picture(
        "Precision and recall",
        f"For {positive}, over all thresholds. The dashed line is guessing. {_FEW}",
        f"Precision against recall for {positive}; the table has the averages.",
        RankingDisplay.from_comparison(comparison).figure_,
    )
    yield Picture(
        "ROC curve",
        f"For {positive}, over all thresholds. With rare events it looks good early: "
        f"see precision, too. {_FEW}",
        f"True against false positive rate for {positive}; the table has the areas.",
        RankingDisplay.from_comparison(comparison, kind="roc").figure_,
    )
    if comparison.curve:
        values = (
            f"{each.mean('rows'):,.0f} rows {each.mean(comparison.best_by):.3g}"
            for each in comparison.curve
        )
        yield Picture(
            "Fewer rows of the biggest class",
            "The estimator on ever fewer rows of the biggest class, with its prior "
            f"restored. Where the curve is flat, rows can be left out. {_BARS}the most "
            "rows.",
            f"The {best_by} by rows: {'; '.join(values)}.",
            LearningCurveByRowsDisplay.from_comparison(comparison).figure_,
        )
    if comparison.cross_validation.positive is not None:
        yield Picture(
            "Confusion matrices",
            "Out-of-fold decisions at the thresholds tuned for the F2 score inside "
            "each training part.",
            "Rows by true and predicted class, for every strategy.",
            ConfusionMatricesDisplay.from_comparison(comparison).figure_,
        )
