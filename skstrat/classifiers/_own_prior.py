"""The prior of a fitted model, including the effect of its own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.utils.class_weight import compute_class_weight

from skstrat._core.estimators import final_estimator
from skstrat._core.labels import Labels
from skstrat._core.own_prior import (
    OwnPrior,
    classifiers_inside,
    is_frozen,
    own_priors,
    own_priors_by_model,
)
from skstrat._core.weights import Floats, class_totals

_THRESHOLDS = (FixedThresholdClassifier, TunedThresholdClassifierCV)
# Switches, of boosting libraries, that balance two classes.
_BALANCING = ("is_unbalance", "unbalance", "unbalanced_sets")
# Totals computed by different products differ by this much.
_ROUNDING = 1e-9


def refuse_unsuited(estimator: Any) -> None:
    """Refuse estimators that cannot be trained on other rows and corrected."""
    refuse_regressor(estimator)
    _refuse_lost(estimator, "this classifier")
    for own in own_priors(estimator):
        _refuse_unknown(own)


def refuse_regressor(estimator: Any) -> None:
    """Refuse a regressor, which predicts no classes."""
    if _is_regressor(estimator):
        raise ValueError(
            "estimator must be a classifier, because classes are predicted; got the "
            f"regressor {type(final_estimator(estimator)).__name__}. For a regressor "
            "use Pipeline: make_pipeline(resampler, regressor)."
        )


def _is_regressor(estimator: Any) -> bool:
    if not hasattr(estimator, "__sklearn_tags__"):
        return False
    try:
        return bool(is_regressor(estimator))
    except AttributeError:  # tags of a mixin need BaseEstimator
        return False


def refuse_threshold(estimator: Any, around: str = "this classifier") -> None:
    """Refuse a decision threshold, which a correction of probabilities ignores."""
    inside = classifiers_inside(estimator)
    names = [type(each).__name__ for each in inside if isinstance(each, _THRESHOLDS)]
    if names:
        raise ValueError(
            f"{names[0]} holds a decision threshold, which is lost inside, where "
            "probabilities and weights are for resampled rows. Take its estimator here "
            f"and put {names[0]} around {around}."
        )


def _refuse_lost(estimator: Any, around: str) -> None:
    refuse_threshold(estimator, around)
    refuse_frozen(estimator)


def refuse_frozen(estimator: Any) -> None:
    """Refuse a fitted model inside, which is not trained on the rows drawn."""
    for inside in classifiers_inside(estimator):
        if is_frozen(inside):
            raise ValueError(
                f"{type(inside).__name__} is fitted already, not on the rows drawn, so "
                "no correction for them is right. Give the unfitted "
                "estimator, or correct the fitted one's predictions with "
                "PriorCorrectedClassifier(fitted, train_prior=..., target_prior=...)."
            )


def refuse_weightless_last_step(step: Any) -> None:
    """Refuse a last step without weights that no other class accepts either."""
    _refuse_lost(step, "the pipeline")
    for own in own_priors(step):
        if own.effect == "resampling":
            _refuse_unknown(own)


def refuse_own_prior_as_last_step(step: Any) -> None:
    """Refuse a last step whose own prior overrides that of the weights."""
    refuse_own_weights(step)
    for own in own_priors(step):
        if own.effect == "resampling":
            _refuse_unknown(own)
        if own.effect == "prior":
            raise ValueError(
                f"{own} sets a prior of its own, whatever weights are passed. Leave "
                f"{own.name} out, or give the classifier and the resampler to "
                "ResampledClassifier, which takes that prior into account."
            )


def _refuse_unknown(own: OwnPrior) -> None:
    if own.effect == "resampling":
        raise ValueError(
            f"{own} draws other rows inside, so it is not known which prior is "
            "learned. Give the sampler to ResampledClassifier as resampler, or for "
            "many draws to ResampledEnsembleClassifier, and the classifier alone as "
            "estimator. In compare_strategies make the sampler a strategy."
        )
    if own.effect == "uncorrected":
        raise ValueError(
            f"{own} inside makes predictions for a prior that is not known here. Set "
            f"{own.name}=True there, and False on the classifier around it."
        )
    if own.effect == "target":
        raise ValueError(
            f"{own} inside predicts for another prior than that of the rows it is "
            f"given. Leave {own.name} out there, and set it on the classifier around."
        )


def refuse_own_weights(estimator: Any) -> None:
    """Refuse a model that weighs classes when weights are passed to it."""
    for own in own_priors(estimator):
        if own.effect == "weights":
            balances = isinstance(own.value, str) or own.name in _BALANCING
            effect = (
                "reweights the classes and silently cancels the weights passed to it"
                if balances
                else "multiplies the weights passed to it, so its predictions are not "
                "for the original distribution"
            )
            raise ValueError(
                f"{own} {effect}. Leave {own.name} out, or use ClassWeight as the only "
                "resampler."
            )


def trained_totals(fitted: Any, drawn: Labels, passed: Floats | None) -> Floats:
    """Return the class totals of the prior of a fitted estimator."""
    return believed_totals(fitted, drawn, class_totals(drawn, passed))


def believed_totals(fitted: Any, drawn: Labels, totals: Floats) -> Floats:
    """Apply an estimator's own parameters to the class totals it was fitted with."""
    models = own_priors_by_model(fitted)
    own_totals = [_believed(own, totals, drawn) for own in models]
    first = own_totals[0]
    if not all(np.allclose(first, other, rtol=_ROUNDING) for other in own_totals):
        named = [", ".join(map(str, own)) or "none" for own in models]
        raise ValueError(
            "The models in estimator must learn one prior, because their mean must be "
            f"for one distribution; got {named}. Leave these parameters out, "
            "or use ClassWeight as resampler instead."
        )
    return first


