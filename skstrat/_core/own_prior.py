"""The parameters by which a model sets or changes its prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import BaseSearchCV
from skstrat._core.estimators import inner_estimator, libraries_of

# "weights" multiply the class totals, a "prior" replaces them, and after "resampling"
# they are unknown. Predictions "uncorrected" or for a "target" are for another prior.
Effect = Literal["weights", "prior", "resampling", "uncorrected", "target"]

# The effect of a parameter, and the values, as text, that have none.
PARAMETERS: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "class_weight": ("weights", ("None",)),
    "class_weights": ("weights", ("None",)),
    "auto_class_weights": ("weights", ("None",)),
    "scale_pos_weight": ("weights", ("None", "1", "1.0")),
    "is_unbalance": ("weights", ("None", "False", "false", "0")),
    "unbalance": ("weights", ("None", "False", "false", "0")),
    "unbalanced_sets": ("weights", ("None", "False", "false", "0")),
    "priors": ("prior", ("None", "empirical")),
    "class_prior": ("prior", ("None",)),
    "fit_prior": ("prior", ("True",)),
    "sampling_strategy": ("resampling", ()),
    "prior_correction": ("uncorrected", ("True", "outside")),
    "target_prior": ("target", ("None",)),
}
# These models assume that all classes are equally frequent.
_EQUAL_PRIORS: tuple[tuple[type, str, str], ...] = (
    (ComplementNB, "norm", ""),
    (DummyClassifier, "strategy", "uniform"),
)
_NAMES = (*PARAMETERS, *(name for _, name, _ in _EQUAL_PRIORS))
# A resampler with such weights leaves the totals as they were.
_KEEPS_TOTALS = ("original", "factor")


@dataclass(frozen=True)
class OwnPrior:
    """A parameter by which a model sets or changes its prior."""

    model: Any
    name: str  # Of the parameter, or of a step.
    value: Any
    effect: Effect  # On the class totals that the model was fitted with.
    encoded: bool = False  # Whether the model is fitted with labels 0, 1, ...
    # Whether it is one of several models, each of one class and the rest.
    one_vs_rest: bool = False

    def __str__(self) -> str:
        return f"{type(self.model).__name__}({self.name}={self.value!r})"


def own_priors(estimator: Any) -> list[OwnPrior]:
    """List the parameters of all models whose probabilities are returned."""
    return [own for path in own_priors_by_model(estimator) for own in path]


def own_priors_by_model(estimator: Any) -> list[list[OwnPrior]]:
    """List the parameters of each model whose probabilities are returned."""
    return [
        [own for step in path for own in _own_of(step)]
        for path in _paths(_Inside(estimator))
    ]


def refuse_own_prior(estimator: Any, argument: str) -> None:
    """Refuse a pilot that has another prior than the rows it is fitted with."""
    for own in own_priors(estimator):
        raise ValueError(
            f"{argument} must learn the prior of the rows that it is fitted with, "
            f"because their shares are known; got {own}, which has its own. "
            f"Leave {own.name} out, or take another classifier."
        )


def classifiers_inside(estimator: Any) -> Iterator[Any]:
    """Yield every classifier that influences the predictions."""
    for path in _paths(_Inside(estimator), past_calibrators=True):
        for step in path:
            yield step.estimator


def is_frozen(estimator: Any) -> bool:
    """Return whether a clone of an estimator is fitted and will not be fitted again."""
    keeps = getattr(type(estimator), "__sklearn_clone__", None)
    if keeps in (None, BaseEstimator.__sklearn_clone__):
        return False
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


@dataclass(frozen=True)
class _Inside:
    """An estimator, its labels, and the values that a search may set."""

    estimator: Any
    encoded: bool = False
    one_vs_rest: bool = False
    searched: tuple[OwnPrior, ...] = ()


def _paths(at: _Inside, *, past_calibrators: bool = False) -> list[list[_Inside]]:
    """List the paths from an estimator to each final model."""
    recalibrated = isinstance(at.estimator, CalibratedClassifierCV)
    if recalibrated and not past_calibrators:
        return [[at]]
    below = [
        [at, *path]
        for within in _within(at)
        if hasattr(within.estimator, "get_params")
        for path in _paths(within, past_calibrators=past_calibrators)
    ]
    return below or [[at]]


def _within(at: _Inside) -> list[_Inside]:
    """Return the estimators directly inside another that predict for it."""
    estimator = at.estimator
    if isinstance(estimator, SklearnPipeline):
        return [replace(at, estimator=estimator.steps[-1][1], searched=())]
    if isinstance(estimator, VotingClassifier):
        unfitted = [voter for _, voter in estimator.estimators]
        inside = getattr(estimator, "estimators_", unfitted)
    elif isinstance(estimator, StackingClassifier):
        last = estimator.final_estimator
        inside = [getattr(estimator, "final_estimator_", last)]
    elif isinstance(estimator, BaseSearchCV):
        return _within_search(at)
    elif "skstrat" in libraries_of(estimator):
        # They predict for the prior of the rows given, whatever the model inside.
        return []
    else:
        ovr = at.one_vs_rest or isinstance(estimator, OneVsRestClassifier)
        encoded = ovr or at.encoded or isinstance(estimator, BaggingClassifier)
        return [_Inside(inner_estimator(estimator), encoded, ovr)]
    return [_Inside(each, encoded=True, one_vs_rest=at.one_vs_rest) for each in inside]


def _within_search(at: _Inside) -> list[_Inside]:
    """Return the best estimator, or all that a search may try."""
    search = at.estimator
    if hasattr(search, "best_estimator_"):
        return [replace(at, estimator=search.best_estimator_, searched=())]
    grids = getattr(search, "param_grid", getattr(search, "param_distributions", {}))
    tried = [
        (name.rpartition("__")[2], value)
        for grid in ([grids] if isinstance(grids, Mapping) else grids)
        for name, values in grid.items()
        for value in ([values] if hasattr(values, "rvs") else values)
    ]
    searched = [
        own
        for name, value in tried
        if name in PARAMETERS
        and (own := _as_own(replace(at, estimator=search.estimator), name, value))
    ]
    first = replace(at, estimator=search.estimator, searched=tuple(searched))
    others = [value for _, value in tried if hasattr(value, "get_params")]
    return [first, *(replace(at, estimator=other) for other in others)]


def _own_of(at: _Inside) -> list[OwnPrior]:
    """List the parameters of one estimator, and its samplers."""
    estimator = at.estimator
    own = list(at.searched)
    if isinstance(estimator, SklearnPipeline):
        return own + _samplers_of(estimator)
    if hasattr(estimator, "fit_resample"):
        return own
    parameters = _parameters_of(estimator)
    for model, name, value in _EQUAL_PRIORS:
        if isinstance(estimator, model) and value in ("", parameters[name]):
            return [*own, OwnPrior(estimator, name, parameters[name], "prior")]
    # Platt's sigmoid is fitted to the rows as they are, without class weights.
    if isinstance(estimator, (SVC, NuSVC)) and estimator.probability is True:
        return own
    # A prior that is given has precedence over fit_prior.
    if parameters.get("class_prior") is not None:
        parameters.pop("fit_prior", None)
    found = (
        _as_own(at, name, value)
        for name, value in parameters.items()
        if name in PARAMETERS
    )
    return own + [each for each in found if each is not None]


def _parameters_of(estimator: Any) -> dict[str, Any]:
    # The stock method would inspect the signature and read all parameters.
    stock = getattr(type(estimator), "get_params", None) is BaseEstimator.get_params
    known = vars(estimator) if stock else estimator.get_params(deep=False)
    return {name: known[name] for name in _NAMES if name in known}


def _as_own(at: _Inside, name: str, value: Any) -> OwnPrior | None:
    """Recognise a parameter that changes the prior."""
    effect, neutral = PARAMETERS[name]
    if str(value) in neutral:
        return None
    return OwnPrior(at.estimator, name, value, effect, at.encoded, at.one_vs_rest)


def _samplers_of(pipeline: SklearnPipeline) -> list[OwnPrior]:
    """List the steps that draw rows and do not restore the totals by weights."""
    carries = "skstrat" in libraries_of(pipeline)
    return [
        OwnPrior(pipeline, name, step, "resampling")
        for name, step in pipeline.steps
        if hasattr(step, "fit_resample")
        and not (carries and getattr(step, "weighting", None) in _KEEPS_TOTALS)
    ]
