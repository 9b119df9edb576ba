"""An ordinary classifier that trains on resampled rows and predicts the original."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import clone

from skstrat._core.compat import HasMethods, StrOptions, routing_enabled
from skstrat._core.dask import into_memory, is_dask
from skstrat._core.estimators import fit_arguments, is_linear, request_weights
from skstrat._core.labels import Labels, encode_labels
from skstrat._core.rows import count_rows
from skstrat._core.samples import drop_zero_weights
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._calibration_check import check_by_dropped_rows
from skstrat.classifiers._corrected import CorrectedClassifier
from skstrat.classifiers._policy import (
    class_multiplier,
    differ_by_rounding,
    refuse_class_weight,
    trained_mass,
    warn_of_weighted_trees,
)
from skstrat.exceptions import UnusedWeightsError
from skstrat.resamplers._base import BaseResampler, resample


class ResampledClassifier(CorrectedClassifier):
    r"""Any classifier, trained on resampled rows, calibrated to the original prior.

    ``fit`` resamples the training data and fits the estimator on the rows drawn;
    predictions are for the distribution of the original rows:

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the estimator's probabilities, *M* the original mass of each class and *m*
    the mass that the estimator really saw. With the restoring weights passed the
    correction is nothing; with the weights withheld it is the classical prior
    correction (Elkan, 2001; Saerens, Latinne and Decaestecker, 2002). It is an
    ordinary classifier and sits in any pipeline, search or calibrator.

    Parameters
    ----------
    estimator : estimator
        Any classifier, pipelines included. A clone of it is fitted.
    resampler : resampler or None, default=None
        A resampler of this package or one of imbalanced-learn's; None trains on the
        true distribution.
    use_weights : {"auto"} or bool, default="auto"
        Whether the estimator is fitted with the weights of the resampled rows.
        ``"auto"`` passes them to linear models, which keep their full-data target
        with weights, and to estimators without ``predict_proba``, and withholds them
        from all others, whose prior is corrected instead: boosted and bagged trees
        overpredict with them. Those of :class:`GuidedDownsample` go to all that take
        weights; without them predictions are corrected row by row. ``True`` and
        ``False`` force it. Weights given to ``fit`` are always passed on, and so are
        those of a resampler that moves no row, which would otherwise do nothing.
    prior_correction : bool, default=True
        Whether predictions are turned to the original prior. False gives the
        estimator's own.
    calibration_check : bool or "cv", default=True
        Whether rows that the resampler dropped (as many as it kept, 20,000 at most)
        judge the model: a free hold-out of the big classes. The small ones are
        predicted in training, which flatters models that know every row by heart. With
        ``"cv"`` three more fits predict them out of fold, and dropped rows as many as
        were kept are looked at.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
    resampler_ : resampler or None
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    original_mass_ : ndarray of shape (n_classes,)
        Rows (with ``sample_weight``: total weight) of each class in the data.
    trained_mass_ : ndarray of shape (n_classes,)
        Mass of each class that the estimator was fitted with.
    n_samples_fit_ : int
        Rows that the estimator was fitted with.
    calibration_check_ : float or None
        Mass predicted of the smallest class over what there is, by that hold-out; 1
        is right. None where no row was dropped at random (by whole groups, for one),
        or nothing was checked.
    n_features_in_ : int
        Columns of X, if the estimator knows them.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the estimator knows them.

    See Also
    --------
    correct_prior : The formula as a function of probabilities.
    Pipeline : Resamplers and transformers as steps.

    Notes
    -----
    The correction is exact if the rows of a class are a random sample of it. Rows
    repeated many times are not one for a flexible learner: it undershoots then.

    Where the check says that probabilities are off,
    ``CalibratedClassifierCV(model, cv=StratifiedKFold(3, shuffle=True))`` around this
    classifier mends them. It costs three fits and predicts the mean of three models,
    and the calibrated model has no ``to_sklearn``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skstrat import DownsampleUpweight, ResampledClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
    >>> model = ResampledClassifier(
    ...     GaussianNB(), DownsampleUpweight(factor=10, random_state=0)
    ... ).fit(X, y)
    >>> p = model.predict_proba(X)[:, 1]
    >>> model.n_samples_fit_ < 3000, bool(0.9 < p.mean() / y.mean() < 1.1)
    (True, True)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit"])],
        "resampler": [HasMethods(["fit_resample"]), None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "prior_correction": ["boolean"],
        "calibration_check": ["boolean", StrOptions({"cv"})],
    }

    def __init__(
        self,
        estimator: Any,
        resampler: Any = None,
        *,
        use_weights: Literal["auto"] | bool = "auto",
        prior_correction: bool = True,
        calibration_check: bool | Literal["cv"] = True,
    ) -> None:
        self.estimator = estimator
        self.resampler = resampler
        self.use_weights = use_weights
        self.prior_correction = prior_correction
        self.calibration_check = calibration_check

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Resample, then fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Training data, whatever the estimator accepts. Of Dask collections the
            rows drawn are taken into memory. Their rows of zero weight are left out,
            too, but still take part in the positions that the draw goes by.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; the original distribution is the weighted one. A row of
            zero weight is not there.

        Returns
        -------
        ResampledClassifier
            The fitted classifier.

        Raises
        ------
        UnusedWeightsError
            If weights were given, made or forced that the estimator cannot take, or
            if it takes none and has no ``predict_proba`` to correct.
        ValueError
            If the estimator has a ``class_weight`` of its own and weights are passed:
            they cancel silently.

        Warns
        -----
        TreeWeightsWarning
            If a tree model is fitted with large class weights, its own or those of
            :class:`ClassWeight`, and ``use_weights`` is ``"auto"``: the correction
            undershoots then.
        CalibrationWarning
            If ``calibration_check_`` is outside 0.8 to 1.25 by more than two standard
            errors, unless ``prior_correction`` is False.
        """
        self._validate_params()
        if is_dask(X) or is_dask(y):
            return self._fit_lazily(X, y, sample_weight)
        X, y, incoming = drop_zero_weights(X, y, sample_weight)
        labels, everything = encode_labels(y), X
        X, y, weights = self._resample(X, y, incoming)
        drawn = labels if weights is incoming else encode_labels(y)
        if len(drawn.classes) != len(labels.classes):
            raise ValueError(
                "resampler must keep rows of every class; it kept "
                f"{drawn.classes.tolist()!r} of {labels.classes.tolist()!r}."
            )
        trained, arguments = self._fit_drawn(X, y, drawn, weights, incoming)
        self._learn_masses(labels.classes, class_totals(labels, incoming), trained)
        self.calibration_check_ = check_by_dropped_rows(
            self, everything, labels, incoming, (X, y, arguments)
        )
        return self

    def _fit_drawn(
        self,
        X: Any,
        y: Any,
        drawn: Labels,
        weights: Floats | None,
        incoming: Floats | None,
    ) -> tuple[Floats, dict[str, Any]]:
        """Fit a clone on the rows drawn; give the mass it saw and its arguments."""
        estimator = clone(self.estimator)
        if routing_enabled():
            request_weights(estimator)
        incoming_part = self._incoming_part(drawn, weights, incoming)
        passed = self._weights_to_pass(estimator, weights, incoming_part)
        arguments = {} if passed is None else fit_arguments(estimator, passed)
        if arguments is None:
            self._check_weights_may_be_dropped(estimator, incoming, incoming_part)
            passed, arguments = None, {}
        if passed is not None:
            refuse_class_weight(estimator)
        self.estimator_ = estimator.fit(X, y, **arguments)
        self.n_samples_fit_ = len(drawn.codes)
        guided = _is_guided(self.resampler_) and passed is not weights
        self._shifts_rows = guided and self.prior_correction
        trained = trained_mass(self.estimator_, drawn, passed)
        warns = self.prior_correction and self.use_weights == "auto"
        if warns and not _is_guided(self.resampler_):
            unweighted = class_totals(drawn, incoming_part)
            warn_of_weighted_trees(estimator, trained / unweighted)
        return trained, arguments

    def _fit_lazily(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Draw rows of Dask collections, and fit on them in memory."""
        if not isinstance(self.resampler, BaseResampler):
            raise TypeError(
                "resampler must be one of skstrat's that picks rows by their labels "
                f"for Dask collections; got {self.resampler!r}."
            )
        self.resampler_: Any = clone(self.resampler)
        drawn = self.resampler_.fit_resample(X, y, sample_weight=sample_weight)
        plan, classes = self.resampler_.plan_, self.resampler_.classes_
        X, y, weights = into_memory(*drawn)
        weights = np.asarray(weights)
        incoming = None if sample_weight is None else weights
        trained, _ = self._fit_drawn(X, y, encode_labels(y), weights, incoming)
        self._learn_masses(classes, np.array(plan.mass), trained)
        self.calibration_check_ = None
        return self

    def _row_shift(self, X: Any) -> Floats | None:
        if not self._shifts_rows:
            return None
        shift: Floats = self.resampler_.log_odds_offset(X)
        order = np.searchsorted(self.resampler_.classes_, self.classes_)
        return shift[:, order]

    def _resample(
        self, X: Any, y: Any, incoming: Floats | None
    ) -> tuple[Any, Any, Floats | None]:
        self.resampler_ = None
        if self.resampler is None:
            return X, y, incoming
        self.resampler_ = clone(self.resampler)
        X, y, weights = resample(self.resampler_, X, y, incoming)
        return X, y, np.ones(count_rows(X)) if weights is None else weights

    def _incoming_part(
        self, drawn: Labels, weights: Floats | None, incoming: Floats | None
    ) -> Floats | None:
        """Take the resampler's class factor out of the weights of the drawn rows."""
        if weights is None:
            return None
        if _is_guided(self.resampler_):
            indices = self.resampler_.sample_indices_
            return None if incoming is None else incoming[indices]
        part = weights
        if hasattr(self.resampler_, "plan_"):
            multiplier = class_multiplier(self.resampler_, drawn, weights)
            part = weights / multiplier[drawn.codes]
        # Without weights given, synthetic rows may still weigh less than others, and
        # small strata and groups more or less.
        return None if incoming is None and np.allclose(part, 1, rtol=1e-9) else part

    def _weights_to_pass(
        self, estimator: Any, weights: Floats | None, incoming_part: Floats | None
    ) -> Floats | None:
        """Choose between the full weights, the incoming part of them, and none."""
        if _is_guided(self.resampler_):
            # Weights that follow the data do trees good.
            return weights if self.use_weights else incoming_part
        plan = getattr(self.resampler_, "plan_", None)
        if plan is None or set(plan.class_weight) == {1.0}:
            return incoming_part
        use_weights = self.use_weights
        if use_weights == "auto":
            use_weights = (
                not plan.moves_rows
                or is_linear(estimator)
                or not hasattr(estimator, "predict_proba")
            )
        return weights if use_weights else incoming_part

    def _check_weights_may_be_dropped(
        self, estimator: Any, incoming: Floats | None, incoming_part: Floats | None
    ) -> None:
        """Refuse to go on without weights where nothing else does their work."""
        plan = getattr(self.resampler_, "plan_", None)
        if incoming is not None and np.ptp(incoming) > 0:
            reason = "sample_weight was given to fit"
        elif not differ_by_rounding(self.resampler_, incoming_part, incoming):
            reason = f"rows made by {type(self.resampler_).__name__} weigh otherwise"
        elif self.use_weights is True:
            reason = "use_weights=True"
        elif plan and not plan.moves_rows and len(set(plan.class_weight)) > 1:
            reason = f"{type(self.resampler_).__name__} does nothing but weight rows"
        else:
            return
        raise UnusedWeightsError(
            f"{type(estimator).__name__} cannot take sample_weight in fit, and "
            f"{reason}. Use an estimator that takes weights, or leave the weights out."
        )


def _is_guided(resampler: Any) -> bool:
    """Tell whether rows of a class were kept with different probabilities."""
    return hasattr(resampler, "log_odds_offset")
