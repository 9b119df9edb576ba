"""Results of a strategy in every fold, and differences between two strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat.model_selection._strategies import Strategy

Floats = NDArray[np.float64]
# Scores may be infinite; then what has no value is NaN.
_INFINITE = np.errstate(invalid="ignore")


@dataclass(frozen=True)
class Outcome:
    """Results of a strategy in every fold.

    Attributes
    ----------
    strategy : Strategy
        The strategy.
    folds : dict of str to ndarray of shape (n_folds,)
        Values by measure. They are ``"rows"`` used for training, ``"fit_time"`` in
        seconds and one entry for each scorer (losses with their own sign, lower is
        better). Also ``"threshold"`` if one was tuned. NaN for a strategy that failed.
    proba : ndarray of shape (n_rows, n_classes)
        Out-of-fold probabilities; NaN for rows that no fold tested, the last ones for
        rows that several tested.
    predicted : ndarray of shape (n_rows,)
        Out-of-fold labels, at the tuned threshold if there is one; None for rows that
        no fold tested.
    test_share : float
        Test rows per training row, the mean of the folds: 0.25 for five folds.
    error : str or None, default=None
        Message of the error; None if the strategy worked.
    """

    strategy: Strategy
    folds: dict[str, Floats]
    proba: Floats = field(repr=False)
    predicted: NDArray[Any] = field(repr=False)
    test_share: float
    error: str | None = None

    @_INFINITE
    def mean(self, measure: str) -> float:
        """Average a measure over the folds."""
        return float(self.folds[measure].mean())

    @_INFINITE
    def sd(self, measure: str) -> float:
        """Return the standard deviation of a measure over the folds."""
        return float(self.folds[measure].std(ddof=1))

    @_INFINITE
    def difference(self, other: Outcome, measure: str) -> tuple[float, float]:
        """Compare a measure with another outcome of the same folds, in pairs.

        Parameters
        ----------
        other : Outcome
            The outcome to subtract.
        measure : str
            A key of ``folds``.

        Returns
        -------
        mean : float
            Mean difference.
        standard_error : float
            Standard error of the mean: ``sqrt(1 / n_folds + test_share)`` standard
            deviations of the difference. Folds share training rows, so their
            differences are correlated, and ``sqrt(1 / n_folds)`` is too small [1]_.

        References
        ----------
        .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine
           Learning 52 (2003) 239-281.
        """
        paired = self.folds[measure] - other.folds[measure]
        error = paired.std(ddof=1) * np.sqrt(1 / len(paired) + self.test_share)
        return float(paired.mean()), float(error)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the predictions in types that JSON has."""
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
