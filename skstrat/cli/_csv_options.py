"""Options of both commands for the format of CSV files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from skstrat.cli._errors import explained
from skstrat.io import CsvFormat

_OPTIONS = (
    ("separator", None, "Between fields of CSV (\\t: tab); detected by default."),
    ("encoding", None, "Of CSV; detected by default."),
    ("decimal", ".", "Decimal sign of CSV: . or ,"),
    ("quote", '"', "Around fields of CSV; '' for none."),
    ("missing", None, "A missing value of CSV, like an empty field. Repeatable."),
)


def csv_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one ``csv``."""

    @wraps(command)
    def with_format(
        separator: str | None, quote: str, missing: tuple[str, ...], **others: Any
    ) -> Any:
        with explained():
            csv = CsvFormat(
                separator="\t" if separator == "\\t" else separator,
                encoding=others.pop("encoding"),
                decimal=others.pop("decimal"),
                quote=quote or None,
                missing=("", *missing),
            )
        return command(csv=csv, **others)

    for name, default, text in reversed(_OPTIONS):
        with_format = click.option(
            f"--{name}",
            default=default,
            show_default=True,
            multiple=name == "missing",
            help=text,
        )(with_format)
    return with_format
