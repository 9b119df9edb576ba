"""Every strategy on the same folds: fitted once, predicted once, scored by all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skstrat._core.labels import Labels
from skstrat._core.prior import correct_prior
from skstrat._core.rows import take_rows
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._strategies import Strategy

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
# A strategy in a fold: values of the measures, probabilities and labels of test rows.
Tested = tuple[list[float], Floats, NDArray[Any]]


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
    inner_folds: int = 3

    @property
    def measures(self) -> list[str]:
        """What is measured in every fold."""
        scored = (name.removeprefix("neg_") for name in self.scoring)
        tuned = [] if self.positive is None else ["threshold"]
        return ["rows", "fit_time", *scored, *tuned]

    def weights(self, rows: Rows) -> dict[str, Floats]:
        """Give the weights of some rows, as an argument."""
        weights = self.sample_weight
        return {} if weights is None else {"sample_weight": weights[rows]}


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
class Fold:
    """Strategies that one fit serves, in one fold."""

    how: CrossValidation
    estimator: Any
    X: Any
    labels: Labels
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

    def _y(self, rows: Rows) -> NDArray[Any]:
        return self.labels.classes[self.labels.codes[rows]]

    def _test(self) -> Iterator[Tested]:
        how, (train, test) = self.how, self.how.splits[self.number]
        rows, code = np.sort(test), int(self.labels.counts.argmin())
        X, y, weights = take_rows(self.X, rows), self._y(rows), how.weights(rows)
        model, seconds, predictions = self._predict(train, X)
        thresholds = self._thresholds(train, code)
        for proba, threshold in zip(predictions, thresholds, strict=True):
            chosen = proba.argmax(axis=1)
            if how.positive is not None:
                chosen = np.where(proba[:, code] >= threshold, code, 1 - code)
            predicted = model.classes_[chosen]
            asked = PredictedRows(model, X, proba, predicted)
            values = [model.n_samples_fit_, seconds]
            for name, scorer in how.scoring.items():
                score = scorer(asked, X, y, **weights)
                values.append(-score if name.startswith("neg_") else score)
            yield [*values, threshold][: len(how.measures)], proba, predicted

    def _predict(self, train: Rows, asked: Any) -> tuple[Any, float, list[Floats]]:
        """Fit to some rows and predict others, with and without the correction."""
        # The correction can be taken back, and test rows are a better check.
        main = max(self.alike, key=lambda each: bool(each.prior_correction))
        model = main.classifier(self.estimator).set_params(calibration_check=False)
        X, y, weights = (
            take_rows(self.X, train),
            self._y(train),
            self.how.weights(train),
        )
        start = perf_counter()
        model.fit(X, y, **weights)
        seconds = perf_counter() - start
        # Where it is made outside, both come out as of separate fits to the last bit.
        outside = model.decision_.correction == "prior"
        proba = (model.estimator_ if outside else model).predict_proba(asked)
        trained = [
            model.decision_.train_prior[each] for each in model.classes_.tolist()
        ]
        priors = (trained, model.target_prior_)[:: 1 if outside else -1]
        turned = correct_prior(proba, train_prior=priors[0], target_prior=priors[1])
        kept = (each.prior_correction == main.prior_correction for each in self.alike)
        return model, seconds, [turned if each is outside else proba for each in kept]

    def _thresholds(self, train: Rows, code: int) -> list[float]:
        """Find the predictions from which on calling rows positive is best for F2."""
        how, p = self.how, np.full((len(self.alike), len(train)), np.nan)
        if how.positive is None:
            return [np.nan] * len(self.alike)
        groups = None if how.groups is None else how.groups[train]
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        folds = kind(how.inner_folds, shuffle=True, random_state=how.seed)
        codes = self.labels.codes[train]
        for fit, ask in folds.split(train, codes, groups):
            *_, found = self._predict(train[fit], take_rows(self.X, train[ask]))
            p[:, ask] = [proba[:, code] for proba in found]
        weights = how.weights(train)
        curves = (precision_recall_curve(codes == code, each, **weights) for each in p)
        # Where precision and recall are 0, the score is not a number.
        with np.errstate(invalid="ignore"):
            return [at[np.nanargmax((p * r / (4 * p + r))[:-1])] for p, r, at in curves]


def test_all(
    jobs: Sequence[tuple[CrossValidation, Strategy]],
    estimator: Any,
    X: Any,
    labels: Labels,
    *,
    n_jobs: int | None,
    error_score: Any,
    progress: Callable[..., Iterable[Any]] | None,
) -> list[Outcome]:
    """Measure strategies in every fold, as many at the same time as there are jobs."""
    shared: dict[Any, list[int]] = {}
    for place, (how, strategy) in enumerate(jobs):
        shared.setdefault((id(how), *strategy.fit_key), []).append(place)
    numbers = range(len(jobs[0][0].splits))
    folds = [
        Fold(jobs[places[0]][0], estimator, X, labels, [jobs[i][1] for i in places], n)
        for places in shared.values()
        for n in numbers
    ]
    run = Parallel(n_jobs=n_jobs, return_as="generator")
    results = run(delayed(fold.test)(error_score) for fold in folds)
    # All of them, or the bar would end one short.
    results = iter(list(progress(results, total=len(folds)) if progress else results))
    shape, outcomes = (len(labels.codes), len(labels.classes)), {}
    for places in shared.values():
        found = [next(results) for _ in numbers]
        for at, place in enumerate(places):
            tested = [each if isinstance(each, str) else each[at] for each in found]
            outcomes[place] = _outcome(*jobs[place], tested, shape)
    return [outcomes[place] for place in range(len(jobs))]


def _outcome(
    how: CrossValidation, strategy: Strategy, tested: list[Any], shape: tuple[int, int]
) -> Outcome:
    """Put together what a strategy came to in every fold."""
    values = np.full((len(tested), len(how.measures)), np.nan)
    proba, predicted = np.full(shape, np.nan), np.full(shape[0], None, dtype=object)
    error = next((each for each in tested if isinstance(each, str)), None)
    if error is None:
        for fold, (_, test) in enumerate(how.splits):
            rows = np.sort(test)
            values[fold], proba[rows], predicted[rows] = tested[fold]
    share = np.mean([len(test) / len(train) for train, test in how.splits])
    folds = dict(zip(how.measures, values.T, strict=True))
    return Outcome(strategy, folds, proba, predicted, float(share), error)
