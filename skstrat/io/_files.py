"""Resample big Parquet and CSV files to small ones with weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skstrat._core.targets import seed_of
from skstrat.io._csv import CsvSource
from skstrat.io._csv_format import CsvFormat
from skstrat.io._csv_sink import csv_sink
from skstrat.io._csv_types import KEYS, LABELS, ColumnTypes, typed_sink
from skstrat.io._parquet import ParquetSource
from skstrat.io._scan import (
    Progress,
    Roles,
    Scanned,
    Source,
    check_columns,
    explained,
    open_source,
    scan,
)
from skstrat.io._sinks import (
    Write,
    in_blocks,
    parquet_sink,
    with_index_of_rows,
    writable,
    written_whole,
)
from skstrat.io._source_files import check_unmodified, kind_of, states_of
from skstrat.io._summary import Summary, class_entries
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._resampled import Resampled
from skstrat.resamplers._weighted import Weighted

_WEIGHT = "sample_weight"


def resample_file(
    source: str | Path,
    dest: str | Path,
    *,
    target: str,
    resampler: Any,
    key: str | None = None,
    sample_weight: str | None = None,
    csv: CsvFormat | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Write the rows that a resampler draws from files of any size, with weights.

    The labels are read first, and the resampler draws rows by them. Then all rows are
    read once, and the rows drawn are written. They are those that
    ``resampler.fit_resample`` keeps of the same data in memory, in the same order. The
    number of files and the size of their row groups do not matter.

    Parameters
    ----------
    source : str or Path
        A Parquet or CSV file, a folder of such files (in the order of their names), or
        a glob pattern. CSV may be compressed (``.gz``, ``.bz2``, ``.zip``). Folders of
        Parquet files named ``column=value`` are read as columns.
    dest : str or Path
        The Parquet or CSV file to write. It appears only when it is complete; a
        symbolic link is followed.
    target : str
        Name of the label column.
    resampler : resampler
        One that picks rows: :class:`~skstrat.DownsampleUpweight`,
        :class:`~skstrat.GuidedDownsample`, :class:`~skstrat.RandomOversample`,
        :class:`~skstrat.CombinedResample` or :class:`~skstrat.ClassWeight`. Columns
        that it names are those of the files. ``factor="auto"`` and
        :class:`~skstrat.GuidedDownsample` read a part of the rows more than once. It is
        not changed.
    key : str, default=None
        Name of a column of integers or strings without missing values that is different
        in every row. The same rows are then kept when the file is sorted in another
        way. None for the position of the row.
    sample_weight : str, default=None
        Name of a column of weights, which are multiplied by the new weights. Rows of
        zero weight are left out. None for a new column ``sample_weight``.
    csv : CsvFormat, default=None
        Format of CSV files; None to detect it.
    overwrite : bool, default=False
        Whether ``dest`` may exist.
    progress : callable, default=None
        Called with the phase (``"labels"`` or ``"rows"``), the rows done and all rows,
        None if their number is not known yet.

    Returns
    -------
    Summary
        Rows, weights and bytes before and after, and the plan.

    Raises
    ------
    FileNotFoundError
        If there is no source, or no folder for the destination.
    FileExistsError
        If ``dest`` exists and must not be overwritten, is no regular file or is one of
        the sources.
    ValueError
        If a file is unreadable, columns are absent or differ between files, or labels
        or keys are missing. If weights are impossible, or data change while they are
        read. Nothing is written then.

    See Also
    --------
    read_batches : Read the small file back in batches.
    skstrat.Plan.to_sql : The same draw in a database.

    Notes
    -----
    Columns keep their order, types, missing values and metadata. Fields of CSV files
    keep their text in a CSV file. In a Parquet file they get the types that all rows
    have, and text stays where digits would be lost. Labels, keys, strata and groups
    become integers there if all are plain ones. Otherwise they stay text (``1.0``,
    ``007``, ``True``), but a target of numbers that are not all whole becomes floats.
    Columns of several Parquet files may differ in width, be null or be absent: they get
    one type, listed in ``notes`` of the result.

    Memory: some megabytes for rows being read, and a byte a row for the label (two from
    127 classes on). So a billion rows need a gigabyte. Weights and keys need some 10
    bytes a row, and rows drawn 16 bytes each. During the draw, strata need up to 20
    bytes a row (dates 30, each further column 20). Groups need up to 55 (several
    columns 80).

    Weights are incoming weight times class total over the weight of the rows drawn
    (Hajek, 1971). With ``weighting="factor"`` they are incoming weight times rows over
    rows drawn of the class (Horvitz and Thompson, 1952).

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skstrat import DownsampleUpweight
    >>> from skstrat.io import resample_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = pd.DataFrame({"x": np.arange(1010), "y": [0] * 1000 + [1] * 10})
    ...     frame.to_parquet(f"{folder}/big.parquet")
    ...     summary = resample_file(
    ...         f"{folder}/big.parquet",
    ...         f"{folder}/small.parquet",
    ...         target="y",
    ...         resampler=DownsampleUpweight(factor=20, random_state=0),
    ...     )
    ...     small = pd.read_parquet(f"{folder}/small.parquet")
    >>> summary.plan.rows, small.groupby("y")["sample_weight"].sum().tolist()
    ((50, 10), [1000.0, 10.0])
    """
    started = time.perf_counter()
    _check_picks_rows(resampler, key)
    if not str(dest):
        raise ValueError("dest must name a file; got an empty text.")
    dest = Path(dest)
    kind_of(dest, "dest")
    opened = open_source(source, csv)
    before = states_of(opened.files)
    with writable(dest):
        _check_dest(dest, opened.files, overwrite=overwrite)
    roles = Roles(target, sample_weight, key)
    _refuse_second_weight(sample_weight, opened.schema.names)
    named = _columns_of(resampler, opened.schema.names)
    check_columns(opened, [*roles.named.items(), *named])
    kept = {name for _, name in named}
    resampler, seed = _seeded(resampler)
    told = progress or (lambda *_: None)
    with written_whole(dest) as path:
        numeric = getattr(resampler, "y_numeric", False)
        scanned = scan(opened, roles, seed, told, y_numeric=numeric, kept=kept)
        with explained(opened, roles):
            resampled = resampler._learn(scanned.X, scanned.y, scanned.sample_weight)
        weight = _WEIGHT if sample_weight is None else sample_weight
        schema = _schema_written(opened.schema, weight, len(resampled.rows))
        kinds: dict[Any, Any] = dict.fromkeys([*kept, key], KEYS)
        kinds |= {} if numeric else {target: LABELS}
        sink = _sink(opened, path, dest, schema, csv or CsvFormat(), weight, kinds)
        with sink as write:
            for table in _drawn_tables(scanned, resampled, target, weight, told):
                write(table)
        check_unmodified(opened.files, before)
        if hasattr(resampler, "recommendation_"):
            opened.notes.append(str(resampler.recommendation_))
        bytes_after = path.stat().st_size
    return Summary(
        source=[str(each) for each in opened.files],
        dest=str(dest),
        classes=tuple(class_entries(resampled)),
        by_strata=resampled.strata is not None,
        plan=resampled.plan,
        notes=tuple(opened.notes),
        bytes_before=sum(state[0] for state in before),
        bytes_after=bytes_after,
        seconds=time.perf_counter() - started,
    )


