"""Errors in one line: options are named like the library's arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from skstrat._core.controls import escape_controls
from skstrat.io._source_files import reason_of


class InputError(click.ClickException):
    """Wrong input: one line, exit code 2."""

    exit_code = 2


class OneLineCommand(click.Command):
    """A command with one-line errors for wrong options and an uncut summary."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise InputError(" ".join(error.format_message().split())) from None

    def get_short_help_str(self, limit: int = 1000) -> str:
        return super().get_short_help_str(max(limit, 1000))


class SafeGroup(click.Group):
    """Commands whose errors show control characters as escapes."""

    command_class = OneLineCommand

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = escape_controls(error.message)
            raise


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of the library into one line, with their text unchanged."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError) as error:
        raise InputError(reason_of(error)) from None
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise InputError(str(error)) from None
    except OSError as error:
        path = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        # A full disk is not caused by the arguments.
        wrong = isinstance(error, (FileNotFoundError, FileExistsError))
        kind = InputError if wrong else click.ClickException
        raise kind(path + reason_of(error)) from None
