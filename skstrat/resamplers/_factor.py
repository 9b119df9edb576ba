"""By how much to downsample: as far as the predicted efficiency allows."""

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
from skstrat._core.weights import class_totals
from skstrat.resamplers._factor_recommendation import (
    LEAST_RATIO,
    FactorRecommendation,
    Limit,
)
from skstrat.resamplers._pilot import run_pilot

Floats = NDArray[np.float64]
Efficiency = Callable[[float], float]

_LEAST_ROWS = 1000
_ROWS_PER_COLUMN = 20
_SERIES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def recommend(
    X: Any,
    samples: CheckedSamples,
    estimator: Any = None,
    target_efficiency: float = 0.9,
    *,
    seed: int,
) -> FactorRecommendation:
    """Recommend a factor for the most frequent class, from a pilot."""
    labels = samples.labels
    majority = int(labels.counts.argmax())
    split = _split(labels, majority)
    pilot = run_pilot(X, split, samples, estimator, seed)
    odds_of, worth = pilot.p[pilot.positive], pilot.weights[pilot.positive]
    with_offset = partial(offset_efficiency, odds_of, weights=worth)
    with_weights: Efficiency | None = None
    if pilot.design is not None:
        mean_p = mean_leverage_probability(pilot.design, pilot.p, pilot.weights)
        with_weights = partial(weights_efficiency, mean_p)
    decides: Efficiency = with_weights or with_offset
    n0, n1 = split.counts.tolist()
    ratio = np.divide(*class_totals(split, samples.sample_weight)).item()
    kept, limited_by = choose_rows(
        decides, target_efficiency, n0, ratio, pilot.n_columns
    )
    factors = _factors(ratio)
    return FactorRecommendation(
        factor=n0 / kept,
        efficiency=decides(n0 / kept),
        rows=n1 + kept,
        limited_by=limited_by,
        target_efficiency=target_efficiency,
        correction="offset" if with_weights is None else "weights",
        majority=labels.classes.tolist()[majority],
        n_rows=n0 + n1,
        factors=factors,
        rows_by_factor=tuple(n1 + max(1, round(n0 / factor)) for factor in factors),
        efficiency_weights=with_weights and tuple(map(with_weights, factors)),
        efficiency_offset=tuple(map(with_offset, factors)),
    )


def choose_rows(
    efficiency: Efficiency,
    target_efficiency: float,
    n_negatives: int,
    ratio: float,
    n_columns: int,
) -> tuple[int, Limit]:
    """Find the fewest negatives that leave the efficiency, and enough of them."""
    least: dict[Limit, int] = {
        "negatives_per_positive": ceil(LEAST_RATIO * n_negatives / ratio),
        "least_rows": max(_LEAST_ROWS, _ROWS_PER_COLUMN * n_columns),
    }
    limit = max(least, key=lambda name: least[name])
    if least[limit] >= n_negatives:
        return n_negatives, limit
    rows = bisect_left(
        range(n_negatives),
        target_efficiency,
        lo=least[limit],
        key=lambda kept: efficiency(n_negatives / kept),
    )
    return rows, limit if rows == least[limit] else "target_efficiency"


def _split(labels: Labels, majority: int) -> Labels:
    """Set the most frequent class against all others."""
    n0 = int(labels.counts[majority])
    counts = np.array([n0, len(labels.codes) - n0])
    if counts.min() < 2:
        raise ValueError(
            "y must have at least two rows of its most frequent class and two of "
            f"others, one for each half of the pilot; got {counts[0]} and {counts[1]}."
        )
    positive = (labels.codes != majority).astype(np.uint8)
    return Labels(positive, np.array([False, True]), counts)


def _factors(ratio: float) -> tuple[float, ...]:
    """List round factors that leave as many negatives as positives, or more."""
    powers = range(len(str(max(1, int(ratio)))))
    listed = [step * 10.0**power for power in powers for step in _SERIES]
    return tuple(factor for factor in listed if factor <= max(1.0, ratio))


def offset_efficiency(p: Floats, factor: float, weights: Floats | None = None) -> float:
    r"""Predict the relative efficiency of a model whose prior is corrected.

    .. math:: E(k) = \sum_i \frac{v_i}{1 + k o_i} \Big/ \sum_i \frac{v_i}{1 + o_i}

    over the positive rows, with odds :math:`o = p / (1 - p)` (Wang, 2020, "Logistic
    regression for massive data with rare events"). It takes the directions of the
    features for alike, and so is near the truth for any classifier.
    """
    left = (1 - p) / ((1 - p) + factor * p)
    whole = (1 - p) / ((1 - p) + p)
    return float(np.average(left, weights=weights) / np.average(whole, weights=weights))


def weights_efficiency(mean_p: float, factor: float) -> float:
    r"""Predict the relative efficiency of logistic regression with weights.

    .. math:: E(k) = d / \operatorname{tr}(A^{-1} B_k) = 1 / (1 + (k - 1) \bar p)

    with :math:`A = \sum v p (1 - p) x x'`, :math:`B_k = \sum v (p (1 - p)^2 +
    k p^2 (1 - p)) x x'` and *d* coefficients, the intercept among them: the ratio of
    the expected excess log losses on all rows and on those kept (from the variance of
    weighted likelihoods, Horvitz and Thompson, 1952).
    """
    return 1 / (1 + (factor - 1) * mean_p)


def mean_leverage_probability(design: Floats, p: Floats, weights: Floats) -> float:
    """Average the probabilities of rows by their leverages."""
    # Scaling changes no leverage, but the rank is found more safely.
    scale = design.std(axis=0)
    scaled = (design - design.mean(axis=0)) / np.where(scale > 0, scale, 1)
    rows = np.column_stack([np.ones(len(p)), scaled])
    information = weights * p * (1 - p)
    rows *= np.sqrt(information / information.max())[:, np.newaxis]
    left, singular, _ = np.linalg.svd(rows, full_matrices=False)
    smallest = singular[0] * max(rows.shape) * np.finfo(np.float64).eps
    leverage = (left[:, singular > smallest] ** 2).sum(axis=1)
    return float(np.average(p, weights=leverage))
