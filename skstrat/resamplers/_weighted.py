"""Any sampler of imbalanced-learn, with weights."""

from __future__ import annotations

from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skstrat._core.cells import Draw
from skstrat._core.compat import HasMethods, Interval, sampler_tags
from skstrat._core.labels import Labels, by_label
from skstrat._core.parameters import WEIGHTING
from skstrat._core.rows import gather_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets, targets_from_rows
from skstrat._core.weights import Floats, Weighting, class_totals
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._sampler_output import (
    AT_RANDOM,
    Output,
    reads_values,
    run_sampler,
)

# Weights that were scaled and scaled back differ by this much.
_ROUNDING = 1e-9

Array = NDArray[Any]


class Weighted(BaseResampler):
    r"""Any sampler of imbalanced-learn, with weights for its rows.

    The weight of row *i* of class *c* is

    .. math:: w_i = h_c v_i, \quad v_i = w_{j(i)} \text{ or } \lambda \bar w_c

    where *w* is the incoming weight of the original row :math:`j(i)`. A synthetic row
    has ``synthetic_weight`` :math:`\lambda` times the mean incoming weight of its class
    instead. The multiplier :math:`h_c` gives the class the total that ``weighting``
    asks for.

    SMOTE reduces the variance of a class. If neighbours were independent, its synthetic
    rows would have 2/3 of it, :math:`E[(1-u)^2 + u^2]` (Chawla et al., 2002). A small
    :math:`\lambda` gives a distribution near the true one.

    Parameters
    ----------
    sampler : sampler
        A sampler of two results. A clone of it is fitted; its ``random_state``
        decides the draw.
    weighting : {"original", "balanced", "uniform"} or dict, default="original"
        ``"original"`` keeps the total weight of each class. ``"balanced"`` gives all
        classes the same total and keeps the grand total. ``"uniform"`` leaves
        :math:`v_i` unchanged. A dict of class shares by label is a target prior.
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
        Position of each row in the data; -1 for a synthetic row or if it is not known.
    class_counts_ : dict of label to int
        Rows of each class in the data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if they are all strings.

    See Also
    --------
    RandomOversample : Repeated rows, in any container.
    ResampledClassifier : Any classifier on resampled rows, prior corrected.

    Notes
    -----
    Original rows are known by the sampler's ``sample_indices_``, or by those of the
    cleaning step at its end. For other samplers they are known in each class whose rows
    are returned first and in order, as over-samplers do. Wrap each of several samplers
    by itself, as steps of :class:`Pipeline`.

    X must be an array, a sparse matrix or a table. Tables of polars, pyarrow and
    Hugging Face are given to samplers of imbalanced-learn as pandas frames, and torch
    tensors as arrays. The result has the kind and the types of X.

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

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the resampled columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns that go in, if X has none.

        Returns
        -------
        ndarray of str
            The names that the fitted sampler gives; the names that go in if it gives
            none.
        """
        check_is_fitted(self)
        say = getattr(self.sampler_, "get_feature_names_out", None)
        # A pipeline of only samplers returns its argument, which may be None.
        names = None if say is None else say(input_features)
        if names is None:
            names = super().get_feature_names_out(input_features)
        return np.asarray(names)

    def _targets(self, labels: Labels, y: Any) -> Targets:
        # The sampler has its own.
        return targets_from_rows(labels, labels.counts)

    def _draw(
        self, cells: Any, targets: Targets, samples: CheckedSamples, X: Any
    ) -> Draw:
        self._check_sampler_can_be_wrapped()
        labels, incoming = samples.labels, samples.sample_weight
        self.class_counts_ = by_label(labels.classes, labels.counts)
        self.sampler_ = clone(self.sampler)
        output = run_sampler(self.sampler_, samples.take(X), labels)
        self._refuse_uneven(samples, output)
        made, indices = output.labels, output.indices
        return Draw(
            indices,
            cells,
            made.codes,
            made.counts,
            targets.factor,
            incoming=self._own_weights(output, labels, incoming),
            moves_rows=not np.array_equal(indices, np.arange(len(labels.codes))),
            at_random=isinstance(self.sampler, AT_RANDOM),
            by_values=reads_values(self.sampler),
            X=output.X,
            y=_labels_in_kind(samples, output),
        )

    def _own_weights(
        self, output: Output, labels: Labels, incoming: Floats | None
    ) -> Floats | None:
        """Return incoming weights, and for made rows a share of the class mean."""
        real = output.indices >= 0
        if incoming is None and (self.synthetic_weight == 1 or real.all()):
            return None
        mean = class_totals(labels, incoming) / labels.counts
        with np.errstate(over="ignore"):  # refused where weights are multiplied
            weights = (self.synthetic_weight * mean)[output.labels.codes]
        weights[real] = 1 if incoming is None else incoming[output.indices[real]]
        return weights

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
                "Weighted: a synthetic row represents no number of original rows; got "
                '"factor".'
            )

    def _refuse_uneven(self, samples: CheckedSamples, output: Output) -> None:
        """Refuse different weights in a class whose original rows are not known."""
        if samples.sample_weight is None:
            return
        names = samples.labels.classes.tolist()
        for code in np.flatnonzero(~output.known).tolist():
            weights = samples.sample_weight[samples.labels.codes == code]
            if weights.max() <= weights.min() * (1 + _ROUNDING):
                continue
            raise ValueError(
                f"sample_weight differs among the rows of class {names[code]!r}, from "
                f"{weights.min()} to {weights.max()}. It is not known which of them "
                f"{type(self.sampler).__name__} kept, so the weights cannot "
                "follow. Put it before the step that makes the weights, or take a "
                "sampler that keeps original rows."
            )

    def _learn_lazily(self, X: Any, y: Any, sample_weight: Any) -> NoReturn:
        raise TypeError(
            f"{type(self.sampler).__name__} reads the values of X, so Weighted needs "
            "data in memory, no Dask collection. Use "
            "DownsampleUpweight first, and Weighted on the rows that it keeps."
        )

    def __sklearn_tags__(self) -> Any:
        tags = sampler_tags()
        tags.input_tags = get_tags(self.sampler).input_tags
        return tags


def _labels_in_kind(samples: CheckedSamples, output: Output) -> Any:
    """Return labels in the container of y; a made row copies its class's first."""
    first = np.unique(samples.labels.codes, return_index=True)[1]
    indices = output.indices
    y = gather_rows(
        samples.y, np.where(indices >= 0, indices, first[output.labels.codes]), "y"
    )
    if hasattr(y, "iloc"):
        y = y.reset_index(drop=True)
        if hasattr(output.X, "iloc"):
            y.index = output.X.index
    return y
