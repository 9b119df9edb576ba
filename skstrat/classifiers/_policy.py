"""How much of each class a fitted model really saw, its own class weights included."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from skstrat._core.estimators import (
    LARGE_WEIGHT_RATIO,
    class_weights_of,
    final_estimator,
    is_tree_model,
)
from skstrat._core.labels import Labels
from skstrat._core.weights import Floats, class_totals
from skstrat.exceptions import TreeWeightsWarning

# Weights within a class this near to each other may be left out.
_LEAST, _MOST = 0.8, 1.25


def refuse_class_weight(estimator: Any) -> None:
    """Refuse a model with class weights of its own when weights are passed to it."""
    own = [weight for weight in class_weights_of(estimator) if weight is not None]
    if own:
        raise ValueError(
            f"{type(final_estimator(estimator)).__name__}(class_weight={own[0]!r}) "
            "reweights the classes and silently cancels the weights passed to it. Set "
            "class_weight=None, or use ClassWeight as the only resampler."
        )


def trained_mass(fitted: Any, drawn: Labels, passed: Floats | None) -> Floats:
    """Add up the weight of each class that a fitted estimator saw."""
    mass = class_totals(drawn, passed)
    if passed is not None:
        return mass
    own, *others = class_weights_of(fitted)
    if any(other != own for other in others):
        raise ValueError(
            "The models in estimator must have one class_weight in common, or it is "
            f"not known which distribution they learned; got {[own, *others]!r}. Use "
            "ClassWeight as resampler instead."
        )
    if own is None:
        return mass
    if isinstance(own, str):
        # Of each class, in every subsample too, the same total.
        return np.full(len(mass), mass.sum() / len(mass))
    return mass * compute_class_weight(
        own, classes=drawn.classes, y=drawn.classes[drawn.codes]
    )


def class_multiplier(resampler: Any, drawn: Labels, weights: Floats) -> Floats:
    """Find what a resampler multiplied the weight of each class by."""
    named = resampler.class_weight_
    if list(named) == drawn.classes.tolist():
        return np.array(list(named.values()))
    return class_totals(drawn, weights) / drawn.counts


def differ_by_rounding(
    resampler: Any, part: Floats | None, incoming: Floats | None
) -> bool:
    """Tell whether rows of a class would weigh the same but for whole rows."""
    if part is None:
        return True
    relative = part if incoming is None else part / incoming[0]
    if np.allclose(relative, 1, rtol=1e-9):
        return True
    within = ((relative > _LEAST) & (relative < _MOST)).all()
    return getattr(resampler, "strata", None) is not None and bool(within)


def warn_of_weighted_trees(estimator: Any, class_factor: Floats) -> None:
    """Warn where a correction would undo class weights that trees do not follow."""
    ratio = class_factor.max() / class_factor.min()
    if ratio < LARGE_WEIGHT_RATIO or not is_tree_model(estimator):
        return
    warnings.warn(
        f"{type(final_estimator(estimator)).__name__} is fitted with class weights up "
        f"to {ratio:.3g} times as large for one class as for another. Trees hardly "
        "follow such weights, so the correction of the prior takes back more than they "
        "gave, and the classes weighted up come out too rare. Use DownsampleUpweight "
        "as resampler (and class_weight=None), or set use_weights=True or "
        "prior_correction=False if this is what you want.",
        TreeWeightsWarning,
        stacklevel=4,
    )
