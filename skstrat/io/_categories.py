"""Join columns read in parts; labels become categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.extras import import_optional
from skstrat._core.labels import factorize, sorted_classes

pd = import_optional("pandas", "skstrat.io", "parquet")


def joined(
    parts: list[Any], dtype: Any, values_of: Callable[[Any], Any] = np.asarray
) -> NDArray[Any]:
    """Join parts, and free each as soon as it is copied."""
    whole = np.empty(sum(map(len, parts)), dtype=dtype)
    stop = len(whole)
    while parts:
        part = parts.pop()
        whole[stop - len(part) : stop] = values_of(part)
        stop -= len(part)
    return whole


def as_categories(labels: Any) -> Any:
    """Return the labels of some rows as categories."""
    codes, classes = factorize(labels)
    return pd.Categorical.from_codes(codes, classes.tolist())


def united_labels(
    parts: list[Any], typed: Callable[[list[Any]], list[Any]] = list
) -> tuple[Any, Any]:
    """Return the sorted labels of all parts, and the classes as they were read."""
    read = list(dict.fromkeys(label for part in parts for label in part.categories))
    read_as = dict(zip(typed(read), read, strict=True))
    classes = sorted_classes(list(read_as)).tolist()
    as_read = pd.Index([read_as[label] for label in classes])
    dtype = pd.Categorical.from_codes([], as_read).codes.dtype
    codes = joined(parts, dtype, lambda part: part.set_categories(as_read).codes)
    return pd.Series(pd.Categorical.from_codes(codes, classes)), as_read
