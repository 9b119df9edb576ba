"""Every strategy on the same folds: fitted once, predicted once, scored by all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skstrat._core.prior import correct_prior
from skstrat._core.rows import take_rows
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._strategies import Strategy
from skstrat.resamplers._guided import GuidedDownsample

INNER_FOLDS = 3

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class CrossValidation:
    """What every strategy goes through: the same folds, scorers and tuning.

    Attributes
    ----------
    splits : list of (ndarray, ndarray)
        Training and test rows of each fold.
    scoring : dict of str to scorer
        As for :func:`sklearn.model_selection.cross_validate`.
    positive : label or None
        The class whose threshold is tuned; None for no tuning.
    seed : int
        Of the folds inside a training part.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights for fitting and for scoring.
    groups : ndarray of shape (n_rows,) or None
        Groups of rows that no split divides.
    inner_folds : int
        Of the threshold's cross-validation inside a training part.
    """

    splits: list[tuple[Rows, Rows]]
    scoring: Mapping[str, Any]
    positive: Any = None
    seed: int = 0
    sample_weight: Floats | None = None
    groups: NDArray[Any] | None = None
    inner_folds: int = INNER_FOLDS

    @property
    def measures(self) -> list[str]:
        """What is measured in every fold."""
        scored = [name.removeprefix("neg_") for name in self.scoring]
        tuned = [] if self.positive is None else ["threshold"]
        return ["rows", "fit_time", *scored, *tuned]


class PredictedRows(ClassifierMixin, BaseEstimator):
    """A fitted model that has predicted its test rows already; scorers ask it."""

    def __init__(self, model: Any, X: Any, proba: Floats, predicted: Any) -> None:
        self.model, self.X = model, X
        self.proba, self.predicted = proba, predicted

    def __getattr__(self, name: str) -> Any:
        # Scorers prefer decision values to probabilities, whose order is the same.
        if name in ("decision_function", "model"):
            raise AttributeError(name)
        return getattr(self.model, name)

    def predict_proba(self, X: Any) -> Any:
        """Give the probabilities of the test rows, without asking again."""
        return self.proba if X is self.X else self.model.predict_proba(X)

    def predict(self, X: Any) -> Any:
        """Give the labels of the test rows, decided at the threshold."""
        return self.predicted if X is self.X else self.model.predict(X)


@dataclass(frozen=True)
class Tested:
    """A strategy in one fold: values of the measures, and the test rows predicted."""

    values: list[float]
    proba: Floats
    predicted: NDArray[Any]


@dataclass(frozen=True)
class Fold:
    """Strategies that one fit serves, in one fold."""

    cross_validation: CrossValidation
    estimator: Any
    X: Any
    y: NDArray[Any]
    alike: Sequence[Strategy]
    number: int

    def test(self, error_score: Any) -> list[Tested] | str:
        """Test the strategies; say why if that fails."""
        with warnings.catch_warnings(), threadpool_limits(1):
            # Where probabilities are constant, NaN in the table says so.
            warnings.filterwarnings("ignore", "The calibration slope is not defined")
            try:
                return list(self._test())
            except Exception as error:
                if error_score == "raise":
                    raise
                told = f"{type(error).__name__}: {' '.join(str(error).split())}"
                if any(each.is_true_distribution for each in self.alike):
                    raise ValueError(
                        "estimator must work on the rows as they are, because all "
                        f"strategies are compared with that; got {told}"
                    ) from error
                return told

    def _test(self) -> Iterator[Tested]:
        cross_validation = self.cross_validation
        train, test = cross_validation.splits[self.number]
        # A correction can be taken back.
        model = max(self.alike, key=_corrects).classifier(self.estimator)
        # The test part of the fold is a better check.
        model.set_params(calibration_check=False)
        seconds = self._fit(model, train)
        rows, classes = np.sort(test), model.classes_
        X, y, weights = take_rows(self.X, rows), self.y[rows], self._weights(rows)
        predictions = self._predict(model, X)
        thresholds = self._thresholds(model, train)
        for proba, threshold in zip(predictions, thresholds, strict=True):
            values = [model.n_samples_fit_, seconds]
            predicted = classes[proba.argmax(axis=1)]
            if cross_validation.positive is not None:
                code = classes.tolist().index(cross_validation.positive)
                called = proba[:, code] >= threshold
                predicted = classes[np.where(called, code, 1 - code)]
            asked = PredictedRows(model, X, proba, predicted)
            for name, scorer in cross_validation.scoring.items():
                score = scorer(asked, X, y, **weights)
                values.append(-score if name.startswith("neg_") else score)
            yield Tested([*values, threshold], proba, predicted)

    def _weights(self, rows: Rows) -> dict[str, Floats]:
        weights = self.cross_validation.sample_weight
        return {} if weights is None else {"sample_weight": weights[rows]}

    def _fit(self, model: Any, rows: Rows) -> float:
        """Fit a model; give the seconds that this took."""
        X, y, weights = take_rows(self.X, rows), self.y[rows], self._weights(rows)
        start = perf_counter()
        model.fit(X, y, **weights)
        return perf_counter() - start

    def _predict(self, model: Any, X: Any) -> list[Floats]:
        """Predict once, and take the correction back where a strategy makes none."""
        proba, trained = model.predict_proba(X), model.decision_.train_prior
        own = [trained[label] for label in model.classes_.tolist()]
        return [
            proba
            if strategy.prior_correction == model.prior_correction
            else correct_prior(proba, train_prior=model.target_prior_, target_prior=own)
            for strategy in self.alike
        ]

    def _thresholds(self, model: Any, train: Rows) -> list[float]:
        """Tune the threshold of each strategy, by rows of the training part."""
        cross_validation, groups = self.cross_validation, self.cross_validation.groups
        if cross_validation.positive is None:
            return [np.nan] * len(self.alike)
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        n_folds, seed = cross_validation.inner_folds, cross_validation.seed
        folds = kind(n_folds, shuffle=True, random_state=seed).split(
            train, self.y[train], None if groups is None else groups[train]
        )
        p = np.empty((len(self.alike), len(train)))
        for fit, ask in folds:
            inner = clone(model)
            self._fit(inner, train[fit])
            code = inner.classes_.tolist().index(cross_validation.positive)
            proba = self._predict(inner, take_rows(self.X, train[ask]))
            p[:, ask] = [each[:, code] for each in proba]
        positive = self.y[train] == cross_validation.positive
        return [_best_threshold(positive, each, **self._weights(train)) for each in p]


def _corrects(strategy: Strategy) -> bool:
    return bool(strategy.prior_correction)


def _best_threshold(
    positive: NDArray[np.bool_], p: Floats, sample_weight: Floats | None = None
) -> float:
    """Find the prediction from which on calling rows positive has the best F2 score."""
    precision, recall, thresholds = precision_recall_curve(
        positive, p, sample_weight=sample_weight
    )
    # Where no row that is called positive is so, both are 0.
    with np.errstate(invalid="ignore"):
        f2 = 5 * precision * recall / (4 * precision + recall)
    return float(thresholds[np.nanargmax(f2[:-1])])


def _fit_of(strategy: Strategy) -> tuple[Any, ...]:
    """Tell what a strategy is fitted with; those that agree in it share the fit."""
    sampler, seed = strategy.resampler, strategy.random_state
    # Of guided rows, models are trained with the correction.
    separate = isinstance(sampler, (GuidedDownsample, str))
    corrects = strategy.prior_correction or not separate
    return id(sampler), id(seed), strategy.use_weights, strategy.full_fit, corrects


def cross_validate_all(
    jobs: Sequence[tuple[CrossValidation, Strategy]],
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    *,
    n_jobs: int | None,
    error_score: Any,
    progress: Callable[..., Iterable[Any]] | None,
) -> list[Outcome]:
    """Measure strategies in every fold, as many at the same time as there are jobs."""
    shared: dict[Any, list[int]] = {}
    for place, (how, strategy) in enumerate(jobs):
        shared.setdefault((id(how), *_fit_of(strategy)), []).append(place)
    tested: list[list[Any]] = [[] for _ in jobs]
    folds = [
        (
            places,
            Fold(
                jobs[places[0]][0],
                estimator,
                X,
                y,
                [jobs[place][1] for place in places],
                number,
            ),
        )
        for places in shared.values()
        for number in range(len(jobs[0][0].splits))
    ]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(fold.test)(error_score) for _, fold in folds
    )
    if progress is not None:
        results = progress(results, total=len(folds))
    for (places, _), found in zip(folds, results, strict=True):
        for number, place in enumerate(places):
            tested[place].append(found if isinstance(found, str) else found[number])
    shape = len(y), len(np.unique(y))
    return [_outcome(*job, each, shape) for job, each in zip(jobs, tested, strict=True)]


def _outcome(
    cross_validation: CrossValidation,
    strategy: Strategy,
    tested: Sequence[Any],
    shape: tuple[int, int],
) -> Outcome:
    """Put together what a strategy came to in every fold."""
    names, splits = cross_validation.measures, cross_validation.splits
    proba, predicted = np.full(shape, np.nan), np.full(shape[0], None, dtype=object)
    values = np.full((len(splits), len(names)), np.nan)
    error = next((each for each in tested if isinstance(each, str)), None)
    if error is None:
        values = np.array([each.values for each in tested], dtype=np.float64)
        for each, (_, test) in zip(tested, splits, strict=True):
            rows = np.sort(test)
            proba[rows], predicted[rows] = each.proba, each.predicted
    share = np.mean([len(test) / len(train) for train, test in splits])
    folds = dict(zip(names, values.T, strict=False))
    return Outcome(strategy, folds, proba, predicted, float(share), error)
