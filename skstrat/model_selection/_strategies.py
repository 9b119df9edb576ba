"""What people do about imbalance: the strategies that a comparison measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from skstrat._core.targets import seed_of
from skstrat.classifiers._auto_resampler import suits_auto, suits_guided_rows
from skstrat.classifiers._full_fit import allows_full_fit
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.resamplers._class_weight import ClassWeight
from skstrat.resamplers._combined import CombinedResample
from skstrat.resamplers._downsample import DownsampleUpweight
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._oversample import RandomOversample
from skstrat.resamplers._weighted import Weighted

TRUE_DISTRIBUTION = "true distribution"
DEFAULT_FACTORS = (5.0, 20.0, 100.0)


@dataclass(frozen=True)
class Strategy:
    """One way to train: which rows, with or without weights and correction.

    Parameters
    ----------
    name : str
        What people call it.
    resampler : resampler, "auto" or None, default=None
        Chooses the rows; None for the true distribution.
    use_weights : {"auto"} or bool, default="auto"
        As in :class:`ResampledClassifier`.
    prior_correction : bool, default=True
        As in :class:`ResampledClassifier`.
    full_fit : bool or "auto", default="auto"
        As in :class:`ResampledClassifier`.
    random_state : int, Generator, RandomState or None, default=None
        Seed of ``resampler="auto"``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, Strategy
    >>> strategy = Strategy("a twentieth", DownsampleUpweight(factor=20))
    >>> strategy.classifier(LogisticRegression())
    ResampledClassifier(estimator=LogisticRegression(),
                        resampler=DownsampleUpweight(factor=20))
    """

    name: str
    resampler: Any = None
    use_weights: Literal["auto"] | bool = "auto"
    prior_correction: bool = True
    full_fit: Literal["auto"] | bool = "auto"
    random_state: Any = None

    @property
    def is_true_distribution(self) -> bool:
        """Whether it trains on the rows as they are."""
        return self.resampler is None

    def classifier(self, estimator: Any) -> ResampledClassifier:
        """Put an estimator under this strategy.

        Parameters
        ----------
        estimator : estimator
            Any classifier.

        Returns
        -------
        ResampledClassifier
            Unfitted.
        """
        settings = {name: vars(self)[name] for name in vars(self) if name != "name"}
        return ResampledClassifier(estimator, **settings)

    def to_dict(self) -> dict[str, Any]:
        """Describe the strategy in types that JSON knows.

        Returns
        -------
        dict
            The name, and the arguments of :class:`ResampledClassifier` as code.
        """
        return {
            "strategy": self.name,
            "resampler": repr(self.resampler),
            "use_weights": self.use_weights,
            "prior_correction": self.prior_correction,
            "full_fit": self.full_fit,
        }


def as_strategies(strategies: Any) -> list[Strategy]:
    """Name what was given, and put the true distribution first."""
    if isinstance(strategies, Mapping):
        named = [_as_strategy(item, name) for name, item in strategies.items()]
    else:
        named = [_as_strategy(item) for item in strategies]
    names = [strategy.name for strategy in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"strategies must have different names; got {twice} more than once. Give a "
            "dict of strategies by name."
        )
    true = [each for each in named if each.is_true_distribution]
    others = [each for each in named if not each.is_true_distribution]
    return [*(true or [Strategy(TRUE_DISTRIBUTION)]), *others]


def _as_strategy(item: Any, name: str | None = None) -> Strategy:
    if isinstance(item, Strategy):
        return item if name is None else replace(item, name=name)
    if item is None:
        return Strategy(name or TRUE_DISTRIBUTION)
    if not (hasattr(item, "fit_resample") or item == "auto"):
        raise TypeError(
            "strategies must hold Strategy objects, resamplers (with fit_resample), "
            f'"auto" or None; got {item!r}.'
        )
    told = item if isinstance(item, str) else " ".join(repr(item).split())
    return Strategy(name or told, item)


def choose_factors(counts: Any) -> list[float]:
    """Choose factors that leave the biggest class at least as large as the smallest."""
    ratio = float(np.max(counts) / np.min(counts))
    chosen = [factor for factor in DEFAULT_FACTORS if factor <= ratio]
    return chosen or [min(2.0, ratio)] * (ratio > 1)


def list_strategies(
    factors: Iterable[float],
    *,
    random_state: int = 0,
    estimator: Any = None,
    has_columns: bool = True,
) -> list[Strategy]:
    """List what people do about imbalance, the true distribution first.

    With an estimator also guided rows, a fit brought to that on all rows, and
    ``"auto"``, where they are made for such an estimator.
    """
    seed, factors = {"random_state": random_state}, list(factors)
    undersampler, weights = RandomUnderSampler(**seed), ClassWeight()
    oversampler = RandomOversample(weighting="uniform", **seed)
    combined = CombinedResample(weighting="balanced", **seed)
    strategies = [
        Strategy(TRUE_DISTRIBUTION),
        *_with_and_without("under-sampling 1:1", undersampler),
        *_with_and_without("class weights", weights, use_weights=True),
    ]
    for factor in factors:
        rows, name = DownsampleUpweight(factor=factor, **seed), f"downsample {factor:g}"
        strategies += [
            Strategy(f"{name} + upweight", rows, use_weights=True),
            Strategy(f"{name} + correction", rows, use_weights=False),
        ]
    given = estimator is not None
    if given and factors and has_columns and suits_guided_rows(estimator):
        guided = GuidedDownsample(factor=factor, **seed)
        strategies.append(Strategy(f"guided {factor:g}", guided))
    if given and factors and allows_full_fit(estimator):
        strategies.append(Strategy(f"{name} + full fit", rows, full_fit=True))
    if given and suits_auto(estimator):
        strategies.append(Strategy("auto", "auto", **seed))
    return [
        *strategies,
        *_with_and_without("oversample 1:1", oversampler),
        *_with_and_without("combined", combined),
    ]


def _with_and_without(name: str, resampler: Any, **settings: Any) -> list[Strategy]:
    plain = Strategy(name, resampler, prior_correction=False, **settings)
    return [plain, Strategy(f"{name} + correction", resampler, **settings)]


FAMILIES = ("downsample", "oversample", "combined", "class_weight")


def strategy_grid(
    *,
    factors: Iterable[float] = (5, 20, 100),
    families: Iterable[str] = FAMILIES,
    random_state: Any = 0,
) -> list[Any]:
    """List resampling strategies for GridSearchCV, the true distribution first.

    Parameters
    ----------
    factors : iterable of float, default=(5, 20, 100)
        Factors of :class:`DownsampleUpweight`, one strategy each; next to them the
        default of ten rows of each big class per row of the smallest, and at least
        10,000 rows of each.
    families : iterable of str, default=("downsample", "oversample", "combined", \
            "class_weight")
        Which kinds of strategies. ``"guided"`` and ``"synthetic"`` (SMOTE), which read
        X and need numbers, are there for the asking, and so is ``"auto"``: the word, of
        which :class:`ResampledClassifier` takes the seed from its own ``random_state``.
    random_state : int, Generator, RandomState or None, default=0
        Given to every resampler; an int makes them draw nested rows, so that a curve
        over factors is smooth.

    Returns
    -------
    list
        ``None`` for the true distribution, then unfitted resamplers, or ``"auto"``.

    Raises
    ------
    ValueError
        If a family is unknown.

    Notes
    -----
    Factors are measured here, and predicted elsewhere: the largest one whose predicted
    loss is at most 1 % is what ``"auto"`` takes (:func:`recommend_factor`).

    Examples
    --------
    >>> from skstrat import strategy_grid
    >>> strategy_grid(factors=[20], families=["downsample", "class_weight"])[2:]
    [DownsampleUpweight(factor=20, random_state=0), ClassWeight()]
    """
    seed, factors = {"random_state": random_state}, list(factors)
    listed: dict[str, list[Any]] = {
        "downsample": [
            DownsampleUpweight(factor=each, **seed) for each in (None, *factors)
        ],
        "oversample": [RandomOversample(weighting="uniform", **seed)],
        "combined": [CombinedResample(weighting="balanced", **seed)],
        "class_weight": [ClassWeight()],
        "guided": [GuidedDownsample(factor=each, **seed) for each in factors],
        "auto": ["auto"],
        # imbalanced-learn takes no Generator.
        "synthetic": [Weighted(SMOTE(random_state=seed_of(random_state) % 2**32))],
    }
    chosen = list(families)
    unknown = [family for family in chosen if family not in listed]
    if unknown:
        raise ValueError(f"families must be among {list(listed)}; got {unknown!r}.")
    return [None, *chain.from_iterable(listed[family] for family in chosen)]
