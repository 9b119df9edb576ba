"""Entry point of the command line, which checks that its libraries are installed."""

from __future__ import annotations

import io
import sys

_OPTIONAL = frozenset({"click", "pandas", "rich"})


def main() -> None:
    """Run the command line; without its libraries, say in one line what to install."""
    try:
        # Here, because the libraries of the extra are imported behind this line.
        from skstrat.cli._compare import skstrat_command
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _OPTIONAL:
            raise
        sys.exit(
            f"skstrat: the command line needs {library}, which is not installed. "
            'Run: pip install "skstrat[cli]"'
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        # One character that standard output cannot encode must not end the report.
        sys.stdout.reconfigure(errors="replace")
    skstrat_command(prog_name="skstrat")
