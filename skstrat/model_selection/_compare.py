"""Which strategy is best here: all of them on the same folds, and what to conclude."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold, check_cv

from skstrat._core.containers import is_hugging_face, is_mapping
from skstrat._core.labels import Labels, encode_labels, one_label_per_row
from skstrat._core.targets import seed_of
from skstrat._core.weights import check_sample_weight
from skstrat.classifiers._own_prior import refuse_unsuited
from skstrat.metrics._measures import MEASURES, describe_measure
from skstrat.metrics._scorers import multiclass_scorers, scorers
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._cross_validation import CrossValidation, Outcome
from skstrat.model_selection._strategies import (
    Strategy,
    as_strategies,
    choose_factors,
    list_strategies,
)
from skstrat.resamplers._downsample import DownsampleUpweight

_CURVE_FACTORS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def compare_strategies(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    strategies: Any = None,
    cv: Any = 5,
    scoring: Any = None,
    sample_weight: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    best_by: str | None = None,
    tune_threshold: bool = True,
    learning_curve_by_rows: bool | Iterable[float] = False,
    progress: Callable[[list[Strategy]], Iterable[Strategy]] | None = None,
) -> Comparison:
    """Measure an estimator under several strategies against imbalance.

    All strategies have the same outer folds. Only the training part of a fold is
    resampled, and the threshold for the F2 score is tuned inside it, too
    (:class:`sklearn.model_selection.TunedThresholdClassifierCV` around the resampled
    classifier), so the test part is what the model will meet: untouched rows.

    Parameters
    ----------
    estimator : estimator
        Any classifier with ``predict_proba``, pipelines included. Clones are fitted.
    X : array-like of shape (n_rows, ...)
        Data, whatever the estimator accepts.
    y : array-like of shape (n_rows,)
        Labels of two or more classes. The smallest is the positive class.
    strategies : iterable or mapping, default=None
        :class:`Strategy` objects, resamplers and None, or such by name. The true
        distribution is added if it is not among them. None for what people commonly
        do: under-sampling, class weights, downsampling with weights or with the prior
        corrected, oversampling, both.
    cv : int, cross-validation splitter or iterable of splits, default=5
        An int means stratified, shuffled folds.
    scoring : str, list of str, dict of str to scorer or None, default=None
        As for :func:`sklearn.model_selection.cross_validate`. None for
        :func:`skstrat.metrics.scorers`; with more than two classes their multiclass
        forms (ROC AUC and average precision one-vs-rest and macro-averaged, the mean
        probability ratio and the calibration slope of the smallest class).
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows, used in fitting, in tuning and in scoring.
    n_jobs : int, default=None
        Folds fitted at the same time; None means 1. All but the times are the same
        for any number.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the folds and of the strategies that are listed when None are given.
    best_by : str, default=None
        The measure to choose by; None for log loss, or the first of ``scoring`` if
        log loss is not among them.
    tune_threshold : bool, default=True
        Whether the threshold of two classes is tuned, by three folds inside each
        training part: three quarters of the work. Without it there are no decisions,
        so no F2 score, thresholds and confusion matrices.
    learning_curve_by_rows : bool or iterable of float, default=False
        Also measure the estimator on ever fewer rows of the biggest class; True for
        the factors 1, 2, 5, 10, ... that leave it at least as large as the smallest,
        or the factors.
    progress : callable, default=None
        Wraps the list of strategies while they are measured, for example
        :func:`rich.progress.track`.

    Returns
    -------
    Comparison
        Table, best strategy, recommendation, pictures, one page of HTML.

    Raises
    ------
    TypeError
        If the estimator has no ``predict_proba``.
    UnusedWeightsError
        If a scorer takes no weights and weights are given.
    ValueError
        If the labels, weights, strategies or ``best_by`` are not usable, or if the
        estimator resamples inside, is fitted already or holds a threshold.

    See Also
    --------
    strategy_grid : Strategies for a grid search.
    skstrat.metrics : What is measured.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, compare_strategies
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(5000, 2))
    >>> y = rng.random(5000) < 1 / (1 + np.exp(4 - X[:, 0]))
    >>> comparison = compare_strategies(
    ...     LogisticRegression(),
    ...     X,
    ...     y,
    ...     strategies={"a tenth": DownsampleUpweight(factor=10, random_state=0)},
    ...     random_state=0,
    ... )
    >>> comparison.best_
    'true distribution'
    >>> list(comparison.table_.index)
    ['true distribution', 'a tenth']
    """
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            "estimator must have predict_proba, because probabilities are compared; "
            f"got {estimator!r}. Wrap it in CalibratedClassifierCV."
        )
    refuse_unsuited(estimator)
    labels = encode_labels(one_label_per_row(y))
    weights = check_sample_weight(sample_weight, len(labels.codes))
    y = labels.classes[labels.codes]
    seed = seed_of(random_state) % 2**32
    splits = _split(cv, X, y, seed)
    smallest = int(labels.counts.argmin())
    tuned = tune_threshold and len(labels.classes) == 2
    given = None if scoring is None else _named(scoring)
    scoring = given or _scoring(labels, smallest, tuned=tuned)
    best_by = _checked_measure(best_by, scoring)
    cross_validation = CrossValidation(
        splits,
        scoring,
        positive=labels.classes[smallest] if tuned else None,
        seed=seed,
        sample_weight=weights,
        n_jobs=n_jobs,
    )
    listed = (
        list_strategies(choose_factors(labels.counts), random_state=seed)
        if strategies is None
        else as_strategies(strategies)
    )
    curve = _curve_strategies(labels, learning_curve_by_rows, seed)
    untuned = replace(
        cross_validation,
        scoring=given or _scoring(labels, smallest, tuned=False),
        positive=None,
    )
    outcomes: list[Outcome] = []
    for strategy in progress([*listed, *curve]) if progress else [*listed, *curve]:
        each = cross_validation if len(outcomes) < len(listed) else untuned
        outcomes.append(each.run(estimator, X, y, strategy))
    return Comparison(
        estimator=estimator,
        outcomes=tuple(outcomes[: len(listed)]),
        curve=tuple(outcomes[len(listed) :]),
        cross_validation=cross_validation,
        labels=labels,
        best_by=best_by,
    )


def _split(cv: Any, X: Any, y: NDArray[Any], seed: int) -> list[Any]:
    """Ask for the folds once, so that all strategies have the same."""
    if is_mapping(X) or is_hugging_face(X, "Dataset"):
        raise TypeError(
            "X must be an array, a list or a table of which scikit-learn's "
            f"cross-validation can take rows; got {type(X).__name__}. Make a data "
            "frame of it, or an array."
        )
    if isinstance(cv, int):
        cv = StratifiedKFold(cv, shuffle=True, random_state=seed)
    splits = list(check_cv(cv, y, classifier=True).split(X, y))
    if len(splits) < 2:
        raise ValueError(
            "cv must give at least two splits, or no spread could be told from a "
            f"difference; got {len(splits)}."
        )
    return splits


def _named(scoring: Any) -> dict[str, Any]:
    if isinstance(scoring, str):
        scoring = [scoring]
    if not isinstance(scoring, dict):
        scoring = {name: name for name in scoring}
    return {name: get_scorer(scorer) for name, scorer in scoring.items()}


def _scoring(labels: Labels, smallest: int, *, tuned: bool) -> dict[str, Any]:
    """Make the scorers of a comparison."""
    positive = labels.classes[smallest]
    if len(labels.classes) > 2:
        return multiclass_scorers(positive, smallest)
    made = scorers(pos_label=positive)
    # Without tuning a threshold would be 0.5, which says nothing about the model.
    return {
        each.scorer_name: made[each.scorer_name]
        for each in MEASURES.values()
        if each.scorer_name in made
        and each.compared
        and (tuned or not each.needs_threshold)
    }


def _checked_measure(best_by: str | None, scoring: dict[str, Any]) -> str:
    measures = [name.removeprefix("neg_") for name in scoring]
    ordered = [name for name in measures if describe_measure(name).is_ordered]
    if not ordered:
        raise ValueError(
            "scoring must have a measure whose best value is high or low, to choose "
            f"by; got {measures}."
        )
    if best_by is None:
        best_by = "log_loss" if "log_loss" in ordered else ordered[0]
    best_by = best_by.removeprefix("neg_")
    if best_by not in ordered:
        raise ValueError(f"best_by must be one of {ordered}; got {best_by!r}.")
    return best_by


def _curve_strategies(
    labels: Labels, asked: bool | Iterable[float], seed: int
) -> list[Strategy]:
    if asked is False:
        return []
    ratio = labels.counts.max() / labels.counts.min()
    factors = (
        [factor for factor in _CURVE_FACTORS if factor <= ratio]
        if asked is True
        else sorted(set(asked))
    )
    return [
        Strategy(
            f"factor {factor:g}",
            DownsampleUpweight(factor=float(factor), random_state=seed),
        )
        for factor in factors
    ]
