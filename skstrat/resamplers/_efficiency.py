"""Relative efficiency: the share of the precision that is left after downsampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.special import expit, logit

Floats = NDArray[np.float64]

# Smaller eigenvalues are treated as zero, so that redundant columns count once.
_SMALLEST_EIGENVALUE = 1e-12
# Keeps coefficients finite where classes are separable or columns are redundant.
_LEAST_RIDGE = 1e-12
_SUREST = 1e-9
_MOST_STEPS, _PRECISE = 50, 1e-12
# A Hessian is used again while its steps reduce the decrement by this factor. With
# hundreds of columns, one Hessian costs as much as the rest of ten steps.
_NEARER = 10


def offset_efficiency(p: Floats, factor: float, weights: Floats | None = None) -> float:
    """Predict the relative efficiency of a model whose prior is corrected."""
    # E(k) = sum_i v_i / (1 + k o_i) / sum_i v_i / (1 + o_i) over the positive rows,
    # with odds o = p / (1 - p) (Wang, 2020, "Logistic regression for massive data with
    # rare events"). It treats all directions of the features alike, and so is
    # approximately right for any classifier.
    return _share_left(p, np.full(len(p), 1 / factor), weights)


def guided_efficiency(
    p: Floats,
    positive: NDArray[np.bool_],
    factor: float,
    weights: Floats,
    floor: float = 0.2,
) -> float:
    """Predict the relative efficiency of guided rows with the offset of each row."""
    # As above, with the inclusion probability clip(slope * p, floor / k, 1) in the
    # place of 1 / k. The slope gives it the mean 1 / k over the negatives (Wang, Zhang
    # and Wang, 2021).
    negative, lowest = ~positive, floor / factor

    def surplus(log_slope: float) -> float:
        chance = np.clip(np.exp(log_slope) * p[negative], lowest, 1)
        return float(np.average(chance, weights=weights[negative]) - 1 / factor)

    low, high = np.log(lowest / p[negative].max()), -np.log(p[negative].min())
    if factor == 1 or surplus(low) >= 0:
        return 1.0
    slope = np.exp(brentq(surplus, low, high))
    chance = np.clip(slope * p[positive], lowest, 1)
    return _share_left(p[positive], chance, weights[positive])


def _share_left(p: Floats, chance: Floats, weights: Floats | None) -> float:
    """Return the share of information that is left after drawing the negatives."""
    left = np.average((1 - p) * chance / ((1 - p) * chance + p), weights=weights)
    return float(left / np.average(1 - p, weights=weights))


def weights_efficiency(mean_p: float, factor: float) -> float:
    """Predict the relative efficiency of logistic regression with weights."""
    # mean_p is the growth of WeightedVariance divided by its whole.
    return 1 / (1 + (factor - 1) * mean_p)


# With incoming weights v and p the probability of another class than the most frequent
# one, which is kept at the factor k, the expected excess log loss is half
#     tr[(A + L)^-1 B_k (A + L)^-1 A],  A = sum v p (1 - p) x x',
#     B_k = sum v^2 p (1 - p) (1 + (k - 1) p) x x'
# with L the ridge penalty of all but the intercept (variance of weighted likelihoods,
# Horvitz and Thompson, 1952). It is linear in k.
@dataclass(frozen=True)
class WeightedVariance:
    """Loss of a logistic regression by estimation, with all rows and per factor."""

    whole: float  # The trace at k = 1.
    growth: float  # Increase of the trace per unit of k.
    total: float  # Log loss of all rows, summed with their weights.
    error: float  # Relative variance of growth / total from the draw of the pilot.
    luck: float  # Relative variance of the loss of one draw of rows, by the draw alone.
    # The same together with the sample of all rows; to be divided by k - 1.
    joint: float

    def spread(self, factor: float) -> float:
        """Return the relative standard deviation of the loss at a factor above 1."""
        return float(np.sqrt(self.error + self.luck + self.joint / (factor - 1)))


def weighted_variance(
    design: Floats,
    positive: NDArray[np.bool_],
    weights: Floats,
    incoming: Floats,
    penalty: float = 0.0,
) -> WeightedVariance:
    """Fit a ridge regression to rows with weights, and compute its expected loss."""
    # Scaling changes no trace, given its penalty; the rank is found more safely.
    scale = design.std(axis=0)
    scale[scale == 0] = 1
    x = np.column_stack(
        [np.ones(len(positive)), (design - design.mean(axis=0)) / scale]
    )
    unit = weights.sum()
    ridge = np.concatenate([[0.0], penalty / unit / scale**2])
    p = fit_ridge(x, positive, weights / unit, ridge)
    lost = -weights * np.log(np.where(positive, p, 1 - p))
    whole, growth, influence, luck, joint = _traces(
        x, p, weights / unit, incoming, ridge
    )
    influence = influence / growth - lost / lost.sum()
    error = sum(
        float(((own - own.mean()) ** 2).sum())
        for own in (influence[positive], influence[~positive])
    )
    return WeightedVariance(whole, growth, float(lost.sum()), error, luck, joint)


def _traces(
    x: Floats, p: Floats, weights: Floats, incoming: Floats, ridge: Floats
) -> tuple[float, float, Floats, float, float]:
    """Return the two traces, each row's part of the second, and relative variances."""
    information = weights * p * (1 - p)
    whole, growth = information * incoming, information * incoming * p
    A, C = _gram(x, information), _gram(x, growth)
    B = A if (incoming == 1).all() else _gram(x, whole)
    M: Any = np.linalg.pinv(
        A + np.diag(ridge), rcond=_SMALLEST_EIGENVALUE, hermitian=True
    )
    AM = A @ M
    CM = C @ M
    MAM = M @ AM
    MCM, MAMCM = M @ CM, MAM @ CM
    lost = float((MAM * C).sum())
    # The derivative of the trace by the weight of a row, on which M depends, too.
    inner = MCM - MAMCM - MAMCM.T
    influence = growth * _quadratic(x, MAM) + information * _quadratic(x, inner)
    drawn, full = AM @ CM, AM @ B @ M
    luck = 2 * float((drawn * drawn.T).sum()) / lost**2
    joint = 4 * float((drawn * full.T).sum()) / lost**2
    return float((MAM * B).sum()), lost, influence, luck, joint


