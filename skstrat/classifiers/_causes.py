"""Known causes of wrong probabilities that no correction of the prior removes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from skstrat._core.estimators import final_estimator, is_tree_model
from skstrat._core.own_prior import classifiers_inside
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._policy import GivenWeights
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled

# With rare rows repeated twice, forests predicted 0.79 of the rate and boosting 0.87.
# With rows repeated five times it was 0.43 and 0.75.
MANY_COPIES = 2.0

# The cause, and the remedy.
Cause = tuple[str, str]


def known_cause(
    estimator: Any, resampled: Resampled, given: GivenWeights
) -> Cause | None:
    """Return why the training rows are no random sample of their class for a model."""
    if not resampled.moves_rows:
        return None
    copies = times_repeated(resampled, given.weights)
    for model in map(final_estimator, classifiers_inside(estimator)):
        if copies >= _most_copies(model):
            return (
                f"{type(model).__name__} memorises rows that {resampled.made_by} "
                "repeats or makes many times",
                "Use DownsampleUpweight as resampler, which repeats no row",
            )
    if names := resampled.chosen_by:
        return (
            f"{type(final_estimator(estimator)).__name__} is trained on rows that "
            f"{' and '.join(names)} may have chosen by their values, so that they are "
            "no random sample of their class",
            "Use a resampler that draws at random, DownsampleUpweight for one",
        )
    return None


def times_repeated(resampled: Resampled, weights: Floats | None) -> float:
    """Tell how much weight repeated or made rows have, over that of their class."""
    if not resampled.adds_rows:
        return 0.0
    # Weights that restore the totals compensate for copies.
    copies = class_totals(resampled.labels, weights) / resampled.original[2]
    return float(copies.max())


def warn_of_cause(cause: Cause | None) -> None:
    """Warn of a cause that no check of the model rules out."""
    if cause is None:
        return
    what, remedy = cause
    warnings.warn(
        f"{what}, so predictions may be far off, and a correction of the prior cannot "
        f"repair that. {remedy}, or set prior_correction=False if this is what you "
        "want.",
        CalibrationWarning,
        stacklevel=3,
    )


def _most_copies(model: Any) -> float:
    if is_tree_model(model):
        return MANY_COPIES
    # RadiusNeighborsClassifier has n_neighbors=None.
    return float(getattr(model, "n_neighbors", None) or np.inf)
