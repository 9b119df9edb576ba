"""How far to downsample, from a small pilot: as far as the efficiency allows."""

from __future__ import annotations

from numbers import Real
from typing import Any

from skstrat._core.dask import is_dask
from skstrat._core.samples import check_samples
from skstrat._core.targets import seed_of
from skstrat.resamplers._factor import recommend
from skstrat.resamplers._factor_recommendation import FactorRecommendation


def recommend_factor(
    X: Any,
    y: Any,
    estimator: Any = None,
    target_efficiency: float = 0.9,
    *,
    sample_weight: Any = None,
    random_state: Any = None,
) -> FactorRecommendation:
    r"""Recommend a factor by which to downsample the most frequent class.

    A pilot of up to 2000 rows of the other classes and as many of the most frequent
    one tells how well the classes can be told apart, and so what efficiency would be
    left: the better they can, the more is lost, since only few negatives are like
    positives. With the prior corrected it is, over the positive rows with odds *o*,

    .. math:: E(k) = \sum \frac{1}{1 + k o} \Big/ \sum \frac{1}{1 + o}

    and with weights :math:`E(k) = d / \operatorname{tr}(A^{-1} B_k)` with the
    information :math:`A = \sum v p (1 - p) x x'` and the variance :math:`B_k = \sum v
    (p (1 - p)^2 + k p^2 (1 - p)) x x'` of the *d* coefficients of a logistic
    regression (Horvitz and Thompson, 1952; Wang, 2020). An efficiency of .9 is that
    of a random nine tenths of all rows, both classes alike. The factor is the
    largest with the efficiency asked for that leaves 5 negatives per positive and of
    the most frequent class 1000 rows and 20 per column.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Data. Only the rows of the pilot are taken; all columns are used.
    y : array-like of shape (n_rows,)
        Labels of two or more classes. Of the most frequent class rows will be
        dropped; all others together are the positives, and the efficiency is that of
        telling it from them, not them from each other.
    estimator : estimator, default=None
        A classifier with ``predict_proba``. Clones predict each half of the pilot from
        the other, its labels being 0 and 1. None for a logistic regression on
        standardised columns, or boosted trees if X is not all finite numbers. For
        linear models weights decide, for others the prior correction, as in
        :class:`ResampledClassifier`, and also where the efficiency with weights is
        not known, which may then be less.
    target_efficiency : float, default=0.9
        The least efficiency that shall be left, in (0, 1].
    sample_weight : array-like of shape (n_rows,), default=None
        Incoming weights, 1 for every row if None; a row of zero weight is not there.
        The totals of the classes, negatives per positive, the sums of the formulas and
        the fit of the pilot use them; the rows to be kept are counted. Their unit does
        not matter.
    random_state : int, Generator, RandomState or None, default=None
        Where the 64-bit seed of the pilot comes from.

    Returns
    -------
    FactorRecommendation
        Factor, predicted efficiency, rows, table, picture, and one sentence as text.

    Raises
    ------
    ValueError
        If ``target_efficiency`` is not in (0, 1], lengths differ, labels are missing
        or of one class, fewer than two rows are of the most frequent class or of the
        others, weights are negative or not finite, or the estimator has class weights
        of its own.
    TypeError
        If the estimator has no ``predict_proba``, or X or y is a Dask collection.

    See Also
    --------
    DownsampleUpweight : Uses the factor.
    compare_strategies : Measures what a factor does to a model.

    Notes
    -----
    For logistic regression on 1 % positives and a factor of 20, predictions from
    pilots of 500 positives and more were on average within .05 of the efficiencies
    found by many fits; with 100 positives they miss by .1 now and then. They are for a
    model that is about right: what a factor does to a wrong one, or to trees, is for
    :func:`compare_strategies` to measure.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import recommend_factor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40_000, 3))
    >>> y = (rng.random(40_000) < 0.01 * np.exp(X[:, 0] / 2)).astype(int)
    >>> recommendation = recommend_factor(X, y, random_state=0)
    >>> recommendation.rows < 10_000, round(recommendation.efficiency, 2)
    (True, 0.9)
    """
    real = isinstance(target_efficiency, Real)
    if not (real and 0 < float(target_efficiency) <= 1):
        raise ValueError(
            "target_efficiency must be a number in (0, 1], the least efficiency that "
            f"shall be left; got {target_efficiency!r}. 0.9 is the default."
        )
    if estimator is not None and not hasattr(estimator, "predict_proba"):
        raise TypeError(
            "estimator must have predict_proba, because odds are predicted; got "
            f"{estimator!r}. Leave it out, or wrap it in CalibratedClassifierCV."
        )
    if is_dask(X) or is_dask(y):
        raise TypeError(
            "X and y must be in memory; got a Dask collection. Give a random part of "
            "its rows, such as some of its partitions, computed."
        )
    return recommend(
        X,
        check_samples(X, y, sample_weight),
        estimator,
        float(target_efficiency),
        seed=seed_of(random_state),
    )
