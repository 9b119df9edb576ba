"""The command that resamples a file: parse, call the library, print."""

from __future__ import annotations

import math
import platform
from functools import partial
from importlib import import_module
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TimeRemainingColumn

import skstrat
from skstrat.cli._csv_options import csv_options
from skstrat.cli._errors import InputError, OneLineCommand, explained
from skstrat.cli._factors import DownsampleByText
from skstrat.cli._terminal import (
    class_grid,
    doubted_label,
    open_console,
    open_progress,
    print_json,
)
from skstrat.cli._training_code import training_code
from skstrat.io import CsvFormat
from skstrat.io._files import resample_file
from skstrat.io._source_files import find_files
from skstrat.io._summary import Summary

_STAGES = {"labels": "reading labels", "rows": "taking rows"}
# Types of labels that classifiers of scikit-learn accept.
_LABELS = (str, int, float)
_EXAMPLE = """\b
Example:
  skstrat downsample big.parquet small.parquet --target is_fraud --factor 20"""
_column = partial(click.option, metavar="COLUMN")


def _read_factors(
    context: Any, parameter: Any, texts: tuple[str, ...]
) -> str | float | dict[str, float]:
    """Read one number, "auto", or a number for each label."""
    if texts == ("auto",):
        return "auto"
    parts = [text.rpartition("=") for text in texts]
    labels = [label if equals else None for label, equals, _ in parts]
    try:
        factors = [float(number) for _, _, number in parts]
    except ValueError:
        factors = [math.nan]
    alone = labels == [None]
    named = None not in labels and len(set(labels)) == len(labels)
    if not (alone or named) or not all(1 <= each < math.inf for each in factors):
        raise InputError(
            "factor must be one finite number from 1 on such as 20, LABEL=20 once "
            "for each class to name, or auto; got "
            f"{' and '.join(texts)}."
        )
    return factors[0] if alone else dict(zip(map(str, labels), factors, strict=True))


def _read_strata(
    context: Any, parameter: Any, names: tuple[str, ...]
) -> str | list[str] | None:
    return names[0] if len(names) == 1 else list(names) or None


@click.command(cls=OneLineCommand, epilog=_EXAMPLE)
@click.argument("source")
@click.argument("dest")
@_column("--target", required=True, help="The labels.")
@click.option(
    "--factor",
    required=True,
    multiple=True,
    metavar="[LABEL=]NUMBER",
    callback=_read_factors,
    help="Original rows per kept row: 20 for the most frequent class, LABEL=20 for "
    "each class named (repeatable), auto for a recommendation.",
)
@click.option(
    "--weighting",
    default="original",
    show_default=True,
    type=click.Choice(["original", "factor"]),
    help="original: each class keeps its total weight. factor: weights are multiplied "
    "by rows / rows kept, which keeps totals of --sample-weight only on average.",
)
@_column("--key", help="Different in each row; any order keeps the same rows.")
@_column("--sample-weight", help="Weights to multiply; by default a new column.")
@_column(
    "--strata",
    multiple=True,
    callback=_read_strata,
    help="Each value is drawn at the rate of the class. Repeatable for several "
    "columns.",
)
@_column("--groups", help="Rows of one value are kept or dropped together.")
@click.option(
    "--random-state",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**64 - 1),
    help="Seed of the draw.",
)
@click.option("--overwrite", is_flag=True, help="Replace DEST.")
@csv_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def downsample(
    source: str,
    dest: str,
    target: str,
    key: str | None,
    sample_weight: str | None,
    csv: CsvFormat,
    overwrite: bool,
    as_json: bool,
    **words: Any,
) -> None:
    """Keep a part of the rows of big classes, with weights for the rest.

    SOURCE is a Parquet or CSV file of any size, a folder of them or a quoted pattern.
    DEST ends in .parquet, .csv or the like. A model fitted to DEST with its weights
    predicts the probabilities of SOURCE.
    """
    with explained(), open_progress() as progress:
        summary = resample_file(
            source,
            dest,
            target=target,
            resampler=DownsampleByText(**words),
            key=key,
            sample_weight=sample_weight,
            csv=csv,
            overwrite=overwrite,
            progress=_Bar(progress, source),
        )
    if as_json:
        made_by = {"versions": versions(skstrat, np, pd, import_module("pyarrow"))}
        print_json(summary.to_dict() | words | made_by)
        return
    column, strata, weight = target, words["strata"], sample_weight or "sample_weight"
    others = None, target, weight
    identifiers = [name for name in (key, words["groups"]) if name not in others]
    code = training_code(summary, target, weight, identifiers, csv)
    if summary.by_strata:
        column = strata if isinstance(strata, str) else ", ".join(strata)
    _print_summary(open_console(), summary, column, code)


class _Bar:
    """A progress bar with rows, bytes and the time left."""

    def __init__(self, progress: Progress, source: str) -> None:
        progress.columns = (
            "{task.description}",
            BarColumn(),
            "{task.fields[rows]}",
            "{task.fields[size]}",
            TimeRemainingColumn(),
        )
        self.progress = progress
        self.size = sum(each.stat().st_size for each in find_files(source)[0])
        self.stage = ""
        self.task = progress.add_task("opening", total=None, rows="", size="")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Show the progress of a stage."""
        if stage != self.stage:
            self.stage, name = stage, _STAGES[stage]
            self.progress.reset(self.task, total=total, description=name)
        rows, size = f"{done:,} rows", ""
        if total:
            rows = f"{done:,} of {total:,} rows"
            read = decimal(round(self.size * done / total))
            size = f"{read} of {decimal(self.size)}"
        self.progress.update(self.task, completed=done, rows=rows, size=size)


def _print_summary(console: Console, summary: Summary, column: str, code: str) -> None:
    headings = [column, "rows before", "rows after", "weight before", "weight after"]
    lines = [(entry["rows_before"], _cells(entry)) for entry in summary.classes]
    console.print(class_grid(headings, lines))
    before, after = summary.bytes_before, summary.bytes_after
    console.print(
        f"{decimal(before)} before, {decimal(after)} after ({after / before:.3g} of "
        f"it), in {summary.seconds:.2f} s"
    )
    for note in summary.notes:
        console.print(f"Note: {note}", soft_wrap=True)
    labels = [entry["label"] for entry in summary.classes]
    if doubt := doubted_label(f"Column {column!r}", len(labels)):
        console.print(doubt, soft_wrap=True)
    elif summary.by_strata or all(isinstance(each, _LABELS) for each in labels):
        console.print(f"\nTrain from it:\n\n{code}", soft_wrap=True)


def _cells(entry: dict[str, Any]) -> list[str]:
    label = entry["label"]
    text = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
    return [
        text,
        *(f"{entry[name]:,}" for name in ("rows_before", "rows")),
        *(_as_weight(entry[name]) for name in ("weight_before", "weight")),
    ]


def _as_weight(weight: float) -> str:
    # The last digits depend on the order of the sum.
    rounded = float(f"{weight:.12g}")
    return f"{rounded:,.2f}".removesuffix(".00") if weight >= 1 else f"{weight:.3g}"


def versions(*libraries: Any) -> dict[str, str]:
    """Return the versions of Python and of libraries."""
    return {"python": platform.python_version()} | {
        library.__name__: library.__version__ for library in libraries
    }
