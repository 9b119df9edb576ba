"""Predictions under one prior turned into predictions under another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

Floats = NDArray[np.float64]

# The rounding of probabilities in half precision, and no more.
_ROW_SUM = 1e-2


def prior_shift(trained_mass: Any, original_mass: Any) -> Floats:
    """Give the log ratio of the classes' original and trained masses."""
    masses = {"trained_mass": trained_mass, "original_mass": original_mass}
    for name, mass in masses.items():
        masses[name] = values = np.asarray(mass, dtype=np.float64)
        if values.ndim != 1 or len(values) < 2:
            raise ValueError(
                f"{name} must have shape (n_classes,) with at least two classes; got "
                f"shape {values.shape}."
            )
        if not ((values > 0) & (values < np.inf)).all():
            raise ValueError(f"{name} must be positive and finite; got {mass!r}.")
    trained, original = masses.values()
    if trained.shape != original.shape:
        raise ValueError(
            "trained_mass and original_mass must have one value per class each; got "
            f"{len(trained)} and {len(original)}."
        )
    shift: Floats = np.log(original) - np.log(trained)
    return shift - shift[0]


def correct_prior(proba: Any, trained_mass: Any, original_mass: Any) -> Floats:
    r"""Turn probabilities learned under one prior into those under another.

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the model's probabilities, *m* the mass of each class it was trained on
    and *M* the mass in the distribution wanted (Elkan, 2001; Saerens, Latinne and
    Decaestecker, 2002; for under-sampling Dal Pozzolo et al., 2015). It is exact if
    the rows trained on are random samples of their classes.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_classes) or (n_rows,)
        Predicted probabilities; one dimension holds those of the second of two
        classes.
    trained_mass : array-like of shape (n_classes,)
        Rows or total weight of each class that the model was trained on.
    original_mass : array-like of shape (n_classes,)
        Rows or total weight of each class in the distribution wanted. Only ratios
        matter in either.

    Returns
    -------
    ndarray of the shape of proba
        Corrected probabilities, float64; 0 stays 0 and 1 stays 1.

    Raises
    ------
    ValueError
        If shapes do not fit, or a mass or a probability is impossible.

    Examples
    --------
    A model trained on 10 negatives per positive, used where there are 200:

    >>> from skstrat import correct_prior
    >>> correct_prior([0.5, 0.9], trained_mass=[10, 1], original_mass=[200, 1]).round(3)
    array([0.048, 0.31 ])
    """
    shift = prior_shift(trained_mass, original_mass)
    values = np.asarray(proba, dtype=np.float64)
    expected = {1: (2,), 2: values.shape[1:]}.get(values.ndim)
    if expected != (len(shift),):
        raise ValueError(
            "proba must have shape (n_rows, n_classes), or (n_rows,) for two classes; "
            f"got shape {values.shape} for {len(shift)} classes."
        )
    # Probabilities computed in float32 may pass 1 by a rounding.
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise ValueError(
            "proba must lie in [0, 1]; got values from "
            f"{values.min()} to {values.max()}."
        )
    if values.ndim == 2 and (np.abs(values.sum(axis=1) - 1) > _ROW_SUM).any():
        raise ValueError(
            "proba must sum to 1 in every row; got sums from "
            f"{values.sum(axis=1).min()} to {values.sum(axis=1).max()}."
        )
    if values.ndim == 1:
        return np.asarray(expit(logit(np.minimum(values, 1)) + shift[1]))
    with np.errstate(divide="ignore"):
        return np.asarray(softmax(np.log(values) + shift, axis=1))
