"""The steps of all resamplers: check, find cells and targets, draw, weight."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import update_wrapper
from types import FunctionType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin

from skstrat._core.cells import Cells, Draw
from skstrat._core.compat import (
    STOCK_PIPELINE_CALL,
    LinkedEstimator,
    check_feature_names,
    check_n_features,
    sampler_tags,
)
from skstrat._core.containers import is_lazy, is_mapping, is_torch_dataset
from skstrat._core.dask import is_dask
from skstrat._core.labels import Labels, by_label
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.samples import CheckedSamples, check_samples
from skstrat._core.targets import Targets, seed_of
from skstrat._core.weights import (
    CellSums,
    Floats,
    Weighting,
    cell_weights,
    class_totals,
    multiply_weights,
    row_multipliers,
    totals_of,
)
from skstrat.resamplers._resampled import Resampled


@dataclass(frozen=True)
class CellWeights:
    """Weights of the rows drawn, and their parts."""

    weights: Floats
    by_cell: Floats  # Factor by which the incoming weights of each cell are multiplied.
    by_class: Floats  # The same for each class, over all its cells.
    totals: Floats  # Total incoming weight of each cell.


def _named_after(cls: type, method: Any) -> FunctionType:
    """Copy a method under the name of a class."""
    copied = FunctionType(
        method.__code__,
        method.__globals__,
        method.__name__,
        method.__defaults__,
        method.__closure__,
    )
    update_wrapper(copied, method)
    del copied.__wrapped__  # type: ignore[attr-defined]
    copied.__kwdefaults__ = method.__kwdefaults__
    copied.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
    return copied


def _refuse_unnamed(cls: type, args: tuple[Any, ...]) -> None:
    """Refuse a keyword-only parameter that is given without its name."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    named = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    allowed = len(parameters) - len(named)
    if len(args) > allowed:
        raise TypeError(
            f"{cls.__name__} takes {named[0]} by its name; got {args[allowed]!r} "
            f"without. Write {cls.__name__}({named[0]}={args[allowed]!r})."
        )


