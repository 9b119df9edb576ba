r"""How much of the information is left when only a fraction of a class is kept.

Of a class that is downsampled by *k*, logistic regression with the prior corrected
learns :math:`\sum 1 / (1 + k o)` over the rows of the others, *o* being their odds
(Scott and Wild, 1986; Wang, 2020), and with weights it has the variance
:math:`A^{-1} B_k A^{-1}` of Horvitz and Thompson's estimators (1952).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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


def relative_efficiency_bound(n1: float, n0: float, factor: float) -> float:
    r"""Bound the efficiency that is left, from the class sizes alone.

    .. math:: E(k) \le \frac{1 / n_1 + 1 / n_0}{1 / n_1 + k / n_0}

    It is reached if the features tell nothing of the class (for ever more negatives
    the *r* / (*r* + 1) rule of Ury, 1975); with strong features it is off by up to .6,
    so no factor is chosen by it.
    """
    return (1 / n1 + 1 / n0) / (1 / n1 + factor / n0)


def kish_ess(weights: Any) -> float:
    r"""Give the effective sample size :math:`(\sum w)^2 / \sum w^2` (Kish, 1965).

    It holds for rows that are alike but for their weights, so within a class. Over all
    rows after downsampling it halves at a factor of 2, where next to nothing is lost.
    """
    values = np.asarray(weights, dtype=np.float64)
    values = values / values.max()
    return float(values.sum() ** 2 / (values**2).sum())
