"""Entry point of the command line: its libraries, signals and standard streams."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_OPTIONAL = {"click", "jinja2", "matplotlib", "pandas", "rich", "skrub"}
_KEPT = ("encoding", "line_buffering", "write_through")
_ENDING = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> None:
    """Run the command line; if libraries are missing, print what to install."""
    # There is no file to remove yet, and an exception may be lost in an import.
    with _signals(signal.SIG_DFL, "SIGINT"):
        command = _import_command()
    _open_streams()
    # As an exception, so that unfinished files are removed.
    with _signals(_exit, *_ENDING):
        command(prog_name="skstrat")


@contextmanager
def _signals(handler: Any, *names: str) -> Iterator[None]:
    """Handle signals, except those already handled or ignored, as by nohup."""
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [getattr(signal, name) for name in names]
    before = {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) in defaults
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _import_command() -> Any:
    try:
        # Here, because this imports the libraries of the extra.
        from skstrat.cli._compare import skstrat_command
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _OPTIONAL:
            raise
        sys.exit(
            f"skstrat: the command line needs {library}, which is not installed. "
            'Run: pip install "skstrat[cli]"'
        )
    return skstrat_command


def _open_streams() -> None:
    """Replace closed streams, and let standard output accept any text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = io.FileIO(os.devnull, "w")
            setattr(sys, name, io.TextIOWrapper(nowhere, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        before = sys.stdout
        options = {each: getattr(before, each) for each in _KEPT}
        # One character that standard output cannot encode must not end the report.
        sys.stdout = _Output(before.detach(), errors="replace", **options)


class _Output(io.TextIOWrapper):
    """Standard output that exits with a one-line error if it cannot be written."""

    def write(self, text: str, /) -> int:
        with self._guarded():
            return super().write(text)

    def flush(self) -> None:
        with self._guarded():
            super().flush()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # The reader has stopped; click and rich exit without a message.
            raise
        except OSError as error:
            # Otherwise the rest of the buffer would be written again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            sys.exit(f"Error: standard output cannot be written: {error.strerror}")
