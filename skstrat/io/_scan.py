"""Read labels, weights and keys of files into memory; rows stay in the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat._core.factorize import NotClassLabelsError
from skstrat._core.hashing import HashedKeys, hash_keys, mix_seed
from skstrat.exceptions import MissingLabelsError
from skstrat.io._categories import as_categories, joined, united_labels
from skstrat.io._csv import CsvSource
from skstrat.io._csv_format import CsvFormat
from skstrat.io._lazy_rows import LazyRows
from skstrat.io._parquet import ParquetSource
from skstrat.io._source_files import find_files, folder_of, states_of

Source = ParquetSource | CsvSource
# Phase, rows done, and number of all rows (None while it is not known).
Progress = Callable[[str, int, int | None], object]
_NOT_SHARED = ("target", "sample_weight", "strata", "groups")
# Returns whether a column holds the labels of the rows given.
Match = Callable[[Any, NDArray[np.intp]], bool]


class Roles(NamedTuple):
    """Columns that a decision needs."""

    target: str  # The labels.
    sample_weight: str | None  # Incoming weights.
    key: str | None  # Keys of the rows; None for their positions.

    @property
    def named(self) -> dict[str, str]:
        """Return the columns that are named, by argument."""
        named = self._asdict().items()
        return {role: name for role, name in named if name is not None}

    @property
    def names(self) -> list[str]:
        """Return each column once."""
        return list(dict.fromkeys(self.named.values()))


@dataclass(frozen=True)
class Scanned:
    """The data of files: lazy features, labels and weights in memory."""

    X: LazyRows  # All columns but the target and the weights.
    y: Any  # Labels as categories; numbers if they are no class labels.
    sample_weight: NDArray[np.float64] | None
    match: Match


def open_source(source: str | Path, csv: CsvFormat | None) -> Source:
    """Open files for reading."""
    files, kind = find_files(source)
    if kind == "parquet":
        return ParquetSource(files, folder_of(source))
    return CsvSource(files, csv or CsvFormat())


def scan(
    source: Source,
    roles: Roles,
    seed: int,
    progress: Progress,
    *,
    y_numeric: bool,
    kept: Iterable[str] = (),
) -> Scanned:
    """Read each column that a decision needs once; all others are features."""
    states = states_of(source.files)
    check_columns(source, roles.named.items())
    with explained(source, roles):
        keys = weights = None
        if roles.key is not None:
            keys = _hash_keys(source, roles.key, seed)
        if roles.sample_weight is not None:
            weights = _read_numbers(source, roles.sample_weight)
        y, match = _read_target(source, roles.target, progress, y_numeric=y_numeric)
    metadata = source.schema.pandas_metadata or {}
    index = [each for each in metadata.get("index_columns", []) if str(each) == each]
    # An index that pandas wrote is no feature, unless it is kept.
    others = {*index, *roles[:2]}.difference(kept)
    features = [name for name in source.schema.names if name not in others]
    X = LazyRows(source, states, features, len(y), keys)
    return Scanned(X, y, weights, match)


def _hash_keys(source: Source, name: str, seed: int) -> HashedKeys:
    hash_seed = mix_seed(seed)
    hashes = [hash_keys(keys, hash_seed) for keys in source.identities(name)]
    return HashedKeys(joined(hashes, np.uint64), hash_seed)


def _read_numbers(source: Source, name: str) -> NDArray[np.float64]:
    tables = source.batches([name])
    parts = [source.numbers(table.column(name)) for table in tables]
    return joined(parts, np.float64)


def _read_target(
    source: Source, name: str, progress: Progress, *, y_numeric: bool
) -> tuple[Any, Match]:
    """Read labels as categories, or as numbers."""
    try:
        if y_numeric:
            raise NotClassLabelsError
        y, as_read = united_labels(
            _categories_of(source, name, progress), source.typed_labels
        )
    except NotClassLabelsError:
        numbers = _read_numbers(source, name)
        return numbers, lambda column, rows: np.array_equal(
            source.numbers(column), numbers[rows], equal_nan=True
        )

    def match(column: Any, rows: NDArray[np.intp]) -> bool:
        found = as_categories(column).set_categories(as_read)
        return np.array_equal(found.codes, y.array.codes[rows])

    return y, match


def _categories_of(source: Source, name: str, progress: Progress) -> list[Any]:
    parts: list[Any] = []
    n_missing = done = 0
    for table in source.batches([name]):
        try:
            parts.append(as_categories(table.column(name)))
        except MissingLabelsError as error:
            n_missing += error.n_missing
        done += len(table)
        progress("labels", done, source.n_rows)
    if n_missing:
        raise MissingLabelsError(n_missing, done)
    return parts


def check_columns(source: Source, wanted: Iterable[tuple[str, str]]) -> None:
    """Refuse a source that lacks a column which an argument names."""
    names, wanted = source.schema.names, list(wanted)
    for argument, name in wanted:
        if name not in names or name in source.lacking:
            path = source.lacking.get(name, source.files[0])
            others = [each for each in names if each != name]
            raise ValueError(
                f"{argument} must name a column of every file; {path} has no {name!r}, "
                f"only {others!r}."
            )
    for (argument, name), (other, same) in product(wanted, wanted):
        alone = argument in _NOT_SHARED and other in _NOT_SHARED[:2]
        if alone and argument != other and name == same:
            raise ValueError(
                f"{argument} must name another column than {other}; got {name!r} for "
                "both."
            )


@contextmanager
def explained(source: Source, roles: Roles) -> Iterator[None]:
    """Add files and columns to an error of labels, keys or weights."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError) as error:
        if str(error).startswith(tuple(map(str, source.files))):
            raise
        more = len(source.files) - 1
        columns = ", ".join(
            f"{'target (y)' if argument == 'target' else argument} is {name!r}"
            for argument, name in roles.named.items()
        )
        raise ValueError(
            f"{source.files[0]}{f' and {more} more' if more else ''} ({columns}): "
            f"{error}"
        ) from error


