"""Cross-validation of one model under several strategies, on the same folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from inspect import signature
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from threadpoolctl import threadpool_limits

from skstrat._core.rows import take_rows
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.exceptions import UnusedWeightsError
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._strategies import Strategy

# Evenly spaced in log odds, 0.2 apart: rare events have their thresholds near 0, and
# evenly spaced probabilities would leave one or two of them there.
THRESHOLDS = 1 / (1 + np.exp(-np.linspace(-12, 12, 121)))
INNER_FOLDS = 3

Floats = NDArray[np.float64]


def f2_of_labels(
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    *,
    pos_label: Any,
    sample_weight: Floats | None = None,
) -> float:
    """Give what :func:`sklearn.metrics.fbeta_score` gives for ``beta=2``."""
    weights = np.ones(len(y_true)) if sample_weight is None else sample_weight
    positive, called = y_true == pos_label, y_pred == pos_label
    there = 4 * weights[positive].sum() + weights[called].sum()
    return float(5 * weights[positive & called].sum() / there) if there else 0.0


class TimedClassifier(ResampledClassifier):
    """A classifier whose training is timed, in one thread.

    With one thread, times compare between strategies, and sums are rounded alike
    however many processes share the work.

    Attributes
    ----------
    fit_time_ : float
        Seconds that resampling and fitting took.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit as :class:`ResampledClassifier` does, and look at the clock."""
        with threadpool_limits(1):
            start = perf_counter()
            super().fit(X, y, sample_weight, **fit_params)
            self.fit_time_ = perf_counter() - start
        return self


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
    n_jobs : int or None
        Folds fitted at the same time.
    """

    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    scoring: Mapping[str, Any]
    positive: Any = None
    seed: int = 0
    sample_weight: Floats | None = None
    n_jobs: int | None = None

    # Of the threshold's cross-validation inside a training part, at the most.
    inner_folds = INNER_FOLDS

    def run(self, estimator: Any, X: Any, y: Any, strategy: Strategy) -> Outcome:
        """Cross-validate an estimator under one strategy."""
        weighted = self.sample_weight is not None
        routing = config_context(enable_metadata_routing=True)
        with warnings.catch_warnings(), routing if weighted else nullcontext():
            # Where probabilities are constant, NaN in the table says so.
            warnings.filterwarnings("ignore", "The calibration slope is not defined")
            result = cross_validate(
                self._model(estimator, strategy, y),
                X,
                y,
                cv=self.splits,
                scoring={
                    name: _requesting(scorer, name) if weighted else scorer
                    for name, scorer in self.scoring.items()
                },
                params={"sample_weight": self.sample_weight} if weighted else None,
                return_estimator=True,
                error_score="raise",
                n_jobs=self.n_jobs,
            )
        return self._outcome(strategy, result, X, y)

    def _model(self, estimator: Any, strategy: Strategy, y: NDArray[Any]) -> Any:
        model = TimedClassifier(**strategy.classifier(estimator).get_params(deep=False))
        # The test part of the fold is a better check.
        model.set_params(calibration_check=False)
        if self.sample_weight is not None:
            model.set_fit_request(sample_weight=True)
        if self.positive is None:
            return model
        f2 = make_scorer(f2_of_labels, pos_label=self.positive)
        if self.sample_weight is not None:
            f2.set_score_request(sample_weight=True)
        return TunedThresholdClassifierCV(
            model,
            scoring=f2,
            response_method="predict_proba",
            thresholds=THRESHOLDS,
            cv=StratifiedKFold(
                self._inner_folds(y), shuffle=True, random_state=self.seed
            ),
        )

    def _inner_folds(self, y: NDArray[Any]) -> int:
        fewest = min(
            np.unique(y[train], return_counts=True)[1].min() for train, _ in self.splits
        )
        if fewest < 2:
            raise ValueError(
                "y must have at least two rows of each class in every training part, "
                f"to tune the threshold on; got {fewest}. Use more folds, or leave the "
                "class out."
            )
        return int(min(fewest, INNER_FOLDS))

    def _outcome(
        self, strategy: Strategy, result: Any, X: Any, y: NDArray[Any]
    ) -> Outcome:
        models = result["estimator"]
        fitted = [getattr(model, "estimator_", model) for model in models]
        if self.positive is None:
            fitted = models
        folds = {
            "rows": np.array([model.n_samples_fit_ for model in fitted], dtype=float),
            "fit_time": np.array([model.fit_time_ for model in fitted]),
        }
        for name in self.scoring:
            sign, shown = (-1, name[4:]) if name.startswith("neg_") else (1, name)
            folds[shown] = sign * np.asarray(result[f"test_{name}"], dtype=float)
        if self.positive is not None:
            folds["threshold"] = np.array([model.best_threshold_ for model in models])
        proba = np.full((len(y), len(models[0].classes_)), np.nan)
        predicted = np.full(len(y), None, dtype=object)
        for model, (_, test) in zip(models, self.splits, strict=True):
            rows = np.sort(test)
            proba[rows] = model.predict_proba(take_rows(X, rows))
            predicted[rows] = self._labels(model, proba[rows])
        share = np.mean([len(test) / len(train) for train, test in self.splits])
        return Outcome(strategy, folds, proba, predicted, float(share))

    def _labels(self, model: Any, proba: Floats) -> NDArray[Any]:
        """Turn probabilities into labels as the model's own ``predict`` would."""
        classes = model.classes_
        if self.positive is None:
            return classes[proba.argmax(axis=1)]
        code = int(classes.tolist().index(self.positive))
        called = proba[:, code] >= model.best_threshold_
        return classes[np.where(called, code, 1 - code)]


def _requesting(scorer: Any, name: str) -> Any:
    """Ask for the weights of the test rows."""
    parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    if "sample_weight" not in parameters or not hasattr(scorer, "set_score_request"):
        raise UnusedWeightsError(
            f"scoring[{name!r}] takes no sample_weight, and sample_weight was given. "
            "Use a scorer made by sklearn.metrics.make_scorer from a function with a "
            "sample_weight parameter, or leave the weights out."
        )
    return copy(scorer).set_score_request(sample_weight=True)