def _seeded(resampler: Any) -> tuple[Any, int]:
    """Copy a resampler, and return the seed of its draw."""
    seed = seed_of(getattr(resampler, "random_state", None))
    resampler = clone(resampler)
    if "random_state" in resampler.get_params():
        resampler.set_params(random_state=seed)
    return resampler, seed


def _refuse_second_weight(sample_weight: str | None, names: list[str]) -> None:
    if sample_weight is None and _WEIGHT in names:
        raise ValueError(
            f"source has a column {_WEIGHT!r} already; name it as sample_weight to "
            "multiply the new weights into it, or rename it."
        )


def _check_picks_rows(resampler: Any, key: str | None) -> None:
    if not isinstance(resampler, BaseResampler) or isinstance(resampler, Weighted):
        raise TypeError(
            "resampler must be one of skstrat's that picks rows: DownsampleUpweight, "
            "GuidedDownsample, RandomOversample, CombinedResample or ClassWeight; got "
            f"{resampler!r}. Others need all of X in memory."
        )
    resampler._validate_params()
    guided = isinstance(resampler, GuidedDownsample)
    if key is not None and (guided or getattr(resampler, "groups", None) is not None):
        raise ValueError(
            f"key must be None where {'hardness' if guided else 'groups'} and not the "
            f"keys of single rows decide; got {key!r}. Leave key out."
        )


