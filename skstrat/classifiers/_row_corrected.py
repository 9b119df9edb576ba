"""A fitted model and its pilots: predictions corrected row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skstrat._core.prior import prior_shift
from skstrat.classifiers._plain_model import unwrapped
from skstrat.classifiers._prior_corrected import Floats, PriorCorrectedClassifier
from skstrat.resamplers._pilot_columns import ColumnCoder
from skstrat.resamplers._row_offset import RowOffset


class RowCorrectedClassifier(PriorCorrectedClassifier):
    """A fitted classifier of guided rows, with the correction of each row."""

    # The formula is in CorrectedClassifier.to_sklearn, which makes this.

    _shifts_rows = True
    _doc_link_module = ""  # it has no page

    def __init__(
        self,
        estimator: Any,
        *,
        row_offset: RowOffset,
        train_prior: Any,
        target_prior: Any,
        classes: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            train_prior=train_prior,
            target_prior=target_prior,
            classes=classes,
        )
        self.row_offset = row_offset

    def _row_shift(self, X: Any) -> Floats:
        shift: Floats = self.row_offset(X) + prior_shift(*self._priors())
        return shift

    def _shift_in_all_rows(self) -> Floats:
        shift: Floats = self.row_offset.log_scale + prior_shift(*self._priors())
        return shift

    def _corrected_pilots(self) -> list[PriorCorrectedClassifier]:
        offset = self.row_offset
        return [
            PriorCorrectedClassifier(
                _without_coder(pilot), train_prior=learned, target_prior=offset.counts
            )
            for pilot, learned in zip(offset.pilots, offset.learned, strict=True)
        ]


def _without_coder(pilot: Any) -> Any:
    """Remove the encoder of columns, because ONNX passes only numbers."""
    steps = getattr(pilot, "steps", None)
    if not steps or not isinstance(steps[0][1], ColumnCoder):
        return pilot
    if any(steps[0][1].categories_):
        raise ValueError(
            "pilot must take columns of numbers for ONNX; got the default one, fitted "
            "with columns of names. Encode these before the classifier, or fit with "
            "GuidedDownsample(pilot=...) that does so by steps that skl2onnx converts."
        )
    return Pipeline(steps[1:])


def row_corrected(model: Any, classes: Any) -> RowCorrectedClassifier:
    """Convert a fitted ``ResampledClassifier`` that corrects each row."""
    offset: RowOffset = model._row_offset(model._own_shift)
    order = np.searchsorted(model.resampler_.classes_, model.classes_)
    pilots = [unwrapped(pilot) for pilot in offset.pilots]
    return RowCorrectedClassifier(
        unwrapped(model.estimator_),
        row_offset=replace(offset.in_order(order), pilots=pilots),
        train_prior=model.original_prior_,
        target_prior=model.target_prior_,
        classes=classes,
    )
