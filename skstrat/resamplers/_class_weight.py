"""Weights for all rows, none dropped or repeated: class weights as a resampler."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from skstrat._core.compat import Interval, StrOptions
from skstrat._core.labels import Labels
from skstrat._core.targets import Targets, targets_from_rows
from skstrat._core.weights import CellSums, Floats, effective_number
from skstrat.resamplers._base import BaseResampler


class ClassWeight(BaseResampler):
    r"""Weight all rows; none is dropped or repeated.

    With it, class weights can be one of the strategies of a grid.

    ``"balanced"`` gives every class the same total and keeps the grand total:
    :math:`w_i \, \sum_k W_k / (K W_c)`. For unit weights this is scikit-learn's
    ``class_weight="balanced"`` (King and Zeng, 2001). ``"effective"`` divides by the
    effective number of rows of a class instead,

    .. math:: E_c = (1 - \beta^{n_c}) / (1 - \beta)

    and keeps the grand total (Cui et al., 2019): with :math:`\beta = 0` no row is
    weighted, with :math:`\beta \to 1` classes are balanced.

    Parameters
    ----------
    class_weight : {"balanced", "effective"} or dict, default="balanced"
        A dict of label to float multiplies the weight of each class's rows, 1 for a
        class not named.
    beta : float, default=None
        Of ``"effective"``, in [0, 1); None for :math:`(N - 1) / N` with *N* rows in
        all. Not used otherwise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows of each class, unchanged.
    class_weight_ : dict of label to float
        Factor by which the incoming weights of each class are multiplied.
    sample_indices_ : ndarray of shape (n_rows,)
        All rows.
    plan_ : Plan
        The weights, for use on blocks of the same data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if they are all strings.

    See Also
    --------
    DownsampleUpweight : Fewer rows instead, at the same class totals.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import ClassWeight
    >>> X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    >>> _, _, w = ClassWeight().fit_resample(X, y)
    >>> w.round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "class_weight": [StrOptions({"balanced", "effective"}), Mapping],
        "beta": [Interval(Real, 0, 1, closed="left"), None],
    }
    random_state = 0  # nothing is drawn

    def __init__(
        self,
        class_weight: str | Mapping[Any, float] = "balanced",
        *,
        beta: float | None = None,
    ) -> None:
        self.class_weight = class_weight
        self.beta = beta

    def _targets(self, labels: Labels, y: Any) -> Targets:
        return targets_from_rows(labels, labels.counts)

    def _multiplier(self, labels: Labels, sums: CellSums) -> Floats:
        totals, drawn = sums.totals, sums.drawn
        if self.class_weight == "balanced":
            return totals.sum() / len(totals) / drawn
        if self.class_weight == "effective":
            inverse = 1 / effective_number(labels.counts, self.beta)
            return inverse * (totals.sum() / (inverse * drawn).sum())
        named: Any = self.class_weight
        multiplier = np.ones(len(totals))
        for code, value in labels.by_class(named, "class_weight").items():
            if not (isinstance(value, Real) and 0 < float(value) < np.inf):
                raise ValueError(
                    "class_weight must be positive and finite for every class; got "
                    f"{value!r} for class {labels.classes.tolist()[code]!r}."
                )
            multiplier[code] = value
        return multiplier
