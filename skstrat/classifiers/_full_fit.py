"""Continue a logistic regression on the rows drawn to the fit on all rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skstrat._core.compat import routing_enabled
from skstrat._core.dask import is_dask
from skstrat._core.estimators import fit_arguments, request_weights
from skstrat._core.labels import by_label
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._full_fit_steps import only_scales, refuse_steps
from skstrat.classifiers._full_loss import PenalisedLogLoss
from skstrat.classifiers._newton import FullFit, minimise
from skstrat.classifiers._pipeline_steps import (
    last_model,
    model_params,
    steps_before,
)
from skstrat.classifiers._policy import GivenWeights
from skstrat.classifiers._training_rows import TrainingRows
from skstrat.resamplers._resampled import Resampled

# A Hessian of 2,000 columns has 32 megabytes, and is solved in a second on one core.
MOST_COEFFICIENTS = 2000
# Class totals computed from weights differ by this much.
_ROUNDING = 1e-6
# Limits for full_fit, in the order of the names. Its four or five passes over all rows
# are a third of those of a full fit. It may take half of the time of a full fit. Rows
# drawn for each coefficient. Numbers whose full fit takes a tenth of a second more.
# Coefficients whose Hessian of all rows takes about as long as a gradient: it is needed
# where the Hessian of the rows drawn is too far off.
PASSES_SHARE, _MOST_TIME = 1 / 3, 1 / 2
_ROWS_A_COEFFICIENT = 20
_LEAST_NUMBERS = 10_000_000
_FEW_COEFFICIENTS = 64
_ALL_ROWS = "Leave full_fit out, or fit the estimator on all rows."


def check_full_fit(estimator: Any, X: Any, use_weights: Any) -> None:
    """Refuse estimators that have no full fit, before rows are drawn."""
    _refuse_estimator(estimator, use_weights)
    _refuse_columns(estimator, X, 1)


def check_draw(estimator: Any, rows: TrainingRows) -> None:
    """Refuse rows that have no full fit, before anything is fitted."""
    n_classes = len(rows.drawn.original[0])
    _refuse_columns(estimator, rows.X, 1 if n_classes == 2 else n_classes)
    if is_dask(rows.X):
        raise ValueError(
            "full_fit=True reads all rows again and needs them in memory or in files "
            "(skstrat.io.scan_file); got a Dask collection. Compute it, or leave "
            "full_fit out."
        )
    _refuse_draw(rows.resampled)


def has_full_fit(estimator: Any, use_weights: Any) -> bool:
    """Tell whether an estimator has a full fit with a coefficient for each column."""
    allowed = allows_full_fit(estimator, use_weights)
    return allowed and only_scales(steps_before(estimator))


def allows_full_fit(estimator: Any, use_weights: Any = "auto") -> bool:
    """Tell whether an estimator, its columns aside, has a full fit."""
    try:
        _refuse_estimator(estimator, use_weights)
    except ValueError:
        return False
    return True


def _refuse_estimator(estimator: Any, use_weights: Any) -> None:
    model = last_model(estimator)
    if type(model) is not LogisticRegression:
        raise ValueError(
            "full_fit=True needs a LogisticRegression of scikit-learn, alone or as "
            f"last step of a pipeline; got {type(model).__name__}. Leave full_fit out."
        )
    params = model.get_params()
    _penalty_of(params)
    refused = {
        "solver": params["solver"] == "liblinear",
        "class_weight": params["class_weight"] is not None,
        "multi_class": params.get("multi_class", "auto") not in ("auto", "deprecated"),
    }
    for name in [name for name, refuse in refused.items() if refuse]:
        raise ValueError(
            f"full_fit=True needs a LogisticRegression {_RULES[name]}; got "
            f"{name}={params[name]!r}. Leave {name} or full_fit out."
        )
    if use_weights is False:
        raise ValueError(
            "full_fit=True starts from a fit with the weights of the rows drawn; got "
            'use_weights=False. Leave it at "auto".'
        )
    refuse_steps(steps_before(estimator), intercept=params["fit_intercept"])
    if not _weights_arrive(estimator):
        raise ValueError(
            "full_fit=True starts from a fit with the weights of the rows drawn, but "
            "LogisticRegression does not get them: its set_fit_request excludes them. "
            "Call set_fit_request(sample_weight=True) on it, or leave full_fit out."
        )


def _weights_arrive(estimator: Any) -> bool:
    estimator = clone(estimator)
    if routing_enabled():
        request_weights(estimator)
    arguments = fit_arguments(estimator, np.ones(1))
    return "sample_weight" in model_params(estimator, arguments or {})


def _refuse_columns(estimator: Any, X: Any, n_scores: int) -> None:
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) == 2 and only_scales(steps_before(estimator)):
        _refuse_many(shape[1] * n_scores)


def _refuse_draw(resampled: Resampled) -> None:
    made_by, drawn = resampled.made_by, resampled.rows
    names, _, totals = resampled.original
    change = class_totals(resampled.labels, resampled.weights) / totals
    if not np.allclose(change, 1, rtol=0, atol=_ROUNDING):
        raise ValueError(
            "full_fit=True needs a resampler whose weights restore the class totals, "
            f"because the full fit is of the original rows; {made_by} multiplied "
            f'them by {by_label(names, change)}. Use weighting="original", or put '
            "Weighted around a sampler that makes no weights."
        )
    if resampled.moves_rows and (drawn is None or (drawn < 0).any()):
        raise ValueError(
            "full_fit=True needs a resampler that picks rows and says which; got "
            f"{made_by}. Leave full_fit out, or use DownsampleUpweight."
        )


_RULES = {
    "solver": "whose solver leaves the intercept without penalty",
    "class_weight": "that weighs no classes by itself",
    "multi_class": "whose probabilities are one softmax",
}


def _penalty_of(params: dict[str, Any]) -> float:
    # Since scikit-learn 1.8 the kind of penalty is in l1_ratio, and none is C=inf.
    penalty, ratio = params["penalty"], params["l1_ratio"]
    if penalty is None:
        return 0.0
    if penalty == "l2" or (penalty == "deprecated" and ratio in (None, 0)):
        return 1 / params["C"]
    given = f"l1_ratio={ratio!r}" if penalty == "deprecated" else f"penalty={penalty!r}"
    raise ValueError(
        "full_fit=True needs a LogisticRegression with the l2 penalty or none, whose "
        f"loss is smooth; got {given}. {_ALL_ROWS}"
    )


def finish_fit(
    estimator: Any, rows: TrainingRows, given: GivenWeights
) -> FullFit | None:
    """Replace the coefficients by those of the fit on all rows; None if unchanged."""
    resampled, samples = rows.resampled, rows.resampled.samples
    if samples is None or not resampled.moves_rows:
        return None
    model = last_model(estimator)
    _refuse_many(model.coef_.size)
    known = model.classes_.tolist()
    codes = samples.labels.codes
    # One byte per row, as the codes have.
    place = np.array(
        [known.index(label) for label in samples.labels.classes.tolist()], codes.dtype
    )
    settings: dict[str, Any] = {
        "transformers": steps_before(estimator),
        "penalty": _penalty_of(model.get_params()),
        "intercept": model.fit_intercept,
    }
    full = PenalisedLogLoss(rows.X, place[codes], samples.sample_weight, **settings)
    drawn = PenalisedLogLoss(
        resampled.X, place[resampled.labels.codes], given.weights, **settings
    )
    start = model.coef_.astype(np.float64)
    if model.fit_intercept:
        start = np.column_stack([start, model.intercept_])
    at, found = minimise(full, drawn, start, _excess(resampled, given.weights))
    n_columns = model.coef_.shape[1]
    model.coef_ = at[:, :n_columns].copy()
    if model.fit_intercept:
        model.intercept_ = at[:, n_columns].copy()
    if not found.converged:
        _warn()
    return found


def _excess(resampled: Resampled, weights: Floats | None) -> float:
    """Return the largest ratio of a drawn row's weight to its original one."""
    samples: Any = resampled.samples
    if weights is None:
        weights = np.ones(len(resampled.rows))
    own, place = np.unique(resampled.rows, return_inverse=True)
    counted: Floats = np.bincount(place, weights).astype(np.float64)
    if samples.sample_weight is not None:
        counted /= samples.sample_weight[own]
    return float(counted.max())


