"""The pictures of a page: what each shows, in a figure and in words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from skstrat.displays import (
    ConfusionMatricesDisplay,
    LearningCurveByRowsDisplay,
    RankingDisplay,
    ReliabilityDisplay,
    TradeOffDisplay,
)
from skstrat.displays._html import Markup, element, scroll
from skstrat.displays._style import MOST_CURVES
from skstrat.displays._table import write_short
from skstrat.metrics._measures import describe_measure

# Twice the 100 dots per inch of a screen, for screens with small dots.
_DOTS = 200
_COLOURS = 128


@dataclass(frozen=True)
class Picture:
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
    positive = comparison.class_names_[int(comparison.labels.counts.argmin())]
    n_strategies = len(comparison.outcomes)
    limited = (
        f" Of the {n_strategies} strategies {MOST_CURVES} are drawn, the best among "
        "them."
        if n_strategies > MOST_CURVES
        else ""
    )
    yield Picture(
        "Cost and quality",
        "Training time against the measure that was chosen by. Error bars: standard "
        "error of the paired difference to the true distribution.",
        f"Training time and {describe_measure(comparison.best_by).label} of every "
        f"strategy. "
        f"{_values(comparison, comparison.best_by)}",
        TradeOffDisplay.from_comparison(comparison).figure_,
    )
    yield Picture(
        "Reliability",
        f"Observed share of class {positive} against predicted probability, out of "
        "fold; on the diagonal, predictions are right. Below, how often each "
        f"probability is predicted.{limited}",
        f"Reliability curves for class {positive}. "
        f"{_values(comparison, 'mean_probability_ratio')}",
        # By equal mass, with few bins, nearly all positives would share the last.
        ReliabilityDisplay.from_comparison(comparison, n_bins=20).figure_,
    )
    yield Picture(
        "Precision and recall",
        f"For class {positive}, over all thresholds. The dashed line is guessing."
        f"{limited}",
        f"Precision against recall for class {positive}. "
        f"{_values(comparison, 'average_precision')}",
        RankingDisplay.from_comparison(comparison).figure_,
    )
    yield Picture(
        "ROC curve",
        f"For class {positive}, over all thresholds. With rare events it looks good "
        f"early: see precision, too.{limited}",
        f"True against false positive rate for class {positive}. "
        f"{_values(comparison, 'roc_auc')}",
        RankingDisplay.from_comparison(comparison, kind="roc").figure_,
    )
    if comparison.curve:
        yield Picture(
            "Fewer rows of the biggest class",
            "The estimator on ever fewer rows of the biggest class, with its prior "
            "restored: where the curve is flat, rows can be left out.",
            f"{describe_measure(comparison.best_by).label} against the rows kept. "
            + _listed(comparison.curve, comparison.best_by),
            LearningCurveByRowsDisplay.from_comparison(comparison).figure_,
        )
    if comparison.cross_validation.positive is not None:
        yield Picture(
            "Confusion matrices",
            "Out-of-fold decisions at the thresholds tuned for the F2 score inside "
            "each training part.",
            f"Rows by true and predicted class. {_values(comparison, 'f2')}",
            ConfusionMatricesDisplay.from_comparison(comparison).figure_,
        )


def picture_markup(picture: Picture) -> Markup:
    """Put a picture into the page, and close its figure."""
    content = base64.b64encode(_png(picture.figure)).decode("ascii")
    width, height = (picture.figure.get_size_inches() * _DOTS / 2).astype(int)
    image = element(
        "img",
        src=f"data:image/png;base64,{content}",
        alt=picture.alt,
        width=width,
        height=height,
    )
    return element(
        "figure",
        scroll(image, picture.title),
        element("figcaption", element("strong", picture.title), picture.caption),
    )


def _png(figure: Any) -> bytes:
    """Save and close a figure."""
    from matplotlib import pyplot
    from PIL import Image

    drawn, packed = BytesIO(), BytesIO()
    fast = {"compress_level": 0}
    figure.savefig(drawn, format="png", dpi=_DOTS, facecolor="white", pil_kwargs=fast)
    pyplot.close(figure)
    # Lines and letters have few colours; a palette of them takes a third of the room.
    image = Image.open(drawn).convert("RGB")
    palette = image.quantize(_COLOURS, dither=Image.Dither.NONE)
    palette.save(packed, format="png", optimize=True)
    return packed.getvalue()


def _values(comparison: Any, measure: str) -> str:
    """Say what a picture shows in numbers."""
    if measure not in comparison.outcomes[0].folds:
        return ""
    return f"{describe_measure(measure).label}: {_listed(comparison.outcomes, measure)}"


def _listed(outcomes: Any, measure: str) -> str:
    values = (
        f"{outcome.strategy.name} {write_short(outcome.mean(measure))}"
        for outcome in outcomes
    )
    return f"{'; '.join(values)}."
