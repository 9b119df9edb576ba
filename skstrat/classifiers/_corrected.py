"""A meta-classifier that records the prior that its model was trained on."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skstrat._core.labels import by_label
from skstrat._core.prior import check_prior
from skstrat.classifiers._plain_model import plain_model
from skstrat.classifiers._policy import (
    Correction,
    GivenWeights,
    TrainingDecision,
)
from skstrat.classifiers._prior_corrected import (
    CorrectedPredictions,
    PriorCorrectedClassifier,
)
from skstrat.classifiers._row_corrected import row_corrected
from skstrat.exceptions import UnusedWeightsError

Floats = NDArray[np.float64]


class CorrectedClassifier(CorrectedPredictions):
    """A meta-classifier that learns the priors of a fit and corrects by them."""

    # Subclasses have the parameters estimator and prior_correction. Their fit learns
    # estimator_ and calls _learn_priors. target_prior is read at prediction.

    target_prior: Any = None

    def _learn_priors(
        self, classes: NDArray[Any], original: Floats, trained: Floats
    ) -> None:
        self.classes_ = getattr(self.estimator_, "classes_", classes)
        code_of = {label: code for code, label in enumerate(classes.tolist())}
        learned = np.asarray(self.classes_).tolist()
        if set(learned) != set(code_of):
            raise ValueError(
                f"{type(self.estimator_).__name__} must learn the classes of y, "
                f"{list(code_of)}; its classes_ are {learned}. If a label marks rows "
                "without a class, make this classifier the estimator of "
                "SelfTrainingClassifier."
            )
        order = [code_of[label] for label in learned]
        self.original_prior_ = original[order]
        self.train_prior_ = trained[order]
        # Refuse in fit, not only in predict, what cannot be corrected.
        self._shift()

    def _check_target(self, classes: NDArray[Any]) -> Floats | None:
        """Check the prior asked for, and put it in the order of the classes."""
        if self.target_prior is None:
            return None
        if not self.prior_correction:
            raise ValueError(
                "target_prior needs prior_correction=True, because predictions are "
                "corrected to that prior; got prior_correction=False and "
                f"target_prior={self.target_prior!r}. Leave one of them out."
            )
        return check_prior("target_prior", self.target_prior, classes)

    def _priors(self) -> tuple[Floats, Floats]:
        target = self._check_target(self.classes_)
        if target is None:
            kept = self.prior_correction
            target = self.original_prior_ if kept else self.train_prior_
        return self.train_prior_, target

    def _for_prior(self, target_prior: Any) -> Self:
        """Return a shallow copy for another prior; None means that of the data."""
        model = copy(self)
        model.target_prior = target_prior
        return model

    def _keep_record(
        self,
        classes: NDArray[Any],
        rows_before: NDArray[Any],
        original: Floats,
        rows_trained: NDArray[Any],
        trained: Floats,
        given: GivenWeights,
        *,
        inside: bool = False,
    ) -> None:
        shift = self._for_prior(None)._shift()
        correction: Correction = "prior" if shift.any() else "none"
        if inside or self._shifts_rows:
            correction = "inside" if inside else "row by row"
        self.decision_ = TrainingDecision(
            by_label(classes, rows_before),
            by_label(classes, rows_trained),
            by_label(classes, original),
            by_label(classes, trained),
            given.kind,
            given.reason,
            correction,
        )

    def _shift(self) -> Floats:
        shift = super()._shift()
        due = shift.any() or self._shifts_rows
        if due and not hasattr(self.estimator_, "predict_proba"):
            remedy = "Use a resampler that restores the totals, wrap the estimator in "
            last = "set prior_correction=False"
            if self.target_prior is not None:
                remedy, last = "Wrap the estimator in ", "leave target_prior out"
            raise UnusedWeightsError(
                f"{type(self.estimator_).__name__} was trained on other class totals "
                f"({self.train_prior_.tolist()}) than predictions are for "
                f"({self.target_prior_.tolist()}) and has no predict_proba that could "
                f"be corrected. {remedy}CalibratedClassifierCV, or {last}."
            )
        return shift

    def to_sklearn(self) -> Any:
        r"""Return the fitted model without the sampler, for deployment.

        Its predictions are those of this classifier, up to rounding, for the current
        ``target_prior``:

        .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

        with *q* the probabilities of ``estimator_``, *M* the ``target_prior_`` and *m*
        the ``train_prior_`` (Elkan, 2001; Saerens, Latinne and Decaestecker, 2002).
        Where log probabilities are linear in an intercept, the correction is added to
        it (King and Zeng, 2001). The result then needs nothing of this package:

        =================================  ==========================================
        model                              what holds the correction
        =================================  ==========================================
        LogisticRegression and ...CV,      ``intercept_``
        LinearDiscriminantAnalysis,
        SGDClassifier of two classes
        MLPClassifier                      ``intercepts_[-1]``
        GaussianNB                         ``class_prior_``
        Bernoulli-, Categorical-,          ``class_log_prior_``
        MultinomialNB
        HistGradientBoostingClassifier     the score that boosting starts from
        GradientBoostingClassifier         the leaves of the first tree of each class
        LGBMClassifier                     the leaves of the first tree of each class
        XGBClassifier                      ``base_score`` of its booster
        CatBoostClassifier                 the bias of its scores
        =================================  ==========================================

        Pipelines become scikit-learn's, without their samplers. Their last step is
        treated in this way, and so is the ``best_estimator_`` of a search. Every other
        model is returned in a :class:`PriorCorrectedClassifier`. If nothing is to be
        corrected, the model is returned unchanged.

        If the weights of :class:`GuidedDownsample` were withheld, the correction
        differs from row to row. The fitted model and the pilots are then returned in a
        ``RowCorrectedClassifier``, with

        .. math:: \log p_c(x) = \log q_c(x) - \log \pi_c(x) + s_c + \log(M_c / m_c)
            + \text{const}

        Here :math:`\pi_c(x)` is the probability of keeping a row of class *c*, and *s*
        is one number for each class. *m* is the prior of the data (Wang, Zhang and
        Wang, 2021). Boosters that learned it are returned alone.

        Returns
        -------
        estimator
            A fitted classifier. Changed parts are copies. All else is shared with this
            classifier, so use ``copy.deepcopy`` before you change it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If this classifier is not fitted.
        ValueError
            If ``target_prior`` is not usable.

        Notes
        -----
        ``skl2onnx.to_onnx`` converts the result where it converts the model inside and
        the pilots. Compare the ONNX model with the model on your own rows. Version 1.20
        of skl2onnx is wrong for discriminant analysis of two classes, and for trees and
        forests on missing values. So it is for ``categorical_features`` of histogram
        boosting.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skstrat import DownsampleUpweight, ResampledClassifier
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(20000, 2))
        >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
        >>> down = DownsampleUpweight(factor=10, random_state=0)
        >>> model = ResampledClassifier(LogisticRegression(), down, use_weights=False)
        >>> plain = model.fit(X, y).to_sklearn()
        >>> plain
        LogisticRegression()
        >>> np.allclose(plain.predict_proba(X), model.predict_proba(X), rtol=1e-9)
        True
        """
        check_is_fitted(self)
        own = getattr(self.estimator_, "classes_", None)
        same = own is not None and np.array_equal(own, self.classes_)
        classes = None if same else self.classes_
        # Raise if there are no probabilities to correct.
        self._shift()
        if self._shifts_rows:
            return row_corrected(self, classes)
        corrected = PriorCorrectedClassifier(
            self.estimator_,
            train_prior=self.train_prior_,
            target_prior=self.target_prior_,
            classes=classes,
        )
        return plain_model(corrected)
