"""Correct predictions under one prior to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

Floats = NDArray[np.float64]

# Allows for the rounding of probabilities in half precision.
_ROW_SUM = 1e-2


class NotProbabilitiesError(ValueError):
    """Predictions are no probabilities of the classes."""


def check_prior(name: str, given: Any, classes: Any = None) -> Floats:
    """Check a prior, and sort one by label into the order of the classes."""
    values = _in_order(name, given, classes)
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must hold a number for each class; got {given!r}. Give shares or "
            "rows, as in [0.99, 0.01]."
        ) from error
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"{name} must have shape (n_classes,) with at least two classes; got "
            f"shape {values.shape}."
        )
    if classes is not None and len(values) != len(classes):
        raise ValueError(
            f"{name} must hold one value for each class of {_listed(classes)}, in this "
            f"order; got {len(values)} values: {given!r}."
        )
    if not ((values > 0) & (values < np.inf)).all():
        raise ValueError(
            f"{name} must be positive and finite; got {given!r}. Give a rare class a "
            "small share."
        )
    return values


def _in_order(name: str, given: Any, classes: Any) -> Any:
    """Return the values of a dict or pandas Series in the order of the classes."""
    by_label = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(by_label, Mapping):
        return given
    if classes is None:
        raise ValueError(
            f"{name} must be an array where no classes are known; got {given!r}. Give "
            "its values in the order of the probabilities."
        )
    labels = _listed(classes)
    if set(by_label) != set(labels):
        raise ValueError(
            f"{name} must name every class of {labels}, and no other; got "
            f"{list(by_label)}. Give shares or rows by label, or an array of them in "
            "the order of the classes."
        )
    return [by_label[label] for label in labels]


def _listed(classes: Any) -> list[Any]:
    listed: list[Any] = np.asarray(classes).tolist()
    return listed


def prior_shift(train_prior: Any, target_prior: Any) -> Floats:
    """Return the log ratio of target and train prior, minus that of the first class."""
    train = check_prior("train_prior", train_prior)
    target = check_prior("target_prior", target_prior)
    if train.shape != target.shape:
        raise ValueError(
            "train_prior and target_prior must have one value per class each; got "
            f"{len(train)} and {len(target)}."
        )
    shift: Floats = np.log(target) - np.log(train)
    return shift - shift[0]


def check_probabilities(
    name: str, given: Any, n_classes: int, *, remedy: str = ""
) -> Floats:
    """Check predicted probabilities; of two classes one dimension is enough."""
    values = np.asarray(given, dtype=np.float64)
    expected = {1: (2,), 2: values.shape[1:]}.get(values.ndim)
    if expected != (n_classes,):
        raise NotProbabilitiesError(
            f"{name} must have shape (n_rows, n_classes), or (n_rows,) for two "
            f"classes; got shape {values.shape} for {n_classes} classes.{remedy}"
        )
    # Probabilities computed in float32 may exceed 1 by rounding.
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise NotProbabilitiesError(
            f"{name} must lie in [0, 1]; got values from {values.min()} to "
            f"{values.max()}.{remedy}"
        )
    if values.ndim == 2 and (np.abs(values.sum(axis=1) - 1) > _ROW_SUM).any():
        raise NotProbabilitiesError(
            f"{name} must sum to 1 in every row; got sums from "
            f"{values.sum(axis=1).min()} to {values.sum(axis=1).max()}.{remedy}"
        )
    return values


def correct_prior(p: Any, *, train_prior: Any, target_prior: Any) -> Floats:
    r"""Correct probabilities from one prior to another.

    .. math:: \log p_c = \log q_c + \log(\pi_c / \rho_c) + \text{const}

    with *q* the model's probabilities (Elkan, 2001; Saerens, Latinne and Decaestecker,
    2002). :math:`\rho` is the prior that the model was trained on, and :math:`\pi` the
    one where it is used. For under-sampling see Dal Pozzolo et al. (2015). It is exact
    if the rows trained on are random samples of their classes.

    Parameters
    ----------
    p : array-like of shape (n_rows, n_classes) or (n_rows,)
        Predicted probabilities; one dimension holds those of the second of two
        classes.
    train_prior : array-like of shape (n_classes,)
        Share, rows or total weight of each class that the model was trained on.
    target_prior : array-like of shape (n_classes,)
        The same where the model is used. Only ratios matter in both.

    Returns
    -------
    ndarray of the shape of p
        Corrected probabilities, float64; 0 stays 0 and 1 stays 1.

    Raises
    ------
    ValueError
        If shapes do not fit, or a prior or a probability is impossible.

    Examples
    --------
    A model trained on 10 negatives per positive, used where there are 200:

    >>> from skstrat import correct_prior
    >>> correct_prior([0.5, 0.9], train_prior=[10, 1], target_prior=[200, 1]).round(3)
    array([0.048, 0.31 ])
    """
    shift = prior_shift(train_prior, target_prior)
    return shift_probabilities(check_probabilities("p", p, len(shift)), shift)


def shift_probabilities(values: Floats, shift: Floats) -> Floats:
    """Add to the log probabilities and normalise."""
    if values.ndim == 1:
        return np.asarray(expit(logit(np.minimum(values, 1)) + shift[1]))
    with np.errstate(divide="ignore"):
        return np.asarray(softmax(np.log(values) + shift, axis=1))
