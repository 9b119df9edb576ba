"""Choose the resampler of "auto" by the learner and the predicted loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.containers import is_lazy
from skstrat._core.dask import is_dask
from skstrat._core.estimators import final_estimator, fit_arguments, is_linear
from skstrat._core.own_prior import own_priors, refuse_own_prior
from skstrat._core.samples import check_samples
from skstrat._core.targets import seed_of
from skstrat.classifiers._auto import recommend_for
from skstrat.classifiers._calibration_check import NAIVE_BAYES
from skstrat.classifiers._full_fit import PASSES_SHARE, full_fit_pays
from skstrat.classifiers._own_prior import refuse_regressor
from skstrat.classifiers._policy import TrainingDecision
from skstrat.classifiers._training_rows import asks_for_dropped
from skstrat.classifiers._what_pays import dropping_pays, may_pay
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._downsample import DownsampleUpweight
from skstrat.resamplers._factor import MAX_LOSS
from skstrat.resamplers._factor_recommendation import FactorRecommendation
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._pilot import numbers_of_row
from skstrat.resamplers._pilot_columns import shape_of

# A fit that is continued on all rows may start with this predicted loss. It is tried
# where more than this share of the rows would be kept otherwise.
_ROUGH_LOSS, _MANY = 0.1, 0.5
_GENERATIVE = (*NAIVE_BAYES, QuadraticDiscriminantAnalysis)


@dataclass(frozen=True)
class AutoChoice:
    """A resampler chosen for an estimator and its data; None keeps all rows."""

    resampler: BaseResampler | None
    reason: str
    recommendation: FactorRecommendation | None = None
    finishes: bool = False  # whether the fit is continued to that on all rows

    def resampler_for(self, X: Any, fit_params: dict[str, Any]) -> BaseResampler | None:
        """Return the resampler; where a draw is needed, one that keeps all rows."""
        if self.resampler is None and (is_lazy(X) or asks_for_dropped(fit_params)):
            return DownsampleUpweight(factor=1, random_state=0)
        return self.resampler

    def record(self, decision: TrainingDecision) -> TrainingDecision:
        chosen = "all rows" if self.resampler is None else repr(self.resampler)
        return replace(
            decision,
            chosen=f"{' '.join(chosen.split())} ({self.reason})",
            recommendation=self.recommendation,
        )


def choose_resampler(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    random_state: Any,
    *,
    may_finish: bool = False,
    measures: bool = True,
    n_fits: int = 1,
) -> AutoChoice:
    """Choose a resampler: weighted rows for linear models, guided ones for others."""
    _refuse_unsuited(estimator, X, y)
    linear, predicts = is_linear(estimator), hasattr(estimator, "predict_proba")
    samples = check_samples(X, y, sample_weight)
    seed = seed_of(random_state)
    shape = shape_of(X)
    # A pilot needs columns, so texts are drawn uniformly. So are rows for models that
    # learn the distribution of columns in each class: no shift of odds corrects these.
    generative = isinstance(final_estimator(estimator), _GENERATIVE)
    guided = not (linear or generative) and len(shape) > 1
    labels, n_columns = samples.labels, numbers_of_row(X)
    n_rows, n_classes = len(labels.codes), len(labels.classes)
    # The number of columns of a text is not known, so no time can be predicted.
    timed = len(shape) > 1
    if timed and not may_pay(estimator, n_rows, n_columns, n_classes, guided=guided):
        return AutoChoice(None, "a fit to all rows takes too little time to save any")
    recommend = recommend_for(
        estimator if predicts else _with_probabilities(estimator),
        X,
        samples,
        guided=guided,
        seed=seed,
        measures=measures,
    )
    found, finishes = recommend(MAX_LOSS), False
    if may_finish and found.rows > _MANY * n_rows:
        rough = recommend(_ROUGH_LOSS)
        finishes = full_fit_pays(n_rows, rough.n_columns, rough.rows, n_classes)
        found = _finished(rough) if finishes else found
    if found.factor == 1:
        return AutoChoice(None, f"to drop any would {found.limit}", found)
    if not dropping_pays(found, n_columns, n_fits):
        return AutoChoice(None, "fewer rows would save too little time", found)
    kind = GuidedDownsample if guided else DownsampleUpweight
    reason = f"the predicted loss is {found.loss:.2%} of {found.max_loss:.0%} allowed"
    if finishes:
        reason += ", and the fit on all rows removes it"
    resampler = kind(factor=found.factor, random_state=seed)
    return AutoChoice(resampler, reason, found, finishes)


def suits_auto(estimator: Any) -> bool:
    """Tell whether the effect of the number of rows on the loss is known."""
    predicts = is_linear(estimator) or hasattr(estimator, "predict_proba")
    return predicts and not own_priors(estimator)


def suits_guided_rows(estimator: Any) -> bool:
    """Tell whether weights or corrected odds suffice for guided rows."""
    generative = isinstance(final_estimator(estimator), _GENERATIVE)
    weighs = fit_arguments(estimator, np.ones(1)) is not None
    return not generative and (weighs or not is_linear(estimator))


def _refuse_unsuited(estimator: Any, X: Any, y: Any) -> None:
    if is_dask(X) or is_dask(y):
        raise ValueError(
            'resampler="auto" reads rows to choose by and needs data in memory; got a '
            "Dask collection. Give a resampler, with the factor that recommend_factor "
            "finds on some of its partitions."
        )
    refuse_regressor(estimator)
    # If the learner weighs classes itself, the effect of the number of rows is unknown.
    refuse_own_prior(estimator, "estimator")
    if not (is_linear(estimator) or hasattr(estimator, "predict_proba")):
        raise ValueError(
            'resampler="auto" needs an estimator with predict_proba, whose loss it can '
            f"predict, or a linear one; got {type(final_estimator(estimator)).__name__}"
            ". Wrap it in CalibratedClassifierCV, or give a resampler."
        )


def _with_probabilities(estimator: Any) -> Any:
    """Use a logistic regression in place of a linear model without probabilities."""
    line = LogisticRegression(max_iter=1000)
    if isinstance(estimator, SklearnPipeline):
        return SklearnPipeline([*estimator.steps[:-1], ("line", line)])
    return line


def _finished(found: FactorRecommendation) -> FactorRecommendation:
    """Add the time of the passes over all rows."""
    if found.seconds is None or found.full_seconds is None:
        return found
    return replace(found, seconds=found.seconds + PASSES_SHARE * found.full_seconds)
