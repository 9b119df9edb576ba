"""Allowed values of parameters that several classes share."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from skstrat._core.compat import Interval, StrOptions
from skstrat._core.targets import WORDS

FACTOR = [Interval(Real, 1, None, closed="left"), Mapping, None]
SAMPLING_STRATEGY: dict[str, list[Any]] = {
    direction: [
        Interval(Real, 0, 1, closed="right"),
        StrOptions(set(words)),
        Mapping,
        callable,
        None,
    ]
    for direction, words in WORDS.items()
}
WEIGHTING = [StrOptions({"original", "balanced", "uniform", "factor"}), Mapping]
RANDOM_STATE = [
    Interval(Integral, 0, 2**64 - 1, closed="both"),
    np.random.Generator,
    np.random.RandomState,
    None,
]
