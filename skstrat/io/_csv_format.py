"""The format of CSV files, given or detected."""

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
_OPENERS: Any = {".gz": partial(gzip.open, compresslevel=6), ".bz2": bz2.open}
_SEPARATORS = ",;\t|"
_CHARACTER = re.compile("[\x01-\x09\x0b\x0c\x0e-\x7f]")


@dataclass(frozen=True)
class CsvFormat:
    r"""The format of a CSV file.

    Parameters
    ----------
    separator : str, default=None
        Character between fields, one ASCII character. With None it is detected: the one
        of ``,``, ``;``, tab and ``|`` that divides most rows like the header. In
        ``.tsv`` files it is a tab.
    encoding : str, default=None
        Encoding, by its name in Python. With None it is detected from the
        beginning of the file: UTF-8, UTF-16 or UTF-32 with a byte order mark. Otherwise
        it is Windows-1252 (the printable characters of Latin-1 and some more), with a
        message.
    decimal : {".", ","}, default="."
        Decimal separator.
    quote : str or None, default='"'
        Character around fields that hold a separator, a quote or a new line, one ASCII
        character. A quote inside such a field is doubled. None if there is none.
    missing : tuple of str, default=("",)
        Fields that mean a missing value. They have no quotes, as a quoted field is
        text, no separator and no line end. The first is used for writing.

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
        self._check_marks()
        if not isinstance(self.missing, tuple) or not self.missing:
            raise ValueError(
                "missing must be a tuple of words, as ('', 'NA'); got "
                f"{self.missing!r}."
            )
        marks = [*filter(None, (self.separator, self.quote)), "\r", "\n"]
        if any(mark in word for mark in marks for word in self.missing):
            raise ValueError(
                f"missing must hold no separator, quote or line end, {marks!r}; got "
                f"{self.missing!r}."
            )
        if not _is_of_text(self.encoding or "utf-8"):
            raise ValueError(
                "encoding must be a name that Python knows, as 'latin-1'; got "
                f"{self.encoding!r}."
            )

    def _check_marks(self) -> None:
        for name, mark in (("separator", self.separator), ("quote", self.quote)):
            if mark is not None and not _CHARACTER.fullmatch(mark):
                raise ValueError(
                    f"{name} must be one ASCII character, no line end; got {mark!r}."
                )
        if self.decimal not in (".", ","):
            raise ValueError(f"decimal must be '.' or ','; got {self.decimal!r}.")
        if self.separator == self.decimal:
            raise ValueError(
                f"separator must differ from decimal; got {self.decimal!r} for both."
            )
        if self.quote and self.quote in self.decimal + (self.separator or _SEPARATORS):
            raise ValueError(
                "quote must differ from decimal and from separator, which must be "
                f"given where the quote may be one; got {self.quote!r}."
            )

    def detected(self, path: Path) -> CsvFormat:
        """Fill in what is None from the beginning of a file.

        Parameters
        ----------
        path : Path
            The file; its ending gives the compression.

        Returns
        -------
        CsvFormat
            The format with a separator and an encoding.

        Raises
        ------
        ValueError
            If the file is empty or unreadable, or its encoding must be given.
        """
        with readable(path), opened(path, "r", path) as stream:
            start = stream.read(_START)
            with decoding():
                encoding = self.encoding or _encoding_of(start)
                text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
                text = text.strip("\ufeff\r\n")
                if "\0" in re.split("[\r\n]", text, maxsplit=1)[0]:
                    raise UnicodeError(f"its header is no {encoding}")
        if not text:
            raise ValueError(f"{path} is empty: it has no header.")
        if self.quote is not None:
            text = re.sub("{0}[^{0}]*{0}".format(re.escape(self.quote)), "", text)
        header, *rows = re.split("[\r\n]+", text)

        def fitness(separator: str) -> tuple[int, int]:
            count = header.count(separator)
            alike = sum(row.count(separator) == count for row in rows)
            return alike if count else -1, count

        separator = max(self.separators(path), key=fitness)
        return replace(self, separator=separator, encoding=encoding)

    def separators(self, path: Path) -> list[str]:
        """Return the possible separators, the most likely first.

        Parameters
        ----------
        path : Path
            The file; for some endings only a tab is possible.

        Returns
        -------
        list of str
            The one that was given, or those that are possible.
        """
        usual = "\t" if ".tsv" in path.name.lower()[-8:] else _SEPARATORS
        return [each for each in self.separator or usual if each != self.decimal]


@contextmanager
def decoding() -> Iterator[None]:
    """Add a remedy to errors of text in another encoding."""
    try:
        yield
    except UnicodeError as error:
        raise UnicodeError(f"{error}; give its encoding") from error


def _is_of_text(encoding: str) -> bool:
    """Return whether a codec writes and reads any text, in pieces."""
    try:
        "".encode(encoding)
        encoder = codecs.getincrementalencoder(encoding)()
        data = encoder.encode("a\n") + encoder.encode("b\n")
        return codecs.getincrementaldecoder(encoding)("replace").decode(data) == (
            "a\nb\n"
        )
    except (LookupError, UnicodeError):
        return False


def _encoding_of(start: bytes) -> str:
    # This byte order mark begins like that of UTF-16.
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(start)
    wrong = len(re.findall("[\udc80-\udcff]", text))
    if not wrong:
        return "utf-8"
    # A damaged UTF-8 file has more correct characters than others.
    if 2 * wrong > len(re.findall("[^\0-\x7f]", text)) and "\0" not in text:
        return "cp1252"
    raise UnicodeError("it is neither utf-8 nor latin-1")


@contextmanager
def opened(path: Path, mode: Literal["r", "w"], named: Path) -> Iterator[Any]:
    """Open a file with the compression that the ending of its name gives."""
    ending = named.suffix.lower()
    if ending != ".zip":
        with _OPENERS.get(ending, open)(path, f"{mode}b") as file:
            yield file
        return
    with ZipFile(path, mode, ZIP_DEFLATED) as archive:
        names = archive.namelist() if mode == "r" else [named.stem]
        # The first bit is set if there is a password.
        if len(names) != 1 or any(each.flag_bits & 1 for each in archive.infolist()):
            raise ValueError(
                f"{path} must hold one file, without a password; got {names!r}."
            )
        with archive.open(names[0], mode, force_zip64=mode == "w") as file:
            yield file
