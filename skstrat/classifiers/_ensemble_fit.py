"""One model of an ensemble, with its draw and its check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat.classifiers._calibration_check import OutOfFold, places_of
from skstrat.classifiers._causes import Cause
from skstrat.classifiers._hold_out import CheckResult
from skstrat.classifiers._policy import TrainingDecision
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.resamplers._resampled import Resampled


@dataclass(frozen=True)
class EnsembleFit:
    """A fitted model, its draw without the rows, and the results of its checks."""

    model: ResampledClassifier
    resampled: Resampled
    set_aside: NDArray[np.intp]
    out_of_fold: OutOfFold | None
    told: bool
    cause: Cause | None

    @property
    def rows(self) -> Any:
        drawn = self.resampled.rows
        return None if drawn is None else np.concatenate([drawn, self.set_aside])


def fit_model(
    model: ResampledClassifier,
    X: Any,
    y: Any,
    sample_weight: Any,
    fit_params: dict[str, Any],
    target_prior: Any,
    *,
    cross_fits: bool,
) -> EnsembleFit:
    """Fit a model; rows that all models keep are cross-fitted by one of them."""
    rows = model._training_rows(X, y, sample_weight, fit_params)
    model._for_prior(target_prior)._check_target(rows.drawn.original[0])
    trained = model._train(rows)
    resampled = rows.resampled
    model.calibration_check_ = None
    out_of_fold = None
    known = resampled.samples is not None and resampled.rows is not None
    if cross_fits and known:
        places = places_of(model.classes_, resampled.labels.classes)
        out_of_fold = model._cross_fit(resampled, trained.fitting, places)
    drawn = replace(resampled, X=None, y=None, samples=None)
    return EnsembleFit(
        model, drawn, rows.set_aside, out_of_fold, trained.told, trained.cause
    )


def mean_decision(
    decisions: list[TrainingDecision], check: CheckResult | None
) -> TrainingDecision:
    """Average the records of the models; all but rows and totals is the same."""
    first = decisions[0]
    rows = {
        label: round(np.mean([each.rows_trained[label] for each in decisions]))
        for label in first.rows_trained
    }
    prior = {
        label: float(np.mean([each.train_prior[label] for each in decisions]))
        for label in first.train_prior
    }
    return replace(first, rows_trained=rows, train_prior=prior, check=check)
