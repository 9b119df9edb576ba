"""A Pipeline of imbalanced-learn that passes the weights to every later step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from imblearn.pipeline import Pipeline as ImblearnPipeline
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import LinkedEstimator, routing_enabled
from skstrat._core.containers import is_lazy, read_column
from skstrat._core.estimators import refuse_unread
from skstrat._core.labels import refuse_one_hot
from skstrat._core.rows import count_rows
from skstrat._core.weights import Floats, as_weights, class_totals
from skstrat.classifiers._changed_shares import warn_of_other_shares
from skstrat.classifiers._inner_validation import warn_of_split_copies
from skstrat.classifiers._plain_model import plain_pipeline
from skstrat.classifiers._policy import check_last_step
from skstrat.classifiers._trained_share import warn_of_trained_share
from skstrat.resamplers._any_sampler import resample
from skstrat.resamplers._resampled import Resampled
from skstrat.resamplers._steps import (
    WeightCarrier,
    carrier_of,
    give_weights,
    is_addressed,
    refuse_other_names,
    rows_of_eval_sets,
    take_rows_drawn,
)

# Names of steps have no double underscore, so no step has this name.
_GIVEN = "__given__"


class Pipeline(LinkedEstimator, ImblearnPipeline):
    """An ``imblearn.pipeline.Pipeline`` that passes sample weights on.

    Every later step whose ``fit`` takes weights gets those that a resampler makes or
    that ``fit`` is given. The next resampler multiplies them. They follow the rows that
    a sampler of imbalanced-learn keeps. Prediction never resamples. Everything else is
    as in the base class.

    A pipeline of resamplers alone is itself a resampler. It can be a step of another
    pipeline, or ``resampler`` of :class:`ResampledClassifier`. There its samplers run
    one after the other, without ``memory`` and ``verbose``.

    Parameters
    ----------
    steps : list of (str, estimator) tuples
        Transformers, samplers and a last estimator; ``None`` or ``'passthrough'`` skips
        a step.
    transform_input : list of str, default=None
        Metadata that earlier steps transform and never resample, such as the rows of an
        eval set. Names are ``eval_X``, ``X_val``, or ``eval_set`` with its pairs of
        rows and labels. Metadata routing must be enabled.
    memory : str or object with the joblib.Memory interface, default=None
        Cache of the fitted steps; a step is reused only if its weights are equal, too.
    verbose : bool, default=False
        Whether the time of each step is printed.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.
    classes_ : ndarray of shape (n_classes,)
        The labels, if the last step is a classifier.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the columns, if the first step knows them.

    See Also
    --------
    ResampledClassifier : For classifiers that take no weights, and for trees.

    Notes
    -----
    With metadata routing enabled, ``sample_weight`` of ``fit`` is passed on as above
    and needs no request. A step that refuses weights
    (``set_fit_request(sample_weight=False)``) gets none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skstrat import DownsampleUpweight, Pipeline
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 2))
    >>> y = rng.random(4000) < 0.02 * np.exp(X[:, 0])
    >>> down = DownsampleUpweight(factor=10, random_state=0)
    >>> steps = [("down", down), ("scale", StandardScaler())]
    >>> model = Pipeline([*steps, ("classify", LogisticRegression())])
    >>> p = model.fit(X, y).predict_proba(X)[:, 1]
    >>> bool(0.9 < p.mean() / y.mean() < 1.1)
    True
    """

    steps: list[tuple[str, Any]]
    # Rows, weights and totals of the last step, during its fit.
    _trained_on: tuple[Resampled, Floats, Floats] | None = None
    # The data of the first step, during the fit.
    _data: Any = None

    __metadata_request__fit = {"sample_weight": True}
    # The weights of a score are requested by the last step, as in the base class.
    __metadata_request__score = {"sample_weight": UNUSED}

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any
    ) -> Self:
        """Fit the steps one after the other, with the weights.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Training data.
        y : array-like of shape (n_rows,), default=None
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights; positive if a sampler follows.
        **params : dict
            As in ``imblearn.pipeline.Pipeline.fit``. Values per row, such as
            ``step__init_score``, follow the rows kept.

        Returns
        -------
        Pipeline
            The fitted pipeline.

        Raises
        ------
        UnusedWeightsError
            If the last step cannot take the weights that reach it.
        ValueError
            If weights are addressed to one step of several, or values per row cannot
            follow a sampler's rows. If the last step sets a prior beside weights, holds
            a threshold, is fitted already, or has one-hot labels.
        TypeError
            If a step transforms and resamples, or a pipeline inside has other steps,
            too.

        Warns
        -----
        TreeWeightsWarning
            If the last step is a tree model and weights represent dropped rows.
        CalibrationWarning
            If a classifier learns changed class shares, by a sampler without weights or
            its own parameters. If a sampler chose rows by their values. If a step that
            splits rows follows one that repeats or makes rows.
        """
        if sample_weight is not None:
            params["sample_weight"] = as_weights(sample_weight)
        try:
            super().fit(X, y, **params)
            if self._trained_on is not None:
                warn_of_trained_share(self.steps[-1][1], *self._trained_on)
        finally:
            self._trained_on = None
        return self

    @available_if(ImblearnPipeline._can_fit_resample)
    def fit_resample(
        self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any
    ) -> tuple[Any, Any, Floats]:
        """Fit the steps and resample with the last one: three results, always.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data.
        y : array-like of shape (n_rows,), default=None
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, positive.
        **params : dict
            As in ``imblearn.pipeline.Pipeline.fit_resample``.

        Returns
        -------
        X_resampled : array-like of shape (n_drawn, ...)
            The rows, transformed by the steps before the last.
        y_resampled : array-like of shape (n_drawn,)
            Their labels.
        sample_weight : ndarray of shape (n_drawn,)
            Their weights.
        """
        params["sample_weight"] = sample_weight
        routed = self._check_method_params("fit_resample", params)
        X, y, weights, _ = self._carry(X, y, routed)
        name, step = self.steps[-1]
        if self._final_estimator != "passthrough":
            others = routed[name].get("fit_resample", {})
            resampled = resample(step, X, y, weights, **others)
            X, y, weights = resampled.X, resampled.y, resampled.weights
        return X, y, np.ones(count_rows(X)) if weights is None else weights

    def to_sklearn(self) -> SklearnPipeline:
        """Return the fitted steps that are not samplers, for deployment.

        Returns
        -------
        sklearn.pipeline.Pipeline
            It shares the fitted steps with this one. A pipeline or a
            :class:`ResampledClassifier` inside is converted as well.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the pipeline is not fitted.
        ValueError
            If all steps are samplers.
        """
        check_is_fitted(self)
        return plain_pipeline(self)

    def _check_method_params(self, method: str, props: Any, **kwargs: Any) -> Any:
        others = dict(props)
        incoming = others.pop("sample_weight", None)
        try:
            stock = super()._check_method_params(method, others, **kwargs)
        except UnsetMetadataPassedError as error:
            self._name_weights_as_well(error, method, props)
            raise
        # With nothing to route, the object of the base class is empty and read-only.
        routed = {name: Bunch(**stock.get(name, {})) for name, _ in self.steps}
        self._refuse_addressed_weights(routed, incoming)
        refuse_other_names(self.transform_input, routed, props)
        routed[_GIVEN] = Bunch(sample_weight=incoming, params=props)
        return routed

    def _name_weights_as_well(
        self, error: UnsetMetadataPassedError, method: str, props: Any
    ) -> None:
        try:
            super()._check_method_params(method, props)
        except UnsetMetadataPassedError as fuller:
            if error.unrequested_params.keys() <= fuller.unrequested_params.keys():
                raise fuller from None

    def _refuse_addressed_weights(self, routed: Any, incoming: Any) -> None:
        """Refuse weights for one step that a sampler or other weights contradict."""
        # A request with an alias decides which of the two weights a step gets.
        contradicted = incoming is not None and not routing_enabled()
        for name, step in self.steps:
            contradicted = contradicted or hasattr(step, "fit_resample")
            if contradicted and is_addressed(routed.get(name, {})):
                raise ValueError(
                    f"{name}__sample_weight cannot be given to a step at or after a "
                    "sampler, where the rows are others, nor beside sample_weight. "
                    "Give fit(X, y, sample_weight=...): the weights follow the rows "
                    "to every step that takes them."
                )

    def _fit(
        self, X: Any, y: Any = None, routed_params: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        y = read_column(y)
        samples = any(hasattr(step, "fit_resample") for _, step in self.steps)
        if samples and is_classifier(self):
            refuse_one_hot(y)
        X, y, weights, resampled = self._carry(X, y, routed_params)
        name, step = self.steps[-1]
        if is_classifier(self):
            refuse_unread(step, X)
        if weights is not None and self._final_estimator != "passthrough":
            taken = give_weights(step, routed_params[name], weights)
            check_last_step(step, weights, resampled, taken=taken)
            if taken and resampled and resampled[-1].codes is not None:
                drawn = replace(resampled[-1], X=X, y=y)
                totals = class_totals(drawn.labels, weights)
                self._trained_on = (drawn, weights, totals)
        if is_classifier(self):
            warn_of_other_shares(step, resampled)
        return X, y

    def _carry(
        self, X: Any, y: Any, routed_params: Any
    ) -> tuple[Any, Any, Floats | None, list[Resampled]]:
        given = routed_params[_GIVEN]
        steps = list(self.steps)
        if is_lazy(X) and not hasattr(steps[0][1], "fit_resample"):
            raise TypeError(
                f"X must be in memory for {type(steps[0][1]).__name__}, the first "
                "step; got rows of files (LazyRows). Make a resampler that picks rows "
                "the first step, or take all: X.take_rows(numpy.arange(len(X)))."
            )
        self.steps = [(name, carrier_of(step)) for name, step in steps[:-1]]
        self.steps += steps[-1:]
        self._data = X
        try:
            X, y = super()._fit(X, y, routed_params, raw_params=given.params)
            for index, (_, step) in enumerate(self.steps):
                warn_of_split_copies(step, self._resampled_before(index))
            last = len(steps) - 1
            resampled = self._resampled_before(last)
            self._follow_data(last, routed_params[steps[last][0]], given.params)
        finally:
            self._data = None
            self.steps = [
                (name, step.sampler if isinstance(step, WeightCarrier) else step)
                for name, step in self.steps
            ]
        weights = resampled[-1].weights if resampled else given.sample_weight
        return X, y, weights, resampled

    def _resampled_before(self, step_idx: int) -> list[Resampled]:
        steps = [step for _, step in self.steps[:step_idx]]
        return [step.resampled_ for step in steps if isinstance(step, WeightCarrier)]

    def _get_metadata_for_step(
        self, *, step_idx: int, step_params: Any, all_params: Any
    ) -> Any:
        """Add the current weights to the arguments of a step."""
        # The last step gets its own weights after all steps before it are fitted.
        if step_idx < len(self.steps) - 1:
            resampled = self._resampled_before(step_idx)
            incoming = all_params.get("sample_weight")
            weights = resampled[-1].weights if resampled else incoming
            if weights is not None:
                give_weights(self.steps[step_idx][1], step_params, weights)
            self._follow_data(step_idx, step_params, all_params)
        return step_params

    def _follow_data(self, step_idx: int, step_params: Any, all_params: Any) -> None:
        """Resample the arguments of a step as the data were, in place."""
        # The base class ignores what a method for a sampler returns.
        resampled = self._resampled_before(step_idx)
        prefix = "" if routing_enabled() else f"{self.steps[step_idx][0]}__"
        # Rows that are only transformed are not those of X.
        apart = self.transform_input or ()
        followed = {*apart, "sample_weight"}
        take_rows_drawn(step_params, resampled, self._data, followed, prefix)
        # The base class transforms by all steps before, of which the last must
        # transform; samplers do nothing there.
        while step_idx and not hasattr(self.steps[step_idx - 1][1], "transform"):
            step_idx -= 1
        with rows_of_eval_sets(step_params, apart):
            ready = super()._get_metadata_for_step(
                step_idx=step_idx, step_params=step_params, all_params=all_params
            )
            step_params.update(ready)


def make_pipeline(
    *steps: Any,
    memory: Any = None,
    transform_input: list[str] | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Make a :class:`Pipeline` and name its steps after their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers, samplers and a last estimator.
    memory : str or object with the joblib.Memory interface, default=None
        Cache of the fitted steps.
    transform_input : list of str, default=None
        Metadata that earlier steps transform, with metadata routing enabled.
    verbose : bool, default=False
        Whether the time of each step is printed.

    Returns
    -------
    Pipeline
        The pipeline.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, make_pipeline
    >>> make_pipeline(DownsampleUpweight(factor=5), LogisticRegression())
    Pipeline(steps=[('downsampleupweight', DownsampleUpweight(factor=5)),
                    ('logisticregression', LogisticRegression())])
    """
    stock = make_imblearn_pipeline(
        *steps, memory=memory, transform_input=transform_input, verbose=verbose
    )
    return Pipeline(**stock.get_params(deep=False))
