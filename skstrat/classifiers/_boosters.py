"""How LightGBM, XGBoost and CatBoost start from given scores, and how these are moved.

A score is the log odds of the second of two classes, or, of more classes, the log
probability of each up to a constant.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, logit

from skstrat._core.weights import Floats

# What the libraries call the scores that training starts from.
START = {"lightgbm": "init_score", "xgboost": "base_margin", "catboost": "baseline"}

_CLASSES = {
    "lightgbm": "LGBMClassifier",
    "xgboost": "XGBClassifier",
    "catboost": "CatBoostClassifier",
}
_LOG_LOSS: tuple[str, ...] = ("None", "binary", "multiclass", "softmax")
_LOG_LOSS += ("binary:logistic", "multi:softprob", "Logloss", "MultiClass")
# Parameters, aliases too, and the values, as text, with which raw scores are log odds.
_PLAIN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("objective", "objective_type", "app", "application"), _LOG_LOSS),
    **dict.fromkeys(("loss", "loss_function"), _LOG_LOSS),
    **dict.fromkeys(("boosting_type", "boosting", "boost"), ("gbdt", "goss", "dart")),
    **dict.fromkeys(("sigmoid",), ("None", "1", "1.0")),
    "booster": ("None", "gbtree", "dart"),
    "multi_strategy": ("None", "one_output_per_tree"),
    "boost_from_average": ("None", "False", "True"),
}
# XGBoost keeps its start in single precision.
_ROUNDING = 1e-5
# The first release whose start differs from class to class.
_XGBOOST_OF_CLASSES = (3, 1)


def library_of(model: Any) -> str:
    """Name the library of a booster; "" for any other model, subclasses too."""
    library = type(model).__module__.partition(".")[0]
    return library if _CLASSES.get(library) == type(model).__name__ else ""


def takes_scores(model: Any, n_classes: int) -> bool:
    """Tell whether a booster can be trained from a log odds given for each row."""
    library = library_of(model)
    if not library:
        return False
    if library == "xgboost" and n_classes > 2 and not _starts_by_class():
        return False
    parameters = model.get_params()
    # CatBoost takes no baseline beside this.
    if library == "catboost" and parameters.get("boost_from_average"):
        return False
    return all(
        str(value) in _PLAIN[name]
        for name, value in parameters.items()
        if name in _PLAIN and name != "base_score"
    )


def scores_of(log_proba: Floats) -> Floats:
    """Turn log probabilities of classes, the last axis, into scores."""
    if log_proba.shape[-1] == 2:
        return log_proba[..., 1] - log_proba[..., 0]
    return log_proba


def fix_start(model: Any, log_prior: Floats) -> Floats:
    """Make XGBoost start from a known prior; give the scores that it starts from."""
    n_classes, given = len(log_prior), model.get_params()["base_score"]
    if n_classes == 2:
        share = float(expit(scores_of(log_prior))) if given is None else float(given)
        model.set_params(base_score=share)
        return np.atleast_1d(logit(share))
    if _starts_by_class() and given is None:
        model.set_params(base_score=[float(score) for score in log_prior])
        return log_prior
    # Of many classes one start for all is none.
    return np.zeros(n_classes) if np.ndim(given) == 0 else np.asarray(given, float)


def add_to_scores(model: Any, scores: Floats) -> bool:
    """Move a fitted booster's scores, of all rows alike, in place; False if it cannot.

    LightGBM keeps what it starts from in the leaves of its first trees, XGBoost in
    ``base_score`` and CatBoost in its bias.
    """
    return _ADD[library_of(model)](model, np.atleast_1d(scores))


def _add_lightgbm(model: Any, scores: Floats) -> bool:
    booster = model.booster_
    learned = booster.dump_model(num_iteration=1)
    objective, _, settings = str(learned.get("objective")).partition(" ")
    trees = learned["tree_info"]
    scale = 1.0
    if objective == "binary":
        scale = float(settings.partition("sigmoid:")[2] or 1)
    elif objective != "multiclass":
        return False
    # An averaged forest has no first tree, and linear leaves no one value.
    linear = '"leaf_coeff"' in json.dumps(trees)
    if learned["average_output"] or linear or len(trees) != len(scores):
        return False
    for tree, score in zip(trees, scores.tolist(), strict=True):
        number = tree["tree_index"]
        for leaf in range(tree["num_leaves"]):
            value = booster.get_leaf_output(number, leaf)
            booster.set_leaf_output(number, leaf, value + score / scale)
    return True


def _add_xgboost(model: Any, scores: Floats) -> bool:
    booster = model.get_booster()
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]
    if objective not in ("binary:logistic", "multi:softprob"):
        return False
    binary = objective == "binary:logistic"
    before = _start_of(booster)
    if len(before) != len(scores):
        return False
    moved = expit(logit(before) + scores) if binary else before + scores
    values: list[float] = moved.tolist()
    _set_start(booster, values)
    reached = _start_of(booster)
    if binary:
        reached, moved = logit(reached), logit(before) + scores
    # Single precision, and a bound on the prior, may keep it from getting there.
    if np.allclose(reached, moved, atol=_ROUNDING):
        return True
    _set_start(booster, before.tolist())
    return False


def _start_of(booster: Any) -> Floats:
    learner = json.loads(booster.save_config())["learner"]
    # A list since release 3.1.
    return np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"]))


def _set_start(booster: Any, values: list[float]) -> None:
    start: Any = values[0] if len(values) == 1 else json.dumps(values)
    booster.set_param({"base_score": start})


def _starts_by_class() -> bool:
    version = sys.modules["xgboost"].__version__.split(".")
    return tuple(map(int, version[:2])) >= _XGBOOST_OF_CLASSES


def _add_catboost(model: Any, scores: Floats) -> bool:
    if model.get_all_params()["loss_function"] not in ("Logloss", "MultiClass"):
        return False
    scale, bias = model.get_scale_and_bias()
    moved = (np.asarray(bias) + scores).tolist()
    model.set_scale_and_bias(scale, moved[0] if len(moved) == 1 else moved)
    return True


_ADD: dict[str, Callable[[Any, Floats], bool]] = {
    "": lambda _model, _scores: False,
    "lightgbm": _add_lightgbm,
    "xgboost": _add_xgboost,
    "catboost": _add_catboost,
}
