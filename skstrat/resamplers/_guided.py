"""Fewer rows of the big classes, the informative ones more often than the others."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skstrat._core.cells import Cells, Draw
from skstrat._core.compat import HasMethods, Interval
from skstrat._core.hashing import hash_integers, mix_seed
from skstrat._core.labels import Labels, encode_labels
from skstrat._core.own_prior import refuse_own_prior
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import (
    RANDOM_STATE,
    Targets,
    targets_from_factor,
    targets_from_rows,
)
from skstrat._core.weights import WEIGHTING, Floats, Weighting, totals_of
from skstrat.resamplers._base import BaseResampler, CellWeights
from skstrat.resamplers._resampled import Resampled
from skstrat.resamplers._row_offset import (
    RowOffset,
    inclusion_probability,
    pilot_proba,
    row_blocks,
)


class GuidedDownsample(BaseResampler):
    r"""Keep the rows of the big classes that a pilot model finds hard to tell.

    Of a class that is cut down, row *i* is kept with probability

    .. math:: \pi_i = \mathrm{clip}(\rho \, (1 - \tilde p_c(x_i)), \phi \, m_c / n_c, 1)

    where :math:`\tilde p_c` is the pilot's probability of the row's own class,
    :math:`\phi` the floor, :math:`m_c = \max(1, \mathrm{round}(n_c / k))` the rows kept
    of :math:`n_c` at the factor *k*, and :math:`\rho` such that the probabilities add
    up to them. Where a pilot is sure of so many rows that no :math:`\rho` does, the
    others are kept with probability 1 and these share the rest evenly. A row weighs
    :math:`w_i / \pi_i`, scaled so that the class keeps its total (Wang, Zhang and
    Wang, 2021, whose choice for rare events is :math:`\pi \propto \tilde p`; ratio
    form of Hajek, 1971). At the same number of rows such weights lose far less than
    those of uniform downsampling, where the classes are well separated.

    Parameters
    ----------
    pilot : classifier, default=None
        Any classifier with ``predict_proba``. A clone of it is fitted on equally many
        rows of each class, as many as the smallest has, and its prior corrected. None
        for the mean of a logistic regression and small boosted trees, for columns of
        numbers, some of which may be missing (logistic regression alone if X is
        sparse).
    factor : float or dict of label to float, default=20
        Original rows per kept row, at least 1: of the most frequent class, or of
        each class named.
    floor : float, default=0.2
        Smallest inclusion probability, as a share of the mean one (``1 / factor``, to
        rounding), in (0, 1]; it bounds the weights by ``factor / floor``. 1 is uniform
        downsampling.
    pilot_folds : int, default=None
        Folds in which the pilot is cross-fitted, so that no row is scored by a pilot
        that has seen it; None for one pilot that has seen a few of them.
    weighting : {"original", "balanced", "uniform"} or dict, default="original"
        Total weight of each class: its original one; all equal, the grand total
        kept; or that of the incoming weights over the inclusion probabilities, not
        scaled. A dict of class shares by label is a target prior.
    random_state : int, Generator, RandomState or None, default=None
        Where the 64-bit seed of the draws comes from; the pilot has its own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    sampling_strategy_ : dict of label to int
        Rows kept of each class.
    sample_indices_ : ndarray of shape (n_kept,)
        Positions of the rows kept, ascending.
    pilots_ : list of classifier
        The fitted pilot, or one for each fold.
    n_features_in_ : int
        Columns of X, if it has two dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they are all strings.

    See Also
    --------
    DownsampleUpweight : The same without a look at X.
    ResampledClassifier : Passes these weights to linear models. LightGBM, XGBoost and
        CatBoost it trains from the inclusion probability of each row, and predictions
        of all others it corrects by that.

    Notes
    -----
    Rows are drawn by order sampling (Rosen, 1997): with a number *u* from the hash of
    the position and the seed, those with the smallest
    :math:`u (1 - \pi) / ((1 - u) \pi)` are kept, so that their number is fixed and
    their inclusion probabilities are those above to a small error; for that their sum
    must be this number.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import GuidedDownsample
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20000, 2))
    >>> y = (rng.random(20000) < 1 / (1 + np.exp(6 - 2 * X[:, 0]))).astype(int)
    >>> guided = GuidedDownsample(factor=20, random_state=0)
    >>> X_res, y_res, w = guided.fit_resample(X, y)
    >>> bool(X[y == 0, 0].mean() < 0 < X_res[y_res == 0, 0].mean())
    True
    >>> bool(np.isclose(w[y_res == 0].sum(), (y == 0).sum()))
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "pilot": [HasMethods(["fit", "predict_proba"]), None],
        "factor": [Interval(Real, 1, None, closed="left"), Mapping],
        "floor": [Interval(Real, 0, 1, closed="right")],
        "pilot_folds": [Interval(Integral, 2, None, closed="left"), None],
        "weighting": WEIGHTING,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        pilot: Any = None,
        *,
        factor: float | Mapping[Any, float] = 20,
        floor: float = 0.2,
        pilot_folds: int | None = None,
        weighting: Weighting = "original",
        random_state: Any = None,
    ) -> None:
        self.pilot = pilot
        self.factor = factor
        self.floor = floor
        self.pilot_folds = pilot_folds
        self.weighting = weighting
        self.random_state = random_state

    def _targets(self, labels: Labels, y: Any) -> Targets:
        return targets_from_factor(labels, self.factor, "down")

    def _check_needs_labels_alone(self) -> None:
        raise ValueError(
            "GuidedDownsample reads X, so that labels alone do not say which rows it "
            "keeps, in files and Dask collections for example; use DownsampleUpweight "
            "there, or take a part into memory first."
        )

    def _draw(
        self, cells: Any, targets: Targets, samples: CheckedSamples, X: Any
    ) -> Draw:
        if self.weighting == "factor":
            raise ValueError(
                'weighting must be "original", "balanced", "uniform" or a dict for '
                'GuidedDownsample, whose rows have no one factor; got "factor".'
            )
        labels, self._factors = cells.labels, targets.factor
        self._counts = labels.counts
        rows = samples.position_of(np.arange(len(labels.codes)))
        hardness = self._fit_pilots(X, labels, rows)
        chance, drawn = self._draw_by_hardness(
            hardness, labels.codes, rows, targets.rows
        )
        return Draw(
            drawn,
            cells,
            labels.codes[drawn],
            targets.rows,
            targets.factor,
            incoming=samples.weights_of(drawn),
            moves_rows=len(drawn) < len(rows),
            inverse_chance=1 / chance[drawn],
        )

    def _remember(
        self, samples: CheckedSamples, draw: Draw, weighed: CellWeights
    ) -> Resampled:
        # What weights would restore the original totals, whatever weighting says.
        stands_for = totals_of(
            draw.codes, draw.weights_before_scaling(), len(weighed.totals)
        )
        self._log_scale = np.log(weighed.totals) - np.log(stands_for)
        return super()._remember(samples, draw, weighed)

    def _fit_pilots(self, X: Any, labels: Labels, rows: NDArray[np.intp]) -> Floats:
        """Fit the pilots, and give how hard each row is to tell."""
        hardness = np.empty(len(rows))
        everything = np.arange(len(rows))
        folds: Any = [(everything, everything)]
        if self.pilot_folds is not None:
            seed = self._seed % 2**32
            splitter = StratifiedKFold(
                self.pilot_folds, shuffle=True, random_state=seed
            )
            folds = splitter.split(everything, labels.codes)
        self.pilots_ = []
        for fit, score in folds:
            pilot = _fit_balanced(
                self.pilot, X, rows[fit], labels.codes[fit], self._seed
            )
            self.pilots_.append(pilot)
            for block in row_blocks(score):
                proba = pilot_proba(pilot, take_rows(X, rows[block]), labels.counts)
                own = proba[np.arange(len(block)), labels.codes[block]]
                hardness[block] = 1 - own
        return hardness

    def _draw_by_hardness(
        self,
        hardness: Floats,
        codes: NDArray[Any],
        rows: NDArray[np.intp],
        wanted: NDArray[np.int64],
    ) -> tuple[Floats, NDArray[np.intp]]:
        """Turn hardness into inclusion probabilities, and draw by them."""
        chance = np.ones(len(codes))
        kept = np.ones(len(codes), dtype=bool)
        hash_seed = mix_seed(self._seed)
        # Of a class that is not cut down every row is kept.
        self._slopes = np.zeros(len(self._factors))
        self._floors = np.ones(len(self._factors))
        for code in np.flatnonzero(self._factors > 1).tolist():
            own = np.flatnonzero(codes == code)
            self._slopes[code], self._floors[code] = _solve_chance(
                hardness[own], wanted[code], self.floor
            )
            chance[own] = inclusion_probability(
                hardness[own], self._slopes[code], self._floors[code]
            )
            kept[own] = False
            drawn = _smallest_ranks(rows[own], chance[own], wanted[code], hash_seed)
            kept[own[drawn]] = True
        return chance, np.flatnonzero(kept)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = False
        return tags

    def log_odds_offset(self, X: Any) -> Floats:
        r"""Give what a model fitted without the weights is to be moved by.

        .. math:: \log p_c(x) = \log q_c(x) - \log \pi_c(x) + \log h_c + \text{const}

        with *q* the probabilities in the rows kept, :math:`\pi_c(x)` the inclusion
        probability that a row of class *c* has or would have there, and

        .. math:: h_c = \sum_{i: y_i = c} w_i \Big/ \sum_{i \in s: y_i = c} w_i / \pi_i

        the total of the class over what the rows kept, *s*, stand for, near 1. It leads
        to the original distribution, whatever ``weighting`` is. It is a function of
        *x*, for rows of every class (Wang, Zhang and Wang, 2021); a model that takes
        offsets is trained with minus it.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Data.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Added to log probabilities.
        """
        return self._row_offset()(X)

    def _row_offset(self) -> RowOffset:
        return RowOffset(
            self.pilots_,
            self._counts,
            self._slopes,
            self._floors,
            self._log_scale,
            order=np.arange(len(self.classes_)),
        )


