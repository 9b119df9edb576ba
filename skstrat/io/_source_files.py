"""Find the files of a source, and check that they do not change."""

from __future__ import annotations

import csv
import glob
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product, takewhile
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

PARQUET = (".parquet", ".pq")
CSV = tuple(
    "".join(ending) for ending in product((".csv", ".tsv"), ("", ".gz", ".bz2", ".zip"))
)

Kind = Literal["parquet", "csv"]

# Errors of the readers for a broken file, besides those of pyarrow.
_UNREADABLE = (
    OSError,
    EOFError,
    OverflowError,
    UnicodeError,
    zlib.error,
    BadZipFile,
    csv.Error,
)


def kind_of(path: Path, argument: str) -> Kind:
    """Find the format of a file by its ending."""
    name = path.name.lower()
    if name.endswith(PARQUET):
        return "parquet"
    if name.endswith(CSV):
        return "csv"
    raise ValueError(
        f"{argument} must end in one of {', '.join(PARQUET + CSV)}, which gives its "
        f"format; got {str(path)!r}."
    )


def find_files(source: str | Path) -> tuple[list[Path], Kind]:
    """List the files of a source, in the order of their names."""
    if find_spec("pyarrow") is None:
        raise ModuleNotFoundError(
            "files are read by pyarrow, which is not installed. Run: pip install "
            '"skstrat[parquet]"',
            name="pyarrow",
        )
    if not str(source):
        raise FileNotFoundError(
            "source must name a file, a folder or a pattern; got an empty text. "
            "Write '.' for the current folder."
        )
    path = Path(source)
    # The name of a file may be too long, a folder not readable.
    with readable(path):
        found = _found(source)
    # Links to nothing.
    lost = [each for each in found if not each.exists()]
    if lost or not found:
        raise FileNotFoundError(
            f"source must name a file, a folder with Parquet or CSV files, or a "
            f"pattern that matches some; nothing found at {str([*lost, source][0])!r}."
        )
    for each in found:
        if not each.is_file():
            # A pipe can be read only once, and blocks until something is written.
            raise ValueError(
                f"source must name regular files, which can be read twice; {each} is "
                "none. Write its content to a file first."
            )
    kinds = {kind_of(each, "source") for each in found}
    if len(kinds) > 1:
        raise ValueError(
            f"source must hold files of one format; got both Parquet and CSV at "
            f"{str(source)!r}."
        )
    return found, kinds.pop()


def _found(source: str | Path) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return [
            each
            for each in sorted(path.rglob("*"))
            if each.name.lower().endswith(PARQUET + CSV)
            and not each.is_dir()
            and not _hidden(each.relative_to(path))
        ]
    if path.exists():
        return [path]
    found = sorted(map(Path, glob.glob(str(source), recursive=True)))
    return [each for each in found if not each.is_dir()]


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def folder_of(source: str | Path) -> Path:
    """Return the folder below which names of folders may hold values."""
    path = Path(source)
    if path.is_dir():
        return path
    if path.exists():
        return path.parent
    return Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn any error of a reader into a ValueError that names the file."""
    from pyarrow import ArrowException

    try:
        yield
    except (*_UNREADABLE, ArrowException) as error:
        raise ValueError(f"{path} cannot be read: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Return the reason of a file error in one line."""
    text = str(getattr(error, "strerror", None) or error)
    return " ".join(text.split()) or type(error).__name__


def check_names(names: list[str], path: Path) -> None:
    """Refuse a file two columns of which have the same name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Column names must differ; {path} has {twice!r} twice.")


State = tuple[int, int, int, int]


def states_of(files: list[Path]) -> list[State]:
    """Return values that change when a file is written to or replaced."""
    return list(map(_state_of, files))


def _state_of(path: Path) -> State:
    with readable(path):
        found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def check_unmodified(files: list[Path], before: list[State]) -> None:
    """Refuse files that were written to or replaced since."""
    for path, old, new in zip(files, before, states_of(files), strict=True):
        if old != new:
            raise ValueError(
                f"{path} changed while it was read ({old[0]} bytes before, "
                f"{new[0]} after). Run again when nothing writes to it."
            )
