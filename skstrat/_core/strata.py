"""Strata and groups of the rows, from the words a user has for them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skstrat._core.cells import Cells
from skstrat._core.containers import read_column
from skstrat._core.factorize import NotClassLabelsError, is_missing
from skstrat._core.groups import GroupCells
from skstrat._core.labels import (
    Labels,
    column_names,
    count_codes,
    factorize,
)
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.samples import CheckedSamples
from skstrat.exceptions import MissingLabelsError

# What parameters of that kind may be.
ROW_LABELS = [str, Integral, "array-like", callable, None]


def read_row_labels(
    named: Any, X: Any, y: Any, counted: NDArray[np.intp] | None, argument: str
) -> Labels:
    """Read one label per row: a column of X, an array, or what a callable gives."""
    if isinstance(named, (str, Integral)):
        values = _column(X, named, argument)
    else:
        values = named(X, y) if callable(named) else named
    _check_length(values, count_rows(X), argument)
    if counted is not None:
        values = take_rows(values, counted, argument)
    try:
        codes, classes = factorize(values)
    except MissingLabelsError as error:
        raise ValueError(
            f"{argument} must have a value in every row; {error.n_missing} of "
            f"{error.n_labels} are missing (NaN or None). Fill them with a value of "
            "their own, or remove those rows."
        ) from None
    except ValueError:
        raise ValueError(
            f"{argument} must hold one label per row: integers, strings, booleans or "
            f"categories of one type; got {_describe(values)}. Cut numbers into bins, "
            "for example with numpy.digitize."
        ) from None
    counts = count_codes(codes, len(classes))
    used = counts > 0
    if not used.all():
        # Categories that do not occur.
        codes = (np.cumsum(used) - 1)[codes]
    return Labels(codes, classes[used], counts[used])


def one_stratum(n_rows: int) -> Labels:
    """Give all rows the same stratum."""
    codes = np.zeros(n_rows, dtype=np.uint8)
    return Labels(codes, np.array([0]), np.array([n_rows]))


def find_cells(
    samples: CheckedSamples,
    strata: Labels | None,
    groups: Labels | None,
    *,
    y_numeric: bool,
) -> Cells | GroupCells:
    """Cross classes with strata; strata take the place of a y without classes."""
    labels = None
    try:
        labels = None if y_numeric else samples.labels
    except NotClassLabelsError:
        if strata is None:
            raise
    if labels is None:
        if strata is None:
            raise ValueError(
                "strata must be given with y_numeric=True, to take the place of the "
                "classes; got None. Give a column of X, one value per row, or a "
                "callable of X and y."
            )
        labels, strata = _strata_as_labels(samples.y, strata), None
    strata = strata or one_stratum(len(labels.codes))
    if groups is None:
        return Cells.of_strata(labels, strata)
    return GroupCells(labels, strata, groups)


def _strata_as_labels(y: Any, strata: Labels) -> Labels:
    if len(strata.classes) < 2:
        raise ValueError(
            "strata must be at least two where y holds no class labels; got one, "
            f"{strata.classes.tolist()[0]!r}, in all {len(strata.codes)} rows."
        )
    values = y.data if sparse.issparse(y) else np.asarray(read_column(y))
    missing = _count_missing(values)
    if missing:
        raise ValueError(
            f"y must have a value everywhere; {missing} are NaN. Remove those rows "
            "from X and y first."
        )
    return strata


def _count_missing(values: Any) -> int:
    if values.dtype.kind == "O":
        return sum(map(is_missing, values.ravel().tolist()))
    return int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0


def _check_length(values: Any, n_rows: int, argument: str) -> None:
    try:
        found = count_rows(values, argument)
    except TypeError:
        raise TypeError(
            f"{argument} must be a column of X, one value per row, or a callable of X "
            f"and y that gives them; got {_describe(values)}."
        ) from None
    if found != n_rows:
        raise ValueError(
            f"{argument} must have one value per row of X; got {found} for {n_rows} "
            "rows. In cross-validation, where rows are left out, give a column of X "
            "or a callable of X and y."
        )


def _describe(values: Any) -> str:
    shape, dtype = getattr(values, "shape", None), getattr(values, "dtype", None)
    kind = type(values).__name__
    kind = kind if shape is None else f"{kind} of shape {tuple(shape)}"
    return kind if dtype is None else f"{kind} and dtype {dtype}"


def _column(X: Any, name: str | Integral, argument: str) -> Any:
    """Take one column out of a table."""
    names = column_names(X)
    if isinstance(name, str):
        known = names is not None and name in names
    else:
        shape = tuple(getattr(X, "shape", ()))
        width = shape[-1] if len(shape) == 2 else 0
        known = not isinstance(name, bool) and -width <= int(name) < width
    if not known:
        raise ValueError(
            f"{argument} must name a column of X or give its position, hold one value "
            f"per row, or be a callable of X and y; got {name!r}, and X is "
            f"{_describe(X)}, "
            + ("without names." if names is None else f"with columns {names!r}.")
        )
    if isinstance(name, str):
        return X[name]
    position = int(name)
    if sparse.issparse(X):
        return X.tocsc()[:, [position]].toarray().ravel()
    if hasattr(X, "iloc"):
        return X.iloc[:, position]
    return X[:, position] if names is None else X[names[position]]