def _gram(x: Floats, weights: Floats) -> Floats:
    """Sum outer products of rows; with equal factors BLAS computes half of them."""
    scaled = x * np.sqrt(weights)[:, np.newaxis]
    squares: Floats = scaled.T @ scaled
    return squares


def _quadratic(x: Floats, matrix: Floats) -> Floats:
    values: Floats = ((x @ matrix) * x).sum(axis=1)
    return values


def fit_ridge(
    x: Floats, positive: NDArray[np.bool_], weights: Floats, ridge: Floats
) -> Floats:
    """Fit a logistic regression by Newton steps, halved where the loss grows."""
    coefficients = np.zeros(x.shape[1])
    coefficients[0] = logit(np.average(positive, weights=weights))
    ridge = np.maximum(ridge, _LEAST_RIDGE)

    def objective(at: Floats) -> float:
        margin = np.where(positive, 1, -1) * (x @ at)
        return float(weights @ np.logaddexp(0, -margin) + ridge @ at**2 / 2)

    before, last, is_stale = objective(coefficients), np.inf, True
    for _ in range(_MOST_STEPS):
        p = expit(x @ coefficients)
        slope = x.T @ (weights * (p - positive)) + ridge * coefficients
        if is_stale:
            hessian = cho_factor(_gram(x, weights * p * (1 - p)) + np.diag(ridge))
        step = cho_solve(hessian, slope)
        while objective(coefficients - step) > before and slope @ step > _PRECISE:
            step = step / 2
        coefficients -= step
        before, decrement = objective(coefficients), slope @ step
        if decrement <= _PRECISE * before:
            break
        is_stale, last = decrement > last / _NEARER, decrement
    return np.clip(expit(x @ coefficients), _SUREST, 1 - _SUREST)
