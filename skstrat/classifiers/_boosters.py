"""Initial scores of LightGBM, XGBoost and CatBoost, and how to move them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from scipy.special import expit, logit

from skstrat._core.own_prior import PARAMETERS
from skstrat._core.weights import Floats

# For two classes a score is the log odds of the second. For more classes it is the log
# probability of each class up to a constant.

# Names of the initial scores in each library.
START = {"lightgbm": "init_score", "xgboost": "base_margin", "catboost": "baseline"}

_CLASSES = {
    "lightgbm": "LGBMClassifier",
    "xgboost": "XGBClassifier",
    "catboost": "CatBoostClassifier",
}
# The class that each library's own ``train`` returns.
_OWN = {"lightgbm": "Booster", "xgboost": "Booster", "catboost": "CatBoost"}
_LOG_LOSS: tuple[str, ...] = ("None", "binary", "multiclass", "softmax")
_LOG_LOSS += ("binary:logistic", "multi:softprob", "Logloss", "MultiClass")
_TREES = ("gbdt", "goss", "dart", "Plain", "Ordered")
# Parameters, aliases too, and the values, as text, with which raw scores are log odds.
_PLAIN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("objective", "objective_type", "app", "application"), _LOG_LOSS),
    **dict.fromkeys(("loss", "loss_function"), _LOG_LOSS),
    **dict.fromkeys(("boosting_type", "boosting", "boost"), _TREES),
    **dict.fromkeys(("sigmoid",), ("None", "1", "1.0")),
    "booster": ("None", "gbtree", "dart"),
    "multi_strategy": ("None", "one_output_per_tree"),
    "boost_from_average": ("None", "False", "True"),
}
# With this objective XGBoost's base_score is a probability.
_OF_TWO = "binary:logistic"
# XGBoost stores its base_score in single precision.
_ROUNDING = 1e-5
# The first release in which base_score may differ between classes.
_XGBOOST_OF_CLASSES = (3, 1)


def library_of(model: Any) -> str:
    """Name the library of a booster; "" for any other model, subclasses too."""
    return _library_among(_CLASSES, model)


def fitted_library(model: Any) -> str:
    """Name the library of a fitted booster, its own class or that of scikit-learn."""
    return library_of(model) or _library_among(_OWN, model)


def _library_among(classes: dict[str, str], model: Any) -> str:
    library = type(model).__module__.partition(".")[0]
    return library if classes.get(library) == type(model).__name__ else ""


def takes_scores(model: Any, n_classes: int) -> bool:
    """Tell whether a booster can be trained from log odds given for each row."""
    library = library_of(model)
    if not library:
        return False
    if library == "xgboost" and n_classes > 2 and not _starts_by_class():
        return False
    parameters = model.get_params()
    # CatBoost takes no baseline with boost_from_average; class_names may reorder.
    apart = "boost_from_average", "class_names"
    if library == "catboost" and any(parameters.get(name) for name in apart):
        return False
    return not _changes_scores(parameters)


def _changes_scores(parameters: dict[str, Any]) -> list[str]:
    """Name the parameters with which raw scores are no log odds."""
    return [
        name
        for name, value in parameters.items()
        if name in _PLAIN and str(value) not in _PLAIN[name]
    ]


def unsuited_parameters(model: Any) -> dict[str, Any]:
    """List parameters by which a fitted booster learned other log odds."""
    library, own = fitted_library(model), _own_model(model)
    learned: dict[str, Any] = {}
    if library == "lightgbm":
        learned = own.params
    elif library == "catboost":
        learned = own.get_all_params()
    else:
        objective = _learner(own)["objective"]
        weight = objective.get("reg_loss_param", {}).get("scale_pos_weight")
        learned = {"objective": objective["name"], "scale_pos_weight": weight}
    given = model.get_params() if hasattr(model, "get_params") else {}
    learned = {**given, **learned}
    names = _changes_scores(learned)
    names += [
        name
        for name, (effect, harmless) in PARAMETERS.items()
        if effect == "weights" and str(learned.get(name)) not in ("None", *harmless)
    ]
    return {name: learned[name] for name in names}


def scores_of(log_proba: Floats) -> Floats:
    """Turn log probabilities of classes, the last axis, into scores."""
    if log_proba.shape[-1] == 2:
        return log_proba[..., 1] - log_proba[..., 0]
    return log_proba


def start_parameter(scores: Floats) -> float | list[float]:
    """Write a constant score as XGBoost's ``base_score``."""
    if np.ndim(scores) == 0:
        return float(expit(scores))
    import_module("xgboost")
    if not _starts_by_class():
        raise ValueError(
            "XGBoost must be of release 3.1 or later, which starts each class from a "
            f"score of its own; got {sys.modules['xgboost'].__version__} for "
            f"{len(scores)} classes. Install a newer one, or use LightGBM."
        )
    return scores.tolist()


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
    # With many classes, one start for all classes has no effect.
    return np.zeros(n_classes) if np.ndim(given) == 0 else np.asarray(given, float)


