"""Fewer rows, both ways at once, or weights alone; original class totals or others."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal

import numpy as np

from skstrat._base import BaseResampler, Drawn
from skstrat._labels import Labels
from skstrat._recommend import recommend_factor
from skstrat._seed import RANDOM_STATE, seed_of
from skstrat._sklearn import Interval, StrOptions
from skstrat._strategy import (
    FACTOR,
    RATIO,
    WORDS,
    Strategy,
    Targets,
    refuse_both,
    rows_from_mapping,
    targets_from_balance,
    targets_from_factor,
    targets_from_rows,
    targets_from_sampling_strategy,
)
from skstrat._weights import WEIGHTING, Floats, Weighting, effective_number


class DownsampleUpweight(BaseResampler):
    r"""Keep a fraction of the big classes and let each kept row count for more.

    Of class *c* with :math:`n_c` rows, ``t = max(1, round(n_c / factor))`` are kept
    and weigh

    .. math:: w_i \, W_c / \sum_{j \in \text{kept}} w_j

    with incoming weights *w* and class total :math:`W_c`, so that each class keeps
    its mass and a model that uses the weights stays calibrated (Hajek, 1971; the
    "downsample and upweight" of Google's Machine Learning Crash Course, which it
    equals when the factor divides the class size).

    Parameters
    ----------
    factor : float, dict of label to float or "auto", default=None
        Original rows per kept row, at least 1: of the most frequent class, or of
        each class named. ``"auto"`` asks :func:`recommend_factor`, which reads X.
    sampling_strategy : float, str, dict or callable, default=None
        Instead of ``factor``, imbalanced-learn's words: a float in (0, 1] is the rows
        of the smallest class per kept row of each other class; ``'majority'``,
        ``'not minority'``, ``'not majority'``, ``'all'`` or ``'auto'`` (which is
        ``'not minority'``) name the classes cut down to the size of the smallest; a
        dict has the rows to keep; a callable takes ``y`` and gives such a dict. A
        class with fewer rows than asked for keeps all. None without a ``factor``
        means 0.1: ten rows of each big class per row of the smallest.
    weighting : {"original", "balanced", "uniform", "factor"} or dict, \
            default="original"
        Total weight of each class: its original one; all equal, the grand total
        kept; weights in, unchanged; or incoming weight times factor, the literal
        rule, which keeps totals only on average. A dict of class shares by label
        is a target prior.
    random_state : int, Generator, RandomState or None, default=None
        Where the 64-bit seed of the draw comes from. The same seed keeps the same
        rows, and a larger factor keeps a subset of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows kept of each class.
    class_weight_ : dict of label to float
        What the incoming weight of each class's rows was multiplied by.
    sample_indices_ : ndarray of shape (n_kept,)
        Positions of the rows kept, ascending.
    plan_ : Plan
        The draw, for use on blocks of the same data.
    recommendation_ : FactorRecommendation
        What ``factor="auto"`` comes from.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they are all strings.

    See Also
    --------
    CombinedResample : Big classes down and small ones up.
    ResampledClassifier : Any classifier on resampled rows, prior corrected.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import DownsampleUpweight
    >>> X, y = np.arange(402).reshape(-1, 1), np.repeat([0, 1], [400, 2])
    >>> X_res, y_res, w = DownsampleUpweight(factor=20, random_state=0).fit_resample(
    ...     X, y
    ... )
    >>> X_res.shape, w[y_res == 0].sum(), w[y_res == 1].sum()
    ((22, 1), np.float64(400.0), np.float64(2.0))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "factor": [*FACTOR, StrOptions({"auto"})],
        "sampling_strategy": [
            RATIO,
            StrOptions(set(WORDS["down"])),
            Mapping,
            callable,
            None,
        ],
        "weighting": WEIGHTING,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        factor: float | Mapping[Any, float] | Literal["auto"] | None = None,
        sampling_strategy: Strategy | None = None,
        weighting: Weighting = "original",
        random_state: Any = None,
    ) -> None:
        self.factor = factor
        self.sampling_strategy = sampling_strategy
        self.weighting = weighting
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        refuse_both("factor", self.factor, "sampling_strategy", self.sampling_strategy)
        factor: Any = self.factor
        if factor == "auto":
            factor = self.recommendation_.factor
        if factor is not None:
            return targets_from_factor(labels, factor, "down")
        strategy = 0.1 if self.sampling_strategy is None else self.sampling_strategy
        return targets_from_sampling_strategy(labels, y, strategy, "down")

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Drawn:
        self._validate_params()
        if self.factor == "auto":
            self.recommendation_ = recommend_factor(
                X,
                y,
                sample_weight=sample_weight,
                random_state=seed_of(self.random_state),
            )
        return super()._learn(X, y, sample_weight)

    def _check_needs_labels_alone(self) -> None:
        super()._check_needs_labels_alone()
        if self.factor == "auto":
            raise ValueError(
                'factor must not be "auto" for data in partitions, for X is needed to '
                "recommend one; call recommend_factor on a part, and give its factor."
            )

    def _draw_shares(self) -> Mapping[Any, float] | float | None:
        if isinstance(self.factor, Mapping):
            return {label: 1 / value % 1 for label, value in self.factor.items()}
        factor: Any = self.factor
        return None if factor is None else 1 / factor % 1


