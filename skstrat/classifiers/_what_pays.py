"""Compare the time saved by fewer rows with that of the pilot and the draw."""

from __future__ import annotations

from typing import Any

from sklearn.base import OneToOneFeatureMixin

from skstrat._core.estimators import is_linear
from skstrat._core.targets import LEAST_ROWS
from skstrat.classifiers._fit_time import predict_seconds
from skstrat.classifiers._pipeline_steps import steps_before
from skstrat.resamplers._factor_recommendation import FactorRecommendation

# Seconds. Guided rows: the pilot, and its predictions for each cell. Any draw: a row.
_PILOT, _SCORED_CELL, _DRAWN_ROW = 0.05, 18e-9, 30e-9
# Seconds of a recommendation: a pilot of trees; a linear pilot, and its matrices for
# each square of the columns, measured with up to 1,200 columns.
_ASKING_TREES, _ASKING_LINE, _ASKING_SQUARE = 0.1, 0.03, 1.5e-6
# A smaller saving is not worth another set of rows. Predicted times are within a factor
# of 2, so if half of a fit is predicted, some time is saved in fact.
_LEAST_SECONDS, _LEAST_SHARE = 0.1, 0.5


def draw_seconds(n_rows: int, n_columns: float, *, guided: bool) -> float:
    """Predict the seconds of a draw."""
    scored = _PILOT + _SCORED_CELL * n_rows * n_columns if guided else 0.0
    return scored + _DRAWN_ROW * n_rows


def asking_seconds(n_columns: float, *, linear: bool) -> float:
    """Predict the seconds of a pilot that recommends a factor."""
    if not linear:
        return _ASKING_TREES
    return _ASKING_LINE + _ASKING_SQUARE * n_columns**2


def may_pay(
    estimator: Any, n_rows: int, n_columns: float, n_classes: int, *, guided: bool
) -> bool:
    """Tell whether a recommended factor can save more time than the pilot takes."""
    # Columns are those of X; only the pilot knows those that a pipeline makes.
    full = predict_seconds(estimator, n_rows, n_columns, n_classes)
    fewest = min(n_rows, LEAST_ROWS)
    kept = predict_seconds(estimator, fewest, n_columns, n_classes)
    if full is None or kept is None or _makes_columns(estimator):
        return n_rows > LEAST_ROWS
    asking = asking_seconds(n_columns, linear=is_linear(estimator))
    draw = draw_seconds(n_rows, n_columns, guided=guided)
    return _is_enough(full - kept - draw - asking, full)


def _makes_columns(pipeline: Any) -> bool:
    return any(
        not (step is None or step == "passthrough")
        and not isinstance(step, OneToOneFeatureMixin)
        for before in steps_before(pipeline)
        for _, step in before.steps
    )


def _is_enough(saved: float, full: float) -> bool:
    return saved >= max(_LEAST_SECONDS, _LEAST_SHARE * full)


def dropping_pays(
    found: FactorRecommendation, n_columns: float, n_fits: int = 1
) -> bool:
    """Tell whether half of a fit and a tenth of a second are saved, draws included."""
    # If the seconds are not known: whether half of the rows are saved.
    if found.seconds is None or found.full_seconds is None:
        return n_fits * found.rows <= (1 - _LEAST_SHARE) * found.n_rows
    guided = found.correction == "guided"
    draw = draw_seconds(found.n_rows, n_columns, guided=guided)
    spent = n_fits * (found.seconds + draw)
    return _is_enough(found.full_seconds - spent, found.full_seconds)
