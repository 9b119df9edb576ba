"""Compare strategies on the same folds, and recommend one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skstrat._core.containers import is_lazy, is_no_table, refuse_without_rows
from skstrat._core.dask import is_dask
from skstrat._core.labels import Labels, by_label, encode_labels, one_label_per_row
from skstrat._core.strata import read_row_labels
from skstrat._core.targets import seed_of
from skstrat._core.weights import check_sample_weight
from skstrat.classifiers._own_prior import refuse_unsuited
from skstrat.metrics._measures import describe_measure
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._cross_validation import (
    CrossValidation,
    cross_validate_all,
)
from skstrat.model_selection._scoring import choose_measure, name_scorers
from skstrat.model_selection._strategies import (
    as_strategies,
    choose_factors,
    list_curve,
    list_strategies,
)
from skstrat.resamplers._pilot_columns import shape_of


def compare_strategies(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    strategies: Any = None,
    cv: Any = 5,
    scoring: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    best_by: str | None = None,
    tune_threshold: bool = True,
    learning_curve_by_rows: bool | Iterable[float] = False,
    error_score: Any = np.nan,
    progress: Callable[..., Iterable[Any]] | None = None,
) -> Comparison:
    """Measure an estimator under several strategies against imbalance.

    All strategies have the same outer folds. Only the training part of a fold is
    resampled; the test part has the original rows. The threshold for the F2 score is
    tuned inside the training part, on out-of-fold predictions. Strategies that differ
    only in the correction of the prior share their fits, and have one fit time.

    Parameters
    ----------
    estimator : estimator
        Any classifier with ``predict_proba``, pipelines included. Clones are fitted.
    X : array-like of shape (n_rows, ...)
        Data, whatever the estimator accepts.
    y : array-like of shape (n_rows,)
        Labels of two or more classes. The smallest is the positive class.
    strategies : iterable or mapping, default=None
        :class:`Strategy` objects, resamplers, ``"auto"`` and None, a dict of such by
        name, or a single one. The true distribution is added if it is missing. None for
        common strategies: under-sampling, class weights, downsampling with weights or
        with the prior corrected, oversampling, both. If they suit the estimator,
        ``"auto"`` is added, and with the largest factor :class:`GuidedDownsample` and a
        fit continued to all rows (``full_fit=True``).
    cv : int, cross-validation splitter or iterable of splits, default=5
        An int means stratified, shuffled folds, of whole groups if there are any. None
        means 5. Splits are row numbers or masks.
    scoring : str, list of str, dict of str to scorer, scorer or None, default=None
        Names of :func:`skstrat.metrics.scorers` or of scikit-learn, or scorers by name;
        a single scorer is called ``"score"``. Scorers made with
        ``greater_is_better=False`` are shown as losses, without ``neg_`` before the
        name. For all others more is better. None for :func:`skstrat.metrics.scorers`.
        With more than two classes these have multiclass forms. ROC AUC and average
        precision are one-vs-rest and macro-averaged. Mean probability ratio and
        calibration slope are those of the smallest class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows, used in fitting, in tuning and in scoring.
    groups : array-like of shape (n_rows,), str or int, default=None
        Group of each row, or the column of X that holds it. Rows of one group are on
        one side of every fold, also of those that tune the threshold. Splits inside a
        model's own ``fit`` ignore groups.
    n_jobs : int, default=None
        Number of parallel fits, each in one thread; None means 1. All results except
        times are the same for any number.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the folds and of the strategies that are listed when None are given.
    best_by : str, default=None
        The measure that decides; None for log loss, or else the first of ``scoring``.
    tune_threshold : bool, default=True
        Whether the threshold of two classes is tuned, by three folds inside each
        training part. This is three quarters of the work. The F2 score, thresholds and
        confusion matrices need it.
    learning_curve_by_rows : bool or iterable of float, default=False
        Also measure the estimator on fewer and fewer rows of the biggest class. Give
        the factors, or True for the factors 1, 2, 5, 10, ... that leave it at least as
        large as the smallest class.
    error_score : "raise" or nan, default=nan
        With nan, a strategy that fails has nan for all measures and its error in the
        table. ``"raise"`` raises the error.
    progress : callable, default=None
        Wraps the iterator of fits, with their number as ``total``: ``tqdm.tqdm`` or
        :func:`rich.progress.track`.

    Returns
    -------
    Comparison
        Table, best strategy, recommendation, plots, a page of HTML.

    Raises
    ------
    TypeError
        If the estimator is a class or has no ``predict_proba``, data are not in memory,
        or strategies or scorers have a wrong type.
    UnusedWeightsError
        If a scorer takes no weights and weights are given.
    ValueError
        If the labels, weights, groups, strategies or folds are not usable, or a split
        leaves too few rows of a class. If names of scorers, ``best_by`` or factors of
        the learning curve are not usable. If the estimator resamples inside, is fitted
        already, holds a threshold, or fails on the original rows.

    See Also
    --------
    strategy_grid : Strategies for a grid search.
    skstrat.metrics : The measures.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, compare_strategies
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(5000, 2))
    >>> y = rng.random(5000) < 1 / (1 + np.exp(4 - X[:, 0]))
    >>> few = {"a tenth": DownsampleUpweight(factor=10, random_state=0)}
    >>> model = LogisticRegression()
    >>> comparison = compare_strategies(model, X, y, strategies=few, random_state=0)
    >>> comparison.best_
    'true distribution'
    >>> list(comparison.table_.index)
    ['true distribution', 'a tenth']
    """
    _check_arguments(estimator, error_score)
    _refuse_elsewhere(X=X, y=y, sample_weight=sample_weight, groups=groups)
    labels = encode_labels(one_label_per_row(y))
    weights = check_sample_weight(sample_weight, len(labels.codes))
    if groups is not None:
        groups = read_row_labels(groups, X, y, None, "groups").codes
    seed = seed_of(random_state) % 2**32
    tuned = tune_threshold and len(labels.classes) == 2
    scoring = name_scorers(scoring, labels, tuned=tuned, weighted=weights is not None)
    best_by = choose_measure(best_by, scoring)
    if strategies is None:
        suits = {"estimator": estimator, "has_columns": len(shape_of(X)) == 2}
        factors = choose_factors(labels.counts)
        listed = list_strategies(factors, random_state=seed, **suits)
    else:
        listed = as_strategies(strategies)
    curve = list_curve(labels.counts, learning_curve_by_rows, seed)
    splits, fewest = _split(cv, X, labels, groups, weights, seed, least=1 + tuned)
    cross_validation = CrossValidation(
        splits,
        scoring,
        positive=labels.classes[labels.counts.argmin()] if tuned else None,
        seed=seed,
        sample_weight=weights,
        groups=groups,
        inner_folds=min(fewest, 3),
    )
    needing = [name for name in scoring if describe_measure(name).needs_threshold]
    rest = {name: each for name, each in scoring.items() if name not in needing}
    untuned = replace(cross_validation, scoring=rest, positive=None)
    outcomes = cross_validate_all(
        [(cross_validation, s) for s in listed] + [(untuned, s) for s in curve],
        estimator,
        X,
        labels,
        n_jobs=n_jobs,
        error_score=error_score,
        progress=progress,
    )
    found = tuple(outcomes[: len(listed)]), tuple(outcomes[len(listed) :])
    return Comparison(estimator, *found, cross_validation, labels, best_by)


def _check_arguments(estimator: Any, error_score: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(
            "estimator must be an object, with its parameters; got the class "
            f"{estimator.__name__}. Give {estimator.__name__}()."
        )
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            "estimator must have predict_proba, because probabilities are compared; "
            f"got {estimator!r}. Wrap it in CalibratedClassifierCV."
        )
    refuse_unsuited(estimator)
    is_nan = isinstance(error_score, Real) and np.isnan(float(error_score))
    if not is_nan and error_score != "raise":
        raise ValueError(
            'error_score must be "raise" or nan, because a strategy that fails has no '
            f"measures; got {error_score!r}."
        )


def _refuse_elsewhere(**data: Any) -> None:
    for name, each in data.items():
        refuse_without_rows(each, name)
        if is_dask(each):
            kind, remedy = "a Dask collection", f"Call {name}.compute() first"
        elif is_lazy(each):
            kind, remedy = "rows of files", f"Call {name}.take_rows(rows) first"
        elif name == "X" and is_no_table(each):
            kind, remedy = type(each).__name__, "Make a data frame of it, or an array"
        else:
            continue
        raise TypeError(
            f"{name} must be an array, a list or a table in memory, of which folds can "
            f"take rows; got {kind}. {remedy}."
        )


def _split(
    cv: Any,
    X: Any,
    labels: Labels,
    groups: Any,
    weights: Any,
    seed: int,
    *,
    least: int,
) -> tuple[list[Any], int]:
    """Compute the folds once; return them, and the fewest training rows of a class."""
    n, codes = len(labels.classes), labels.codes.astype(np.int64)
    kind = "rows" if groups is None else "groups"
    folds = 5 if cv is None else cv
    given = int(folds) if isinstance(folds, Integral) else type(folds).__name__

    def count(rows: NDArray[np.intp]) -> NDArray[np.int64]:
        kept = rows if weights is None else rows[weights[rows] > 0]
        if groups is None:
            return np.bincount(codes[kept], minlength=n)
        return np.bincount(np.unique(codes[kept] + n * groups[kept]) % n, minlength=n)

    def check(train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
        if train.min() < least or test.min() < 1:
            raise ValueError(
                f"cv must leave {least} or more {kind} of each class to train on, and "
                f"1 to test on; got cv={given} for {by_label(labels.classes, counts)}. "
                f"It leaves {by_label(labels.classes, train)} to train on, and "
                f"{by_label(labels.classes, test)} to test on. Use fewer folds, or "
                "leave the class out."
            )

    strata, counts = codes, count(np.arange(len(codes)))
    if isinstance(given, int) and given > 1:
        check(counts - -(-counts // given), counts // given)
        splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
        folds = splitter(given, shuffle=True, random_state=seed)
        # So that no fold has only rows of zero weight.
        strata = codes + n * (weights == 0)
    with warnings.catch_warnings():
        # These conditions are checked below.
        warnings.filterwarnings("ignore", "The groups parameter is ignored")
        warnings.filterwarnings("ignore", "The least populated class in y has only")
        splits = _read_splits(folds, X, strata, groups)
    if len(splits) < 2:
        raise ValueError(
            "cv must give at least two splits, to estimate standard errors; got "
            f"{len(splits)}."
        )
    for train, test in splits:
        check(count(train), count(test))
        if groups is not None and np.isin(groups[test], groups[train]).any():
            raise ValueError(
                "cv must have all rows of a group on one side of each split; got "
                f"{given}, which divides a group. Give a number of folds."
            )
    return splits, min(int(count(train).min()) for train, _ in splits)


def _read_splits(folds: Any, X: Any, y: Any, groups: Any) -> list[Any]:
    if hasattr(folds, "split") and not isinstance(folds, (str, type)):
        folds = list(folds.split(X, y, groups))
    rows = np.arange(len(y))
    try:
        return [(rows[np.asarray(fit)], rows[np.asarray(ask)]) for fit, ask in folds]
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            "cv must be a number of folds, 2 or more, a splitter, or pairs of training "
            f"and test rows; got {folds!r:.60}: {error}. Rows are numbers from 0 to "
            f"{len(y) - 1} or masks of {len(y)}."
        ) from error
