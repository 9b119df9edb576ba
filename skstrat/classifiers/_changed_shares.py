"""Warn where a pipeline's classifier learns changed shares of the classes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from skstrat._core.own_prior import own_priors
from skstrat.classifiers._own_prior import refuse_frozen
from skstrat.classifiers._policy import is_near_one
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled


def warn_of_other_shares(classifier: Any, resampled: list[Resampled]) -> None:
    """Warn where a classifier predicts other class shares than those of the data."""
    if resampled:
        refuse_frozen(classifier)
    _warn_of_chosen_rows(classifier, resampled)
    _warn_of_changed_shares(classifier, resampled)
    _warn_of_own_prior(classifier)


def _warn_of_chosen_rows(classifier: Any, resampled: list[Resampled]) -> None:
    """Warn of samplers whose rows may represent no class, with any weights."""
    parts = _parts(resampled)
    names = [name for each in parts if not _is_meant(each) for name in each.chosen_by]
    if not names:
        return
    name, choosers = names[0], " and ".join(dict.fromkeys(names))
    warnings.warn(
        f"{choosers} before {type(classifier).__name__}: the sampler may choose rows "
        "by their values. Then no weights of classes restore the distribution of the "
        "data, and predicted probabilities may be far off. Use a sampler that draws at "
        "random, DownsampleUpweight for one. Or make the last step "
        f"ResampledClassifier(classifier, {name}(...)), whose check measures the "
        f"error. If this is wanted, write Weighted({name}(...), "
        'weighting="uniform").',
        CalibrationWarning,
        stacklevel=7,
    )


def _parts(resampled: list[Resampled]) -> list[Resampled]:
    """Return the results of single resamplers, those inside pipelines included."""
    return [part for each in resampled for part in each.parts or (each,)]


def _warn_of_changed_shares(classifier: Any, resampled: list[Resampled]) -> None:
    parts = (each for each in _parts(resampled) if not each.chosen_by)
    names = [each.made_by for each in parts if _changes_shares(each)]
    if not names:
        return
    name, changes = names[0], " and ".join(dict.fromkeys(names))
    warnings.warn(
        f"{changes} before {type(classifier).__name__}: the shares of the classes "
        "change and no weights are made. So predictions are for the shares of the "
        f"resampled rows, not those of the data. Write Weighted({name}(...)) for "
        "weights that restore them, or make the last step "
        f"ResampledClassifier(classifier, {name}(...)), which corrects the prior. If "
        "the new shares are wanted, "
        f'write Weighted({name}(...), weighting="uniform").',
        CalibrationWarning,
        stacklevel=7,
    )


def _warn_of_own_prior(classifier: Any) -> None:
    found = own_priors(classifier) if hasattr(classifier, "predict_proba") else []
    # A target prior is set on purpose.
    own = [each for each in found if each.effect != "target"]
    if not own:
        return
    warnings.warn(
        f"{own[0]} changes the prior, so predicted probabilities are not those of the "
        f"data. Leave {own[0].name} out, or make ResampledClassifier(classifier, "
        "resampler) the last step. It corrects a known prior and refuses others.",
        CalibrationWarning,
        stacklevel=7,
    )


def _is_meant(resampled: Resampled) -> bool:
    """Tell whether weights were asked for that do not restore the class totals."""
    change = resampled.class_change
    if resampled.class_weight is None or change is None:
        return False
    return not np.allclose(change[1], 1)


def _changes_shares(resampled: Resampled) -> bool:
    if resampled.class_weight is not None or not resampled.moves_rows:
        return False
    change = resampled.class_change
    return change is not None and not is_near_one(change[1])
