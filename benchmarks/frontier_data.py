"""The data of bench_frontier.py: data sets of a folder, and generated tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_end_to_end import make_table
from data_sets import read_data_set
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import OneHotEncoder

# Intercepts of the truth that give these shares of positives, by integration.
INTERCEPTS = {0.005: -6.91, 0.01: -6.117, 0.05: -4.125}
MILLION = 1_000_000
FOLDS = 5
DRAWS = 3
# Forests take a minute for 100,000 rows of 20 normal columns, so they get fewer.
FOREST_ROWS = 100_000
FOREST_FOLDS = 2
FOREST_DRAWS = 1


@dataclass(frozen=True)
class Case:
    """A data set or a generated table, and how it is split.

    Attributes
    ----------
    name : str
        What it is called in the results.
    rows : int
        Rows in all; of a generated table, rows to train on.
    y : ndarray of shape (rows,) or None
        1 for the smallest class; None if the table is generated.
    linear, trees : ndarray of shape (rows, n_columns) or None
        Columns for linear models (text one-hot) and for trees (text as codes).
    share : float or None
        Share of positives of a generated table.
    """

    name: str
    rows: int
    y: Any = None
    linear: Any = None
    trees: Any = None
    share: float | None = None

    def splits(self, model: str) -> Iterator[tuple[Any, Any]]:
        """Give pairs of a training and a test part, each X and y."""
        if self.y is None:
            yield from self._draws(model)
            return
        X = self.linear if model == "logistic" else self.trees
        y, folds = self.y, FOLDS
        if model == "forest" and self.rows > FOREST_ROWS:
            kept = _sample(y, FOREST_ROWS)
            X, y, folds = X[kept], y[kept], FOREST_FOLDS
        splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
        for train, test in splitter.split(X, y):
            yield (X[train], y[train]), (X[test], y[test])

    def _draws(self, model: str) -> Iterator[tuple[Any, Any]]:
        intercept = INTERCEPTS[self.share]
        draws = 1 if self.rows >= MILLION else DRAWS
        if model == "forest":
            draws = FOREST_DRAWS
        n_fresh = max(self.rows // 4, min(100_000, 2 * self.rows))
        for draw in range(draws):
            # Other fresh rows each time, so that the spread tells of theirs, too.
            train = make_table(self.rows, draw, intercept)[:2]
            yield train, make_table(n_fresh, 1_000 + draw, intercept)[:2]

    def suits(self, model: str) -> bool:
        """Tell whether a model is trained here; see the top of bench_frontier.py."""
        if model != "forest" or self.y is not None:
            return True
        return self.rows <= FOREST_ROWS or (self.rows <= 200_000 and self.share < 0.05)


def _sample(y: Any, rows: int) -> Any:
    kept, _ = train_test_split(
        np.arange(len(y)), train_size=rows, stratify=y, random_state=0
    )
    return np.sort(kept)


def read_case(path: Path) -> Case:
    """Read a data set; the smallest class is told from all others."""
    columns, codes = read_data_set(path)
    y = (codes == np.bincount(codes).argmin()).astype(np.int64)
    numbers = columns.select_dtypes("floating").to_numpy()
    numbers = numbers[:, ~np.isnan(numbers).all(axis=0)]
    numbers = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
    case = Case(path.name.removesuffix(".csv.gz"), len(y), y, numbers, numbers)
    text = columns.select_dtypes("integer").to_numpy()
    if not text.shape[1]:
        return case
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(text)
    return replace(
        case,
        linear=np.hstack([numbers, one_hot]),
        trees=np.hstack([numbers, text]),
    )


def cases(folder: Path | None, sets: list[str], sizes: list[int]) -> Iterator[Case]:
    """Give the data sets of a folder, all if none is named, and generated tables."""
    if folder is not None:
        for path in sorted(folder.glob("*.csv.gz")):
            if not sets or path.name.removesuffix(".csv.gz") in sets:
                yield read_case(path)
    for rows in sizes:
        for share in [0.005] if rows >= MILLION else [0.01, 0.05]:
            name = f"generated {rows // 1000}k, {share:.1%}"
            yield Case(name, rows, share=share)
