"""A meta-classifier that is checked by the rows that were dropped."""

from __future__ import annotations

from typing import Any, Literal

from skstrat._core.rows import take_rows
from skstrat.classifiers._calibration_check import (
    OutOfFold,
    check_by_rows,
    cross_fitted,
    hold_out_of,
    is_quickly_fitted,
    pays_to_cross_fit,
    places_of,
    warn_of_ratio,
)
from skstrat.classifiers._corrected import CorrectedClassifier
from skstrat.classifiers._fitting import Fitting, Trained
from skstrat.classifiers._hold_out import CheckResult
from skstrat.classifiers._training_rows import TrainingRows
from skstrat.resamplers._resampled import Resampled


class CheckedClassifier(CorrectedClassifier):
    """A meta-classifier with ``calibration_check``, by rows it was not fitted on."""

    estimator: Any
    prior_correction: bool | Literal["outside"]
    calibration_check: bool | Literal["cv"]
    n_samples_fit_: int

    def _check(self, rows: TrainingRows, trained: Trained) -> CheckResult | None:
        if not (self.calibration_check and hasattr(self.estimator_, "predict_proba")):
            return None
        held, source = hold_out_of(rows.drawn), rows.drawn.source
        if held is None:
            return None
        held = held.without(rows.set_aside)
        X = rows.X if source is None else source
        places = places_of(self.classes_, held.classes)
        resampled = rows.resampled
        result = check_by_rows(
            held,
            lambda chosen: self.predict_proba(take_rows(X, chosen))[:, places],
            lambda: self._cross_fit(resampled, trained.fitting, places),
            at_once=self.calibration_check == "cv" or is_quickly_fitted(resampled),
            n_fitted=self.n_samples_fit_,
        )
        # With prior_correction=False other predictions are intended.
        if self.prior_correction and not trained.told:
            more = ', unless calibration_check="cv"'
            weights, cause = trained.given.kind, trained.cause
            warn_of_ratio(result, self.estimator_, resampled, weights, cause, more)
        return result

    def _cross_fit(
        self, resampled: Resampled, fitting: Fitting, places: list[int]
    ) -> OutOfFold | None:
        """Predict rows kept out of fold, where it is asked for or quick."""
        asked = self.calibration_check == "cv"
        if resampled.rows is None or not (asked or pays_to_cross_fit(self.estimator)):
            return None
        try:
            return cross_fitted(
                fitting,
                resampled,
                lambda fitted, X: self._correct(fitted.predict_proba(X), X)[:, places],
                whole=asked,
            )
        # Some estimators need more rows than a part has, or warn of it where warnings
        # are errors. These fits were not requested by the user.
        except (ValueError, Warning):
            if asked:
                raise
            return None