def add_to_scores(model: Any, scores: Floats) -> bool:
    """Add a constant to a fitted booster's scores in place; False if it cannot."""
    add = _ADD.get(fitted_library(model))
    return add is not None and add(_own_model(model), np.atleast_1d(scores))


def predict_from(model: Any, scores: Floats) -> bool:
    """Move a booster trained from initial scores to a constant; False if it cannot."""
    if fitted_library(model) == "xgboost":
        # Its trees do not include base_score.
        scores = scores - _start_of(_own_model(model))
    return add_to_scores(model, scores)


def raw_scores(model: Any, X: Any) -> Floats | None:
    """Predict the scores of a fitted LightGBM or CatBoost model; None of XGBoost's."""
    library = fitted_library(model)
    if library == "xgboost":
        return None
    wanted: dict[str, Any] = {"raw_score": True}
    if library == "catboost":
        wanted = {"prediction_type": "RawFormulaVal"}
    return np.asarray(model.predict(X, **wanted))


def _own_model(model: Any) -> Any:
    """Return the library's own object inside its class for scikit-learn."""
    if hasattr(model, "get_booster"):
        return model.get_booster()
    return getattr(model, "booster_", model)


def _add_lightgbm(booster: Any, scores: Floats) -> bool:
    learned = booster.dump_model(num_iteration=1)
    objective, _, settings = str(learned.get("objective")).partition(" ")
    trees = learned["tree_info"]
    scale = 1.0
    if objective == "binary":
        scale = float(settings.partition("sigmoid:")[2] or 1)
    elif objective != "multiclass":
        return False
    # An averaged forest has no first tree, and linear leaves have no single value.
    linear = '"leaf_coeff"' in json.dumps(trees)
    if learned["average_output"] or linear or len(trees) != len(scores):
        return False
    for tree, score in zip(trees, scores.tolist(), strict=True):
        number = tree["tree_index"]
        for leaf in range(tree["num_leaves"]):
            value = booster.get_leaf_output(number, leaf)
            booster.set_leaf_output(number, leaf, value + score / scale)
    return True


def _add_xgboost(booster: Any, scores: Floats) -> bool:
    objective = _learner(booster)["objective"]["name"]
    if objective not in (_OF_TWO, "multi:softprob"):
        return False
    before = _start_of(booster)
    if len(before) != len(scores):
        return False
    moved = before + scores
    _set_start(booster, moved)
    # Single precision, or a bound on the prior, may change the value.
    if np.allclose(_start_of(booster), moved, atol=_ROUNDING):
        return True
    _set_start(booster, before)
    return False


def _learner(booster: Any) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(booster.save_config())["learner"]
    return learner


def _start_of(booster: Any) -> Floats:
    learner = _learner(booster)
    # A list since release 3.1.
    start = np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"]))
    return logit(start) if learner["objective"]["name"] == _OF_TWO else start


def _set_start(booster: Any, scores: Floats) -> None:
    of_two = _learner(booster)["objective"]["name"] == _OF_TWO
    values = (expit(scores) if of_two else scores).tolist()
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
    "lightgbm": _add_lightgbm,
    "xgboost": _add_xgboost,
    "catboost": _add_catboost,
}
