"""The command that turns a big file into a small one: parse, call, print."""

from __future__ import annotations

import math
import platform
from typing import Any

import click
import numpy as np
import pandas as pd
import pyarrow
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TimeRemainingColumn

import skstrat
from skstrat.cli._csv_options import csv_options, read_csv_format
from skstrat.cli._errors import InputError, OneLineCommand, explained
from skstrat.cli._factors import DownsampleByText
from skstrat.cli._tables import doubted_label
from skstrat.cli._terminal import (
    class_grid,
    open_console,
    open_progress,
    print_json,
)
from skstrat.cli._training_code import training_code
from skstrat.io._files import resample_file
from skstrat.io._source_files import find_files
from skstrat.io._summary import Summary

_STAGES = {"labels": "reading labels", "rows": "taking rows"}
# What classifiers of scikit-learn take.
_LABELS = (str, int, float)
_EXAMPLE = """\b
Example:
  skstrat downsample big.parquet small.parquet --target is_fraud --factor 20"""


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
            "factor must be one finite number from 1 on such as 20, for the most "
            "frequent class, LABEL=20 once for each class to name, or auto; got "
            f"{' and '.join(texts)}"
        )
    return factors[0] if alone else dict(zip(map(str, labels), factors, strict=True))


def _read_strata(
    context: Any, parameter: Any, names: tuple[str, ...]
) -> str | list[str] | None:
    return names[0] if len(names) == 1 else list(names) or None


@click.command(cls=OneLineCommand, epilog=_EXAMPLE)
@click.argument("source")
@click.argument("dest")
@click.option("--target", required=True, metavar="COLUMN", help="The label column.")
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
    help="Classes keep their total weight, or rows are multiplied by rows of the "
    "class / rows kept, which keeps totals of --sample-weight only on average.",
)
@click.option(
    "--key",
    metavar="COLUMN",
    help="Tells the rows apart, so that the same are kept in any order.",
)
@click.option(
    "--sample-weight",
    metavar="COLUMN",
    help="Weights to multiply into; a new column sample_weight if not given.",
)
@click.option(
    "--strata",
    multiple=True,
    metavar="COLUMN",
    callback=_read_strata,
    help="Each value of it, or of several together (repeatable), is drawn at the rate "
    "of the class.",
)
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Rows of one value are kept or dropped together.",
)
@click.option(
    "--random-state",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**64 - 1),
    help="The seed: the same one keeps the same rows.",
)
@click.option("--overwrite", is_flag=True, help="Replace DEST.")
@csv_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def downsample(
    source: str,
    dest: str,
    target: str,
    factor: Any,
    weighting: Any,
    key: str | None,
    sample_weight: str | None,
    strata: str | list[str] | None,
    groups: str | None,
    random_state: int,
    overwrite: bool,
    as_json: bool,
    **csv: Any,
) -> None:
    """Keep a fraction of a big class, and weights that stand for the rest.

    SOURCE is a Parquet or CSV file of any size, a folder of them or a quoted pattern;
    DEST ends in .parquet, .csv or the like. A model fitted to DEST with its weights
    has the probabilities of SOURCE.
    """
    csv_format = read_csv_format(**csv)
    words = {
        "factor": factor,
        "weighting": weighting,
        "strata": strata,
        "groups": groups,
        "random_state": random_state,
    }
    with explained(), open_progress() as progress:
        summary = resample_file(
            source,
            dest,
            target=target,
            resampler=DownsampleByText(**words),
            key=key,
            sample_weight=sample_weight,
            csv=csv_format,
            overwrite=overwrite,
            progress=_Bar(progress, source),
        )
    if as_json:
        made_by = versions(skstrat, np, pd, pyarrow)
        print_json(summary.to_dict() | words | {"versions": made_by})
        return
    code = training_code(
        summary.dest,
        target=target,
        weight=sample_weight or "sample_weight",
        identifiers=[name for name in (key, groups) if name is not None],
        numeric=summary.by_strata,
        csv_format=csv_format,
    )
    several = ", ".join([strata] if isinstance(strata, str) else strata or [])
    column = several if summary.by_strata else target
    _print_summary(open_console(), summary, column, code)


class _Bar:
    """A progress bar with rows, bytes and the time left.

    Parameters
    ----------
    progress : Progress
        Started.
    source : str
        The files that are read.
    """

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
        """Show how far a stage is."""
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
    # Of sums in another order, the last digits differ.
    rounded = float(f"{weight:.12g}")
    return f"{rounded:,.2f}".removesuffix(".00") if weight >= 1 else f"{weight:.3g}"


def versions(*libraries: Any) -> dict[str, str]:
    """Give the versions of Python and of libraries."""
    return {"python": platform.python_version()} | {
        library.__name__: library.__version__ for library in libraries
    }
