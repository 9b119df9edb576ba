"""A meta-classifier that is fitted once, on the rows that a resampler drew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from skstrat._core.compat import routing_enabled
from skstrat._core.estimators import refuse_unread, request_weights
from skstrat._core.prior import prior_shift
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._auto_resampler import AutoChoice, choose_resampler
from skstrat.classifiers._causes import known_cause
from skstrat.classifiers._checked import CheckedClassifier
from skstrat.classifiers._fitting import Fitting, Trained, offset_of, plan_fitting
from skstrat.classifiers._full_fit import has_full_fit
from skstrat.classifiers._inner_validation import warn_of_split_copies
from skstrat.classifiers._own_prior import trained_totals
from skstrat.classifiers._policy import (
    GivenWeights,
    warn_of_weighted_trees,
    warn_of_weights_by_class,
    weights_for,
)
from skstrat.classifiers._trained_share import warn_of_trained_share
from skstrat.classifiers._training_rows import (
    TrainingRows,
    training_rows,
)
from skstrat.resamplers._row_offset import RowOffset


class TrainedOnDraw(CheckedClassifier):
    """A meta-classifier whose estimator is fitted on one draw."""

    resampler: Any
    use_weights: Literal["auto"] | bool
    full_fit: bool | Literal["auto"]
    random_state: Any
    resampler_: Any

    def _training_rows(
        self, X: Any, y: Any, sample_weight: Any, fit_params: dict[str, Any]
    ) -> TrainingRows:
        refuse_unread(self.estimator, X)
        self._choice: AutoChoice | None = None
        resampler = self.resampler_ = None
        if isinstance(self.resampler, str):
            self._choice = choose_resampler(
                self.estimator,
                X,
                y,
                sample_weight,
                self.random_state,
                may_finish=self.full_fit is not False
                and has_full_fit(self.estimator, self.use_weights),
                measures=not fit_params,
            )
            self.resampler_ = self._choice.resampler
            resampler = self._choice.resampler_for(X, fit_params)
        elif self.resampler is not None:
            resampler = self.resampler_ = clone(self.resampler)
        return training_rows(self.estimator, resampler, X, y, sample_weight, fit_params)

    def _train(self, rows: TrainingRows) -> Trained:
        resampled, labels = rows.resampled, rows.resampled.labels
        estimator = clone(self.estimator)
        if routing_enabled():
            request_weights(estimator)
        given = weights_for(estimator, resampled, self.use_weights)
        warn_of_split_copies(estimator, [resampled])
        self._share_left = rows.share_left
        by_row = resampled.by_row and given.kind != "all"
        shift = self._original_shift if by_row else None
        offset = offset_of(estimator, resampled, given.weights, shift)
        fitting = plan_fitting(
            estimator,
            resampled.X,
            {**rows.params, **given.arguments},
            rows.eval_rows,
            offset if self.prior_correction else None,
            inside=self.prior_correction is True,
        )
        self.estimator_, inside = fitting.fit(resampled.X, resampled.y)
        self.n_samples_fit_ = len(labels.codes)
        trained = trained_totals(self.estimator_, labels, given.weights)
        told = False
        if self.prior_correction and self.use_weights == "auto":
            told = warn_of_weights_by_class(estimator, resampled)
            told |= warn_of_weighted_trees(estimator, trained, resampled)
        if self.prior_correction:
            undone = fitting.undone(inside=inside)
            told |= warn_of_trained_share(
                self.estimator_, resampled, given.weights, trained, undone
            )
        self._learn(rows, given, trained, fitting, inside=inside)
        cause = known_cause(self.estimator_, resampled, given)
        return Trained(fitting, given, cause, told)

    def _learn(
        self,
        rows: TrainingRows,
        given: GivenWeights,
        trained: Floats,
        fitting: Fitting,
        *,
        inside: bool,
    ) -> None:
        labels = rows.resampled.labels
        classes, counts, totals = rows.drawn.original
        # The effect of the estimator's own parameters on the shares of the rows drawn.
        self._own_shift = np.log(class_totals(labels, given.weights) / trained)
        started = fitting.starts is not None
        by_row = rows.resampled.by_row and given.kind != "all" and not started
        self._shifts_rows = by_row and bool(self.prior_correction)
        believed = np.full(len(totals), totals.mean()) if started else trained
        self._learn_priors(classes, totals, totals if inside else believed)
        after = labels.counts
        self._keep_record(
            classes, counts, totals, after, trained, given, inside=inside or started
        )

    def _original_shift(self, X: Any, own_shift: Floats) -> Floats:
        return self._row_offset(own_shift)(X)

    def _row_offset(self, own_shift: Floats) -> RowOffset:
        offset: RowOffset = self.resampler_._row_offset()
        scale = offset.log_scale + own_shift - np.log(self._share_left)
        return replace(offset, log_scale=scale)

    def _row_shift(self, X: Any) -> Floats | None:
        if not self._shifts_rows:
            return None
        shift = self._original_shift(X, self._own_shift)
        order = np.searchsorted(self.resampler_.classes_, self.classes_)
        return shift[:, order] + prior_shift(self.original_prior_, self._priors()[1])
