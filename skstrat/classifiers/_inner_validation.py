"""Warn where a split inside a fit has copies of a row on both sides."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from sklearn.multioutput import ClassifierChain

from skstrat._core.own_prior import is_frozen
from skstrat._core.rows import count_rows
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled

# Above so many rows early_stopping="auto" stops by rows held out.
_MOST_ROWS_WITHOUT_STOPPING = 10_000


def warn_of_split_copies(estimator: Any, resampled: list[Resampled]) -> None:
    """Warn where an estimator validates on copies of rows it is fitted with."""
    if not any(each.adds_rows for each in resampled):
        return
    made_by = " and ".join(each.made_by for each in resampled if each.adds_rows)
    remedies = {
        type(model).__name__: remedy
        for model in _models_inside(estimator)
        if (remedy := _remedy_of(model, count_rows(resampled[-1].y)))
    }
    for name, remedy in remedies.items():
        warnings.warn(
            f"{made_by} repeats or makes rows, and {name} splits rows inside its fit. "
            "Copies of a row, or rows made from it, are on both sides, so its "
            f"validation is too good. {remedy} Or resample without copies: "
            "DownsampleUpweight, or ClassWeight.",
            CalibrationWarning,
            stacklevel=4,
        )


def _models_inside(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _models_inside(each)
    elif hasattr(value, "get_params") and not (
        isinstance(value, type) or is_frozen(value)
    ):
        yield value
        yield from _models_inside(list(value.get_params(deep=False).values()))


def _remedy_of(model: Any, n_rows: int) -> str:
    """Return how to avoid the split inside a model; "" if it makes none."""
    # By parameters, not by class, so that models of other libraries are found, too.
    params = model.get_params(deep=False)
    name = type(model).__name__
    if stops_early(params, n_rows):
        return "Set early_stopping=False."
    if "early_stopping" not in params and params.get("n_iter_no_change") is not None:
        return "Set n_iter_no_change=None."
    if params.get("probability") is True:
        return "Set probability=False, and put CalibratedClassifierCV around."
    if not _cross_validates(model, params):
        return ""
    if "estimator" in params or "estimators" in params:
        return f"Put {name} around the resampling, not inside."
    if hasattr(model, "transform"):
        return f"Put {name} before the resampling."
    return f"Leave {name}'s search out, and put GridSearchCV around the resampling."


def stops_early(params: dict[str, Any], n_rows: int) -> bool:
    """Tell whether training stops by rows held out of those given."""
    # Without a fraction boosting stops by the training rows, and lbfgs never stops.
    if params.get("validation_fraction", 0) is None or params.get("solver") == "lbfgs":
        return False
    asked = params.get("early_stopping")
    automatic = isinstance(asked, str) and asked == "auto"
    return asked is True or (automatic and n_rows > _MOST_ROWS_WITHOUT_STOPPING)


def _cross_validates(model: Any, params: dict[str, Any]) -> bool:
    if "cv" not in params or is_frozen(params.get("estimator")):
        return False
    # A chain without folds passes on the true labels.
    chain = isinstance(model, ClassifierChain) and params["cv"] is None
    return not (chain or (isinstance(params["cv"], str) and params["cv"] == "prefit"))
