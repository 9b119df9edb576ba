"""Printed output: the classes, one table per model, and a progress bar."""

from __future__ import annotations

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Column
from rich.table import Table as Grid

from skstrat.cli._tables import Table
from skstrat.metrics._measures import MEASURES
from skstrat.model_selection._comparison import Comparison

# What the tables take with a mean and its spread side by side.
_WIDE = 132
MODEL_NAMES = {
    "logistic": "Logistic regression",
    "hgb": "Gradient-boosted trees",
}


def open_console() -> Console:
    """Open standard output for text that is shown as it is."""
    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, markup=False, highlight=False, emoji=False)


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


def make_grid(first: str, *others: str) -> Grid:
    """Make an empty table whose columns but the first are numbers."""
    return Grid(
        first, *(Column(each, justify="right") for each in others), box=SIMPLE_HEAD
    )


def print_classes(console: Console, table: Table) -> None:
    """Print the classes with counts and shares, and the degree of imbalance."""
    rows, columns = table.features.shape
    console.print(f"{table.source}: {rows:,} rows, {columns} features")
    grid = make_grid(table.target, "rows", "share")
    labels, shares = table.labels.classes.tolist(), table.shares
    for label, count, share in zip(labels, table.labels.counts, shares, strict=True):
        grid.add_row(str(label), f"{count:,}", f"{100 * share:.3g} %")
    console.print(grid)
    console.print(
        f"Degree of imbalance: {table.degree} (the smallest class, "
        f"{labels[table.smallest]}, has {100 * shares[table.smallest]:.3g} % of the "
        "rows)"
    )


def print_comparison(console: Console, model: str, comparison: Comparison) -> None:
    """Print one row per strategy, in their order, and what to conclude."""
    shown = [each for each in MEASURES.values() if each.heading]
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
            f"{outcome.mean(each.key):.{each.decimals}f}{between}"
            f"±{outcome.sd(each.key):.{each.decimals}f}"
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
