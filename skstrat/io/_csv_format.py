"""How CSV files are written, told or found out."""

from __future__ import annotations

import bz2
import codecs
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_DEFLATED, ZipFile

from skstrat.io._source_files import readable

_START = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OPENERS: dict[str, Any] = {
    ".gz": partial(gzip.open, compresslevel=6),
    ".bz2": bz2.open,
}
_CHARACTER = re.compile("[\x01-\x09\x0b\x0c\x0e-\x7f]")
_CONTROL = re.compile("[\0-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class CsvFormat:
    r"""How a CSV file is written.

    Parameters
    ----------
    separator : str, default=None
        What stands between fields, one ASCII character. None for the one of ``,``,
        ``;``, tab and ``|`` that divides the first rows alike; tab in ``.tsv`` files.
    encoding : str, default=None
        How text is stored, by a name that Python knows. None for what the beginning
        of the file shows: UTF-8, UTF-16 with a byte order mark, or else Windows-1252
        (the printable characters of Latin-1 and some more), which is told.
    decimal : {".", ","}, default="."
        What stands before decimals.
    quote : str or None, default='"'
        What stands around fields that hold a separator, a quote or a new line; one
        ASCII character. A quote inside such a field is doubled. None if there is none.
    missing : tuple of str, default=("",)
        Fields that mean a missing value: without quotes, as a quoted field is text.
        The first is what is written.

    Raises
    ------
    ValueError
        If a value is impossible or two of the characters are equal.

    Examples
    --------
    >>> from skstrat.io import CsvFormat
    >>> CsvFormat(separator=";", decimal=",", missing=("", "NA"))
    CsvFormat(separator=';', encoding=None, decimal=',', quote='"', missing=('', 'NA'))
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] = "."
    quote: str | None = '"'
    missing: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        given = [self.separator, self.quote, self.decimal]
        marks = [mark for mark in given if mark is not None]
        single = all(map(_CHARACTER.fullmatch, marks)) and self.decimal in (".", ",")
        if not single or len(set(marks)) < len(marks):
            raise ValueError(
                f"separator, quote and decimal must be three ASCII characters that "
                f"differ, decimal '.' or ','; got {given!r}."
            )
        if not isinstance(self.missing, tuple) or not self.missing:
            raise ValueError(
                "missing must be a tuple of at least one word, such as ('', 'NA'); got "
                f"{self.missing!r}."
            )
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError as error:
            raise ValueError(
                "encoding must be a name that Python knows, such as 'utf-8', 'utf-16' "
                f"or 'latin-1'; got {self.encoding!r}."
            ) from error

    def detected(self, path: Path) -> CsvFormat:
        """Fill in what is None from the beginning of a file.

        Parameters
        ----------
        path : Path
            The file; its ending tells how it is compressed.

        Returns
        -------
        CsvFormat
            With a separator and an encoding.

        Raises
        ------
        ValueError
            If the file is empty, unreadable, or of an encoding that must be told.
        """
        with readable(path), opened(path, "r", path) as stream:
            start = stream.read(_START)
        encoding = self.encoding or _encoding_of(start, path)
        text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
        if not text.strip("\ufeff\r\n"):
            raise ValueError(f"{path} is empty: it has not even a header.")
        separator = self.separator or self._separator_of(text, path)
        return replace(self, separator=separator, encoding=encoding)

    def _separator_of(self, text: str, path: Path) -> str:
        if ".tsv" in path.name.lower()[-8:]:
            return "\t"
        if self.quote is not None:
            quote = re.escape(self.quote)
            text = re.sub(f"{quote}[^{quote}]*{quote}", "", text)
        lines = list(filter(None, re.split("[\r\n]+", text)))
        # The last line may be cut.
        lines = lines[:-1] or lines

        def fitness(separator: str) -> tuple[bool, int]:
            counts = [line.count(separator) for line in lines]
            return min(counts) == max(counts) > 0, counts[0]

        return max((each for each in _SEPARATORS if each != self.decimal), key=fitness)


def _encoding_of(start: bytes, path: Path) -> str:
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    decoder = codecs.getincrementaldecoder("utf-8")
    try:
        decoder().decode(start)
    except UnicodeDecodeError:
        text = decoder("replace").decode(start)
    else:
        return "utf-8"
    # A damaged UTF-8 file has more characters that are well than others.
    wrong = text.count("\ufffd")
    well = len(re.sub("[\0-\x7f\ufffd]", "", text))
    if wrong > well and not _CONTROL.search(text):
        return "cp1252"
    raise ValueError(
        f"{path} cannot be read: it is neither utf-8 nor latin-1; give its encoding."
    )


@contextmanager
def opened(path: Path, mode: Literal["r", "w"], named: Path) -> Iterator[Any]:
    """Open a file that is compressed as the ending of a name says."""
    ending = named.suffix.lower()
    if ending != ".zip":
        with _OPENERS.get(ending, open)(path, f"{mode}b") as file:
            yield file
        return
    with ZipFile(path, mode, ZIP_DEFLATED) as archive:
        members = archive.infolist()
        # The first bit tells of a password.
        if mode == "r" and (len(members) != 1 or members[0].flag_bits & 1):
            raise ValueError(
                f"{path} must hold one file, without a password; got "
                f"{archive.namelist()!r}."
            )
        name = named.stem if mode == "w" else members[0].filename
        with archive.open(name, mode, force_zip64=mode == "w") as file:
            yield file
