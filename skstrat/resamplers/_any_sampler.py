"""Run any sampler, of three results or of two, and keep the weights in step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from skstrat._core.samples import check_samples
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._resampled import Resampled

# Rows of a class are kept or repeated whatever they are.
_AT_RANDOM = (RandomOverSampler, RandomUnderSampler)


def resample(sampler: Any, X: Any, y: Any, sample_weight: Any) -> Resampled:
    """Run any sampler, of three results or of two, and keep the weights in step."""
    if isinstance(sampler, BaseResampler):
        return sampler._resample(X, y, sample_weight)
    samples = check_samples(X, y, sample_weight)
    weights = samples.sample_weight
    X, y = samples.take(X), samples.y
    if sampler is None:
        return Resampled(X, y, weights, weights, samples=samples)
    X, y = sampler.fit_resample(X, y)
    indices = getattr(sampler, "sample_indices_", None)
    known = indices is not None and np.min(indices, initial=0) >= 0
    resampled = Resampled(
        X,
        y,
        samples=samples,
        rows=samples.position_of(np.asarray(indices)) if known else None,
        at_random=isinstance(sampler, _AT_RANDOM),
        moves_rows=True,
        made_by=type(sampler).__name__,
    )
    if weights is None:
        return resampled
    if not known:
        raise ValueError(
            f"{type(sampler).__name__} does not say which rows it kept "
            "(sample_indices_), so the weights that reach it cannot follow the rows. "
            "Put it before the step that makes the weights, or let it make its own: "
            f"Weighted({type(sampler).__name__}(...))."
        )
    weights = weights[indices]
    return replace(resampled, weights=weights, incoming=weights)
