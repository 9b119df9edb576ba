"""More rows of the small classes, repeated or moved by noise."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._base import Drawn
from skstrat._labels import Labels
from skstrat._rows import take_rows
from skstrat._seed import RANDOM_STATE
from skstrat._sklearn import Interval, StrOptions
from skstrat._smoothing import copies_to_move, move_copies
from skstrat._strata import ROW_LABELS
from skstrat._strategy import (
    FACTOR,
    RATIO,
    WORDS,
    Strategy,
    Targets,
    refuse_both,
    targets_from_factor,
    targets_from_sampling_strategy,
)
from skstrat._stratified import StratifiedResampler
from skstrat._weights import WEIGHTING, Weighting


class RandomOversample(StratifiedResampler):
    r"""Repeat rows of the small classes, every original kept.

    Each row stands ``floor(t / n)`` or ``ceil(t / n)`` times when *t* rows are made of
    *n*: of all ways to repeat, the one that leaves the most different rows
    (effective number :math:`(\sum m)^2 / \sum m^2`). With ``smoothing`` the
    repetitions are moved by noise (smoothed bootstrap; Menardi and Torelli, 2014).

    Parameters
    ----------
    factor : float or dict of label to float, default=None
        Rows after resampling per original row, at least 1: of the least frequent
        class, or of each class named.
    sampling_strategy : float, str, dict or callable, default=None
        Instead of ``factor``, imbalanced-learn's words: a float in (0, 1] is the rows
        of each other class per row of the largest; ``'minority'``,
        ``'not majority'``, ``'not minority'``, ``'all'`` or ``'auto'`` (which is
        ``'not majority'``) name the classes brought to the size of the largest; a
        dict has the rows to end with; a callable takes ``y`` and gives such a dict. A
        class with more rows than asked for keeps all. None without a ``factor``
        means ``'auto'``.
    smoothing : float, dict of label to float or None, default=None
        Multiplier of the bandwidth
        :math:`h = (4 / ((q + 2) n_c))^{1/(q+4)}` of the noise added to repetitions,
        in standard deviations of the class; 1 is the normal-reference choice. None
        repeats rows as they are. X must be a 2-D ndarray or pandas DataFrame of
        floats then.
    weighting : {"uniform", "original", "balanced", "factor"} or dict, \
            default="uniform"
        Total weight of each class: weights in, unchanged (rebalances on purpose);
        the original total; all equal, the grand total kept; or incoming weight
        divided by the factor. A dict of class shares by label is a target prior.
    strata, groups : str, int, array-like of shape (n_rows,) or callable, default=None
        As of :class:`DownsampleUpweight`; strata of a class grow at its rate, and
        groups are repeated whole.
    random_state : int, Generator, RandomState or None, default=None
        Where the 64-bit seed of the draw comes from.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows of each class after resampling.
    class_weight_ : dict of label to float
        What the incoming weight of each class's rows was multiplied by.
    sample_indices_ : ndarray of shape (n_drawn,)
        Where each row comes from, ascending; -1 for a row moved by smoothing.
    plan_ : Plan
        The draw, for use on blocks of the same data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they are all strings.

    See Also
    --------
    CombinedResample : Big classes down and small ones up.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import RandomOversample
    >>> X, y = np.arange(5).reshape(-1, 1), np.array([0, 0, 0, 1, 1])
    >>> X_res, y_res, w = RandomOversample(factor=2).fit_resample(X, y)
    >>> X_res.ravel().tolist(), w.tolist()
    ([0, 1, 2, 3, 3, 4, 4], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "factor": FACTOR,
        "sampling_strategy": [
            RATIO,
            StrOptions(set(WORDS["over"])),
            Mapping,
            callable,
            None,
        ],
        "smoothing": [Interval(Real, 0, None, closed="left"), Mapping, None],
        "weighting": WEIGHTING,
        "strata": ROW_LABELS,
        "groups": ROW_LABELS,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        factor: float | Mapping[Any, float] | None = None,
        sampling_strategy: Strategy | None = None,
        smoothing: float | Mapping[Any, float] | None = None,
        weighting: Weighting = "uniform",
        strata: Any = None,
        groups: Any = None,
        random_state: Any = None,
    ) -> None:
        self.factor = factor
        self.sampling_strategy = sampling_strategy
        self.smoothing = smoothing
        self.weighting = weighting
        self.strata = strata
        self.groups = groups
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        refuse_both("factor", self.factor, "sampling_strategy", self.sampling_strategy)
        if self.factor is not None:
            return targets_from_factor(labels, self.factor, "over")
        strategy = "auto" if self.sampling_strategy is None else self.sampling_strategy
        return targets_from_sampling_strategy(labels, y, strategy, "over")

    def _draw_shares(self) -> Mapping[Any, float] | float | None:
        if isinstance(self.factor, Mapping):
            return {label: value % 1 for label, value in self.factor.items()}
        return None if self.factor is None else self.factor % 1

    def _check_needs_labels_alone(self) -> None:
        super()._check_needs_labels_alone()
        if self.smoothing is not None:
            raise ValueError(
                "smoothing must be None for data in partitions: noise needs the "
                f"spread of whole classes; got {self.smoothing!r}."
            )

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Drawn:
        drawn = super()._learn(X, y, sample_weight)
        if self.smoothing is not None:
            moved = copies_to_move(drawn.indices, drawn.labels, self._shrinkage(drawn))
            self.sample_indices_ = drawn.rows.copy()
            self.sample_indices_[moved] = -1
        return drawn

    def _take(self, X: Any, drawn: Drawn) -> Any:
        X_drawn = super()._take(X, drawn)
        if self.smoothing is None:
            return X_drawn
        return move_copies(
            X if drawn.counted is None else take_rows(X, drawn.counted),
            X_drawn,
            drawn.indices,
            drawn.labels,
            self._shrinkage(drawn),
            self.plan_.seed,
        )

    def _shrinkage(self, drawn: Drawn) -> NDArray[np.float64]:
        labels = drawn.labels
        if not isinstance(self.smoothing, Mapping):
            return np.full(len(labels.classes), self.smoothing, dtype=np.float64)
        shrinkage = np.zeros(len(labels.classes))
        for code, value in labels.by_class(self.smoothing, "smoothing").items():
            if not (isinstance(value, Real) and 0 <= float(value) < np.inf):
                raise ValueError(
                    "smoothing must be finite and not negative for every class; got "
                    f"{value!r} for class {labels.classes.tolist()[code]!r}."
                )
            shrinkage[code] = value
        return shrinkage
