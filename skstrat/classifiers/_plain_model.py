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
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.compat import BaseSearchCV
from skstrat.classifiers._boosters import add_to_scores, library_of, scores_of

Floats = NDArray[np.float64]

# Subclasses of other libraries may predict otherwise.
_LIBRARIES = frozenset({"sklearn", "imblearn", "skstrat"})


def plain_model(corrected: Any) -> Any:
    """Add the correction to parameters of the model inside, where that is possible."""
    estimator = unwrapped(corrected.estimator)
    shift = corrected._shift()
    if not shift.any():
        return estimator
    if _is_stock(estimator, SklearnPipeline):
        *steps, (name, last) = estimator.steps
        folded = plain_model(_changed(corrected, estimator=last))
        return _with_steps(estimator, [*steps, (name, folded)])
    fold = _fold_booster if library_of(estimator) else _FOLDS.get(type(estimator))
    if corrected.classes is not None:
        fold = None
    folded = fold(estimator, shift) if fold else None
    return _changed(corrected, estimator=estimator) if folded is None else folded


def plain_pipeline(pipeline: Any) -> SklearnPipeline:
    """Leave the samplers out of a fitted pipeline."""
    last = pipeline.steps[-1][1]
    steps = [
        (name, unwrapped(step) if step is last else _without_skstrat(step))
        for name, step in pipeline.steps
        if not hasattr(step, "fit_resample")
    ]
    if not steps:
        raise ValueError(
            "to_sklearn needs a step that is not a sampler; got "
            f"{[name for name, _ in pipeline.steps]!r}, all samplers."
        )
    # By identity, because not every step can be compared.
    same = list(map(id, dict(steps).values())) == [id(old) for _, old in pipeline.steps]
    if same and type(pipeline) is SklearnPipeline:
        return pipeline
    return _with_steps(pipeline, steps)


def unwrapped(estimator: Any) -> Any:
    """Return the model that predicts, without meta-estimators around it."""
    if _is_stock(estimator, SklearnPipeline):
        return plain_pipeline(estimator)
    if hasattr(estimator, "to_sklearn"):
        return estimator.to_sklearn()
    if _is_stock(estimator, BaseSearchCV):
        return unwrapped(estimator.best_estimator_)
    if type(estimator) is FrozenEstimator:
        return unwrapped(estimator.estimator)
    return estimator


def vote_member(model: Any) -> Any:
    """Prepare a plain model for a vote, whose models have numbers as labels."""
    if _is_stock(model, SklearnPipeline):
        *steps, (name, last) = model.steps
        return _with_steps(model, [*steps, (name, _with_numbers(last))])
    numbered = _with_numbers(model)
    # skl2onnx converts a model in a vote only if it is in its own list, as pipelines.
    corrected = hasattr(model, "train_prior")
    return SklearnPipeline([("model", numbered)]) if corrected else numbered


def _with_numbers(model: Any) -> Any:
    """Return a copy with numbers as labels, if its use of labels is known."""
    corrected = hasattr(model, "train_prior")
    if not corrected and type(model) not in _FOLDS:
        return model
    numbers = np.arange(len(model.classes_))
    return _changed(model, **{"classes" if corrected else "classes_": numbers})


def _without_skstrat(step: Any) -> Any:
    return step.to_sklearn() if hasattr(step, "to_sklearn") else step


def _is_stock(estimator: Any, base: type) -> bool:
    """Tell whether it is such an estimator, from a known library."""
    library = type(estimator).__module__.partition(".")[0]
    return library in _LIBRARIES and isinstance(estimator, base)


def _with_steps(pipeline: Any, steps: list[tuple[str, Any]]) -> SklearnPipeline:
    return SklearnPipeline(
        steps,
        transform_input=pipeline.transform_input,
        memory=pipeline.memory,
        verbose=pipeline.verbose,
    )


def _changed(model: Any, **attributes: Any) -> Any:
    made = copy(model)
    vars(made).update(attributes)
    return made


def _fold_booster(model: Any, shift: Floats) -> Any:
    made = deepcopy(model)
    return made if add_to_scores(made, scores_of(shift)) else None


def _fold_linear(model: Any, shift: Floats) -> Any:
    sgd = isinstance(model, SGDClassifier)
    if len(model.classes_) > 2:
        # One class against the rest has probabilities that are not log-linear.
        if sgd or getattr(model, "multi_class", "") == "ovr":
            return None
    elif sgd and model.loss != "log_loss":
        return None
    intercept = model.intercept_ + _in_scores(shift)
    # Copies, so that training the result further in place does not change the model.
    return _changed(model, coef_=model.coef_.copy(), intercept_=intercept)


def _fold_network(model: Any, shift: Floats) -> Any:
    coefs = [*model.coefs_[:-1], model.coefs_[-1].copy()]
    last = model.intercepts_[-1] + _in_scores(shift)
    return _changed(model, coefs_=coefs, intercepts_=[*model.intercepts_[:-1], last])


def _in_scores(shift: Floats) -> Floats:
    """Return a shift of log odds for two classes, one of each score for more."""
    return shift[1:] - shift[0] if len(shift) == 2 else shift


def _fold_gaussian(model: Any, shift: Floats) -> Any:
    with np.errstate(divide="ignore"):
        log_prior = log_softmax(np.log(model.class_prior_) + shift)
    return _changed(model, class_prior_=np.exp(log_prior))


def _fold_discrete(model: Any, shift: Floats) -> Any:
    return _changed(model, class_log_prior_=log_softmax(model.class_log_prior_ + shift))


def _fold_histogram(model: Any, shift: Floats) -> Any:
    start: Any = getattr(model, "_baseline_prediction", None)
    scores = _in_scores(shift)
    # A private attribute, which a release may remove or change.
    if np.shape(start) != (1, len(scores)):
        return None
    return _changed(model, _baseline_prediction=start + scores)


def _fold_boosting(model: Any, shift: Floats) -> Any:
    # Scores of the exponential loss are half the log odds. The start of boosting is
    # clipped, and centred for many classes, so the shift is added to the first trees.
    if model.loss != "log_loss" or model.learning_rate == 0:
        return None
    trees = model.estimators_.copy()
    trees[0] = [deepcopy(tree) for tree in trees[0]]
    for tree, score in zip(trees[0], _in_scores(shift), strict=True):
        tree.tree_.value[...] += score / model.learning_rate
    return _changed(model, estimators_=trees)


# By exact type, because a subclass may compute its probabilities otherwise.
_FOLDS: dict[type, Callable[[Any, Floats], Any]] = {
    **dict.fromkeys((BernoulliNB, CategoricalNB, MultinomialNB), _fold_discrete),
    **dict.fromkeys((LogisticRegression, LogisticRegressionCV), _fold_linear),
    **dict.fromkeys((LinearDiscriminantAnalysis, SGDClassifier), _fold_linear),
    GaussianNB: _fold_gaussian,
    GradientBoostingClassifier: _fold_boosting,
    HistGradientBoostingClassifier: _fold_histogram,
    MLPClassifier: _fold_network,
}
