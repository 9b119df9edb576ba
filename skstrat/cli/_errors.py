"""What goes wrong, in one line with the names of options."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from skstrat._core.controls import escape_controls

# What is quoted, and the fields of a row: the user's.
_QUOTED = (
    r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)|"""
    "Expected [0-9]+ columns, got [0-9]+: .*"
)
# Arguments where a rule of the library begins, or tells what to do next.
_ARGUMENT = (
    r"(?<![^ (])(?:the )?"
    r"(source|dest|target|key|sample_weight|strata|groups|overwrite|y)"
    r"(?:=True|(?=;|=| (?:must|is|has|exists|out|leave)\b))"
    r"|( from X and y\b| of X\b)"
)


class InputError(click.ClickException):
    """Wrong input: one line, exit code 2."""

    exit_code = 2


class SafeGroup(click.Group):
    """Commands whose errors name files and labels, and no terminal obeys those."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = escape_controls(error.message)
            raise


class OneLineCommand(click.Command):
    """A command that has one line for wrong options, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise InputError(_one_line(error.format_message())) from None


@contextmanager
def explained(source: str, dest: str) -> Iterator[None]:
    """Turn errors into one line with the names of options."""
    import pyarrow

    # What readers raise for broken files besides ValueError.
    broken = pyarrow.ArrowException, OverflowError
    paths = (source, dest)
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError, FileExistsError) as error:
        raise InputError(_in_options(error, paths)) from None
    except broken as error:
        raise InputError(
            f"{source} cannot be read: {_in_options(error, paths)}"
        ) from None
    except OSError as error:
        if _names_another(error, dest):
            raise InputError(
                f"{os.fsdecode(error.filename)} cannot be read: {error.strerror}"
            ) from None
        # A full disk is no fault of the arguments.
        raise click.ClickException(
            f"{dest} cannot be written: {_in_options(error, paths)}"
        ) from None


def _names_another(error: OSError, dest: str) -> bool:
    """Whether an error is about a file that is not written."""
    if error.filename is None:
        # So say those who write.
        return False
    named = Path(os.fsdecode(error.filename))
    return named != Path(dest) and not named.name.startswith(".skstrat-")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_options(error: Exception, paths: tuple[str, ...]) -> str:
    """Give the message of an error with options in place of arguments."""
    text = _one_line(str(error)) or type(error).__name__
    named = "|".join(map(re.escape, paths))
    patterns = (rf"(?<!\w)(?:{named})(?!\w)", _QUOTED, _ARGUMENT)
    return re.sub("|".join(patterns), _as_option, text)


def _as_option(found: re.Match[str]) -> str:
    name = found[1]
    if name is None:
        return "" if found[2] else found[0]
    if name in ("source", "dest"):
        return name.upper()
    return "--target" if name == "y" else "--" + name.replace("_", "-")
