"""The commands: parse, call the library, print."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import imblearn
import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

import skstrat
from skstrat._compare import (
    Outcome,
    Strategy,
    choose_factors,
    list_strategies,
    make_scoring,
    measure_strategies,
)
from skstrat._demo import TARGET as DEMO_TARGET
from skstrat._demo import demo_table
from skstrat._preprocessing import MODELS, plain_columns
from skstrat._tables import Table, TableError, check_folds, read_table
from skstrat._terminal import (
    open_console,
    open_progress,
    print_classes,
    print_outcomes,
    print_reading_help,
)


class InputError(click.ClickException):
    """Something the user can put right: one line, exit code 2."""

    exit_code = 2


@click.group(name="skstrat")
@click.version_option(skstrat.__version__)
def skstrat_command() -> None:
    """Train on a fraction of the rows and keep calibrated probabilities."""


def _finite(context: Any, parameter: Any, factors: tuple[float, ...]) -> list[float]:  # noqa: ARG001
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
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Folds fitted at the same time, each in a process.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
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
    demo: bool,
) -> None:
    """Find out which strategy against imbalance is best on your data.

    FILE is a CSV, gzip CSV or Parquet file. Every strategy is cross-validated on the
    same folds, with and without correction of the prior.
    """
    try:
        table = _get_table(file, target, demo=demo)
        check_folds(table, folds)
    except TableError as error:
        raise InputError(str(error)) from None
    factors = factors or choose_factors(table.labels.counts)
    models = tuple(dict.fromkeys(models)) or tuple(MODELS)
    console = None if as_json else open_console()
    if console:
        print_classes(console, table)
    measured = {}
    strategies = list_strategies(factors, random_state=seed)
    cv = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for model, outcomes in _measure(table, models, strategies, cv, jobs):
        measured[model] = outcomes
        if console:
            print_outcomes(console, model, outcomes)
    if console:
        print_reading_help(console, table, folds, seed)
    else:
        document = _document(table, measured, folds, factors, seed)
        click.echo(json.dumps(document, indent=2, allow_nan=False))


def _get_table(file: Path | None, target: str | None, *, demo: bool) -> Table:
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
    return read_table(file, target)


def _measure(
    table: Table,
    models: Iterable[str],
    strategies: list[Strategy],
    cv: StratifiedKFold,
    jobs: int,
) -> Iterator[tuple[str, list[Outcome]]]:
    X, y = plain_columns(table.features), table.codes()
    binary = len(table.labels.classes) == 2
    scoring = make_scoring(None if binary else table.smallest)
    for model in models:
        estimator = MODELS[model](X, cv.random_state)
        outcomes = measure_strategies(
            estimator, X, y, strategies, cv=cv, scoring=scoring, n_jobs=jobs
        )
        # On a busy machine the threads of boosted trees wait for each other, up to
        # twenty times as long as they work. One thread also makes times comparable.
        with threadpool_limits(1), open_progress() as progress:
            shown = progress.track(outcomes, len(strategies), description=model)
            measured = list(shown)
        yield model, measured


def _document(
    table: Table,
    measured: dict[str, list[Outcome]],
    folds: int,
    factors: list[float],
    seed: int,
) -> dict[str, Any]:
    libraries = (skstrat, sklearn, imblearn, pd, np)
    return {
        "data": table.to_dict(),
        "folds": folds,
        "factors": factors,
        "seed": seed,
        "models": [
            {"model": model, "strategies": [outcome.to_dict() for outcome in outcomes]}
            for model, outcomes in measured.items()
        ],
        "versions": {"python": platform.python_version()}
        | {library.__name__: library.__version__ for library in libraries},
    }
