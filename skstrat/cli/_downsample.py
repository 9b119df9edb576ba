"""The command that turns a big file into a small one: parse, call, print."""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TimeRemainingColumn

import skstrat
from skstrat.cli._factors import DownsampleByText
from skstrat.cli._terminal import make_grid, open_console, open_progress
from skstrat.io._files import Summary, resample_file
from skstrat.io._source_files import find_files, kind_of

_STAGES = {"counts": "counting", "labels": "reading labels", "rows": "taking rows"}
# Names of arguments in messages of the library.
_ARGUMENT = re.compile(
    r"(?:\bthe )?(?<![\w'\"./-])(source|dest|target|key|sample_weight|overwrite|y)"
    r"(?:=True|(?=;|=| (?:must|is|has|exists|out)\b))"
)


class InputError(click.ClickException):
    """Wrong input: one line, exit code 2."""

    exit_code = 2


class _OneLineCommand(click.Command):
    """A command that has one line for wrong options, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise InputError(_one_line(error.format_message())) from None


def _read_factors(
    context: Any, parameter: Any, texts: tuple[str, ...]
) -> float | dict[str, float]:
    """Read one number, or a number for each label."""
    named: dict[str, float] = {}
    for text in texts:
        label, equals, number = text.rpartition("=")
        factor = _read_factor(number, text)
        if not equals:
            if len(texts) > 1:
                raise InputError(
                    "--factor must be one number, for the most frequent class, or "
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
            f"--factor must be a number such as 20, or LABEL=20; got {text}"
        ) from None
    if not 1 <= factor < math.inf:
        raise InputError(f"--factor must be a finite number from 1 on; got {text}")
    return factor


@click.command(cls=_OneLineCommand)
@click.argument("source")
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="COLUMN", help="The label column.")
@click.option(
    "--factor",
    required=True,
    multiple=True,
    metavar="[LABEL=]NUMBER",
    callback=_read_factors,
    help="Original rows per kept row: 20 for the most frequent class, or LABEL=20 for "
    "each class named. Repeatable.",
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
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**64 - 1))
@click.option("--overwrite", is_flag=True, help="Replace DEST.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def downsample(
    source: str,
    dest: Path,
    target: str,
    factor: float | dict[str, float],
    nominal: bool,
    key: str | None,
    sample_weight: str | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep a fraction of a big class, and weights that stand for the rest.

    SOURCE is a Parquet or CSV file of any size, a folder of them or a quoted pattern;
    DEST ends in .parquet, .csv or the like. A model fitted to DEST with its weights
    has the probabilities of SOURCE.
    """
    _check_libraries()
    resampler = DownsampleByText(
        factor=factor,
        weighting="factor" if nominal else "original",
        random_state=seed,
    )
    with _explained(source, dest), open_progress() as progress:
        summary = resample_file(
            source,
            dest,
            target=target,
            resampler=resampler,
            key=key,
            sample_weight=sample_weight,
            overwrite=overwrite,
            progress=_Bar(progress, source),
        )
    if as_json:
        document = _summary_document(summary, factor, seed)
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        weight = sample_weight or "sample_weight"
        _print_summary(open_console(), summary, target, key, weight)


def _check_libraries() -> None:
    for library in ("polars", "pyarrow"):
        try:
            import_module(library)
        except ModuleNotFoundError as error:
            if error.name != library:
                raise
            raise click.ClickException(
                f"skstrat downsample needs {library}, which is not installed. "
                'Run: pip install "skstrat[cli,parquet]"'
            ) from None


@contextmanager
def _explained(source: str, dest: Path) -> Iterator[None]:
    """Turn errors into one line with the names of options."""
    import polars
    import pyarrow

    # What readers raise for broken files besides ValueError.
    broken = polars.exceptions.PolarsError, pyarrow.ArrowException, OverflowError
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError, FileExistsError) as error:
        raise InputError(_in_options(error)) from None
    except broken as error:
        raise InputError(f"{source} cannot be read: {_in_options(error)}") from None
    except OSError as error:
        # A full disk is no fault of the arguments.
        raise click.ClickException(
            f"{dest} cannot be written: {_in_options(error)}"
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


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_options(error: Exception) -> str:
    """Give the message of an error with options in place of arguments."""
    text = _one_line(str(error)) or type(error).__name__
    text = text.replace(" from X and y", "").replace(" of X", "")
    return _ARGUMENT.sub(_as_option, text)


def _as_option(argument: re.Match[str]) -> str:
    name = argument[1]
    if name in ("source", "dest"):
        return name.upper()
    return "--target" if name == "y" else "--" + name.replace("_", "-")


def _print_summary(
    console: Console, summary: Summary, target: str, key: str | None, weight: str
) -> None:
    grid = make_grid(
        target, "rows before", "rows after", "weight before", "weight after"
    )
    for each in summary.to_dict()["classes"]:
        rows = [f"{each[name]:,}" for name in ("rows_before", "rows")]
        weights = [_as_weight(each[name]) for name in ("weight_before", "weight")]
        grid.add_row(str(each["label"]), *rows, *weights)
    console.print(grid)
    before, after = summary.bytes_before, summary.bytes_after
    console.print(
        f"{decimal(before)} before, {decimal(after)} after ({after / before:.3g} of "
        f"it), in {summary.seconds:.2f} s"
    )
    console.print(_how_to_train(summary.dest, target, key, weight), soft_wrap=True)


def _as_weight(weight: float) -> str:
    # Of sums in another order, the last digits differ.
    rounded = float(f"{weight:.12g}")
    return f"{rounded:,.2f}".removesuffix(".00") if weight >= 1 else f"{weight:.3g}"


def _how_to_train(dest: str, target: str, key: str | None, weight: str) -> str:
    by_parquet = kind_of(Path(dest), "dest") == "parquet"
    others = list(dict.fromkeys(filter(None, [key, target, weight])))
    line = (
        f"Train: frame = pandas.read_{'parquet' if by_parquet else 'csv'}({dest!r}); "
        f"model.fit(frame.drop(columns={others!r}), frame[{target!r}], "
        f"sample_weight=frame[{weight!r}])"
    )
    if not by_parquet:
        return line
    named = "" if weight == "sample_weight" else f", sample_weight={weight!r}"
    return line + (
        f"  # or skstrat.io.read_batches({dest!r}, target={target!r}{named})"
    )


def _summary_document(
    summary: Summary, factor: float | dict[str, float], seed: int
) -> dict[str, Any]:
    import polars
    import pyarrow

    return summary.to_dict() | {
        "factor": factor,
        "seed": seed,
        "versions": versions(skstrat, np, polars, pyarrow),
    }


def versions(*libraries: Any) -> dict[str, str]:
    """Give the versions of Python and of libraries."""
    return {"python": platform.python_version()} | {
        library.__name__: library.__version__ for library in libraries
    }
