"""Draw training time against log loss from the results of bench_end_to_end.py."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "end_to_end.json"
PICTURE = ROOT / "docs" / "end_to_end.png"
DPI = 110
# Okabe and Ito's colours can be told apart by the colour-blind.
COLOURS = ("#000000", "#D55E00", "#E69F00", "#0072B2", "#56B4E9")
# Shape and size: a triangle of the same size would look smaller.
MARKERS = {
    "logistic": {"marker": "o", "markersize": 8},
    "hist": {"marker": "s", "markersize": 8},
    "hist, l2=10": {"marker": "P", "markersize": 9},
    "lightgbm": {"marker": "^", "markersize": 9.5},
    "xgboost": {"marker": "D", "markersize": 7},
}
# Boosters that are level in time and loss can still be told apart.
HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 1.8, "linestyle": ""}
NAMES = {
    "logistic": "LogisticRegression",
    "hist": "HistGradientBoosting",
    "hist, l2=10": "HistGradientBoosting, l2=10",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
}


def draw(result: dict[str, Any], threads: int) -> Figure:
    """Draw the arms measured with so many threads.

    Parameters
    ----------
    result : dict
        What ``bench_end_to_end.py`` wrote.
    threads : int
        Which of its runs to show.

    Returns
    -------
    Figure
        About 900 by 520 pixels.
    """
    arms = [arm for arm in result["arms"] if arm["threads"] == threads]
    colours = dict(zip(dict.fromkeys(arm["arm"] for arm in arms), COLOURS, strict=True))
    figure = Figure(figsize=(900 / DPI, 520 / DPI), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for arm in arms:
        axes.plot(
            arm["wall_s"],
            arm["log_loss"],
            **MARKERS[arm["model"]],
            color=colours[arm["arm"]],
            **HOLLOW,
        )
    axes.axhline(result["true_log_loss"], color="0.5", linestyle=":", zorder=0)
    style_axes(axes)
    axes.set_title(
        f"{result['rows']:,} rows, {result['prevalence']:.1%} positives, "
        f"{threads} thread{'s' if threads > 1 else ''}",
        loc="left",
    )
    add_legend(figure, colours, {arm["model"] for arm in arms})
    return figure


def style_axes(axes: Any) -> None:
    """Set scales, ticks and labels; ratios are what matters on both axes."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(0.06)
    # A decade has too few labels with powers of ten alone.
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.set_xlabel("training time in seconds, resampling included (log scale)")
    axes.set_ylabel("test log loss in nats (log scale), lower is better")


def add_legend(figure: Figure, colours: dict[str, str], models: set[str]) -> None:
    """Explain colours, shapes and the dotted line to the right of the axes."""
    entries = [Line2D([], [], linestyle="", label="Training")]
    entries += [
        Line2D([], [], marker="o", linestyle="", color=colour, label=arm)
        for arm, colour in colours.items()
    ]
    entries.append(Line2D([], [], linestyle="", label="\nModel"))
    entries += [
        Line2D([], [], **MARKERS[name], **HOLLOW, color="0.4", label=label)
        for name, label in NAMES.items()
        if name in models
    ]
    entries.append(
        Line2D([], [], linestyle=":", color="0.5", label="true probabilities' loss")
    )
    figure.legend(handles=entries, loc="outside right center", frameon=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the results and write the picture."""
    parser = argparse.ArgumentParser(description="Picture of bench_end_to_end.py.")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PICTURE)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    result = json.loads(options.json.read_text(encoding="utf-8"))
    measured = sorted({arm["threads"] for arm in result["arms"]})
    if options.threads not in measured:
        parser.error(f"--threads must be one of {measured}, got {options.threads}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 9}):
        draw(result, options.threads).savefig(options.output)


if __name__ == "__main__":
    main()
