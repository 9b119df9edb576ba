"""Check labels, probabilities and weights of two classes for every metric."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat._core.compat import check_pos_label
from skstrat._core.labels import factorize
from skstrat._core.weights import check_sample_weight

Floats = NDArray[np.float64]

# Probabilities computed in float32 may exceed 1 by rounding.
_ROUNDING = 1e-6
# A smaller share of all weight is lost by rounding in sums of float64.
_LOST = 1e-15


class Predictions(NamedTuple):
    """The rows with a positive weight, checked."""

    positive: NDArray[np.bool_]
    p: Floats  # probability of the positive class
    share: Floats  # weights as shares of their sum

    @property
    def prevalence(self) -> float:
        self.require("a ratio to the prevalence", both=False)
        return float(self.share @ self.positive)

    def require(self, wanted: str, *, both: bool = True) -> None:
        """Refuse rows that lack the positive class, or one of both classes."""
        if not self.positive.any() or (both and self.positive.all()):
            needed = "rows of both classes" if both else "a row of the positive class"
            raise ValueError(
                f"y_true must have {needed} for {wanted}; got {self.positive.sum()} of "
                f"the positive class in {len(self.p)} rows. Use more rows, or "
                "stratified folds."
            )


def check_predictions(
    y_true: Any, y_prob: Any, sample_weight: Any = None, pos_label: Any = None
) -> Predictions:
    """Check the arguments of a metric of two classes."""
    codes, classes = factorize(y_true)
    p = np.asarray(y_prob, dtype=np.float64)
    if p.shape != codes.shape or not len(p):
        raise ValueError(
            f"y_prob must have shape ({len(codes)},), one probability of the positive "
            f"class for each row of y_true, and at least one; got shape {p.shape}. "
            "Give one column of predict_proba."
        )
    weight = check_sample_weight(sample_weight, len(p))
    if weight is None:
        weight = np.ones(len(p))
    rows = np.flatnonzero(weight > _LOST * weight.sum())
    codes, p, share = codes[rows], p[rows], weight[rows] / weight[rows].sum()
    bad = np.flatnonzero(~((p >= 0) & (p <= 1 + _ROUNDING)))
    if len(bad):
        raise ValueError(
            f"y_prob must lie in [0, 1]; got {p[bad[0]]} and {len(bad)} such values in "
            "all. Give probabilities, not scores of a decision function."
        )
    labels = classes[np.unique(codes)].tolist()
    if len(labels) > 2:
        raise ValueError(
            f"y_true must have two classes at most; got {len(labels)}: {labels}. "
            "Compare one class with the rest: y_true == label."
        )
    # A new array, because numbers may be in an array of objects.
    pos_label = check_pos_label(pos_label, np.array(labels))
    if len(labels) == 2 and pos_label not in labels:
        raise ValueError(
            f"pos_label must be one of the labels {labels}; got {pos_label!r}. Check "
            "its spelling and type."
        )
    return Predictions((classes == pos_label)[codes], np.minimum(p, 1.0), share)
