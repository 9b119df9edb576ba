"""What share of the precision of all rows is left after downsampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

# Of columns that say the same, one is left; below this they are the same.
_SMALLEST_EIGENVALUE = 1e-12


def offset_efficiency(p: Floats, factor: float, weights: Floats | None = None) -> float:
    r"""Predict the relative efficiency of a model whose prior is corrected.

    .. math:: E(k) = \sum_i \frac{v_i}{1 + k o_i} \Big/ \sum_i \frac{v_i}{1 + o_i}

    over the positive rows, with odds :math:`o = p / (1 - p)` (Wang, 2020, "Logistic
    regression for massive data with rare events"). It takes the directions of the
    features for alike, and so is near the truth for any classifier.
    """
    return _share_left(p, np.full(len(p), 1 / factor), weights)


def guided_efficiency(
    p: Floats,
    positive: NDArray[np.bool_],
    factor: float,
    weights: Floats,
    floor: float = 0.2,
) -> float:
    r"""Predict the relative efficiency of guided rows with the offset of each row.

    That of :func:`offset_efficiency` with the chance :math:`\pi(x) =
    \mathrm{clip}(\rho p, \phi / k, 1)` of a row in the place of :math:`1 / k`, and
    :math:`\rho` such that it is :math:`1 / k` in the mean of the negatives (Wang, Zhang
    and Wang, 2021).
    """
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
    """Compare the information of positives if negatives are kept by chance."""
    left = np.average((1 - p) * chance / ((1 - p) * chance + p), weights=weights)
    return float(left / np.average(1 - p, weights=weights))


def weights_efficiency(mean_p: float, factor: float) -> float:
    r"""Predict the relative efficiency of logistic regression with weights.

    .. math:: E(k) = 1 / (1 + (k - 1) \bar p)

    with :math:`\bar p` the second of :func:`variance_traces` by the first.
    """
    return 1 / (1 + (factor - 1) * mean_p)


def variance_traces(
    design: Floats,
    p: Floats,
    weights: Floats,
    incoming: Floats,
    penalty: float = 0.0,
) -> tuple[float, float]:
    r"""Give twice the expected excess loss of all rows, and its growth with *k*.

    With rows of incoming weight *v*, each kept whole or dropped, it is

    .. math:: \operatorname{tr}[(A + \Lambda)^{-1} B_k (A + \Lambda)^{-1} A], \quad
        A = \sum v p (1 - p) x x', \quad
        B_k = \sum v^2 p (1 - p) (1 + (k - 1) p) x x'

    with an intercept and the ridge penalty :math:`\Lambda` of the others (variance of
    weighted likelihoods, Horvitz and Thompson, 1952), which is linear in *k*. The sums
    are over all rows; ``weights`` are what those here stand for.
    """
    # Scaling changes no trace, given its penalty; the rank is found more safely.
    scale = design.std(axis=0)
    scale[scale == 0] = 1
    x = np.column_stack([np.ones(len(p)), (design - design.mean(axis=0)) / scale])
    information = weights * p * (1 - p)
    total = information.sum()
    A = (x.T * (information / total)) @ x
    ridge = np.concatenate([[0.0], penalty / total / scale**2])
    inverse = np.linalg.pinv(
        A + np.diag(ridge), rcond=_SMALLEST_EIGENVALUE, hermitian=True
    )
    # tr(M B M A) is the sum of x' M A M x over the terms of B.
    spread = ((x @ (inverse @ A @ inverse)) * x).sum(axis=1) * information / total
    return float(spread @ incoming), float(spread @ (incoming * p))
