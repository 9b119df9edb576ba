"""Resampled rows for ``lgb.train``, ``xgb.train`` and CatBoost, calibrated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skstrat._core.labels import Labels, one_label_per_row
from skstrat._core.samples import check_samples
from skstrat._core.weights import Floats, class_totals
from skstrat.classifiers._booster_correction import correct_booster
from skstrat.classifiers._boosters import scores_of, start_parameter
from skstrat.classifiers._causes import MANY_COPIES, times_repeated
from skstrat.classifiers._eval_sets import encode_eval_labels
from skstrat.classifiers._policy import weighs_classes, without_class_weight
from skstrat.classifiers._training_rows import draw_rows
from skstrat.resamplers._resampled import Resampled

_OBJECTIVES = {
    "lightgbm": ("objective", "binary", "multiclass", "num_class"),
    "xgboost": ("objective", "binary:logistic", "multi:softprob", "num_class"),
    "catboost": ("loss_function", "Logloss", "MultiClass", "classes_count"),
}


@dataclass(frozen=True, eq=False)
class BoosterData:
    """Rows to train or evaluate a booster on, with their initial scores.

    Made by :func:`booster_data`. For two classes a score is the log odds of the second.
    For more it is the log probability of each class up to a constant.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        The rows.
    y : ndarray of shape (n_rows,)
        Their positions in ``classes``, 0, 1, ...
    sample_weight : ndarray of shape (n_rows,) or None
        Their weights: the incoming part and that of strata and groups, never that of
        the class.
    init_score : ndarray of shape (n_rows,) or (n_rows, n_classes)
        The initial score of each row.
    prior_score : float or ndarray of shape (n_classes,)
        The score of the original distribution.
    classes : ndarray of shape (n_classes,)
        The labels.
    sample_indices : ndarray of shape (n_rows,) or None
        Positions in the original X, -1 for a row that was made; None if unknown.

    Notes
    -----
    Other classes of the libraries take the parts: ``xgboost.QuantileDMatrix(data.X,
    data.y, weight=data.sample_weight, base_margin=data.init_score)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import DownsampleUpweight, booster_data
    >>> X, y = np.arange(2000.0).reshape(-1, 1), np.repeat(["no", "yes"], [1900, 100])
    >>> booster_data(X, y, DownsampleUpweight(factor=10))
    BoosterData(190 rows of 'no', 100 rows of 'yes')
    """

    X: Any
    y: NDArray[np.intp]
    sample_weight: Floats | None
    init_score: Floats
    prior_score: Floats
    classes: NDArray[Any]
    sample_indices: NDArray[np.intp] | None = None

    def __repr__(self) -> str:
        counts = np.bincount(self.y, minlength=len(self.classes))
        pairs = zip(counts, self.classes.tolist(), strict=True)
        rows = ", ".join(f"{count:,} rows of {label!r}" for count, label in pairs)
        return f"{type(self).__name__}({rows})"

    def eval_set(self, X: Any, y: Any, *, sample_weight: Any = None) -> BoosterData:
        """Prepare rows of the original distribution to evaluate on while training.

        They start from ``prior_score``, so that the log loss is that of the corrected
        predictions.

        Parameters
        ----------
        X : array-like of shape (n_eval, ...)
            The rows, none of them trained on.
        y : array-like of shape (n_eval,)
            Their labels.
        sample_weight : array-like of shape (n_eval,), default=None
            Their weights. Rows with zero weight are ignored.

        Returns
        -------
        BoosterData
            The same for these rows.

        Raises
        ------
        ValueError
            If a label is not among ``classes``.
        """
        samples = check_samples(X, one_label_per_row(y), sample_weight)
        codes = encode_eval_labels(samples.y, self.classes)
        shape = (len(codes), *np.shape(self.prior_score))
        return replace(
            self,
            X=samples.take(X),
            y=codes,
            sample_weight=samples.sample_weight,
            init_score=np.broadcast_to(self.prior_score, shape).copy(),
            sample_indices=None,
        )

    def to_lightgbm(self, **kwargs: Any) -> Any:
        """Make a ``lightgbm.Dataset`` of the rows.

        Parameters
        ----------
        **kwargs : dict
            Other arguments, such as ``categorical_feature``; for an eval set
            ``reference``, the training Dataset.

        Returns
        -------
        lightgbm.Dataset
            Rows, labels, weights and initial scores.
        """
        return import_module("lightgbm").Dataset(
            self.X,
            label=self.y,
            weight=self.sample_weight,
            init_score=self.init_score,
            **kwargs,
        )

    def to_xgboost(self, **kwargs: Any) -> Any:
        """Make an ``xgboost.DMatrix`` of the rows.

        Parameters
        ----------
        **kwargs : dict
            Other arguments, such as ``enable_categorical``.

        Returns
        -------
        xgboost.DMatrix
            Rows, labels, weights and base margins. To predict, use a DMatrix of X
            alone: predictions for this one start from its margins.
        """
        return import_module("xgboost").DMatrix(
            self.X,
            label=self.y,
            weight=self.sample_weight,
            base_margin=self.init_score,
            **kwargs,
        )

    def to_catboost(self, **kwargs: Any) -> Any:
        """Make a ``catboost.Pool`` of the rows.

        Parameters
        ----------
        **kwargs : dict
            Other arguments, such as ``cat_features``.

        Returns
        -------
        catboost.Pool
            Rows, labels, weights and baseline. To predict, use X itself: predictions
            for this Pool start from its baseline.
        """
        return import_module("catboost").Pool(
            self.X,
            label=self.y,
            weight=self.sample_weight,
            baseline=self.init_score.reshape(len(self.y), -1),
            **kwargs,
        )

    def params(self, library: str) -> dict[str, Any]:
        """Return the parameters that training from these scores needs.

        Parameters
        ----------
        library : {"lightgbm", "xgboost", "catboost"}
            The library.

        Returns
        -------
        dict
            The objective, the number of classes if they are more than two, and the
            ``base_score`` of XGBoost, which is the original distribution.

        Raises
        ------
        ValueError
            If the library is none of the three, or XGBoost is older than 3.1 and there
            are more than two classes.
        """
        if library not in _OBJECTIVES:
            raise ValueError(
                f"library must be one of {list(_OBJECTIVES)}; got {library!r}."
            )
        name, of_two, of_more, number = _OBJECTIVES[library]
        n_classes = len(self.classes)
        params: dict[str, Any] = {name: of_two}
        if n_classes > 2:
            params = {name: of_more, number: n_classes}
        if library == "xgboost":
            params["base_score"] = start_parameter(self.prior_score)
        return params

    def correct(self, booster: Any) -> Any:
        """Correct a trained booster to the original distribution, in place.

        The score of the original distribution is added to the leaves of LightGBM's
        first trees, XGBoost's ``base_score`` or CatBoost's bias. The booster keeps its
        type and can be saved. XGBoost's needs no correction if it was trained with
        ``params("xgboost")``.

        Parameters
        ----------
        booster : Booster of LightGBM or XGBoost, or CatBoost
            Trained on these rows from their scores, or the library's classifier for
            scikit-learn, fitted with ``init_score``, ``base_margin`` or ``baseline``.

        Returns
        -------
        Booster of LightGBM or XGBoost, or CatBoost
            The same object.

        Raises
        ------
        TypeError
            If it is no such object.
        ValueError
            If it was trained with another objective than the log loss or with weights
            of classes. If it has linear trees, which cannot hold the correction.

        Warns
        -----
        CalibrationWarning
            If LightGBM or CatBoost does not predict the share of each class among the
            rows trained on. It was corrected before, not trained from their scores, or
            not long enough.
        """
        correct_booster(self, booster)
        return booster


def booster_data(
    X: Any, y: Any, resampler: Any, *, sample_weight: Any = None
) -> BoosterData:
    r"""Resample for ``lgb.train``, ``xgb.train`` or CatBoost, without a wrapper.

    Each row drawn starts from the score

    .. math:: \log M_c - \log M - s_c(x)

    Here :math:`M_c` is the original total of the class and *M* that of all; *s*
    corrects the rows drawn. It is :math:`\log(M_c / m_c)` with :math:`m_c` the total
    drawn, or the ``log_odds_offset`` of :class:`GuidedDownsample`. The trees learn the
    rest, which is the same in both distributions (the offset of Wang, Zhang and Wang,
    2021). So a booster that starts from :math:`\log(M_c / M)` predicts the original
    one.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Training data, of a kind that the library takes. Of Dask collections the rows
        drawn are taken into memory.
    y : array-like of shape (n_rows,)
        Labels.
    resampler : resampler or None
        As in :class:`ResampledClassifier`. A clone of it is fitted.
    sample_weight : array-like of shape (n_rows,), default=None
        Incoming weights; the original distribution is the weighted one. Rows with zero
        weight are ignored.

    Returns
    -------
    BoosterData
        The rows drawn, their labels, weights and scores, and the correction of a
        booster.

    Raises
    ------
    ValueError
        If y holds columns of labels. If the resampler keeps no row of a class, only
        weights classes, or drops rows by their values. If it gives rows twice the
        weight of their class. Boosters would then be wrong after the correction, and no
        model is checked here.
    TypeError
        If X is a Dask collection and the resampler is not of this package.

    See Also
    --------
    ResampledClassifier : The same as an estimator, checked by the dropped rows.

    Examples
    --------
    >>> import lightgbm as lgb
    >>> import numpy as np
    >>> import xgboost as xgb
    >>> from skstrat import DownsampleUpweight, booster_data
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40000, 2))
    >>> y = rng.random(40000) < 0.02 * np.exp(X[:, 0])
    >>> X, X_val, y, y_val = X[:30000], X[30000:], y[:30000], y[30000:]
    >>> data = booster_data(X, y, DownsampleUpweight(factor=10, random_state=0))
    >>> valid = data.eval_set(X_val, y_val)

    LightGBM stops by the loss of the corrected predictions. It is corrected afterwards:

    >>> train = data.to_lightgbm()
    >>> params = {**data.params("lightgbm"), "num_leaves": 7, "verbose": -1}
    >>> booster = lgb.train(
    ...     params | {"early_stopping_round": 5},
    ...     train,
    ...     valid_sets=valid.to_lightgbm(reference=train),
    ... )
    >>> p = data.correct(booster).predict(X_val)
    >>> bool(0.9 < p.mean() / y_val.mean() < 1.1)
    True

    XGBoost starts its predictions from the original distribution by itself:

    >>> params = {**data.params("xgboost"), "max_depth": 3}
    >>> booster = xgb.train(params, data.to_xgboost(), num_boost_round=40)
    >>> p = booster.predict(xgb.DMatrix(X_val))
    >>> bool(0.9 < p.mean() / y_val.mean() < 1.1)
    True
    """
    if resampler is not None:
        resampler = clone(resampler)
    drawn = draw_rows(resampler, X, one_label_per_row(y), sample_weight)
    weights = without_class_weight(drawn)
    _refuse_unsuited(drawn, weights)
    classes, _, totals = drawn.original
    labels: Labels = drawn.labels
    log_prior = np.log(totals / totals.sum())
    if drawn.by_row:
        shift = resampler.log_odds_offset(drawn.X)
    else:
        shift = np.log(totals / class_totals(labels, weights))
        shift = np.broadcast_to(shift, (len(labels.codes), len(classes)))
    return BoosterData(
        drawn.X,
        labels.codes.astype(np.intp),
        weights,
        scores_of(log_prior - shift),
        scores_of(log_prior),
        classes,
        drawn.rows,
    )


def _refuse_unsuited(drawn: Resampled, weights: Floats | None) -> None:
    """Refuse rows for which a correction of the prior does not suffice."""
    name = drawn.made_by
    if weighs_classes(drawn) and not drawn.moves_rows:
        raise ValueError(
            "resampler must drop, repeat or make rows, because boosted trees do not "
            f"learn class weights well; got {name}, which only gives weights. Use "
            "DownsampleUpweight, or None for all rows."
        )
    if drawn.chosen_by:
        raise ValueError(
            "resampler must draw rows at random, or weigh them by how it chose them; "
            f"got {name}, which drops rows by their values. Use DownsampleUpweight or "
            "GuidedDownsample."
        )
    if times_repeated(drawn, weights) >= MANY_COPIES:
        raise ValueError(
            f"resampler must repeat or make rows that weigh less than {MANY_COPIES:g} "
            f"times what their class does; got {times_repeated(drawn, weights):.3g} "
            f"times of {name}. Boosted trees memorise such rows. Use "
            "DownsampleUpweight, which repeats no row."
        )
