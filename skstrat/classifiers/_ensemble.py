"""Many models, each on other rows of the big classes, their probabilities averaged."""

from __future__ import annotations

from copy import copy
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import HasMethods, Interval, StrOptions
from skstrat._core.labels import encode_labels
from skstrat._core.targets import RANDOM_STATE, seed_of
from skstrat.classifiers._predictions import ProbabilityClassifier
from skstrat.classifiers._resampled import ResampledClassifier


class ResampledEnsembleClassifier(ProbabilityClassifier):
    r"""The mean of many :class:`ResampledClassifier`, each with a draw of its own.

    .. math:: p_c(x) = \frac{1}{m} \sum_{i=1}^{m} p_c^{(i)}(x)

    with the corrected probabilities :math:`p^{(i)}` of *m* models. One draw leaves
    most rows of a big class unused, and a flexible model varies with the draw; the
    mean uses more rows and varies less (EasyEnsemble; Liu, Wu and Zhou, 2009), at *m*
    times the cost of a small fit. The prior of each model is corrected, and so that of
    their mean; what else is wrong with them, as with trees on few rows, stays.

    Parameters
    ----------
    estimator : estimator
        Any classifier with ``predict_proba``. Clones of it are fitted.
    resampler : resampler
        A resampler of this package or of imbalanced-learn's with a ``random_state``.
    n_estimators : int, default=10
        Number of models *m*.
    use_weights : {"auto"} or bool, default="auto"
        As in :class:`ResampledClassifier`.
    n_jobs : int, default=None
        Models fitted at the same time, as in joblib.
    random_state : int, Generator, RandomState or None, default=None
        Where the seeds of all draws come from, and those of the estimators that have a
        ``random_state``.

    Attributes
    ----------
    ensemble_ : VotingClassifier
        scikit-learn's, of the fitted :class:`ResampledClassifier` models.
    estimators_ : list of ResampledClassifier
        The fitted models.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Columns of X, if the estimator knows them.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the estimator knows them.

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
    >>> model = ResampledEnsembleClassifier(
    ...     GaussianNB(), DownsampleUpweight(factor=10), n_estimators=5, random_state=0
    ... ).fit(X, y)
    >>> (
    ...     len(model.estimators_),
    ...     bool(0.9 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.1),
    ... )
    (5, True)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "resampler": [HasMethods(["fit_resample", "set_params"])],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "use_weights": [StrOptions({"auto"}), "boolean"],
        "n_jobs": [Integral, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        estimator: Any,
        resampler: Any,
        *,
        n_estimators: int = 10,
        use_weights: Literal["auto"] | bool = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.resampler = resampler
        self.n_estimators = n_estimators
        self.use_weights = use_weights
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all models, each on a draw of its own.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Training data, whatever the estimator accepts.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; the original distribution is the weighted one.

        Returns
        -------
        ResampledEnsembleClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the resampler has no ``random_state``, so that all draws would be one.
        """
        self._validate_params()
        if "random_state" not in self.resampler.get_params():
            raise ValueError(
                "resampler must have a random_state, or all models would be fitted on "
                f"the same rows; got {self.resampler!r}."
            )
        encode_labels(y)  # refuses what is no label, in words that say so
        generator = np.random.default_rng(seed_of(self.random_state))
        models = [
            (f"model_{number}", self._make_model(generator))
            for number in range(self.n_estimators)
        ]
        ensemble = VotingClassifier(models, voting="soft", n_jobs=self.n_jobs)
        self.ensemble_ = ensemble.fit(X, y, sample_weight=sample_weight)
        self.estimators_ = self.ensemble_.estimators_
        self.classes_ = self.ensemble_.classes_
        return self

    def _make_model(self, generator: np.random.Generator) -> ResampledClassifier:
        model = ResampledClassifier(
            clone(self.estimator),
            clone(self.resampler),
            use_weights=self.use_weights,
            # What single models overpredict, their mean may not.
            calibration_check=False,
        )
        seeds = {
            name: int(generator.integers(2**31))
            for name in sorted(model.get_params())
            if name.rpartition("__")[2] == "random_state"
        }
        return model.set_params(**seeds)

    def _proba(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.ensemble_.predict_proba(X))

    def to_sklearn(self) -> VotingClassifier:
        """Give the fitted models without the sampler, as a plain soft vote.

        Returns
        -------
        VotingClassifier
            It predicts what this classifier predicts, to rounding. Its models are what
            :meth:`ResampledClassifier.to_sklearn` gives.
        """
        check_is_fitted(self)
        vote = copy(self.ensemble_)
        vote.estimators_ = [model.to_sklearn() for model in self.estimators_]
        names = [name for name, _ in self.ensemble_.estimators]
        vote.estimators = list(zip(names, vote.estimators_, strict=True))
        vote.named_estimators_ = Bunch(**dict(vote.estimators))
        return vote

    @property
    def n_features_in_(self) -> int:
        """Columns of X that the models saw."""
        return int(self.ensemble_.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the models saw."""
        return np.asarray(self.ensemble_.feature_names_in_)
