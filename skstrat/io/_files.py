"""Big Parquet and CSV files turned into small ones with weights.

Needs the extra ``parquet`` (pyarrow and Polars).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstrat._core.plan import Plan
from skstrat.io._chosen_rows import Roles
from skstrat.io._csv import CsvSource
from skstrat.io._file_plans import Progress, Request
from skstrat.io._file_sinks import written_whole
from skstrat.io._parquet import ParquetSource
from skstrat.io._partitions import check_decides_by_labels
from skstrat.io._source_files import (
    check_unmodified,
    find_files,
    kind_of,
    sizes_and_times,
)
from skstrat.io._write_rows import OutputFormat, write_rows

__all__ = ["Summary", "read_batches", "resample_file"]

_WEIGHT = "sample_weight"


@dataclass(frozen=True)
class Summary:
    """Result of resampling a file.

    Parameters
    ----------
    source : list of str
        The files read.
    dest : str
        The file written.
    plan : Plan
        Which rows, and their class weights; for SQL and for colleagues.
    weight_after : tuple of float
        Total weight of each class in the file written.
    bytes_before : int
        Size of the files read.
    bytes_after : int
        Size of the file written.
    seconds : float
        Time it took.
    """

    source: list[str]
    dest: str
    plan: Plan
    weight_after: tuple[float, ...]
    bytes_before: int
    bytes_after: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Describe it in types that JSON knows.

        Returns
        -------
        dict
            Files, bytes, time, and rows and weight of each class before and after.
        """
        plan = self.plan
        columns = {
            "label": plan.classes,
            "rows_before": plan.rows_seen,
            "rows": plan.rows,
            "weight_before": plan.class_total,
            "weight": self.weight_after,
        }
        return {
            "source": self.source,
            "dest": self.dest,
            "bytes_before": self.bytes_before,
            "bytes": self.bytes_after,
            "seconds": self.seconds,
            "classes": [
                dict(zip(columns, values, strict=True))
                for values in zip(*columns.values(), strict=True)
            ],
            "plan": plan.to_dict(),
        }


