"""The command that turns a big file into a small one: parse, call, print."""

from __future__ import annotations

import math
import platform
from importlib import import_module
from typing import Any

import click
import numpy as np
import pandas as pd
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


def _read_factors(
    context: Any, parameter: Any, texts: tuple[str, ...]
) -> str | float | dict[str, float]:
    """Read one number, "auto", or a number for each label."""
    if texts == ("auto",):
        return "auto"
    named: dict[str, float] = {}
    for text in texts:
        label, equals, number = text.rpartition("=")
        factor = _read_factor(number, text)
        if not equals:
            if len(texts) > 1:
                raise InputError(
                    "--factor must be one number, for the most frequent class, auto or "
                    f"LABEL=NUMBER each time; got {' and '.join(texts)}"
                )
            return factor
        if label in named:
            raise InputError(f"--factor must name a label once; got {label} twice")
        named[label] = factor
    return named


def _read_factor(number: str, text: str) -> float:
    try:
        factor = float(number)
    except ValueError:
        raise InputError(
            f"--factor must be a number such as 20, LABEL=20 or auto; got {text}"
        ) from None
    if not 1 <= factor < math.inf:
        raise InputError(f"--factor must be a finite number from 1 on; got {text}")
    return factor


@click.command(cls=OneLineCommand)
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
    "--nominal",
    is_flag=True,
    help="Weights are multiplied by rows of the class / rows kept, which keeps class "
    "totals of --sample-weight only on average.",
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
    metavar="COLUMN",
    help="Each value of it is drawn at the rate of the class.",
)
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Rows of one value are kept or dropped together.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**64 - 1))
@click.option("--overwrite", is_flag=True, help="Replace DEST.")
@csv_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def downsample(
    source: str,
    dest: str,
    target: str,
    factor: Any,
    nominal: bool,
    key: str | None,
    sample_weight: str | None,
    strata: str | None,
    groups: str | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
    **csv: Any,
) -> None:
    """Keep a fraction of a big class, and weights that stand for the rest.

    SOURCE is a Parquet or CSV file of any size, a folder of them or a quoted pattern;
    DEST ends in .parquet, .csv or the like. A model fitted to DEST with its weights
    has the probabilities of SOURCE.
    """
    _check_libraries()
    if key is not None and groups is not None:
        raise InputError(
            "--key and --groups exclude each other: whole groups are drawn, in any "
            "order the same; leave --key out"
        )
    csv_format = read_csv_format(**csv)
    resampler = DownsampleByText(
        factor=factor,
        weighting="factor" if nominal else "original",
        strata=strata,
        groups=groups,
        random_state=seed,
    )
    with explained(source, dest), open_progress() as progress:
        summary = resample_file(
            source,
            dest,
            target=target,
            resampler=resampler,
            key=key,
            sample_weight=sample_weight,
            csv=csv_format,
            overwrite=overwrite,
            progress=_Bar(progress, source),
        )
    if as_json:
        chosen = {"factor": factor, "strata": strata, "groups": groups, "seed": seed}
        print_json(_summary_document(summary, chosen))
    else:
        column = _column_of_classes(summary, target, strata)
        code = training_code(
            summary.dest,
            summary.classes,
            target=target,
            numeric=column != target,
            weight=sample_weight or "sample_weight",
            identifiers=[name for name in (key, groups) if name is not None],
            uneven=any((sample_weight, strata, groups)),
            csv_format=csv_format,
        )
        _print_summary(open_console(), summary, column, code)


def _check_libraries() -> None:
    try:
        import_module("pyarrow")
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise click.ClickException(
            "skstrat downsample needs pyarrow, which is not installed. "
            'Run: pip install "skstrat[cli]"'
        ) from None


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


def _column_of_classes(summary: Summary, target: str, strata: str | None) -> str:
    """Name the target, or the strata that stand in where it holds numbers."""
    classes = [] if summary.plan is None else summary.plan.classes
    both = any(isinstance(each, tuple) for each in classes)
    return target if strata is None or both else strata


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
    doubt = doubted_label(f"Column {column!r}", len(summary.classes))
    console.print(doubt or f"\nTrain from it:\n\n{code}", soft_wrap=True)


def _cells(entry: dict[str, Any]) -> list[str]:
    rows = [f"{entry[name]:,}" for name in ("rows_before", "rows")]
    return [str(entry["label"]), *rows] + [
        _as_weight(entry[name]) for name in ("weight_before", "weight")
    ]


def _as_weight(weight: float) -> str:
    # Of sums in another order, the last digits differ.
    rounded = float(f"{weight:.12g}")
    return f"{rounded:,.2f}".removesuffix(".00") if weight >= 1 else f"{weight:.3g}"


def _summary_document(summary: Summary, chosen: dict[str, Any]) -> dict[str, Any]:
    import pyarrow

    made_by = {"versions": versions(skstrat, np, pd, pyarrow)}
    return summary.to_dict() | chosen | made_by


def versions(*libraries: Any) -> dict[str, str]:
    """Give the versions of Python and of libraries."""
    return {"python": platform.python_version()} | {
        library.__name__: library.__version__ for library in libraries
    }
