"""An ordinary classifier that trains on resampled rows and predicts the original."""

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

    ``fit`` resamples the training data and fits the estimator on the rows drawn;
    predictions are for the distribution of the original rows:

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the estimator's probabilities, *M* the original total of each class, or its
    ``target_prior``, and *m* the total that the estimator really saw. With the
    restoring weights passed the correction to the original is nothing; with the weights
    withheld it is the classical prior correction (Elkan, 2001; Saerens, Latinne and
    Decaestecker, 2002). It is an ordinary classifier and sits in any pipeline, search
    or calibrator.

    Parameters
    ----------
    estimator : estimator
        Any classifier, pipelines included. A clone of it is fitted.
    resampler : resampler, "auto" or None, default=None
        A resampler of this package, one of imbalanced-learn's, any other whose
        ``fit_resample`` returns two or three results, or a pipeline of such alone;
        None trains on the true distribution. ``"auto"`` takes as few rows as a
        predicted loss of 1 % allows (:func:`recommend_factor`): for linear models
        weighted ones of :class:`DownsampleUpweight`; those of
        :class:`GuidedDownsample` for all others but naive Bayes and quadratic
        discriminant analysis, which get even ones, as do texts. It keeps all rows where
        less than half of the fit or a tenth of a second would be saved, by predicted
        times.
    use_weights : {"auto"} or bool, default="auto"
        Whether the estimator is fitted with the weights of the resampled rows.
        ``"auto"`` passes them to linear models, which keep their full-data target
        with weights, and to estimators without ``predict_proba``, and withholds them
        from all others, whose prior is corrected instead: boosted and bagged trees
        overpredict with them. Without those of :class:`GuidedDownsample` predictions
        are corrected row by row. ``True`` and ``False`` force it. Weights given to
        ``fit`` are always passed on, and so are those of a resampler that moves no
        row, which would otherwise do nothing.
    prior_correction : bool or "outside", default=True
        Whether predictions are turned to the original prior. LGBMClassifier,
        XGBClassifier and CatBoostClassifier, alone or as last step of a pipeline, take
        the correction up, so that ``estimator_`` is a plain booster that predicts the
        original distribution; of all others, and with ``"outside"``, predictions are
        corrected afterwards. False gives the estimator's own.
    calibration_check : bool or "cv", default=True
        Whether the model is checked by rows that the resampler dropped, a free
        hold-out: 2,000 rows are scored, and if these leave a doubt as many as were
        fitted, 20,000 at most. A cell (class, or class and stratum) of which no row was
        dropped is checked by the rows kept, which flatter models that fit every row. So
        estimators other than linear models and naive Bayes are fitted again three
        times, on two thirds of the rows each, to predict the others: if at most 5,000
        rows were kept, and on 5,000 of more if they look off; what is nearest to 1 of
        the ratios between the two counts then. ``"cv"`` does so on all rows, whatever
        it costs.
    target_prior : array-like of shape (n_classes,) or dict, default=None
        Share or rows of each class where the model is used, in the order of
        ``classes_`` or by label (a pandas Series: by its index), if these are not those
        of the training data. Only ratios matter. It is read at prediction, so it may be
        set after ``fit``; a calibrator around this classifier undoes it. ``decision_``
        and the check are always of the training data.
    full_fit : bool or "auto", default="auto"
        Whether a LogisticRegression, alone or as last step of a pipeline, is brought
        from the fit on the rows drawn to that on all rows: see Notes. ``"auto"`` does
        so with ``resampler="auto"`` alone, where over half of the rows would have to be
        drawn and this costs at most half the time of a fit to all.
    random_state : int, Generator, RandomState or None, default=None
        Where the seed of ``resampler="auto"`` comes from. All others have their own.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
    resampler_ : resampler or None
        The fitted clone, or what ``"auto"`` chose.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    original_prior_ : ndarray of shape (n_classes,)
        Rows (with ``sample_weight``: total weight) of each class in the data.
    train_prior_ : ndarray of shape (n_classes,)
        The same of what the estimator was fitted with, and itself predicts for.
    target_prior_ : ndarray of shape (n_classes,)
        What predictions are for: ``target_prior``; without one the original, with
        ``prior_correction=False`` what the estimator was fitted with.
    n_samples_fit_ : int
        Rows that the estimator was fitted with.
    calibration_check_ : float or None
        What is predicted of a class over what there is, by that hold-out; 1 is right.
        It is that of the worst class, two standard errors set aside, of two classes
        mostly the smaller one; ``decision_.check`` has them all. None where no row was
        dropped, it is not known which were (some samplers of imbalanced-learn), rows
        of Dask collections weigh nothing, or nothing was checked.
    decision_ : TrainingDecision
        The record of what the estimator was trained on: rows and priors, weights given
        or withheld and why, the correction, the check. ``print`` shows it.
    coef_, feature_importances_ : ndarray
        The estimator's, if it has them, and predictions are not corrected row by row.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The estimator's, if it has one, with the correction, as in ``to_sklearn``.
    n_features_in_ : int
        Columns of X, if the estimator knows them.
    feature_names_in_ : ndarray of shape (n_features,)
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

    Boosters: the correction of uniform rows is added to the fitted scores and costs
    nothing. That of :class:`GuidedDownsample` differs from row to row: rows start from
    minus it in training (``init_score``, ``base_margin``, ``baseline``), so the trees
    learn what the pilot knew, and no pilot runs in ``predict``. Outside, the pilot's
    knowledge is stacked on top. In most arms of ``benchmarks/bench_boosters.py`` that
    lowers the log loss, by up to 1.5 % on two million rows and up to 5 % on small sets,
    at 1.3 to 12 times the CPU to predict.

    CatBoost changes lists of columns, classes or weights that it is given, so that
    scikit-learn cannot clone it: give tuples, or ``cat_features`` to ``fit``.

    Early stopping: eval rows start from the correction, so that the metric is that of
    corrected predictions; of CatBoost with uniform rows, HistGradientBoostingClassifier
    and losses other than the log loss, eval rows are weighted to the shares trained on,
    which has the same minimum.

    Parameters by which the estimator itself sets or changes its prior (``priors``,
    ``class_prior``, ``fit_prior``, ``class_weight``, ``scale_pos_weight``,
    ``is_unbalance``, ``auto_class_weights`` and the like) are counted in as part of
    *m*. Where it is not known what they do, as with samplers inside, ``fit`` refuses.

    Full fit: Newton steps from the fit on the rows drawn lower the penalised loss on
    all rows, *F*, with gradients over all rows, in blocks, and the Hessian *H* of the
    rows drawn, or of all rows where that is cheap or the other misleads. They end where
    the decrement

    .. math:: \tfrac{1}{2} g^\top H^{-1} g \approx F - \min F

    (Boyd and Vandenberghe, 2004, section 9.5), taken twice, and what the penalty gives
    way meanwhile, leave the log loss on all rows within 0.1 % of that of the full fit,
    after six passes over the rows at most. *H* of
    the rows drawn is at most as many times the full one as a row drawn counts for, and
    so is the decrement taken. One step is the classical one-step estimator (Le Cam,
    1956; Bickel, 1975). ``n_iter_`` is of the first fit, dropped rows are no hold-out
    any more, and where none was dropped nothing is done. Rows of files
    (:func:`skstrat.io.scan_file`) are read once a pass, some megabytes at a time.

    Steps before the model stay as the rows drawn fitted them. So they must be such as a
    linear model makes the same of: StandardScaler, MinMaxScaler, MaxAbsScaler and
    RobustScaler that do not clip, PolynomialFeatures from degree 0 or 1 on,
    SimpleImputer with a constant (before scalers) or an indicator, OneHotEncoder with
    all categories given or an error for unknown ones and none put together, and
    ColumnTransformer, FeatureUnion and pipelines of these. Without an intercept nothing
    takes up a shift: scalers must not centre and imputers fill in a constant. A target
    encoder left the log loss 8 % above that of the whole pipeline fitted to all rows, a
    mean of missing values 6 %, MinMaxScaler without an intercept 4 %. ``"auto"`` takes
    scalers alone, which keep the number of columns. Sparse rows of many numbers each
    have no Hessian of all rows.

    Thresholds: ``predict`` finds fewer positives than after plain under-sampling. That
    is the true prior; put :class:`sklearn.model_selection.TunedThresholdClassifierCV`
    around. On mammograms (260 of 11,183 rows positive, logistic regression on as many
    of either class, five folds), with the threshold tuned for the F2 score:

    =====================================  =====  =========  ======  ====
    predictions                            found  precision  recall  F2
    =====================================  =====  =========  ======  ====
    of the rows drawn, at 0.5              217    0.17       0.83    0.46
    of this classifier, at 0.5             75     0.76       0.29    0.33
    of this classifier, threshold tuned    170    0.42       0.65    0.59
    =====================================  =====  =========  ======  ====

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
    >>> model.decision_.weights, model.decision_.correction
    ('none', 'prior')

    A booster that stops early by rows that were dropped, and predicts by itself:

    >>> from lightgbm import LGBMClassifier, early_stopping
    >>> trees = LGBMClassifier(n_estimators=500, num_leaves=7, verbose=-1)
    >>> model = ResampledClassifier(
    ...     trees, DownsampleUpweight(factor=10, random_state=0)
    ... ).fit(X, y, eval_set="dropped", callbacks=[early_stopping(20, verbose=False)])
    >>> model.to_sklearn() is model.estimator_, model.estimator_.best_iteration_ < 500
    (True, True)

    Rows chosen by the learner, or all where a fit is quick anyway:

    >>> auto = ResampledClassifier(GaussianNB(), "auto", random_state=0).fit(X, y)
    >>> auto.decision_.chosen
    'all rows (a fit to all rows takes too little time to save any)'

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
            Training data, whatever the estimator accepts. Of files
            (:func:`skstrat.io.scan_file`) and Dask collections the rows drawn are
            taken into memory. Rows of zero weight are left out; of collections they
            still take part in the positions that the draw goes by.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; the original distribution is the weighted one. A row of
            zero weight is not there.
        **fit_params : dict
            Handed to the ``fit`` of the estimator; of a pipeline to the step before
            ``__``, or to the last. Those with a value per row follow the rows. With
            metadata routing the estimator must request them.
            Eval sets (``eval_set``, ``eval_X`` and ``eval_y``, ``X_val`` and
            ``y_val``) hold rows of the original distribution. They pass the steps of a
            pipeline before the last, and training stops by the loss of corrected
            predictions. ``eval_set="dropped"`` makes one of rows that the resampler
            dropped, and of a fifth of the rows kept of each class that has too few.
            Where nothing is corrected (``prior_correction=False``) eval sets are handed
            on as they are, and so compare predictions with another prior.

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
            If the estimator weighs classes by a parameter of its own and weights are
            passed: they cancel silently. If it resamples inside, is or holds a
            classifier that is fitted already (:class:`sklearn.frozen.FrozenEstimator`),
            or a decision threshold, which belongs around this classifier. If y holds
            columns of labels, one-hot or several. If ``target_prior`` is not one
            positive number for each class, or ``prior_correction`` is False; all
            methods that predict raise it, too. If a fit parameter has a value per row,
            or ``eval_set="dropped"`` is asked for, and rows were made or it is not
            known which were kept, as without a resampler. If ``full_fit`` is asked of
            another estimator, penalty, solver, step before the model or target than it
            knows, of a model that gets no weights, of more than 2,000 coefficients, or
            of Dask collections. If ``resampler="auto"`` is given these, or an estimator
            that weighs its classes, or is not linear and has no ``predict_proba``. If
            files changed since their labels were read, or hold text in a column that
            was of numbers in the rows drawn.
        TypeError
            If ``resampler`` is a pipeline with a transformer in it, or returns another
            number of results. If X is rows of files, and ``resampler`` is None or needs
            all of them.

        Warns
        -----
        TreeWeightsWarning
            If a tree model is fitted with large class weights, its own or those of
            :class:`ClassWeight`, and ``use_weights`` is ``"auto"``: the correction
            undershoots then.
        CalibrationWarning
            If the mean prediction on the rows trained on is not the share of a class
            among them, for logistic regression and boosting: a parameter that is not
            known here reweighs them. If ``calibration_check_`` is outside 0.8 to 1.25
            by more than two standard errors, unless ``prior_correction`` is False or
            another warning has named the cause. If a cause is known and no check rules
            it out: trees that learn repeated rows by heart, rows that a sampler chose
            by their values. If rows are repeated or made, and the estimator splits rows
            inside its fit, as searches and early stopping do. If there are eval sets,
            and the loss that the estimator sees on them cannot be corrected.
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
