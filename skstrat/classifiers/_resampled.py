"""A classifier that trains on resampled rows and predicts the original prior."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

from skstrat._core.compat import HasMethods, StrOptions
from skstrat._core.labels import one_label_per_row
from skstrat._core.parameters import RANDOM_STATE
from skstrat.classifiers._calibration_check import leaves_cause_open
from skstrat.classifiers._causes import warn_of_cause
from skstrat.classifiers._full_fit import check_draw, check_full_fit, finish_fit
from skstrat.classifiers._routing import RoutesFitParams
from skstrat.classifiers._trained_on_draw import TrainedOnDraw


class ResampledClassifier(RoutesFitParams, TrainedOnDraw):
    r"""Any classifier, trained on resampled rows, calibrated to the original prior.

    ``fit`` resamples the training data and fits the estimator on the rows drawn.
    Predictions are for the distribution of the original rows:

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the estimator's probabilities and *m* the class totals that it was trained
    on. *M* is the original total of each class, or ``target_prior``. Weights that
    restore the totals make *m* equal to *M*. Without them this is the classical prior
    correction (Elkan, 2001; Saerens, Latinne and Decaestecker, 2002).

    Parameters
    ----------
    estimator : estimator
        Any classifier, pipelines included. A clone of it is fitted.
    resampler : resampler, "auto" or None, default=None
        A resampler of this package or of imbalanced-learn, any other whose
        ``fit_resample`` returns two or three results, or a pipeline of resamplers. None
        trains on all rows. ``"auto"`` keeps as few rows as a predicted loss of 1 %
        allows (:func:`recommend_factor`). Linear models get weighted rows of
        :class:`DownsampleUpweight`. Naive Bayes, quadratic discriminant analysis and
        texts get its rows, too; all others those of :class:`GuidedDownsample`. All rows
        are kept if less than half of the fit or a tenth of a second would be saved, as
        predicted.
    use_weights : {"auto"} or bool, default="auto"
        Whether the estimator is fitted with the weights of the resampled rows.
        ``"auto"`` passes them to linear models, whose optimum with weights is that of
        the full data, and to estimators without ``predict_proba``. Others, such as
        boosted and bagged trees, predict too high with them, so their prior is
        corrected instead. For rows of :class:`GuidedDownsample` this correction differs
        from row to row. ``True`` and ``False`` force it. Weights given to ``fit``, and
        those of a resampler that only weights rows, are always passed on.
    prior_correction : bool or "outside", default=True
        Whether predictions are corrected to the original prior. The correction is added
        to the scores of LGBMClassifier, XGBClassifier and CatBoostClassifier, alone or
        as last step of a pipeline. ``estimator_`` is then a plain booster that predicts
        the original distribution. For all others, and with ``"outside"``, predictions
        are corrected afterwards. With False they are the estimator's own.
    calibration_check : bool or "cv", default=True
        Whether the model is checked by the rows that the resampler dropped. 2,000 rows
        are scored. If these do not decide, as many as were fitted are scored, 20,000 at
        most. A cell (class, or class and stratum) without dropped rows is checked by
        its kept rows, on which flexible models predict too well. So estimators other
        than linear models and naive Bayes are fitted three more times, on two thirds of
        the rows each, to predict the others. This is done if at most 5,000 rows were
        kept. Otherwise it is done on 5,000 if the check fails, and the ratio nearest to
        1 between both results counts. ``"cv"`` does so on all rows.
    target_prior : array-like of shape (n_classes,) or dict, default=None
        Share or rows of each class where the model is used, if they differ from the
        training data. By label (a pandas Series: by its index), or in the order of
        ``classes_``. Only ratios matter. It is read at prediction and may be set after
        ``fit``. A calibrator around this classifier reverses it. ``decision_`` and the
        check are always for the training data.
    full_fit : bool or "auto", default="auto"
        Whether a LogisticRegression, alone or as last step of a pipeline, is continued
        to the fit on all rows, see Notes. ``"auto"`` does so only with
        ``resampler="auto"``. Over half of the rows would be drawn otherwise, and it
        takes at most half the time of a fit to all.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed of ``resampler="auto"``. All others have their own.

    Attributes
    ----------
    estimator_, resampler_ : estimator, resampler or None
        The fitted clones. ``resampler_`` may be the one that ``"auto"`` chose.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    original_prior_ : ndarray of shape (n_classes,)
        Rows (with ``sample_weight``: total weight) of each class in the data.
    train_prior_ : ndarray of shape (n_classes,)
        Class totals that the estimator was fitted with, and itself predicts for.
    target_prior_ : ndarray of shape (n_classes,)
        The prior that predictions are for: ``target_prior`` or the original prior. With
        ``prior_correction=False``, the prior that the estimator was fitted with.
    n_samples_fit_ : int
        Rows that the estimator was fitted with.
    calibration_check_ : float or None
        Predicted total of the worst class over its true total, by the check; 1 is
        right. ``decision_.check`` has all classes. None if nothing was checked, no row
        was dropped, it is not known which, or rows of Dask have zero weight.
    decision_ : TrainingDecision
        The record of the training: rows, priors, weights, correction and check.
    coef_, feature_importances_ : ndarray
        The estimator's, if it has them, and predictions are not corrected row by row.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The estimator's, if it has one, corrected as in ``to_sklearn``.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the columns, if the estimator knows them.

    See Also
    --------
    correct_prior : The formula as a function of probabilities.
    Pipeline : Resamplers and transformers as steps.

    Notes
    -----
    The correction is exact if the rows of a class are a random sample of it. Flexible
    learners memorise rows that are repeated many times, and then predict too low. Where
    the check says that probabilities are wrong, put ``CalibratedClassifierCV(model,
    cv=StratifiedKFold(3, shuffle=True))`` around this classifier. It costs three fits,
    predicts the mean of three models and has no ``to_sklearn``.

    Boosters: the correction of uniform rows is added to the fitted scores and takes no
    time. With rows of :class:`GuidedDownsample`, training starts from minus the
    correction of each row (``init_score``, ``base_margin``, ``baseline``). So the trees
    learn what the pilot predicts, and ``predict`` needs no pilot. With ``"outside"``
    the pilot predicts, too. In most cases of ``benchmarks/boosters.py`` that lowers the
    log loss by up to 5 %, in 1.3 to 12 times the CPU time. CatBoost changes lists that
    it is given, so that scikit-learn cannot clone it. Give tuples.

    Early stopping: eval rows start from the correction, so the metric is that of
    corrected predictions. CatBoost with uniform rows, HistGradientBoostingClassifier
    and losses other than the log loss use weights instead. These give eval rows the
    class shares of training, which has the same minimum.

    Parameters by which the estimator itself changes its prior are included in *m*:
    ``priors``, ``class_prior``, ``fit_prior``, ``class_weight``, ``scale_pos_weight``,
    ``is_unbalance``, ``auto_class_weights`` and the like. ``fit`` refuses parameters
    whose effect is not known, and samplers inside.

    Full fit: Newton steps from the fit on the rows drawn lower the penalised loss on
    all rows, *F*. Gradients are over all rows, in blocks. The Hessian *H* is that of
    the rows drawn. That of all rows is used where it is cheap or the other fails. By
    the decrement

    .. math:: \tfrac{1}{2} g^\top H^{-1} g \approx F - \min F

    (Boyd and Vandenberghe, 2004, section 9.5) the steps end where the log loss on all
    rows is within 0.1 % of the full fit. The bound is twice the decrement plus the
    change of the penalty. If *H* is of the rows drawn, it is multiplied by the largest
    factor by which a weight was increased. At most six passes over the rows are made.
    One step is the classical one-step estimator (Le Cam, 1956; Bickel, 1975).
    ``n_iter_`` is that of the first fit. Dropped rows cannot check the model any more.

    Steps before the model stay as fitted on the rows drawn. Only steps whose change a
    linear model can compensate are allowed:

    - StandardScaler, MinMaxScaler, MaxAbsScaler and RobustScaler that do not clip
    - PolynomialFeatures from degree 0 or 1 on
    - SimpleImputer with a constant (before scalers) or an indicator
    - OneHotEncoder with all categories given or an error for unknown ones, none grouped
    - ColumnTransformer, FeatureUnion and pipelines of these

    Without an intercept scalers must not centre, and imputers must fill in a constant.
    Other steps change the model: they raised the log loss by 4 to 8 %. ``"auto"``
    allows only scalers.

    Thresholds: ``predict`` returns fewer positives than after plain under-sampling,
    because it uses the true prior. Put
    :class:`sklearn.model_selection.TunedThresholdClassifierCV` around this classifier.
    Logistic regression on mammograms had an F2 score of 0.46 after under-sampling. Here
    it was 0.33 at the default threshold, and 0.59 at the tuned one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skstrat import DownsampleUpweight, ResampledClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
    >>> down = DownsampleUpweight(factor=10, random_state=0)
    >>> model = ResampledClassifier(GaussianNB(), down).fit(X, y)
    >>> p = model.predict_proba(X)[:, 1]
    >>> model.n_samples_fit_ < 3000, bool(0.9 < p.mean() / y.mean() < 1.1)
    (True, True)
    >>> model.decision_.weights, model.decision_.correction
    ('none', 'prior')

    A booster that stops early by dropped rows, and predicts without a wrapper:

    >>> from lightgbm import LGBMClassifier, early_stopping
    >>> trees = LGBMClassifier(n_estimators=500, num_leaves=7, verbose=-1)
    >>> stop = early_stopping(20, verbose=False)
    >>> booster = ResampledClassifier(trees, down)
    >>> booster = booster.fit(X, y, eval_set="dropped", callbacks=[stop]).to_sklearn()
    >>> type(booster).__name__, booster.best_iteration_ < 500
    ('LGBMClassifier', True)

    Where one row in ten is positive, the same model predicts more of them:

    >>> found = model.predict(X).sum()
    >>> model.target_prior = {False: 9, True: 1}
    >>> bool(model.predict(X).sum() > found)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit"])],
        "resampler": [HasMethods(["fit_resample"]), StrOptions({"auto"}), None],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "prior_correction": ["boolean", StrOptions({"outside"})],
        "calibration_check": ["boolean", StrOptions({"cv"})],
        "target_prior": ["array-like", dict, None],
        "full_fit": ["boolean", StrOptions({"auto"})],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        estimator: Any,
        resampler: Any = None,
        *,
        use_weights: Literal["auto"] | bool = "auto",
        prior_correction: bool | Literal["outside"] = True,
        calibration_check: bool | Literal["cv"] = True,
        target_prior: Any = None,
        full_fit: bool | Literal["auto"] = "auto",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.resampler = resampler
        self.use_weights = use_weights
        self.prior_correction = prior_correction
        self.calibration_check = calibration_check
        self.target_prior = target_prior
        self.full_fit = full_fit
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Resample, then fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Training data, whatever the estimator accepts. For files
            (:func:`skstrat.io.scan_file`) and Dask collections only the rows drawn are
            read into memory.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; the original distribution is the weighted one. Rows with
            zero weight are ignored. In Dask collections they still count as positions
            of the draw.
        **fit_params : dict
            Passed to the ``fit`` of the estimator. For a pipeline they go to the step
            before ``__``, or to the last. Those with a value per row follow the rows.
            With metadata routing the estimator must request them.

            Eval sets (``eval_set``, ``eval_X`` and ``eval_y``, ``X_val`` and ``y_val``)
            hold rows of the original distribution. The steps of a pipeline before the
            last transform them, and training stops by the loss of corrected
            predictions. ``eval_set="dropped"`` uses rows that the resampler dropped,
            and a fifth of the kept rows of each class with too few dropped ones. With
            ``prior_correction=False`` eval sets are passed on unchanged, although
            predictions are then for another prior.

        Returns
        -------
        ResampledClassifier
            The fitted classifier.

        Raises
        ------
        UnusedWeightsError
            If weights are given, made or forced and the estimator takes none. If it
            takes none and has no ``predict_proba`` to correct.
        ValueError
            If the estimator is a regressor, resamples inside, or is or holds a fitted
            classifier (:class:`sklearn.frozen.FrozenEstimator`) or a decision
            threshold. If it weighs classes by its own parameter and gets weights, which
            that cancels or multiplies. If y holds columns of labels, one-hot or
            several. If ``target_prior`` is not one positive number for each class, or
            is given with ``prior_correction=False``; all methods that predict raise it,
            too. If a fit parameter has a value per row, or ``eval_set="dropped"``, and
            the rows kept are not known or rows were made. If ``full_fit`` does not
            support the estimator, its parameters, the steps before it or the target. If
            it has over 2,000 coefficients or gets no weights, or X is a Dask
            collection. If ``resampler="auto"`` gets a Dask collection, or an estimator
            that weighs its classes, or is not linear and has no ``predict_proba``. If
            files changed since their labels were read, or hold text in a column that
            had numbers in the rows drawn.
        TypeError
            If ``resampler`` is a pipeline with a transformer in it, or does not return
            two or three results. If X is rows of files, and ``resampler`` is None or
            needs all of them.

        Warns
        -----
        TreeWeightsWarning
            If a tree model is fitted with large class weights, its own or those of
            :class:`ClassWeight`, and ``use_weights`` is ``"auto"``: predictions are
            then too low. Or if its ``sample_weight`` has one value for each class, one
            at least five times another: predictions can then be too high.
        CalibrationWarning
            If ``calibration_check_`` is outside 0.8 to 1.25 by more than two standard
            errors, unless ``prior_correction`` is False or another warning named the
            cause. If logistic regression or boosting predicts another mean on the
            training rows than the share of a class: an unknown parameter reweighs them.
            If a known cause cannot be checked: trees that memorise repeated rows, or
            rows that a sampler chose by their values. If rows are repeated or made, and
            the estimator splits rows inside its fit. If the loss on eval sets cannot be
            corrected.
        ConvergenceWarning
            If ``full_fit`` did not reach the fit on all rows.
        """
        self._validate_params()
        fit_params = self._routed(fit_params)
        if self.full_fit is True:
            check_full_fit(self.estimator, X, self.use_weights)
        rows = self._training_rows(X, one_label_per_row(y), sample_weight, fit_params)
        self._check_target(rows.drawn.original[0])
        choice = self._choice
        finishes = self.full_fit is True or (choice is not None and choice.finishes)
        if finishes:
            check_draw(self.estimator, rows)
        trained = self._train(rows)
        if finishes:
            finished = finish_fit(self.estimator_, rows, trained.given)
            self.decision_ = replace(self.decision_, full_fit=finished)
        if choice is not None:
            self.decision_ = choice.record(self.decision_)
        check = self._for_prior(None)._check(rows, trained)
        wants = bool(self.calibration_check and self.prior_correction)
        if wants and not trained.told and leaves_cause_open(check):
            warn_of_cause(trained.cause)
        self.calibration_check_ = None if check is None else check.ratio
        self.decision_ = replace(self.decision_, check=check)
        return self
