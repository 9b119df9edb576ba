"""Options of both commands that say how a CSV file is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from skstrat.cli._errors import explained
from skstrat.io import CsvFormat

_OPTIONS = [
    click.option(
        "--separator",
        metavar="SIGN",
        help="Between fields of a CSV file (\\t: tab); found out if not given.",
    ),
    click.option(
        "--encoding", metavar="NAME", help="Of a CSV file; found out if not given."
    ),
    click.option(
        "--decimal",
        default=".",
        show_default=True,
        type=click.Choice([".", ","]),
        help="Decimal sign of a CSV file.",
    ),
    click.option(
        "--quote",
        default='"',
        show_default=True,
        metavar="SIGN",
        help="Around fields; '' for none.",
    ),
    click.option(
        "--missing",
        multiple=True,
        metavar="WORD",
        help="A missing value, as an empty field is. Repeatable.",
    ),
]


def csv_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_csv_format(
    separator: str | None, quote: str, missing: tuple[str, ...], **others: Any
) -> CsvFormat:
    """Read the options."""
    with explained():
        return CsvFormat(
            separator="\t" if separator == "\\t" else separator,
            quote=quote or None,
            missing=("", *missing),
            **others,
        )
