r"""Smoothed bootstrap: copies of rows moved by noise as wide as their class asks for.

:math:`x^* = x_i + h \operatorname{diag}(s) \varepsilon` with
:math:`h = \lambda (4 / ((q + 2) n_c))^{1/(q+4)}`, *q* features, :math:`n_c` rows and
standard deviations *s* (ddof 1) of the class, and standard normal noise (Menardi and
Torelli, 2014). The variance of the copies is :math:`1 + h^2` times that of the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._labels import Labels

Array = NDArray[Any]
Indices = NDArray[np.intp]


def bandwidth(n_rows: int, n_features: int) -> float:
    """Give the normal-reference width of the noise, in standard deviations.

    Parameters
    ----------
    n_rows : int
        Rows of the class.
    n_features : int
        Features.

    Returns
    -------
    float
        ``(4 / ((n_features + 2) * n_rows)) ** (1 / (n_features + 4))``.
    """
    exponent = 1 / (n_features + 4)
    return float((4 / ((n_features + 2) * n_rows)) ** exponent)


def copies_to_move(indices: Indices, labels: Labels, shrinkage: Array) -> Indices:
    """Find the drawn rows that repeat the one before them, of the classes to smooth.

    Parameters
    ----------
    indices : ndarray of shape (n_drawn,)
        Rows drawn, ascending.
    labels : Labels
        Class codes of the original rows.
    shrinkage : ndarray of shape (n_classes,)
        Multiplier of each class's bandwidth; 0 leaves its copies where they are.

    Returns
    -------
    ndarray of shape (n_copies,)
        Positions in ``indices``.
    """
    copies = np.flatnonzero(np.diff(indices, prepend=-1) == 0)
    return copies[shrinkage[labels.codes[indices[copies]]] > 0]


def move_copies(
    X: Any, X_drawn: Any, indices: Indices, labels: Labels, shrinkage: Array, seed: int
) -> Any:
    """Add the noise to the copies and leave every original where it is.

    Parameters
    ----------
    X : ndarray or pandas DataFrame of shape (n_rows, n_features)
        Original rows, floats; missing values stay missing.
    X_drawn : same kind as X, of shape (n_drawn, n_features)
        Rows drawn; changed in place where it is an ndarray.
    indices : ndarray of shape (n_drawn,)
        Where each drawn row comes from.
    labels : Labels
        Class codes of the original rows.
    shrinkage : ndarray of shape (n_classes,)
        Multiplier of each class's bandwidth.
    seed : int
        Seed of the noise.

    Returns
    -------
    same kind as X
        The rows drawn, with the copies moved.

    Raises
    ------
    TypeError
        If X is not a table of floats.
    ValueError
        If a class to be copied has one row, which has no width.
    """
    values = _float_table(X)
    copies = copies_to_move(indices, labels, shrinkage)
    codes = labels.codes[indices[copies]]
    width = _widths(values, labels, np.unique(codes), shrinkage)
    noise = np.random.default_rng(seed).standard_normal((len(copies), values.shape[1]))
    noise *= width[codes]
    if isinstance(X_drawn, np.ndarray):
        X_drawn[copies] += noise.astype(X_drawn.dtype, copy=False)
        return X_drawn
    moved = X_drawn.copy()
    for column in range(values.shape[1]):
        drawn = moved.iloc[:, column].to_numpy(copy=True)
        drawn[copies] += noise[:, column].astype(drawn.dtype, copy=False)
        moved.isetitem(column, drawn)
    return moved


def _widths(values: Array, labels: Labels, copied: Array, shrinkage: Array) -> Array:
    width = np.zeros((len(labels.classes), values.shape[1]))
    for code in copied.tolist():
        members = values[labels.codes == code]
        if len(members) < 2:
            raise ValueError(
                "smoothing needs at least two rows of a class to know its width; got "
                f"one row of class {labels.classes.tolist()[code]!r}. Use "
                "smoothing=None, or collect more rows."
            )
        known = np.count_nonzero(~np.isnan(members), axis=0) > 1
        spread = np.nanstd(members[:, known], axis=0, ddof=1)
        width[code, known] = shrinkage[code] * bandwidth(*members.shape) * spread
    return width


def _float_table(X: Any) -> Array:
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f":
        return X
    dtypes = getattr(X, "dtypes", None)
    if hasattr(X, "iloc") and dtypes is not None:
        others = [
            name
            for name, dtype in dtypes.items()
            if not (isinstance(dtype, np.dtype) and dtype.kind == "f")
        ]
        if not others:
            return np.asarray(X)
        raise TypeError(
            "smoothing adds noise to X and needs floats in every column; these are "
            f"not: {others!r}. Convert them, or use smoothing=None."
        )
    kind = f"{type(X).__name__} of {getattr(X, 'dtype', 'unknown type')}"
    raise TypeError(
        "smoothing adds noise to X and needs a 2-D ndarray or pandas DataFrame of "
        f"floats; got {kind}. Convert it, or use smoothing=None."
    )
