"""Which files a source names, and whether they stay as they are while they are read."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz")

Kind = Literal["parquet", "csv"]


def kind_of(path: Path, argument: str) -> Kind:
    """Tell the format of a file by its ending."""
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
        endings = PARQUET + CSV
        below = sorted(each for each in path.rglob("*") if each.is_file())
        visible = [each for each in below if not _hidden(each.relative_to(path))]
        files = [each for each in visible if each.name.lower().endswith(endings)]
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


@dataclass(frozen=True)
class Fingerprint:
    """What tells that a file was written to.

    Attributes
    ----------
    size : tuple of int
        Bytes of each file.
    modified : tuple of int
        Its time of modification in nanoseconds.
    """

    size: tuple[int, ...]
    modified: tuple[int, ...]

    @classmethod
    def take(cls, files: list[Path]) -> Fingerprint:
        """Look at files."""
        found = [os.stat(each) for each in files]
        return cls(
            tuple(each.st_size for each in found),
            tuple(each.st_mtime_ns for each in found),
        )

    def check(self, files: list[Path]) -> None:
        """Refuse files that were written to since."""
        now = Fingerprint.take(files)
        pairs = zip(self.size, self.modified, now.size, now.modified, strict=True)
        for path, (size, time, new_size, new_time) in zip(files, pairs, strict=True):
            if (size, time) != (new_size, new_time):
                raise ValueError(
                    f"{path} changed while it was read ({size} bytes before, "
                    f"{new_size} after). Run again when nothing writes to it."
                )
