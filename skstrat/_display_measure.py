"""A measure of outcomes for a picture: means, error bars and what to call them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat._display_style import titled, wrapped

Floats = NDArray[np.float64]
Spread = Literal["paired", "sd"]
SPREADS = {
    "paired": "± standard error of the paired difference to {reference}",
    "sd": "± standard deviation over the folds",
}


class Measured(NamedTuple):
    """A measure of several outcomes, with how far it can be trusted.

    Attributes
    ----------
    measure : str
        Its name.
    value : ndarray of shape (n_outcomes,)
        Means over the folds.
    error : ndarray of shape (n_outcomes,)
        Half the lengths of the error bars.
    label : str
        For the axis: the measure, whether more is better, and what the bars are.
    """

    measure: str
    value: Floats
    error: Floats
    label: str


def measure_outcomes(
    comparison: Any,
    outcomes: Iterable[Any],
    reference: Any,
    measure: str | None,
    spread: Spread,
) -> Measured:
    """Look up a measure of outcomes, and make the label of its axis."""
    measure = comparison.best_by if measure is None else measure
    known = list(reference.folds)
    if measure not in known:
        raise ValueError(f"measure must be one of {known}; got {measure!r}.")
    if spread not in SPREADS:
        raise ValueError(f"spread must be one of {list(SPREADS)}; got {spread!r}.")
    outcomes = list(outcomes)
    errors = [
        each.difference(reference, measure)[1]
        if spread == "paired"
        else each.sd(measure)
        for each in outcomes
    ]
    n_folds = len(reference.folds[measure])
    bars = SPREADS[spread].format(reference=wrapped(reference.strategy.name, 24, 1))
    return Measured(
        measure,
        np.array([each.mean(measure) for each in outcomes]),
        np.array(errors),
        f"{titled(measure)}{_direction(comparison, measure)}\n"
        f"{wrapped(f'(mean of {n_folds} folds {bars})', 52)}",
    )


def _direction(comparison: Any, measure: str) -> str:
    if f"neg_{measure}" in comparison.trial.scoring:
        return ", lower is better"
    if measure == comparison.best_by:
        return ", higher is better"
    return ""