class CombinedResample(BaseResampler):
    r"""Big classes down, small classes up, and weights settle the rest.

    One dial moves every class towards the geometric mean *g* of the class sizes: the
    target of class *c* is :math:`n_c^{1-b} g^b` rows, 0 leaves the data as it is and 1
    makes the classes equal. Rows are dropped or repeated as in
    :class:`DownsampleUpweight` and :class:`RandomOversample`.

    Parameters
    ----------
    balance : float, default=None
        The dial *b* in [0, 1]. None without a ``sampling_strategy`` means 0.5.
    sampling_strategy : dict or callable, default=None
        Instead of ``balance``, rows wanted by label, more or fewer than there are; a
        callable takes ``y`` and gives such a dict. Other classes stay as they are.
    weighting : {"balanced", "original", "uniform", "factor"} or dict, \
            default="balanced"
        Total weight of each class: all equal, the grand total kept; the original
        one; weights in, unchanged; or incoming weight times original rows per drawn
        row. A dict of class shares by label is a target prior.
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
        Where each row comes from, ascending.
    plan_ : Plan
        The draw, for use on blocks of the same data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they are all strings.

    See Also
    --------
    DownsampleUpweight : Big classes down, original totals kept.
    RandomOversample : Small classes up.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import CombinedResample
    >>> X, y = np.zeros((404, 2)), np.repeat(["ok", "fraud"], [400, 4])
    >>> resampler = CombinedResample(balance=1.0).fit(X, y)
    >>> resampler.sampling_strategy_
    {'fraud': 40, 'ok': 40}
    >>> resampler.class_weight_
    {'fraud': 5.05, 'ok': 5.05}
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "balance": [Interval(Real, 0, 1, closed="both"), None],
        "sampling_strategy": [Mapping, callable, None],
        "weighting": WEIGHTING,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        balance: float | None = None,
        sampling_strategy: Strategy | None = None,
        weighting: Weighting = "balanced",
        random_state: Any = None,
    ) -> None:
        self.balance = balance
        self.sampling_strategy = sampling_strategy
        self.weighting = weighting
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


class ClassWeight(BaseResampler):
    r"""Move no row, only weight them: so that a grid can compare it.

    ``"balanced"`` gives every class the same mass and keeps the grand total:
    :math:`w_i \, \sum_k W_k / (K W_c)`, which for unit weights is scikit-learn's
    ``class_weight="balanced"`` (King and Zeng, 2001). ``"effective"`` divides by the
    effective number of rows of a class instead,

    .. math:: E_c = (1 - \beta^{n_c}) / (1 - \beta)

    and keeps the grand total (Cui et al., 2019): with :math:`\beta = 0` no row is
    weighted, with :math:`\beta \to 1` classes are balanced.

    Parameters
    ----------
    class_weight : {"balanced", "effective"} or dict of label to float, \
            default="balanced"
        A dict multiplies the weight of each class's rows, 1 for a class not named.
    beta : float, default=None
        Of ``"effective"``, in [0, 1); None for :math:`(N - 1) / N` with *N* rows in
        all. Not used otherwise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows of each class, as they were.
    class_weight_ : dict of label to float
        What the incoming weight of each class's rows was multiplied by.
    sample_indices_ : ndarray of shape (n_rows,)
        All rows.
    plan_ : Plan
        The weights, for use on blocks of the same data.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    def _targets(self, labels: Labels, y: Any) -> Targets:  # noqa: ARG002
        return targets_from_rows(labels, labels.counts)

    def _draw_shares(self) -> float:
        return 0.0

    def _class_weights(
        self,
        labels: Labels,
        targets: Targets,  # noqa: ARG002
        mass: Floats,
        drawn: Floats,
    ) -> Floats:
        if self.class_weight == "balanced":
            return mass.sum() / len(mass) / drawn
        if self.class_weight == "effective":
            inverse = 1 / effective_number(labels.counts, self.beta)
            return inverse * (mass.sum() / (inverse * drawn).sum())
        named: Any = self.class_weight
        multiplier = np.ones(len(mass))
        for code, value in labels.by_class(named, "class_weight").items():
            if not (isinstance(value, Real) and 0 < float(value) < np.inf):
                raise ValueError(
                    "class_weight must be positive and finite for every class; got "
                    f"{value!r} for class {labels.classes.tolist()[code]!r}."
                )
            multiplier[code] = value
        return multiplier
