"""Probabilities from a small part of the rows, under the true prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat._core.compat import InvalidParameterError, routing_enabled
from skstrat._core.estimators import (
    final_estimator,
    fit_arguments,
    inner_estimator,
    is_linear,
    request_weights,
)
from skstrat._core.labels import Labels
from skstrat._core.own_prior import refuse_own_prior
from skstrat._core.plan import Plan
from skstrat._core.prior import correct_prior
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import class_totals
from skstrat.resamplers._efficiency import WeightedVariance, weighted_variance
from skstrat.resamplers._factor_recommendation import LEAST_POSITIVES
from skstrat.resamplers._guided_pilot import default_pilot
from skstrat.resamplers._pilot_columns import (
    LARGEST,
    ColumnCoder,
    as_sparse,
    shape_of,
)

Floats = NDArray[np.float64]

# With 500 positives, predicted efficiencies vary by .01 to .05 from draw to draw,
# with 2000 by .02 at most. The most frequent class fills up to twice as many rows.
MOST_POSITIVES = 2000
# Probabilities may be 0 or 1; their odds must stay finite.
_SUREST = 1e-9


@dataclass(frozen=True)
class Pilot:
    """Predictions of a small model for rows that it was not fitted on."""

    p: Floats  # Probability of the positive class under the true prior, within (0, 1).
    positive: NDArray[np.bool_]
    weights: Floats  # They add up to the totals of the classes.
    incoming: Floats  # Incoming weight of each row, 1 if there is none.
    # Columns that a linear model gets. None if the model is not linear, the columns are
    # not all finite numbers, or there are more of them than positive rows.
    design: Floats | None
    linear: bool  # Whether the model in question is linear.
    weighted: bool  # Whether it is linear and gets weights.
    # Penalty of the squared coefficients of the linear model, in the unit of the
    # weights.
    penalty: float
    n_columns: int  # Columns that the model in question gets.
    # Mean number of stored values of a row of these; small for sparse data.
    numbers: float

    @property
    def loss(self) -> float:
        """Mean log loss of the rows, by models that were not fitted on them."""
        own = np.where(self.positive, self.p, 1 - self.p)
        return float(-np.average(np.log(own), weights=self.weights))

    @property
    def too_wide(self) -> bool:
        """Whether a linear model has more columns than there are positive rows."""
        return self.linear and self.n_columns > int(self.positive.sum())

    @cached_property
    def variance(self) -> WeightedVariance | None:
        """Loss of a linear model by estimation; None if it cannot be computed."""
        if self.design is None:
            return None
        return weighted_variance(
            self.design, self.positive, self.weights, self.incoming, self.penalty
        )


def run_pilot(
    X: Any,
    split: Labels,
    samples: CheckedSamples,
    estimator: Any,
    seed: int,
    *,
    linear: bool = True,
    seen_by: Any = None,
) -> Pilot:
    """Draw a small part of the rows and predict each half of it from the other."""
    # Without an estimator, the pilot is a linear model where that is wanted and
    # possible. seen_by is the model whose columns are counted, if it is not linear.
    if split.counts.min() < LEAST_POSITIVES:
        return _blind(X, split, samples)
    n_positives = min(int(split.counts[1]), MOST_POSITIVES)
    n_negatives = min(int(split.counts[0]), 2 * MOST_POSITIVES - n_positives)
    wanted = np.array([n_negatives, n_positives])
    _, indices = Plan.draw(split, wanted, seed, key=samples.identities)
    codes = split.codes[indices]
    drawn = Labels(codes, split.classes, wanted)
    weights = samples.weights_of(indices)
    totals = class_totals(split, samples.sample_weight)
    rows = take_rows(X, samples.position_of(indices))
    if estimator is not None:
        linear = is_linear(estimator)
        refuse_own_prior(estimator, "estimator")
    if linear:
        seen = _as_seen(estimator, rows, codes.astype(np.intp))
    else:
        seen = _as_seen_if_fitted(seen_by, rows, samples.labels, indices)
    design: Any = _as_numbers(seen) if linear else None
    # A penalty is relative to the total weight, which has no unit of its own.
    unit = 1.0 if weights is None or estimator is not None else weights.mean()
    if estimator is None:
        linear = design is not None
        weighted = linear
        estimator = _default_line(design) if linear else default_pilot(rows)
        rows = design if linear else rows
        p = _cross_fitted(estimator, rows, drawn, weights, totals, seed)
        # Its penalty is one of standardised columns.
        design = _as_seen(estimator, rows, drawn.codes) if linear else None
    else:
        weighted = linear and _takes_weights(estimator)
        p = _asked(estimator, rows, design, drawn, weights, totals, seed)
    if weights is None:
        weights = np.ones(len(codes))
    n_columns = int(np.prod(shape_of(seen)[1:]))
    return Pilot(
        p=np.clip(p, _SUREST, 1 - _SUREST),
        positive=codes == 1,
        weights=weights * (totals / class_totals(drawn, weights))[codes],
        incoming=weights,
        design=_written_out(design, n_positives),
        linear=linear,
        weighted=weighted,
        penalty=_penalty(estimator) * unit,
        n_columns=n_columns,
        numbers=numbers_of_row(seen),
    )


def numbers_of_row(X: Any) -> float:
    """Return the mean number of stored values of a row, 1 if it is not known."""
    # Of a sparse matrix, the values other than 0.
    if sparse.issparse(X):
        return float(X.nnz / X.shape[0])
    shape = shape_of(X)
    # A frame of pandas has this only if all its columns are sparse.
    frame = len(shape) == 2 and hasattr(X, "sparse")
    return float(np.prod(shape[1:])) * (X.sparse.density if frame else 1.0)


def _blind(X: Any, split: Labels, samples: CheckedSamples) -> Pilot:
    """Return a pilot from the class sizes alone, with one row a class."""
    totals = class_totals(split, samples.sample_weight)
    return Pilot(
        p=np.full(2, totals[1] / totals.sum()),
        positive=np.array([False, True]),
        weights=totals,
        incoming=totals / split.counts,
        design=None,
        linear=False,
        weighted=False,
        penalty=0.0,
        n_columns=int(np.prod(shape_of(X)[1:])),
        numbers=numbers_of_row(X),
    )


def _asked(
    estimator: Any,
    rows: Any,
    design: Any,
    drawn: Labels,
    weights: Floats | None,
    totals: Floats,
    seed: int,
) -> Floats:
    """Use the estimator itself as pilot, or the default pilot if rows are too few."""
    # Half of the rows may have categories that an encoder was not fitted with.
    try:
        return _cross_fitted(estimator, rows, drawn, weights, totals, seed)
    except InvalidParameterError:
        raise
    except ValueError as error:
        if design is None or len(shape_of(rows)) == 1:
            raise ValueError(
                "estimator must learn from one half of the pilot's rows and predict "
                f"the other; got {type(final_estimator(estimator)).__name__}, and "
                f"{str(error).rstrip('. ')}. Let encoders ignore unknown categories, "
                'as with handle_unknown="ignore", or leave estimator out.'
            ) from error
    return _cross_fitted(default_pilot(rows), rows, drawn, weights, totals, seed)


def _takes_weights(estimator: Any) -> bool:
    """Return whether weights are passed to the fit of an estimator."""
    model = clone(estimator)
    if routing_enabled():
        request_weights(model)
    return fit_arguments(model, np.ones(1)) is not None


def _as_seen_if_fitted(
    estimator: Any, rows: Any, labels: Labels, indices: NDArray[np.intp]
) -> Any:
    """Transform rows by steps that are optional; return them unchanged on failure."""
    try:
        return _as_seen(estimator, rows, labels.classes[labels.codes[indices]])
    except InvalidParameterError:
        raise
    except (TypeError, ValueError):
        # The pilot may have too few rows for a step, or lack other arguments of its
        # fit.
        return rows


def _as_seen(estimator: Any, rows: Any, y: NDArray[Any]) -> Any:
    """Transform rows as for the final model."""
    while estimator is not None:
        if isinstance(estimator, SklearnPipeline):
            # A sampler would return other rows.
            if any(hasattr(step, "fit_resample") for _, step in estimator.steps):
                return rows
            if len(estimator.steps) > 1:
                before = clone(estimator[:-1])
                rows = before.fit_transform(rows, y)
            estimator = estimator.steps[-1][1]
        else:
            estimator = inner_estimator(estimator)
    return rows


def _written_out(design: Any, most: int) -> Any:
    """Return columns as a dense array, or None if there are too many of them."""
    if design is None or design.shape[1] > most:
        return None
    return design.toarray() if sparse.issparse(design) else design


def _default_line(design: Any) -> Any:
    scaler = StandardScaler(with_mean=not sparse.issparse(design))
    return make_pipeline(scaler, LogisticRegression(max_iter=1000))


def _penalty(estimator: Any) -> float:
    """Return the ridge penalty of a logistic regression; 0 for all others."""
    model = final_estimator(estimator)
    ridge = getattr(model, "penalty", None) in ("l2", "deprecated")
    if not (type(model) is LogisticRegression and ridge) or model.l1_ratio:
        return 0.0
    return 1 / float(model.C)


def _as_numbers(rows: Any) -> Any:
    """Return the columns as numbers, or None if there are none or not all finite."""
    if len(shape_of(rows)) == 1:
        return None
    numbers = as_sparse(rows)
    if numbers is None:
        coder = ColumnCoder()
        numbers = coder.fit_transform(rows)
        if any(each is not None for each in coder.categories_):
            return None
    values = numbers.data if sparse.issparse(numbers) else numbers
    return numbers.astype(np.float64) if (np.abs(values) < LARGEST).all() else None


def _cross_fitted(
    estimator: Any,
    rows: Any,
    drawn: Labels,
    weights: Floats | None,
    totals: Floats,
    seed: int,
) -> Floats:
    """Predict each half of the rows by a model of the other, under the true prior."""
    rng = np.random.default_rng(seed)
    second = np.zeros(len(drawn.codes), dtype=bool)
    for code in (0, 1):
        own = np.flatnonzero(drawn.codes == code)
        second[rng.permutation(own)[: len(own) // 2]] = True
    p = np.empty(len(second))
    for tested in (second, ~second):
        train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
        codes = drawn.codes[train]
        half = Labels(codes, drawn.classes, np.bincount(codes, minlength=2))
        predict = fit_corrected(
            estimator,
            take_rows(rows, train),
            half,
            None if weights is None else weights[train],
            totals,
            seed,
        )
        p[test] = predict(take_rows(rows, test))
    return p


def fit_corrected(
    estimator: Any,
    rows: Any,
    labels: Labels,
    weights: Floats | None,
    totals: Floats,
    seed: int,
) -> Callable[[Any], Floats]:
    """Fit a clone; return a function that predicts positives under the true prior."""
    model = _seeded(clone(estimator), seed)
    passed, arguments = None, {}
    if weights is not None:
        if routing_enabled():
            request_weights(model)
        # A penalty is relative to the total weight, which has no unit.
        scaled = weights / weights.mean()
        found = fit_arguments(model, scaled)
        if found is not None:
            passed, arguments = scaled, found
    model.fit(rows, labels.codes.astype(np.intp), **arguments)
    seen = class_totals(labels, passed)

    def predict(X: Any) -> Floats:
        proba = model.predict_proba(X)
        return correct_prior(proba, train_prior=seen, target_prior=totals)[:, 1]

    return predict


def _seeded(model: Any, seed: int) -> Any:
    """Set every random_state that is None, so that results are reproducible."""
    unset = [
        name
        for name, value in model.get_params(deep=True).items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ]
    return model.set_params(**dict.fromkeys(unset, seed % 2**32)) if unset else model
