"""Properties of an estimator that decide whether it gets weights."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skstrat._core.compat import BaseSearchCV, LinearClassifierMixin, routing_enabled
from skstrat._core.containers import is_no_table, refuse_without_rows
from skstrat._core.weights import Floats

_FORESTS = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
# Bagging and AdaBoost are compared only if they have no estimator: then they fit
# trees.
_TREE_MODELS = (
    *_FORESTS,
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
_BOOSTING_LIBRARIES = frozenset({"lightgbm", "xgboost", "catboost"})
_READ_TABLES = {"sklearn", "imblearn"} | _BOOSTING_LIBRARIES
# Without metadata routing these pass all keyword arguments of fit to their estimator.
_HAND_ON = (BaseSearchCV, SelectFromModel, RFE, TransformedTargetRegressor)


def refuse_unread(estimator: Any, X: Any) -> None:
    """Refuse data sets that a model of a known library does not read."""
    library = type(estimator).__module__.partition(".")[0]
    if library not in _READ_TABLES or isinstance(estimator, DummyClassifier):
        return
    # The estimators inside may read any data.
    if {"estimator", "estimators", "steps"} & set(estimator.get_params(deep=False)):
        return
    refuse_without_rows(X, "X")
    if is_no_table(X):
        name = type(estimator).__name__
        raise TypeError(
            f"X must be an array or a table for {name}; got {type(X).__name__}, which "
            "it does not read. Make one of it, for example by pandas.DataFrame(X), or "
            f"put a transformer that reads it before {name}."
        )


def final_estimator(estimator: Any) -> Any:
    """Return the final model inside pipelines and meta-estimators."""
    inner = estimator
    while True:
        if isinstance(inner, SklearnPipeline):
            within = inner.steps[-1][1]
        else:
            within = inner_estimator(inner)
        if not hasattr(within, "fit") or not hasattr(within, "get_params"):
            return inner
        inner = within


def inner_estimator(estimator: Any) -> Any:
    """Return the estimator inside a meta-estimator; None for other models."""
    if isinstance(estimator, TransformedTargetRegressor):
        inside = estimator.regressor
        return LinearRegression() if inside is None else inside
    # The estimator of a forest is a template that is no parameter.
    forest = isinstance(estimator, _FORESTS)
    return None if forest else getattr(estimator, "estimator", None)


def is_linear(estimator: Any) -> bool:
    """Return whether the final model is a linear classifier."""
    return isinstance(final_estimator(estimator), LinearClassifierMixin)


def is_tree_model(estimator: Any) -> bool:
    """Return whether the final model is one tree or many."""
    model = final_estimator(estimator)
    return isinstance(model, _TREE_MODELS) or is_boosting_library(model)


def is_boosting_library(model: Any) -> bool:
    """Return whether a model is LightGBM's, XGBoost's or CatBoost's."""
    return bool(libraries_of(model) & _BOOSTING_LIBRARIES)


def libraries_of(estimator: Any) -> set[str]:
    """Return the libraries that define an estimator's classes."""
    return {base.__module__.partition(".")[0] for base in type(estimator).__mro__}


def fit_arguments(estimator: Any, weights: Floats) -> dict[str, Any] | None:
    """Return the keyword arguments that pass weights to every model inside."""
    if routing_enabled():
        taken = _takes_by_routing(estimator)
        return {"sample_weight": weights} if taken else None
    if isinstance(estimator, SklearnPipeline) and not _has_weight_parameter(estimator):
        return _pipeline_arguments(estimator, weights)
    if isinstance(estimator, _HAND_ON) and not isinstance(estimator, RFECV):
        return fit_arguments(inner_estimator(estimator), weights)
    if isinstance(estimator, (VotingClassifier, StackingClassifier)):
        inside = [inner for _, inner in estimator.estimators if inner != "drop"]
    elif not _has_weight_parameter(estimator):
        return None
    elif isinstance(estimator, CalibratedClassifierCV) and estimator.estimator:
        inside = [estimator.estimator]
    else:
        inside = []
    taken = all(map(_has_weight_parameter, inside))
    return {"sample_weight": weights} if taken else None


def request_weights(estimator: Any) -> None:
    """Request weights, for metadata routing, where the user has set no request."""
    for part in (estimator, *estimator.get_params(deep=True).values()):
        if not (hasattr(part, "fit") and _has_weight_parameter(part)):
            continue
        routing = get_routing_for_object(part)
        for method in ("fit", "score"):
            requests = getattr(getattr(routing, method, None), "requests", {})
            if requests.get("sample_weight", False) is None:
                getattr(part, f"set_{method}_request")(sample_weight=True)


def _has_weight_parameter(estimator: Any) -> bool:
    return bool(has_fit_parameter(estimator, "sample_weight"))


def _takes_by_routing(estimator: Any) -> bool:
    routing = get_routing_for_object(estimator)
    request = getattr(routing, "fit", None)
    if request is None:
        return "sample_weight" in routing.consumes("fit", {"sample_weight"})
    refused = request.requests.get("sample_weight") is False
    return _has_weight_parameter(estimator) and not refused


def _pipeline_arguments(
    pipeline: SklearnPipeline, weights: Floats
) -> dict[str, Any] | None:
    """Pass the weights to every step of a stock pipeline that takes them."""
    steps = [
        (name, step)
        for name, step in pipeline.steps
        if step is not None and step != "passthrough"
    ]
    # A stock pipeline would pass weights of the old length to steps after a sampler.
    if not steps or any(hasattr(step, "fit_resample") for _, step in steps):
        return None
    arguments = {name: fit_arguments(step, weights) for name, step in steps}
    if arguments[steps[-1][0]] is None:
        return None
    return {
        f"{name}__{key}": value
        for name, own in arguments.items()
        for key, value in (own or {}).items()
    }
