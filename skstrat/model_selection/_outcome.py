"""Results of a strategy in every fold, and differences between two strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat.model_selection._strategies import Strategy

Floats = NDArray[np.float64]
# Scores may be infinite; undefined differences are then NaN.
_INFINITE = np.errstate(invalid="ignore")


@dataclass(frozen=True)
class Outcome:
    """Measures of a strategy by fold, and its out-of-fold predictions."""

    strategy: Strategy
    folds: dict[str, Floats]
    proba: Floats = field(repr=False)
    predicted: NDArray[Any] = field(repr=False)
    # Test rows per training row, the mean of the folds: 0.25 for five folds.
    test_share: float
    error: str | None = None

    @_INFINITE
    def mean(self, measure: str) -> float:
        return float(self.folds[measure].mean())

    @_INFINITE
    def sd(self, measure: str) -> float:
        return float(self.folds[measure].std(ddof=1))

    @_INFINITE
    def difference(self, other: Outcome, measure: str) -> tuple[float, float]:
        """Return the mean paired difference to another outcome, and its error."""
        # Folds share training rows, so that their differences are correlated. Hence the
        # factor sqrt(1 / n_folds + test_share) (Nadeau and Bengio, 2003).
        paired = self.folds[measure] - other.folds[measure]
        error = paired.std(ddof=1) * np.sqrt(1 / len(paired) + self.test_share)
        return float(paired.mean()), float(error)

    def to_dict(self) -> dict[str, Any]:
        measures = {
            name: {
                "mean": _plain(self.mean(name)),
                "sd": _plain(self.sd(name)),
                "folds": [_plain(value) for value in values.tolist()],
            }
            for name, values in self.folds.items()
        }
        return {**self.strategy.to_dict(), "measures": measures, "error": self.error}


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
