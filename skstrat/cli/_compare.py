"""The commands: parse, call the library, print."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import imblearn
import numpy as np
import pandas as pd
import sklearn
from joblib import cpu_count
from sklearn.model_selection import StratifiedKFold

import skstrat
from skstrat.cli._csv_options import csv_options, read_csv_format
from skstrat.cli._downsample import downsample, versions
from skstrat.cli._errors import InputError, SafeGroup
from skstrat.cli._models import MODELS, plain_columns
from skstrat.cli._tables import TARGET as DEMO_TARGET
from skstrat.cli._tables import Table, TableError, check_folds, demo_table, read_table
from skstrat.cli._terminal import (
    MODEL_NAMES,
    open_console,
    open_progress,
    print_classes,
    print_comparison,
    print_json,
    print_reading_help,
)
from skstrat.displays._page import write_page
from skstrat.io import CsvFormat
from skstrat.model_selection._compare import compare_strategies
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._strategies import choose_factors, list_strategies


@click.group(name="skstrat", cls=SafeGroup)
@click.version_option(skstrat.__version__)
def skstrat_command() -> None:
    """Train on a fraction of the rows and keep calibrated probabilities."""


skstrat_command.add_command(downsample)


def _finite(context: Any, parameter: Any, factors: tuple[float, ...]) -> list[float]:
    if not all(map(math.isfinite, factors)):
        raise InputError(f"--factor must be a finite number; got {factors}")
    return list(dict.fromkeys(factors))


@skstrat_command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--target", metavar="COLUMN", help="The label column of FILE.")
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Choice(list(MODELS)),
    help="Repeatable; all of them if not given.",
)
@click.option("--folds", default=5, show_default=True, type=click.IntRange(min=2))
@click.option(
    "--factor",
    "factors",
    multiple=True,
    type=click.FloatRange(min=1),
    callback=_finite,
    help="Downsampling factor. Repeatable; 5, 20 and 100 as far as the classes allow "
    "if not given.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Of the folds, the draws and the trees.",
)
@click.option(
    "--jobs",
    default=cpu_count,
    show_default="all cores",
    type=click.IntRange(min=1),
    help="Folds fitted at the same time, each in a process.",
)
@csv_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write a page with verdict, tables, pictures and code.",
)
@click.option("--demo", is_flag=True, help="A generated table instead of FILE.")
def compare(
    file: Path | None,
    target: str | None,
    models: tuple[str, ...],
    folds: int,
    factors: list[float],
    seed: int,
    jobs: int,
    as_json: bool,
    page: Path | None,
    demo: bool,
    **csv: Any,
) -> None:
    """Find out which strategy against imbalance is best on your data.

    FILE is a Parquet or CSV file, which may be compressed. Every strategy is
    cross-validated on the same folds, with and without correction of the prior.
    """
    csv_format = read_csv_format(**csv)
    try:
        table = _get_table(file, target, csv_format, demo=demo)
        check_folds(table, folds)
    except TableError as error:
        raise InputError(str(error)) from None
    if page and not page.absolute().parent.is_dir():
        raise InputError(f"--html {page}: there is no folder {page.absolute().parent}")
    factors = factors or choose_factors(table.labels.counts)
    models = tuple(dict.fromkeys(models)) or tuple(MODELS)
    console = None if as_json else open_console()
    if console:
        print_classes(console, table)
    measured = {}
    job = CompareJob(
        *(table, factors, folds, seed, jobs),
        demo=demo,
        csv_format=csv_format,
        learning_curve=page is not None,
        # The terminal's table has no column that needs thresholds.
        tune_threshold=as_json or page is not None,
    )
    for model in models:
        measured[model] = job.compare(model)
        if console:
            print_comparison(console, model, measured[model])
    if page:
        _write_page(page, table, measured)
    if console:
        print_reading_help(console, table, folds, seed)
    else:
        document = _comparison_document(job, measured)
        print_json(document)


@dataclass(frozen=True)
class CompareJob:
    """The comparison that is made for every model.

    Attributes
    ----------
    table : Table
        The data.
    factors : list of float
        Downsampling factors.
    folds : int
        Number of folds.
    seed : int
        Of the folds, the draws and the trees.
    jobs : int
        Folds fitted at the same time.
    demo : bool
        Whether the data is the generated table.
    csv_format : CsvFormat
        What was told of CSV files.
    learning_curve : bool
        Whether the learning curve by rows is measured, too.
    tune_threshold : bool
        Whether decision thresholds are tuned.
    """

    table: Table
    factors: list[float]
    folds: int
    seed: int
    jobs: int
    demo: bool
    csv_format: CsvFormat
    learning_curve: bool
    tune_threshold: bool

    def compare(self, model: str) -> Comparison:
        """Compare the strategies for one model, with a progress bar on a terminal."""
        X = plain_columns(self.table.features)
        with open_progress() as progress:
            comparison = compare_strategies(
                MODELS[model](X, self.seed),
                X,
                self.table.codes(),
                strategies=list_strategies(self.factors, random_state=self.seed),
                cv=StratifiedKFold(self.folds, shuffle=True, random_state=self.seed),
                n_jobs=self.jobs,
                random_state=self.seed,
                tune_threshold=self.tune_threshold,
                learning_curve_by_rows=self.learning_curve,
                progress=partial(progress.track, description=model),
            )
        return replace(
            comparison,
            class_names=self.table.code_names(),
            data_code=self._preamble(model),
        )

    def _preamble(self, model: str) -> str:
        """Write the code that makes X, y and estimator as the command does."""
        table = self.table
        told = "" if self.csv_format == CsvFormat() else f", {self.csv_format!r}"
        reads = f"read_table({table.source!r}, {table.target!r}{told})"
        made = "demo_table()" if self.demo else reads
        names = sorted([f"make_{model}", made.partition("(")[0], "plain_columns"])
        return (
            f"from skstrat.cli.tabular import {', '.join(names)}\n"
            + ("from skstrat.io import CsvFormat\n" if told else "")
            + f"\ntable = {made}\n"
            "X, y = plain_columns(table.features), table.codes()\n"
            f"estimator = make_{model}(X, random_state={self.seed})\n"
        )


def _get_table(
    file: Path | None, target: str | None, csv_format: CsvFormat, *, demo: bool
) -> Table:
    if demo and file is not None:
        raise InputError("give FILE or --demo, not both")
    if demo and target not in (None, DEMO_TARGET):
        raise InputError(
            f"--target goes with FILE; the target of --demo is {DEMO_TARGET}"
        )
    if demo:
        return demo_table()
    if file is None:
        raise InputError("give a FILE with its --target COLUMN, or --demo")
    if target is None:
        raise InputError(f"--target is missing: which column of {file} is the label?")
    return read_table(file, target, csv_format)


def _write_page(page: Path, table: Table, measured: dict[str, Comparison]) -> None:
    try:
        write_page(
            page,
            {MODEL_NAMES[model]: each for model, each in measured.items()},
            title="Which strategy against imbalance?",
            source=table.source,
        )
    except OSError as error:
        raise click.ClickException(
            f"{page} cannot be written: {error.strerror}"
        ) from None


def _comparison_document(
    job: CompareJob, measured: dict[str, Comparison]
) -> dict[str, Any]:
    return {
        "data": job.table.to_dict(),
        "folds": job.folds,
        "factors": job.factors,
        "seed": job.seed,
        "models": [
            {
                "model": model,
                "best": comparison.best_,
                "recommendation": comparison.recommendation_,
                "strategies": [outcome.to_dict() for outcome in comparison.outcomes],
            }
            for model, comparison in measured.items()
        ],
        "versions": versions(skstrat, sklearn, imblearn, pd, np),
    }
