"""The focal loss as an objective of the boosting libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from skstrat._focal import Floats, FocalLoss

Objective = Callable[..., tuple[Floats, Floats]]


def xgboost_objective(loss: FocalLoss) -> Objective:
    """Make an objective for XGBoost's scikit-learn classes.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, sample_weight=None)`` that gives gradient and
        :meth:`FocalLoss.positive_hessian`, weights multiplied in: XGBoost leaves that
        to the objective. It can be pickled.

    Raises
    ------
    TypeError
        If ``loss`` is no FocalLoss.

    See Also
    --------
    FocalLossClassifier : Also starts from the prior and gives probabilities.

    Notes
    -----
    XGBoost starts a custom objective from ``base_score=0.5``, a raw score of 0,
    whatever the data. Read raw scores by ``predict(X, output_margin=True)`` and turn
    them by :meth:`FocalLoss.probability`; ``predict_proba`` takes the plain sigmoid.

    Examples
    --------
    >>> from skstrat import FocalLoss, xgboost_objective
    >>> objective = xgboost_objective(FocalLoss(gamma=0.0))
    >>> gradient, hessian = objective([0, 1], [0.0, 0.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -0.5], [0.25, 0.25])
    """
    return partial(_objective, _checked(loss))


def lightgbm_objective(loss: FocalLoss) -> Objective:
    """Make an objective for LightGBM's scikit-learn classes.

    Parameters
    ----------
    loss : FocalLoss
        The loss.

    Returns
    -------
    callable
        ``objective(y_true, y_pred, weight)`` that gives gradient and
        :meth:`FocalLoss.positive_hessian`, weights multiplied in: LightGBM leaves that
        to the objective. It can be pickled.

    Raises
    ------
    TypeError
        If ``loss`` is no FocalLoss.

    See Also
    --------
    FocalLossClassifier : Also starts from the prior and gives probabilities.

    Notes
    -----
    LightGBM starts a custom objective from a raw score of 0, unless ``fit`` is given
    ``init_score``, which must be added again to every prediction. Read raw scores by
    ``predict(X, raw_score=True)`` and turn them by :meth:`FocalLoss.probability`.

    Examples
    --------
    >>> from skstrat import FocalLoss, lightgbm_objective
    >>> objective = lightgbm_objective(FocalLoss(gamma=0.0))
    >>> gradient, hessian = objective([0, 1], [0.0, 0.0], [1.0, 3.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -1.5], [0.25, 0.75])
    """
    return partial(_objective, _checked(loss))


def _objective(
    loss: FocalLoss, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[Floats, Floats]:
    # Both libraries use what they get as it is, so the weights must be in it.
    y_true = np.asarray(y_true)
    gradient, hessian = loss.derivatives(y_true, np.reshape(y_pred, y_true.shape))
    if sample_weight is None:
        return gradient, hessian
    weight = np.asarray(sample_weight, dtype=np.float64)
    return gradient * weight, hessian * weight


def _checked(loss: FocalLoss) -> FocalLoss:
    if not isinstance(loss, FocalLoss):
        raise TypeError(
            f"loss must be a FocalLoss; got {loss!r}. Write FocalLoss(gamma=...)."
        )
    return loss
