"""The command that finds the best strategy: parse, call the library, print."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import skstrat
from skstrat.cli import _terminal as terminal
from skstrat.cli._csv_options import csv_options
from skstrat.cli._downsample import downsample, versions
from skstrat.cli._errors import InputError, SafeGroup, explained
from skstrat.cli._models import DEFAULT_MODELS, MODELS
from skstrat.cli.data import Data, demo_data, read_data
from skstrat.displays._page import write_page
from skstrat.io import CsvFormat
from skstrat.model_selection._compare import compare_strategies
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._strategies import choose_factors, list_strategies

_MADE_WITH = ("skstrat", "sklearn", "imblearn", "skrub", "pandas", "numpy")
option = partial(click.option, show_default=True)


@click.group(name="skstrat", cls=SafeGroup)
@click.version_option(skstrat.__version__)
def skstrat_command() -> None:
    """Train on a fraction of the rows and keep calibrated probabilities."""


skstrat_command.add_command(downsample)


def _not_zero(context: Any, parameter: Any, n_jobs: int) -> int:
    if n_jobs == 0:
        raise InputError(
            "n_jobs must be a number of fits, or -1 for one a core; got 0."
        )
    return n_jobs


def _finite(context: Any, parameter: Any, factors: tuple[float, ...]) -> list[float]:
    if not all(map(math.isfinite, factors)):
        raise InputError(f"factor must be a finite number; got {factors}.")
    return list(dict.fromkeys(factors))


@skstrat_command.command(
    epilog="Example: skstrat compare payments.csv --target is_fraud --html report.html",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@option("--target", metavar="COLUMN", help="Labels of the rows.")
@option("--sample-weight", metavar="COLUMN", help="Weights of the rows; no feature.")
@option(
    "--groups", metavar="COLUMN", help="Rows of one value share a fold; no feature."
)
@option("--model", multiple=True, default=DEFAULT_MODELS, type=click.Choice([*MODELS]))
@option(
    "--factor",
    multiple=True,
    type=click.FloatRange(min=1),
    callback=_finite,
    help="Downsampling factor; by default 5, 20 and 100 if the classes allow.",
)
@option("--cv", default=5, type=click.IntRange(min=2), help="Number of folds.")
@option("--random-state", default=0, type=click.IntRange(0, 2**32 - 1), help="Seed.")
@option(
    "--n-jobs",
    default=-1,
    callback=_not_zero,
    help="Parallel fits; -1: one a core.",
)
@csv_options
@option("--json", is_flag=True, help="One JSON document on stdout.")
@option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write a page with verdict, tables, pictures and code. It tunes "
    "thresholds, too: about four times the work.",
)
@option("--demo", is_flag=True, help="A generated table instead of FILE.")
def compare(
    file: Path | None,
    target: str | None,
    sample_weight: str | None,
    groups: str | None,
    model: tuple[str, ...],
    factor: list[float],
    cv: int,
    random_state: int,
    n_jobs: int,
    json: bool,
    html: Path | None,
    demo: bool,
    csv: CsvFormat,
) -> None:
    """Find the best strategy against imbalance for your data.

    FILE is a Parquet or CSV file, which may be compressed. Every strategy is
    cross-validated on the same folds, with and without correction of the prior. Models,
    factors and words for missing values can be repeated.
    """
    if html and not html.absolute().parent.is_dir():
        raise InputError(f"html {html}: there is no folder {html.absolute().parent}.")
    data = _read(demo, file, target, sample_weight, groups, csv)
    estimators = {name: MODELS[name](random_state, data.X) for name in model}
    factors = factor or choose_factors(
        [each["rows"] for each in data.summary["classes"]]
    )
    console = terminal.open_console(quiet=json)
    terminal.print_classes(console, data.summary)
    if html:
        click.echo(
            "Note: --html also tunes thresholds: about four times the work.", err=True
        )
    measured: dict[str, Comparison] = {}
    for name, estimator in estimators.items():
        with explained(), terminal.open_progress() as progress:
            measured[name] = _compare(
                *(name, estimator, data),
                strategies=list_strategies(
                    factors, random_state=random_state, estimator=estimator
                ),
                cv=cv,
                n_jobs=n_jobs,
                random_state=random_state,
                # Only the page shows results that need thresholds.
                tune_threshold=html is not None,
                learning_curve_by_rows=html is not None,
                progress=partial(progress.track, description=name),
            )
        title = f"{name}: {type(estimator[-1]).__name__}"
        terminal.print_comparison(console, title, measured[name])
    if html:
        # Readers of the page must not see the folders of a server.
        title, source = "Which strategy?", Path(data.summary["source"]).name
        with explained():
            write_page(html, measured, title=title, source=source)
    terminal.print_reading_help(console, data.summary, list(measured.values()))
    if json:
        told = {"cv": cv, "factors": factors, "random_state": random_state}
        models = [_model(*each) for each in measured.items()]
        made_by = versions(*map(import_module, _MADE_WITH))
        document = {"data": data.summary, **told, "models": models, "versions": made_by}
        terminal.print_json(document)


def _read(demo: bool, file: Path | None, target: str | None, *more: Any) -> Data:
    if demo and not any((file, target, *more[:-1])):
        return demo_data()
    if file and target and not demo:
        return read_data(file, target, *more)
    raise InputError("give a FILE with its --target COLUMN, or --demo, not both.")


def _compare(name: str, estimator: Any, data: Data, **options: Any) -> Comparison:
    y, code, names = data.y, data.code, None
    if name == "xgboost":
        # Only XGBoost needs labels that are 0, 1, ...
        y, code = y.cat.codes, f"{code}y = y.cat.codes\n"
        names = [str(each["label"]) for each in data.summary["classes"]]
    comparison = compare_strategies(
        *(estimator, data.X, y),
        sample_weight=data.sample_weight,
        groups=data.groups,
        **options,
    )
    return replace(comparison, class_names=names, data_code=code)


def _model(name: str, comparison: Comparison) -> dict[str, Any]:
    return {
        "model": name,
        "best": comparison.best_,
        "recommendation": comparison.recommendation_,
        "critical": comparison.verdict_.critical,
        "strategies": [outcome.to_dict() for outcome in comparison.outcomes],
    }