def _columns_of(resampler: Any, columns: list[str]) -> list[tuple[str, str]]:
    """Return the arguments of a resampler that name columns, with each column."""
    named = []
    for argument in ("strata", "groups"):
        value = getattr(resampler, argument, None)
        if isinstance(value, str):
            named.append((argument, value))
        elif isinstance(value, (list, tuple)) and len(value) <= len(columns):
            # Whether a list names columns is known after the rows were counted.
            named += [(argument, each) for each in value if each in columns]
    return named


def _check_dest(dest: Path, files: list[Path], *, overwrite: bool) -> None:
    # For a link, the folder of its target.
    folder = dest.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"dest must be in a folder that exists; there is no {str(folder)!r}."
        )
    if not dest.exists():
        return
    if any(dest.samefile(each) for each in files):
        raise FileExistsError(
            f"dest must be another file than the source; got {str(dest)!r} for both."
        )
    if not (overwrite and dest.is_file()):
        advice = "give overwrite to replace it"
        if not dest.is_file():
            advice = "name a file, as it is no regular one"
        raise FileExistsError(f"dest exists already: {str(dest)!r}; {advice}.")


def _schema_written(schema: Any, weight: str, n_rows: int) -> Any:
    schema = with_index_of_rows(schema, n_rows)
    return _with_weights(schema.empty_table(), weight, np.empty(0)).schema


def _sink(
    source: Source,
    path: Path,
    dest: Path,
    schema: Any,
    csv: CsvFormat,
    weight: str,
    kinds: dict[Any, Any],
) -> AbstractContextManager[Write]:
    """Open the file to write, in the format given by the ending of its name."""
    if isinstance(source, CsvSource):
        separator, possible = source.csv.separator, csv.separators(dest)
        if separator not in possible:
            separator = possible[0]
        csv = replace(source.csv, separator=separator)
    if kind_of(dest, "dest") == "csv":
        return csv_sink(path, schema.names, csv, dest)
    if isinstance(source, ParquetSource):
        return parquet_sink(path, schema, source.like)
    types = ColumnTypes(csv.decimal, kinds)
    return typed_sink(path, schema.names, weight, types, source.notes)


def _drawn_tables(
    scanned: Scanned, resampled: Resampled, target: str, weight: str, told: Progress
) -> Iterator[Any]:
    """Yield the rows drawn and their weights, in blocks; check their labels."""
    start = 0
    for table in in_blocks(_taken(scanned, resampled.rows, told)):
        stop = start + len(table)
        rows = resampled.rows[start:stop]
        if not scanned.match(table.column(target), rows):
            raise _changed(len(scanned.X), rows[0])
        yield _with_weights(table, weight, resampled.weights[start:stop])
        start = stop


def _taken(scanned: Scanned, rows: NDArray[np.intp], told: Progress) -> Iterator[Any]:
    """Take the rows drawn while all rows are read."""
    start = done = 0
    n_rows = len(scanned.X)
    for table in _read_ahead(scanned.X.source.batches()):
        first, done = done, done + len(table)
        stop = int(np.searchsorted(rows, done))
        if stop > start:
            yield table.take(rows[start:stop] - first)
        start = stop
        told("rows", done, n_rows)
    if done != n_rows:
        raise _changed(n_rows, done)


def _read_ahead(tables: Iterator[Any]) -> Iterator[Any]:
    """Read a table while rows of the one before are taken and written."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = reader.submit(next, tables, None)
            yield table


def _changed(n_rows: int, n_before: int) -> ValueError:
    return ValueError(
        f"The data changed while it was read: of {n_rows} rows whose labels were "
        f"read, at most the first {n_before} are as before. Run again when nothing "
        "writes to it."
    )


def _with_weights(table: Any, name: str, weights: NDArray[np.float64]) -> Any:
    import pyarrow

    column = pyarrow.array(weights)
    place = table.schema.get_field_index(name)
    if place < 0:
        return table.append_column(name, column)
    return table.set_column(place, name, column)
