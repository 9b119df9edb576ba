"""Draw training time against log loss from the results of bench_frontier.py."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from frontier_arms import ARMS, FULL, MODELS, UNDER
from frontier_report import LARGE, summarise
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "frontier.json"
PICTURE = ROOT / "docs" / "frontier.png"
DPI = 110
SIZE = (1100, 640)
NAMES = {
    "logistic": "LogisticRegression",
    "boosting": "HistGradientBoosting",
    "forest": "RandomForest",
    "lightgbm": "LightGBM",
}
# Okabe and Ito's colours can be told apart by the colour-blind; the marker tells apart
# what shares a colour.
STYLES = {
    FULL: ("#000000", "*"),
    "auto": ("#D55E00", "D"),
    "uniform 5": ("#0072B2", "o"),
    "uniform 20": ("#0072B2", "s"),
    "guided 20": ("#009E73", "o"),
    "guided 20, outside": ("#009E73", "s"),
    "certificate": ("#CC79A7", "P"),
    "ensemble of 3, 20": ("#56B4E9", "^"),
    "uniform 20 + sigmoid": ("#56B4E9", "v"),
    "pilot alone": ("#009E73", "x"),
    UNDER[5]: ("#E69F00", "o"),
    UNDER[20]: ("#E69F00", "s"),
    "class weights + sigmoid": ("#999999", "X"),
    "imbcal, all rows": ("#999999", "h"),
}
# What is beyond is drawn on the edge.
LEAST_LOSS, MOST_LOSS = 0.8, 1.3


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw a panel for each model, of few and of many training rows.

    Parameters
    ----------
    rows : list of dict
        What ``bench_frontier.py`` wrote under ``"rows"``.

    Returns
    -------
    Figure
        About 1100 by 640 pixels.
    """
    width, height = SIZE
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    models = [name for name in MODELS if name in {row["model"] for row in rows}]
    panels = figure.subplots(2, len(models), sharex=True, sharey=True, squeeze=False)
    for line, large in zip(panels, (False, True), strict=True):
        for axes, model in zip(line, models, strict=True):
            own = [
                row
                for row in rows
                if row["model"] == model and (row["training_rows"] >= LARGE) == large
            ]
            draw_panel(axes, own)
            size = f"{'from' if large else 'below'} {LARGE:,} rows"
            sets = len({row["set"] for row in own})
            axes.set_title(f"{NAMES[model]}\n{size}, {sets} sets", fontsize=8.5)
    figure.supxlabel("CPU time of training / that on all rows (log scale)", fontsize=9)
    figure.supylabel(
        "log loss / that of all rows (log scale, cut off at the edges)",
        fontsize=9,
    )
    add_legend(figure, {row["arm"] for row in rows})
    return figure


def draw_panel(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Draw each arm of each set faintly, medians over the sets, and their frontier."""
    medians = []
    for arm in (arm for arm in ARMS if any(row["arm"] == arm for row in rows)):
        colour, marker = STYLES[arm]
        found = [summarise(row) for row in rows if row["arm"] == arm]
        points = np.array([(each["cpu"], each["loss"]) for each in found])
        axes.scatter(
            points[:, 0],
            np.clip(points[:, 1], LEAST_LOSS, MOST_LOSS),
            color=colour,
            s=5,
            alpha=0.35,
            linewidths=0,
        )
        cpu, loss = np.median(points, axis=0)
        medians.append((cpu, loss))
        axes.plot(
            cpu,
            np.clip(loss, LEAST_LOSS, MOST_LOSS),
            color=colour,
            marker=marker,
            markersize=6,
            markerfacecolor="none",
            markeredgewidth=1.4,
            zorder=3,
        )
    front = frontier(medians)
    if front:
        cpu, loss = zip(*front, strict=True)
        axes.plot(
            cpu,
            np.clip(loss, LEAST_LOSS, MOST_LOSS),
            color="0.3",
            linewidth=1,
            zorder=2,
        )
    style_axes(axes)


def frontier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the points that no other is at least as good as on both axes."""
    kept: list[tuple[float, float]] = []
    for cpu, loss in sorted(points):
        if not kept or loss < kept[-1][1]:
            kept.append((cpu, loss))
    return kept


def style_axes(axes: Any) -> None:
    """Set scales, ticks and the lines of the full fit; ratios are what matters."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axhline(1, color="0.4", linestyle=":", linewidth=1, zorder=0)
    axes.axvline(1, color="0.4", linestyle=":", linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(LogLocator())
    axes.set_yticks([0.8, 0.9, 1, 1.1, 1.2, 1.3])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.set_ylim(LEAST_LOSS / 1.02, MOST_LOSS * 1.02)
    axes.grid(color="0.93")
    axes.set_axisbelow(True)


def add_legend(figure: Figure, arms: set[str]) -> None:
    """Name the arms to the right of the panels."""
    entries = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            linestyle="",
            markerfacecolor="none",
            markeredgewidth=1.4,
            label=arm,
        )
        for arm, (colour, marker) in STYLES.items()
        if arm in arms
    ]
    entries += [
        Line2D([], [], color="0.3", linewidth=1, label="frontier of the medians"),
        Line2D([], [], color="0.5", marker=".", linestyle="", label="dots: one set"),
    ]
    figure.legend(
        handles=entries, loc="outside right center", frameon=False, fontsize=8
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the results and write the picture."""
    parser = argparse.ArgumentParser(description="Picture of bench_frontier.py.")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    rows = json.loads(options.json.read_text(encoding="utf-8"))["rows"]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 8}):
        draw(rows).savefig(options.output)


if __name__ == "__main__":
    main()
