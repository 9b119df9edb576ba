"""Probabilities from a small part of the rows, under the true prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat._core.compat import routing_enabled
from skstrat._core.estimators import (
    final_estimator,
    fit_arguments,
    is_linear,
    request_weights,
)
from skstrat._core.factorize import is_missing
from skstrat._core.labels import Labels
from skstrat._core.own_prior import refuse_own_prior
from skstrat._core.plan import Plan
from skstrat._core.prior import correct_prior
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import class_totals

Floats = NDArray[np.float64]

# With 500 positives, predicted efficiencies vary by .01 to .05 from draw to draw,
# with 2000 by .02 at most. The most frequent class fills up to twice as many rows.
MOST_POSITIVES = 2000
# Scaling squares the numbers; beyond this they are as good as infinite.
_LARGEST = 1e100
# HistGradientBoostingClassifier takes no more categories than it has bins.
_CATEGORIES = 255
# An estimator may be sure of a row; its odds must stay finite.
_SUREST = 1e-9


@dataclass(frozen=True)
class Pilot:
    """What a small model says of the rows it was not fitted on.

    Attributes
    ----------
    p : ndarray of shape (n_pilot,)
        Probability of the positive class under the true prior, within (0, 1).
    positive : ndarray of shape (n_pilot,)
        Whether the row is of it.
    weights : ndarray of shape (n_pilot,)
        What each row stands for; they add up to the totals of the classes.
    incoming : ndarray of shape (n_pilot,)
        Weight that each row came with, 1 if none.
    design : ndarray of shape (n_pilot, n_columns) or None
        Columns as a linear model sees them; None if the model is another, the columns
        are not all finite numbers, or there are more of them than positive rows.
    penalty : float
        Of the squared coefficients of the linear model, in the unit of the weights.
    n_columns : int
        Columns of X, or of ``design``.
    """

    p: Floats
    positive: NDArray[np.bool_]
    weights: Floats
    incoming: Floats
    design: Floats | None
    penalty: float
    n_columns: int

    @property
    def loss(self) -> float:
        """Mean log loss of the rows, by models that were not fitted on them."""
        own = np.where(self.positive, self.p, 1 - self.p)
        return float(-np.average(np.log(own), weights=self.weights))


def run_pilot(
    X: Any,
    split: Labels,
    samples: CheckedSamples,
    estimator: Any,
    seed: int,
    *,
    linear: bool = True,
) -> Pilot:
    """Draw a small part of the rows and predict each half of it from the other.

    Without an estimator, it is a linear model where that is asked for and can be.
    """
    n_positives = min(int(split.counts[1]), MOST_POSITIVES)
    n_negatives = min(int(split.counts[0]), 2 * MOST_POSITIVES - n_positives)
    wanted = np.array([n_negatives, n_positives])
    _, indices = Plan.draw(split, wanted, seed, key=samples.positions)
    codes = split.codes[indices]
    drawn = Labels(codes, split.classes, wanted)
    weights = samples.weights_of(indices)
    totals = class_totals(split, samples.sample_weight)
    rows = take_rows(X, samples.position_of(indices))
    table = _as_table(rows)
    design = _as_numbers(table)
    # A penalty weighs against the total weight, which has no unit of its own.
    unit = 1.0 if weights is None or estimator is not None else weights.mean()
    if estimator is None:
        linear, estimator, rows = _default_model(table, design, linear)
    else:
        linear = is_linear(estimator)
        refuse_own_prior(estimator, "estimator")
    if linear and isinstance(estimator, SklearnPipeline):
        design = _as_seen(estimator, rows, codes)
    p = _cross_fitted(estimator, rows, drawn, weights, totals, seed)
    if weights is None:
        weights = np.ones(len(codes))
    if not linear or design is None or design.shape[1] > n_positives:
        design = None
    elif sparse.issparse(design):
        design = design.toarray()
    return Pilot(
        p=np.clip(p, _SUREST, 1 - _SUREST),
        positive=codes == 1,
        weights=weights * (totals / class_totals(drawn, weights))[codes],
        incoming=weights,
        design=design,
        penalty=_penalty(estimator) * unit,
        n_columns=int(table.shape[1] if design is None else design.shape[1]),
    )


def _as_seen(pipeline: Any, rows: Any, codes: NDArray[Any]) -> Any:
    """Transform rows as for the model at the end, or give None if that needs more."""
    if len(pipeline.steps) == 1:
        return _as_numbers(_as_table(rows))
    before = clone(pipeline[:-1])
    return _as_numbers(_as_table(before.fit_transform(rows, codes.astype(np.intp))))


def _penalty(estimator: Any) -> float:
    """Give the ridge penalty of a logistic regression; 0 for all others."""
    model = final_estimator(estimator)
    ridge = getattr(model, "penalty", None) in ("l2", "deprecated")
    if not (type(model) is LogisticRegression and ridge) or model.l1_ratio:
        return 0.0
    return 1 / float(model.C)


def _as_table(rows: Any) -> Any:
    """Give rows two dimensions, in numpy or scipy."""
    if sparse.issparse(rows):
        return rows.tocsr()
    # Columns of different types have no array in common but one of objects.
    if hasattr(rows, "get_columns"):
        columns = [column.to_list() for column in rows.get_columns()]
    elif hasattr(rows, "itercolumns"):
        columns = [column.to_pylist() for column in rows.itercolumns()]
    else:
        values = np.asarray(rows, order="C")
        return values.reshape(len(values), -1)
    table = np.empty((len(rows), len(columns)), dtype=object)
    for at, column in enumerate(columns):
        table[:, at] = column
    return table


def _as_numbers(table: Any) -> Any:
    """Give the columns as float64, or None if a value is no finite number."""
    try:
        numbers = table.astype(np.float64)
    except (TypeError, ValueError):
        return None
    values = numbers.data if sparse.issparse(numbers) else numbers
    return numbers if (np.abs(values) < _LARGEST).all() else None


def _default_model(table: Any, design: Any, linear: bool) -> tuple[bool, Any, Any]:
    """Choose a model; tell whether it is linear, and give it its rows."""
    if design is not None and (linear or sparse.issparse(design)):
        scaler = StandardScaler(with_mean=not sparse.issparse(design))
        model = make_pipeline(scaler, LogisticRegression(max_iter=1000))
        return linear, model, design
    names = None
    if design is None:
        table = table.toarray() if sparse.issparse(table) else table
        coded = [_as_codes(table[:, column]) for column in range(table.shape[1])]
        names = [are_names for _, are_names in coded]
        design = np.column_stack([values for values, _ in coded])
    trees = HistGradientBoostingClassifier(
        categorical_features=names,
        l2_regularization=1.0,
        # In so few rows more trees only make it surer of what it does not know.
        max_iter=20,
        learning_rate=0.25,
        max_leaf_nodes=8,
        early_stopping=False,
    )
    return False, trees, design


def _as_codes(column: NDArray[Any]) -> tuple[Floats, bool]:
    """Write a column as finite numbers, and tell if they are names."""
    listed = column.tolist()
    missing = np.array([is_missing(value) for value in listed])
    present = [value for value in listed if not is_missing(value)]
    # The trees fail at numbers that are all missing in one of the halves, so these get
    # a value below all others; a name below 0 is a missing one to the trees.
    numbers = np.full(len(listed), -2 * _LARGEST)
    try:
        values, names = np.array([float(value) for value in present]), False
        values[~(np.abs(values) < _LARGEST)] = -2 * _LARGEST
    except (TypeError, ValueError):
        # Dates written as text keep their order, which matters if they are many.
        found, values = np.unique(list(map(str, present)), return_inverse=True)
        names = len(found) <= _CATEGORIES
    numbers[~missing] = values
    return numbers, names


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
    """Fit a clone of a model; give how it predicts positives under the true prior."""
    model = _seeded(clone(estimator), seed)
    passed, arguments = None, {}
    if weights is not None:
        if routing_enabled():
            request_weights(model)
        # A penalty weighs against the total weight, which has no unit.
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
    """Give a seed to whatever would take a fresh one, so that answers repeat."""
    unset = [
        name
        for name, value in model.get_params(deep=True).items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ]
    return model.set_params(**dict.fromkeys(unset, seed % 2**32)) if unset else model
