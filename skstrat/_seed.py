"""The seed of a draw, from what scikit-learn takes as random_state."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from skstrat._sklearn import Interval

RANDOM_STATE = [
    Interval(Integral, 0, 2**64 - 1, closed="both"),
    np.random.Generator,
    np.random.RandomState,
    None,
]


def seed_of(random_state: Any) -> int:
    """Take the 64-bit seed of a draw from ``random_state``."""
    if isinstance(random_state, Integral):
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**63 - 1, dtype=np.int64))
    return int(np.random.default_rng(random_state).integers(2**63))
