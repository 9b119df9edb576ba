"""Printed output: the classes, one table per model, and a progress bar."""

from __future__ import annotations

import json
import shutil
import sys
from operator import itemgetter
from textwrap import fill
from typing import Any

import click
from rich.box import HORIZONTALS, SIMPLE_HEAD
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from skstrat._core.controls import escape_controls
from skstrat.metrics._measures import MEASURES, MeasureInfo
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._outcome import Outcome

_MOST_NAMED = 12
_MANY_CLASSES = 20
# Measures on a narrow terminal, besides the one that decides.
_KEPT = ("rows", "fit_time", "mean_probability_ratio", "average_precision")


class _PlainConsole(Console):
    """A console that prints text unchanged, and control characters as escapes."""

    def render_str(self, text: str, **options: Any) -> Text:
        # All strings are rendered here, also those in cells of tables.
        return super().render_str(escape_controls(text), **options | {"emoji": False})


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document, with control characters as escapes of JSON."""
    click.echo(json.dumps(document, indent=2, allow_nan=False, default=str))


def open_console(*, quiet: bool = False) -> Console:
    """Open standard output for text from files; print nothing if it is quiet."""
    width = shutil.get_terminal_size().columns
    return _PlainConsole(width=width, markup=False, highlight=False, quiet=quiet)


def open_progress() -> Progress:
    """Make a progress bar on standard error, hidden unless that is a terminal."""
    return Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        # The tables go to standard output.
        redirect_stdout=False,
        # Environment variables can make rich show a bar in a pipe otherwise.
        disable=not sys.stderr.isatty(),
    )


def doubted_label(column: str, n: int, most: int = _MANY_CLASSES) -> str | None:
    """Return a question if a column has too many values for a label."""
    return (
        f"{column} has {n:,} different values: is it the label?" if n > most else None
    )


def class_grid(headings: list[str], classes: list[tuple[int, list[str]]]) -> Grid:
    """Make a table of classes, given by rows and cells; only the largest of many."""
    first, *numbers = headings
    grid = Grid(
        first, *(Column(each, justify="right") for each in numbers), box=SIMPLE_HEAD
    )
    shown = classes
    if len(classes) > _MANY_CLASSES:
        shown = sorted(classes, key=itemgetter(0), reverse=True)[:_MOST_NAMED]
    for _, cells in shown:
        grid.add_row(*cells)
    if len(shown) < len(classes):
        grid.add_row(f"and {len(classes) - len(shown):,} more")
    return grid


def print_classes(console: Console, data: dict[str, Any]) -> None:
    """Print the classes with counts and shares, and the degree of imbalance."""
    target, classes = data["target"], data["classes"]
    size = f"{data['rows']:,} rows, {len(data['features'])} features"
    console.print(f"{data['source']}: {size}")
    lines = [
        (rows, [str(label), f"{rows:,}", f"{100 * share:.3g} %"])
        for label, rows, share in map(itemgetter("label", "rows", "share"), classes)
    ]
    console.print(class_grid([target, "rows", "share"], lines))
    least = min(each["share"] for each in classes)
    console.print(
        f"Degree of imbalance: {data['degree_of_imbalance']} (the smallest class, "
        f"{data['smallest_class']}, has {100 * least:.3g} % of the rows)"
    )
    if doubt := doubted_label(f"Column {target!r}", len(classes)):
        console.print(doubt)


def print_comparison(console: Console, title: str, comparison: Comparison) -> None:
    """Print one row per strategy, in their order, and the verdict."""
    console.print(f"\n{title}")
    console.print(_widest_grid(console, comparison)[0])
    for outcome in comparison.outcomes:
        if outcome.error:
            console.print(f"{outcome.strategy.name} failed: {outcome.error}")
    verdict = comparison.recommendation_
    console.print(Panel(verdict, HORIZONTALS, title="Verdict", padding=0))


def _widest_grid(
    console: Console, comparison: Comparison
) -> tuple[Grid, list[MeasureInfo]]:
    """Make the widest table that fits, and return the measures in it."""
    full = [each for each in MEASURES.values() if each.digits is not None]
    few = [each for each in full if each.key in (*_KEPT, comparison.best_by)]
    unlimited = console.options.update(max_width=10 * console.width)
    for shown, spread in ((full, True), (full, False), (few, False)):
        grid = _grid(comparison, shown, spread=spread)
        if console.measure(grid, options=unlimited).maximum <= console.width:
            break
    return grid, shown


def _grid(comparison: Comparison, shown: list[MeasureInfo], *, spread: bool) -> Grid:
    padding = (0, 1, 0, 0) if spread else 0
    headings = [fill(each.label, 8, break_long_words=False) for each in shown]
    columns = [Column(heading, justify="right") for heading in headings]
    grid = Grid("Strategy", *columns, box=SIMPLE_HEAD, padding=padding, show_edge=False)
    for outcome in comparison.outcomes:
        cells = ["-"] * len(shown)
        if not outcome.error:
            cells = [_cell(outcome, each, spread=spread) for each in shown]
        grid.add_row(outcome.strategy.name, *cells)
    return grid


def _cell(outcome: Outcome, measure: MeasureInfo, *, spread: bool) -> str:
    mean, sd = (
        f"{of(measure.key):,.{measure.digits}f}" for of in (outcome.mean, outcome.sd)
    )
    return f"{mean} ±{sd}" if spread and measure.digits else mean


def print_reading_help(
    console: Console, data: dict[str, Any], comparisons: list[Comparison]
) -> None:
    """Print how to read the measures in the tables."""
    shown = [at for each in comparisons for at in _widest_grid(console, each)[1]]
    losses = _joined(shown, "log_loss", "brier_score")
    averages = f"{_joined(shown, 'roc_auc', 'average_precision')}: each class against "
    averages += "the rest, averaged. "
    console.print(
        "\nMeans over the same folds, ± standard deviations if the terminal is wide "
        f"enough; only training parts are resampled. Lower is better: {losses}. "
        f"{averages * (len(data['classes']) > 2)}Mean p / prevalence: predicted over "
        f"real share of class {data['smallest_class']}, 1 is right. correction: "
        "predictions turned back to the original class shares."
    )


def _joined(shown: list[MeasureInfo], *keys: str) -> str:
    return ", ".join(MEASURES[key].label for key in keys if MEASURES[key] in shown)
