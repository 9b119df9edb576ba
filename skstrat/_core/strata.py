"""Read strata and groups of the rows from the user's arguments."""

from __future__ import annotations

import inspect
import reprlib
from numbers import Integral
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skstrat._core.cells import Cells, cross_columns
from skstrat._core.containers import is_lazy, read_column
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

# Allowed values of strata and groups.
ROW_LABELS = [str, Integral, "array-like", callable, None]

# Names and values.
Columns = list[tuple[Any, Any]]


def read_row_labels(
    named: Any, X: Any, y: Any, counted: NDArray[np.intp] | None, argument: str
) -> Labels:
    """Read one label per row: from columns of X, an array, or a callable."""
    columns = _named_columns(X, named, argument)
    if columns is None:
        if callable(named):
            _check_takes_both(named, argument)
        values = named(X, y) if callable(named) else named
        columns = _columns_of(values, argument)
    n_rows, read = count_rows(X), []
    for name, values in columns:
        _check_length(values, n_rows, argument)
        if counted is not None:
            values = take_rows(values, counted, argument)
        where = f" of column {name!r}" if len(columns) > 1 else ""
        read.append(_read_column(values, argument, where))
    return cross_columns(read)


def _check_takes_both(function: Any, argument: str) -> None:
    """Refuse a callable of other arguments."""
    try:
        parameters = inspect.signature(function)
    except ValueError:  # some functions written in C have no signature
        return
    try:
        parameters.bind(None, None)
    except TypeError as error:
        raise TypeError(
            f"{argument} must be a callable of two arguments, X and y, for example "
            f"lambda X, y: X[:, 0]; got one of {parameters} ({error})."
        ) from None


def _read_column(values: Any, argument: str, where: str) -> Labels:
    try:
        codes, classes = factorize(values, times=True)
    except MissingLabelsError as error:
        raise ValueError(
            f"{argument} must have a value in every row{where}; {error.n_missing} of "
            f"{error.n_labels} are missing (NaN or None). Fill them with a value of "
            "their own, or remove those rows."
        ) from None
    except ValueError:
        raise ValueError(
            f"{argument} must hold one label per row{where}: integers, strings, "
            "booleans, dates, intervals or categories of one type; got "
            f"{_describe(values)}. Cut numbers into bins, for example with "
            "numpy.digitize."
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
            f"{argument} must be columns of X, one value per row, or a callable of X "
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


def _named_columns(X: Any, named: Any, argument: str) -> Columns | None:
    """Take the named columns out of a table; None if values are given."""
    # A list of as many labels as X has rows holds values; a shorter one names columns.
    names, shape = column_names(X), tuple(getattr(X, "shape", ()))
    width = shape[-1] if len(shape) == 2 else len(names or ())
    if isinstance(named, (str, Integral)):
        wanted, as_values = [named], False
    elif isinstance(named, (list, tuple)) and _are_labels(named, width, count_rows(X)):
        wanted, as_values = list(named), len(named) == count_rows(X)
    else:
        return None
    places = [_place_of(each, names, width) for each in wanted]
    if None in places:
        if as_values:
            return None
        raise ValueError(
            f"{argument} must name a column of X or give its position, hold a value "
            "per row, or be a callable; got "
            f"{wanted[places.index(None)]!r}. X is {_describe(X)}, "
            + ("without names." if names is None else f"with columns {names!r}.")
        )
    if as_values or len(set(places)) < len(places):
        raise ValueError(
            f"{argument} must name different columns, in a list of another length than "
            f"X, which would be values as well; got {reprlib.repr(wanted)} for "
            f"{count_rows(X)} rows. Give numpy.array({argument}) for values, and a "
            "callable of X and y that gives a table for columns."
        )
    return list(zip(wanted, _taken(X, names, places), strict=True))


def _are_labels(named: Any, width: int, n_rows: int) -> bool:
    """Return whether all values can be labels of columns; those of rows may repeat."""
    kinds = set(map(type, named))
    plain = all(issubclass(kind, (str, Integral)) for kind in kinds)
    if not plain or bool in kinds or not 0 < len(set(named)) <= width:
        return False
    return len(named) != n_rows or len(set(named)) == n_rows


def _place_of(name: Any, names: list[Any] | None, width: int) -> int | None:
    """Find a column by its label, or else by its position."""
    if isinstance(name, bool):
        return None
    if names is not None and name in names:
        return names.index(name) if names.count(name) == 1 else None
    known = not isinstance(name, str) and -width <= int(name) < width
    return int(name) % width if known else None


def _columns_of(values: Any, argument: str) -> Columns:
    """Split a table or tuples into columns; all else is one column."""
    shape = tuple(getattr(values, "shape", ()))
    if len(shape) == 2 and shape[1] > 1:
        names = column_names(values)
        taken = _taken(values, names, range(shape[1]))
        return list(zip(names or range(shape[1]), taken, strict=True))
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if isinstance(values, (list, tuple)) or (len(shape) == 1 and kind in ("O", "V")):
        first = values[:1]
        first = first.tolist() if hasattr(first, "tolist") else first
        if first and isinstance(first[0], (list, tuple)):
            return _columns_of_tuples(values, argument)
    return [(None, values)]


def _columns_of_tuples(values: Any, argument: str) -> Columns:
    rows = values.tolist() if hasattr(values, "tolist") else values
    kinds = set(map(type, rows))
    tuples = all(issubclass(kind, (list, tuple)) for kind in kinds)
    widths = sorted(set(map(len, rows))) if tuples else []
    if len(widths) != 1 or widths == [0]:
        found: list[Any] = widths or sorted(kind.__name__ for kind in kinds)
        raise ValueError(
            f"{argument} must hold tuples of one length in all rows if in one; got "
            f"{'lengths' if widths else 'types'} {found}."
        )
    return [(at, list(map(itemgetter(at), rows))) for at in range(widths[0])]


def _taken(X: Any, names: list[Any] | None, places: Any) -> list[Any]:
    """Take columns of a table by position, all at once if not in memory."""
    if is_lazy(X):
        X = X[:, list(places)] if names is None else X[[names[at] for at in places]]
        places = range(X.shape[1])
    if sparse.issparse(X):
        X = X.tocsc()
        return [X[:, [at]].toarray().ravel() for at in places]
    if hasattr(X, "iloc"):
        return [X.iloc[:, at] for at in places]
    return [X[:, at] if names is None else X[names[at]] for at in places]