def _default_pilot(X: Any) -> Any:
    """Make a model that finds both straight and crooked boundaries."""
    linear = LogisticRegression(max_iter=1000)
    if sparse.issparse(X) or hasattr(X, "sparse"):
        return make_pipeline(MaxAbsScaler(), linear)
    trees = HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=15,
        l2_regularization=10,
        early_stopping=False,
        random_state=0,
    )
    line = make_pipeline(SimpleImputer(), StandardScaler(), linear)
    return VotingClassifier([("linear", line), ("trees", trees)], voting="soft")


def _fit_balanced(
    pilot: Any,
    X: Any,
    rows: NDArray[np.intp],
    codes: NDArray[Any],
    seed: int,
) -> Any:
    """Fit a pilot on equally many rows of each class, as many as the smallest has."""
    pilot = _default_pilot(X) if pilot is None else clone(pilot)
    refuse_own_prior(pilot, "pilot")
    labels = encode_labels(codes)
    cells = Cells.of_classes(labels)
    fewest = np.full(len(labels.counts), labels.counts.min())
    # Another seed, or the rows that the pilot has seen would be kept as a matter of
    # course.
    drawn = cells.draw(
        targets_from_rows(labels, fewest),
        CheckedSamples(codes, None, None),
        mix_seed(seed + 1),
    ).indices
    return pilot.fit(take_rows(X, rows[drawn]), codes[drawn])


