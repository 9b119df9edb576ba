"""Fit an estimator on all rows drawn, or on some of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skstrat._core.labels import Labels
from skstrat._core.rows import count_rows
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._boosters import (
    START,
    add_to_scores,
    fix_start,
    library_of,
    scores_of,
    takes_scores,
)
from skstrat.classifiers._causes import Cause
from skstrat.classifiers._eval_correction import (
    EvalRows,
    eval_arguments,
    is_corrected,
    warn_of_eval_rows,
)
from skstrat.classifiers._own_prior import believed_totals
from skstrat.classifiers._pipeline_steps import (
    Params,
    fit_steps,
    last_model,
    model_params,
)
from skstrat.classifiers._policy import GivenWeights
from skstrat.resamplers._fit_params import resample_fit_params
from skstrat.resamplers._resampled import Resampled

# Priors that agree to rounding need no correction.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Offset:
    """Offset from an estimator's log probabilities to those of the original data."""

    classes: NDArray[Any]
    log_prior: Floats
    shift: Floats  # the constant part, if the offset is the same for all rows
    own_shift: Floats  # the part that reverses the estimator's own class weights
    by_row: Callable[[Any], Floats] | None = None  # returns offsets that differ


def offset_of(
    estimator: Any,
    resampled: Resampled,
    weights: Floats | None,
    by_row: Callable[..., Floats] | None,
) -> Offset | None:
    """Return the offset of an estimator that is fitted with weights."""
    classes, _, totals = resampled.original
    labels: Labels = resampled.labels
    drawn = class_totals(labels, weights)
    trained = drawn
    if is_corrected(last_model(estimator)):
        trained = believed_totals(estimator, labels, drawn)
    shift, own_shift = np.log(totals / trained), np.log(drawn / trained)
    if by_row is None and np.ptp(shift) < _ROUNDING:
        return None
    rows = None if by_row is None else partial(by_row, own_shift=own_shift)
    return Offset(classes, np.log(totals / totals.sum()), shift, own_shift, rows)


@dataclass(frozen=True)
class Fitting:
    """One way to fit an estimator on resampled rows."""

    estimator: Any  # fitted on all rows; clones of it are fitted on parts
    params: Params  # arguments of its fit, values per row for the rows drawn
    n_rows: int
    offset: Offset | None
    inside: bool  # whether the correction is added to the scores of a booster
    starts: Floats | None  # log probabilities that a booster's rows start from
    eval_rows: list[EvalRows]  # corrected

    def fit(self, X: Any, y: Any) -> tuple[Any, bool]:
        """Fit on all rows; return whether the estimator now holds the correction."""
        return self._fit(self.estimator, X, y, self.params, self.starts)

    def undone(self, *, inside: bool) -> Floats | None:
        """Return the offset from a fitted model's log probabilities to training."""
        if self.offset is None:
            return None
        if self.starts is not None:
            return self.starts - (self.offset.log_prior if inside else 0)
        return -self.offset.shift if inside else None

    def fit_part(self, X: Any, y: Any, kept: NDArray[np.intp]) -> Any:
        part = Resampled(X=None, y=kept, rows=kept, moves_rows=True)
        params = resample_fit_params(self.params, part, self.n_rows)
        params = {
            name: _copied(value) if name.endswith("callbacks") else value
            for name, value in params.items()
        }
        starts = None if self.starts is None else self.starts[kept]
        return self._fit(clone(self.estimator), X, y, params, starts)[0]

    def _fit(
        self, estimator: Any, X: Any, y: Any, params: Params, starts: Floats | None
    ) -> tuple[Any, bool]:
        if starts is None and not self.eval_rows:
            fitted = estimator.fit(X, y, **params)
        else:
            eval_X = [each.X for each in self.eval_rows]
            job = _Job(self, starts)
            fitted = fit_steps(estimator, X, y, params, eval_X, job.fit)
        return fitted, self._take_up(fitted)

    def _take_up(self, fitted: Any) -> bool:
        """Move the scores of a booster to the original distribution."""
        offset = self.offset
        if offset is None or not self.inside:
            return False
        # An offset by row is in the scores only if training started from it.
        if offset.by_row is not None and self.starts is None:
            return False
        model = last_model(fitted)
        if not library_of(model):
            return False
        moved = offset.shift if self.starts is None else offset.log_prior
        known = offset.classes.tolist()
        order = [known.index(label) for label in np.asarray(model.classes_).tolist()]
        return add_to_scores(model, scores_of(moved[order]))