def resample_file(
    source: str | Path,
    dest: str | Path,
    *,
    target: str,
    resampler: Any,
    key: str | None = None,
    sample_weight: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Summary:
    r"""Write the rows that a resampler picks of a file of any size, and their weights.

    The labels are read first, then the rows that were chosen; memory stays bounded
    by a row group. The rows are those that ``resampler.fit_resample`` keeps of the
    same data in memory, in the same order, whatever the number of files and the size
    of their row groups.

    Parameters
    ----------
    source : str or Path
        A Parquet or CSV file, a folder of such (in the order of their names), or a
        glob pattern. CSV may be compressed by gzip.
    dest : str or Path
        The Parquet or CSV file to write. It appears when it is whole.
    target : str
        Name of the label column.
    resampler : resampler
        One that picks rows by their labels: :class:`DownsampleUpweight`,
        :class:`RandomOversample`, :class:`CombinedResample` or :class:`ClassWeight`.
        It is not changed.
    key : str, default=None
        Name of a column of integers or strings without missing values that tells the
        rows apart, so that the same rows are kept when the file is sorted otherwise;
        None for the position of the row.
    sample_weight : str, default=None
        Name of a column of weights, which the new weights are multiplied into; a row
        of zero weight is not there. None for a new column ``sample_weight``.
    overwrite : bool, default=False
        Whether ``dest`` may exist.
    progress : callable, default=None
        Called with what is read (``"counts"``, ``"labels"`` or ``"rows"``), the rows
        done and the rows there are, None if that is not known yet.

    Returns
    -------
    Summary
        Rows, weights and bytes before and after, and the plan.

    Raises
    ------
    FileNotFoundError
        If there is no source, or no folder for the destination.
    FileExistsError
        If ``dest`` exists and may not be overwritten, or is among the sources.
    ValueError
        If a file is unreadable, columns are absent or differ between files, labels or
        keys are missing, weights are impossible, or data changes while it is read.
        Nothing is written then.

    See Also
    --------
    read_batches : Read the small file back in batches.
    skstrat.Plan.to_sql : The decision alone, for a database.

    Notes
    -----
    Columns keep their order, types, missing values and metadata; fields of CSV files
    keep their text. Of Parquet files, other columns than those of the label, the key
    and the weight are decoded only for the rows chosen. Weights are
    incoming weight times class total over the weight of the rows drawn (Hajek, 1971);
    with ``weighting="factor"`` they are incoming weight times rows over rows drawn of
    the class (Horvitz and Thompson, 1952).

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
    files, kind = find_files(source)
    dest = Path(dest)
    output = OutputFormat(
        kind_of(dest, "dest"),
        _WEIGHT if sample_weight is None else sample_weight,
        compressed=dest.name.lower().endswith(".gz"),
    )
    _check_dest(dest, files, overwrite=overwrite)
    seed = check_decides_by_labels(resampler)
    before = sizes_and_times(files)
    source_type = ParquetSource if kind == "parquet" else CsvSource
    data = source_type(files, Roles(target, key, sample_weight))
    if sample_weight is None and _WEIGHT in data.schema.names:
        raise ValueError(
            f"source has a column {_WEIGHT!r} already; give sample_weight="
            f"{_WEIGHT!r} to multiply the new weights into it, or rename it."
        )
    request = Request(data, resampler, seed, progress or (lambda *_: None))
    with written_whole(dest) as path:
        plan, as_read = request.plan()
        total = write_rows(request, as_read, output, path)
        check_unmodified(files, before)
        bytes_after = path.stat().st_size
    return Summary(
        source=[str(each) for each in files],
        dest=str(dest),
        plan=plan,
        weight_after=tuple(total.tolist()),
        bytes_before=sum(size for size, _ in before),
        bytes_after=bytes_after,
        seconds=time.perf_counter() - started,
    )


def _check_dest(dest: Path, files: list[Path], *, overwrite: bool) -> None:
    if not dest.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"dest must be in a folder that exists; there is no "
            f"{str(dest.absolute().parent)!r}."
        )
    if not dest.exists():
        return
    if any(dest.samefile(each) for each in files):
        raise FileExistsError(
            f"dest must be another file than the source; got {str(dest)!r} for both."
        )
    if dest.is_dir() or not overwrite:
        advice = "name a file" if dest.is_dir() else "give overwrite=True to replace it"
        raise FileExistsError(f"dest exists already: {str(dest)!r}; {advice}.")


def read_batches(
    path: str | Path,
    *,
    target: str,
    sample_weight: str | None = _WEIGHT,
    batch_size: int = 10_000,
    output: Literal["pandas", "polars", "numpy"] = "pandas",
) -> Iterator[tuple[Any, Any, NDArray[np.float64] | None]]:
    """Read Parquet files in batches, for ``partial_fit``.

    Parameters
    ----------
    path : str or Path
        A Parquet file, a folder of such, or a glob pattern.
    target : str
        Name of the label column.
    sample_weight : str or None, default="sample_weight"
        Name of the column of weights; None if there is none.
    batch_size : int, default=10_000
        Rows at a time; the last batch of a file may be smaller.
    output : {"pandas", "polars", "numpy"}, default="pandas"
        What the features come as. An ndarray has the type that all columns fit in.

    Yields
    ------
    X : DataFrame or ndarray of shape (n_rows, n_features)
        All columns but those two.
    y : ndarray of shape (n_rows,)
        Labels.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is unreadable or of another format, columns are absent or differ
        between files, or an argument is impossible.

    See Also
    --------
    skstrat.iter_batches : Balanced batches of data in memory.
    skstrat.PartialFitClassifier : Weights and prior correction over batches.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skstrat.io import read_batches
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"x": rng.normal(size=500)})
    >>> frame["y"] = (frame["x"] > 1).astype(int)
    >>> frame["sample_weight"] = 1.0
    >>> model = SGDClassifier(loss="log_loss", random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/small.parquet")
    ...     for X, y, w in read_batches(f"{folder}/small.parquet", target="y"):
    ...         _ = model.partial_fit(X, y, classes=[0, 1], sample_weight=w)
    >>> bool(model.score(frame[["x"]], frame["y"]) > 0.9)
    True
    """
    files, kind = find_files(path)
    if kind != "parquet":
        raise ValueError(f"path must name Parquet files; got {str(files[0])!r}.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}.")
    if output not in ("pandas", "polars", "numpy"):
        raise ValueError(
            f'output must be "pandas", "polars" or "numpy"; got {output!r}.'
        )
    data = ParquetSource(files, Roles(target, None, sample_weight))
    return _batches(data, batch_size, output)


def _batches(
    data: ParquetSource, batch_size: int, output: str
) -> Iterator[tuple[Any, Any, NDArray[np.float64] | None]]:
    roles = data.roles
    for table in data.batches(batch_size):
        y = table.column(roles.target).to_numpy()
        weights = None
        if roles.sample_weight is not None:
            weights = table.column(roles.sample_weight).to_numpy().astype(np.float64)
        yield _features(table.drop_columns(roles.names), output), y, weights


def _features(table: Any, output: str) -> Any:
    if output == "pandas":
        return table.to_pandas()
    if output == "polars":
        import polars

        return polars.from_arrow(table)
    return np.column_stack([column.to_numpy() for column in table.columns])
