"""The largest downsampling factor whose predicted loss is allowed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import LEAST_ROWS
from skstrat._core.weights import class_totals
from skstrat.resamplers._efficiency import (
    WeightedVariance,
    guided_efficiency,
    offset_efficiency,
    weights_efficiency,
)
from skstrat.resamplers._factor_recommendation import (
    LEAST_POSITIVES,
    Correction,
    FactorRecommendation,
    Limit,
)
from skstrat.resamplers._pilot import Pilot, run_pilot

Floats = NDArray[np.float64]
Efficiency = Callable[[float], float]
# A value with its range: value, low, high.
Ranged = tuple[float, float, float]

# Parameters assumed for a model whose parameters cannot be counted and whose learning
# curve was not measured. On generated data with 900 to 5,000 positives, halving all
# rows cost HistGradientBoosting(l2=1) as much as 108 to 716 parameters do, forests 69
# to 258 and LightGBM 571 to 1,244 (once it gained). A value of 400 lost up to 1.7 %
# instead of 1 % on two development sets, so that the upper end of the first was taken.
ASSUMED_PARAMETERS = (700, 100, 1600)
_LARGEST_SHARE = 0.5
# With m positives per effective column the excess was 1.6 times what is counted at m =
# 2, 1.4 times at 4, and as counted above 8: the median of 66 generated data sets of 3
# to 80 columns, weak to nearly separable. This value is above it, because its spread is
# wide.
_MISSED_PER_COLUMN = 2
# Share of the loss by uniform rows that is added to the predicted loss by guided rows,
# because the pilot may be wrong. On a development set of 24 % positives, boosted trees
# lost .39 of it where .10 was predicted. On generated data they lost less than
# predicted.
_NOT_KNOWN = 0.25

# The loss allowed by default.
MAX_LOSS = 0.01
_ROWS_PER_COLUMN = 20
_SERIES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def recommend(X: Any, samples: CheckedSamples, seed: int) -> FactorRecommendation:
    """Recommend a factor for a logistic regression that may lose one percent."""
    split = split_majority(samples.labels)
    pilot = run_pilot(X, split, samples, None, seed)
    return recommend_by(pilot, split, samples, MAX_LOSS)


def recommend_by(
    pilot: Pilot,
    split: Labels,
    samples: CheckedSamples,
    max_loss: float,
    *,
    guided: bool = False,
    estimation_share: Ranged | None = None,
    seconds: Callable[[int], float | None] = lambda _: None,
) -> FactorRecommendation:
    """Recommend a factor for the most frequent class by the predictions of a pilot."""
    labels = samples.labels
    majority = int(labels.counts.argmax())
    correction: Correction = "weights" if pilot.weighted else "offset"
    if guided:
        correction = "guided"
    n0, n1 = split.counts.tolist()
    share = estimation_share or _count_share(pilot, n1, len(labels.classes))
    efficiency = _efficiency(pilot, correction, len(labels.classes))
    ratio = np.divide(*class_totals(split, samples.sample_weight)).item()

    def loss(factor: float) -> float:
        return share[0] * (1 / efficiency(factor) - 1)

    kept, limited_by = choose_rows(
        loss, max_loss, n0, n1, ratio, pilot.n_columns, too_wide=pilot.too_wide
    )
    factor, factors = n0 / kept, _factors(ratio)
    lost = 1 / efficiency(factor) - 1
    return FactorRecommendation(
        factor=factor,
        rows=n1 + kept,
        n_rows=n0 + n1,
        n_columns=pilot.n_columns,
        majority=labels.classes.tolist()[majority],
        correction=correction,
        max_loss=max_loss,
        loss=share[0] * lost,
        loss_range=_range(share, lost, pilot.variance, factor),
        estimation_share=share[0],
        efficiency=efficiency(factor),
        limited_by=limited_by,
        seconds=seconds(n1 + kept),
        full_seconds=seconds(n0 + n1),
        factors=factors,
        rows_by_factor=tuple(n1 + max(1, round(n0 / each)) for each in factors),
        loss_by_factor=tuple(map(loss, factors)),
        efficiency_by_factor=tuple(map(efficiency, factors)),
    )


def _efficiency(pilot: Pilot, correction: Correction, n_classes: int) -> Efficiency:
    """Return the relative efficiency as a function of the factor."""
    positive, weights, p = pilot.positive, pilot.weights, pilot.p
    counted = pilot.variance
    if correction == "guided":
        return partial(_guided, pilot)
    if correction == "weights" and counted is None:
        # All directions of the columns are assumed to be alike.
        mean_p = float(np.average(p, weights=weights * p * (1 - p)))
        return partial(weights_efficiency, mean_p / (n_classes - 1))
    if correction == "offset" or counted is None:
        return partial(offset_efficiency, pilot.p[positive], weights=weights[positive])
    # Only the coefficients that separate the most frequent class from the others lose
    # precision, not those that separate the others from each other.
    return partial(weights_efficiency, counted.growth / counted.whole / (n_classes - 1))


def _guided(pilot: Pilot, factor: float) -> float:
    """Return the efficiency of guided rows, less where a model is not linear."""
    # Such a model also needs rows where the pilot is wrong.
    guided = guided_efficiency(pilot.p, pilot.positive, factor, pilot.weights)
    if pilot.linear:
        return guided
    positive = pilot.positive
    uniform = offset_efficiency(pilot.p[positive], factor, pilot.weights[positive])
    lost = 1 / guided - 1 + _NOT_KNOWN * (1 / uniform - 1)
    return 1 / (1 + lost)


def _count_share(pilot: Pilot, n_positives: int, n_classes: int) -> Ranged:
    """Compute the share of the log loss of all rows that is due to estimation."""
    # g = (1 + 2 d / n_1) d (K - 1) / (2 n L), with the trace of WeightedVariance in the
    # place of d effective coefficients. L is the loss on the rows that the pilot was
    # fitted to: below ten positives per column, its loss on other rows is far above
    # that of the fit to all rows. The first factor is a correction found in trials,
    # with n_1 positives. With more columns than positives, d is all of them, and L is
    # the loss of the pilot or of the class shares, whichever is less.
    counted = pilot.variance
    # Rows of unequal weights count as fewer rows.
    unit = float(np.average(pilot.incoming, weights=pilot.weights))
    if counted is None:
        total = pilot.weights.sum() * pilot.loss / unit
        if pilot.too_wide:
            missed = 1 + _MISSED_PER_COLUMN * pilot.n_columns / n_positives
            # A pilot that memorised its rows overstates the loss.
            sums = np.bincount(pilot.positive, pilot.weights)
            total = min(total, float(-sums @ np.log(sums / sums.sum())) / unit)
            share = missed * pilot.n_columns * (n_classes - 1) / (2 * total)
            return (min(share, _LARGEST_SHARE),) * 3
        value, low, high = (
            min(each / (2 * total), _LARGEST_SHARE) for each in ASSUMED_PARAMETERS
        )
        return value, low, high
    missed = 1 + _MISSED_PER_COLUMN * counted.whole / unit / n_positives
    share = missed * counted.whole * (n_classes - 1) / (2 * counted.total)
    return share, share, share


def _range(
    share: Ranged, lost: float, counted: WeightedVariance | None, factor: float
) -> tuple[float, float]:
    """Return the range of the loss, two standard deviations each way if known."""
    if lost == 0:
        return 0.0, 0.0
    reach = 1.0 if counted is None else 1 + 2 * counted.spread(factor)
    return share[1] * lost / reach, share[2] * lost * reach


def choose_rows(
    loss: Callable[[float], float],
    max_loss: float,
    n_negatives: int,
    n_positives: int,
    ratio: float,
    n_columns: int,
    *,
    too_wide: bool = False,
) -> tuple[int, Limit]:
    """Find the fewest negatives with an allowed loss, but no fewer than needed."""
    if n_positives < LEAST_POSITIVES:
        return n_negatives, "least_positives"
    if too_wide:
        return n_negatives, "positives_per_column"
    least: dict[Limit, int] = {
        "negatives_per_positive": ceil(n_negatives / ratio),
        "least_rows": max(LEAST_ROWS, _ROWS_PER_COLUMN * n_columns),
    }
    limit = max(least, key=lambda name: least[name])
    if least[limit] >= n_negatives:
        return n_negatives, limit
    rows = bisect_left(
        range(n_negatives),
        -max_loss,
        lo=least[limit],
        key=lambda kept: -loss(n_negatives / kept),
    )
    return rows, limit if rows == least[limit] else "max_loss"


def split_majority(labels: Labels) -> Labels:
    """Set the most frequent class against all others."""
    majority = int(labels.counts.argmax())
    n0 = int(labels.counts[majority])
    counts = np.array([n0, len(labels.codes) - n0])
    positive = (labels.codes != majority).astype(np.uint8)
    return Labels(positive, np.array([False, True]), counts)


def _factors(ratio: float) -> tuple[float, ...]:
    """List round factors that leave as many negatives as positives, or more."""
    powers = range(len(str(max(1, int(ratio)))))
    listed = [step * 10.0**power for power in powers for step in _SERIES]
    return tuple(factor for factor in listed if factor <= max(1.0, ratio))
