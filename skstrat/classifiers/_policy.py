"""Choose the weights an estimator is fitted with, and the prior it then has."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Literal

import numpy as np
from sklearn.base import is_regressor

from skstrat._core.estimators import (
    final_estimator,
    fit_arguments,
    is_linear,
    is_tree_model,
)
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._hold_out import CheckResult
from skstrat.classifiers._newton import FullFit
from skstrat.classifiers._own_prior import (
    refuse_own_prior_as_last_step,
    refuse_own_weights,
    refuse_unsuited,
    refuse_weightless_last_step,
    weighs_itself,
)
from skstrat.exceptions import TreeWeightsWarning, UnusedWeightsError
from skstrat.resamplers._factor_recommendation import FactorRecommendation
from skstrat.resamplers._resampled import Resampled

UseWeights = Literal["auto"] | bool
Correction = Literal["prior", "row by row", "inside", "none"]
WeightKind = Literal["all", "incoming", "none"]

# Within these limits a ratio of predicted to true totals, or of weights that should be
# equal, counts as right.
_LEAST_RATIO, _MOST_RATIO = 0.8, 1.25
# Boosted trees predicted 1.1 to 1.4 times the rate with rows weighted 5 times as
# high as others, 1.8 to 2.7 times at 20.
LARGE_WEIGHT_RATIO = 5.0
# ResampledClassifier takes one label per row.
_FOR_EACH_LABEL = "MultiOutputClassifier(ResampledClassifier(classifier, resampler))"
# Weights that were multiplied and divided by a scale differ by this much.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class TrainingDecision:
    """Record of what a model was trained on and how it is calibrated.

    Attributes
    ----------
    rows_before, rows_trained : dict of label to int
        Rows of each class in the data, and rows used for the fit.
    target_prior, train_prior : dict of label to float
        Rows (with weights: total weight) of each class in the data, and in the training
        of the estimator.
    weights : {"all", "incoming", "none"}
        Weights that the estimator was given: those of the resampled rows, only their
        incoming part, or none.
    reason : str
        The reason for these weights.
    correction : {"prior", "row by row", "inside", "none"}
        How predictions are corrected to the original distribution; "inside" means in
        the scores of a booster.
    check : CheckResult or None
        Result of the check, None if nothing was checked. Rows were dropped or held out;
        or they were trained on, if batches used all rows.
    full_fit : FullFit or None
        Record of the full fit; None if there was none.
    chosen : str
        The resampler that ``"auto"`` chose, and why; "" if one was given.
    recommendation : FactorRecommendation or None
        The recommendation of its factor; None if there was none.
    """

    rows_before: dict[Any, int]
    rows_trained: dict[Any, int]
    target_prior: dict[Any, float]
    train_prior: dict[Any, float]
    weights: WeightKind
    reason: str
    correction: Correction
    check: CheckResult | None = None
    full_fit: FullFit | None = None
    chosen: str = ""
    recommendation: FactorRecommendation | None = None

    def __str__(self) -> str:
        lines = [
            f"class {label!r}: {self.rows_trained[label]:,} of "
            f"{self.rows_before[label]:,} rows, total weight trained on "
            f"{_write(self.train_prior[label])}, original {_write(total)}"
            for label, total in self.target_prior.items()
        ]
        weights = f"weights given: {self.weights} ({self.reason})"
        by = "dropped"
        if self.check is not None and self.rows_trained == self.rows_before:
            by = "training"
        check = f"check by {by} rows: {self.check or 'none'}"
        lines += [weights, f"correction: {self.correction}", check]
        if self.full_fit is not None:
            lines.append(f"full fit: {self.full_fit}")
        if self.chosen:
            lines.insert(0, f"chosen: {self.chosen}")
        return "\n".join(lines)


def _write(total: float) -> str:
    return f"{total:,.0f}" if total >= 1000 else f"{total:g}"


@dataclass(frozen=True)
class GivenWeights:
    """The weights an estimator is fitted with."""

    kind: WeightKind
    reason: str
    weights: Floats | None = None
    # Keyword arguments of the estimator's fit that hold the weights.
    arguments: dict[str, Any] = field(default_factory=dict)


def weights_for(
    estimator: Any, resampled: Resampled, use_weights: UseWeights
) -> GivenWeights:
    """Choose what weights an estimator is fitted with on resampled rows."""
    refuse_unsuited(estimator)
    full, part = resampled.weights, without_class_weight(resampled)
    if full is None:
        return GivenWeights("none", "none were given or made")
    passes, reason = _passes_class_weights(estimator, resampled, use_weights)
    weights = full if passes else part
    if weights is None:
        return GivenWeights("none", reason)
    arguments = fit_arguments(estimator, weights)
    if arguments is None:
        _refuse_lost_weights(estimator, resampled, use_weights)
        name = type(estimator).__name__
        return GivenWeights("none", f"{name} takes none in fit, and none are needed")
    refuse_own_weights(estimator)
    return GivenWeights("all" if passes else "incoming", reason, weights, arguments)


def without_class_weight(resampled: Resampled) -> Floats | None:
    """Return the weights without the multipliers of the classes."""
    incoming, within = resampled.incoming, resampled.within_class
    if incoming is None or within is None:
        return within if incoming is None else incoming
    part: Floats = incoming * within
    return part


def _passes_class_weights(
    estimator: Any, resampled: Resampled, use_weights: UseWeights
) -> tuple[bool, str]:
    if not (resampled.by_row or weighs_classes(resampled)):
        return False, "the weights are those of the rows"
    if use_weights == "auto" and not resampled.moves_rows:
        return True, f"{resampled.made_by} does nothing but weight rows"
    passes, reason = _follows_class_weights(estimator, use_weights)
    if use_weights == "auto" and not passes:
        name = type(estimator).__name__
        weightless = fit_arguments(estimator, resampled.weights) is None
        kind, corrected = (
            ("such", "each row") if resampled.by_row else ("class", "the prior")
        )
        cause = f"only linear models follow {kind} weights"
        if weightless:
            cause = f"{name} takes no sample_weight in fit"
        reason = f"{cause}, so {corrected} is corrected"
    return passes, reason


def _follows_class_weights(estimator: Any, use_weights: UseWeights) -> tuple[bool, str]:
    if use_weights != "auto":
        return use_weights, f"use_weights={use_weights}"
    if is_linear(estimator):
        return True, "a linear model keeps its target with weights"
    if not hasattr(estimator, "predict_proba"):
        return True, "there is no predict_proba to correct instead"
    return False, "only linear models follow class weights, so the prior is corrected"


def weighs_classes(resampled: Resampled) -> bool:
    """Tell whether a resampler multiplied the weights of a class."""
    by_class = resampled.class_weight
    return by_class is not None and bool((by_class != 1).any())


def _refuse_lost_weights(
    estimator: Any, resampled: Resampled, use_weights: UseWeights
) -> None:
    """Refuse an estimator without weights where nothing replaces them."""
    samples, within = resampled.samples, resampled.within_class
    incoming, by_class = resampled.incoming, resampled.class_weight
    given = incoming if samples is None else samples.sample_weight
    if given is not None and np.ptp(given) > 0:
        reason = "sample_weight was given to fit"
    elif incoming is not None and np.ptp(incoming) > _ROUNDING * incoming.max():
        reason = f"rows made by {resampled.made_by} weigh otherwise"
    elif within is not None and not (resampled.at_random and is_near_one(within)):
        reason = f"{resampled.made_by} weighs rows of one class differently"
    elif use_weights is True:
        reason = "use_weights=True"
    elif not resampled.moves_rows and by_class is not None and np.ptp(by_class) > 0:
        reason = f"{resampled.made_by} does nothing but weight rows"
    else:
        return
    _refuse_unused(estimator, "fit", reason)


def _refuse_unused(estimator: Any, method: str, reason: str) -> None:
    raise UnusedWeightsError(
        f"{type(estimator).__name__} cannot take sample_weight in {method}, and "
        f"{reason}. Use an estimator that takes weights, or leave the weights out."
    )


def is_near_one(ratio: float | Floats, margin: float = 0.0) -> bool:
    """Tell whether ratios that should be 1 are right, within a margin of chance."""
    near = (ratio >= _LEAST_RATIO - margin) & (ratio <= _MOST_RATIO + margin)
    return bool(np.all(near))


def gives_batch_weights(
    estimator: Any, incoming: Floats | None, use_weights: UseWeights
) -> tuple[bool, str]:
    """Tell whether ``partial_fit`` is given the weights that restore the totals."""
    if takes_batch_weights(estimator):
        return _follows_class_weights(estimator, use_weights)
    if incoming is not None and np.ptp(incoming) > 0:
        _refuse_unused(estimator, "partial_fit", "sample_weight was given to fit")
    if use_weights is True:
        _refuse_unused(estimator, "partial_fit", "use_weights=True")
    return False, f"{type(estimator).__name__} takes none in partial_fit"


def takes_batch_weights(estimator: Any) -> bool:
    """Tell whether ``partial_fit`` takes weights."""
    return "sample_weight" in signature(estimator.partial_fit).parameters


def warn_of_weighted_trees(
    estimator: Any, trained: Floats, resampled: Resampled
) -> bool:
    """Warn where a correction would reverse weights that trees do not learn."""
    factor = trained / class_totals(resampled.labels, without_class_weight(resampled))
    if factor.max() < LARGE_WEIGHT_RATIO * factor.min() or not is_tree_model(estimator):
        return False
    cause = weighs_itself(estimator)
    remedy = "Leave that out and use DownsampleUpweight"
    if not cause:
        cause = f"{type(final_estimator(estimator)).__name__} after {resampled.made_by}"
        remedy = "Use DownsampleUpweight"
    warnings.warn(
        f"{cause} weighs one class at least {LARGE_WEIGHT_RATIO:g} times as much as "
        "another. Trees do not learn such weights well, so the correction of the "
        "prior removes too much, and classes with large weights are predicted too "
        f"rarely. {remedy} as resampler, or set use_weights=True or "
        "prior_correction=False if this is what you want.",
        TreeWeightsWarning,
        stacklevel=4,
    )
    return True


def warn_of_weights_by_class(estimator: Any, resampled: Resampled) -> bool:
    """Warn of trees that are fitted with one given weight for each class."""
    given, labels = resampled.incoming, resampled.labels
    if given is None or not is_tree_model(estimator):
        return False
    mean = class_totals(labels, given) / labels.counts
    one_each = np.allclose(given, mean[labels.codes], rtol=_ROUNDING, atol=0)
    if not one_each or mean.max() < LARGE_WEIGHT_RATIO * mean.min():
        return False
    warnings.warn(
        f"{type(final_estimator(estimator)).__name__} is fitted with a sample_weight "
        "that has one value for each class. If it represents rows that were dropped "
        "before, trees predict too high probabilities between the rows kept. Leave it "
        "out and set target_prior to the total weight of each class. Or set "
        "use_weights=True if this is what you want.",
        TreeWeightsWarning,
        stacklevel=4,
    )
    return True


def check_last_step(
    step: Any, weights: Floats, resampled: list[Resampled], *, taken: bool
) -> None:
    """Refuse or warn where a last step does not use the weights well."""
    if not taken:
        if (weights == 1).all():
            return
        refuse_weightless_last_step(step)
        if not resampled:
            _refuse_unused(step, "fit", "sample_weight was given to fit")
        raise UnusedWeightsError(
            f"{type(step).__name__} as last step cannot take sample_weight, and "
            "without the weights its predictions are for the resampled rows. "
            f"{_without_weights(step, resampled)}, or resample with "
            'weighting="uniform".'
        )
    if any(each.by_row or weighs_classes(each) for each in resampled):
        refuse_own_prior_as_last_step(step)
    if is_tree_model(step) and any(map(_weighs_dropped_rows, resampled)):
        warnings.warn(
            f"{type(final_estimator(step)).__name__} is fitted with weights that "
            "represent rows dropped or repeated. "
            f"{_of_weighted_trees(step, resampled)}.",
            TreeWeightsWarning,
            stacklevel=3,
        )


def _without_weights(step: Any, resampled: list[Resampled]) -> str:
    if is_regressor(step):
        return "Use a regressor whose fit takes sample_weight"
    if resampled[-1].of_label_sets:
        return (
            "Use MultiOutputClassifier(classifier) for linear models. For others make "
            f"{_FOR_EACH_LABEL} the last step instead of the resampler"
        )
    return (
        "Make ResampledClassifier(classifier, resampler) the last step instead of the "
        "resampler"
    )


def _of_weighted_trees(step: Any, resampled: list[Resampled]) -> str:
    """Return the effect of large weights on trees, and what to use instead."""
    if is_regressor(step):
        return (
            "Trees then predict too near the targets of rows with small weights, so "
            "the mean prediction is wrong. Use a linear model, or a smaller factor, "
            "so that the weights differ less"
        )
    remedy = "ResampledClassifier(classifier, resampler)"
    if resampled[-1].of_label_sets:
        remedy = f"{_FOR_EACH_LABEL} instead of resampler and last step"
    return (
        "Trees then predict too high probabilities between the rows kept. Use "
        f"{remedy}, which withholds these weights and corrects the prior instead"
    )


def _weighs_dropped_rows(resampled: Resampled) -> bool:
    by_class = resampled.class_weight
    if by_class is None or not resampled.moves_rows:
        return False
    return resampled.by_row or by_class.max() >= LARGE_WEIGHT_RATIO * by_class.min()
