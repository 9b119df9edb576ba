"""The pictures of a page, each with its texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from skstrat import displays

_FEW = "Drawn are the true distribution, the best of the others and the worst."
_BARS = "Bars: Nadeau and Bengio's corrected standard error of the difference to the"


class Picture(NamedTuple):
    """A figure drawn by a display, with its title, caption and description."""

    title: str
    caption: str
    alt: str
    figure: Any


def draw_pictures(comparison: Any) -> Iterator[Picture]:
    """Draw all pictures of a comparison, one at a time."""

    def draw(display: Any, title: str, caption: str, **options: Any) -> Picture:
        drawn = display.from_comparison(comparison, **options)
        y, x = drawn.ax_.get_ylabel(), drawn.axes_[-1].get_xlabel()
        alt = " ".join(f"{title}: {y} against {x}".split())
        return Picture(title, caption, alt, drawn.figure_)

    positive = comparison.class_names_[int(comparison.labels.counts.argmin())]
    yield draw(
        displays.TradeOffDisplay,
        "Cost and quality",
        f"One point for each strategy. {_BARS} true distribution.",
    )
    yield draw(
        displays.ReliabilityDisplay,
        "Reliability",
        f"For class {positive}. On the dotted line, predictions are right. Bars: 95 % "
        f"intervals. Below is how often each probability is predicted. {_FEW}",
    )
    yield draw(
        displays.RankingDisplay,
        "Precision and recall",
        f"For class {positive}, over all thresholds. {_FEW}",
    )
    yield draw(
        displays.RankingDisplay,
        "ROC curve",
        f"For class {positive}. With rare events, this looks good early. {_FEW}",
        kind="roc",
    )
    if comparison.curve:
        yield draw(
            displays.LearningCurveByRowsDisplay,
            "Fewer rows of the biggest class",
            f"Where the curve is flat, rows can be left out. {_BARS} most rows.",
        )
    if comparison.cross_validation.positive is not None:
        yield draw(
            displays.ConfusionMatricesDisplay,
            "Confusion matrices",
            "At thresholds tuned for the F2 score inside the training parts.",
        )
