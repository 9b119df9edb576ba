"""Any sampler of imbalanced-learn, with the weights that its rows stand for."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skstrat._core.compat import HasMethods, Interval, sampler_tags
from skstrat._core.dask import is_dask
from skstrat._core.labels import Labels
from skstrat._core.rows import gather_rows, take_rows
from skstrat._core.samples import Seen, look_at
from skstrat._core.weights import (
    WEIGHTING,
    Floats,
    Weighting,
    class_totals,
    class_weights,
    multiply_weights,
)
from skstrat.resamplers._base import BaseResampler, Drawn, refuse_stock_pipeline
from skstrat.resamplers._sampler_output import Output, run_sampler

# Weights that went through a class's scale and back differ by this much.
_ROUNDING = 1e-9

Array = NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """What a sampler made of each class: facts for those who pass its weights on.

    Named as in :class:`Plan`, but it draws nothing: rows made from X cannot be
    decided again for another block.

    Attributes
    ----------
    classes : tuple
        The labels, as Python values.
    rows_seen : tuple of int
        Rows of each class in the data.
    rows : tuple of int
        Rows of each class after resampling.
    mass : tuple of float
        Total incoming weight of each class.
    class_weight : tuple of float
        What the weight of each class's rows was multiplied by.
    moves_rows : bool
        Whether any row was dropped, repeated, moved or made.
    """

    classes: tuple[Any, ...]
    rows_seen: tuple[int, ...]
    rows: tuple[int, ...]
    mass: tuple[float, ...]
    class_weight: tuple[float, ...]
    moves_rows: bool


@dataclass(frozen=True)
class _Made(Drawn):
    """Rows that a sampler gave; -1 in ``rows`` where it made one."""

    X: Any
    y: Any


class Weighted(BaseResampler):
    r"""Any sampler of imbalanced-learn, with the weights that its rows stand for.

    Row *i* of class *c* weighs

    .. math:: w_i = h_c v_i, \quad v_i = w_{j(i)} \text{ or } \lambda \bar w_c

    with the incoming weight *w* of the original row :math:`j(i)` that it is, or, for
    a synthetic row, ``synthetic_weight`` :math:`\lambda` times the mean incoming
    weight of its class; :math:`h_c` brings the class to the total that ``weighting``
    asks for. SMOTE draws a class together: if neighbours were independent, its
    synthetic rows would have 2/3 of the variance, :math:`E[(1-u)^2 + u^2]` (Chawla
    et al., 2002). Small :math:`\lambda` lead back to the true distribution.

    Parameters
    ----------
    sampler : sampler
        A sampler of two results. A clone of it is fitted; its ``random_state``
        decides the draw.
    weighting : {"original", "balanced", "uniform"} or dict, default="original"
        Total weight of each class: its original one; all equal, the grand total
        kept; or :math:`v_i` as they are. A dict of class shares by label is a target
        prior.
    synthetic_weight : float, default=1.0
        Weight of a synthetic row relative to the mean original row of its class.

    Attributes
    ----------
    sampler_ : sampler
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows of each class after resampling.
    class_weight_ : dict of label to float
        The multiplier :math:`h_c` of each class.
    sample_indices_ : ndarray of shape (n_rows_new,)
        Where each row comes from; -1 for a synthetic row or if it is not known.
    plan_ : Outcome
        Rows, mass and weight of each class; unlike the plans of other resamplers, of
        no use on blocks of data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they are all strings.

    See Also
    --------
    RandomOversample : Repeated rows, in any container.
    ResampledClassifier : Any classifier on resampled rows, prior corrected.

    Notes
    -----
    Original rows are known by the sampler's ``sample_indices_`` or those of the
    cleaning that ends it, or, of any other sampler, in each class whose rows come
    out first and in order, as over-samplers give them. Several samplers are better
    wrapped one by one, as steps of :class:`Pipeline`, than together.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> from skstrat import Weighted
    >>> X = np.random.default_rng(0).normal(size=(110, 2))
    >>> y = np.repeat(["ok", "fraud"], [100, 10])
    >>> smote = Weighted(SMOTE(random_state=0), synthetic_weight=0.5)
    >>> X_res, y_res, w = smote.fit_resample(X, y)
    >>> X_res.shape, int((smote.sample_indices_ < 0).sum())
    ((200, 2), 90)
    >>> w[[100, -1]].round(4).tolist(), round(w[y_res == "fraud"].sum(), 9)
    ([0.1818, 0.0909], np.float64(10.0))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "sampler": [HasMethods(["fit_resample"])],
        "weighting": WEIGHTING,
        "synthetic_weight": [Interval(Real, 0, None, closed="neither")],
    }
    plan_: Any

    def __init__(
        self,
        sampler: Any,
        *,
        weighting: Weighting = "original",
        synthetic_weight: float = 1.0,
    ) -> None:
        self.sampler = sampler
        self.weighting = weighting
        self.synthetic_weight = synthetic_weight

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Resample, and keep what was learned but not the rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Data, whatever the sampler accepts.
        y : array-like of shape (n_rows,)
            Class labels in any container.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None; a row of zero weight is not
            there.

        Returns
        -------
        Weighted
            The fitted resampler.
        """
        self._learn(X, y, sample_weight)
        return self

    def fit_resample(
        self, X: Any, y: Any, *, sample_weight: Any = None
    ) -> tuple[Any, Any, Floats]:
        """Resample with a clone of the sampler and weight the rows it gives.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Data, whatever the sampler accepts.
        y : array-like of shape (n_rows,)
            Class labels in any container.
        sample_weight : array-like of shape (n_rows,), default=None
            Incoming weights, 1 for every row if None; a row of zero weight is not
            there.

        Returns
        -------
        X_resampled : array-like of shape (n_rows_new, n_features)
            The rows that the sampler gives.
        y_resampled : same kind as y, of shape (n_rows_new,)
            Their labels.
        sample_weight : ndarray of shape (n_rows_new,)
            Their weights, float64, finite and positive.

        Raises
        ------
        ValueError
            If the sampler drops a class, or if weights differ within a class of
            which it is not known which rows were kept.
        TypeError
            If there are not two results, or for Dask, or in a stock Pipeline.
        """
        refuse_stock_pipeline(type(self).__name__)
        made = self._learn(X, y, sample_weight)
        return made.X, made.y, made.weights

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Give the names of the columns that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns that go in, if X has none.

        Returns
        -------
        ndarray of str
            What the fitted sampler says; the names that went in if it does not.
        """
        check_is_fitted(self)
        say = getattr(self.sampler_, "get_feature_names_out", None)
        # A pipeline of samplers alone gives back what it was given, None for one.
        names = None if say is None else say(input_features)
        if names is None:
            names = super().get_feature_names_out(input_features)
        return np.asarray(names)

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> _Made:
        self._validate_params()
        self._check_sampler_can_be_wrapped()
        if is_dask(X) or is_dask(y):
            self._check_needs_labels_alone()
        seen = look_at(X, y, sample_weight)
        labels, incoming, counted = seen.labels, seen.sample_weight, seen.counted
        self._learn_columns(X)
        X = X if counted is None else take_rows(X, counted)
        self.sampler_ = clone(self.sampler)
        output = run_sampler(self.sampler_, X, labels)
        self._refuse_uneven(seen, output)
        made, indices = output.labels, output.indices

        mass = class_totals(labels, incoming)
        with np.errstate(over="ignore"):  # refused where weights are multiplied
            weights = (self.synthetic_weight * mass / labels.counts)[made.codes]
        real = indices >= 0
        weights[real] = 1 if incoming is None else incoming[indices[real]]
        drawn = class_totals(made, weights)
        ones = np.ones(len(mass))  # instead of a factor, which nothing has here
        multiplier = class_weights(labels, ones, self.weighting, mass, drawn)
        weights = multiply_weights(multiplier[made.codes], weights)

        rows = indices if counted is None else np.where(real, counted[indices], -1)
        self.sample_indices_ = rows
        untouched = np.array_equal(indices, np.arange(len(labels.codes)))
        self._learn_outcome(labels, made, mass, multiplier, moves_rows=not untouched)
        y_made = _labels_in_kind(seen, output)
        return _Made(rows, weights, untouched, output.X, y_made)

    def _check_sampler_can_be_wrapped(self) -> None:
        if isinstance(self.sampler, BaseResampler):
            name = type(self.sampler).__name__
            raise TypeError(
                f"sampler must be a sampler of two results; {name} gives weights "
                f"itself. Use {name} without Weighted."
            )
        if self.weighting == "factor":
            raise ValueError(
                'weighting must be "original", "balanced", "uniform" or a dict for '
                "Weighted: a synthetic row stands for no number of original rows; got "
                '"factor".'
            )

    def _refuse_uneven(self, seen: Seen, output: Output) -> None:
        """Refuse weights that cannot follow rows of which it is not known."""
        if seen.sample_weight is None:
            return
        names = seen.labels.classes.tolist()
        for code in np.flatnonzero(~output.known).tolist():
            weights = seen.sample_weight[seen.labels.codes == code]
            if weights.max() <= weights.min() * (1 + _ROUNDING):
                continue
            raise ValueError(
                f"sample_weight differs among the rows of class {names[code]!r}, from "
                f"{weights.min()} to {weights.max()}, and it is not known which of "
                f"them {type(self.sampler).__name__} kept, so the weights cannot "
                "follow. Put it before the step that makes the weights, or take a "
                "sampler that keeps original rows."
            )

    def _learn_outcome(
        self,
        labels: Labels,
        made: Labels,
        mass: Floats,
        multiplier: Floats,
        *,
        moves_rows: bool,
    ) -> None:
        self.plan_ = Outcome(
            classes=tuple(labels.classes.tolist()),
            rows_seen=tuple(labels.counts.tolist()),
            rows=tuple(made.counts.tolist()),
            mass=tuple(mass.tolist()),
            class_weight=tuple(multiplier.tolist()),
            moves_rows=moves_rows,
        )
        self._learn_plan(self.plan_, labels.classes)

    def _targets(self, labels: Labels, y: Any) -> NoReturn:  # noqa: ARG002
        self._check_needs_labels_alone()

    def _check_needs_labels_alone(self) -> NoReturn:
        raise TypeError(
            f"{type(self.sampler).__name__} reads the values of X, so Weighted needs "
            "data in memory, no Dask collection, file or partition. Use "
            "DownsampleUpweight first, and Weighted on the rows that it keeps."
        )

    def __sklearn_tags__(self) -> Any:
        tags = sampler_tags()
        tags.input_tags = get_tags(self.sampler).input_tags
        return tags


def _labels_in_kind(seen: Seen, output: Output) -> Any:
    """Give labels in the container of y; a row made has one like its class's first."""
    first = np.unique(seen.labels.codes, return_index=True)[1]
    indices = output.indices
    y = gather_rows(seen.y, np.where(indices >= 0, indices, first[output.labels.codes]))
    if hasattr(y, "iloc"):
        y = y.reset_index(drop=True)
        if hasattr(output.X, "iloc"):
            y.index = output.X.index
    return y
