"""Cross-validate every strategy on the same folds: one fit and one prediction each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skstrat._core.compat import is_loss
from skstrat._core.controls import escape_controls
from skstrat._core.estimators import is_boosting_library
from skstrat._core.labels import Labels
from skstrat._core.rows import take_rows
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._strategies import Strategy

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
# A strategy in a fold: values of the measures, probabilities and labels of test rows.
Tested = tuple[list[float], Floats, NDArray[Any]]
# Errors quote data, so their messages are cut in the table.
_LONGEST_MESSAGE = 200


@dataclass(frozen=True)
class CrossValidation:
    """The folds, scorers and tuning that all strategies share."""

    splits: list[tuple[Rows, Rows]]  # training and test rows of each fold
    scoring: Mapping[str, Any]  # as for sklearn.model_selection.cross_validate
    positive: Any = None  # the class whose threshold is tuned; None for no tuning
    seed: int = 0  # of the folds inside a training part
    sample_weight: Floats | None = None  # for fitting and for scoring
    groups: NDArray[Any] | None = None
    inner_folds: int = 3  # by which the threshold is tuned inside a training part

    @property
    def measures(self) -> list[str]:
        tuned = [] if self.positive is None else ["threshold"]
        return ["rows", "fit_time", *self.scoring, *tuned]

    def weights(self, rows: Rows) -> dict[str, Floats]:
        weights = self.sample_weight
        return {} if weights is None else {"sample_weight": weights[rows]}


class PredictedRows(ClassifierMixin, BaseEstimator):
    """A fitted model with stored probabilities of its test rows, for scorers."""

    def __init__(self, model: Any, X: Any, proba: Floats, code: int | None) -> None:
        self.model, self.X, self.proba = model, X, proba
        self.code, self.threshold = code, np.nan

    def __getattr__(self, name: str) -> Any:
        if name == "model":
            raise AttributeError(name)
        return getattr(self.model, name)

    def predict_proba(self, X: Any) -> Any:
        return self.proba if X is self.X else self.model.predict_proba(X)

    def predict_log_proba(self, X: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Any:
        """Return log odds; of more than two classes the log probabilities."""
        # Scorers take no infinite values.
        least, most = np.finfo(float).tiny, 1 - np.finfo(float).epsneg
        p = np.asarray(self.predict_proba(X), dtype=np.float64).clip(least, most)
        return logit(p[:, 1]) if p.shape[1] == 2 else np.log(p)

    def predict(self, X: Any) -> Any:
        """Return the labels, decided at the threshold if one was tuned."""
        proba, code = self.predict_proba(X), self.code
        chosen = proba.argmax(axis=1)
        if code is not None:
            chosen = np.where(proba[:, code] >= self.threshold, code, 1 - code)
        return self.model.classes_[chosen]


@dataclass(frozen=True)
class Fold:
    """Strategies that share one fit, in one fold."""

    how: CrossValidation
    estimator: Any
    X: Any
    labels: Labels
    alike: Sequence[Strategy]
    number: int

    def test(self, error_score: Any) -> list[Tested | str]:
        with warnings.catch_warnings(), threadpool_limits(1):
            # Where probabilities are constant, the table has NaN.
            warnings.filterwarnings("ignore", "The calibration slope is not defined")
            # Rows without weight may be fewer than folds.
            warnings.filterwarnings("ignore", "The least populated class in y has")
            try:
                return self._test()
            except Exception as error:
                if error_score == "raise":
                    raise
                if len(self.alike) > 1:
                    # So that one strategy does not fail because another fails.
                    alone = [replace(self, alike=[each]) for each in self.alike]
                    return [each.test(error_score)[0] for each in alone]
                told = _in_words(error)
                if self.alike[0].is_true_distribution:
                    raise ValueError(
                        "estimator must work on the rows as they are, because all "
                        f"strategies are compared with that; got {told}"
                    ) from error
                return [told]

    def _y(self, rows: Rows) -> NDArray[Any]:
        return self.labels.classes[self.labels.codes[rows]]

    def _test(self) -> list[Tested | str]:
        how, (train, test) = self.how, self.how.splits[self.number]
        rows = np.sort(test)
        X, y, weights = take_rows(self.X, rows), self._y(rows), how.weights(rows)
        seconds, models = self._fit(train, X)
        tested: list[Tested | str] = []
        for model, threshold in zip(models, self._thresholds(train), strict=True):
            model.threshold = threshold
            values = [model.n_samples_fit_, seconds]
            for name, scorer in how.scoring.items():
                score = _number(scorer(model, X, y, **weights), name)
                values.append(-score if is_loss(scorer) else score)
            values = [*values, threshold][: len(how.measures)]
            tested.append((values, model.proba, model.predict(X)))
        return tested

    def _fit(self, train: Rows, asked: Any) -> tuple[float, list[PredictedRows]]:
        """Fit to some rows and predict others, with and without the correction."""
        # The correction can be reversed, and test rows are a better check.
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
        raw = model.estimator_.predict_proba(asked)
        code = None if self.how.positive is None else int(self.labels.counts.argmin())
        models = []
        for each in self.alike:
            same = each.prior_correction == main.prior_correction
            own = model if same else model._for_prior(model.decision_.train_prior)
            models.append(PredictedRows(own, asked, own._correct(raw, asked), code))
        return seconds, models

    def _thresholds(self, train: Rows) -> list[float]:
        how, p = self.how, np.full((len(self.alike), len(train)), np.nan)
        if how.positive is None:
            return [np.nan] * len(self.alike)
        groups = None if how.groups is None else how.groups[train]
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        folds = kind(how.inner_folds, shuffle=True, random_state=how.seed)
        codes, weights = self.labels.codes[train], how.weights(train)
        strata = codes + 2 * (weights.get("sample_weight", np.ones(len(train))) == 0)
        for fit, ask in folds.split(train, strata, groups):
            _, models = self._fit(train[fit], take_rows(self.X, train[ask]))
            p[:, ask] = [each.proba[:, each.code] for each in models]
        positive = codes == self.labels.counts.argmin()
        curves = (precision_recall_curve(positive, each, **weights) for each in p)
        # Where precision and recall are 0, the score is not a number.
        with np.errstate(invalid="ignore"):
            return [at[np.nanargmax((p * r / (4 * p + r))[:-1])] for p, r, at in curves]


def _number(score: Any, name: str) -> float:
    try:
        return float(score)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"scoring[{name!r}] must give one number; got {score!r:.60}. Make one "
            "scorer of each."
        ) from error


def _in_words(error: Exception) -> str:
    text = escape_controls(" ".join(str(error).split()))
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[: _LONGEST_MESSAGE - 1]}…"
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def in_one_thread(estimator: Any) -> Any:
    """Return a clone whose boosters have one job where ``n_jobs`` is None."""
    # By default they start a thread for each core: LightGBM was 100 times slower. All
    # others have one job, and scikit-learn warns where n_jobs is deprecated.
    parts = {"": estimator, **estimator.get_params()}
    unset = {
        name: 1
        for name, value in parts.items()
        if value is None
        and name.rpartition("__")[2] == "n_jobs"
        and is_boosting_library(parts[name.rpartition("__")[0]])
    }
    return clone(estimator).set_params(**unset)


def cross_validate_all(
    jobs: Sequence[tuple[CrossValidation, Strategy]],
    estimator: Any,
    X: Any,
    labels: Labels,
    *,
    n_jobs: int | None,
    error_score: Any,
    progress: Callable[..., Iterable[Any]] | None,
) -> list[Outcome]:
    """Measure strategies in every fold, with parallel fits."""
    shared: dict[Any, list[int]] = {}
    for place, (how, strategy) in enumerate(jobs):
        shared.setdefault((id(how), *strategy.fit_key), []).append(place)
    numbers, estimator = range(len(jobs[0][0].splits)), in_one_thread(estimator)
    folds = [
        Fold(jobs[places[0]][0], estimator, X, labels, [jobs[i][1] for i in places], n)
        for places in shared.values()
        for n in numbers
    ]
    run = Parallel(n_jobs=n_jobs, return_as="generator")
    results = run(delayed(fold.test)(error_score) for fold in folds)
    # Iterate to the end, so that the progress bar is completed.
    try:
        done = list(progress(results, total=len(folds)) if progress else results)
    except BrokenProcessPool as error:
        raise RuntimeError(
            "n_jobs must leave each process the memory for a fit; got "
            f"n_jobs={n_jobs}: {' '.join(str(error).split())} Use fewer, or 1."
        ) from error
    results = iter(done)
    shape, outcomes = (len(labels.codes), len(labels.classes)), {}
    for places in shared.values():
        found = [next(results) for _ in numbers]
        for at, place in enumerate(places):
            tested = [each[at] for each in found]
            outcomes[place] = _outcome(*jobs[place], tested, shape)
    return [outcomes[place] for place in range(len(jobs))]


def _outcome(
    how: CrossValidation, strategy: Strategy, tested: list[Any], shape: tuple[int, int]
) -> Outcome:
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
