"""More rows of the small classes; every original row is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skstrat._core.labels import Labels
from skstrat._core.parameters import FACTOR, SAMPLING_STRATEGY
from skstrat._core.targets import (
    SamplingStrategy,
    Targets,
    refuse_both,
    targets_from_factor,
    targets_from_sampling_strategy,
)
from skstrat._core.weights import Weighting
from skstrat.resamplers._stratified import StratifiedResampler


class RandomOversample(StratifiedResampler):
    r"""Repeat rows of the small classes; every original row is kept.

    When *t* rows are made of *n*, each row occurs ``floor(t / n)`` or ``ceil(t / n)``
    times. Of all ways to repeat rows, this one has the largest effective number of
    rows, :math:`(\sum m)^2 / \sum m^2`.

    Parameters
    ----------
    times : float or dict of label to float, default=None
        Rows after resampling per original row, at least 1: of the least frequent
        class, or of each class named.
    sampling_strategy : float, str, dict or callable, default=None
        Used instead of ``times``; the values are those of imbalanced-learn. A class
        with more rows than asked for keeps all. None without ``times`` means
        ``'auto'``.

        - A float in (0, 1]: rows of each other class per row of the largest class.
        - ``'minority'``, ``'not majority'``, ``'not minority'``, ``'all'`` or
          ``'auto'`` (which is ``'not majority'``): the classes brought to the size of
          the largest.
        - A dict: the rows of each label after resampling.
        - A callable: takes ``y`` and gives such a dict.
    weighting : {"original", "balanced", "uniform", "factor"}, dict, default="original"
        ``"original"`` keeps the total weight of each class. ``"balanced"`` gives all
        classes the same total and keeps the grand total. ``"uniform"`` leaves the
        incoming weights unchanged, which rebalances the classes. ``"factor"``
        multiplies them by original rows per row drawn. A dict of class shares by label
        is a target prior.
    strata, groups : str, int, list of str or int, array-like or callable, default=None
        As in :class:`DownsampleUpweight`. Strata of a class grow at its rate, and
        groups are repeated whole.
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
    CombinedResample : Fewer rows of the big classes and more of the small ones.
    Weighted : Any sampler of imbalanced-learn, with weights.

    Notes
    -----
    With the default weights a linear model is that of all rows. This is exact where all
    rows of a class are repeated equally often. Otherwise it depends on which rows are
    repeated once more. To rebalance on purpose, use ``weighting="uniform"``. A small
    class then has more weight, and predicted probabilities are those of the rebalanced
    data.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import RandomOversample
    >>> X, y = np.arange(5).reshape(-1, 1), np.array([0, 0, 0, 1, 1])
    >>> X_res, y_res, w = RandomOversample(times=2).fit_resample(X, y)
    >>> X_res.ravel().tolist(), w.tolist()
    ([0, 1, 2, 3, 3, 4, 4], [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    >>> RandomOversample(times=2, weighting="uniform").fit(X, y).class_weight_
    {0: 1.0, 1: 1.0}

    imbalanced-learn can add noise to repeated rows (smoothed bootstrap; Menardi and
    Torelli, 2014). Here it is used with the original total of each class:

    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from skstrat import Weighted
    >>> smoothed = Weighted(RandomOverSampler(shrinkage=1.0, random_state=0))
    >>> X_res, y_res, w = smoothed.fit_resample(X, y)
    >>> np.bincount(y_res).tolist(), np.bincount(y_res, w).tolist()
    ([3, 3], [3.0, 2.0])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "times": FACTOR,
        "sampling_strategy": SAMPLING_STRATEGY["over"],
        **StratifiedResampler._parameter_constraints,
    }

    def __init__(
        self,
        *,
        times: float | Mapping[Any, float] | None = None,
        sampling_strategy: SamplingStrategy | None = None,
        weighting: Weighting = "original",
        strata: Any = None,
        groups: Any = None,
        y_numeric: bool = False,
        random_state: Any = None,
    ) -> None:
        self.times = times
        self.sampling_strategy = sampling_strategy
        self.weighting = weighting
        self.strata = strata
        self.groups = groups
        self.y_numeric = y_numeric
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        refuse_both("times", self.times, "sampling_strategy", self.sampling_strategy)
        if self.times is not None:
            return targets_from_factor(labels, self.times, "over")
        strategy = "auto" if self.sampling_strategy is None else self.sampling_strategy
        return targets_from_sampling_strategy(labels, y, strategy, "over")
