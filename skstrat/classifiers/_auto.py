"""Recommend a downsampling factor from the predicted log loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from numbers import Real
from typing import Any

from skstrat._core.compat import InvalidParameterError
from skstrat._core.dask import is_dask
from skstrat._core.estimators import final_estimator, is_linear
from skstrat._core.labels import Labels
from skstrat._core.own_prior import refuse_own_prior
from skstrat._core.samples import CheckedSamples, check_samples
from skstrat._core.targets import seed_of
from skstrat.classifiers._fit_time import predict_seconds
from skstrat.classifiers._learning_curve import measured_share
from skstrat.resamplers._factor import recommend_by, split_majority
from skstrat.resamplers._factor_recommendation import FactorRecommendation
from skstrat.resamplers._pilot import Pilot, run_pilot
from skstrat.resamplers._pilot_columns import shape_of

# A learning curve may take the time of a fit divided by this.
_CURVE_COSTS = 10


def recommend_factor(
    X: Any,
    y: Any,
    estimator: Any = None,
    max_loss: float = 0.01,
    *,
    guided: bool = False,
    sample_weight: Any = None,
    random_state: Any = None,
) -> FactorRecommendation:
    r"""Recommend a factor by which to downsample the most frequent class.

    It is the largest factor whose predicted log loss is at most ``max_loss`` more than
    that of a fit to all rows:

    .. math:: \mathrm{ratio}(k) = 1 + g \, (1 / e(k) - 1)

    Here *g* is the share of the log loss that more rows would remove, and *e* the
    relative efficiency of the rows kept. Both use a pilot of up to 2000 rows of the
    most frequent class and up to 2000 of the others.

    For linear models *g* is computed: :math:`g = d / (2 n L)` with *d* coefficients,
    *n* rows and the log loss *L* of the pilot. With a ridge penalty *d* is the
    effective number of coefficients. With *K* classes it is multiplied by :math:`K -
    1`. Trials on generated data with few positives :math:`n_1` per column gave a
    further factor, :math:`1 + 2 d / n_1`. Incoming weights count by their squares in
    *d* and *e*.

    For other models *g* is measured. Clones of the estimator are fitted on three nested
    parts of the rows and tested on other rows, and :math:`L(m) = a + c / m` is
    extrapolated to all. In two cases 700 parameters are assumed instead. Parts of 50
    positives or more would take over a tenth of the time of the fit to all rows. Or the
    clones cannot be fitted on parts alone, because of an eval set or of unknown
    categories.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Data. Only the rows of the pilot and of the parts are taken. Columns may hold
        text or categories if the estimator reads them.
    y : array-like of shape (n_rows,)
        Labels of two or more classes. Rows of the most frequent class will be dropped;
        all others together are the positives.
    estimator : estimator, default=None
        A classifier with ``predict_proba``, whose clones are given labels 0 and 1. None
        for a logistic regression on standardised columns. The pilot is the estimator
        itself if it is linear, or if X has one dimension, as texts have. Otherwise it
        is a logistic regression with small boosted trees. These are also the pilot
        without an estimator if X is not all finite numbers, and for pipelines that lack
        categories of half the pilot. Steps of a pipeline are fitted to the pilot's rows
        and labels to count columns; where this fails, the columns of X are counted.
    max_loss : float, default=0.01
        The largest share of log loss that may be lost, above 0.
    guided : bool, default=False
        Whether to recommend for the rows of :class:`GuidedDownsample` with the offset
        of each row. If not, it is for random rows, as in :class:`ResampledClassifier`:
        weighted for linear models that take weights, with the prior corrected for
        others.
    sample_weight : array-like of shape (n_rows,), default=None
        Incoming weights, 1 for every row if None. Rows with zero weight are ignored.
        Weights are used in class totals, in the formulas, and in the fits of pilot and
        parts. Only their ratios matter. Rows to be kept are counted without weights.
    random_state : int, Generator, RandomState or None, default=None
        Source of the 64-bit seed of pilot and parts.

    Returns
    -------
    FactorRecommendation
        Factor, predicted efficiency, rows, a table, a plot, and a summary as text.

    Raises
    ------
    ValueError
        If ``max_loss`` is not a positive number or lengths differ. If labels are
        missing or of one class, or weights are negative or not finite. If the estimator
        has its own class weights, or cannot predict one half of the pilot from the
        other.
    TypeError
        If the estimator has no ``predict_proba``, or X or y is a Dask collection.

    See Also
    --------
    DownsampleUpweight : Uses the factor.
    compare_strategies : Measures the effect of a factor on a model.

    Notes
    -----
    With guided rows, :math:`1 / e - 1` is that of a correct pilot. For learners that
    are not linear, a quarter of that of random rows is added, because the pilot is not
    correct.

    Time: the pilot takes less than a tenth of a second with up to 100 columns. For
    linear models it grows with their square, to 0.5 s at 600 columns. Parts are
    measured only where ``max_loss`` limits the factor. They take at most a tenth of the
    time of the fit to all rows, and half of that to the rows kept. Times are predicted,
    so the same seed gives the same result.

    Limits: at least 10,000 rows of the most frequent class, 20 per column and one per
    positive are kept. With fewer than 30 positives, and for a linear model with more
    columns than the pilot has positives, all rows are kept.

    For boosted trees and forests 69 to 1244 parameters were measured. So the range of
    the prediction is that of 100 to 1600.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import recommend_factor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40_000, 3))
    >>> y = (rng.random(40_000) < 0.01 * np.exp(X[:, 0] / 2)).astype(int)
    >>> recommendation = recommend_factor(X, y, random_state=0)
    >>> recommendation.rows < 15_000, recommendation.loss <= 0.01
    (True, True)
    """
    real = isinstance(max_loss, Real)
    if not (real and 0 < float(max_loss) < inf):
        raise ValueError(
            "max_loss must be a positive number, the largest share of log loss that "
            f"may be lost; got {max_loss!r}. 0.01 is the default."
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
    samples = check_samples(X, y, sample_weight)
    seed = seed_of(random_state)
    return recommend_for(estimator, X, samples, guided=guided, seed=seed)(
        float(max_loss)
    )


def recommend_for(
    estimator: Any,
    X: Any,
    samples: CheckedSamples,
    *,
    guided: bool,
    seed: int,
    measures: bool = True,
) -> Callable[[float], FactorRecommendation]:
    """Run a pilot; return a function that recommends a factor for any loss allowed."""
    # measures: whether the estimator can be fitted on parts without fit parameters.
    if estimator is not None:
        refuse_own_prior(estimator, "estimator")
    linear = estimator is None or is_linear(estimator)
    has_columns = len(shape_of(X)) > 1
    split = split_majority(samples.labels)
    pilot = _pilot_for(estimator, X, split, samples, seed, measures=measures)
    n_classes = len(samples.labels.classes)

    def seconds(rows: int) -> float | None:
        # The time to make columns from texts is not known.
        if estimator is None or not has_columns:
            return None
        return predict_seconds(estimator, rows, pilot.numbers, n_classes)

    def cost(rows: int) -> float:
        known = seconds(rows)
        return rows if known is None else known

    by = partial(recommend_by, pilot, split, samples, guided=guided, seconds=seconds)

    def recommend(max_loss: float) -> FactorRecommendation:
        found = by(max_loss)
        if linear or not measures or found.limited_by != "max_loss":
            return found
        # Where few rows are kept anyway, a learning curve can save little time.
        budget = min(cost(found.n_rows) / _CURVE_COSTS, cost(found.rows) / 2)
        share = measured_share(
            estimator, X, split, samples, pilot, cost=cost, budget=budget, seed=seed
        )
        return found if share is None else by(max_loss, estimation_share=share)

    return recommend


def _pilot_for(
    estimator: Any,
    X: Any,
    split: Labels,
    samples: CheckedSamples,
    seed: int,
    *,
    measures: bool,
) -> Pilot:
    """Run the pilot; it is the default one where the estimator needs fit parameters."""
    linear = estimator is None or is_linear(estimator)
    has_columns = len(shape_of(X)) > 1
    # The pilot of guided rows measures how well the classes can be separated. It is
    # cheaper than most learners, but needs columns.
    asked = None if has_columns and not linear else estimator
    seen_by = estimator if measures else None
    run = partial(run_pilot, X, split, samples)
    try:
        return run(asked, seed, linear=linear, seen_by=seen_by)
    except InvalidParameterError:
        raise
    except (TypeError, ValueError) as error:
        if measures or asked is None:
            raise
        if not has_columns:
            raise ValueError(
                'resampler="auto" fits the estimator to some rows, without fit '
                "parameters, if X has one dimension; got "
                f"{type(final_estimator(asked)).__name__}, and "
                f"{str(error).rstrip('. ')}. Give a resampler, such as "
                "DownsampleUpweight(factor=20)."
            ) from error
    return run(None, seed)
