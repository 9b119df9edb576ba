"""Printed output: the classes, one table per model, and a progress bar."""

from __future__ import annotations

import json
import sys
from operator import itemgetter
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from skstrat._core.controls import escape_controls
from skstrat.cli._tables import MANY_CLASSES, MOST_NAMED, Table, doubted_label
from skstrat.metrics._measures import MEASURES
from skstrat.model_selection._comparison import Comparison

# What the tables take with a mean and its spread side by side.
_WIDE = 132
MODEL_NAMES = {
    "logistic": "Logistic regression",
    "hgb": "Gradient-boosted trees",
}


class _PlainConsole(Console):
    """A console that shows text as it is, and control characters as escapes."""

    def render_str(self, text: str, **options: Any) -> Text:
        # All strings come through here, those in cells of tables, too.
        return super().render_str(escape_controls(text), **options)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document, in which control characters are JSON's escapes."""
    click.echo(json.dumps(document, indent=2, allow_nan=False))


def open_console() -> Console:
    """Open standard output for text of others."""
    width = None if sys.stdout.isatty() else _WIDE
    return _PlainConsole(width=width, markup=False, highlight=False, emoji=False)


def open_progress() -> Progress:
    """Make a progress bar on standard error, silent unless that is a terminal."""
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


def class_grid(headings: list[str], classes: list[tuple[int, list[str]]]) -> Grid:
    """Make a table of classes, given by rows and cells; of many, the largest."""
    first, *numbers = headings
    grid = Grid(
        first, *(Column(each, justify="right") for each in numbers), box=SIMPLE_HEAD
    )
    shown = classes
    if len(classes) > MANY_CLASSES:
        shown = sorted(classes, key=itemgetter(0), reverse=True)[:MOST_NAMED]
    for _, cells in shown:
        grid.add_row(*cells)
    if len(shown) < len(classes):
        grid.add_row(f"and {len(classes) - len(shown):,} more")
    return grid


def print_classes(console: Console, table: Table) -> None:
    """Print the classes with counts and shares, and the degree of imbalance."""
    rows, columns = table.features.shape
    console.print(f"{table.source}: {rows:,} rows, {columns} features")
    labels, shares = table.labels.classes.tolist(), table.shares
    console.print(
        class_grid(
            [table.target, "rows", "share"],
            [
                (count, [str(label), f"{count:,}", f"{100 * share:.3g} %"])
                for label, count, share in zip(
                    labels, table.labels.counts.tolist(), shares, strict=True
                )
            ],
        )
    )
    console.print(
        f"Degree of imbalance: {table.degree} (the smallest class, "
        f"{labels[table.smallest]}, has {100 * shares[table.smallest]:.3g} % of the "
        "rows)"
    )
    if doubt := doubted_label(f"Column {table.target!r}", len(labels)):
        console.print(doubt)


def print_comparison(console: Console, model: str, comparison: Comparison) -> None:
    """Print one row per strategy, in their order, and what to conclude."""
    shown = [each for each in MEASURES.values() if each.in_terminal]
    wide = console.width >= _WIDE
    between = " " if wide else "\n"
    padding = (0, 1, 0, 0) if wide else 0
    grid = Grid(box=SIMPLE_HEAD, padding=padding, show_edge=False)
    grid.add_column("strategy")
    grid.add_column("rows\nused", justify="right")
    for each in shown:
        grid.add_column(each.heading, justify="right")
    for outcome in comparison.outcomes:
        cells = [
            f"{outcome.mean(each.key):.{each.digits}f}{between}"
            f"±{outcome.sd(each.key):.{each.digits}f}"
            for each in shown
        ]
        grid.add_row(outcome.strategy.name, f"{outcome.mean('rows'):,.0f}", *cells)
    console.print(f"\n{MODEL_NAMES.get(model, model)}")
    console.print(grid)
    console.print(comparison.recommendation_)


def print_reading_help(console: Console, table: Table, folds: int, seed: int) -> None:
    """Print how to read the tables."""
    smallest = table.labels.classes.tolist()[table.smallest]
    averages = (
        "ROC AUC and average precision: each class against the rest, averaged. "
        if len(table.labels.classes) > 2
        else ""
    )
    console.print(
        f"\nMean ± standard deviation over the same {folds} stratified folds (seed "
        f"{seed}); only training parts are resampled. Lower log loss and Brier are "
        f"better. {averages}mean p / prevalence: predicted over real share of class "
        f"{smallest}, 1 is right. correction: predictions turned back to the original "
        "class shares."
    )
