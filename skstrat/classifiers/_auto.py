"""How far to downsample, from a small pilot: as far as the efficiency allows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from math import ceil
from numbers import Real
from typing import Any

import numpy as np

from skstrat._core.dask import is_dask
from skstrat._core.labels import Labels, encode_labels
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.targets import seed_of
from skstrat._core.weights import check_sample_weight, class_totals, counted_rows
from skstrat.resamplers._factor import (
    mean_leverage_probability,
    offset_efficiency,
    weights_efficiency,
)
from skstrat.resamplers._factor_recommendation import (
    LEAST_RATIO,
    FactorRecommendation,
    Limit,
)
from skstrat.resamplers._pilot import run_pilot

Efficiency = Callable[[float], float]

_LEAST_ROWS = 1000
_ROWS_PER_COLUMN = 20
_SERIES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


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
        The masses of the classes, negatives per positive, the sums of the formulas and
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
    _check_target(target_efficiency)
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
    labels, weights, counted = _rows_that_count(X, y, sample_weight)
    majority = int(labels.counts.argmax())
    split = _split(labels, majority)
    seed = seed_of(random_state)
    pilot = run_pilot(X, split, weights, counted, estimator, seed)
    odds_of, worth = pilot.p[pilot.positive], pilot.weights[pilot.positive]
    with_offset = partial(offset_efficiency, odds_of, weights=worth)
    with_weights: Efficiency | None = None
    if pilot.design is not None:
        mean_p = mean_leverage_probability(pilot.design, pilot.p, pilot.weights)
        with_weights = partial(weights_efficiency, mean_p)
    decides: Efficiency = with_weights or with_offset
    n0, n1 = split.counts.tolist()
    ratio = np.divide(*class_totals(split, weights)).item()
    kept, limited_by = choose_rows(
        decides, float(target_efficiency), n0, ratio, pilot.n_columns
    )
    factors = _factors(ratio)
    return FactorRecommendation(
        factor=n0 / kept,
        efficiency=decides(n0 / kept),
        rows=n1 + kept,
        limited_by=limited_by,
        target_efficiency=float(target_efficiency),
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


def _check_target(target_efficiency: Any) -> None:
    real = isinstance(target_efficiency, Real)
    if not (real and 0 < float(target_efficiency) <= 1):
        raise ValueError(
            "target_efficiency must be a number in (0, 1], the least efficiency that "
            f"shall be left; got {target_efficiency!r}. 0.9 is the default."
        )


def _rows_that_count(X: Any, y: Any, sample_weight: Any) -> Any:
    """Encode the labels; leave out rows of zero weight."""
    labels = encode_labels(y)
    n_rows = count_rows(X)
    if n_rows != len(labels.codes):
        raise ValueError(
            "X and y must have one row each per example; got "
            f"{n_rows} rows in X and {len(labels.codes)} in y."
        )
    weights = check_sample_weight(sample_weight, n_rows)
    counted = counted_rows(weights)
    if weights is None or counted is None:
        return labels, weights, None
    return encode_labels(take_rows(y, counted)), weights[counted], counted


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