def weighs_itself(estimator: Any) -> str:
    """Name the parameters by which an estimator weighs classes; "" for none."""
    return ", ".join(
        str(own) for own in own_priors(estimator) if own.effect == "weights"
    )


def _believed(own: list[OwnPrior], totals: Floats, drawn: Labels) -> Floats:
    """Apply the parameters of one model to the totals it was fitted with."""
    believed = totals
    for each in own:
        _refuse_unknown(each)
        if each.one_vs_rest and len(totals) > 2:
            raise ValueError(
                f"{each} inside OneVsRestClassifier gives each class a prior of its "
                f"own, so it is not known what all predict together. Leave {each.name} "
                "out, or use ClassWeight as resampler instead."
            )
        if each.effect == "weights":
            believed = believed * _class_weights(each, totals, drawn)
    for each in own:
        if each.effect == "prior":
            return _prior(each, len(totals)) * totals.sum()
    return believed


def _prior(own: OwnPrior, n_classes: int) -> Floats:
    if isinstance(own.value, (str, bool)):
        return np.full(n_classes, 1 / n_classes)
    shares = np.asarray(own.value, dtype=np.float64)
    if shares.shape != (n_classes,) or not (shares > 0).all():
        raise ValueError(
            f"{own} must hold a positive share of each of the {n_classes} classes, or "
            f"predictions cannot be turned to another prior. Leave {own.name} out."
        )
    return np.asarray(shares / shares.sum())


def _class_weights(own: OwnPrior, totals: Floats, drawn: Labels) -> Floats:
    n_classes = len(totals)
    if own.name == "scale_pos_weight":
        # With more than two classes the libraries ignore it, or refuse it.
        ratio = float(own.value) if n_classes == 2 else 1.0
        return np.array([1.0] * (n_classes - 1) + [ratio])
    balanced: Floats = totals.mean() / totals
    if isinstance(own.value, str) and own.name not in _BALANCING:
        return np.sqrt(balanced) if own.value == "SqrtBalanced" else balanced
    if own.name in _BALANCING:
        return balanced if n_classes == 2 else np.ones(n_classes)
    if not isinstance(own.value, Mapping):
        return np.asarray(own.value, dtype=np.float64)
    classes = np.arange(n_classes) if own.encoded else drawn.classes
    return np.asarray(
        compute_class_weight(own.value, classes=classes, y=classes[drawn.codes])
    )
