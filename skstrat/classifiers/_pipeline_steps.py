"""Arguments of the last step of a pipeline, and the transformation of eval rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from skstrat._core.compat import routing_enabled
from skstrat._core.estimators import fit_arguments

Params = dict[str, Any]
# Fits a model with its fit parameters and the rows to evaluate on.
FitModel = Callable[[Any, Any, Any, Params, list[Any]], Any]


def last_model(estimator: Any) -> Any:
    """Return the last step of a pipeline, or the estimator itself."""
    while _is_stepwise(estimator):
        estimator = estimator.steps[-1][1]
    return estimator


def _is_stepwise(estimator: Any) -> bool:
    """Tell whether it is a pipeline without samplers, whose last step gets all rows."""
    return isinstance(estimator, SklearnPipeline) and not any(
        hasattr(step, "fit_resample") for _, step in estimator.steps
    )


def steps_before(estimator: Any) -> list[Any]:
    """Return the steps before the last model, in order."""
    before = []
    while _is_stepwise(estimator):
        if len(estimator.steps) > 1:
            before.append(estimator[:-1])
        estimator = estimator.steps[-1][1]
    return before


def transforms(estimator: Any) -> bool:
    """Tell whether rows are transformed before the last model."""
    while _is_stepwise(estimator) and len(estimator.steps) == 1:
        estimator = estimator.steps[-1][1]
    return isinstance(estimator, SklearnPipeline)


def addressed(estimator: Any, params: Params) -> Params:
    """Put the names of the steps before parameters that are for a pipeline's model."""
    prefix = ""
    while isinstance(estimator, SklearnPipeline) and not routing_enabled():
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return {
        name if "__" in name else prefix + name: value for name, value in params.items()
    }


def model_params(estimator: Any, params: Params) -> Params:
    """Return the parameters that reach the last model of a pipeline."""
    while _is_stepwise(estimator):
        params = _split(estimator, params)[1]
        estimator = estimator.steps[-1][1]
    return params


def _split(pipeline: SklearnPipeline, params: Params) -> tuple[Params, Params]:
    name = pipeline.steps[-1][0]
    if routing_enabled():
        own = dict(process_routing(pipeline, "fit", **params)[name]["fit"])
        routing = get_routing_for_object(pipeline[:-1])
        before = routing.consumes("fit_transform", list(params))
        return {key: params[key] for key in before}, own
    prefix = f"{name}__"
    own = {
        key.removeprefix(prefix): value
        for key, value in params.items()
        if key.startswith(prefix)
    }
    if (weights := params.get("sample_weight")) is not None:
        # A Pipeline of this package passes weights to every step.
        own |= fit_arguments(pipeline.steps[-1][1], weights) or {}
    return {k: v for k, v in params.items() if not k.startswith(prefix)}, own


def fit_steps(
    estimator: Any,
    X: Any,
    y: Any,
    params: Params,
    eval_X: list[Any],
    fit_model: FitModel,
) -> Any:
    """Fit step by step, so that eval rows pass the steps before the last."""
    if not _is_stepwise(estimator):
        return fit_model(estimator, X, y, params, eval_X)
    before, own = _split(estimator, params)
    name, last = estimator.steps[-1]
    fitted = []
    if len(estimator.steps) > 1:
        head = estimator[:-1]
        X = head.fit_transform(X, y, **before)
        eval_X = [head.transform(each) for each in eval_X]
        fitted = head.steps
    estimator.steps = [*fitted, (name, fit_steps(last, X, y, own, eval_X, fit_model))]
    return estimator
