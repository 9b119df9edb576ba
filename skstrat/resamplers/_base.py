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

from skstrat._core.cells import CellDraw, draw_groups, draw_rows
from skstrat._core.compat import (
    STOCK_PIPELINE_CALL,
    check_feature_names,
    check_n_features,
    sampler_tags,
)
from skstrat._core.dask import example_of, is_dask
from skstrat._core.labels import Labels, sorted_classes
from skstrat._core.plan import Plan
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.samples import drop_zero_weights, look_at, weights_of_rows
from skstrat._core.strata import labels_or_strata, read_row_labels
from skstrat._core.targets import Targets, seed_of
from skstrat._core.weights import (
    Floats,
    Weighting,
    cell_weights,
    class_totals,
    class_weights,
    multiply_weights,
    spread,
    wanted_totals,
)
from skstrat.io._dask import LazyDraw, resample_collections

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


class StratifiedResampler(BaseResampler):
    """Base of the resamplers that pick rows, within strata and by groups if given."""

    strata: Any
    groups: Any

    def _check_needs_labels_alone(self) -> None:
        super()._check_needs_labels_alone()
        for argument in ("strata", "groups"):
            if getattr(self, argument) is not None:
                raise ValueError(
                    f"{argument} must be None for data in partitions, which are drawn "
                    "by their labels alone; got "
                    f"{type(getattr(self, argument)).__name__}. Write classes crossed "
                    "with strata into one column of labels."
                )

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Drawn:
        if self.strata is None and self.groups is None:
            return super()._learn(X, y, sample_weight)
        self._validate_params()
        incoming, counted = weights_of_rows(X, count_rows(y), sample_weight)
        strata, groups = (
            None if named is None else read_row_labels(named, X, y, counted, argument)
            for named, argument in ((self.strata, "strata"), (self.groups, "groups"))
        )
        if incoming is not None and counted is not None:
            y, incoming = take_rows(y, counted), incoming[counted]
        self._learn_columns(X)
        labels, strata = labels_or_strata(y, strata)
        targets = self._targets(labels, y)
        seed = seed_of(self.random_state)
        if groups is None:
            draw = draw_rows(labels, strata, targets, seed, counted)
        else:
            draw = draw_groups(labels, strata, groups, targets, seed)
        multiplier = self._learn_cells(labels, targets, draw, incoming)
        indices = draw.indices
        rows = indices if counted is None else counted[indices]
        self.sample_indices_ = rows
        weights = multiplier[draw.cells.codes[indices]]
        if incoming is not None:
            weights = multiply_weights(weights, incoming[indices])
        untouched = counted is None and not draw.plan.moves_rows
        return Drawn(rows, weights, untouched)

    def _learn_cells(
        self,
        labels: Labels,
        targets: Targets,
        draw: CellDraw,
        incoming: Floats | None,
    ) -> Floats:
        """Weight each cell so that its total is kept, and each class's is as wanted."""
        indices, cells = draw.indices, draw.cells
        taken = None if incoming is None else incoming[indices]
        mass = class_totals(labels, incoming)
        cell_mass = class_totals(cells, incoming)
        drawn = _totals(cells.codes[indices], taken, len(cells.classes))
        wanted = np.ones(len(mass))
        if self.weighting not in ("uniform", "factor"):
            wanted = wanted_totals(labels, self.weighting, mass) / mass
        multiplier = cell_weights(
            self.weighting, draw.factor, draw.class_of, wanted, cell_mass, drawn
        )
        self.plan_ = draw.plan.weighted(cell_mass, multiplier)
        self.classes_ = labels.classes
        names = labels.classes.tolist()
        drawn_of_class = _totals(draw.class_of, drawn, len(mass))
        rows_of_class = np.bincount(labels.codes[indices], minlength=len(mass))
        self.sampling_strategy_ = dict(zip(names, rows_of_class.tolist(), strict=True))
        weight_of_class = class_weights(
            labels, targets.factor, self.weighting, mass, drawn_of_class
        )
        self.class_weight_ = dict(zip(names, weight_of_class.tolist(), strict=True))
        return multiplier


def _totals(codes: Any, weights: Floats | None, n_cells: int) -> Floats:
    return np.bincount(codes, weights, minlength=n_cells).astype(np.float64)
