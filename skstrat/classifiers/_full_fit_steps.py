"""Transformers that do not change the model of a fit on all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
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

# A linear model after these steps predicts the same, except for its penalty.
_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)
# Parameters that must be False so that zero stays zero; "" if there is none.
_KEEPS_ZERO = {
    StandardScaler: "with_mean",
    RobustScaler: "with_centering",
    MinMaxScaler: "",
}


def only_scales(steps: Iterable[Any]) -> bool:
    """Tell whether the number of columns stays the same."""
    return all(type(step) in _SCALERS for step in _in_line(steps))


def refuse_steps(steps: Iterable[Any], *, intercept: bool) -> None:
    """Refuse steps that give another model on the rows drawn than on all rows."""
    for step, scaled in _leaves(steps, scaled=False):
        if reason := _why_not(step, scaled=scaled, intercept=intercept):
            raise ValueError(
                "full_fit=True needs steps before the model that give the same on "
                f"the rows drawn as on all rows; got {type(step).__name__}, {reason}, "
                "or leave full_fit out."
            )


def _in_line(steps: Iterable[Any]) -> Iterator[Any]:
    for step in steps:
        if isinstance(step, SklearnPipeline):
            yield from _in_line(each for _, each in step.steps)
        elif step is not None and not isinstance(step, str):
            yield step


def _leaves(steps: Iterable[Any], *, scaled: bool) -> Iterator[tuple[Any, bool]]:
    """Yield all transformers inside, and whether scalers come before them."""
    for step in _in_line(steps):
        if type(step) is ColumnTransformer:
            inside = [each[1] for each in step.transformers]
            branches = [*inside, step.remainder]
        elif type(step) is FeatureUnion:
            branches = [each for _, each in step.transformer_list]
        else:
            yield step, scaled
            scaled |= type(step) in _SCALERS
            continue
        found = [leaf for each in branches for leaf in _leaves([each], scaled=scaled)]
        yield from found
        scaled |= any(type(leaf) in _SCALERS for leaf, _ in found)


def _why_not(step: Any, *, scaled: bool, intercept: bool) -> str:
    """Return what is wrong with a transformer, and the remedy; "" for nothing."""
    if type(step) in _SCALERS:
        return _why_not_scaler(step, intercept=intercept)
    if type(step) is PolynomialFeatures:
        if isinstance(step.degree, Integral) or step.degree[0] < 2:
            return ""
        return (
            f"whose degree={step.degree!r} lacks the lower terms that adjust to shifts "
            "of columns. Give it a minimum degree of 0 or 1"
        )
    if type(step) is SimpleImputer:
        return _why_not_imputer(step, scaled=scaled, intercept=intercept)
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


def _why_not_scaler(step: Any, *, intercept: bool) -> str:
    if getattr(step, "clip", False):
        return "which clips at the extremes of the rows drawn. Leave clip at False"
    name = _KEEPS_ZERO.get(type(step))
    if intercept or name is None or (name and not getattr(step, name)):
        return ""
    return (
        "which shifts columns by values of the rows drawn, and no intercept adjusts "
        "to that. Give the LogisticRegression fit_intercept=True, or "
        + (f"the step {name}=False" if name else "use MaxAbsScaler")
    )


def _why_not_imputer(step: SimpleImputer, *, scaled: bool, intercept: bool) -> str:
    constant = step.strategy == "constant"
    if step.add_indicator and (constant or intercept):
        return ""
    if not constant:
        also = "" if intercept else " with fit_intercept=True"
        return (
            f"whose {step.strategy} is of the rows drawn. Give it add_indicator=True"
            f'{also}, or strategy="constant"'
        )
    if scaled:
        return (
            "whose constant, behind a scaler, is in units of the rows drawn. Put it "
            "before the scaler, or give it add_indicator=True"
        )
    return ""
