"""Values of rows added up by the codes of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 20

Array = NDArray[Any]


def sum_by_code(codes: Array, values: Array | None, n_codes: int) -> Array:
    """Add up the values of each code; count the rows if there are none."""
    # numpy widens narrow codes to eight bytes before it counts them.
    size = max(_BLOCK, n_codes)
    total = np.zeros(n_codes, dtype=np.intp if values is None else np.float64)
    for start in range(0, len(codes), size):
        block = slice(start, start + size)
        own = None if values is None else values[block]
        total += np.bincount(codes[block], own, n_codes)
    return total
