"""Fewer rows of the big classes, with larger weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from skstrat._core.cells import Draw
from skstrat._core.compat import StrOptions
from skstrat._core.factorize import NotClassLabelsError
from skstrat._core.labels import Labels
from skstrat._core.parameters import FACTOR, SAMPLING_STRATEGY
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import (
    SamplingStrategy,
    Targets,
    refuse_both,
    targets_of_downsampling,
)
from skstrat._core.weights import Weighting
from skstrat.resamplers._base import CellWeights
from skstrat.resamplers._factor import recommend
from skstrat.resamplers._multilabel import (
    LabelSets,
    is_label_matrix,
    read_label_sets,
    weigh_label_sets,
)
from skstrat.resamplers._stratified import StratifiedResampler


class DownsampleUpweight(StratifiedResampler):
    r"""Keep a part of the rows of the big classes, with larger weights.

    Of class *c* with :math:`n_c` rows, ``t = max(1, round(n_c / factor))`` are kept
    with weight

    .. math:: w_i \, W_c / \sum_{j \in \text{kept}} w_j

    with incoming weights *w* and class total :math:`W_c`. So each class keeps its
    total, and a model that uses the weights stays calibrated (Hajek, 1971). It is the
    "downsample and upweight" of Google's Machine Learning Crash Course where the factor
    divides the class size.

    Parameters
    ----------
    factor : float, dict of label to float or "auto", default=None
        Original rows per row kept, at least 1: of the most frequent class, or of each
        class named. ``"auto"`` calls :func:`recommend_factor`, which reads X.
    sampling_strategy : float, str, dict or callable, default=None
        Used instead of ``factor``; the values are those of imbalanced-learn. A class
        with fewer rows than asked for keeps all.

        - A float in (0, 1]: rows of the smallest class per row kept of each other
          class.
        - ``'majority'``, ``'not minority'``, ``'not majority'``, ``'all'`` or
          ``'auto'`` (which is ``'not minority'``): the classes are reduced to the size
          of the smallest.
        - A dict: the rows to keep by label.
        - A callable: takes ``y`` and gives such a dict.

        None without a ``factor`` keeps ten rows of each big class per row of the
        smallest class, and at least 10,000 rows of each. Below 10,000 rows no training
        time is saved.
    weighting : {"original", "balanced", "uniform", "factor"}, dict, default="original"
        ``"original"`` keeps the total weight of each class. ``"balanced"`` gives all
        classes the same total and keeps the grand total. ``"uniform"`` leaves the
        incoming weights unchanged. ``"factor"`` multiplies them by rows / rows kept,
        which is the factor up to rounding. It keeps totals of incoming weights only on
        average. A dict of class shares by label is a target prior.
    strata : str, int, list of str or int, array-like or callable, default=None
        Columns of X by label, or else by position. Or one value or tuple per row, or a
        table. Or a callable of X and y that gives one of these. Values may be dates,
        times and intervals.

        Every stratum of a class is drawn at the class's rate, at least one row of it.
        It keeps its share of the class's total weight, see Notes. The strata take the
        place of the classes where y is continuous or has several columns.
    groups : str, int, list of str or int, array-like or callable, default=None
        Given as ``strata`` is. Rows of the same value are kept or dropped together, by
        a hash of that value. Values are integers, strings, dates, intervals or several
        of these. A group is drawn at the highest rate of the classes in it. A number of
        rows to keep sets that rate: 50 of 500 rows keeps a tenth of the groups.
    y_numeric : bool, default=False
        Whether y holds numbers to predict, such as counts, and not classes. The strata
        then take the place of the classes, even where all numbers are whole.
    random_state : int, Generator, RandomState or None, default=None
        Source of the 64-bit seed of the draw. The same seed keeps the same rows, and a
        larger factor keeps a subset of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, or the strata in their place.
    sampling_strategy_ : dict of label to int
        Rows kept of each class.
    class_weight_ : dict of label to float
        Factor by which the incoming weights of each class are multiplied.
    sample_indices_ : ndarray of shape (n_kept,)
        Positions of the rows kept, ascending.
    plan_ : Plan
        The draw, for use on blocks of the same data. It is by class, by class and
        stratum (a tuple for several columns), or by the classes of row and group. Its
        keys are the values of the groups: ``str`` of dates and intervals,
        ``json.dumps`` of tuples. None for rows of several labels.
    recommendation_ : FactorRecommendation
        The recommendation behind ``factor="auto"``.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if they are all strings.

    Warns
    -----
    ConvergenceWarning
        If rows have several labels and no weights of the rows kept have the totals of
        all labels.
    SmallStrataWarning
        If the rows drawn of a class are a quarter more or fewer than asked for. This
        happens where shares of small strata are rounded to at least one row or group.

    See Also
    --------
    CombinedResample : Fewer rows of the big classes and more of the small ones.
    ResampledClassifier : Any classifier on resampled rows, prior corrected.

    Notes
    -----
    Rows may have several labels each: y is then a table of zeros and ones. Let
    :math:`\pi_l` be the share of label *l* that would be kept if it were a class. Rows
    without a label are one class, named None. Row *i* is kept with
    :math:`\pi_i = \max_{l \in i} \pi_l` and has weight :math:`1 / \pi_i`. This is
    unbiased for the total of every label (Horvitz and Thompson, 1952).

    Weights are then adjusted so that these totals hold exactly (iterative proportional
    fitting; Deming and Stephan, 1940). That needs enough rows that have one label and
    not another. Where they are too few, the totals change as little as possible (Rao
    and Singh, 1997). The grand total is always kept.

    Of a stratum of *N* rows *n* are kept, each with weight :math:`N / n`, so that each
    stratum has its total. With incoming weights a stratum has its own total only if 20
    rows or more of it are kept, or all. Smaller strata of a class have one total
    together, because a ratio of its own in each would cancel the incoming weights.
    Where they keep fewer than 20 rows together, the next larger stratum joins them
    (combined ratio estimator; Cochran, 1977, 6.10 to 6.12).

    A list of different labels names columns; any other list holds one value per row. A
    list as long as X that could be either is refused. The order of columns named by
    ``strata`` does not change the rows.

    With groups, the weight of a row is the number of groups of its kind over the number
    drawn of them. Groups of one stratum whose rate comes from the same class are a
    kind. Weights are then adjusted to the totals of the classes, which hold exactly.
    The totals of strata of which 20 groups or more are drawn are kept as well. Smaller
    strata have one total together. Where the groups drawn contradict these totals,
    those of the strata are not kept. Weights then differ within a class. In trials the
    predictions of boosted trees were then wrong by 10 to 20 %; those of linear models
    were not.

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

    A continuous target, by bins of it:

    >>> income = np.random.default_rng(0).lognormal(size=5000)
    >>> down = DownsampleUpweight(
    ...     sampling_strategy=0.1,
    ...     strata=lambda X, y: np.digitize(y, [5, 10]),
    ...     random_state=0,
    ... )
    >>> _, kept, w = down.fit_resample(np.zeros((5000, 1)), income)
    >>> down.sampling_strategy_, w.sum().round(6)
    ({0: 500, 1: 220, 2: 50}, np.float64(5000.0))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "factor": [*FACTOR, StrOptions({"auto"})],
        "sampling_strategy": SAMPLING_STRATEGY["down"],
        **StratifiedResampler._parameter_constraints,
    }

    def __init__(
        self,
        *,
        factor: float | Mapping[Any, float] | Literal["auto"] | None = None,
        sampling_strategy: SamplingStrategy | None = None,
        weighting: Weighting = "original",
        strata: Any = None,
        groups: Any = None,
        y_numeric: bool = False,
        random_state: Any = None,
    ) -> None:
        self.factor = factor
        self.sampling_strategy = sampling_strategy
        self.weighting = weighting
        self.strata = strata
        self.groups = groups
        self.y_numeric = y_numeric
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        refuse_both("factor", self.factor, "sampling_strategy", self.sampling_strategy)
        factor: Any = self.factor
        if factor == "auto":
            factor = self.recommendation_.factor
        return targets_of_downsampling(labels, y, factor, self.sampling_strategy)

    def _cells(self, samples: CheckedSamples, X: Any, y: Any) -> Any:
        # An earlier fit may have had the factor recommended.
        self.__dict__.pop("recommendation_", None)
        several = self.strata is None and self.groups is None and not self.y_numeric
        try:
            if self.factor == "auto":
                self.recommendation_ = recommend(X, samples, self._seed)
            return super()._cells(samples, X, y)
        except NotClassLabelsError:
            if self.factor == "auto":
                raise ValueError(
                    'factor must not be "auto" where y holds no class labels, because '
                    "it is for a classifier; give a number."
                ) from None
            if not (several and is_label_matrix(samples.y)):
                raise
        return read_label_sets(samples.y)

    def _weigh(
        self, draw: Draw, targets: Targets, samples: CheckedSamples
    ) -> CellWeights:
        if not isinstance(draw.cells, LabelSets):
            return super()._weigh(draw, targets, samples)
        weights = weigh_label_sets(draw, samples, self.weighting)
        kept, own = draw.cells.kept, draw.incoming
        by_label = kept.totals(weights) / kept.totals(own)
        totals = draw.cells.totals(samples.sample_weight)
        return CellWeights(weights, by_label, by_label, totals)
