"""From labels in any container to class codes and counts, in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._columns import factorize
from skstrat._errors import AbsentClassWarning

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """Class codes of every row, with the classes and how often each occurs.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        Position of each row's label in ``classes``; an integer type wide enough.
    classes : ndarray of shape (n_classes,)
        The labels that occur, sorted as ``numpy.unique`` sorts them.
    counts : ndarray of shape (n_classes,)
        Rows per class, int64.
    """

    codes: Array
    classes: Array
    counts: NDArray[np.int64]

    def by_class(self, named: Mapping[Any, Any], argument: str) -> dict[int, Any]:
        """Translate a mapping keyed by label into one keyed by class code."""
        code_of = {label: code for code, label in enumerate(self.classes.tolist())}
        absent = [label for label in named if label not in code_of]
        if absent:
            warnings.warn(
                f"{argument} names {absent!r}, not among the labels of this data "
                f"({list(code_of)!r}); these entries do nothing here. Expected in a "
                "small fold; otherwise check the label's spelling and type.",
                AbsentClassWarning,
                stacklevel=2,
            )
        return {
            code_of[label]: value for label, value in named.items() if label in code_of
        }


def encode_labels(y: Any) -> Labels:
    """Turn labels into class codes and counts."""
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None."
        )
    codes, classes = factorize(y)
    if codes.shape[0] == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is needed.")
    counts = count_codes(codes, len(classes))
    if np.any(counts == 0):
        codes, classes = _drop_unused(codes, classes, counts > 0)
        counts = counts[counts > 0]
    if len(classes) < 2:
        raise ValueError(
            "y must have at least two classes; got one class, "
            f"{classes.tolist()[0]!r}, in all {len(codes)} rows."
        )
    return Labels(codes, classes, counts)


def count_codes(codes: Array, n_classes: int) -> NDArray[np.int64]:
    """Count the rows of each class."""
    # numpy widens narrow codes before it counts them.
    if n_classes == 2:
        ones = int(np.count_nonzero(codes))
        return np.array([len(codes) - ones, ones], dtype=np.int64)
    return np.bincount(codes, minlength=n_classes).astype(np.int64, copy=False)


def _drop_unused(codes: Array, classes: Array, used: NDArray[np.bool_]) -> Any:
    position = np.cumsum(used) - 1
    return position.astype(np.min_scalar_type(len(classes)))[codes], classes[used]