def scan_file(
    source: str | Path,
    *,
    target: str,
    sample_weight: str | None = None,
    csv: CsvFormat | None = None,
) -> tuple[LazyRows, Any, NDArray[np.float64] | None]:
    r"""Read the labels of files of any size; rows stay in the files.

    Rows are read from the files when they are needed. A resampler draws rows by the
    labels and reads these rows. A :class:`~skstrat.ResampledClassifier` trains on them.

    Parameters
    ----------
    source : str or Path
        A Parquet or CSV file, a folder of such files (in the order of their names), or
        a glob pattern.
    target : str
        Name of the label column.
    sample_weight : str, default=None
        Name of a column of weights.
    csv : CsvFormat, default=None
        Format of CSV files; None to detect it.

    Returns
    -------
    X : LazyRows of shape (n_rows, n_features)
        All other columns except an index that pandas wrote. Rows are taken as a
        DataFrame, whose index is their positions.
    y : Series of shape (n_rows,)
        Labels as categories, a byte a row for up to 126 classes. Labels that are no
        classes are numbers.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.

    Raises
    ------
    FileNotFoundError
        If there is no source.
    ValueError
        If a file is unreadable, columns are absent, labels are missing or weights are
        no numbers.

    See Also
    --------
    resample_file : Write the rows drawn to a file.

    Notes
    -----
    With ``full_fit=True`` a logistic regression is continued to the fit on all rows, by
    passes over the files in batches.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skstrat import DownsampleUpweight
    >>> from skstrat.io import scan_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = pd.DataFrame({"x": np.arange(1010), "y": [0] * 1000 + [1] * 10})
    ...     frame.to_parquet(f"{folder}/big.parquet")
    ...     X, y, _ = scan_file(f"{folder}/big.parquet", target="y")
    ...     down = DownsampleUpweight(factor=20, random_state=0)
    ...     X_small, y_small, weights = down.fit_resample(X, y)
    >>> X.shape, X_small.shape, weights.sum().round(6)
    ((1010, 1), (60, 1), np.float64(1010.0))
    """
    roles = Roles(target, sample_weight, None)
    opened = open_source(source, csv)
    found = scan(opened, roles, 0, lambda *_: None, y_numeric=False)
    return found.X, found.y, found.sample_weight