def _copied(callbacks: Any) -> Any:
    """Copy callbacks, so that those of the user record only the requested fit."""
    try:
        return deepcopy(callbacks)
    except TypeError as error:
        raise ValueError(
            "callbacks must be such that copy.deepcopy copies them, for the fits of "
            f'calibration_check="cv"; got {callbacks!r} ({error}). Set it to True.'
        ) from error


@dataclass(frozen=True)
class _Job:
    """Arguments of the last model of a pipeline, besides its rows."""

    fitting: Fitting
    starts: Floats | None

    def fit(self, model: Any, X: Any, y: Any, params: Params, eval_X: list[Any]) -> Any:
        sets = [
            replace(each, X=rows)
            for each, rows in zip(self.fitting.eval_rows, eval_X, strict=True)
        ]
        offset, library = self.fitting.offset, library_of(model)
        scored = self.starts is not None or any(s.scores is not None for s in sets)
        if offset is not None and scored and library == "xgboost":
            base = self._fix_start(model, offset)
            given = params.get("base_margin_eval_set")
            # Margins given by the user include the start.
            starts_anew = [
                given is None or given[at] is None for at in range(len(sets))
            ]
            sets = [
                replace(each, scores=each.scores + base)
                if each.scores is not None and anew
                else each
                for each, anew in zip(sets, starts_anew, strict=True)
            ]
        params = eval_arguments(model, y, params, sets)
        if self.starts is not None:
            params = {**params, START[library]: scores_of(self.starts)}
        return model.fit(X, y, **params)

    def _fix_start(self, model: Any, offset: Offset) -> Floats:
        if self.starts is None:
            return fix_start(model, offset.log_prior - offset.shift)
        model.set_params(base_score=None)
        n_classes = len(offset.classes)
        return fix_start(model, np.full(n_classes, -np.log(n_classes)))


@dataclass(frozen=True)
class Trained:
    """Record of a fit: arguments, weights, and causes of wrong probabilities."""

    fitting: Fitting
    given: GivenWeights
    cause: Cause | None
    told: bool  # whether a warning has named the cause


def plan_fitting(
    estimator: Any,
    X: Any,
    params: Params,
    eval_rows: list[EvalRows],
    offset: Offset | None,
    *,
    inside: bool,
) -> Fitting:
    """Decide how an estimator is fitted on the rows drawn, ``X``."""
    model = last_model(estimator)
    starts = None
    if offset is not None and eval_rows and not is_corrected(model):
        warn_of_eval_rows(model)
    elif offset is not None:
        own = model_params(estimator, params)
        # Rows start from the scores of a model that is trained further.
        further = own.get("init_model") is not None
        given = own.get(START.get(library_of(model), "")) is not None
        scored = takes_scores(model, len(offset.classes)) and not further
        if offset.by_row is not None and inside and scored and not given:
            starts = offset.log_prior - offset.by_row(X)
        by_score = scored and (starts is not None or library_of(model) != "catboost")
        eval_rows = [
            _corrected(each, offset, model, starts, by_score=by_score)
            for each in eval_rows
        ]
    return Fitting(estimator, params, count_rows(X), offset, inside, starts, eval_rows)


def _corrected(
    rows: EvalRows, offset: Offset, model: Any, starts: Floats | None, *, by_score: bool
) -> EvalRows:
    """Correct eval rows, so that their loss is that of corrected predictions."""
    shift = offset.shift if starts is None else offset.log_prior
    if starts is None and offset.by_row is not None:
        if rows.y is None:
            raise ValueError(
                "eval_set must hold rows with their labels; got "
                f"{type(rows.X).__name__}. Give X and y, because the correction "
                "differs from row to row."
            )
        shift = offset.by_row(rows.X)
    shift = np.broadcast_to(shift, (rows.n_rows, len(offset.classes)))
    log_weights = -shift
    if by_score:
        rows, log_weights = replace(rows, scores=scores_of(shift)), 0 * shift
    # CatBoost multiplies the weights of eval rows by those of its own parameters.
    if library_of(model) == "catboost":
        log_weights = log_weights + offset.own_shift
    if not log_weights.any():
        return rows
    codes = rows.codes(offset.classes)
    weights = np.exp(log_weights[np.arange(len(codes)), codes])
    weights *= len(weights) / weights.sum()
    return replace(
        rows, weights=weights * (1 if rows.weights is None else rows.weights)
    )
