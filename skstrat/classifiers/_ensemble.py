"""The mean of many models, each trained on its own draw."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import HasMethods, Interval, StrOptions
from skstrat._core.dask import is_dask
from skstrat._core.labels import one_label_per_row
from skstrat._core.parameters import RANDOM_STATE
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples, check_samples
from skstrat._core.targets import seed_of
from skstrat._core.weights import Floats
from skstrat.classifiers._auto_resampler import choose_resampler
from skstrat.classifiers._calibration_check import (
    cells_of,
    check_by_rows,
    leaves_cause_open,
    places_of,
    rows_trained_on,
    warn_of_ratio,
)
from skstrat.classifiers._causes import warn_of_cause
from skstrat.classifiers._ensemble_fit import EnsembleFit, fit_model, mean_decision
from skstrat.classifiers._hold_out import CheckResult, hold_out
from skstrat.classifiers._plain_model import vote_member
from skstrat.classifiers._predictions import ProbabilityClassifier
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.classifiers._routing import RoutesFitParams
from skstrat.classifiers._training_rows import counted_rows


class ResampledEnsembleClassifier(RoutesFitParams, ProbabilityClassifier):
    r"""The mean of many :class:`ResampledClassifier`, each with its own draw.

    .. math:: p_c(x) = \frac{1}{m} \sum_{i=1}^{m} p_c^{(i)}(x)

    with the corrected probabilities :math:`p^{(i)}` of *m* models. One draw leaves most
    rows of a big class unused, and a flexible model varies with the draw. The mean uses
    more rows and varies less (EasyEnsemble; Liu, Wu and Zhou, 2009). The prior of each
    model is corrected, and so is that of their mean. Other errors of the models remain,
    for example those of trees on few rows.

    Parameters
    ----------
    estimator : estimator
        Any classifier with ``predict_proba``. Clones of it are fitted.
    resampler : resampler or "auto"
        As in :class:`ResampledClassifier`, with a ``random_state``, its own or one
        inside. ``"auto"`` chooses once for all models, by the time that their fits save
        together. Where it keeps all rows, one model is fitted, because all would be
        equal.
    n_estimators : int, default=10
        Number of models *m*.
    use_weights : {"auto"} or bool, default="auto"
        As in :class:`ResampledClassifier`.
    calibration_check : bool, default=True
        Whether the mean is checked by the rows that models dropped, 20,000 rows at
        most. The prediction for a row is averaged over the models that were not trained
        on it. Rows that all models keep are predicted out of fold by further fits of
        one model, on 5,000 rows at most, as in :class:`ResampledClassifier`.
    n_jobs : int, default=None
        Models fitted at the same time, as in joblib.
    random_state : int, Generator, RandomState or None, default=None
        Source of all seeds: of the draws, and of ``random_state`` in estimators.
    target_prior : array-like of shape (n_classes,) or dict, default=None
        As in :class:`ResampledClassifier`: it may be set after ``fit``. Each model's
        probabilities are corrected to it before their mean is taken.

    Attributes
    ----------
    estimators_ : list of ResampledClassifier
        The fitted models. They predict the original distribution.
    target_prior_ : ndarray of shape (n_classes,)
        The prior that predictions are for: ``target_prior``, or rows (with
        ``sample_weight``: total weight) of each class in the data.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    calibration_check_ : float or None
        Predicted total of the worst class over its true total; 1 is right. None where
        no row was dropped, or nothing was checked.
    decision_ : TrainingDecision
        Rows and totals as a mean over the models, and the check of their mean.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the columns, if the estimator knows them.

    See Also
    --------
    ResampledClassifier : One model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skstrat import DownsampleUpweight, ResampledEnsembleClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = rng.random(20000) < 0.02 * np.exp(X[:, 0])
    >>> down = DownsampleUpweight(factor=10)
    >>> model = ResampledEnsembleClassifier(GaussianNB(), down, random_state=0)
    >>> model = model.fit(X, y)
    >>> bool(0.9 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.1)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "resampler": [
            HasMethods(["fit_resample", "set_params"]),
            StrOptions({"auto"}),
        ],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "calibration_check": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": RANDOM_STATE,
        "target_prior": ["array-like", dict, None],
    }

    def __init__(
        self,
        estimator: Any,
        resampler: Any,
        *,
        n_estimators: int = 10,
        use_weights: Literal["auto"] | bool = "auto",
        calibration_check: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        target_prior: Any = None,
    ) -> None:
        self.estimator = estimator
        self.resampler = resampler
        self.n_estimators = n_estimators
        self.use_weights = use_weights
        self.calibration_check = calibration_check
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.target_prior = target_prior

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit all models, each on its own draw.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Training data, whatever the estimator accepts.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; the original distribution is the weighted one.
        **fit_params : dict
            As in :meth:`ResampledClassifier.fit`, for every model.
            ``eval_set="dropped"`` sets other rows aside for each.

        Returns
        -------
        ResampledEnsembleClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the resampler has no ``random_state``, so that all draws would be the
            same. If y holds columns of labels, one-hot or several. If ``target_prior``
            is not one positive number for each class; all methods that predict raise
            it, too.

        Warns
        -----
        CalibrationWarning
            If ``calibration_check_`` is outside 0.8 to 1.25 by more than two standard
            errors.
        """
        self._validate_params()
        self._check_resampler()
        fit_params = self._routed(fit_params)
        X, y, sample_weight, fit_params = counted_rows(
            X, one_label_per_row(y), sample_weight, fit_params
        )
        generator = np.random.default_rng(seed_of(self.random_state))
        choice, resampler, n_models = None, self.resampler, self.n_estimators
        if isinstance(resampler, str):
            choice = choose_resampler(
                self.estimator,
                X,
                y,
                sample_weight,
                generator,
                measures=not fit_params,
                n_fits=n_models,
            )
            resampler = choice.resampler_for(X, fit_params)
            n_models = 1 if choice.resampler is None else n_models
        models = [self._make_model(resampler, generator) for _ in range(n_models)]
        checks = self.calibration_check and not (is_dask(X) or is_dask(y))
        fits = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_model)(
                model,
                X,
                y,
                sample_weight,
                fit_params,
                self.target_prior,
                cross_fits=checks and number == 0,
            )
            for number, model in enumerate(models)
        )
        self.estimators_ = [fit.model for fit in fits]
        self.classes_ = self.estimators_[0].classes_
        check = None
        if checks:
            check = self._check(X, check_samples(X, y, sample_weight), fits)
        told = not self.calibration_check or any(fit.told for fit in fits)
        if leaves_cause_open(check) and not told:
            warn_of_cause(fits[0].cause)
        self.calibration_check_ = None if check is None else check.ratio
        self.decision_ = mean_decision(
            [model.decision_ for model in self.estimators_], check
        )
        if choice is not None:
            self.decision_ = choice.record(self.decision_)
        return self

    def _check_resampler(self) -> None:
        if isinstance(self.resampler, str):
            return
        params = self.resampler.get_params()
        if not any(name.rpartition("__")[2] == "random_state" for name in params):
            raise ValueError(
                "resampler must have a random_state, or all models would be fitted on "
                f"the same rows; got {self.resampler!r}."
            )

    def _make_model(
        self, resampler: Any, generator: np.random.Generator
    ) -> ResampledClassifier:
        model = ResampledClassifier(
            clone(self.estimator),
            None if resampler is None else clone(resampler),
            use_weights=self.use_weights,
            # The mean may be calibrated where single models are not.
            calibration_check=False,
        )
        seeds = {
            name: int(generator.integers(2**31))
            for name in sorted(model.get_params())
            if name.endswith("__random_state")
        }
        return model.set_params(**seeds)

    def _check(
        self, X: Any, samples: CheckedSamples, fits: list[EnsembleFit]
    ) -> CheckResult | None:
        """Check the mean by dropped rows, each by the models that dropped it."""
        drawn = [fit.rows for fit in fits]
        if any(rows is None for rows in drawn):
            return None
        n_rows, resampled = len(samples.labels.codes), fits[0].resampled
        trained_on = np.ones(n_rows, dtype=bool)
        for rows in drawn:
            trained_on &= rows_trained_on(rows, n_rows)
        held = hold_out(samples, cells_of(resampled, samples), trained_on, seed=0)
        if held is None:
            return None
        places = places_of(self.classes_, held.classes)

        def predict(rows: NDArray[np.intp]) -> Floats:
            total, models = np.zeros((len(rows), len(places))), np.zeros((len(rows), 1))
            for model, own in zip(self.estimators_, drawn, strict=True):
                asked = trained_on[rows] | ~np.isin(rows, own)
                if asked.any():
                    proba = model.predict_proba(take_rows(X, rows[asked]))
                    total[asked] += proba[:, places]
                    models[asked] += 1
            mean: Floats = total / models
            return mean

        kept = fits[0].out_of_fold
        result = check_by_rows(
            held,
            predict,
            lambda: kept,
            n_fitted=sum(len(fit.resampled.rows) for fit in fits),
            at_once=kept is not None and len(kept.rows) == len(resampled.rows),
        )
        if not any(fit.told for fit in fits):
            first = self.estimators_[0]
            warn_of_ratio(
                result,
                first.estimator_,
                resampled,
                first.decision_.weights,
                fits[0].cause,
            )
        return result

    def _proba(self, X: Any) -> NDArray[Any]:
        total = sum(model.predict_proba(X) for model in self._turned())
        return np.asarray(total) / len(self.estimators_)

    def _turned(self) -> list[ResampledClassifier]:
        """Return the models, set to the prior that predictions are for."""
        return [model._for_prior(self.target_prior) for model in self.estimators_]

    def to_sklearn(self) -> VotingClassifier:
        """Return the fitted models without the sampler, as a plain soft vote.

        Returns
        -------
        VotingClassifier
            It predicts what this classifier predicts, up to rounding. Its models are
            those of :meth:`ResampledClassifier.to_sklearn`, with numbers as labels as
            in every vote; one that needs a correction is in a pipeline.
            ``skl2onnx.to_onnx`` converts it where it converts the models.
        """
        check_is_fitted(self)
        models = [vote_member(model.to_sklearn()) for model in self._turned()]
        named = [(f"model_{number}", model) for number, model in enumerate(models)]
        # skl2onnx converts no other vote.
        vote = VotingClassifier(
            named, voting="soft", n_jobs=self.n_jobs, flatten_transform=False
        )
        vote.estimators_, vote.named_estimators_ = models, Bunch(**dict(named))
        vote.le_, vote.classes_ = LabelEncoder().fit(self.classes_), self.classes_
        if hasattr(models[0], "feature_names_in_"):
            vote.feature_names_in_ = models[0].feature_names_in_
        return vote

    @property
    def target_prior_(self) -> Floats:
        """Share, rows or total weight of each class that predictions are for."""
        return self._turned()[0].target_prior_

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X that the models were fitted on."""
        return int(self.estimators_[0].n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the models were fitted on."""
        return np.asarray(self.estimators_[0].feature_names_in_)
