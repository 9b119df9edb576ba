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
    r"""A fitted classifier of rows that a pilot chose, and the correction of each row.

    .. math::

        \log p_c(x) = \log q_c(x) - \log \pi_c(x) + s_c + \log(M_c / m_c) + \text{const}

    with *q* the classifier's probabilities and :math:`\pi_c(x)` the probability with
    which :class:`GuidedDownsample` keeps a row of class *c*. The pilots give this
    probability. *s* is one number for each class (Wang, Zhang and Wang, 2021). *m* is
    the prior of the data and *M* that of the distribution to predict.

    ``ResampledClassifier.to_sklearn`` makes it. It holds the fitted classifier and the
    fitted pilots. It holds no row of the training data, except those that these models
    store, as nearest neighbours do. ``fit`` changes nothing, and a clone has the same
    fitted models.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with ``predict_proba``.
    row_offset : RowOffset
        The offset from its log probabilities to those of the data, row by row: the
        pilots and the rule for inclusion probabilities.
    train_prior : array-like of shape (n_classes,) or dict of label to float
        Share, rows or total weight of each class in the data, before rows were
        dropped.
    target_prior : array-like of shape (n_classes,) or dict of label to float
        The same for the distribution to predict. Only ratios matter in both. Both are
        read at prediction, so they may be set at any time.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the probabilities; None for the estimator's
        ``classes_``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    train_prior_, target_prior_ : ndarray of shape (n_classes,)
        The priors in the order of ``classes_``.
    n_features_in_ : int
        Columns of X, if the estimator knows them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if the estimator knows them.

    See Also
    --------
    PriorCorrectedClassifier : The same correction in all rows.

    Notes
    -----
    ``skl2onnx.to_onnx`` converts it where it converts the estimator and the pilots,
    with the option ``zipmap`` (True or False).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import GuidedDownsample, ResampledClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = (rng.random(20000) < 1 / (1 + np.exp(4 - 2 * X[:, 0]))).astype(int)
    >>> model = ResampledClassifier(
    ...     RandomForestClassifier(20, min_samples_leaf=20, random_state=0),
    ...     GuidedDownsample(LogisticRegression(), factor=10, random_state=0),
    ... ).fit(X, y)
    >>> frozen = model.to_sklearn()
    >>> type(frozen).__name__
    'RowCorrectedClassifier'
    >>> bool(np.allclose(frozen.predict_proba(X), model.predict_proba(X), rtol=1e-12))
    True
    """

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
        """Return the part of the shift that is the same for all rows."""
        shift: Floats = self.row_offset.log_scale + prior_shift(*self._priors())
        return shift

    def _corrected_pilots(self) -> list[PriorCorrectedClassifier]:
        """Return the pilots, corrected to the prior of the data, for ONNX."""
        offset = self.row_offset
        return [
            PriorCorrectedClassifier(
                _without_coder(pilot), train_prior=learned, target_prior=offset.counts
            )
            for pilot, learned in zip(offset.pilots, offset.learned, strict=True)
        ]


def _without_coder(pilot: Any) -> Any:
    """Leave out the encoder of columns, because ONNX passes only numbers."""
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
    """Freeze a fitted ``ResampledClassifier`` that corrects each row."""
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
