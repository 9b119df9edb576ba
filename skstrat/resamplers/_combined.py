"""Fewer rows of the big classes and more rows of the small ones, at once."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from skstrat._core.compat import Interval
from skstrat._core.labels import Labels
from skstrat._core.targets import (
    SamplingStrategy,
    Targets,
    refuse_both,
    rows_from_mapping,
    targets_from_balance,
    targets_from_rows,
)
from skstrat._core.weights import Weighting
from skstrat.resamplers._stratified import StratifiedResampler


class CombinedResample(StratifiedResampler):
    r"""Drop rows of the big classes and repeat rows of the small ones.

    One parameter *b* moves every class towards the geometric mean *g* of the class
    sizes. The target of class *c* is :math:`n_c^{1-b} g^b` rows: 0 leaves the data as
    they are, and 1 makes the classes equal. Rows are dropped or repeated as in
    :class:`DownsampleUpweight` and :class:`RandomOversample`.

    Parameters
    ----------
    balance : float, default=None
        The parameter *b*, in [0, 1]. None without a ``sampling_strategy`` means 0.5.
    sampling_strategy : dict or callable, default=None
        Used instead of ``balance``. A dict has the rows wanted by label, more or fewer
        than there are. A callable takes ``y`` and gives such a dict. Other classes stay
        as they are.
    weighting : {"original", "balanced", "uniform", "factor"}, dict, default="original"
        ``"original"`` keeps the total weight of each class. ``"balanced"`` gives all
        classes the same total and keeps the grand total. ``"uniform"`` leaves the
        incoming weights unchanged. ``"factor"`` multiplies them by original rows per
        row drawn. A dict of class shares by label is a target prior.
    strata, groups : str, int, list of str or int, array-like or callable, default=None
        As in :class:`DownsampleUpweight`; groups are repeated whole, too.
    y_numeric : bool, default=False
        As in :class:`DownsampleUpweight`.
    random_state : int, Generator, RandomState or None, default=None
        Source of the 64-bit seed of the draw.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows of each class after resampling.
    class_weight_ : dict of label to float
        Factor by which the incoming weights of each class are multiplied.
    sample_indices_ : ndarray of shape (n_drawn,)
        Positions of the rows drawn in the data, ascending.
    plan_ : Plan
        The draw, for use on blocks of the same data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if they are all strings.

    See Also
    --------
    DownsampleUpweight : Fewer rows of the big classes.
    RandomOversample : More rows of the small classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import CombinedResample
    >>> X, y = np.zeros((404, 2)), np.repeat(["ok", "fraud"], [400, 4])
    >>> resampler = CombinedResample(balance=1.0).fit(X, y)
    >>> resampler.sampling_strategy_
    {'fraud': 40, 'ok': 40}
    >>> resampler.class_weight_
    {'fraud': 0.1, 'ok': 10.0}
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "balance": [Interval(Real, 0, 1, closed="both"), None],
        "sampling_strategy": [Mapping, callable, None],
        **StratifiedResampler._parameter_constraints,
    }

    def __init__(
        self,
        *,
        balance: float | None = None,
        sampling_strategy: SamplingStrategy | None = None,
        weighting: Weighting = "original",
        strata: Any = None,
        groups: Any = None,
        y_numeric: bool = False,
        random_state: Any = None,
    ) -> None:
        self.balance = balance
        self.sampling_strategy = sampling_strategy
        self.weighting = weighting
        self.strata = strata
        self.groups = groups
        self.y_numeric = y_numeric
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        refuse_both(
            "balance", self.balance, "sampling_strategy", self.sampling_strategy
        )
        if self.sampling_strategy is None:
            return targets_from_balance(
                labels, 0.5 if self.balance is None else self.balance
            )
        strategy: Any = self.sampling_strategy
        wanted = strategy(y) if callable(strategy) else strategy
        return targets_from_rows(labels, rows_from_mapping(labels, wanted))
