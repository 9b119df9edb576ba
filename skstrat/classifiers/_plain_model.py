"""A corrected model as a plain one: the correction in its intercept or its prior."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    SGDClassifier,
)
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.compat import BaseSearchCV
from skstrat.classifiers._prior_corrected import PriorCorrectedClassifier

Floats = NDArray[np.float64]

# Of others' subclasses it is not known what they predict.
_LIBRARIES = frozenset({"sklearn", "imblearn", "skstrat"})


def plain_model(corrected: PriorCorrectedClassifier) -> Any:
    """Fold a correction into the fitted model that it is for, where it fits in."""
    estimator = _opened(corrected.estimator)
    shift = corrected._shift()
    if not shift.any():
        return estimator
    if _is_pipeline(estimator):
        name, last = estimator.steps[-1]
        return _with_steps(
            estimator,
            [*estimator.steps[:-1], (name, plain_model(_of(corrected, last)))],
        )
    fold = _FOLDS.get(type(estimator)) if corrected.classes is None else None
    folded = fold(estimator, shift) if fold else None
    return _of(corrected, estimator) if folded is None else folded


def plain_pipeline(pipeline: Any) -> SklearnPipeline:
    """Leave the samplers out of a fitted pipeline."""
    last = len(pipeline.steps) - 1
    steps = [
        (name, _opened(step) if place == last else _without_skstrat(step))
        for place, (name, step) in enumerate(pipeline.steps)
        if not hasattr(step, "fit_resample")
    ]
    if not steps:
        raise ValueError(
            "to_sklearn needs a step that is not a sampler; got "
            f"{[name for name, _ in pipeline.steps]!r}, all samplers."
        )
    parts = [step for _, step in steps]
    same = len(parts) == last + 1 and all(
        new is old for new, (_, old) in zip(parts, pipeline.steps, strict=True)
    )
    if same and type(pipeline) is SklearnPipeline:
        return pipeline
    return _with_steps(pipeline, steps)


def _opened(estimator: Any) -> Any:
    """Take out the model that predicts of what was around it in training."""
    if _is_pipeline(estimator):
        return plain_pipeline(estimator)
    if hasattr(estimator, "to_sklearn"):
        return estimator.to_sklearn()
    stock = type(estimator).__module__.partition(".")[0] in _LIBRARIES
    if stock and isinstance(estimator, BaseSearchCV):
        return _opened(estimator.best_estimator_)
    if type(estimator) is FrozenEstimator:
        return _opened(estimator.estimator)
    return estimator


def _without_skstrat(step: Any) -> Any:
    return step.to_sklearn() if hasattr(step, "to_sklearn") else step


def _is_pipeline(estimator: Any) -> bool:
    stock = type(estimator).__module__.partition(".")[0] in _LIBRARIES
    return stock and isinstance(estimator, SklearnPipeline)


def _with_steps(pipeline: Any, steps: list[tuple[str, Any]]) -> SklearnPipeline:
    return SklearnPipeline(
        steps,
        transform_input=pipeline.transform_input,
        memory=pipeline.memory,
        verbose=pipeline.verbose,
    )


def _of(
    corrected: PriorCorrectedClassifier, estimator: Any
) -> PriorCorrectedClassifier:
    """Give the same correction of another model."""
    parameters = corrected.get_params(deep=False)
    return PriorCorrectedClassifier(**{**parameters, "estimator": estimator})


def _fold_linear(model: Any, shift: Floats) -> Any:
    if len(model.classes_) > 2:
        # One class against the rest has probabilities that are not log-linear.
        if getattr(model, "multi_class", "") == "ovr" or isinstance(
            model, SGDClassifier
        ):
            return None
    elif isinstance(model, SGDClassifier) and model.loss != "log_loss":
        return None
    folded = copy(model)
    # Whoever trains the result further in place shall not change the model.
    folded.coef_ = model.coef_.copy()
    folded.intercept_ = model.intercept_ + _in_scores(shift)
    return folded


def _fold_network(model: Any, shift: Floats) -> Any:
    folded = copy(model)
    last = model.intercepts_[-1] + _in_scores(shift)
    folded.coefs_ = [*model.coefs_[:-1], model.coefs_[-1].copy()]
    folded.intercepts_ = [*model.intercepts_[:-1], last]
    return folded


def _in_scores(shift: Floats) -> Floats:
    """Give a shift of log odds for two classes, one of each score for more."""
    return shift[1:] - shift[0] if len(shift) == 2 else shift


def _fold_gaussian(model: Any, shift: Floats) -> Any:
    folded = copy(model)
    with np.errstate(divide="ignore"):
        folded.class_prior_ = np.exp(log_softmax(np.log(model.class_prior_) + shift))
    return folded


def _fold_discrete(model: Any, shift: Floats) -> Any:
    folded = copy(model)
    folded.class_log_prior_ = log_softmax(model.class_log_prior_ + shift)
    return folded


def _fold_histogram(model: Any, shift: Floats) -> Any:
    start: Any = getattr(model, "_baseline_prediction", None)
    scores = _in_scores(shift)
    # A private attribute: a release may do without it, or keep it otherwise.
    if np.shape(start) != (1, len(scores)):
        return None
    folded = copy(model)
    folded._baseline_prediction = start + scores
    return folded


def _fold_boosting(model: Any, shift: Floats) -> Any:
    # Scores of the exponential loss are half the log odds. What boosting starts from
    # is clipped, and of many classes centred, so the first trees take the shift.
    if model.loss != "log_loss" or model.learning_rate == 0:
        return None
    folded = copy(model)
    folded.estimators_ = model.estimators_.copy()
    for place, score in enumerate(_in_scores(shift)):
        tree = deepcopy(model.estimators_[0, place])
        tree.tree_.value[...] += score / model.learning_rate
        folded.estimators_[0, place] = tree
    return folded


# By exact type, for a subclass may compute its probabilities otherwise.
_FOLDS: dict[type, Callable[[Any, Floats], Any]] = {
    BernoulliNB: _fold_discrete,
    CategoricalNB: _fold_discrete,
    GaussianNB: _fold_gaussian,
    GradientBoostingClassifier: _fold_boosting,
    HistGradientBoostingClassifier: _fold_histogram,
    LinearDiscriminantAnalysis: _fold_linear,
    LogisticRegression: _fold_linear,
    LogisticRegressionCV: _fold_linear,
    MLPClassifier: _fold_network,
    MultinomialNB: _fold_discrete,
    SGDClassifier: _fold_linear,
}
