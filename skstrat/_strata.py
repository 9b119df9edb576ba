"""Strata and groups of the rows, from the words a user has for them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skstrat._cells import cross
from skstrat._columns import factorize
from skstrat._errors import MissingLabelsError
from skstrat._factorize import NotClassLabelsError
from skstrat._labels import Labels, count_codes, encode_labels
from skstrat._rows import count_rows, take_rows

# What parameters of that kind may be.
ROW_LABELS = [str, Integral, "array-like", callable, None]


def read_row_labels(
    named: Any, X: Any, y: Any, counted: NDArray[np.intp] | None, argument: str
) -> Labels:
    """Read one label per row: a column of X, an array, or what a callable gives.

    Parameters
    ----------
    named : str, int, array-like of shape (n_rows,) or callable
        A column of X by name or by position, the labels themselves, or a function of
        ``X`` and ``y`` that gives them.
    X : array-like of shape (n_rows, n_features)
        Data. One column at most is read.
    y : array-like of shape (n_rows, ...)
        Target.
    counted : ndarray of shape (n_counted,) or None
        Positions of the rows that count; None for all.
    argument : str
        Name of the user's argument, for errors.

    Returns
    -------
    Labels
        Of the rows that count; one class is enough.

    Raises
    ------
    ValueError
        If there is no such column, the length is another, or labels are missing or
        no labels.
    """
    if isinstance(named, (str, Integral)):
        values = _column(X, named, argument)
    else:
        values = named(X, y) if callable(named) else named
    n_rows = count_rows(X)
    if count_rows(values) != n_rows:
        raise ValueError(
            f"{argument} must have one value per row of X; got {count_rows(values)} "
            f"for {n_rows} rows. In cross-validation, where rows are left out, give a "
            "column of X or a callable of X and y."
        )
    if counted is not None:
        values = take_rows(values, counted)
    try:
        codes, classes = factorize(values)
    except MissingLabelsError as error:
        raise ValueError(
            f"{argument} must have a value in every row; {error.n_missing} of "
            f"{error.n_labels} are missing (NaN or None). Fill them with a value of "
            "their own, or remove those rows."
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{argument} must hold one label per row: integers, strings, booleans or "
            f"categories. {error}"
        ) from None
    counts = count_codes(codes, len(classes))
    used = counts > 0
    if not used.all():
        # Categories that do not occur.
        codes = (np.cumsum(used) - 1)[codes]
    return Labels(codes, classes[used], counts[used])


def one_stratum(n_rows: int) -> Labels:
    """Give all rows the same stratum.

    Parameters
    ----------
    n_rows : int
        How many.

    Returns
    -------
    Labels
        One class.
    """
    codes = np.zeros(n_rows, dtype=np.uint8)
    return Labels(codes, np.array([0]), np.array([n_rows]))


def labels_or_strata(y: Any, strata: Labels | None) -> tuple[Labels, Labels]:
    """Say what takes the place of classes, and what of strata in them.

    Parameters
    ----------
    y : array-like of shape (n_rows, ...)
        Class labels, or any other target.
    strata : Labels or None
        Strata of the same rows, if there are.

    Returns
    -------
    labels : Labels
        Class labels. The strata if y holds none, or if its labels are finer: then no
        label lies in two strata.
    strata : Labels
        The strata; a single one if they are the labels, or not given.

    Raises
    ------
    ValueError
        If neither holds two classes, or labels are missing.
    """
    single = one_stratum(count_rows(y))
    try:
        labels = encode_labels(y)
    except NotClassLabelsError:
        if strata is None:
            raise
        return _strata_as_labels(y, strata), single
    if strata is None:
        return labels, single
    finer = len(cross(labels, strata).labels.classes) == len(labels.classes)
    if finer and 1 < len(strata.classes) < len(labels.classes):
        return strata, single
    return labels, strata


def _strata_as_labels(y: Any, strata: Labels) -> Labels:
    if len(strata.classes) < 2:
        raise ValueError(
            "strata must be at least two where y holds no class labels; got one, "
            f"{strata.classes.tolist()[0]!r}, in all {len(strata.codes)} rows."
        )
    values = y.data if sparse.issparse(y) else np.asarray(y)
    missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    if missing:
        raise ValueError(
            f"y must have a value everywhere; {missing} are NaN. Remove those rows "
            "from X and y first."
        )
    return strata


def _column(X: Any, name: Any, argument: str) -> Any:
    """Take one column out of a table."""
    if sparse.issparse(X) and isinstance(name, Integral):
        return X[:, [int(name)]].toarray().ravel()
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if isinstance(name, Integral):
        if hasattr(X, "iloc"):
            return X.iloc[:, int(name)]
        if names is not None:
            return X[list(names)[int(name)]]
        if getattr(X, "ndim", 0) == 2:
            return X[:, int(name)]
    dtype_names = getattr(getattr(X, "dtype", None), "names", None)
    names = dtype_names if names is None else names
    if names is None or name not in list(names):
        known = "no named columns" if names is None else f"columns {list(names)!r}"
        raise ValueError(
            f"{argument} must name a column of X, hold one value per row, or be a "
            f"callable of X and y; got {name!r}, and X is a {type(X).__name__} with "
            f"{known}."
        )
    return X[name]
