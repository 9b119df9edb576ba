"""Early stopping by the loss of corrected predictions, on original class shares."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import has_fit_parameter

from skstrat._core.labels import factorize, one_label_per_row
from skstrat._core.rows import count_rows
from skstrat._core.weights import Floats
from skstrat.classifiers._boosters import library_of
from skstrat.classifiers._eval_sets import (
    EVAL_PAIRS,
    encode_eval_labels,
    read_eval_sets,
    with_eval_sets,
)
from skstrat.exceptions import CalibrationWarning

# While a model trains on changed class shares, its eval rows are corrected in one of
# two ways. If raw scores are log odds, eval rows start from the correction as their
# score. The loss is then that of the corrected prediction. Other models get weights
# that give eval rows the class shares of the training rows. Their loss then has other
# values, but the same minimum.

# Columns that must be declared for a CatBoost model and for its eval sets.
_COLUMNS = ("cat_features", "text_features", "embedding_features")


@dataclass(frozen=True)
class EvalRows:
    """Rows that a model is evaluated on while it trains."""

    X: Any
    y: Any  # None if X is a Pool of CatBoost
    scores: Floats | None = None  # initial ones
    weights: Floats | None = None  # factors of the weights of the rows

    @property
    def n_rows(self) -> int:
        return int(self.X.num_row()) if self.y is None else count_rows(self.X)

    def codes(self, classes: NDArray[Any]) -> NDArray[np.intp]:
        labels = self.X.get_label() if self.y is None else self.y
        return encode_eval_labels(labels, classes)


def warn_of_eval_rows(estimator: Any) -> None:
    """Warn where the loss on eval rows cannot be corrected."""
    warnings.warn(
        f"{type(estimator).__name__} is trained on other class shares than its eval "
        "set has, so it does not stop by the loss of the corrected predictions. Give "
        "eval sets to LightGBM, XGBoost, CatBoost or "
        "HistGradientBoostingClassifier, alone or as last step of a pipeline, and put "
        "searches and calibrators around this classifier.",
        CalibrationWarning,
        stacklevel=4,
    )


def is_corrected(model: Any) -> bool:
    """Tell whether the loss of a model on its eval rows is corrected."""
    # Its fit takes eval sets since scikit-learn 1.7.
    histogram = isinstance(model, HistGradientBoostingClassifier)
    return bool(library_of(model)) or (histogram and has_fit_parameter(model, "X_val"))


def eval_arguments(
    model: Any, y: Any, params: dict[str, Any], sets: list[EvalRows]
) -> dict[str, Any]:
    """Write eval rows, with their scores and weights, into fit parameters."""
    if not sets:
        return params
    if not read_eval_sets(params):
        params = {**params, **_as_eval_set(model, sets[0])}
    library = library_of(model)
    if library == "lightgbm" and params.get("eval_X") is not None:
        # LightGBM 4.7 encodes the labels of y and of eval_set, but not these.
        classes = factorize(one_label_per_row(y))[1]
        sets = [replace(each, y=each.codes(classes)) for each in sets]
    return _WRITE.get(library, _write_others)(model, dict(params), sets)


def _as_eval_set(model: Any, rows: EvalRows) -> dict[str, Any]:
    """Name rows set aside by the fit parameters of the model."""
    # LightGBM deprecates eval_set, and scikit-learn does not have it.
    for pair in EVAL_PAIRS:
        if all(has_fit_parameter(model, name) for name in pair):
            return dict(zip(pair, (rows.X, rows.y), strict=True))
    return {"eval_set": [(rows.X, rows.y)]}


def _write_lightgbm(
    _model: Any, params: dict[str, Any], sets: list[EvalRows]
) -> dict[str, Any]:
    _combine(params, "eval_init_score", [each.scores for each in sets], np.add)
    _combine(params, "eval_sample_weight", [each.weights for each in sets], np.multiply)
    return with_eval_sets(params, [(each.X, each.y) for each in sets])


def _write_xgboost(
    _model: Any, params: dict[str, Any], sets: list[EvalRows]
) -> dict[str, Any]:
    weights = [each.weights for each in sets]
    _combine(params, "base_margin_eval_set", [each.scores for each in sets], np.add)
    _combine(params, "sample_weight_eval_set", weights, np.multiply)
    return with_eval_sets(params, [(each.X, each.y) for each in sets])


def _write_catboost(
    model: Any, params: dict[str, Any], sets: list[EvalRows]
) -> dict[str, Any]:
    columns = {name: model.get_params().get(name) for name in _COLUMNS}
    columns |= {name: params[name] for name in _COLUMNS if params.get(name) is not None}
    pools = []
    for each in sets:
        if each.y is None:
            # A copy, because the Pool belongs to the user.
            pool = each.X.slice(np.arange(each.n_rows))
        else:
            pool = sys.modules["catboost"].Pool(each.X, each.y, **columns)
        if each.scores is not None:
            pool.set_baseline(each.scores.reshape(each.n_rows, -1))
        if each.weights is not None:
            pool.set_weight(each.weights * np.asarray(pool.get_weight()))
        pools.append((pool, None))
    return with_eval_sets(params, pools)


def _write_others(
    _model: Any, params: dict[str, Any], sets: list[EvalRows]
) -> dict[str, Any]:
    weights = sets[0].weights
    if weights is not None:
        given = params.get("sample_weight_val")
        params["sample_weight_val"] = weights * (1 if given is None else given)
    return with_eval_sets(params, [(each.X, each.y) for each in sets])


def _combine(
    params: dict[str, Any], name: str, values: list[Any], combine: Callable[..., Any]
) -> None:
    if all(each is None for each in values):
        return
    before = params.get(name)
    if before is not None:
        values = [
            value if own is None else combine(np.asarray(own), value)
            for own, value in zip(before, values, strict=True)
        ]
    params[name] = values


_WRITE: dict[str, Callable[[Any, dict[str, Any], list[EvalRows]], dict[str, Any]]] = {
    "lightgbm": _write_lightgbm,
    "xgboost": _write_xgboost,
    "catboost": _write_catboost,
}
