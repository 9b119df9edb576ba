"""Parquet files in batches, for ``partial_fit``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstrat.io._parquet import ParquetSource
from skstrat.io._scan import Roles, check_columns
from skstrat.io._source_files import find_files, folder_of


def read_batches(
    path: str | Path,
    *,
    target: str,
    sample_weight: str | None = "sample_weight",
    batch_size: int = 10_000,
    output: Literal["pandas", "polars", "numpy"] = "pandas",
) -> Iterator[tuple[Any, Any, NDArray[np.float64] | None]]:
    """Read Parquet files in batches, for ``partial_fit``.

    Parameters
    ----------
    path : str or Path
        A Parquet file, a folder of such files, or a glob pattern.
    target : str
        Name of the label column.
    sample_weight : str or None, default="sample_weight"
        Name of the column of weights; None if there is none.
    batch_size : int, default=10_000
        Rows at a time; the last batch of a file may be smaller.
    output : {"pandas", "polars", "numpy"}, default="pandas"
        Type of the features. An ndarray has the type that all columns fit in.

    Yields
    ------
    X : DataFrame or ndarray of shape (n_rows, n_features)
        All columns except the labels and the weights.
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
    source = ParquetSource(files, folder_of(path))
    roles = Roles(target, sample_weight, None)
    check_columns(source, roles.named.items())
    return _batches(source, roles, batch_size, output)


def _batches(
    source: ParquetSource, roles: Roles, batch_size: int, output: str
) -> Iterator[tuple[Any, Any, NDArray[np.float64] | None]]:
    for table in source.batches(n_rows=batch_size):
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
