"""Which files a source names, and whether they change while they are read."""

from __future__ import annotations

import glob
import os
from itertools import takewhile
from pathlib import Path
from typing import Literal

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz")

Kind = Literal["parquet", "csv"]


def kind_of(path: Path, argument: str) -> Kind:
    """Find the format of a file by its ending."""
    name = path.name.lower()
    if name.endswith(PARQUET):
        return "parquet"
    if name.endswith(CSV):
        return "csv"
    raise ValueError(
        f"{argument} must end in one of {', '.join(PARQUET + CSV)}, which tells its "
        f"format; got {str(path)!r}."
    )


def find_files(source: str | Path) -> tuple[list[Path], Kind]:
    """List the files of a source, in the order of their names."""
    path = Path(source)
    if path.is_dir():
        files = [
            each
            for each in sorted(path.rglob("*"))
            if each.name.lower().endswith(PARQUET + CSV)
            and each.is_file()
            and not _hidden(each.relative_to(path))
        ]
        _refuse_values_in_names(path, files)
    elif path.exists():
        files = [path]
    else:
        files = sorted(map(Path, glob.glob(str(source), recursive=True)))
        files = [each for each in files if each.is_file()]
        plain = takewhile(lambda part: not glob.has_magic(part), path.parts)
        _refuse_values_in_names(Path(*plain), files)
    if not files:
        raise FileNotFoundError(
            f"source must name a file, a folder with Parquet or CSV files, or a "
            f"pattern that matches some; nothing found at {str(source)!r}."
        )
    kinds = {kind_of(each, "source") for each in files}
    if len(kinds) > 1:
        raise ValueError(
            f"source must hold files of one format; got both Parquet and CSV at "
            f"{str(source)!r}."
        )
    return files, kinds.pop()


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _refuse_values_in_names(folder: Path, files: list[Path]) -> None:
    for each in files:
        parts = [part for part in each.relative_to(folder).parts[:-1] if "=" in part]
        if parts:
            raise ValueError(
                f"source must have all columns inside its files; the folder name "
                f"{parts[0]!r} holds the value of one, which would be lost. Write the "
                "files without partitions by column first."
            )


def sizes_and_times(files: list[Path]) -> list[tuple[int, int]]:
    """Give the bytes of each file and its time of modification in nanoseconds."""
    return [(each.st_size, each.st_mtime_ns) for each in map(os.stat, files)]


def check_unmodified(files: list[Path], before: list[tuple[int, int]]) -> None:
    """Refuse files that were written to since."""
    for path, old, new in zip(files, before, sizes_and_times(files), strict=True):
        if old != new:
            raise ValueError(
                f"{path} changed while it was read ({old[0]} bytes before, "
                f"{new[0]} after). Run again when nothing writes to it."
            )
