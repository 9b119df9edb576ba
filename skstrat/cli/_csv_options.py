"""Options of both commands that say how a CSV file is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from skstrat.cli._errors import InputError
from skstrat.io import CsvFormat

_OPTIONS = [
    click.option(
        "--separator",
        metavar="SIGN",
        help="Between fields of a CSV file (\\t: tab); found out if not given.",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="Of a CSV file; found out if not given.",
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
    separator: str | None,
    encoding: str | None,
    decimal: Any,
    quote: str,
    missing: tuple[str, ...],
) -> CsvFormat:
    """Read the options."""
    separator = "\t" if separator == "\\t" else separator
    _check_signs(separator, decimal, quote)
    try:
        return CsvFormat(
            separator=separator,
            encoding=encoding,
            decimal=decimal,
            quote=quote or None,
            missing=("", *missing),
        )
    except (TypeError, ValueError) as error:
        # Each begins with the name of an argument, which is that of the option.
        raise InputError(f"--{error}") from None


def _check_signs(separator: str | None, decimal: str, quote: str) -> None:
    """Name the option whose sign is none, or is that of another."""
    for option, sign in (("--separator", separator), ("--quote", quote)):
        if sign and not (len(sign) == 1 and sign.isascii() and sign not in "\0\r\n"):
            raise InputError(f"{option} must be one ASCII character; got {sign!r}")
    if separator == decimal:
        raise InputError(f"--separator must differ from --decimal; got {decimal!r}")
    if quote and quote in (decimal, *(separator or ",;\t|")):
        raise InputError(
            "--quote must differ from --decimal and --separator, which to give where "
            f"the quote may be one; got {quote!r}"
        )
