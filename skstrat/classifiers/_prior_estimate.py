"""Estimate the class shares of unlabelled rows from a model's predictions."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from skstrat._core.prior import check_prior, check_probabilities
from skstrat._core.weights import Floats
from skstrat.exceptions import CalibrationWarning

# With a prior this far off mean predictions are outside 0.8 to 1.25 of the true share.
_LEAST_CERTAIN = 0.25
# Labelled rows would give less than half the error, so a quarter of them would do.
_LOST_BY_OVERLAP = 2.0
# More rows than these are resampled by parts of so many.
_PART, _DRAWS_PER_PART = 50_000, 10
_MOST_STEPS, _LEAST_CHANGE = 100, 0.1
# Squared length of a last step, in standard errors of one row: the next is its square.
_CONVERGED = 1e-14
# The same in standard errors of all rows, which is enough for a resample.
_LITTLE_CHANCE = 1e-4
# Rounding in float32 is larger than this for a class that no row distinguishes.
_SINGULAR, _NO_MOVE = 1e-12, 1e-2


@dataclass(frozen=True, eq=False)
class PriorEstimate:
    """Estimated shares of the classes, and their standard errors.

    Made by :func:`estimate_prior`.

    Parameters
    ----------
    prior : ndarray of shape (n_classes,)
        Share of each class; they sum to 1. They can be used as ``target_prior`` if none
        is 0.
    standard_error : ndarray of shape (n_classes,)
        Standard error of each share; inf where the probabilities do not determine it.

    Examples
    --------
    >>> from skstrat import estimate_prior
    >>> p = [0.1] * 700 + [0.9] * 300
    >>> print(estimate_prior(p, train_prior=[1, 1], random_state=0))
    class 0: 0.75 ± 0.02
    class 1: 0.25 ± 0.02
    """

    prior: Floats
    standard_error: Floats

    def __str__(self) -> str:
        pairs = zip(self.prior, self.standard_error, strict=True)
        return "\n".join(
            f"class {place}: {_with_error(share, error)}"
            for place, (share, error) in enumerate(pairs)
        )


def _with_error(share: float, error: float) -> str:
    """Format a share to the digits that its error allows."""
    if not 0 < error < np.inf:
        return f"{share:.4g} ± {error:g}"
    places = -math.floor(math.log10(error))
    return f"{share:.{places}f} ± {error:.{places}f}"


def estimate_prior(
    p_unlabelled: Any,
    train_prior: Any,
    *,
    n_bootstraps: int = 200,
    random_state: Any = None,
) -> PriorEstimate:
    r"""Estimate the shares of the classes among unlabelled rows.

    If the rows within each class have not changed, predictions for new rows show how
    frequent the class is now. The estimate maximises the likelihood of the mixture
    (Saerens, Latinne and Decaestecker, 2002),

    .. math:: \sum_i \log \sum_c \pi_c \, p_{ic} / \rho_c

    with *p* the probabilities, :math:`\rho` the prior that they are calibrated for and
    :math:`\pi` the new one. The EM algorithm of that paper converges to the same point.
    Newton steps are used here, because EM takes thousands where classes overlap.

    Parameters
    ----------
    p_unlabelled : array-like of shape (n_rows, n_classes) or (n_rows,)
        Predicted probabilities of new rows. One dimension holds those of the second of
        two classes. The rows must not have been trained on.
    train_prior : array-like of shape (n_classes,)
        Share, rows or total weight of each class for which the probabilities are
        calibrated. For a classifier of this package that is its ``target_prior_``.
    n_bootstraps : int, default=200
        Resamples for the standard error, at least 2.
    random_state : int, Generator or None, default=None
        Seed of the resamples.

    Returns
    -------
    PriorEstimate
        ``prior`` and ``standard_error`` of each class; ``print`` shows them.

    Raises
    ------
    ValueError
        If shapes do not fit, a prior or a probability is impossible, or there is no
        row.

    Warns
    -----
    CalibrationWarning
        If the classes overlap too much for an estimate: the standard error of a class
        is above a quarter of its share. It must also be above twice that of as many
        rows with labels, :math:`\sqrt{\pi_c (1 - \pi_c) / n}`.

    See Also
    --------
    correct_prior : Corrects probabilities to the prior found.
    ResampledClassifier : Predicts for it with ``target_prior=``.

    Notes
    -----
    The standard error is that of the Bayesian bootstrap (Rubin, 1981): rows get random
    weights, and the likelihood is maximised again. From 100,000 rows on, each resample
    weights a random part of 50,000 rows as if it represented all. The variances within
    the parts are averaged. This is the bag of little bootstraps (Kleiner, Talwalkar,
    Sarkar and Jordan, 2014). The standard error is 0 for a class with share 0 in every
    resample. It measures chance alone. The estimate also changes if probabilities are
    not calibrated, or if rows within a class have changed. These errors may be larger,
    most of all where classes overlap.

    Examples
    --------
    Trained where 2 % are positive, used where 6 % are:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import ResampledClassifier, estimate_prior
    >>> rng = np.random.default_rng(0)
    >>> y, y_new = rng.random(50_000) < 0.02, rng.random(20_000) < 0.06
    >>> X, X_new = (rng.normal(size=(len(b), 2)) + 1.5 * b[:, None] for b in (y, y_new))
    >>> model = ResampledClassifier(LogisticRegression()).fit(X, y)
    >>> p = model.predict_proba(X_new)
    >>> found = estimate_prior(p, model.target_prior_, random_state=0)
    >>> print(found)
    class 0: 0.942 ± 0.003
    class 1: 0.058 ± 0.003
    >>> model.target_prior = found.prior
    >>> before, after = p[:, 1].mean(), model.predict_proba(X_new)[:, 1].mean()
    >>> print(f"{y_new.mean():.3f}: before {before:.3f}, now {after:.3f}")
    0.057: before 0.029, now 0.058
    """
    trained = check_prior("train_prior", train_prior)
    p = check_probabilities("p_unlabelled", p_unlabelled, len(trained))
    if len(p) == 0:
        raise ValueError("p_unlabelled must hold at least one row; got none.")
    if not (isinstance(n_bootstraps, Integral) and n_bootstraps >= 2):
        raise ValueError(
            f"n_bootstraps must be a whole number from 2 on; got {n_bootstraps!r}. "
            "200 give the standard error within about 5 %."
        )
    shares = trained / trained.sum()
    ratios = _ratios(p, shares)
    weights = np.full(len(p), 1 / len(p))
    prior = _maximise(ratios, weights, shares, _CONVERGED)
    error = _bootstrap_error(ratios, prior, n_bootstraps, random_state)
    error[_is_unknown(ratios, weights, prior)] = np.inf
    by_labels = np.sqrt(prior * (1 - prior) / len(p))
    most = np.maximum(_LEAST_CERTAIN * prior, _LOST_BY_OVERLAP * by_labels)
    if (error > most).any():
        warnings.warn(
            "The classes overlap too much for p_unlabelled to tell how frequent each "
            "is. Give more rows, or use a model that separates the classes better. Or "
            "label some of these rows at random and take the shares among them. "
            "Uncertain classes have a large standard_error.",
            CalibrationWarning,
            stacklevel=2,
        )
    return PriorEstimate(prior, error)


def _ratios(p: Floats, shares: Floats) -> Floats:
    """Return probability over share, of shape (n_classes, n_rows)."""
    columns = p.T if p.ndim == 2 else np.stack([1 - np.minimum(p, 1), p])
    return np.ascontiguousarray(columns) / shares[:, None]


def _maximise(
    ratios: Floats, weights: Floats, prior: Floats, tolerance: float
) -> Floats:
    """Maximise the likelihood of a mixture; weights sum to 1."""
    # The sum of the shares is subtracted from the objective instead of being fixed at
    # 1, and it is 1 at the maximum. Each Newton step is a least-squares problem with
    # shares that are not negative (Kim, Carbonetto, Stephens and Anitescu, 2020).
    density = prior @ ratios
    for _ in range(_MOST_STEPS):
        gain, hessian = _gain_and_hessian(ratios / density, weights)
        # Equal columns would make it singular; this does not change the maximum.
        hessian += _SINGULAR * np.diag(hessian).max() * np.eye(len(prior))
        root = cholesky(hessian, lower=True)
        target = solve_triangular(root, hessian @ prior + gain - 1, lower=True)
        step = nnls(root.T, target)[0] - prior
        length = step @ hessian @ step
        while length > tolerance:
            change = 1 + step @ ratios / density
            # The quadratic approximation fails where a density falls by so much.
            near = change.min() > _LEAST_CHANGE
            if near and weights @ np.log(change) >= step.sum():
                break
            step, length = step / 2, length / 4
        prior = prior + step
        if length <= tolerance:
            break
        density = prior @ ratios
    return prior / prior.sum()


def _gain_and_hessian(scaled: Floats, weights: Floats) -> tuple[Floats, Floats]:
    return scaled @ weights, (scaled * weights) @ scaled.T


def _bootstrap_error(
    ratios: Floats, prior: Floats, n_bootstraps: int, random_state: Any
) -> Floats:
    # A derived generator, so that a seed that drew the data does not repeat that draw.
    rng = np.random.default_rng(np.random.default_rng(random_state).integers(2**63))
    n_rows = ratios.shape[1]
    size = n_rows if n_rows < 2 * _PART else _PART
    n_parts = max(1, min(n_rows // size, n_bootstraps // _DRAWS_PER_PART))
    order = rng.permutation(n_rows)
    variances = []
    for part, draws in enumerate(np.array_split(np.arange(n_bootstraps), n_parts)):
        rows = ratios[:, order[part * size : (part + 1) * size]]
        found = []
        for _ in draws:
            weights = rng.standard_gamma(n_rows / size, size)
            weights /= weights.sum()
            found.append(_maximise(rows, weights, prior, _LITTLE_CHANCE / n_rows))
        variances.append(np.var(found, axis=0, ddof=1))
    error: Floats = np.sqrt(np.mean(variances, axis=0))
    return error


def _is_unknown(ratios: Floats, weights: Floats, prior: Floats) -> NDArray[np.bool_]:
    _, hessian = _gain_and_hessian(ratios / (prior @ ratios), weights)
    scale = np.sqrt(np.diag(hessian))
    known = scale == 0
    scale[known] = 1
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale) + np.diag(known))
    moves = np.abs(vectors[:, values < _SINGULAR])
    unknown: NDArray[np.bool_] = (moves > _NO_MOVE).any(axis=1)
    return unknown