def _refuse_many(n_coefficients: int) -> None:
    if n_coefficients > MOST_COEFFICIENTS:
        raise ValueError(
            f"full_fit=True is for at most {MOST_COEFFICIENTS:,} coefficients, whose "
            f"Hessian is a matrix; got {n_coefficients:,}. {_ALL_ROWS}"
        )


def _warn() -> None:
    warnings.warn(
        "full_fit did not reach the fit on all rows: after the passes allowed the "
        "Newton decrement is too large (decision_.full_fit has it). The rows drawn "
        "differ too much from the others, as where classes are nearly separated. "
        "Lower the factor of the resampler, lower C, or fit the estimator on all rows.",
        ConvergenceWarning,
        stacklevel=4,
    )


def full_fit_pays(
    n_rows: int, n_columns: int, n_drawn: int, n_classes: int = 2
) -> bool:
    """Tell, from counts alone, whether it takes at most half the time of a full fit."""
    n_scores = 1 if n_classes == 2 else n_classes
    numbers, n_coefficients = n_rows * n_columns * n_scores, n_columns * n_scores
    saves = n_drawn / n_rows + PASSES_SHARE <= _MOST_TIME
    tells = _ROWS_A_COEFFICIENT * n_coefficients <= n_drawn
    few = n_coefficients <= _FEW_COEFFICIENTS
    return saves and tells and few and numbers >= _LEAST_NUMBERS