class BaseResampler(LinkedEstimator, OneToOneFeatureMixin, BaseEstimator, ABC):
    """Base class of the resamplers, which always return three values."""

    _parameter_constraints: dict[str, list[Any]] = {}
    weighting: Weighting
    random_state: Any = None
    _seed: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG004
        """Refuse parameters without their names."""
        if args:
            _refuse_unnamed(cls, args)
        return super().__new__(cls)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name methods after their class, because Python's errors show that name."""
        super().__init_subclass__(**kwargs)
        for method in (BaseResampler.fit, BaseResampler.fit_resample):
            if method.__name__ not in vars(cls):
                setattr(cls, method.__name__, _named_after(cls, method))

    @abstractmethod
    def _targets(self, labels: Labels, y: Any) -> Targets:
        """Return the rows wanted of each class."""

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Choose the rows to draw and compute their weights, without taking them.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data. Only :class:`GuidedDownsample`, :class:`Weighted`, ``factor="auto"``
            and ``strata`` or ``groups`` that are named or callable read its values.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None. Rows of zero weight are ignored.

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
        """Draw rows and compute the weight of each.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data of any kind. Its values are read only where ``fit`` reads them. A torch
            ``Dataset`` with positions is resampled by index, as a ``Subset``.

            Of Dask collections the labels are read into memory, one byte a row.
            Weights, and numeric columns named by ``strata`` or ``groups``, need 8 bytes
            a row more. Above a billion rows, count the labels and use
            :meth:`Plan.from_counts`. The results are lazy and have the same partitions,
            without those that gave no row. Computing them reads the data again.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None. Rows of zero weight are ignored.

        Returns
        -------
        X_resampled : same kind as X, of shape (n_drawn, ...)
            The rows drawn, in their original order. It is ``X`` itself if no row moves
            and X is no Dask collection.
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
            If imbalanced-learn's own Pipeline calls, which cannot carry weights, or a
            container does not give the rows that were asked for.

        Notes
        -----
        Code written for two values, ``X, y = ...``, fails with Python's error "too many
        values to unpack". Write ``X, y, sample_weight = ...``. Or give the resampler to
        :class:`Pipeline` or :class:`ResampledClassifier`, which carry the weights.
        """
        refuse_stock_pipeline(type(self).__name__)
        resampled = self._resample(X, y, sample_weight)
        return resampled.X, resampled.y, resampled.weights

    def _resample(self, X: Any, y: Any, sample_weight: Any) -> Resampled:
        """Draw rows, and return them with the factors of their weights."""
        if is_dask(X) or is_dask(y):
            return self._learn_lazily(X, y, sample_weight)
        resampled = self._learn(X, y, sample_weight)
        if resampled.X is not None:
            return resampled
        if not resampled.moves_rows and len(resampled.rows) == count_rows(X):
            return replace(resampled, X=X, y=y)
        rows = resampled.rows
        return replace(resampled, X=take_rows(X, rows), y=take_rows(y, rows, "y"))

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Resampled:
        self._validate_params()
        samples = check_samples(X, y, sample_weight)
        self._learn_columns(X)
        self._seed = seed_of(self.random_state)
        cells = self._cells(samples, X, y)
        targets = self._targets(cells.labels, samples.y)
        draw = self._draw(cells, targets, samples, X)
        return self._remember(samples, draw, self._weigh(draw, targets, samples))

    def _cells(self, samples: CheckedSamples, X: Any, y: Any) -> Any:
        """Return the rows that are drawn at one rate and weighted alike."""
        return Cells.of_classes(samples.labels)

    def _draw(
        self, cells: Any, targets: Targets, samples: CheckedSamples, X: Any
    ) -> Draw:
        """Draw rows of each cell."""
        draw: Draw = cells.draw(targets, samples, self._seed)
        return draw

    def _weigh(
        self, draw: Draw, targets: Targets, samples: CheckedSamples
    ) -> CellWeights:
        """Compute weights that give every cell the total wanted."""
        cells = draw.cells
        labels, own, class_of = cells.labels, cells.cells, cells.class_of
        start = draw.weights_before_scaling()
        totals = class_totals(own, samples.sample_weight)
        drawn = draw.rows.astype(np.float64)
        if start is not None:
            drawn = totals_of(draw.codes, start, len(totals))
        margins = draw.margins or (class_of,)
        sums = CellSums(class_of, draw.expansion, totals, drawn, margins)
        by_cell = by_class = self._multiplier(labels, sums)
        if own is not labels:
            n_classes = len(labels.classes)
            by_class = totals_of(class_of, by_cell * drawn, n_classes)
            by_class /= totals_of(class_of, drawn, n_classes)
        weights = row_multipliers(by_cell, draw.codes)
        if start is not None:
            weights = multiply_weights(weights, start)
        return CellWeights(weights, by_cell, by_class, totals)

    def _multiplier(self, labels: Labels, sums: CellSums) -> Floats:
        """Compute the multiplier of the weights of each cell."""
        return cell_weights(self.weighting, labels, sums)

    def _remember(
        self, samples: CheckedSamples, draw: Draw, weighed: CellWeights
    ) -> Resampled:
        """Set the fitted attributes, and return the decision."""
        cells, plan = draw.cells, draw.plan
        self._learn_classes(
            cells.labels.classes, cells.rows_of_class(draw.rows), weighed.by_class
        )
        self.sample_indices_ = samples.position_of(draw.indices)
        self.__dict__.pop("plan_", None)
        if plan is not None:
            plan = self.plan_ = plan.weighted(weighed.totals, weighed.by_cell)
        within_class = None
        if cells.cells is not cells.labels:
            relative = weighed.by_cell / weighed.by_class[cells.class_of]
            within_class = relative[draw.codes]
        # Strata in the place of the classes, and sets of labels, are none.
        of_classes = vars(samples).get("labels") is cells.labels
        codes = cells.classes_of(draw.codes) if isinstance(cells, Cells) else None
        return Resampled(
            X=draw.X,
            y=draw.y,
            weights=weighed.weights,
            incoming=draw.incoming,
            within_class=within_class,
            class_weight=weighed.by_class,
            by_row=draw.inverse_chance is not None,
            moves_rows=draw.moves_rows,
            samples=samples,
            classes=cells.labels.classes,
            codes=codes if of_classes else None,
            strata=None if of_classes or codes is None else (codes, cells.labels),
            rows=self.sample_indices_,
            plan=plan,
            at_random=draw.at_random and of_classes,
            by_values=draw.by_values,
            cells=None if cells.cells is cells.labels else cells,
            made_by=type(self).__name__,
        )

    def _learn_lazily(self, X: Any, y: Any, sample_weight: Any) -> Resampled:
        # The one import from a higher room, because Dask is optional.
        from skstrat.io._dask import resample_collections

        self._validate_params()
        resampled = resample_collections(self._learn, X, y, sample_weight)
        self.classes_ = np.asarray(resampled.classes)
        return resampled

    def _learn_columns(self, X: Any) -> None:
        if is_lazy(X) and not hasattr(X, "example"):
            self.n_features_in_ = X.shape[1]
            self.feature_names_in_ = np.array(X.columns, dtype=object)
            return
        X = X.example if is_lazy(X) else X
        if hasattr(self, "n_features_in_"):
            del self.n_features_in_
        has_columns = not (is_mapping(X) or is_torch_dataset(X))
        if has_columns and getattr(X, "ndim", 2) == 2:
            check_n_features(self, X, reset=True)
        check_feature_names(self, X, reset=True)

    def _learn_classes(
        self, classes: NDArray[Any], rows: NDArray[Any], class_weight: Floats
    ) -> None:
        self.classes_ = classes
        self.sampling_strategy_ = by_label(classes, rows)
        self.class_weight_ = by_label(classes, class_weight)

    def __sklearn_tags__(self) -> Any:
        return sampler_tags()


def refuse_stock_pipeline(name: str) -> None:
    """Refuse a call from a pipeline that does not pass weights on."""
    # Called from fit_resample, so the pipeline would be two frames up.
    caller = sys._getframe(2)
    where = caller.f_globals.get("__name__"), caller.f_code.co_name
    if where == STOCK_PIPELINE_CALL:
        raise TypeError(
            f"{name}.fit_resample returns X, y and sample_weight, and "
            "imblearn.pipeline.Pipeline does not pass weights on. Write "
            "'from skstrat import Pipeline, make_pipeline' instead, or keep that "
            "pipeline and make ResampledClassifier(classifier, resampler) its last "
            "step."
        )
