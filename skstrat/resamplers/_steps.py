"""Rows, weights and other arguments that a pipeline passes to its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.estimators import fit_arguments
from skstrat._core.rows import count_rows
from skstrat._core.weights import Floats
from skstrat.resamplers._any_sampler import resample
from skstrat.resamplers._fit_params import resample_fit_params
from skstrat.resamplers._joined import join
from skstrat.resamplers._resampled import Resampled

_FIT_METHODS = ("fit", "fit_transform", "fit_predict")


class WeightCarrier(BaseEstimator):
    """A sampler of two results for the base class; it stores the weights."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def fit_resample(
        self, X: Any, y: Any, sample_weight: Any = None, **params: Any
    ) -> tuple[Any, Any]:
        """Resample, and store the whole result."""
        resampled = resample(self.sampler, X, y, sample_weight, **params)
        # Without the rows, which the cache of the steps would keep twice.
        self.resampled_ = replace(resampled, X=None)
        return resampled.X, resampled.y


def carrier_of(step: Any) -> Any:
    """Wrap a sampler, unless it can also transform, which the base class refuses."""
    both = hasattr(step, "transform") and not isinstance(step, SklearnPipeline)
    return WeightCarrier(step) if hasattr(step, "fit_resample") and not both else step


def is_addressed(step_params: Any) -> bool:
    """Return whether the user passed weights to one step."""
    return any("sample_weight" in own for own in step_params.values())


def give_weights(step: Any, step_params: Any, weights: Floats) -> bool:
    """Add weights to a step's arguments; return whether it takes them."""
    if is_addressed(step_params):
        return True
    methods: tuple[str, ...] = _FIT_METHODS
    arguments: dict[str, Any] = {}
    if isinstance(step, WeightCarrier):
        methods, arguments = ("fit_resample",), {"sample_weight": weights}
    elif hasattr(step, "fit"):
        arguments = fit_arguments(step, weights) or {}
    for method in methods:
        step_params[method] = {**step_params.get(method, {}), **arguments}
    return bool(arguments)


def refuse_other_names(names: Collection[str] | None, routed: Any, given: Any) -> None:
    """Refuse names in transform_input that no step has as a parameter."""
    every = [params for own in routed.values() for params in own.values()]
    # Weights are carried to every step under this name.
    for name in set(names or ()) - {"sample_weight"}:
        if name in given and not any(name in params for params in every):
            raise ValueError(
                "transform_input must name a parameter as the step calls it that takes "
                f"it; got {name!r}, an alias of a request. Write the name in the "
                "step's fit instead, or it would not be transformed."
            )


def take_rows_drawn(
    step_params: Any,
    resampled: list[Resampled],
    X: Any,
    apart: Collection[str],
    prefix: str,
) -> None:
    """Resample the arguments with a value per row, except those of eval sets."""
    if not (resampled and any(step_params.values())):
        return
    n_rows, so_far = count_rows(X), reduce(join, resampled)
    for method, params in step_params.items():
        own = {name: value for name, value in params.items() if name not in apart}
        taken = resample_fit_params(own, so_far, n_rows, prefix)
        step_params[method] = {**params, **taken}


@contextmanager
def rows_of_eval_sets(step_params: Any, apart: Collection[str]) -> Iterator[None]:
    """Leave only the rows in a booster's eval sets, which are pairs with labels."""
    pairs = {
        method: params["eval_set"]
        for method, params in step_params.items()
        if "eval_set" in apart and isinstance(params.get("eval_set"), (list, tuple))
    }
    for method, eval_set in pairs.items():
        rows = tuple(pair[0] for pair in _in_list(eval_set))
        step_params[method] = {**step_params[method], "eval_set": rows}
    yield
    for method, eval_set in pairs.items():
        rows = step_params[method]["eval_set"]
        labels = [pair[1:] for pair in _in_list(eval_set)]
        made = [(X, *rest) for X, rest in zip(rows, labels, strict=True)]
        alone = _in_list(eval_set) is not eval_set
        step_params[method]["eval_set"] = made[0] if alone else made


def _in_list(eval_set: Any) -> Any:
    """Put a pair into a list; LightGBM and CatBoost take one alone, too."""
    alone = isinstance(eval_set, tuple) and not isinstance(eval_set[0], tuple)
    return [eval_set] if alone else eval_set
