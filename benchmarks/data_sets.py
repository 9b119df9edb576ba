"""Data sets of a folder as numbers, for the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def read_data_set(path: str | Path) -> tuple[Any, Any]:
    """Read features, numbers as float64 and text as integer codes, and labels as codes.

    1 is the smaller of two classes; of more, the codes are their places in their order.
    """
    frame = pd.read_csv(path)
    labels = frame.pop("target").astype("category")
    y = labels.cat.codes.to_numpy().astype(np.int64)
    counts = np.bincount(y)
    if len(counts) == 2:
        y = (y == counts.argmin()).astype(np.int64)
    return frame.apply(_as_numbers), y


def _as_numbers(column: Any) -> Any:
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    return column.astype("category").cat.codes.astype(np.int64)
