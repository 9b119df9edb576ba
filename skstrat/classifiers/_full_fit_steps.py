"""Transformers behind which a fit on all rows is of the model that it would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

# Whatever they learn, a linear model behind them says the same, but for its penalty.
_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def only_scales(steps: Iterable[Any]) -> bool:
    """Tell whether columns stay as many as they are."""
    return all(type(step) in _SCALERS for step in _in_line(steps))


def refuse_steps(steps: Iterable[Any]) -> None:
    """Refuse what comes out otherwise on the rows drawn than it would on all rows."""
    for step in _leaves(steps):
        if reason := _why_not(step):
            raise ValueError(
                "full_fit=True needs steps before the model that come to the same on "
                f"the rows drawn as on all rows; got {type(step).__name__}, {reason}, "
                "or leave full_fit out."
            )


def _in_line(steps: Iterable[Any]) -> Iterator[Any]:
    """Give steps, those of pipelines one by one."""
    for step in steps:
        if isinstance(step, SklearnPipeline):
            yield from _in_line(each for _, each in step.steps)
        elif step is not None and not isinstance(step, str):
            yield step


def _leaves(steps: Iterable[Any]) -> Iterator[Any]:
    """Give the transformers, wherever they are."""
    for step in _in_line(steps):
        if type(step) is ColumnTransformer:
            inside = [each[1] for each in step.transformers]
            yield from _leaves([*inside, step.remainder])
        elif type(step) is FeatureUnion:
            yield from _leaves(each for _, each in step.transformer_list)
        else:
            yield step


def _why_not(step: Any) -> str:
    """Say what is wrong with a transformer, and what helps; "" if nothing is."""
    if type(step) in (*_SCALERS, PolynomialFeatures):
        return ""
    if type(step) is SimpleImputer:
        if step.strategy == "constant" or step.add_indicator:
            return ""
        return (
            f"whose {step.strategy} is of the rows drawn. Give it add_indicator=True, "
            'or strategy="constant"'
        )
    if type(step) is OneHotEncoder:
        if step.min_frequency is not None or step.max_categories is not None:
            return (
                "which counts the rows drawn. Leave min_frequency and max_categories "
                "at None"
            )
        if isinstance(step.categories, str) and step.handle_unknown != "error":
            return (
                "which knows the categories of the rows drawn alone. Give it all "
                'categories, or handle_unknown="error"'
            )
        return ""
    return (
        "which is no scaler of columns, SimpleImputer, OneHotEncoder or "
        "PolynomialFeatures. Transform the rows before fit"
    )
