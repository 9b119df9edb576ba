"""Which strategy to take: the best, if chance does not explain its lead, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from skstrat.classifiers._policy import is_near_one
from skstrat.metrics._measures import describe_measure
from skstrat.model_selection._outcome import Outcome

RATIO = "mean_probability_ratio"
# Comparisons that may name a winner although no strategy is better.
FALSE_WINNERS = 0.1
# What a strategy that saves time may lose: what a factor of "auto" may.
MAX_LOSS = 0.01
_DRAWS = 20_000
# Differences below this share of the values are rounding.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What to train with, and why.

    Attributes
    ----------
    best : Outcome
        The best of the strategies that beat the true distribution beyond chance; the
        true distribution if none does.
    saver : Outcome or None
        If the true distribution is best: what trains on the fewest rows, less than
        half, in less time, has a mean at most one percent worse, and a mean
        prediction that can be trusted.
    statistic : dict of str to float
        Lead over the true distribution in standard errors, by name of the others that
        worked; NaN where the lead has no spread over the folds.
    critical : float
        What the largest of these exceeds in one comparison of ten if no strategy is
        better.
    sentence : str
        All of this in words.
    """

    best: Outcome
    saver: Outcome | None
    statistic: dict[str, float]
    critical: float
    sentence: str


def judge(
    outcomes: Sequence[Outcome],
    measure: str,
    *,
    loss: bool,
    row_losses: Floats | None = None,
    seed: int = 0,
) -> Verdict:
    """Judge which strategy is best, and say so.

    Parameters
    ----------
    outcomes : sequence of Outcome
        That of the true distribution first, which must not have failed.
    measure : str
        To choose by.
    loss : bool
        Whether less of it is better.
    row_losses : ndarray of shape (n_outcomes, n_rows), default=None
        For measures that are means over rows: what each tested row adds, times its
        weight; anything for those that failed. None for other measures.
    seed : int, default=0
        Of the simulation that ``row_losses`` ask for.

    Returns
    -------
    Verdict
        The best outcome, the one that saves time, and a sentence.
    """
    raise NotImplementedError
