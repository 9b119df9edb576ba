"""What all resamplers share: decide from the labels, take the rows, weight them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin

from skstrat._columns import sorted_classes
from skstrat._counted import drop_zero_weights, look_at
from skstrat._dask import LazyDraw, resample_collections
from skstrat._labels import Labels
from skstrat._lazy import example_of, is_dask
from skstrat._plan import Plan
from skstrat._rows import take_rows
from skstrat._seed import seed_of
from skstrat._sklearn import (
    STOCK_PIPELINE_CALL,
    check_feature_names,
    check_n_features,
    sampler_tags,
)
from skstrat._strategy import Targets
from skstrat._weights import (
    Floats,
    Weighting,
    class_totals,
    class_weights,
    multiply_weights,
    spread,
)

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Drawn:
    """What a resampler has decided, before it takes any row of X.

    Attributes
    ----------
    rows : ndarray of shape (n_drawn,)
        Rows drawn, as positions in X.
    weights : ndarray of shape (n_drawn,)
        Their weights.
    untouched : bool
        Whether they are all rows of X, once each.
    """

    rows: Indices
    weights: Floats
    untouched: bool


class BaseResampler(OneToOneFeatureMixin, BaseEstimator, ABC):
    """Base of the resamplers: three results, always.

    A subclass says how many rows of each class it wants; everything else, the draw,
    the weights, the containers and the learned names, is here.
    """

    weighting: Weighting
    random_state: Any = None

    @abstractmethod
    def _targets(self, labels: Labels, y: Any) -> Targets:
        """Say how many rows of each class are wanted."""

    def _draw_shares(self) -> Mapping[Any, float] | float | None:
        """Say what share of a class is drawn beyond whole copies of it.

        One number for every class of which rows are drawn, or one for each label,
        if that is known before the classes are counted; else None.
        """
        return None

    def _check_needs_labels_alone(self) -> None:
        """Refuse what cannot be decided without seeing all rows at once."""
        if callable(getattr(self, "sampling_strategy", None)):
            raise TypeError(
                "sampling_strategy must not be a callable for data in partitions, "
                "whose labels are never in memory at once; give the dict that it "
                "would return."
            )

    def _class_weights(
        self, labels: Labels, targets: Targets, mass: Floats, drawn: Floats
    ) -> Floats:
        return class_weights(labels, targets.factor, self.weighting, mass, drawn)

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Decide which rows to draw and what each counts, without taking them.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data. Only its length is looked at.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None; a row of zero weight is not
            there.

        Returns
        -------
        BaseResampler
            The fitted resampler.

        Raises
        ------
        ValueError
            If lengths differ, labels are missing or of one class, or weights are
            negative or not finite.
        """
        if is_dask(X) or is_dask(y):
            self._learn_lazily(X, y, sample_weight)
        else:
            self._learn(X, y, sample_weight)
        return self

    def fit_resample(
        self, X: Any, y: Any, *, sample_weight: Any = None
    ) -> tuple[Any, Any, Floats]:
        """Draw rows and give each the weight it stands for.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data of any kind; rows are taken, values are not read. Of Dask
            collections the labels are read at once, in one run that keeps a byte a
            row; the results are lazy, partitioned alike, without partitions that
            gave no row. Computing them reads the data again.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None; a row of zero weight is not
            there.

        Returns
        -------
        X_resampled : same kind as X, of shape (n_drawn, ...)
            The rows drawn, in their original order. ``X`` itself if no row moves
            and it is no Dask collection.
        y_resampled : same kind as y, of shape (n_drawn,)
            Their labels.
        sample_weight : ndarray of shape (n_drawn,)
            Their weights, float64, finite and positive.

        Raises
        ------
        ValueError
            If lengths differ, labels are missing or of one class, or weights are
            negative or not finite.
        TypeError
            If a stock imbalanced-learn Pipeline calls, which cannot carry weights.
        """
        refuse_stock_pipeline(type(self).__name__)
        if is_dask(X) or is_dask(y):
            lazy = self._learn_lazily(X, y, sample_weight)
            return lazy.X, lazy.y, lazy.sample_weight
        drawn = self._learn(X, y, sample_weight)
        if drawn.untouched:
            return X, y, drawn.weights
        return take_rows(X, drawn.rows), take_rows(y, drawn.rows), drawn.weights

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Drawn:
        self._validate_params()
        seen = look_at(X, y, sample_weight)
        labels, incoming = seen.labels, seen.sample_weight
        self._learn_columns(X)
        targets = self._targets(labels, seen.y)
        plan, indices = Plan.draw(
            labels, targets.rows, seed_of(self.random_state), key=seen.counted
        )
        codes = labels.codes[indices]
        taken = Labels(codes, labels.classes, targets.rows)
        mass = class_totals(labels, incoming)
        drawn = class_totals(taken, None if incoming is None else incoming[indices])
        multiplier = self._class_weights(labels, targets, mass, drawn)
        self._learn_plan(plan.weighted(mass, multiplier), labels.classes)
        rows = indices if seen.counted is None else seen.counted[indices]
        self.sample_indices_ = rows
        weights = spread(multiplier, codes)
        if incoming is not None:
            weights = multiply_weights(weights, incoming[indices])
        untouched = seen.counted is None and not plan.moves_rows
        return Drawn(rows, weights, untouched)

    def _learn_lazily(self, X: Any, y: Any, sample_weight: Any) -> LazyDraw:
        self._validate_params()
        lazy = resample_collections(self, X, y, sample_weight)
        self._learn_columns(example_of(X))
        classes = sorted_classes(list(lazy.plan.classes))
        dtype = getattr(y, "dtype", None)
        if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
            classes = classes.astype(dtype)
        self._learn_plan(lazy.plan, classes)
        self.sample_indices_ = lazy.indices
        return lazy

    def _learn_columns(self, X: Any) -> None:
        if hasattr(self, "n_features_in_"):
            del self.n_features_in_
        if getattr(X, "ndim", 2) == 2:
            check_n_features(self, X, reset=True)
        check_feature_names(self, X, reset=True)

    def _learn_plan(self, plan: Plan, classes: NDArray[Any]) -> None:
        self.plan_, self.classes_ = plan, classes
        self.sampling_strategy_ = dict(zip(plan.classes, plan.rows, strict=True))
        self.class_weight_ = dict(zip(plan.classes, plan.class_weight, strict=True))

    def __sklearn_tags__(self) -> Any:
        return sampler_tags()


