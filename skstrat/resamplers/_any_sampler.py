"""Run any sampler, or a pipeline of samplers; the weights follow the rows."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.containers import read_column
from skstrat._core.dask import is_dask
from skstrat._core.rows import count_rows
from skstrat._core.samples import check_samples
from skstrat._core.weights import Floats, class_totals, multiply_weights
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._joined import join
from skstrat.resamplers._resampled import Resampled
from skstrat.resamplers._sampler_output import AT_RANDOM, call_sampler, reads_values

# Weights of one class that differ by less are considered equal.
_ROUNDING = 1e-9


def resample(
    sampler: Any, X: Any, y: Any, sample_weight: Any, **params: Any
) -> Resampled:
    """Run any sampler; further arguments go to its ``fit_resample``."""
    if isinstance(sampler, SklearnPipeline):
        if params:
            raise TypeError(
                f"{list(params)} cannot be routed to the samplers of a pipeline within "
                "another. Make these samplers steps of the outer pipeline."
            )
        return _resample_in_turn(sampler, X, y, sample_weight)
    if isinstance(sampler, BaseResampler):
        return sampler._resample(X, y, sample_weight, **params)
    if sampler is None:
        samples = check_samples(X, y, sample_weight)
        weights = samples.sample_weight
        return Resampled(samples.take(X), samples.y, weights, weights, samples=samples)
    return _resample_by_others(sampler, X, y, sample_weight, params)


def _resample_by_others(
    sampler: Any, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]
) -> Resampled:
    """Run a sampler that is not of this package."""
    samples = check_samples(X, y, sample_weight)
    before = samples.sample_weight
    takes = "sample_weight" in signature(sampler.fit_resample).parameters
    if takes and before is not None:
        params = {**params, "sample_weight": before}
    X, y, made = _three_results(
        sampler,
        call_sampler(sampler, samples.take(X), read_column(samples.y), **params),
    )
    indices = getattr(sampler, "sample_indices_", None)
    known = indices is not None and np.min(indices, initial=0) >= 0
    carried = takes and made is not None
    if before is not None and not (known or carried):
        raise ValueError(
            f"{type(sampler).__name__} does not say which rows it kept "
            "(sample_indices_), so the weights that reach it cannot follow the rows. "
            "Put it before the step that makes the weights, or let it make its own: "
            f"Weighted({type(sampler).__name__}(...))."
        )
    incoming = before[indices] if before is not None and known else None
    resampled = Resampled(
        X,
        y,
        incoming,
        incoming,
        samples=samples,
        rows=samples.position_of(np.asarray(indices)) if known else None,
        at_random=isinstance(sampler, AT_RANDOM),
        moves_rows=True,
        made_by=type(sampler).__name__,
    )
    if made is None:
        return replace(resampled, by_values=reads_values(sampler))
    if incoming is not None and not carried:
        made = multiply_weights(made, incoming)
    if before is not None and incoming is None:
        return replace(resampled, weights=made, incoming=made)
    return _with_weights(resampled, made)


def _three_results(sampler: Any, given: Any) -> tuple[Any, Any, Floats | None]:
    """Return X, y and weights of a sampler; weights are None if it makes none."""
    name = type(sampler).__name__
    if not (isinstance(given, tuple) and len(given) in (2, 3)):
        number = len(given) if isinstance(given, tuple) else 1
        raise TypeError(
            "resampler must return X and y, or X, y and sample_weight, from "
            f"fit_resample; {name} returned {number} result(s)."
        )
    X, y, weights = given if len(given) == 3 else (*given, None)
    if weights is None:
        return X, y, None
    weights = np.asarray(weights, dtype=np.float64)
    if (
        weights.shape != (count_rows(y),)
        or not ((weights > 0) & (weights < np.inf)).all()
    ):
        raise ValueError(
            "resampler must return a finite and positive weight for each row; "
            f"{name} returned weights of shape {weights.shape} for {count_rows(y)} "
            f"rows, from {weights.min(initial=np.inf)} to {weights.max(initial=0)}."
        )
    return X, y, weights


def _with_weights(resampled: Resampled, weights: Floats) -> Resampled:
    """Split weights into the part of the class and the part of the row."""
    labels = resampled.labels
    multiplier = weights
    if resampled.incoming is not None:
        multiplier = weights / resampled.incoming
    totals = class_totals(labels, resampled.incoming)
    by_class = class_totals(labels, weights) / totals
    within = multiplier / by_class[labels.codes]
    return replace(
        resampled,
        weights=weights,
        within_class=within if np.ptp(within) > _ROUNDING else None,
        class_weight=by_class,
        classes=labels.classes,
        codes=labels.codes,
    )


def _resample_in_turn(
    pipeline: SklearnPipeline, X: Any, y: Any, sample_weight: Any
) -> Resampled:
    """Run the samplers of a pipeline one after the other."""
    samplers = [
        (name, step)
        for name, step in pipeline.steps
        if not (step is None or isinstance(step, str))
    ]
    for name, step in samplers:
        if not hasattr(step, "fit_resample"):
            raise TypeError(
                f"resampler must hold only samplers; {type(pipeline).__name__} has "
                f"the step {name!r}, {type(step).__name__}, which would change rows "
                "in training but not in predict. Put transformers into the "
                f"estimator: make_pipeline({type(step).__name__}(...), classifier)."
            )
    if samplers and (is_dask(X) or is_dask(y)):
        raise TypeError(
            "A pipeline of resamplers needs data in memory, no Dask collection. Give "
            "one resampler that picks rows by their labels."
        )
    resampled = None
    for _, sampler in samplers:
        if resampled is None:
            resampled = resample(sampler, X, y, sample_weight)
            continue
        after = resample(sampler, resampled.X, resampled.y, resampled.weights)
        resampled = join(resampled, after)
    return resample(None, X, y, sample_weight) if resampled is None else resampled
