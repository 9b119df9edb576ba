"""Labels, probabilities and weights of two classes, checked alike for every metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import factorize
from skstrat._core.weights import check_sample_weight

Floats = NDArray[np.float64]

# Probabilities computed in float32 may pass 1 by a rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Predictions:
    """The rows that count, those without weight left out.

    Attributes
    ----------
    positive : ndarray of shape (n_rows,)
        Whether the row is of the positive class.
    p : ndarray of shape (n_rows,)
        Probability of the positive class, float64 in [0, 1].
    weight : ndarray of shape (n_rows,)
        Positive weights, float64; ones if none were given.
    """

    positive: NDArray[np.bool_]
    p: Floats
    weight: Floats

    @property
    def n_positives(self) -> int:
        """Rows of the positive class, whatever their weights."""
        return int(np.count_nonzero(self.positive))

    @property
    def share(self) -> Floats:
        """Weight of each row as a share of all weight."""
        return self.weight / self.weight.sum()

    @property
    def prevalence(self) -> float:
        """Weighted share of the positive class."""
        # Adding zeros for the others, rounding cannot lead past 1.
        return float((self.weight * self.positive).sum() / self.weight.sum())

    def need_positives(self, wanted: str) -> None:
        """Refuse to divide by a prevalence of zero."""
        if not self.n_positives:
            raise ValueError(
                f"y_true must have a row of the positive class for {wanted}; got none "
                f"in {len(self.p)} rows. Use more rows, or stratified folds."
            )

    def need_both_classes(self, wanted: str) -> None:
        """Refuse rows of one class only."""
        if self.n_positives in (0, len(self.p)):
            raise ValueError(
                f"y_true must have rows of both classes for {wanted}; got "
                f"{self.n_positives} of the positive class in {len(self.p)} rows. Use "
                "more rows, or stratified folds."
            )


def check_predictions(
    y_true: Any, y_prob: Any, sample_weight: Any = None, pos_label: Any = None
) -> Predictions:
    """Check what a metric of two classes is given."""
    codes, classes = factorize(y_true)
    p = np.asarray(y_prob, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(
            "y_prob must have shape (n_rows,), the probabilities of the positive "
            f"class; got shape {p.shape}. Give one column of predict_proba."
        )
    if len(p) != len(codes) or not len(p):
        raise ValueError(
            "y_true and y_prob must have the same number of rows, at least one; got "
            f"{len(codes)} and {len(p)}."
        )
    weight = check_sample_weight(sample_weight, len(p))
    if weight is None:
        weight = np.ones(len(p))
    elif not weight.all():
        rows = np.flatnonzero(weight)
        codes, p, weight = codes[rows], p[rows], weight[rows]
    _check_probabilities(p)
    labels = classes[np.flatnonzero(np.bincount(codes))].tolist()
    positive = codes == _code_of_positive(classes.tolist(), labels, pos_label)
    return Predictions(positive, np.minimum(p, 1.0), weight)


def _check_probabilities(p: Floats) -> None:
    bad = np.flatnonzero(~((p >= 0) & (p <= 1 + _ROUNDING)))
    if len(bad):
        raise ValueError(
            f"y_prob must lie in [0, 1]; got {p[bad[0]]} and {len(bad)} such values in "
            "all. Give probabilities, not scores of a decision function."
        )


def _code_of_positive(classes: list[Any], labels: list[Any], pos_label: Any) -> int:
    """Find the code of the positive class; -1 if no row has that label."""
    if len(labels) > 2:
        raise ValueError(
            f"y_true must have two classes at most; got {len(labels)}: {labels!r}. "
            "Compare one class with the rest: y_true == label."
        )
    if pos_label is None:
        if not (set(labels) <= {0, 1} or set(labels) <= {-1, 1}):
            raise ValueError(
                "pos_label must name the positive class unless the labels are in "
                f"{{0, 1}}, {{-1, 1}} or bool; got labels {labels!r} and "
                "pos_label=None. Pass one of the labels."
            )
        pos_label = 1
    if len(labels) == 2 and pos_label not in labels:
        raise ValueError(
            f"pos_label must be one of the labels {labels!r}; got {pos_label!r}. Check "
            "its spelling and type."
        )
    return classes.index(pos_label) if pos_label in classes else -1