def refuse_stock_pipeline(name: str) -> None:
    """Refuse a call from a pipeline that has no place for the weights."""
    # Called from fit_resample, so the pipeline would be two frames up.
    caller = sys._getframe(2)
    where = caller.f_globals.get("__name__"), caller.f_code.co_name
    if where == STOCK_PIPELINE_CALL:
        raise TypeError(
            f"{name}.fit_resample returns X, y and sample_weight, and "
            "imblearn.pipeline.Pipeline has no place for the weights. Write "
            "'from skstrat import Pipeline, make_pipeline' instead, or keep that "
            "pipeline and make ResampledClassifier(classifier, resampler) its last "
            "step."
        )


def resample(
    sampler: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, Any, Floats | None]:
    """Run any sampler, of three results or of two, and keep the weights in step."""
    if isinstance(sampler, BaseResampler):
        return sampler.fit_resample(X, y, sample_weight=sample_weight)
    X, y, weights = drop_zero_weights(X, y, sample_weight)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    if weights is None:
        return X_resampled, y_resampled, None
    indices = getattr(sampler, "sample_indices_", None)
    if indices is None or np.min(indices, initial=0) < 0:
        raise ValueError(
            f"{type(sampler).__name__} does not say which rows it kept "
            "(sample_indices_), so the weights that reach it cannot follow the rows. "
            "Put it before the step that makes the weights, or let it make its own: "
            f"Weighted({type(sampler).__name__}(...))."
        )
    return X_resampled, y_resampled, weights[indices]