def _solve_chance(hardness: Floats, wanted: int, floor: float) -> tuple[float, float]:
    """Find the slope and the least chance at which the rows wanted are expected."""
    mean = wanted / len(hardness)
    least = floor * mean
    positive = hardness[hardness > 0]
    if floor == 1 or not len(positive):
        return 0.0, mean

    def surplus(log_slope: float) -> float:
        chance = np.clip(np.exp(log_slope) * hardness, least, 1)
        return float(chance.sum()) - wanted

    # A little more than what makes the chance of every positive hardness 1.
    low, high = np.log(least / positive.max()), 1e-9 - np.log(positive.min())
    n_sure = len(hardness) - len(positive)
    if surplus(high) > 0:
        high = brentq(surplus, low, high, xtol=1e-12)
    elif n_sure:
        # Order sampling draws as many as are wanted, so that chances which add up to
        # fewer would not be those of the rows: the floor makes up for them.
        least = (wanted - len(positive)) / n_sure
    return float(np.exp(high)), least


def _smallest_ranks(
    rows: NDArray[np.intp], chance: Floats, wanted: int, hash_seed: int
) -> NDArray[np.intp]:
    """Take a fixed number of rows by Pareto's order sampling."""
    uniform = hash_integers(rows, hash_seed) * 2.0**-64
    rank = uniform * (1 - chance) / ((1 - uniform) * chance)
    if wanted >= len(rows):
        return np.arange(len(rows))
    return np.argpartition(rank, wanted - 1)[:wanted]
